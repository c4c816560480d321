//! What is told on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::options::{LogFormat, LogOptions};

/// The modules that log, and the libraries.
const LOGGING: [&str; 9] = [
    "broker",
    "broker::core",
    "broker::core::deliver",
    "broker::core::enter",
    "broker::core::publish",
    "broker::core::subscribe",
    "broker::net::listen",
    "tokio_tungstenite",
    "tungstenite",
];

/// Has events of the whole program logged.
///
/// # Errors
///
/// A sentence about a filter that can't be read, or lets through what there is not.
pub fn start(options: &LogOptions) -> Result<(), String> {
    let targets = targets(&options.filter)
        .map_err(|error| format!("--log {:?} is not a filter: {error}", options.filter))?;
    let log = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let log = match options.format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(targets).with(log).try_init().map_err(|error| error.to_string())
}

fn targets(filter: &str) -> Result<Targets, String> {
    if filter.split(',').any(str::is_empty) {
        return Err("a part of it is empty".into());
    }
    let targets: Targets =
        filter.parse().map_err(|_| "a level is one of error, warn, info, debug, trace, off")?;
    // A word that is no level has been taken for a module, of which everything is logged, and nothing of the others.
    match targets.iter().find(|(target, _)| !is_logging(target)) {
        Some((target, _)) => Err(format!(
            "{target:?} is no level (error, warn, info, debug, trace, off) and no module that logs ({})",
            LOGGING.join(", ")
        )),
        None => Ok(targets),
    }
}

/// Whether there is something of this module, or of one in it.
fn is_logging(target: &str) -> bool {
    let mut rests = LOGGING.iter().filter_map(|module| module.strip_prefix(target));
    rests.any(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_a_filter_names_is_there() {
        for filter in [
            "info",
            "OFF",
            "warn,broker::net=debug",
            "broker=trace",
            "broker::core::enter",
            "debug,tungstenite=off",
        ] {
            assert!(targets(filter).is_ok(), "{filter}");
        }
        for filter in [
            "chatty",
            "debgu",
            "info,broker::nett=debug",
            "broker::ne=debug",
            "broker=loud",
            "",
            "info,",
            "a=b=c",
        ] {
            assert!(targets(filter).is_err(), "{filter}");
        }
    }

    /// Gives the modules below a directory that use the macros of `tracing`.
    fn find(directory: &Path, module: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let module = match name {
                "lib" | "main" | "mod" => module.into(),
                name => format!("{module}::{name}"),
            };
            if path.is_dir() {
                find(&path, &module, found);
            } else if fs::read_to_string(&path)
                .unwrap()
                .lines()
                .any(|line| line.strip_prefix("use tracing::").is_some_and(|line| !line.starts_with("field")))
            {
                found.push(module);
            }
        }
    }

    #[test]
    fn the_modules_that_log_are_known() {
        let mut found = Vec::new();
        find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "broker", &mut found);
        found.sort_unstable();
        found.dedup();
        let ours: Vec<_> = LOGGING.into_iter().filter(|module| module.starts_with("broker")).collect();
        assert_eq!(found, ours);
    }
}
