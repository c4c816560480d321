//! The example `blocking` against a server of the library, which cuts the link, forgets sessions and refuses.

#[path = "common/program.rs"]
mod program;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sans_mqtt::{
    Cause, Config, Disconnect, Event, Flight, Heap, Message, PacketId, Properties, Qos, ReasonCode, Server,
    Session, Step, Wait,
};

/// Old clients keep their session only under a name.
const CLIENTS: [&[&str]; 2] = [&["-v", "5.0"], &["-v", "3.1.1", "-i", "test"]];

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::example("blocking"))
}

/// The exit code, and what was written to standard output and error.
fn finished(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    finished(Command::new(program()).args(args).output().unwrap())
}

/// A server with one session, for one connection at a time.
struct Host {
    listener: TcpListener,
    start: Instant,
    session: Session<Heap>,
}

/// When the server cuts the link: behind so many pieces of input, and whether their answers are still written.
type Cut = (usize, bool);

const NEVER: Cut = (usize::MAX, true);

type Mqtt = Server<Heap>;

impl Host {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, start: Instant::now(), session: Session::default() }
    }

    /// Starts a client of this server.
    fn client(&self, args: &[&str], more: &[&str]) -> JoinHandle<(Option<i32>, String, String)> {
        let mut command = Command::new(program());
        command.arg(self.listener.local_addr().unwrap().to_string()).args(args).args(more);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::spawn(|| finished(child.wait_with_output().unwrap()))
    }

    fn accept(&self) -> TcpStream {
        let start = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    return socket;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed().as_secs() < 10 => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("no client: {error}"),
            }
        }
    }

    /// Serves one connection. `app` answers the events; if a session is asked for, it is in place by then.
    fn serve(&mut self, cut: Cut, mut app: impl FnMut(&mut Mqtt, &Event<'_>, &mut Vec<u8>)) -> Option<Cause> {
        let mut socket = self.accept();
        let start = self.start;
        let now = || sans_mqtt::Instant::from(start.elapsed());
        let mut server = Server::new(now(), &Config::default(), Session::default());
        let (mut input, mut output, mut pieces) = (Vec::new(), Vec::new(), 0);
        let end = loop {
            let mut rest = &input[..];
            let wait = loop {
                match server.handle(now(), &mut rest, &mut output) {
                    Step::Event(event) => {
                        if matches!(event, Event::Connect(connect) if !connect.clean_start) {
                            let session = std::mem::take(&mut self.session);
                            if session.exists() {
                                server.resume(session).unwrap();
                            }
                        }
                        app(&mut server, &event, &mut output);
                    }
                    Step::Wait(wait) => break wait,
                }
            };
            input.drain(..input.len() - rest.len());
            if pieces < cut.0 || cut.1 {
                socket.write_all(&output).unwrap();
                output.clear();
            }
            if pieces == cut.0 {
                break None;
            }
            if let Wait::Closed(cause) = wait {
                break Some(cause);
            }
            let mut chunk = [0; 4096];
            match socket.read(&mut chunk).unwrap() {
                0 => server.handle_eof(),
                n => input.extend_from_slice(&chunk[..n]),
            }
            pieces += 1;
        };
        self.session = server.into_session();
        end
    }

    /// Serves one connection whose messages are collected, and which finds a session or not.
    fn collect(&mut self, cut: Cut, messages: &mut Vec<String>) -> (Option<Cause>, bool) {
        let mut present = false;
        let end = self.serve(cut, |server, event, out| match event {
            Event::Connect(_) => {
                server.accept(Properties::EMPTY, out).unwrap();
                present = server.agreement().unwrap().session_present;
            }
            Event::Publish(publish, _) => {
                messages.push(String::from_utf8(publish.payload.to_vec()).unwrap());
            }
            _ => {}
        });
        (end, present)
    }
}

const LEFT: Option<Cause> = Some(Cause::Peer(ReasonCode::SUCCESS));

#[test]
fn a_message_of_qos_2_comes_once_wherever_the_link_is_cut() {
    // CONNECT is the first piece, PUBLISH the second, PUBREL the third.
    for cut in [(2, false), (2, true), (3, false)] {
        for args in CLIENTS {
            let (mut host, mut messages) = (Host::new(), Vec::new());
            let client = host.client(args, &["pub", "a/b", "x", "-q", "2"]);
            assert_eq!(host.collect(cut, &mut messages), (None, false));
            assert!(host.session.exists());
            assert_eq!(host.collect(NEVER, &mut messages), (LEFT, true), "{cut:?} {args:?}");
            assert_eq!(messages, ["x"], "{cut:?} {args:?}");
            let (code, out, error) = client.join().unwrap();
            assert_eq!((code, out.as_str(), error.lines().count()), (Some(0), "", 1), "{error}");
        }
    }
}

#[test]
fn a_message_is_sent_again_to_a_server_that_has_lost_its_session() {
    // But not if PUBREC has said that it has come.
    for (qos, cut, times) in [("1", (2, false), 2), ("2", (2, false), 2), ("2", (2, true), 1)] {
        for args in CLIENTS {
            let (mut host, mut messages) = (Host::new(), Vec::new());
            let client = host.client(args, &["pub", "a/b", "x", "-q", qos]);
            assert_eq!(host.collect(cut, &mut messages), (None, false));
            host.session = Session::default();
            assert_eq!(host.collect(NEVER, &mut messages), (LEFT, false), "{qos} {args:?}");
            assert_eq!(messages, vec!["x"; times], "{qos} {args:?}");
            assert_eq!(client.join().unwrap().0, Some(0));
        }
    }
}

/// Serves a subscriber, and sends it these messages. Shuts down when `all` are acknowledged, with those of before. Tells
/// whether it subscribed.
fn feed(host: &mut Host, cut: Cut, payloads: &[&str], mut all: usize) -> (Option<Cause>, bool) {
    let mut subscribed = false;
    let end = host.serve(cut, |server, event, out| match event {
        Event::Connect(_) => server.accept(Properties::EMPTY, out).unwrap(),
        Event::Subscribe(_) => {
            subscribed = true;
            server.suback(&[ReasonCode::GRANTED_QOS_2], Properties::EMPTY, out).unwrap();
            for payload in payloads.iter().map(|payload| payload.as_bytes()) {
                let message = Message { qos: Qos::ExactlyOnce, topic: "a/b", payload, ..Message::default() };
                server.publish(&message, out).unwrap();
            }
        }
        Event::Acked { .. } => {
            all -= 1;
            if all == 0 {
                shut_down(server, out);
            }
        }
        _ => {}
    });
    (end, subscribed)
}

fn shut_down(server: &mut Mqtt, out: &mut Vec<u8>) {
    let reason = ReasonCode::SERVER_SHUTTING_DOWN;
    server.disconnect(&Disconnect { reason, ..Disconnect::default() }, out).unwrap();
}

#[test]
fn a_subscription_survives_with_its_session_and_is_renewed_without() {
    for args in CLIENTS {
        let mut host = Host::new();
        let client = host.client(args, &["sub", "a/#", "-q", "2", "-n", "4"]);
        // The first PUBRECs are not answered.
        assert_eq!(feed(&mut host, (3, false), &["1", "2"], 9), (None, true));
        assert_eq!(feed(&mut host, NEVER, &[], 2), (Some(Cause::Local), false));
        host.session = Session::default();
        assert_eq!(feed(&mut host, NEVER, &["3", "4", "5"], 9), (LEFT, true));
        let (code, out, error) = client.join().unwrap();
        assert_eq!((code, out.as_str()), (Some(0), "a/b 1\na/b 2\na/b 3\na/b 4\n"), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}

#[test]
fn a_subscription_that_may_be_missing_in_a_session_is_renewed() {
    for args in CLIENTS {
        let mut host = Host::new();
        let client = host.client(args, &["sub", "a/#", "-n", "1"]);
        assert_eq!(feed(&mut host, (2, true), &[], 9), (None, true));
        host.session = Session::default();
        // CONNACK comes back, and SUBSCRIBE goes nowhere.
        assert_eq!(feed(&mut host, (1, true), &[], 9), (None, false));
        assert_eq!(feed(&mut host, NEVER, &["x"], 9), (LEFT, true));
        assert_eq!(client.join().unwrap().1, "a/b x\n");
    }
}

#[test]
fn the_last_message_is_acknowledged_and_no_other() {
    let mut host = Host::new();
    let client = host.client(&["sub", "a/#", "-n", "2", "-q", "2"], CLIENTS[1]);
    assert_eq!(feed(&mut host, NEVER, &["1", "2", "3"], 9), (LEFT, true));
    assert_eq!(client.join().unwrap().1, "a/b 1\na/b 2\n");
    let flights = [1, 2, 3].map(|id| host.session.flight(PacketId::new(id).unwrap()));
    assert_eq!(flights, [Some(Flight::Released), Some(Flight::Released), Some(Flight::ExactlyOnce)]);
}

#[test]
fn it_leaves_nothing_behind_but_under_a_name_before_5_0() {
    for (args, remains) in CLIENTS.into_iter().zip([false, true]) {
        let mut host = Host::new();
        let client = host.client(args, &["sub", "a/#", "-n", "1"]);
        assert_eq!(feed(&mut host, NEVER, &["x"], 9), (LEFT, true));
        assert_eq!(host.session.exists(), remains);
        assert_eq!(client.join().unwrap(), (Some(0), "a/b x\n".into(), String::new()));
    }
}

#[test]
fn a_message_of_qos_0_is_sent_and_that_is_all() {
    for args in CLIENTS {
        let (mut host, mut came) = (Host::new(), Vec::new());
        let client = host.client(args, &["pub", "-r", "--", "a/b", "-1"]);
        let end = host.serve(NEVER, |server, event, out| match event {
            Event::Connect(_) => server.accept(Properties::EMPTY, out).unwrap(),
            Event::Publish(p, _) => came.push((p.qos, p.retain, p.payload.to_vec())),
            _ => {}
        });
        assert_eq!((end, came), (LEFT, vec![(Qos::AtMostOnce, true, b"-1".to_vec())]));
        assert_eq!(client.join().unwrap(), (Some(0), String::new(), String::new()));
    }
}

#[test]
fn a_server_that_is_gone_for_good_is_given_up() {
    let mut host = Host::new();
    let client = host.client(&["sub", "#"], &["-t", "1"]);
    assert_eq!(feed(&mut host, (2, true), &[], 9), (None, true));
    let start = Instant::now();
    drop(host);
    let (code, out, error) = client.join().unwrap();
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(start.elapsed() >= Duration::from_secs(1) && error.lines().count() >= 3, "{error}");
    assert!(error.lines().last().unwrap().contains("can't connect: "), "{error}");
}

#[test]
fn what_the_server_refuses_is_told() {
    type App = fn(&mut Mqtt, &Event<'_>, &mut Vec<u8>);
    let refuse: [(&[&str], App, &str); 3] = [
        (
            &["pub", "a", "x", "-u", "me", "-p", "no"],
            |server, event, out| {
                if let Event::Connect(connect) = event {
                    assert_eq!((connect.user_name, connect.password), (Some("me"), Some(&b"no"[..])));
                    server.reject(ReasonCode::BAD_USER_NAME_OR_PASSWORD, Properties::EMPTY, out).unwrap();
                }
            },
            "the connection was refused: Bad User Name or Password (0x86)",
        ),
        (
            &["sub", "a"],
            |server, event, out| match event {
                Event::Connect(_) => server.accept(Properties::EMPTY, out).unwrap(),
                Event::Subscribe(_) => {
                    server.suback(&[ReasonCode::NOT_AUTHORIZED], Properties::EMPTY, out).unwrap();
                }
                _ => {}
            },
            "the server refuses the subscription: Not authorized (0x87)",
        ),
        (
            &["pub", "a", "x", "-q", "2"],
            |server, event, out| {
                if let Event::Connect(_) = event {
                    server.accept(Properties::EMPTY, out).unwrap();
                    let reason = ReasonCode::SESSION_TAKEN_OVER;
                    server.disconnect(&Disconnect { reason, ..Disconnect::default() }, out).unwrap();
                }
            },
            "the peer disconnected: Session taken over (0x8e)",
        ),
    ];
    for (args, app, complaint) in refuse {
        let mut host = Host::new();
        let client = host.client(args, &[]);
        host.serve(NEVER, app);
        let expected = (Some(1), String::new(), format!("blocking: {complaint}\n"));
        assert_eq!(client.join().unwrap(), expected);
    }
}

#[test]
fn a_server_that_is_shut_down_is_waited_for() {
    let (mut host, mut messages) = (Host::new(), Vec::new());
    let client = host.client(&["pub", "a", "x", "-q", "1"], &[]);
    let end = host.serve(NEVER, |server, event, out| {
        if let Event::Connect(_) = event {
            server.accept(Properties::EMPTY, out).unwrap();
            shut_down(server, out);
        }
    });
    assert_eq!(end, Some(Cause::Local));
    host.session = Session::default();
    assert_eq!(host.collect(NEVER, &mut messages), (LEFT, false));
    assert_eq!(messages, ["x"]);
    assert_eq!(client.join().unwrap().0, Some(0));
}

#[test]
fn what_makes_no_sense_is_explained() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (args, code, complaint) in [
        (&[port.as_str(), "pub", "a", "x"][..], 1, "can't connect: Connection refused"),
        (&["no-such-host.invalid:1883", "pub", "a", "x"], 1, "no-such-host.invalid:1883: can't connect: "),
        (&["localhost", "pub", "a", "x"], 2, "\"localhost\" is not HOST:PORT, like localhost:1883"),
        (&["localhost:65536", "sub", "a"], 2, "\"localhost:65536\" is not HOST:PORT"),
        (&["localhost:1", "sub", "a/#/b"], 2, "\"a/#/b\" is no topic filter"),
        (&["localhost:1", "pub", "+", "x"], 2, "\"+\" is no topic name"),
        (&["localhost:1", "pub", "a"], 2, "pub needs a topic and a payload"),
        (&["localhost:1", "sub", "a", "-q", "3"], 2, "-q is 0, 1 or 2"),
        (&["localhost:1", "sub", "a", "-q"], 2, "-q needs a value"),
        (&["localhost:1", "sub", "a", "-n", "0"], 2, "-n is a number of messages, 1 or more"),
        (&["localhost:1", "sub", "a", "-x"], 2, "there is no option -x"),
        (&[], 2, "needs HOST:PORT, and pub or sub"),
    ] {
        let (exit, out, error) = run(args);
        assert_eq!((exit, out.as_str(), error.lines().count()), (Some(code), "", 1), "{args:?}: {error}");
        assert!(error.starts_with("blocking: ") && error.contains(complaint), "{args:?}: {error}");
    }
    let (code, help, _) = run(&["--help"]);
    assert!(
        code == Some(0) && ["-q", "-r", "-n", "-v", "-i", "-u", "-p", "-t"].iter().all(|o| help.contains(o))
    );
}
