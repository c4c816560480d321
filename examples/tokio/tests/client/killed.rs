//! The client is killed with SIGKILL in the middle of its work, again and again, and goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::{Cause, Qos, ReasonCode};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::server::{Blow, Broker};
use crate::tls::Authority;

const ROUNDS: usize = 25;

struct Setup {
    folder: TempDir,
    broker: Arc<Broker>,
    url: String,
    ca: Option<std::path::PathBuf>,
    _server: tokio::task::JoinSet<()>,
}

impl Setup {
    async fn new(is_tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Arc::new(Broker::default());
        let authority = is_tls.then(Authority::new);
        let ca = authority.as_ref().map(|authority| authority.write(folder.path(), "ca.pem"));
        let tls = authority.map(|authority| authority.server("localhost", false));
        let (port, _server) = broker.listen(tls).await;
        let url = format!("{}://localhost:{port}", if is_tls { "mqtts" } else { "mqtt" });
        Self { folder, broker, url, ca, _server }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self, args: &[&str], file: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        command.args(["--id", "a", "--session"]).arg(self.path("session")).args(args).arg(file);
        if let Some(ca) = &self.ca {
            command.arg("--ca").arg(ca);
        }
        command.stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    }

    /// Lets a client work until the server has got a number of pieces, or for some time, perhaps through a broken connection;
    /// and kills it.
    async fn kill(&self, mut client: Child) {
        let blow = [None, Some(Blow::Drop), Some(Blow::Halt)][fastrand::usize(..3)];
        self.broker.light(blow.map(|blow| (fastrand::usize(..60), blow)));
        let work = async {
            self.broker.blown.notified().await;
            if blow == Some(Blow::Drop) {
                sleep(Duration::from_millis(fastrand::u64(100..400))).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = sleep(Duration::from_millis(fastrand::u64(5..150))), if blow.is_none() => {}
            () = sleep(Duration::from_millis(400)) => {}
            end = client.wait() => assert!(end.unwrap().success()), // there was nothing left to do
        }
        client.kill().await.unwrap();
        self.broker.light(None);
    }
}

fn numbers<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<usize> {
    lines.map(|line| line.parse().unwrap_or_else(|_| panic!("no number: {line}"))).collect()
}

/// All of 0 to `count` are there, in order; at QoS 1 perhaps more than once, from an earlier one on.
pub fn check(numbers: &[usize], count: usize, qos: Qos) {
    if qos == Qos::ExactlyOnce {
        assert!(numbers.iter().copied().eq(0..count), "{numbers:?}");
    } else {
        let mut next = 0;
        for &number in numbers {
            assert!(number <= next, "{next} is missing: {numbers:?}");
            next = next.max(number + 1);
        }
        assert_eq!(next, count);
    }
}

async fn publishes(is_tls: bool, qos: Qos) {
    let setup = Setup::new(is_tls).await;
    let (input, mut count) = (setup.path("input"), 0);
    let args = ["--qos", if qos == Qos::ExactlyOnce { "2" } else { "1" }, &setup.url, "pub", "up", "--input"];
    for _ in 0..ROUNDS {
        let more: String = (count..count + 40).map(|number| format!("{number}\n")).collect();
        count += 40;
        fs::write(&input, fs::read_to_string(&input).unwrap_or_default() + &more).unwrap();
        setup.kill(setup.client(&args, &input)).await;
    }
    let end = timeout(Duration::from_secs(20), setup.client(&args, &input).wait()).await;
    assert!(end.expect("it ends").unwrap().success());
    let received = setup.broker.received.lock().unwrap();
    check(&numbers(received.iter().map(String::as_str)), count, qos);
}

async fn subscribes(is_tls: bool, qos: Qos) {
    let setup = Setup::new(is_tls).await;
    let (output, mut count) = (setup.path("output"), 0);
    fs::write(&output, "what was there before\n").unwrap();
    let args =
        ["--qos", if qos == Qos::ExactlyOnce { "2" } else { "1" }, &setup.url, "sub", "down", "--output"];
    for _ in 0..ROUNDS {
        for _ in 0..40 {
            setup.broker.send(qos, count.to_string());
            count += 1;
        }
        setup.kill(setup.client(&args, &output)).await;
    }
    let mut client = setup.client(&args, &output);
    let last = format!("down {}\n", count - 1);
    let done = async {
        while !fs::read_to_string(&output).unwrap().ends_with(&last) {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(50)).await;
    };
    timeout(Duration::from_secs(20), done).await.expect("everything comes");
    signal(&client, "TERM");
    assert!(client.wait().await.unwrap().success(), "a signal is no failure");
    let ended = async {
        while !setup.broker.is_done("a") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), ended).await.expect("everything is acknowledged");
    assert_eq!(setup.broker.causes.lock().unwrap().last(), Some(&Cause::Peer(ReasonCode::SUCCESS)));
    let text = fs::read_to_string(&output).unwrap();
    let lines = text.strip_prefix("what was there before\n").unwrap().lines();
    check(&numbers(lines.map(|line| line.strip_prefix("down ").unwrap_or(line))), count, qos);
}

/// Sends a signal: `INT` or `TERM`.
pub fn signal(client: &Child, name: &str) {
    let (name, id) = (format!("-{name}"), client.id().unwrap().to_string());
    assert!(std::process::Command::new("kill").args([name, id]).status().unwrap().success());
}

macro_rules! tests {
    ($($name:ident: $what:ident $tls:literal $qos:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $what($tls, Qos::$qos).await;
        })+
    };
}

tests! {
    publishes_at_least_once_over_tcp: publishes false AtLeastOnce,
    publishes_exactly_once_over_tcp: publishes false ExactlyOnce,
    publishes_at_least_once_over_tls: publishes true AtLeastOnce,
    publishes_exactly_once_over_tls: publishes true ExactlyOnce,
    subscribes_at_least_once_over_tcp: subscribes false AtLeastOnce,
    subscribes_exactly_once_over_tcp: subscribes false ExactlyOnce,
    subscribes_at_least_once_over_tls: subscribes true AtLeastOnce,
    subscribes_exactly_once_over_tls: subscribes true ExactlyOnce,
}
