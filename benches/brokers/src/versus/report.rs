//! The results as a table, as JSON and as a plot.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use super::run::Outcome;
use super::{Results, Row};

pub fn write(results: &Results, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let table = table(results).map_err(io::Error::other)?;
    println!("{table}");
    fs::write(directory.join("versus.md"), table)?;
    fs::write(directory.join("versus.json"), serde_json::to_string_pretty(results)?)
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
    let mut versions: Vec<_> = rows.iter().map(|row| row.version).collect();
    versions.dedup();
    for version in versions {
        writeln!(text, "\n## MQTT {version}\n")?;
        text.push_str("| | broker | deliveries/s | µs of CPU each | busy: broker, generator | p50 ms | p99 ms | MiB | |\n");
        text.push_str("|---|---|--:|--:|--:|--:|--:|--:|---|\n");
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
        "| {} | {} | {} | {} | {} %, {} % | {} | {} | {} | {} |",
        row.scenario,
        row.broker,
        cell(median(full, |it| it.rate), 0),
        cell(median(full, |it| it.cpu), 1),
        percent(|it| it.broker_load),
        percent(|it| it.generator_load),
        cell(median(calm, |it| it.p50), 2),
        cell(median(calm, |it| it.p99), 2),
        cell(median(full, |it| it.memory as f64 / f64::from(1 << 20)), 1),
        row.faults.join("; "),
    )
}
