//! A server that follows a script, and the client under test.
//!
//! A script is words: a command for the client, if any; `>` and what the server sends; `<` and what the client has to
//! send, to the byte; `=` and how the connection has to end, as the client reports it. Bytes are hex digits or 'text', and
//! `ok` is the server's CONNACK. Scripts that end with `= alive` go on with a message that has to be acknowledged, and
//! nothing else before; the server closes the connection then. In the others the client has to close it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::program;

/// How the server writes: packet by packet, everything at once that waits for nothing, or byte by byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    Packets,
    Together,
    Bytes,
}

/// How long a client may take for anything.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    listener: TcpListener,
    lines: usize,
}

/// What happens in a script.
enum Act {
    Send(Vec<u8>),
    Expect(Vec<u8>),
}

impl Client {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(program::example("scripted_client"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout, listener, lines: 0 }
    }

    /// Gives a line to the client, as it is.
    pub(crate) fn line(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
        self.lines += 1;
    }

    /// The next report, without the number of the line.
    pub(crate) fn report(&mut self) -> String {
        let mut report = String::new();
        self.stdout.read_line(&mut report).unwrap();
        let (number, how) = report.trim_end().split_once(' ').unwrap_or_else(|| panic!("{report:?}"));
        assert_eq!(number, self.lines.to_string(), "{report}");
        how.into()
    }

    /// One connection that follows a script.
    pub(crate) fn run(&mut self, level: u8, clean: bool, script: &str, style: Style) {
        let (command, talk, end) = parse(level, clean, script);
        let port = self.listener.local_addr().unwrap().port();
        self.line(&format!("{port} {level} {} {command}", u8::from(clean)));
        let mut socket = self.accept();
        for act in join(talk, style) {
            match act {
                Act::Send(bytes) if style == Style::Bytes => {
                    for byte in bytes {
                        // The client may have closed already, which the end will show.
                        if socket.write_all(&[byte]).is_err() {
                            break;
                        }
                        thread::sleep(Duration::from_micros(50));
                    }
                }
                Act::Send(bytes) => socket.write_all(&bytes).unwrap(),
                Act::Expect(bytes) => {
                    let mut came = vec![0; bytes.len()];
                    let read = socket.read_exact(&mut came);
                    assert!(
                        read.is_ok() && came == bytes,
                        "{script}: {read:?} {came:02x?}, not {bytes:02x?}"
                    );
                }
            }
        }
        let mut more = Vec::new();
        if end != "closed" {
            // Nothing more, and then the end: but not a reset, which might have cost the server what was said.
            let read = socket.read_to_end(&mut more);
            assert!(read.is_ok() && more.is_empty(), "{script}: {read:?} {more:02x?}");
        }
        drop(socket);
        let report = self.report();
        assert!(report.starts_with(&format!("{end}: ")), "{script} {style:?}: {report}");
    }

    fn accept(&self) -> TcpStream {
        let start = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    socket.set_nodelay(true).unwrap();
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return socket;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_micros(200));
                }
                Err(error) => panic!("no client: {error}"),
            }
        }
    }

    /// Ends the input; gives what was said on standard error.
    pub(crate) fn finish(mut self) -> String {
        drop(self.stdin);
        assert!(self.stdout.buffer().is_empty());
        self.child.stdout = Some(self.stdout.into_inner());
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// The command, what happens, and the end.
fn parse(level: u8, clean: bool, script: &str) -> (&str, Vec<Act>, &str) {
    let mut talk = vec![Act::Expect(connect(level, clean))];
    let (mut command, mut end) = ("", "");
    let mut words = script.split_whitespace();
    while let Some(word) = words.next() {
        let begun = talk.len() > 1;
        match (word, talk.last_mut()) {
            ("<", _) => talk.push(Act::Expect(Vec::new())),
            (">", _) => talk.push(Act::Send(Vec::new())),
            ("ok", _) => talk.push(Act::Send(hex(if level == 5 { "20 03 00 00 00" } else { "20 02 00 00" }))),
            ("=", _) => end = words.next().unwrap(),
            _ if !begun => command = word,
            (bytes, Some(Act::Expect(act) | Act::Send(act))) => act.extend(hex(bytes)),
            _ => unreachable!(),
        }
    }
    if end == "alive" {
        let properties = if level == 5 { "00" } else { "" };
        talk.push(Act::Send(hex(&format!(
            "32 {:02X} 0005 'alive' FFFF {properties}",
            9 + properties.len() / 2
        ))));
        talk.push(Act::Expect(hex("40 02 FFFF")));
        end = "closed";
    }
    (command, talk, end)
}

/// The client's CONNECT.
fn connect(level: u8, clean: bool) -> Vec<u8> {
    let flags = if clean { "02" } else { "00" };
    hex(&match (level, clean) {
        (3, _) => format!("10 15 0006 'MQIsdp' 03 {flags} 003C 0007 'fuzzish'"),
        (4, _) => format!("10 13 0004 'MQTT' 04 {flags} 003C 0007 'fuzzish'"),
        (_, true) => "10 17 0004 'MQTT' 05 02 003C 03 21 0014 0007 'fuzzish'".into(),
        (_, false) => "10 1C 0004 'MQTT' 05 00 003C 08 21 0014 11 FFFFFFFF 0007 'fuzzish'".into(),
    })
}

fn hex(words: &str) -> Vec<u8> {
    let digits = |word: &str| -> Vec<u8> {
        let pairs = word.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    let bytes = |word: &str| match word.strip_prefix('\'') {
        Some(text) => text.trim_end_matches('\'').into(),
        None => digits(word),
    };
    words.split_whitespace().flat_map(bytes).collect()
}

/// Makes one of all that is sent without waiting in between.
fn join(talk: Vec<Act>, style: Style) -> Vec<Act> {
    let mut joined: Vec<Act> = Vec::new();
    for act in talk {
        match (joined.last_mut(), act) {
            (Some(Act::Send(before)), Act::Send(bytes)) if style == Style::Together => before.extend(bytes),
            (_, act) => joined.push(act),
        }
    }
    joined
}
