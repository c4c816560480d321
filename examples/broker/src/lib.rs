//! A broker for 3.1, 3.1.1 and 5.0 side by side: retained messages, wills, sessions, wildcards.
//!
//! [`broker`] is what it decides; here it meets transports, a task for each, on tokio.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use broker::Broker;

pub mod broker;
mod client;
pub mod disk;
pub mod transport;

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub start: Instant,
}

impl Default for Shared {
    fn default() -> Self {
        Self { broker: Arc::default(), start: Instant::now() }
    }
}

impl Shared {
    /// Serves whoever connects.
    pub async fn listen(self, listener: TcpListener) {
        let clock = self.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                clock.broker.lock().unwrap().handle_timeout(clock.now());
            }
        });
        for id in 0.. {
            match listener.accept().await {
                Ok((socket, _)) => {
                    let _ = socket.set_nodelay(true);
                    tokio::spawn(self.clone().serve(id, socket));
                }
                // Too many open files, for example, pass.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// The time, by the one clock of all connections.
    pub fn now(&self) -> sans_mqtt::Instant {
        self.start.elapsed().into()
    }

    /// Serves one client to the end of its connection. No two have the same number.
    pub async fn serve(self, id: u64, transport: impl AsyncRead + AsyncWrite) {
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        self.broker.lock().unwrap().open(id, self.now(), move || waker.notify_one());
        let turn = |came: &[u8], is_eof, output: &mut VecDeque<u8>| {
            let mut broker = self.broker.lock().unwrap();
            let link = broker.turn(id, self.now(), |link| {
                link.input.extend_from_slice(came);
                if is_eof {
                    link.server.handle_eof();
                }
            });
            let link = link.ok_or(ErrorKind::NotConnected)?;
            if output.is_empty() {
                *output = mem::take(&mut link.output.inner).into();
            }
            Ok((link.wait, link.server.poll_timeout()))
        };
        // How it ended is for a log.
        let _ = transport::carry(transport, self.start, &wake, turn).await;
        self.broker.lock().unwrap().close(id, self.now());
    }
}
