//! What very many connections cost, and one that has very much in flight.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use report::Report;

mod connect;
mod deadlines;
mod fan_out;
mod idle;
mod in_flight;
mod input;
mod measure;
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
    /// Where the results go.
    #[arg(long, global = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    output: PathBuf,
}

#[derive(Clone, Copy, Subcommand)]
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
    let mut ok = true;
    for part in options.part.as_ref().map_or(&PARTS[..], std::slice::from_ref) {
        if let Some(report) = measure(*part, options.quick)? {
            ok &= report.write(&options.output)?;
        }
    }
    Ok(ok)
}

fn measure(part: Part, quick: bool) -> io::Result<Option<Report>> {
    Ok(Some(match part {
        Part::Idle => idle::measure(quick)?,
        Part::Timers => timers::measure(quick),
        Part::FanOut => fan_out::measure(quick),
        Part::InFlight => in_flight::measure(quick),
        Part::Input => input::measure(quick),
        Part::Hold(options) => return idle::hold(options).map(|()| None),
    }))
}
