//! A server on tokio: a task for each connection, which holds a bounded number of bytes and waits for nobody else.

use std::future::pending;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use sans_mqtt::{
    Acknowledge, Cause, Config, Connect, Disconnect, Event, Heap, Properties, ReasonCode, Server, Session,
    Sink, Step, Wait,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{self, sleep_until, timeout};

use crate::hub::{Guest, Hub, Letter, Seat};

/// How many bytes wait for a peer that reads slowly, before nothing more is sent to it.
const OUTPUT: usize = 16 << 10;
/// How long a peer may read nothing of them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves whoever connects.
pub async fn listen(listener: TcpListener, hub: Arc<Hub>) -> io::Result<()> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        let hub = hub.clone();
        tokio::spawn(async move {
            // What `serve` gives is for a log.
            if serve(&mut socket, &hub).await.is_ok() {
                hang_up(socket).await;
            }
        });
    }
}

/// Closes the socket, and lets the peer read what was written last: a socket that is closed with input unread takes it
/// back.
async fn hang_up(mut socket: TcpStream) {
    let mut rest = [0; 1024];
    let _ = socket.shutdown().await;
    let _ =
        timeout(Duration::from_secs(1), async { while matches!(socket.read(&mut rest).await, Ok(1..)) {} })
            .await;
}

/// Serves one connection.
pub async fn serve(socket: &mut TcpStream, hub: &Hub) -> io::Result<Cause> {
    let mut guest = None;
    let mut server = Server::new(hub.now(), &Config::default(), Session::default());
    server.set_acknowledge(Acknowledge::Manual);
    let end = talk(socket, hub, &mut server, &mut guest).await;
    // However it ended, it did so now: a session that goes on waits for its client, until it expires.
    server.handle_timeout(hub.now(), &mut Vec::new());
    if let Some(mut guest) = guest {
        let session = server.into_session();
        if session.exists() {
            guest.seat.session = Some(session);
        } else {
            guest.forget();
        }
    }
    end
}

/// The loop.
async fn talk(
    socket: &mut TcpStream,
    hub: &Hub,
    server: &mut Server<Heap>,
    guest: &mut Option<Guest>,
) -> io::Result<Cause> {
    let (mut reader, mut writer) = socket.split();
    let (mut input, mut output) = (BytesMut::new(), Output(BytesMut::new()));
    // When the peer last read something, or had nothing to read.
    let mut read = time::Instant::now();
    loop {
        if output.0.is_empty() {
            read = time::Instant::now();
        }
        // `split` instead of `take` would leave two owners of the buffer, and the rest would have to be copied.
        let mut chunk = mem::take(&mut input).freeze();
        let mut rest = &chunk[..];
        let wait = loop {
            match server.handle(hub.now(), &mut rest, &mut output) {
                Step::Event(Event::Connect(connect)) => {
                    admit(server, hub, guest, connect, &mut output).await?
                }
                Step::Event(event) => answer(server, hub, guest, event, &chunk, &mut output)?,
                Step::Wait(wait) => break wait,
            }
        };
        let taken = chunk.len() - rest.len();
        chunk.advance(taken);
        input = BytesMut::from(chunk); // copies the rest, if a message that lives on is a part of the chunk
        send(server, guest, &mut output);
        match wait {
            Wait::Closed(cause) if output.0.is_empty() => return Ok(cause),
            Wait::Read(n) => input.reserve(n.clamp(256, 4096)),
            _ => {}
        }
        let due = server.poll_timeout().map(|at| hub.began + Duration::from_millis(at.as_millis()));
        let (seat, leave) = guest.as_mut().map(|guest| (&mut *guest.seat, &mut guest.leave)).unzip();
        // When one of these is done, the others have done nothing: no byte and no letter is lost.
        tokio::select! {
            n = reader.read_buf(&mut input), if matches!(wait, Wait::Read(_)) => if n? == 0 {
                server.handle_eof();
            },
            n = writer.write_buf(&mut output.0), if !output.0.is_empty() => {
                n?;
                read = time::Instant::now();
            }
            () = or_never(due.map(sleep_until)) => {} // `handle` knows what it is time for
            () = or_never(seat.map(Seat::fetch)), if server.is_open() => {}
            _ = or_never(leave), if server.is_open() => {
                let reason = ReasonCode::SESSION_TAKEN_OVER;
                server.disconnect(&Disconnect { reason, ..Disconnect::default() }, &mut output)?;
            }
            () = sleep_until(read + PATIENCE), if !output.0.is_empty() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Decides on a CONNECT.
async fn admit(
    server: &mut Server<Heap>,
    hub: &Hub,
    guest: &mut Option<Guest>,
    connect: Connect<'_>,
    output: &mut Output,
) -> io::Result<()> {
    if connect.client_id.is_empty() {
        return Ok(server.reject(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, Properties::EMPTY, output)?);
    }
    let guest = guest.insert(hub.enter(connect.client_id).await);
    match guest.seat.session.take() {
        Some(session) if !connect.clean_start => {
            if server.resume(session).is_err() {
                guest.forget(); // it has expired
            }
        }
        _ => guest.forget(),
    }
    Ok(server.accept(Properties::EMPTY, output)?)
}

/// Deals with what a client sent. What is wanted of a message is a part of `chunk`, and not copied.
fn answer(
    server: &mut Server<Heap>,
    hub: &Hub,
    guest: &Option<Guest>,
    event: Event<'_>,
    chunk: &Bytes,
    output: &mut Output,
) -> io::Result<()> {
    let Some(Guest { client, .. }) = guest else { return Ok(()) };
    match event {
        Event::Publish(incoming, token) => {
            let (topic, payload) = (server.topic(&incoming).into(), chunk.slice_ref(incoming.payload));
            let reason = hub.route(&Letter { topic, payload, qos: incoming.qos });
            if let Some(token) = token {
                server.ack(token, reason, output)?;
            }
        }
        Event::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter();
            let reasons: Vec<_> = filters.map(|s| client.subscribe(s.filter, s.qos)).collect();
            server.suback(&reasons, Properties::EMPTY, output)?;
        }
        Event::Unsubscribe(unsubscribe) => {
            let reasons: Vec<_> = unsubscribe.filters.iter().map(|f| client.unsubscribe(f)).collect();
            server.unsuback(&reasons, Properties::EMPTY, output)?;
        }
        _ => {}
    }
    Ok(())
}

/// Sends what is in the mailbox, as far as there is room and the client allows.
fn send(server: &mut Server<Heap>, guest: &mut Option<Guest>, output: &mut Output) {
    let Some(Guest { seat, .. }) = guest else { return };
    while server.is_open() {
        let Some(letter) = seat.take() else { return };
        match server.publish(&letter.message(), output) {
            Err(error) if error.is_temporary() => {
                seat.next = Some(letter);
                return;
            }
            // This client will never take it: it is too large, for example.
            Err(_) | Ok(_) => {}
        }
    }
}

/// Bytes on their way to a peer: not more than `OUTPUT`, except for one larger packet if nothing else is there.
struct Output(BytesMut);

impl Sink for Output {
    fn reserve(&mut self, n: usize) -> bool {
        let fits = self.0.is_empty() || self.0.len() + n <= OUTPUT;
        if fits {
            self.0.reserve(n);
        }
        fits
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
