//! What becomes of subscriptions when the connection is lost, and the session with it or not.

use std::time::Duration;

use sans_mqtt::{Connack, Message, Property, Qos, ReasonCode, RetainHandling, UsageError, Version};
use sans_mqtt_tokio::journal::{Durability, Journal};
use sans_mqtt_tokio::{Error, Event, Handle, start};
use tokio::time::timeout;

use crate::broken::options;
use crate::mistakes;
use crate::script::{Peer, Server};

const FILTER: &str = "a/#";
const GRANTED: Option<ReasonCode> = Some(ReasonCode::GRANTED_QOS_1);
const REFUSED: Option<ReasonCode> = Some(ReasonCode::UNSPECIFIED_ERROR); // all that 3.1.1 knows

/// What comes next is what the client is told now.
async fn is_not_asked(mut peer: Peer, client: &Handle) {
    client.publish(&Message { topic: "b", ..Message::default() }).await.unwrap();
    peer.hears("PUBLISH").await;
}

/// A server that has lost the session refuses what it had granted before.
#[tokio::test]
async fn refused_later() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let server = Server::new(version).await;
        let (client, mut events, end) = start(options(version, server.port()), Journal::volatile(None));
        let script = async {
            server.accept(false).await.is_asked(FILTER, GRANTED).await;
            server.accept(false).await.is_asked(FILTER, REFUSED).await;
            // Now it is not asked again.
            is_not_asked(server.accept(false).await, &client).await;
        };
        let (reason, ()) = tokio::join!(client.subscribe(FILTER, Qos::AtLeastOnce), script);
        assert_eq!(reason.unwrap(), ReasonCode::GRANTED_QOS_1);
        client.disconnect();
        end.await.unwrap().unwrap();
        let mut refusals = 0;
        while let Some(event) = events.recv().await {
            if let Event::Unsubscribed { filter, reason } = event {
                assert!(filter == FILTER && reason.is_error());
                refusals += 1;
            }
        }
        assert_eq!(refusals, 1);
    }
}

/// A server that comes back can't do any more what it could: the client can't go on as it should.
#[tokio::test]
async fn not_available_later() {
    let server = Server::new(Version::V5_0).await;
    let (client, _events, end) = start(options(Version::V5_0, server.port()), Journal::volatile(None));
    let script = async {
        server.accept(false).await.is_asked(FILTER, GRANTED).await;
        let properties = &[Property::WildcardSubscriptionAvailable(false)];
        let connack = Connack { properties: properties.into(), ..Connack::default() };
        server.welcome(connack).await
    };
    let (reason, _peer) = tokio::join!(client.subscribe(FILTER, Qos::AtLeastOnce), script);
    assert_eq!(reason.unwrap(), ReasonCode::GRANTED_QOS_1);
    let error = timeout(Duration::from_secs(5), end).await.expect("it ends").unwrap().unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::NotAvailable(_))), "{error}");
}

/// As long as the server has the session, it is not asked for what it has granted: before 5.0 it would send its retained
/// messages once more.
#[tokio::test]
async fn kept_with_the_session() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let server = Server::new(version).await;
        let (client, mut events, end) = start(options(version, server.port()), Journal::volatile(None));
        let script = async {
            // Whoever does not answer may not have it.
            server.accept(false).await.is_asked(FILTER, None).await;
            server.accept(true).await.is_asked(FILTER, None).await;
            server.accept(true).await.is_asked(FILTER, GRANTED).await;
            is_not_asked(server.accept(true).await, &client).await;
            is_not_asked(server.accept(true).await, &client).await;
            server.accept(false).await.is_asked(FILTER, None).await;
            server.accept(true).await.is_asked(FILTER, GRANTED).await;
            is_not_asked(server.accept(true).await, &client).await;
            client.disconnect();
        };
        let listen = async { while events.recv().await.is_some() {} };
        let (reason, (), ()) = tokio::join!(client.subscribe(FILTER, Qos::AtLeastOnce), script, listen);
        assert_eq!(reason.unwrap(), ReasonCode::GRANTED_QOS_1);
        end.await.unwrap().unwrap();
    }
}

/// A program that begins anew does not know what was granted before. It asks, but not for retained messages again.
#[tokio::test]
async fn restarted() {
    for (version, retain_handling) in
        [(Version::V3_1_1, RetainHandling::Send), (Version::V5_0, RetainHandling::SendIfNew)]
    {
        let server = Server::new(version).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        for session_present in [false, true] {
            let session = Journal::open(&path, Some("a"), "test", Durability::Process).await.unwrap();
            assert_eq!(session.exists(), session_present);
            let (client, _events, end) = start(options(version, server.port()), session);
            let script = async {
                let mut peer = server.accept(session_present).await;
                assert_eq!(peer.is_asked(FILTER, GRANTED).await, retain_handling);
                peer
            };
            let (reason, mut peer) = tokio::join!(client.subscribe(FILTER, Qos::AtLeastOnce), script);
            assert_eq!(reason.unwrap(), ReasonCode::GRANTED_QOS_1);
            client.disconnect();
            peer.hears("DISCONNECT").await;
            drop(peer);
            end.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn the_program_ends_when_it_is_refused_later() {
    let server = Server::new(Version::V5_0).await;
    let url = format!("mqtt://127.0.0.1:{}", server.port());
    let script = async {
        server.accept(false).await.is_asked(FILTER, GRANTED).await;
        let mut peer = server.accept(false).await;
        peer.is_asked(FILTER, REFUSED).await;
        peer.hears("DISCONNECT").await;
    };
    let says = "the server refused the subscription to a/#: Unspecified error";
    let args = [&*url, "sub", FILTER];
    tokio::join!(mistakes::fails(&args, says), script);
}
