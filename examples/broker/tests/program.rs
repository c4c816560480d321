//! The program as a whole: what it says to wrong options, and how it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sans_mqtt::{Connect, Packet, Version};

fn broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// It is killed when the test is over.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = broker(arguments).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn address(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.strip_prefix("listening on ").unwrap().trim().into()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn end(&mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: &str, version: Version) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let connect = Packet::from(Connect { client_id: "c", keep_alive: 0, ..Connect::default() });
    socket.write_all(&connect.to_vec(version).unwrap()).unwrap();
    let mut head = [0; 2];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x20);
    socket.read_exact(&mut vec![0; head[1].into()]).unwrap();
    socket
}

#[test]
fn it_says_farewell_and_stops() {
    for (signal, version, farewell) in [
        ("TERM", Version::V5_0, &b"\xE0\x01\x8B"[..]),
        ("INT", Version::V5_0, b"\xE0\x01\x8B"),
        ("TERM", Version::V3_1_1, b""),
    ] {
        let mut broker = Running::start(&["0"]);
        let address = broker.address();
        let mut client = connect(&address, version);
        let _silent = TcpStream::connect(&address).unwrap();
        let start = Instant::now();
        broker.signal(signal);
        let mut last = Vec::new();
        client.read_to_end(&mut last).unwrap();
        drop(client);
        assert_eq!(last, farewell);
        let (code, log) = broker.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(start.elapsed() < Duration::from_secs(4));
        assert!(TcpStream::connect(&address).is_err());
    }
}

#[test]
fn sighup_does_not_stop_it() {
    let mut broker = Running::start(&["0", "[::1]:0", "ws://127.0.0.1:0", "--log-format", "json"]);
    let address = broker.address();
    assert!(broker.address().starts_with("[::1]:"));
    assert!(broker.address().starts_with("ws://127.0.0.1:"));
    broker.signal("HUP");
    drop(connect(&address, Version::V3_1_1));
    std::thread::sleep(Duration::from_millis(200));
    broker.signal("TERM");
    let (code, log) = broker.end();
    assert_eq!(code, Some(0));
    let events: Vec<_> = log.lines().collect();
    assert!(events.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
    assert!(
        log.contains(r#""message":"connected","address":"#) && log.contains(r#""client_id":"c""#),
        "{log}"
    );
}

#[test]
fn sighup_sends_away_whose_password_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("passwords");
    let (anna, line) = (passwd("anna", "pencil", "scram"), passwd("bert", "rubber", "scram"));
    std::fs::write(&file, anna + &line).unwrap();
    let mut broker = Running::start(&["0", "--password-file", file.to_str().unwrap()]);
    let address = broker.address();
    let [mut anna, mut bert] = [("anna", "pencil"), ("bert", "rubber")].map(|(user, password)| {
        let (mut socket, code) = log_in(&address, user, password);
        assert_eq!(code, 0);
        socket.write_all(b"\xC0\0").unwrap();
        socket
    });
    anna.read_exact(&mut [0; 2]).unwrap();
    std::fs::write(&file, passwd("anna", "ink", "scram") + &line).unwrap();
    broker.signal("HUP");
    assert_eq!(anna.read(&mut [0; 2]).unwrap(), 0, "closed");
    bert.write_all(b"\xC0\0").unwrap();
    bert.read_exact(&mut [0; 4]).unwrap();
    assert_eq!((log_in(&address, "anna", "pencil").1, log_in(&address, "anna", "ink").1), (5, 0));
}

#[test]
fn an_option_that_can_t_work_is_told_in_a_sentence() {
    for (arguments, word) in [
        (&["70000"][..], "70000"),
        (&["http://127.0.0.1:80"], "http://"),
        (&["::1"], "brackets"),
        (&["tls://127.0.0.1:0"], "--cert"),
        (&["--cert", "a.pem"], "--key"),
        (&["--cert", "no-such-file", "--key", "Cargo.toml"], "--cert no-such-file: No such file"),
        (&["--cert", "Cargo.toml", "--key", "Cargo.toml"], "no certificate"),
        (&["--client-ca", "a.pem"], "--cert"),
        (&["--max-qos", "3"], "0, 1 or 2"),
        (&["--receive-maximum", "0"], "1..=65535"),
        (&["--protocol-versions", "3.1,4"], "3.1.1"),
        (&["--retain-available", "maybe"], "true"),
        (&["--sync", "true"], "--persistence"),
        (&["--use-identity-as-username", "true"], "--client-ca"),
        (&["--use-identity-as-username", "true", "--cert", "a", "--key", "a", "--client-ca", "a"], "tls://"),
        (&["--log", "info,broker=loud"], "loud"),
        (&["--log", "chatty"], "chatty"),
        (&["--log", "broker::nett=debug"], "broker::nett"),
        (&["--no-such-option"], "--no-such-option"),
    ] {
        let Output { status, stdout, stderr } = broker(arguments).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            stdout.is_empty() && said.contains(word) && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
    // That is no fault of the options.
    let mut first = Running::start(&["0"]);
    for (arguments, word) in [(&[&first.address()[..]][..], "can't listen"), (&["paswd", "anna"], "passwd")] {
        let failed = broker(arguments).output().unwrap();
        assert_eq!(failed.status.code(), Some(1), "{arguments:?}");
        assert!(String::from_utf8(failed.stderr).unwrap().contains(word), "{arguments:?}");
    }
}

#[test]
fn it_tells_its_version() {
    let output = broker(&["--version"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, concat!("broker ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}

#[test]
fn it_warns_if_anybody_may_do_everything() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certified = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let cert = &file("cert.pem", &certified.cert.pem());
    let key = &file("key.pem", &certified.signing_key.serialize_pem());
    let file = &file("empty", "");
    let tls = ["tls://0.0.0.0:0", "--cert", cert, "--key", key, "--client-ca", cert];
    for (arguments, warns) in [
        (&["0.0.0.0:0"][..], true),
        (&["[::]:0"], true),
        (&["127.0.0.1:0", "[::1]:0"], false),
        (&["0.0.0.0:0", "--password-file", file], false),
        (&["0.0.0.0:0", "--password-file", file, "--allow-anonymous", "true"], true),
        (&["0.0.0.0:0", "--acl-file", file], false),
        (&tls, true),
        (&[&tls[..], &["--require-client-certificate", "true"]].concat(), false),
    ] {
        let mut broker = Running::start(&[arguments, &["--log", "warn"]].concat());
        broker.address();
        broker.signal("TERM");
        let (code, log) = broker.end();
        assert_eq!((code, log.contains("anybody")), (Some(0), warns), "{arguments:?}: {log}");
    }
}

/// `IDLE_CONNECTIONS=10000 cargo test -p broker --test program idle -- --nocapture` measures it with more.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_connection_takes_little_memory() {
    let count = std::env::var("IDLE_CONNECTIONS").map_or(400, |count| count.parse().unwrap());
    let mut broker = Running::start(&["0", "--log", "warn"]);
    let address = broker.address();
    let memory = |broker: &Running| -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", broker.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let connect = |id: usize| {
        let mut socket = TcpStream::connect(&address).unwrap();
        let client_id = &format!("client-{id}");
        let connect = Packet::from(Connect { client_id, keep_alive: 60, ..Connect::default() });
        socket.write_all(&connect.to_vec(Version::V3_1_1).unwrap()).unwrap();
        socket.read_exact(&mut [0; 4]).unwrap();
        socket
    };
    // What all connections share is there after the first.
    let _first = connect(0);
    let before = memory(&broker);
    let _sockets: Vec<_> = (1..=count).map(connect).collect();
    let each = (memory(&broker) - before) * 1024 / count;
    println!("{count} idle connections: {each} bytes each, session and all");
    assert!(each < 8192, "{each} bytes");
}

/// Gives what it prints for a password.
fn passwd(user: &str, password: &str, kind: &str) -> String {
    let mut child = broker(&["passwd", user, "--kind", kind]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The return code of CONNACK, too.
fn log_in(address: &str, user: &str, password: &str) -> (TcpStream, u8) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let password = Some(password.as_bytes());
    let connect = Connect { client_id: user, user_name: Some(user), password, ..Connect::default() };
    socket.write_all(&Packet::from(connect).to_vec(Version::V3_1_1).unwrap()).unwrap();
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).unwrap();
    assert_eq!(connack[..3], [0x20, 2, 0], "{user}");
    (socket, connack[3])
}

#[test]
fn passwords_that_it_writes_let_users_in() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("passwords");
    std::fs::write(&file, passwd("anna", "pencil", "argon2id") + &passwd("bert", "rubber", "scram")).unwrap();
    let mut broker = Running::start(&["0", "--password-file", file.to_str().unwrap()]);
    let address = broker.address();
    for (user, password, code) in
        [("anna", "pencil", 0), ("anna", "rubber", 5), ("bert", "rubber", 0), ("carl", "pencil", 5)]
    {
        assert_eq!(log_in(&address, user, password).1, code, "{user}");
    }
    broker.signal("TERM");
    let (_, log) = broker.end();
    for (what, user) in
        [("connected", "anna"), ("refused", "anna"), ("connected", "bert"), ("refused", "carl")]
    {
        let is_it = |line: &str| line.contains(what) && line.contains(&format!("user=\"{user}\""));
        assert!(log.lines().any(is_it), "{what} {user}: {log}");
    }
}
