//! The bridge between two brokers, over a way that is cut again and again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use broker::Shared;
use sans_mqtt::{
    Client, Config, Connect, Event, Heap, Message, Properties, Qos, Session, Step, Subscription, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// A client that publishes, or hears.
struct Peer {
    client: Client<Heap>,
    socket: TcpStream,
    input: Vec<u8>,
    heard: Vec<String>,
}

impl Peer {
    async fn new(port: u16, client_id: &str, filter: &str) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut client = Client::new(Version::V3_1_1, &Config::default(), Session::default());
        let mut output = Vec::new();
        client.connect(NOW, &Connect { client_id, ..Connect::default() }, &mut output).unwrap();
        let filter = Subscription { filter, qos: Qos::ExactlyOnce, ..Subscription::default() };
        let mut peer = Self { client, socket, input: Vec::new(), heard: Vec::new() };
        peer.turn(&mut output, |client| client.is_open()).await;
        peer.client.subscribe(&[filter], Properties::EMPTY, &mut output).unwrap();
        peer.turn(&mut output, |client| client.session().in_flight() == 0).await;
        peer
    }

    async fn publish(&mut self, topic: &str, payload: &str) {
        let (qos, payload) = (Qos::ExactlyOnce, payload.as_bytes());
        let mut output = Vec::new();
        let message = Message { qos, topic, payload, ..Message::default() };
        self.client.publish(&message, &mut output).unwrap();
        self.turn(&mut output, |client| client.session().in_flight() == 0).await;
    }

    /// Reads and writes until that is true.
    async fn turn(&mut self, output: &mut Vec<u8>, until: impl Fn(&Client<Heap>) -> bool) {
        loop {
            let input = std::mem::take(&mut self.input);
            let mut rest = &input[..];
            while let Step::Event(event) = self.client.handle(NOW, &mut rest, output) {
                if let Event::Publish(incoming, _) = event {
                    self.heard.push(String::from_utf8_lossy(incoming.payload).into_owned());
                }
            }
            self.input = rest.to_vec();
            self.socket.write_all(&std::mem::take(output)).await.unwrap();
            if until(&self.client) {
                return;
            }
            let n = self.socket.read_buf(&mut self.input).await.unwrap();
            assert_ne!(n, 0, "the broker is gone");
        }
    }

    /// Hears so many messages, and those that come within a second behind them.
    async fn hear(&mut self, n: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.heard.len() < n && Instant::now() < end {
            let _ = timeout(Duration::from_secs(1), self.turn(&mut Vec::new(), |_| false)).await;
        }
        let _ = timeout(Duration::from_secs(1), self.turn(&mut Vec::new(), |_| false)).await;
    }
}

const NOW: sans_mqtt::Instant = sans_mqtt::Instant::from_millis(0);

struct Bridge(Child, u16);

impl Bridge {
    fn new(far: u16) -> Self {
        let far = format!("127.0.0.1:{far}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bridge"));
        command.args(["127.0.0.1:0", &far, "up/#", "down/#"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self(child, port)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn each_message_crosses_once_however_often_the_way_is_cut() {
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far_port = far.local_addr().unwrap().port();
    tokio::spawn(Shared::default().listen(far));
    let way = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way_port = way.local_addr().unwrap().port();
    tokio::spawn(async move {
        // Each wire lasts a little longer than the one before.
        for life in 0.. {
            let (mut near, _) = way.accept().await.unwrap();
            let mut far = TcpStream::connect(("127.0.0.1", far_port)).await.unwrap();
            let _ =
                timeout(Duration::from_millis(3 + life * 3), copy_bidirectional(&mut near, &mut far)).await;
        }
    });
    let bridge = Bridge::new(way_port);
    let mut near = Peer::new(bridge.1, "near", "down/#").await;
    let mut far = Peer::new(far_port, "far", "up/#").await;
    // The bridge has to have subscribed once.
    sleep(Duration::from_secs(2)).await;
    for i in 0..200 {
        near.publish("up/x", &format!("up {i}")).await;
        far.publish("down/x", &format!("down {i}")).await;
        sleep(Duration::from_millis(5)).await;
    }
    tokio::join!(near.hear(200), far.hear(200));
    for (peer, word) in [(&near, "down"), (&far, "up")] {
        let expected: Vec<_> = (0..200).map(|i| format!("{word} {i}")).collect();
        assert_eq!(peer.heard, expected, "in order, once");
    }
}

#[test]
fn a_wrong_use_is_told() {
    let bridge = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bridge")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, says) = bridge(&[]);
    assert!(code == Some(2) && says.starts_with("usage"), "{code:?} {says}");
    let (code, says) = bridge(&["nonsense", "b", "c", "d"]);
    assert!(code == Some(1) && says.starts_with("bridge: can't listen on nonsense"), "{code:?} {says}");
}
