//! A broker for 3.1, 3.1.1 and 5.0 side by side: retained messages, wills, sessions, wildcards.
//!
//! [`broker`] is what it decides; here it meets transports, a task for each, on tokio.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use sans_mqtt::{Sink, Wait};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::sleep;

use broker::Broker;
use net::carry::{Pace, Turn, carry};
use net::clock::Clock;
use output::Output;

pub mod broker;
mod client;
pub mod net;
pub mod output;

/// A broker for all tasks.
#[derive(Clone, Default)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub clock: Clock,
}

impl Shared {
    /// Serves whoever connects.
    pub async fn listen(self, listener: TcpListener) {
        let shared = self.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                shared.broker.lock().unwrap().handle_timeout(shared.clock.now());
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

    /// Serves one client to the end of its connection. No two have the same number.
    pub async fn serve(self, id: u64, transport: impl AsyncRead + AsyncWrite) {
        self.broker.lock().unwrap().open(id, self.clock.now());
        let open = Open { shared: &self, id };
        let turn =
            |came: &[u8], is_eof, output: &mut Output, waker: &Waker| open.turn(came, is_eof, output, waker);
        // How it ended is for a log.
        let _ = carry(transport, self.clock, &Pace::default(), turn).await;
    }
}

/// A connection that the broker has to forget, however its task ends.
struct Open<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Open<'_> {
    fn turn(&self, came: &[u8], is_eof: bool, output: &mut Output, waker: &Waker) -> io::Result<Turn> {
        let mut broker = self.shared.broker.lock().unwrap();
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
        let (reads, is_over) = (matches!(link.wait, Wait::Read(_)), matches!(link.wait, Wait::Closed(_)));
        Ok(Turn { reads, due: link.server.poll_timeout(), messages: 0, is_over })
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Ok(mut broker) = self.shared.broker.lock() {
            broker.close(self.id, self.shared.clock.now());
        }
    }
}
