//! A client that publishes a message or prints those that come, on `std` alone. It survives the loss of its connection:
//! it comes back after a while, and goes on with its session.
//!
//! ```sh
//! cargo run --example blocking localhost:1883 sub 'attic/#' -q 2
//! cargo run --example blocking localhost:1883 pub attic/temperature 24 -q 1
//! ```

#[path = "support/args.rs"]
mod args;
#[path = "support/socket.rs"]
mod socket;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, mem, thread};

use args::{Args, Task};
use sans_mqtt::{
    Acknowledge, Cause, Client, Config, Connect, Disconnect, Event, Flight, Heap, Message, PacketId,
    Properties, Property, ReasonCode, Session, Subscription, UsageError, Version,
};

/// How long the server keeps the session of a client that is gone, in seconds.
const SESSION_EXPIRY: u32 = 3600;
/// The first time between two attempts, which doubles with each that fails, and the longest.
const DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let args = match args::parse(env::args_os().skip(1)) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match work(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("blocking: {complaint}");
            ExitCode::FAILURE
        }
    }
}

/// Why a connection failed.
enum Failure {
    /// The next one may do better.
    Lost(String),
    /// It is no use to try again.
    Final(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Lost(format!("the connection failed: {error}"))
    }
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Final(error.to_string())
    }
}

/// Does what was asked for, by as many connections as it takes.
fn work(args: &Args) -> Result<(), String> {
    let start = Instant::now();
    // By chance, so that no two of these clients take each other's session over.
    let client_id = args.client_id.clone().unwrap_or_else(|| format!("blocking-{:08x}", random() as u32));
    let mut session = Session::default();
    let mut app = App { args, connected: false, sent: None, subscribed: false, received: 0 };
    let (mut delay, mut lost_at) = (DELAY, None);
    loop {
        let mut client = Client::new(args.version, &Config::default(), session);
        client.set_acknowledge(Acknowledge::Manual);
        let complaint = match connection(args, &client_id, start, &mut client, &mut app) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(complaint)) => return Err(complaint),
            Err(Failure::Lost(complaint)) => format!("{}: {complaint}", args.server),
        };
        session = client.into_session();
        if mem::take(&mut app.connected) {
            (delay, lost_at) = (DELAY, Some(Instant::now()));
        }
        // Whoever can't connect the first time is told so at once.
        if lost_at.is_none_or(|at| at.elapsed() >= args.patience) {
            return Err(complaint);
        }
        // The clients of a server that was restarted shall not come back all at the same time.
        let pause = delay.mul_f64(0.5 + 0.5 * (random() as f64 / u64::MAX as f64));
        eprintln!("blocking: {complaint}; next attempt in {:.1} s", pause.as_secs_f64());
        thread::sleep(pause);
        delay = LONGEST_DELAY.min(delay * 2);
    }
}

/// `std` seeds its hashers by chance.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// One connection, from its beginning to its end.
fn connection(
    args: &Args,
    client_id: &str,
    start: Instant,
    client: &mut Client<Heap>,
    app: &mut App<'_>,
) -> Result<(), Failure> {
    let now = || sans_mqtt::Instant::from(start.elapsed());
    // The session may be over by now.
    while client.session_mut().handle_timeout(now()).is_some() {}
    let (new, expiry) = (args.version == Version::V5_0, [Property::SessionExpiryInterval(SESSION_EXPIRY)]);
    let connect = Connect {
        // Not with a session that an earlier program left. Before 5.0 there is no other way to a session that outlives
        // its connection, and none to its end: it is for clients that have a name.
        clean_start: if new { client.clean_start() } else { args.client_id.is_none() },
        properties: if new { (&expiry).into() } else { Properties::EMPTY },
        client_id,
        user_name: args.user.as_deref(),
        password: args.password.as_deref().map(str::as_bytes),
        ..Connect::default()
    };
    let socket = socket::open(&args.server).map_err(|e| Failure::Lost(format!("can't connect: {e}")))?;
    let mut result = Ok(());
    let cause = socket::run(&socket, client, &connect, now, |client, event, out| {
        let Some(event) = event else { return Ok(()) };
        match app.event(client, event, out) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(failure) => result = Err(failure),
        }
        // Nobody needs the session any more.
        let over = [Property::SessionExpiryInterval(0)];
        let properties = if new { (&over).into() } else { Properties::EMPTY };
        client.disconnect(&Disconnect { properties, ..Disconnect::default() }, out).map_err(Failure::from)
    })?;
    match cause {
        Cause::Local => result,
        Cause::Eof | Cause::Timeout(_) => Err(Failure::Lost(cause.to_string())),
        Cause::Peer(reason) | Cause::Refused(reason) if passes(reason) => {
            Err(Failure::Lost(cause.to_string()))
        }
        cause => Err(Failure::Final(cause.to_string())),
    }
}

/// Whether a server that says this may say something else later.
fn passes(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::SERVER_UNAVAILABLE
            | ReasonCode::SERVER_BUSY
            | ReasonCode::SERVER_SHUTTING_DOWN
            | ReasonCode::KEEP_ALIVE_TIMEOUT
            | ReasonCode::CONNECTION_RATE_EXCEEDED
            | ReasonCode::MAXIMUM_CONNECT_TIME
    )
}

/// What is done with the connections, and how far it is.
struct App<'a> {
    args: &'a Args,
    /// Whether there has been a connection since somebody looked.
    connected: bool,
    /// The message that waits for its acknowledgement.
    sent: Option<PacketId>,
    /// Whether the server knows the subscription, if it still has the session.
    subscribed: bool,
    received: u64,
}

impl App<'_> {
    /// Whether all is done.
    fn event(
        &mut self,
        client: &mut Client<Heap>,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Failure> {
        let qos = self.args.qos;
        self.connected |= client.is_open();
        match (event, &self.args.task) {
            // Once it is sent, the session has it, and sends it again by itself.
            (Event::Connected(_), Task::Publish { topic, payload, retain }) if self.sent.is_none() => {
                let payload = payload.as_bytes();
                let message = Message { qos, retain: *retain, topic, payload, ..Message::default() };
                self.sent = client.publish(&message, out)?;
                return Ok(self.sent.is_none());
            }
            (Event::Acked { reason, .. }, _) if reason.is_error() => {
                return Err(Failure::Final(format!("the server refuses the message: {reason}")));
            }
            (Event::Acked { .. }, _) => return Ok(true),
            // The server has lost the session. It had the message by then, or gets it again.
            (Event::Dropped { id, flight }, _) if self.sent == Some(id) => {
                if flight == Flight::Released {
                    return Ok(true);
                }
                client
                    .requeue(id, out)
                    .map_err(|why| Failure::Final(format!("the message can't be sent again: {why}")))?;
            }
            (Event::Connected(connack), Task::Subscribe { filter, .. })
                if !(connack.session_present && self.subscribed) =>
            {
                self.subscribed = false;
                let filters = [Subscription { filter, qos, ..Subscription::default() }];
                client.subscribe(&filters, Properties::EMPTY, out)?;
            }
            (Event::Suback(suback), _) => match suback.reasons.iter().find(|reason| reason.is_error()) {
                Some(reason) => {
                    return Err(Failure::Final(format!("the server refuses the subscription: {reason}")));
                }
                None => self.subscribed = true,
            },
            (Event::Publish(incoming, token), Task::Subscribe { count, .. }) => {
                match print(client.topic(&incoming), incoming.payload) {
                    Ok(()) => self.received += 1,
                    // Nobody reads on.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(true),
                    Err(error) => return Err(Failure::Final(format!("can't print a message: {error}"))),
                }
                // What is not printed comes again, if the session goes on.
                if let Some(token) = token {
                    client.ack(token, ReasonCode::SUCCESS, out).map_err(UsageError::from)?;
                }
                return Ok(self.received >= *count);
            }
            _ => {}
        }
        Ok(false)
    }
}

/// Prints a message as a line.
fn print(topic: &str, payload: &[u8]) -> io::Result<()> {
    let line = [topic.as_bytes(), b" ", payload, b"\n"].concat();
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}
