//! A client's connection over a socket of `std`: one thread, and timeouts in place of timers. To be copied.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use sans_mqtt::{Cause, Client, Connect, Event, Heap, Instant, Step, UsageError, Wait};

/// How long a connection may take to be made, and a peer to take what is written.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a peer is given to hang up as well.
const LINGER: Duration = Duration::from_millis(200);

/// A socket to the first of the addresses that answers.
pub(crate) fn open(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let mut error = io::Error::new(ErrorKind::NotFound, "no address has that name");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => {
                // A packet is written as a whole: there is nothing to wait for.
                socket.set_nodelay(true)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// Connects, and talks until the connection is over. `app` is called with each event, and with `None` when there is time
/// to send something; what it sends goes into the sink. A message that it has to acknowledge it acknowledges at once.
///
/// The session stays in `client`: `client.into_session()` is for the next connection.
pub(crate) fn run<E: From<io::Error> + From<UsageError>>(
    mut socket: &TcpStream,
    client: &mut Client<Heap>,
    connect: &Connect<'_>,
    now: impl Fn() -> Instant,
    mut app: impl FnMut(&mut Client<Heap>, Option<Event<'_>>, &mut Vec<u8>) -> Result<(), E>,
) -> Result<Cause, E> {
    let (mut input, mut output, mut chunk) = (Vec::new(), Vec::new(), [0; 4096]);
    client.connect(now(), connect, &mut output)?;
    loop {
        let mut rest = &input[..];
        let wait = loop {
            match client.handle(now(), &mut rest, &mut output) {
                Step::Event(event) => app(client, Some(event), &mut output)?,
                Step::Wait(wait) => {
                    let len = output.len();
                    app(client, None, &mut output)?;
                    // What was sent may change what is waited for.
                    if output.len() == len {
                        break wait;
                    }
                }
            }
        };
        input.drain(..input.len() - rest.len());
        let written = socket.write_all(&output);
        output.clear();
        match wait {
            Wait::Closed(cause) => {
                hang_up(socket);
                return Ok(cause);
            }
            Wait::Read(_) => {}
            // A client decides on nothing, `Heap` keeps messages that are not sent in pieces and can't fail, a `Vec` has room.
            Wait::Decide
            | Wait::Acknowledge
            | Wait::Resend(_)
            | Wait::Payload(_)
            | Wait::Store
            | Wait::Write(_) => {
                unreachable!("{wait:?}")
            }
        }
        // A peer that has gone may have said why, which is still to be read.
        written.or_else(|error| if is_over(&error) { Ok(()) } else { Err(error) })?;
        // A timeout of zero is an error to the socket.
        let timeout = client.poll_timeout().map(|at| at.saturating_duration_since(now()));
        socket.set_read_timeout(timeout.map(|timeout| timeout.max(Duration::from_millis(1))))?;
        match socket.read(&mut chunk) {
            Ok(0) => client.handle_eof(),
            Ok(n) => input.extend_from_slice(&chunk[..n]),
            Err(error) if is_over(&error) => return Err(error.into()),
            Err(_) => {} // nothing came, but time has passed
        }
    }
}

fn is_over(error: &io::Error) -> bool {
    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Closes the socket, and lets the peer read what was written last: a socket that is closed with input unread takes it
/// back.
fn hang_up(mut socket: &TcpStream) {
    let start = std::time::Instant::now();
    let _ = socket.shutdown(Shutdown::Write);
    while let Some(left) = LINGER.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        let read = socket.set_read_timeout(Some(left)).and_then(|()| socket.read(&mut [0; 4096]));
        if matches!(read, Ok(0)) || read.is_err_and(|error| is_over(&error)) {
            break;
        }
    }
}
