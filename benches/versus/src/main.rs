//! This crate beside the other MQTT codecs and state machines for Rust.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use report::{KINDS, Report};

mod allocator;
mod instructions;
mod library;
mod markdown;
mod operation;
mod peer;
mod peers;
mod plot;
mod report;
mod rows;
#[path = "../../samples.rs"]
mod samples;
mod strict;
mod time;

/// What conforming to the standard means, as bytes.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec-vectors/codec");

#[derive(Parser)]
#[command(about)]
struct Options {
    /// Fewer rounds, and no instructions.
    #[arg(long)]
    quick: bool,
    /// Only libraries whose name has this in it, and ours.
    #[arg(long, value_name = "TEXT", default_value = "")]
    library: String,
    /// Only rows whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    row: String,
    /// Where the results go.
    #[arg(long, value_name = "DIRECTORY", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    output: PathBuf,
    /// Only runs each operation some times, as the run within callgrind does.
    #[arg(long, hide = true)]
    count: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let mut libraries = peers::libraries();
    libraries.retain(|it| it.version().is_none() || it.name.contains(&options.library));
    for library in &mut libraries {
        library.operations.retain(|(row, _)| row.name().contains(&options.row));
    }
    if options.count {
        instructions::run(&mut libraries);
        return Ok(());
    }
    write(&report::measure(&mut libraries, options)?, &options.output)
}

fn write(report: &Report, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join("versus.json"), serde_json::to_string_pretty(report)? + "\n")?;
    let markdown = markdown::of(report).map_err(io::Error::other)?;
    fs::write(directory.join("versus.md"), &markdown)?;
    print!("{markdown}");
    for (kind, figure) in &KINDS[..2] {
        plot::ratios(&directory.join(format!("{kind}.svg")), report, kind, *figure)?;
    }
    Ok(())
}
