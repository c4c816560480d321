//! A client on `std` alone: one thread and one socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sans_mqtt::{Cause, Client, Connect, Event, Heap, Instant, Step, UsageError, Wait};

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects, and lets `app` deal with the events until the connection is over. What `app` sends goes into the sink.
///
/// The session stays in `client`: `client.into_session()` is for the next connection.
pub fn run(
    socket: &mut TcpStream,
    client: &mut Client<Heap>,
    connect: &Connect<'_>,
    mut app: impl FnMut(&mut Client<Heap>, Event<'_>, &mut Vec<u8>) -> Result<(), UsageError>,
) -> io::Result<Cause> {
    let start = std::time::Instant::now();
    let now = || Instant::from(start.elapsed());
    let (mut input, mut output) = (Vec::new(), Vec::new());
    socket.set_write_timeout(Some(PATIENCE))?;
    client.connect(now(), connect, &mut output)?;
    loop {
        let mut rest = &input[..];
        let wait = loop {
            match client.handle(now(), &mut rest, &mut output) {
                Step::Event(event) => app(client, event, &mut output)?,
                Step::Wait(wait) => break wait,
            }
        };
        input.drain(..input.len() - rest.len());
        socket.write_all(&output)?;
        output.clear();
        match wait {
            Wait::Closed(cause) => return Ok(cause),
            Wait::Read(_) => {
                let timeout = client.poll_timeout().map(|at| at.saturating_duration_since(now()));
                if read(socket, &mut input, timeout)? == Some(0) {
                    client.handle_eof();
                }
            }
            Wait::Write(_) => {} // done
            // A client decides on nothing, messages are acknowledged automatically, and `Heap` keeps them and can't fail.
            Wait::Decide | Wait::Acknowledge | Wait::Resend(_) | Wait::Payload(_) | Wait::Store => {
                unreachable!("{wait:?}")
            }
        }
    }
}

/// Adds what comes within `timeout`. `Some(0)` is the end of the stream, `None` that nothing came.
fn read(socket: &mut TcpStream, input: &mut Vec<u8>, timeout: Option<Duration>) -> io::Result<Option<usize>> {
    // A timeout of zero is an error to the socket.
    socket.set_read_timeout(timeout.map(|timeout| timeout.max(Duration::from_millis(1))))?;
    let mut chunk = [0; 4096];
    match socket.read(&mut chunk) {
        Ok(n) => {
            input.extend_from_slice(&chunk[..n]);
            Ok(Some(n))
        }
        Err(e)
            if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}
