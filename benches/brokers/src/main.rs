//! Brokers side by side, and one of them under attack for as long as it takes.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod endure;
mod link;
mod plot;
mod process;
mod program;
mod stamp;
mod versus;

#[derive(Parser)]
#[command(about)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures our broker beside mosquitto and rumqttd.
    Versus(versus::Options),
    /// Wears our broker down, and keeps account of every message.
    Endure(endure::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("brokers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
async fn run(options: &Options) -> io::Result<bool> {
    process::allow_descriptors()?;
    match &options.command {
        Command::Versus(options) => versus::versus(options).await,
        Command::Endure(options) => endure::endure(options).await,
    }
}
