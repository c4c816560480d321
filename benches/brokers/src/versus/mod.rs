//! Brokers side by side: the same load on each in turn, round after round.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sans_mqtt::{Qos, Version};
use serde::Serialize;

use crate::program::Program;
use load::{Pace, Scenario};
use run::Outcome;

mod load;
mod report;
mod run;

/// Throughput, latency, processor time and memory of three brokers.
#[derive(Args)]
pub struct Options {
    /// Less than a minute: one short round, only 3.1.1.
    #[arg(long)]
    quick: bool,
    /// How many rounds; the figures are their medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Our broker; it is built if nothing is said.
    #[arg(long)]
    broker: Option<PathBuf>,
    /// The program; it is left out if there is none.
    #[arg(long, default_value = "mosquitto")]
    mosquitto: PathBuf,
    /// The program; it is left out if there is none.
    #[arg(long, default_value = "rumqttd")]
    rumqttd: PathBuf,
    /// Where versus.md, versus.json and versus.svg go.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    output: PathBuf,
    /// Only scenarios whose name contains this, such as "QoS 2" or "to 1000".
    #[arg(long)]
    only: Option<String>,
}

/// All runs of one scenario against one broker.
#[derive(Serialize)]
struct Row {
    version: &'static str,
    scenario: Scenario,
    broker: &'static str,
    saturating: Vec<Outcome>,
    moderate: Vec<Outcome>,
    /// What went wrong, if anything did.
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Results {
    /// What the brokers call themselves.
    programs: Vec<String>,
    seconds_per_run: f64,
    rounds: usize,
    rows: Vec<Row>,
}

/// Whether our broker did nothing wrong.
pub async fn versus(options: &Options) -> io::Result<bool> {
    let installed = [
        Program::ours(options.broker.clone(), Vec::new())?,
        Program::mosquitto(options.mosquitto.clone()),
        Program::rumqttd(options.rumqttd.clone()),
    ];
    let (mut programs, mut names) = (Vec::new(), Vec::new());
    for program in installed {
        match program.version() {
            Ok(name) => {
                names.push(name);
                programs.push(program);
            }
            Err(error) => eprintln!("{} is left out: {error}", program.name),
        }
    }
    let rounds = if options.quick { 1 } else { options.rounds };
    let length = Duration::from_millis(if options.quick { 250 } else { 1000 });
    let mut results =
        Results { programs: names, seconds_per_run: length.as_secs_f64(), rounds, rows: Vec::new() };
    // 5.0 is the second set, of fewer rounds.
    let sets = [(Version::V3_1_1, "3.1.1", rounds), (Version::V5_0, "5.0", rounds / 2)];
    for round in 0..rounds {
        for (version, name, _) in sets.iter().filter(|(_, _, rounds)| round < *rounds) {
            for scenario in scenarios()
                .filter(|it| options.only.as_ref().is_none_or(|only| it.to_string().contains(only)))
            {
                eprint!("round {} of {rounds}, {name}, {scenario}:", round + 1);
                for program in &programs {
                    let row = results.row(name, scenario, program.name);
                    measure(row, program, *version, length).await;
                    let rate = row.saturating.last().map_or(0.0, |it| it.rate);
                    eprint!("  {} {rate:.0}/s", program.name);
                    io::stderr().flush()?;
                }
                eprintln!();
            }
        }
    }
    report::write(&results, &options.output)?;
    let ours = programs.first().map(|it| it.name);
    Ok(results.rows.iter().all(|row| row.faults.is_empty() || Some(row.broker) != ours))
}

fn scenarios() -> impl Iterator<Item = Scenario> {
    let crowds = [(1, 1), (1, 100), (1, 1000), (100, 1)];
    let all = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
    all.into_iter().flat_map(move |qos| {
        crowds.map(|(publishers, subscribers)| Scenario { qos, publishers, subscribers })
    })
}

/// One run at each pace, each on a fresh broker.
async fn measure(row: &mut Row, program: &Program, version: Version, length: Duration) {
    for pace in [Pace::Saturating, Pace::Moderate] {
        let outcome = async {
            let broker = program.start(version)?;
            run::run(&broker, version, row.scenario, pace, length).await
        };
        match outcome.await {
            Ok(outcome) => match (outcome.fault(row.scenario.qos), pace) {
                (Some(fault), _) => row.faults.push(format!("{pace}: {fault}")),
                (None, Pace::Saturating) => row.saturating.push(outcome),
                (None, Pace::Moderate) => row.moderate.push(outcome),
            },
            Err(error) => row.faults.push(format!("{pace}: {error}")),
        }
    }
}

impl Results {
    fn row(&mut self, version: &'static str, scenario: Scenario, broker: &'static str) -> &mut Row {
        let is_it = |it: &Row| (it.version, it.scenario, it.broker) == (version, scenario, broker);
        let place = self.rows.iter().position(is_it).unwrap_or(self.rows.len());
        if place == self.rows.len() {
            let (saturating, moderate, faults) = (Vec::new(), Vec::new(), Vec::new());
            self.rows.push(Row { version, scenario, broker, saturating, moderate, faults });
        }
        &mut self.rows[place]
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QoS {}, {} to {}", self.qos as u8, self.publishers, self.subscribers)
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Saturating { "saturating" } else { "moderate" })
    }
}
