//! A broker for the clients nearby, which shares topics with a broker far away:
//!
//! `bridge ADDRESS FAR-ADDRESS UP DOWN`
//!
//! Listens on ADDRESS. What is published here and matches the topic filter UP goes to the other broker, what is published
//! there and matches DOWN comes here, both at most at QoS 2, exactly once. While the way is cut, messages of QoS 1 and 2
//! wait in the sessions on both sides.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, mem};

use sans_mqtt::{Cause, Disconnect, Instant, UsageError, Wait};
use side::Side;
use tiny_broker::Shared;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::ctrl_c;
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until, timeout};

mod side;

/// How long to wait before the far broker is tried again: this long, then twice as long, up to the second.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

#[derive(Clone)]
struct Bridge {
    /// Near and far.
    sides: Arc<Mutex<[Side; 2]>>,
    wake: Arc<[Notify; 2]>,
    shared: Shared,
    client_id: String,
}

const NEAR: usize = 0;
const FAR: usize = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [address, far, up, down] = &arguments[..] else {
        eprintln!("usage: bridge ADDRESS FAR-ADDRESS UP DOWN");
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("bridge: can't listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Ok(address) = listener.local_addr() {
        println!("listening on {address}");
    }
    let shared = Shared::default();
    tokio::spawn(shared.clone().listen(listener));
    // The near side is a client like any other, over a transport that never fails.
    let (ours, theirs) = io::duplex(64 << 10);
    tokio::spawn(shared.clone().serve(u64::MAX, theirs));
    let sides = [Side::new(up), Side::new(down)];
    let (sides, wake) = (Arc::new(Mutex::new(sides)), Arc::new([Notify::new(), Notify::new()]));
    let bridge = Bridge { sides, wake, shared, client_id: format!("bridge-{up}-{down}") };
    let work = async { tokio::join!(bridge.drive(NEAR, ours), bridge.keep_connected(far)) };
    tokio::pin!(work);
    tokio::select! {
        _ = &mut work => ExitCode::FAILURE,
        _ = ctrl_c() => {
            bridge.disconnect();
            let _ = timeout(Duration::from_secs(1), work).await;
            ExitCode::SUCCESS
        }
    }
}

impl Bridge {
    /// Connects to the far broker, again and again.
    async fn keep_connected(&self, address: &str) {
        let mut delay = DELAYS.0;
        loop {
            match TcpStream::connect(address).await {
                Ok(socket) => {
                    let _ = socket.set_nodelay(true);
                    match self.drive(FAR, socket).await {
                        Ok(Cause::Local) => return,
                        Ok(cause) => eprintln!("bridge: {address}: {cause}"),
                        Err(error) => eprintln!("bridge: {address}: {error}"),
                    }
                    if self.sides.lock().unwrap()[FAR].client.agreement().is_some() {
                        delay = DELAYS.0; // it was accepted
                    }
                }
                Err(error) => eprintln!("bridge: {address}: {error}"),
            }
            sleep(delay).await;
            delay = (delay * 2).min(DELAYS.1);
        }
    }

    /// Runs the connection of one side to its end. Tells why it ended.
    async fn drive(&self, me: usize, transport: impl AsyncRead + AsyncWrite) -> io::Result<Cause> {
        self.sides.lock().unwrap()[me].connect(self.shared.now(), &self.client_id)?;
        let (mut reader, mut writer) = io::split(transport);
        let (mut chunk, mut output) = ([0; 4096], VecDeque::new());
        loop {
            let (wait, due) = self.turn(me, &mut output)?;
            if let (Wait::Closed(cause), true) = (wait, output.is_empty()) {
                return Ok(cause);
            }
            let due = self.shared.start + due.map_or(DELAYS.1, |at| Duration::from_millis(at.as_millis()));
            tokio::select! {
                n = reader.read(&mut chunk), if matches!(wait, Wait::Read(_)) => {
                    let side = &mut self.sides.lock().unwrap()[me];
                    match n {
                        Ok(n @ 1..) => side.input.extend_from_slice(&chunk[..n]),
                        Ok(0) | Err(_) => side.client.handle_eof(),
                    }
                }
                n = writer.write_buf(&mut output), if !output.is_empty() => drop(n?),
                () = self.wake[me].notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    fn disconnect(&self) {
        for (side, wake) in self.sides.lock().unwrap().iter_mut().zip(&*self.wake) {
            let _ = side.client.disconnect(&Disconnect::default(), &mut side.output);
            wake.notify_one();
        }
    }

    /// Deals with what is there, on both sides.
    fn turn(&self, me: usize, output: &mut VecDeque<u8>) -> Result<(Wait, Option<Instant>), UsageError> {
        let mut sides = self.sides.lock().unwrap();
        let [near, far] = &mut *sides;
        let (mine, other) = if me == NEAR { (near, far) } else { (far, near) };
        let wait = mine.handle(self.shared.now())?;
        mine.pass(other)?;
        other.pass(mine)?;
        if output.is_empty() {
            *output = mem::take(&mut mine.output).into();
        }
        if !other.output.is_empty() {
            self.wake[1 - me].notify_one();
        }
        Ok((wait, mine.client.poll_timeout()))
    }
}
