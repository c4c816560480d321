//! One connection of one client: bytes between a socket and a [`Client`], and what the client is there for.

use std::io;
use std::pin::pin;
use std::time::Duration;

use sans_mqtt::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How much is read at once, at least.
const CHUNK: usize = 4096;

/// The one clock of all connections.
#[derive(Clone, Copy)]
pub struct Clock(tokio::time::Instant);

impl Clock {
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// Nanoseconds since the start.
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    pub fn now(self) -> Instant {
        self.0.elapsed().into()
    }

    fn at_millis(self, millis: u64) -> tokio::time::Instant {
        self.0 + Duration::from_millis(millis)
    }

    pub fn at_nanos(self, nanos: u64) -> tokio::time::Instant {
        self.0 + Duration::from_nanos(nanos)
    }
}

/// What a client is there for.
pub trait Task {
    /// Something happened.
    fn event(&mut self, client: &mut Client<Heap>, event: Event<'_>, out: &mut Vec<u8>);

    /// Sends what there is to be sent now. Says when it wants its turn again, if not only after the next event.
    fn act(&mut self, client: &mut Client<Heap>, out: &mut Vec<u8>) -> Option<tokio::time::Instant>;
}

/// Runs a connection to its end, from a client whose CONNECT is in `output`. The task has its turn whenever something has
/// moved, when it asked for it, and when it is woken.
pub async fn carry(
    mut socket: TcpStream,
    client: &mut Client<Heap>,
    task: &mut impl Task,
    mut output: Vec<u8>,
    clock: Clock,
    wake: &Notify,
) -> io::Result<Cause> {
    let (mut reader, mut writer) = socket.split();
    let mut input = Vec::new();
    // Set to an earlier time if need be, and never to a later one before it is over: most turns leave it as it is.
    let mut timer = pin!(sleep(Duration::MAX));
    loop {
        let mut rest = &input[..];
        let wait = loop {
            match client.handle(clock.now(), &mut rest, &mut output) {
                Step::Event(event) => task.event(client, event, &mut output),
                Step::Wait(wait) => break wait,
            }
        };
        let taken = input.len() - rest.len();
        input.drain(..taken);
        let asked = if client.is_open() { task.act(client, &mut output) } else { None };
        if let (Wait::Closed(cause), true) = (wait, output.is_empty()) {
            return Ok(cause);
        }
        let due = client.poll_timeout().map(|at| clock.at_millis(at.as_millis()));
        if let Some(due) = [due, asked].into_iter().flatten().min() {
            if due < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(due);
            }
        }
        input.reserve(CHUNK);
        tokio::select! {
            biased;
            n = writer.write(&output), if !output.is_empty() => drop(output.drain(..n?)),
            n = reader.read_buf(&mut input) => if n? == 0 { client.handle_eof() },
            () = wake.notified() => {}
            () = &mut timer, if !timer.is_elapsed() => {}
        }
    }
}
