//! A client that does what it is told, for suites whose scripted server looks at how a client reacts.
//!
//! ```sh
//! echo '1883 5 1 publish2' | cargo run --example scripted_client
//! ```
//!
//! Each line of standard input is a connection to 127.0.0.1:
//!
//! ```text
//! PORT VERSION CLEAN [COMMAND]
//! ```
//!
//! VERSION is the protocol level (3, 4 or 5), CLEAN is Clean Start (1, or 0 to go on with the session of the lines before),
//! and COMMAND is what is done after CONNACK, if not `none`:
//!
//! | command | what is sent |
//! |---|---|
//! | `publish0`, `publish1`, `publish2` | PUBLISH to `test/publish` with the payload `message`, at that QoS |
//! | `subscribe0`, `subscribe1`, `subscribe2` | SUBSCRIBE to `test/subscribe`, at most at that QoS |
//! | `subscribe-multiple` | SUBSCRIBE to `test/subscribe1` and `test/subscribe2`, at most at QoS 2 |
//! | `unsubscribe`, `unsubscribe-multiple` | UNSUBSCRIBE from the same |
//!
//! The client is called `fuzzish`, has a Keep Alive of 60 seconds, and takes packets of any size. In 5.0 it announces a
//! Receive Maximum of 20, and with CLEAN 0 a session that never expires; nothing else. It sends no DISCONNECT of its own
//! accord, so a connection ends when the server ends it, breaks a rule, or is silent for too long.
//!
//! When it has ended, a line of standard output tells the number of the line of input and how it ended in one word, and then
//! in more words for people:
//!
//! | word | what happened |
//! |---|---|
//! | `closed` | the server closed the transport |
//! | `disconnected` | the server sent DISCONNECT |
//! | `refused` | the server sent a CONNACK that says no |
//! | `failed` | the server broke a rule |
//! | `timeout` | the server was silent: no CONNACK, or no PINGRESP, in 10 seconds |
//! | `broken` | the transport failed |
//! | `unreachable` | nothing listens there |
//!
//! Standard error tells of lines that are none, and of commands that can't be sent to this server: a message of QoS 2
//! if its Maximum QoS is 1, for example. The connection goes on then, for nothing is wrong with it.
//!
//! There is one session, whatever the versions: a message that was not acknowledged in 3.1.1 is sent again in 5.0, if
//! the server says that it has the session. Whether it outlives a connection is up to the version of that: in 5.0 it does
//! not after CLEAN 1, and as long as the server says after CLEAN 0. A line with CLEAN 1 begins with a new one, and packet
//! identifiers from 1.

#[path = "support/socket.rs"]
mod socket;

use std::io::{self, BufRead, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use sans_mqtt::{
    Cause, Client, Config, Connect, Heap, Message, Properties, Property, Qos, Session, Subscription,
    UsageError, Version,
};

/// What a line of input asks for.
struct Line {
    port: u16,
    version: Version,
    clean_start: bool,
    command: Option<Command>,
}

#[derive(Clone, Copy)]
enum Command {
    Publish(Qos),
    Subscribe(&'static [&'static str], Qos),
    Unsubscribe(&'static [&'static str]),
}

const ONE: &[&str] = &["test/subscribe"];
const TWO: &[&str] = &["test/subscribe1", "test/subscribe2"];

fn main() -> ExitCode {
    let start = Instant::now();
    let (report, reporter) = writer(io::stdout());
    let (complain, complainer) = writer(io::stderr());
    let (mut session, mut code) = (Session::default(), ExitCode::SUCCESS);
    for (number, line) in (1..).zip(io::stdin().lock().split(b'\n')) {
        let line = match line {
            Ok(line) => String::from_utf8_lossy(&line).parse(),
            Err(error) => {
                let _ = complain.send(format!("standard input can't be read: {error}"));
                code = ExitCode::FAILURE;
                break;
            }
        };
        match line {
            Ok(line) => {
                let complain = |error| drop(complain.send(format!("line {number}: not sent: {error}")));
                let (how, more);
                (session, how, more) = connection(&line, start, session, complain);
                let _ = report.send(format!("{number} {how}: {more}"));
            }
            Err(error) => drop(complain.send(format!("line {number}: {error}"))),
        }
    }
    drop((report, complain));
    let _ = (reporter.join(), complainer.join());
    code
}

/// A thread that writes lines: whoever does not read them holds up nobody but it.
fn writer(mut out: impl Write + Send + 'static) -> (Sender<String>, JoinHandle<()>) {
    let (lines, received): (_, Receiver<String>) = channel();
    let write = move || {
        for line in received {
            if out.write_all((line + "\n").as_bytes()).and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    };
    (lines, thread::spawn(write))
}

/// One connection, with what is left of the session and how it ended.
fn connection(
    line: &Line,
    start: Instant,
    mut session: Session<Heap>,
    complain: impl Fn(UsageError),
) -> (Session<Heap>, &'static str, String) {
    let now = || sans_mqtt::Instant::from(start.elapsed());
    let socket = match socket::open((Ipv4Addr::LOCALHOST, line.port)) {
        Ok(socket) => socket,
        Err(error) => return (session, "unreachable", error.to_string()),
    };
    if line.clean_start {
        session = Session::default();
    }
    // It may have expired.
    while session.handle_timeout(now()).is_some() {}
    let config = Config { receive_maximum: 20, maximum_packet_size: u32::MAX, ..Config::default() };
    let mut client = Client::new(line.version, &config, session);
    let for_ever = [Property::SessionExpiryInterval(u32::MAX)];
    let keeps = line.version == Version::V5_0 && !line.clean_start;
    let connect = Connect {
        client_id: "fuzzish",
        clean_start: line.clean_start,
        properties: if keeps { (&for_ever).into() } else { Properties::EMPTY },
        ..Connect::default()
    };
    let mut command = line.command;
    let cause = socket::run(&socket, &mut client, &connect, now, |client, _, out| {
        let Some(next) = command.filter(|_| client.is_open()) else { return Ok(()) };
        match next.send(client, out) {
            // It waits for its turn: behind what is sent again, or as the server's Receive Maximum asks.
            Err(error) if error.is_temporary() => return Ok(()),
            Err(error) => complain(error),
            Ok(()) => {}
        }
        command = None;
        Ok::<_, io::Error>(())
    });
    let (how, more) = match cause {
        Ok(cause) => (word(cause), cause.to_string()),
        Err(error) => ("broken", error.to_string()),
    };
    client.handle_timeout(now(), &mut Vec::new());
    (client.into_session(), how, more)
}

fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Eof => "closed",
        Cause::Peer(_) => "disconnected",
        Cause::Refused(_) => "refused",
        Cause::Failed(_) => "failed",
        Cause::Timeout(_) => "timeout",
        _ => "ended",
    }
}

impl Command {
    fn send(self, client: &mut Client<Heap>, out: &mut Vec<u8>) -> Result<(), UsageError> {
        match self {
            Self::Publish(qos) => {
                let message =
                    Message { qos, topic: "test/publish", payload: b"message", ..Message::default() };
                client.publish(&message, out)?;
            }
            Self::Subscribe(filters, qos) => {
                let filters =
                    filters.iter().map(|filter| Subscription { filter, qos, ..Subscription::default() });
                client.subscribe(&filters.collect::<Vec<_>>(), Properties::EMPTY, out)?;
            }
            Self::Unsubscribe(filters) => {
                client.unsubscribe(filters, Properties::EMPTY, out)?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (port, version, clean, command) = match words[..] {
            [port, version, clean] | [port, version, clean, "none"] => (port, version, clean, None),
            [port, version, clean, command] => (port, version, clean, Some(command)),
            _ => return Err(format!("\"{}\" is not PORT VERSION CLEAN [COMMAND]", line.trim_end())),
        };
        Ok(Self {
            port: port.parse().map_err(|_| format!("\"{port}\" is no port"))?,
            version: version
                .parse()
                .ok()
                .and_then(Version::from_level)
                .ok_or_else(|| format!("VERSION is 3, 4 or 5, not \"{version}\""))?,
            clean_start: match clean {
                "0" => false,
                "1" => true,
                _ => return Err(format!("CLEAN is 0 or 1, not \"{clean}\"")),
            },
            command: command.map(str::parse).transpose()?,
        })
    }
}

impl std::str::FromStr for Command {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "publish0" => Self::Publish(Qos::AtMostOnce),
            "publish1" => Self::Publish(Qos::AtLeastOnce),
            "publish2" => Self::Publish(Qos::ExactlyOnce),
            "subscribe0" => Self::Subscribe(ONE, Qos::AtMostOnce),
            "subscribe1" => Self::Subscribe(ONE, Qos::AtLeastOnce),
            "subscribe2" => Self::Subscribe(ONE, Qos::ExactlyOnce),
            "subscribe-multiple" => Self::Subscribe(TWO, Qos::ExactlyOnce),
            "unsubscribe" => Self::Unsubscribe(ONE),
            "unsubscribe-multiple" => Self::Unsubscribe(TWO),
            _ => return Err(format!("there is no command \"{name}\"")),
        })
    }
}
