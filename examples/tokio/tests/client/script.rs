//! A server that keeps to a script, which is what the test does with it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sans_mqtt::{Connack, Packet, Properties, ReasonCode, RetainHandling, Suback, Version};
use sans_mqtt_tokio::codec::Codec;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::codec::Framed;

pub struct Server {
    listener: TcpListener,
    version: Version,
}

impl Server {
    pub async fn new(version: Version) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), version }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// The next connection.
    pub async fn accept(&self, session_present: bool) -> Peer {
        self.welcome(Connack { session_present, ..Connack::default() }).await
    }

    /// The next connection, with this answer.
    pub async fn welcome(&self, connack: Connack<'_>) -> Peer {
        let accepted = timeout(Duration::from_secs(5), self.listener.accept()).await.expect("it connects");
        let codec = Codec { version: self.version, maximum_packet_size: 1 << 20 };
        let mut peer = Peer(Framed::new(accepted.unwrap().0, codec));
        peer.hears("CONNECT").await;
        peer.0.send(Packet::from(connack)).await.unwrap();
        peer
    }
}

pub struct Peer(Framed<TcpStream, Codec>);

impl Peer {
    /// The name of the next packet.
    pub async fn hears(&mut self, name: &str) {
        let packet =
            timeout(Duration::from_secs(5), self.0.next()).await.expect("a packet").unwrap().unwrap();
        assert_eq!(packet.get().packet_type().name(), name);
    }

    /// The next packet subscribes, and is answered, if it is to be.
    pub async fn is_asked(&mut self, filter: &str, answer: Option<ReasonCode>) -> RetainHandling {
        let packet =
            timeout(Duration::from_secs(5), self.0.next()).await.expect("a packet").unwrap().unwrap();
        let Packet::Subscribe(subscribe) = packet.get() else { panic!("{packet:?}") };
        let subscription = subscribe.filters.iter().next().unwrap();
        assert_eq!(subscription.filter, filter);
        if let Some(reason) = answer {
            let reasons = &[reason];
            let packet_id = subscribe.packet_id;
            let suback = Suback { packet_id, properties: Properties::EMPTY, reasons: reasons.into() };
            self.0.send(Packet::Suback(suback)).await.unwrap();
        }
        subscription.retain_handling
    }
}
