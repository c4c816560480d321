//! A broker for 3.1, 3.1.1 and 5.0 side by side: retained messages, wills, sessions, wildcards.
//!
//! [`broker`] is what it decides; here it meets transports, a task for each, on tokio.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use sans_mqtt::{Cause, Sink, Wait};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use broker::Broker;
use net::carry::{Pace, Turn, carry};
use net::clock::Clock;
use net::listen::Doors;
use net::peer::Peer;
use net::rate::Rate;
use options::{LimitOptions, Options};
use output::Output;

pub mod broker;
mod client;
pub mod net;
pub mod options;
pub mod output;

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub clock: Clock,
    pace: Pace,
    next_id: Arc<AtomicU64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(&Options::default().limits)
    }
}

impl Shared {
    pub fn new(limits: &LimitOptions) -> Self {
        let pace = Pace {
            send_timeout: Duration::from_secs(limits.send_timeout.into()),
            messages: Rate::per_second(limits.message_rate),
            bytes: Rate::per_second(limits.byte_rate),
        };
        Self { broker: Arc::default(), clock: Clock::default(), pace, next_id: Arc::default() }
    }

    /// Serves whoever connects, without limits.
    pub async fn listen(self, listener: TcpListener) {
        tokio::spawn(self.clone().tick());
        Doors::new(self, &Options::default().limits, None).open(listener.into()).await;
    }

    /// Does what is due, once a second.
    pub async fn tick(self) {
        loop {
            sleep(Duration::from_secs(1)).await;
            self.broker().handle_timeout(self.clock.now());
        }
    }

    /// Tells all clients that the broker stops.
    pub fn shut_down(&self) {
        self.broker().shut_down(self.clock.now());
    }

    /// Serves one client to the end of its connection.
    pub async fn serve(self, peer: Peer, transport: impl AsyncRead + AsyncWrite) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.broker().open(id, self.clock.now());
        let mut open = Open { shared: &self, id, peer, client_id: None, cause: None };
        let turn =
            |came: &[u8], is_eof, output: &mut Output, waker: &Waker| open.turn(came, is_eof, output, waker);
        let result = carry(transport, self.clock, &self.pace, turn).await;
        open.log_end(result);
    }

    fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the broker has to forget, however its task ends.
struct Open<'a> {
    shared: &'a Shared,
    id: u64,
    peer: Peer,
    client_id: Option<String>,
    cause: Option<Cause>,
}

impl Open<'_> {
    fn turn(&mut self, came: &[u8], is_eof: bool, output: &mut Output, waker: &Waker) -> io::Result<Turn> {
        let mut broker = self.shared.broker();
        let link = broker.turn(self.id, self.shared.clock.now(), |link| {
            if !link.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                link.waker = Some(waker.clone());
            }
            link.input.extend_from_slice(came);
            if is_eof {
                link.server.handle_eof();
            }
        });
        let link = link.ok_or(io::ErrorKind::NotConnected)?;
        if output.reserve(link.output.inner.len()) {
            output.put(&mem::take(&mut link.output.inner));
        }
        let mut turn = Turn { reads: false, due: link.server.poll_timeout(), messages: 0, is_over: false };
        match link.wait {
            Wait::Read(_) => turn.reads = true,
            Wait::Closed(cause) => {
                turn.is_over = true;
                self.cause = Some(cause);
            }
            _ => {}
        }
        let accepted = link.client_id().filter(|_| self.client_id.is_none()).map(str::to_owned);
        let version = link.server.version();
        drop(broker);
        if let Some(client_id) = accepted {
            self.peer.accept();
            info!(address = ?self.peer.address, client_id, %version, "connected");
            self.client_id = Some(client_id);
        }
        Ok(turn)
    }

    fn log_end(&self, result: io::Result<()>) {
        let address = &self.peer.address;
        let cause = match (result, self.cause) {
            (Err(error), _) => error.to_string(),
            (Ok(()), cause) => cause.map_or(String::new(), |cause| cause.to_string()),
        };
        match (&self.client_id, self.cause) {
            (Some(client_id), _) => info!(?address, client_id, cause, "disconnected"),
            (None, Some(Cause::Local | Cause::Refused(_))) => {
                self.peer.refuse(self.shared.clock);
                warn!(?address, cause, "refused a client");
            }
            (None, _) => debug!(?address, cause, "left before CONNECT was accepted"),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.broker().close(self.id, self.shared.clock.now());
    }
}
