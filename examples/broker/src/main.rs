//! The program: options, logs, listeners, signals.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use broker::Shared;
use broker::access::{Gate, HashKind, entry};
use broker::core::Broker;
use broker::disk::Sqlite;
use broker::net::clock::Clock;
use broker::net::listen::{Doors, Listener};
use broker::net::log;
use broker::net::signal::{Signals, Wish};
use broker::net::tls::Tls;
use broker::options::{Options, Task};
use clap::Parser;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Why the broker can't work.
enum Failure {
    /// What was asked of it.
    Options(String),
    /// The system.
    System(String),
}

fn main() -> ExitCode {
    let (sentence, code) = match start(&Options::parse()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Options(sentence)) => (sentence, 2),
        Err(Failure::System(sentence)) => (sentence, 1),
    };
    eprintln!("broker: {sentence}");
    ExitCode::from(code)
}

fn start(options: &Options) -> Result<(), Failure> {
    if let Some(Task::Passwd { user, kind }) = &options.task {
        return passwd(user, *kind);
    }
    options.check().map_err(Failure::Options)?;
    log::start(&options.log).map_err(Failure::Options)?;
    let tls = options.tls.cert.is_some().then(|| Tls::new(&options.tls));
    let tls = tls.transpose().map_err(Failure::Options)?.map(Arc::new);
    let runtime = match options.threads {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads.into()).enable_all().build(),
    };
    let runtime = runtime.map_err(|error| Failure::System(format!("can't start: {error}")))?;
    runtime.block_on(run(options, tls))
}

fn passwd(user: &str, kind: HashKind) -> Result<(), Failure> {
    let password =
        read_password().map_err(|error| Failure::System(format!("can't read the password: {error}")))?;
    let entry = entry(user, password.trim_end_matches(['\n', '\r']), kind).map_err(Failure::Options)?;
    let written = writeln!(io::stdout(), "{entry}");
    written.map_err(|error| Failure::System(format!("can't write the line: {error}")))
}

/// Reads a line, which is not shown at a terminal.
fn read_password() -> io::Result<String> {
    if io::stdin().is_terminal() {
        eprint!("Password: ");
        return rpassword::read_password();
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).map(|_| line)
}

async fn run(options: &Options, tls: Option<Arc<Tls>>) -> Result<(), Failure> {
    let mut signals =
        Signals::new().map_err(|error| Failure::System(format!("can't hear signals: {error}")))?;
    let clock = Clock::default();
    let gate = Gate::new(&options.access).map_err(|error| Failure::Options(error.to_string()))?;
    let is_open = gate.is_open();
    let mut broker = Broker::new(options.settings(), gate, clock.now());
    if let Some(directory) = &options.sessions.persistence {
        let disk = Sqlite::open(directory, options.sessions.sync);
        let restored = disk.and_then(|disk| broker.restore(Box::new(disk)));
        restored.map_err(|error| Failure::System(error.to_string()))?;
    }
    let shared = Shared::new(broker, clock, &options.limits);
    let doors = Doors::new(shared.clone(), &options.limits, tls.clone());
    let mut listeners = Vec::new();
    for address in options.listeners() {
        let failed = |error| Failure::System(format!("can't listen on {address}: {error}"));
        let listener = Listener::bind(&address).await.map_err(failed)?;
        let address = listener.address().map_err(failed)?;
        // Other programs wait for this line. If nobody reads it, that is fine, too.
        let _ = writeln!(io::stdout(), "listening on {address}");
        let needs_certificate = address.scheme.is_tls() && options.tls.require_client_certificate;
        if is_open && !address.is_loopback() && !needs_certificate {
            warn!(%address, "anybody who gets here may do everything: see --password-file and --acl-file");
        }
        listeners.push(listener);
    }
    // When this is dropped, nobody is let in any more.
    let mut tasks = JoinSet::new();
    tasks.spawn(shared.clone().tick());
    for listener in listeners {
        tasks.spawn(doors.clone().open(listener));
    }
    loop {
        let wish = tokio::select! {
            wish = signals.next() => wish,
            () = shared.failed() => return Err(Failure::System("the disk fails, the log says how: it stops, for it could not keep what it promises".into())),
        };
        if wish == Wish::Stop {
            break;
        }
        let tls = tls.as_ref().map_or(Ok(()), |tls| tls.reload());
        let gate = Gate::new(&options.access).map_err(|error| error.to_string());
        match tls.and(gate) {
            Ok(gate) => {
                shared.set_gate(gate);
                info!("read the files again");
            }
            Err(sentence) => error!("the files of before stay in use: {sentence}"),
        }
    }
    info!("stopping");
    tasks.shutdown().await;
    doors.close().await;
    Ok(())
}
