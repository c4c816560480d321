//! A broker for 3.1, 3.1.1 and 5.0 side by side: retained messages, wills, sessions, wildcards.
//!
//! [`broker`] is all of it but the transports, which are here: TCP on tokio, a task for each.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sans_mqtt::Wait;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use broker::Broker;

pub mod broker;
mod letter;

/// How long a peer may read nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    pub broker: Arc<Mutex<Broker>>,
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
            // Too many open files, for example, pass.
            match listener.accept().await {
                Ok((socket, _)) => {
                    let _ = socket.set_nodelay(true);
                    tokio::spawn(self.clone().serve(id, socket));
                }
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// The time, by the one clock of all connections.
    pub fn now(&self) -> sans_mqtt::Instant {
        self.start.elapsed().into()
    }

    /// Serves one client, over TCP or anything else that carries bytes. No two have the same number.
    pub async fn serve(self, id: u64, transport: impl AsyncRead + AsyncWrite) {
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        self.broker.lock().unwrap().open(id, move || waker.notify_one());
        let (mut reader, mut writer) = io::split(transport);
        let (mut chunk, mut came, mut is_eof, mut output) = ([0; 4096], 0, false, VecDeque::new());
        loop {
            let (wait, due) = {
                let mut broker = self.broker.lock().unwrap();
                let Some(link) = broker.turn(id, self.now(), |link| {
                    link.input.extend_from_slice(&chunk[..mem::take(&mut came)]);
                    if is_eof {
                        link.server.handle_eof();
                    }
                }) else {
                    return;
                };
                if output.is_empty() {
                    output = mem::take(&mut link.output.inner).into();
                }
                (link.wait, link.server.poll_timeout())
            };
            if output.is_empty() && matches!(wait, Wait::Closed(_)) {
                break;
            }
            let due = self.start + due.map_or(PATIENCE * 1000, |at| Duration::from_millis(at.as_millis()));
            tokio::select! {
                n = reader.read(&mut chunk), if matches!(wait, Wait::Read(_)) => match n {
                    Ok(n @ 1..) => came = n,
                    Ok(0) | Err(_) => is_eof = true,
                },
                n = timeout(PATIENCE, writer.write_buf(&mut output)), if !output.is_empty() => {
                    if !matches!(n, Ok(Ok(_))) {
                        (is_eof, output) = (true, VecDeque::new());
                    }
                }
                () = wake.notified() => {}
                () = sleep_until(due) => {}
            }
        }
        self.broker.lock().unwrap().close(id);
        // If it were closed with input unread, the peer would not get what was written last.
        let _ = writer.shutdown().await;
        let rest = async { while matches!(reader.read(&mut chunk).await, Ok(1..)) {} };
        let _ = timeout(Duration::from_secs(1), rest).await;
    }
}
