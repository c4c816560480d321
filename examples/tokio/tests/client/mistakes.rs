//! Whatever is wrong is said in a sentence, and the program ends with a failure.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::{Cause, Qos, ReasonCode};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::killed::signal;
use crate::server::Broker;
use crate::tls::Authority;

fn client(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["--patience", "1"]).args(args).env("MQTT_PASSWORD", "wrong");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

async fn end(client: Child) -> (ExitStatus, String) {
    let output = timeout(Duration::from_secs(10), client.wait_with_output()).await.expect("it ends").unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

/// The client fails, and its last line says so.
pub async fn fails(args: &[&str], says: &str) {
    let (status, errors) = end(client(args)).await;
    assert_eq!(status.code(), Some(1), "{errors}");
    let last = errors.lines().rfind(|line| line.starts_with("client: ")).unwrap_or_default();
    assert!(last.contains(says), "{errors}");
}

async fn listen(broker: Broker) -> (String, tokio::task::JoinSet<()>) {
    let (port, server) = Arc::new(broker).listen(None).await;
    (format!("mqtt://localhost:{port}"), server)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn command_line() {
    fails(&[], "URL sub FILTER, or URL pub TOPIC").await;
    fails(&["http://localhost", "sub", "a"], "http://localhost is not of the form mqtt://HOST:PORT").await;
    fails(&["mqtt://localhost:80000", "sub", "a"], "is not of the form").await;
    fails(&["mqtt://localhost", "sub", "a/#/b"], "the topic filter a/#/b: ").await;
    fails(&["mqtt://localhost", "pub", "a/+"], "the topic a/+: ").await;
    fails(&["mqtt://localhost", "pub", "a", "--output", "b"], "--output is for sub").await;
    fails(&["mqtt://localhost", "pub", "a", "--qos", "3"], "--qos is 0, 1 or 2").await;
    fails(&["mqtts://localhost", "pub", "a", "--ca", "nowhere.pem"], "can't use nowhere.pem: ").await;
    fails(&["mqtts://localhost", "pub", "a", "--cert", "a.pem"], "--cert and --key belong together").await;
    fails(&["mqtt://localhost", "pub", "a", "--input", "nowhere"], "nowhere: No such file").await;
    fails(&["mqtt://localhost", "pub", "a", "--what"], "--what").await;
}

#[tokio::test]
async fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let says = format!("can't connect to localhost, port {port}: Connection refused");
    fails(&[&format!("mqtt://localhost:{port}"), "pub", "a"], &says).await;
}

#[tokio::test]
async fn wrong_password() {
    let (url, _server) = listen(Broker { login: Some(("me", b"right")), ..Broker::default() }).await;
    let says = "the server refused the connection: Bad User Name or Password";
    fails(&[&url, "pub", "a", "--user", "me"], says).await;
    fails(&[&url, "pub", "a", "--user", "me", "--mqtt", "3.1.1"], says).await;
}

#[tokio::test]
async fn not_allowed() {
    let (url, _server) = listen(Broker { answer: ReasonCode::NOT_AUTHORIZED, ..Broker::default() }).await;
    fails(&[&url, "sub", "a"], "the server refused the subscription to a: Not authorized").await;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, "1\n2\n").unwrap();
    fails(&[&url, "pub", "a", "--input", text(&input)], "the server did not want 2 of the messages").await;
}

#[tokio::test]
async fn the_server_goes_away() {
    let (url, server) = listen(Broker::default()).await;
    let client = client(&[&url, "sub", "a"]);
    sleep(Duration::from_millis(300)).await;
    drop(server);
    let (status, errors) = end(client).await;
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("connected\nthe connection is"), "{errors}");
    assert!(errors.contains("; next try in 0."), "{errors}");
    assert!(errors.trim_end().lines().last().unwrap().contains("Connection refused"), "{errors}");
}

async fn over_tls(
    name: &str,
    knows_clients: bool,
) -> (tempfile::TempDir, Authority, String, PathBuf, tokio::task::JoinSet<()>) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (port, server) =
        Arc::new(Broker::default()).listen(Some(authority.server(name, knows_clients))).await;
    let ca = authority.write(folder.path(), "ca.pem");
    (folder, authority, format!("mqtts://localhost:{port}"), ca, server)
}

#[tokio::test]
async fn certificates() {
    let (folder, _, url, ca, _server) = over_tls("localhost", false).await;
    let stranger = Authority::new().write(folder.path(), "stranger.pem");
    assert!(end(client(&[&url, "pub", "a", "--ca", text(&ca)])).await.0.success());
    let untrusted = "can't be trusted: nobody known vouches for its certificate";
    fails(&[&url, "pub", "a", "--ca", text(&stranger)], untrusted).await;
    fails(&[&url.replace("mqtts", "mqtt"), "pub", "a"], "is no MQTT server, or wants TLS").await;

    let (_folder, _, url, ca, _server) = over_tls("elsewhere", false).await;
    fails(&[&url, "pub", "a", "--ca", text(&ca)], "can't be trusted: its certificate is for another name")
        .await;

    let (url, _server) = listen(Broker::default()).await;
    fails(&[&url.replace("mqtt", "mqtts"), "pub", "a", "--ca", text(&ca)], "localhost, port ").await;
}

#[tokio::test]
async fn client_certificates() {
    let (folder, authority, url, ca, _server) = over_tls("localhost", true).await;
    let [certificate, key] = authority.write_client(folder.path());
    let args = [&url, "pub", "a", "--ca", text(&ca)];
    fails(&args, "no TLS connection to localhost").await;
    let args = [&args[..], &["--cert", text(&certificate), "--key", text(&key)]].concat();
    let (status, errors) = end(client(&args)).await;
    assert!(status.success(), "{errors}");
}

#[tokio::test]
async fn sessions() {
    let (url, _server) = listen(Broker::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let [session, text_file, input] = ["session", "text", "input"].map(|name| folder.path().join(name));
    std::fs::write(&text_file, "not to be lost").unwrap();
    std::fs::write(&input, "1\n2\n").unwrap();
    fails(&[&url, "sub", "a", "--session", text(&text_file)], "this is no session").await;
    assert_eq!(std::fs::read_to_string(&text_file).unwrap(), "not to be lost");

    let running = client(&[&url, "sub", "a", "--session", text(&session)]);
    sleep(Duration::from_millis(300)).await;
    fails(&[&url, "sub", "a", "--session", text(&session)], "another program has this session").await;
    signal(&running, "TERM");
    assert!(end(running).await.0.success());
    fails(&[&url, "pub", "a", "--session", text(&session)], "this is the session of `sub a -`").await;

    let args = [&url, "pub", "a", "--session", text(&text_file), "--input", text(&input)];
    std::fs::remove_file(&text_file).unwrap();
    assert!(end(client(&args)).await.0.success());
    std::fs::write(&input, "").unwrap();
    fails(&args, "it is shorter than it was").await;
}

#[tokio::test]
async fn older_version() {
    let broker = Arc::new(Broker::default());
    let (port, _server) = broker.listen(None).await;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, "1\n2").unwrap();
    let url = format!("mqtt://127.0.0.1:{port}");
    assert!(end(client(&[&url, "pub", "a", "--mqtt", "3.1.1", "--input", text(&input)])).await.0.success());
    assert_eq!(*broker.received.lock().unwrap(), ["1", "2"]);

    let mut reader = client(&["--mqtt", "3.1.1", &url, "sub", "down"]);
    broker.send(Qos::AtLeastOnce, "hello".into());
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(reader.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
    assert_eq!(line, "down hello\n");
    signal(&reader, "TERM");
    assert!(end(reader).await.0.success());
}

/// Somebody who waits for a line is not waited for.
#[tokio::test]
async fn interrupted() {
    let broker = Arc::new(Broker::default());
    let (port, _server) = broker.listen(None).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command
        .args([&format!("mqtt://localhost:{port}"), "pub", "a"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut writer = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = writer.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut lines, b"1\n2\n").await.unwrap();
    let arrived = async {
        while *broker.received.lock().unwrap() != ["1", "2"] {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), arrived).await.expect("lines are sent as they come");
    signal(&writer, "INT");
    assert!(end(writer).await.0.success());
    assert_eq!(*broker.causes.lock().unwrap(), [Cause::Peer(ReasonCode::SUCCESS)]);
    drop(lines);
}
