//! The results as a table, as JSON and as a plot.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use super::run::Outcome;
use super::{Results, Row};
use crate::plot::{self, Bars};

pub fn write(results: &Results, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let table = table(results).map_err(io::Error::other)?;
    println!("{table}");
    fs::write(directory.join("versus.md"), table)?;
    fs::write(directory.join("versus.json"), serde_json::to_string_pretty(results)?)?;
    for version in versions(results) {
        plot(results, version, &directory.join(format!("versus-{version}.svg")))?;
    }
    Ok(())
}

fn versions(results: &Results) -> Vec<&'static str> {
    let mut versions: Vec<_> = results.rows.iter().map(|row| row.version).collect();
    versions.dedup();
    versions
}

/// How what is measured follows from the runs of a row.
type Figure = fn(&Row) -> Option<f64>;
const FIGURES: [(&str, Figure); 3] = [
    ("deliveries/s", |row| median(&row.saturating, |it| it.rate)),
    ("µs of CPU per delivery", |row| median(&row.saturating, |it| it.cpu)),
    ("p99 in ms", |row| median(&row.moderate, |it| it.p99)),
];

/// A panel for each figure and QoS.
fn plot(results: &Results, version: &str, path: &Path) -> io::Result<()> {
    let rows = || results.rows.iter().filter(|row| row.version == version);
    let mut brokers: Vec<_> = rows().map(|row| row.broker).collect();
    brokers.sort_unstable();
    brokers.dedup();
    let mut panels = Vec::new();
    for (figure, of) in FIGURES {
        for qos in 0..3 {
            let mut groups: Vec<(String, Vec<Option<f64>>)> = Vec::new();
            for row in rows().filter(|row| row.scenario.qos as u8 == qos) {
                let name = format!("{} to {}", row.scenario.publishers, row.scenario.subscribers);
                if groups.last().is_none_or(|(last, _)| *last != name) {
                    groups.push((name, vec![None; brokers.len()]));
                }
                let place = brokers.iter().position(|it| *it == row.broker);
                if let Some((place, (_, values))) = place.zip(groups.last_mut()) {
                    values[place] = of(row);
                }
            }
            panels.push(Bars { title: format!("QoS {qos}: {figure}"), groups });
        }
    }
    plot::bars(path, &panels, &brokers)
}

/// The median of what there is of each run.
fn median(runs: &[Outcome], of: impl Fn(&Outcome) -> f64) -> Option<f64> {
    let mut values: Vec<_> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".into(), |value| grouped(&format!("{value:.decimals$}")))
}

/// With a comma between thousands.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.find('.').map_or((number, ""), |dot| number.split_at(dot));
    let mut text = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

fn table(results: &Results) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let Results { programs, seconds_per_run, rounds, rows } = results;
    writeln!(text, "{}: {rounds} rounds, {seconds_per_run} s per run.", programs.join(", "))?;
    for version in versions(results) {
        writeln!(text, "\n## MQTT {version}\n")?;
        text.push_str("| | broker | deliveries/s | µs of CPU each | at moderate rate | busy: broker, generator | disturbed | p50 ms | p99 ms | MiB | |\n");
        text.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n");
        for row in rows.iter().filter(|row| row.version == version) {
            line(&mut text, row)?;
        }
    }
    Ok(text)
}

fn line(text: &mut String, row: &Row) -> std::fmt::Result {
    let (full, calm) = (&row.saturating[..], &row.moderate[..]);
    let percent = |of: fn(&Outcome) -> f64| cell(median(full, |it| of(it) * 100.0), 0);
    writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} %, {} % | {} % | {} | {} | {} | {} |",
        row.scenario,
        row.broker,
        cell(median(full, |it| it.rate), 0),
        cell(median(full, |it| it.cpu), 1),
        cell(median(calm, |it| it.cpu), 1),
        percent(|it| it.broker_busy),
        percent(|it| it.generator_busy),
        percent(|it| it.disturbed),
        cell(median(calm, |it| it.p50), 2),
        cell(median(calm, |it| it.p99), 2),
        cell(median(full, |it| it.memory as f64 / f64::from(1 << 20)), 1),
        row.faults.join("; "),
    )
}
