//! A broker for 3.1, 3.1.1 and 5.0 side by side: retained messages, wills, sessions, wildcards.
//!
//! `tiny_broker [ADDRESS]`: an address with a port, or a port alone; 127.0.0.1:1883 if nothing is said.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, io, mem};

use sans_mqtt::Wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

mod broker;
mod letter;

/// How long a peer may read nothing.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
struct Shared {
    broker: Arc<Mutex<broker::Broker>>,
    start: Instant,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let address = env::args().nth(1).unwrap_or_else(|| "1883".into());
    let address = if address.contains(':') { address } else { format!("127.0.0.1:{address}") };
    match listen(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tiny_broker: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let shared = Shared { broker: Arc::default(), start: Instant::now() };
    let clock = shared.clone();
    tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            clock.broker.lock().unwrap().handle_timeout(clock.now());
        }
    });
    for id in 0.. {
        // Too many open files, for example, pass.
        match listener.accept().await {
            Ok((socket, _)) => drop(tokio::spawn(shared.clone().serve(id, socket))),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
    Ok(())
}

impl Shared {
    fn now(&self) -> sans_mqtt::Instant {
        self.start.elapsed().into()
    }

    async fn serve(self, id: u64, mut socket: TcpStream) {
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        self.broker.lock().unwrap().open(id, move || waker.notify_one());
        let (mut reader, mut writer) = socket.split();
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
        let _ = socket.shutdown().await;
        let rest = async { while matches!(socket.read(&mut chunk).await, Ok(1..)) {} };
        let _ = timeout(Duration::from_secs(1), rest).await;
    }
}
