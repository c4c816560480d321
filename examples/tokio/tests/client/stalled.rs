//! A server that is there, and reads nothing any more.

use std::io::ErrorKind;
use std::time::Duration;

use sans_mqtt::{Message, Version};
use sans_mqtt_tokio::journal::Journal;
use sans_mqtt_tokio::{Error, Event, Handle, start};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{self, Instant, timeout};

use crate::broken::options;
use crate::script::{Peer, Server};

/// How long the server may read nothing.
const PATIENCE: Duration = Duration::from_secs(20);

struct Stalled {
    client: Handle,
    events: mpsc::Receiver<Event>,
    end: JoinHandle<Result<(), Error>>,
    server: Server,
    _peer: Peer,
}

impl Stalled {
    /// The client has written as much as goes into the transport, and has more. From now on, time passes as soon as all wait
    /// for it.
    async fn new() -> Self {
        let server = Server::new(Version::V5_0).await;
        let (client, mut events, end) = start(options(Version::V5_0, server.port()), Journal::volatile(None));
        let _peer = server.accept(false).await;
        assert!(matches!(events.recv().await, Some(Event::Connected { .. })));
        let message = Message { topic: "a", payload: &[0; 60_000], ..Message::default() };
        while timeout(Duration::from_secs(1), client.publish(&message)).await.is_ok() {}
        time::pause();
        Self { client, events, end, server, _peer }
    }
}

#[tokio::test]
async fn given_up() {
    let mut stalled = Stalled::new().await;
    let began = Instant::now();
    let event = stalled.events.recv().await;
    let Some(Event::Disconnected { error: Error::Lost(error), .. }) = event else { panic!("{event:?}") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let took = began.elapsed();
    assert!((PATIENCE / 2..=PATIENCE).contains(&took), "{took:?}");
    time::resume();
    stalled.server.accept(false).await;
}

/// Who leaves does not come back for what the server has not read.
#[tokio::test]
async fn left() {
    let mut stalled = Stalled::new().await;
    stalled.client.disconnect();
    let end = timeout(2 * PATIENCE, stalled.end).await.expect("it ends");
    end.unwrap().unwrap();
    let event = stalled.events.recv().await;
    assert!(event.is_none(), "{event:?}");
}
