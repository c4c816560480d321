//! A broker for 3.1, 3.1.1 and 5.0 side by side.
//!
//! [`core`] is what it decides, without I/O; [`net`] is where it meets transports, on tokio; [`access`] is who may come in;
//! [`disk`] is what survives a restart.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::error;

use access::{Gate, Peer};
use core::Broker;
use core::link::LinkId;
use core::settings::Settings;
use net::carry::{Pace, Turn, carry};
use net::clock::Clock;
use output::Output;

pub mod access;
pub mod core;
pub mod disk;
pub mod net;
pub mod output;

/// How exact the broker's own times are.
const TICK: Duration = Duration::from_millis(200);

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub clock: Clock,
    failed: Arc<Notify>,
}

impl Default for Shared {
    fn default() -> Self {
        let clock = Clock::default();
        Self::new(Broker::new(Settings::default(), Gate::default(), clock.now()), clock)
    }
}

impl Shared {
    /// A broker whose times are those of `clock`.
    pub fn new(broker: Broker, clock: Clock) -> Self {
        Self { broker: Arc::new(Mutex::new(broker)), clock, failed: Arc::default() }
    }

    pub fn lock(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves whoever connects.
    pub async fn listen(self, listener: TcpListener) {
        tokio::spawn(self.clone().tick());
        loop {
            match listener.accept().await {
                Ok((socket, address)) => {
                    let _ = socket.set_nodelay(true);
                    let peer = Peer { address: Some(address), ..Peer::default() };
                    tokio::spawn(self.clone().serve(peer, socket));
                }
                // Too many open files, for example, pass.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Does what is due, for ever.
    pub async fn tick(self) {
        loop {
            let now = self.clock.now();
            let done = self.lock().handle_timeout(now);
            self.check(done);
            sleep(TICK).await;
        }
    }

    /// Comes back when the broker can't keep what it promises, because of its disk: it must not go on.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    fn check(&self, done: io::Result<()>) {
        if let Err(error) = done {
            error!(%error, "the disk fails");
            self.failed.notify_one();
        }
    }

    /// Serves one client to the end of its connection.
    pub async fn serve(self, peer: Peer, transport: impl AsyncRead + AsyncWrite) {
        let id = self.lock().open(peer, self.clock.now());
        let open = Open { shared: &self, id };
        let turn =
            |came: &[u8], is_eof, output: &mut Output, waker: &Waker| open.turn(came, is_eof, output, waker);
        // How it ended is in the log of the broker.
        let _ = carry(transport, self.clock, &Pace::default(), turn).await;
    }
}

/// A connection that the broker has to forget, however its task ends.
struct Open<'a> {
    shared: &'a Shared,
    id: LinkId,
}

impl Open<'_> {
    fn turn(&self, came: &[u8], is_eof: bool, output: &mut Output, waker: &Waker) -> io::Result<Turn> {
        let (id, shared) = (self.id, self.shared);
        let mut broker = shared.lock();
        let turn = broker.turn(id, shared.clock.now(), came, is_eof, output, waker);
        let turn = turn.inspect_err(|_| shared.failed.notify_one())?;
        if let Some(job) = broker.job(id) {
            let shared = shared.clone();
            tokio::task::spawn_blocking(move || {
                let verdict = job();
                shared.lock().decide(id, verdict);
            });
        }
        Ok(Turn { reads: turn.reads, due: turn.due, messages: turn.messages, is_over: turn.is_over })
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let done = self.shared.lock().close(self.id, now);
        self.shared.check(done);
    }
}
