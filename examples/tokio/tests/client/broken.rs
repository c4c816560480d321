//! Connections break in the middle of work in both directions, and the client stays: nothing is lost, and nothing happens twice.

use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::{Message, Qos, Version};
use sans_mqtt_tokio::endpoint::{Endpoint, TlsFiles};
use sans_mqtt_tokio::journal::{Durability, Journal};
use sans_mqtt_tokio::{Event, Options, Stale, start};
use tokio::time::timeout;

use crate::killed::check;
use crate::server::Broker;

const COUNT: usize = 1000;

async fn breaks(version: Version, qos: Qos) {
    let broker = Arc::new(Broker { drops: true, ..Broker::default() });
    let (port, _server) = broker.listen(None).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    let session = Journal::open(&path, Some("a"), "test", Durability::Process).await.unwrap();
    let mut options =
        Options::new(Endpoint::new(&format!("mqtt://localhost:{port}"), &TlsFiles::default()).unwrap());
    (options.version, options.first_pause, options.longest_pause) = (version, Duration::ZERO, Duration::ZERO);
    let (client, mut events, end) = start(options, session);

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
                broker.light(Some(fastrand::usize(1..40)));
                broker.blown.notified().await;
            }
        }
    });
    let sending = async {
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
