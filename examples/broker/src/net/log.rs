//! What is told on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::options::{LogFormat, LogOptions};

/// Has events of the whole program logged.
///
/// # Errors
///
/// A sentence about a filter that can't be read.
pub fn start(options: &LogOptions) -> Result<(), String> {
    let filter = EnvFilter::try_new(&options.filter)
        .map_err(|error| format!("--log {:?} is not a filter: {error}", options.filter))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log = log.with_ansi(io::stderr().is_terminal());
    match options.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map_err(|error| error.to_string())
}
