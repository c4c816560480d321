//! Brokers side by side, and one of them under attack for as long as it takes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod link;
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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let done = match process::allow_descriptors() {
        Ok(_) => match &options.command {
            Command::Versus(options) => versus::versus(options).await,
        },
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("brokers: {error}");
            ExitCode::FAILURE
        }
    }
}
