//! What the operator asks of the program.

use tokio::io;
use tokio::signal::ctrl_c;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    Stop,
    /// To read files again.
    Reload,
}

/// Hears SIGTERM, SIGINT and SIGHUP; elsewhere than on Unix, Ctrl-C alone.
pub struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    hang_up: Signal,
}

impl Signals {
    /// From now on the program does not end by itself at a signal.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Wish {
        #[cfg(unix)]
        let wish = tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
            _ = ctrl_c() => Wish::Stop,
        };
        #[cfg(not(unix))]
        let wish = ctrl_c().await.map_or(Wish::Stop, |()| Wish::Stop);
        wish
    }
}
