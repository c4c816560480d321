//! What very many connections cost, and one that has very much in flight.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod connect;
mod deadlines;
mod fan_out;
mod idle;
mod in_flight;
mod input;
mod measure;
mod number;
mod plot;
mod report;
mod timers;

#[derive(Parser)]
#[command(about)]
struct Options {
    /// One part only; all, if there is none.
    #[command(subcommand)]
    part: Option<Part>,
    /// Less of everything: less than half a minute for all parts.
    #[arg(long, global = true)]
    quick: bool,
    /// Instructions are counted, too, which needs valgrind.
    #[arg(long, global = true)]
    instructions: bool,
    /// Where the results go.
    #[arg(long, global = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    output: PathBuf,
}

#[derive(Subcommand)]
enum Part {
    /// A million idle connections with sessions: bytes for each.
    Idle,
    /// A million timers in one structure, in virtual time.
    Timers,
    /// One PUBLISH to 100,000 subscribers.
    FanOut,
    /// Cost per packet with 1 to 65,535 in flight.
    InFlight,
    /// Cost per byte of input that is cut in pieces.
    Input,
    /// What `idle` starts for each of its figures.
    #[command(hide = true)]
    Hold(idle::Options),
    /// What is started for each count of instructions.
    #[command(hide = true)]
    Count { part: String, case: usize },
}

const PARTS: [Part; 5] = [Part::Idle, Part::Timers, Part::FanOut, Part::InFlight, Part::Input];

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is as it should be.
fn run(options: &Options) -> io::Result<bool> {
    let Options { part, quick, instructions, output } = options;
    let mut ok = true;
    for part in part.as_ref().map_or(&PARTS[..], std::slice::from_ref) {
        let report = match part {
            Part::Idle => idle::measure(*quick)?,
            Part::Timers => timers::measure(*quick),
            Part::FanOut => fan_out::measure(*quick, *instructions)?,
            Part::InFlight => in_flight::measure(*quick, *instructions)?,
            Part::Input => input::measure(*quick),
            Part::Hold(options) => return idle::hold(*options).map(|()| true),
            Part::Count { part, case } => {
                match part.as_str() {
                    fan_out::NAME => fan_out::count(*case),
                    _ => in_flight::count(*case),
                }
                return Ok(true);
            }
        };
        ok &= report.write(output)?;
    }
    Ok(ok)
}
