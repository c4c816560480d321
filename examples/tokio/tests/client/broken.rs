//! Connections break in the middle of work in both directions, and the client stays: nothing is lost, and nothing happens twice.

use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::{Message, Qos, Version};
use sans_mqtt_tokio::endpoint::{Endpoint, TlsFiles};
use sans_mqtt_tokio::journal::{Durability, Journal};
use sans_mqtt_tokio::{Event, Options, Stale, start};
use tokio::time::timeout;

use crate::killed::check;
use crate::server::{Blow, Broker};

const COUNT: usize = 1000;

pub fn options(version: Version, port: u16) -> Options {
    let endpoint = Endpoint::new(&format!("mqtt://localhost:{port}"), &TlsFiles::default()).unwrap();
    let (first_pause, longest_pause) = (Duration::ZERO, Duration::ZERO);
    Options { version, first_pause, longest_pause, ..Options::new(endpoint) }
}

async fn breaks(version: Version, qos: Qos) {
    let broker = Arc::new(Broker::default());
    let (port, _server) = broker.listen(None).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    let session = Journal::open(&path, Some("a"), "test", Durability::Process).await.unwrap();
    let (client, mut events, end) = start(options(version, port), session);

    // What was done with a message that can't be acknowledged any more is undone.
    let processing = tokio::spawn(async move {
        let (mut done, mut breaks) = (Vec::new(), 0);
        while let Some(event) = events.recv().await {
            match event {
                Event::Message(received) => {
                    let number: usize = str::from_utf8(received.get().payload).unwrap().parse().unwrap();
                    if received.ack_at(done.len() as u64).await != Err(Stale) {
                        done.push(number);
                    }
                }
                Event::Disconnected { .. } => breaks += 1,
                Event::Connected { .. } => {}
                event => panic!("{event:?}"),
            }
            if done.last() == Some(&(COUNT - 1)) && breaks > 20 {
                break;
            }
        }
        (done, breaks, events)
    });
    let breaking = tokio::spawn({
        let broker = broker.clone();
        async move {
            loop {
                broker.light(Some((fastrand::usize(..40), Blow::Drop)));
                broker.blown.notified().await;
            }
        }
    });
    let sending = async {
        assert!(!client.subscribe("down", qos).await.unwrap().is_error());
        for number in 0..COUNT {
            broker.send(qos, number.to_string());
            let payload = number.to_string();
            let message = Message { qos, topic: "up", payload: payload.as_bytes(), ..Message::default() };
            client.publish(&message).await.unwrap();
            // What is at stake is whether it is short, too, whenever it is looked at.
            assert!(std::fs::metadata(&path).unwrap().len() < 70_000);
        }
        processing.await.unwrap()
    };
    let (done, breaks, _events) = timeout(Duration::from_secs(30), sending).await.expect("everything passes");
    breaking.abort();
    broker.light(None);
    timeout(Duration::from_secs(5), client.flush()).await.expect("everything is acknowledged").unwrap();
    println!("{breaks} connections broke");
    check(&done, COUNT, qos);
    let received: Vec<_> = broker.received.lock().unwrap().iter().map(|text| text.parse().unwrap()).collect();
    check(&received, COUNT, qos);
    client.disconnect();
    end.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_once() {
    breaks(Version::V5_0, Qos::AtLeastOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once() {
    breaks(Version::V5_0, Qos::ExactlyOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_in_an_older_version() {
    breaks(Version::V3_1_1, Qos::ExactlyOnce).await;
}

/// A server that loses its sessions gets the messages and the subscriptions again.
async fn forgets(version: Version) {
    let broker = Arc::new(Broker::default());
    let (port, _server) = broker.listen(None).await;
    let (client, mut events, end) = start(options(version, port), Journal::volatile(None));
    let losing = tokio::spawn({
        let broker = broker.clone();
        async move {
            let mut losses = 0;
            while let Some(event) = events.recv().await {
                match event {
                    Event::Connected { session_present: false } => losses += 1,
                    Event::Refused(_) | Event::Lost(_) => panic!("{event:?}"),
                    _ => {}
                }
                broker.light(Some((fastrand::usize(5..40), Blow::Drop)));
                broker.forget();
            }
            losses
        }
    });
    assert!(!client.subscribe("down", Qos::AtLeastOnce).await.unwrap().is_error());
    for number in 0..COUNT {
        let qos = [Qos::AtLeastOnce, Qos::ExactlyOnce][number % 2];
        let payload = number.to_string();
        client
            .publish(&Message { qos, topic: "up", payload: payload.as_bytes(), ..Message::default() })
            .await
            .unwrap();
    }
    timeout(Duration::from_secs(10), client.flush()).await.expect("everything is acknowledged").unwrap();
    client.disconnect();
    end.await.unwrap().unwrap();
    let losses = losing.await.unwrap();
    let mut received: Vec<usize> =
        broker.received.lock().unwrap().iter().map(|text| text.parse().unwrap()).collect();
    let filters = broker.filters.lock().unwrap().len();
    println!(
        "{losses} sessions lost, {filters} subscriptions, {} messages more than once",
        received.len() - COUNT
    );
    received.sort_unstable();
    received.dedup();
    assert!(received.into_iter().eq(0..COUNT));
    assert!(losses > 3 && filters > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_forgets() {
    forgets(Version::V5_0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_forgets_in_an_older_version() {
    forgets(Version::V3_1_1).await;
}
