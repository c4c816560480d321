//! Brokers as programs: how each is started, and stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sans_mqtt::Version;

use crate::process::{self, Usage};

/// Where brokers run; what loads them runs on another processor.
pub const PROCESSOR: usize = 0;
pub const OTHER_PROCESSOR: usize = 1;

/// A broker that is installed.
#[derive(Clone, Debug)]
pub struct Program {
    pub name: &'static str,
    path: PathBuf,
    kind: Kind,
    /// Given to it beside what it always gets.
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ours,
    Mosquitto,
    Rumqttd,
}

impl Program {
    /// The broker of the examples, at `path` or built from the source.
    pub fn ours(path: Option<PathBuf>, arguments: Vec<String>) -> io::Result<Self> {
        let path = path.map_or_else(build, Ok)?;
        Ok(Self { name: "sans-mqtt", path, kind: Kind::Ours, arguments })
    }

    pub fn mosquitto(path: PathBuf) -> Self {
        Self { name: "mosquitto", path, kind: Kind::Mosquitto, arguments: Vec::new() }
    }

    pub fn rumqttd(path: PathBuf) -> Self {
        Self { name: "rumqttd", path, kind: Kind::Rumqttd, arguments: Vec::new() }
    }

    /// What it calls itself.
    pub fn version(&self) -> io::Result<String> {
        let flag = if matches!(self.kind, Kind::Mosquitto) { "-h" } else { "--version" };
        if matches!(self.kind, Kind::Ours) {
            return Ok(format!("{} (this source)", self.name));
        }
        let output = Command::new(&self.path).arg(flag).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).replace(" version", "");
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Starts it on a port of its own, for clients of that version, and waits until it listens.
    pub fn start(&self, version: Version) -> io::Result<Running> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        self.start_at(address, version)
    }

    pub fn start_at(&self, address: SocketAddr, version: Version) -> io::Result<Running> {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(&self.path);
        match self.kind {
            Kind::Ours => command.arg(address.to_string()).args(OURS),
            Kind::Mosquitto => {
                let file = directory.path().join("mosquitto.conf");
                std::fs::write(&file, mosquitto_conf(address))?;
                command.arg("-c").arg(file)
            }
            Kind::Rumqttd => {
                let file = directory.path().join("rumqttd.toml");
                std::fs::write(&file, rumqttd_toml(address, version))?;
                command.arg("-q").arg("-c").arg(file)
            }
        };
        command.args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It inherits the processor of the one who starts it, with all its threads.
        process::pin(PROCESSOR)?;
        let child = command.spawn();
        process::pin(OTHER_PROCESSOR)?;
        let child = child.map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))?;
        let mut running = Running { child, address, _directory: directory };
        running.listens()?;
        Ok(running)
    }
}

/// A broker that runs; dropped, it is killed.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// Its configuration, and what it writes.
    _directory: tempfile::TempDir,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn usage(&self) -> io::Result<Usage> {
        process::usage(self.pid())
    }

    /// Whether it has ended by itself, and how.
    pub fn ended(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        self.child.try_wait()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it takes connections.
    fn listens(&mut self) -> io::Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.ended()? {
                return Err(io::Error::other(format!("the broker ended at once, with {status}")));
            }
            if Instant::now() > patience {
                return Err(io::Error::other("the broker does not listen after 10 s"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Builds the broker of the examples, and says where it is.
fn build() -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--release", "--package", "broker", "--message-format", "json"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let artifacts = messages.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let path = artifacts.filter_map(|it| Some(PathBuf::from(it.get("executable")?.as_str()?))).next_back();
    path.filter(|_| output.status.success()).ok_or_else(|| io::Error::other("the broker could not be built"))
}

/// Without limits of queues: each message counts.
const OURS: [&str; 8] = [
    "--log",
    "off",
    "--receive-maximum",
    "1024",
    "--max-inflight-messages",
    "1024",
    "--max-queued-messages",
    "0",
];

/// The same.
fn mosquitto_conf(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "listener {port} {ip}\nallow_anonymous true\nset_tcp_nodelay true\nlog_type none\n\
         max_inflight_messages 1024\nmax_queued_messages 0\n"
    )
}

/// As it comes, with one listener and no delay between connections.
fn rumqttd_toml(address: SocketAddr, version: Version) -> String {
    let listener = if version == Version::V5_0 { "v5" } else { "v4" };
    format!(
        "id = 0\n\
         [router]\nid = 0\nmax_connections = 10010\nmax_outgoing_packet_count = 200\n\
         max_segment_size = 104857600\nmax_segment_count = 10\n\
         [{listener}.1]\nname = \"{listener}-1\"\nlisten = \"{address}\"\nnext_connection_delay_ms = 0\n\
         [{listener}.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 20480\n\
         max_inflight_count = 500\ndynamic_filters = true\n"
    )
}
