//! A broker for 3.1, 3.1.1 and 5.0 side by side.
//!
//! [`core`] is what it decides, without I/O; [`net`] is where it meets transports, on tokio; [`access`] is who may come in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::sleep;

use access::{Gate, Peer};

use core::settings::Settings;
use core::{Broker, Turn};
use net::carry::carry;
use net::clock::Clock;
use output::Output;

pub mod access;
pub mod core;
pub mod disk;
pub mod net;
pub mod output;

/// How long a peer may read nothing of what is there for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub clock: Clock,
}

impl Default for Shared {
    fn default() -> Self {
        let clock = Clock::default();
        let broker = Broker::new(Settings::default(), Gate::default(), clock.now());
        Self { broker: Arc::new(Mutex::new(broker)), clock }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves whoever connects.
    pub async fn listen(self, listener: TcpListener) {
        let clock = self.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_millis(100)).await;
                let now = clock.clock.now();
                let _ = clock.lock().handle_timeout(now);
            }
        });
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

    /// Serves one client to the end of its connection.
    pub async fn serve(self, peer: Peer, transport: impl AsyncRead + AsyncWrite) {
        let now = self.clock.now();
        let id = self.lock().open(peer, now);
        let turn = |came: &[u8], is_eof, output: &mut Output, waker: &Waker| {
            let Turn { reads, due, is_over, .. } =
                self.lock().turn(id, self.clock.now(), came, is_eof, output, waker)?;
            Ok(net::carry::Turn { reads, due, is_over })
        };
        let _ = carry(transport, self.clock, PATIENCE, turn).await;
        let now = self.clock.now();
        let _ = self.lock().close(id, now);
    }
}
