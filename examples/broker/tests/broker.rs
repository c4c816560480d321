//! What clients of other minds do to the broker, over loopback.

#[path = "../../support/socket.rs"]
mod socket;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use broker::Shared;
use sans_mqtt::{
    Ack, Cause, Client, Config, Connack, Connect, Disconnect, Event, Frame, Packet, PacketId, Properties,
    Property, Publish, Qos, ReasonCode, Session, Split, Subscribe, Subscription, Version,
};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server that lives as long as this.
struct Host {
    address: SocketAddr,
    _runtime: Runtime,
}

fn host() -> Host {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(Shared::default().listen(listener));
    Host { address, _runtime: runtime }
}

impl Host {
    fn socket(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }
}

/// A connection by hand.
struct Raw(TcpStream, Vec<u8>);

impl Raw {
    fn connect(host: &Host, client_id: &str, properties: &[Property<'_>]) -> Self {
        let mut raw = Self(host.socket(), Vec::new());
        let connect = Connect { client_id, properties: properties.into(), ..Connect::default() };
        raw.write(Packet::Connect(connect));
        let connack =
            raw.read(|packet| matches!(packet, Packet::Connack(Connack { reason: ReasonCode::SUCCESS, .. })));
        assert_eq!(connack, Some(true));
        raw
    }

    fn write(&mut self, packet: Packet<'_>) {
        self.0.write_all(&packet.to_vec(Version::V5_0).unwrap()).unwrap();
    }

    /// The next packet; `None` at the end, and a reset is no such.
    fn read<T>(&mut self, look: impl FnOnce(Packet<'_>) -> T) -> Option<T> {
        loop {
            if let Split::Frame(frame, rest) = Frame::split(&self.1, usize::MAX).unwrap() {
                let found = look(Packet::decode(Version::V5_0, frame).unwrap());
                let taken = self.1.len() - rest.len();
                self.1.drain(..taken);
                return Some(found);
            }
            let mut chunk = [0; 4096];
            match self.0.read(&mut chunk).unwrap() {
                0 => {
                    assert!(self.1.is_empty(), "half a packet");
                    return None;
                }
                n => self.1.extend_from_slice(&chunk[..n]),
            }
        }
    }

    fn subscribe(&mut self, filter: &str, qos: Qos) {
        let filters = [Subscription { filter, qos, ..Subscription::default() }];
        let (packet_id, properties) = (PacketId::MIN, Properties::EMPTY);
        self.write(Packet::Subscribe(Subscribe { packet_id, properties, filters: (&filters).into() }));
        assert_eq!(self.read(|packet| matches!(packet, Packet::Suback(_))), Some(true));
    }
}

/// Publishes, at QoS 1, and gives the answer.
fn send(raw: &mut Raw, topic: &str, payload: &[u8]) -> ReasonCode {
    let delivery = sans_mqtt::Delivery::AtLeastOnce(PacketId::MIN);
    raw.write(Packet::Publish(Publish { delivery, topic, payload, ..Publish::default() }));
    raw.read(|packet| match packet {
        Packet::Puback(ack) => ack.reason,
        packet => panic!("{packet:?}"),
    })
    .unwrap()
}

#[test]
fn a_session_is_resumed_until_everything_has_come() {
    let host = host();
    let (expiry, messages) = ([Property::SessionExpiryInterval(60)], 60);
    for version in [Version::V3_1_1, Version::V5_0] {
        let properties = if version == Version::V5_0 { Properties::from(&expiry) } else { Properties::EMPTY };
        let (mut session, start) = (Session::default(), Instant::now());
        let mut received: Vec<(Qos, u8)> = Vec::new();
        let mut connections = 0;
        while received.len() < usize::from(messages) * 2 {
            connections += 1;
            assert!(connections <= 20, "{received:?}");
            let connect = Connect {
                clean_start: false,
                client_id: if version == Version::V5_0 { "new" } else { "old" },
                properties,
                ..Connect::default()
            };
            let mut client = Client::new(version, &Config::default(), session);
            let socket = socket::open(host.address).unwrap();
            let until = received.len() + 7;
            let now = || start.elapsed().into();
            let result = socket::run(&socket, &mut client, &connect, now, |client, event, out| {
                let Some(event) = event else { return Ok(()) };
                match event {
                    Event::Connected(connack) if connections == 1 => {
                        assert!(!connack.session_present);
                        let filter =
                            Subscription { filter: "many", qos: Qos::ExactlyOnce, ..Subscription::default() };
                        client.subscribe(&[filter], Properties::EMPTY, out)?;
                    }
                    Event::Connected(connack) => assert!(connack.session_present),
                    // With nobody there, the messages wait.
                    Event::Suback(_) => socket.shutdown(Shutdown::Both).unwrap(),
                    Event::Publish(incoming, _) => {
                        let message = (incoming.qos, incoming.payload[0]);
                        if incoming.qos == Qos::ExactlyOnce || !received.contains(&message) {
                            received.push(message);
                        }
                        // At once, with whatever is in the buffers.
                        if received.len() == until {
                            return Err(io::Error::other("enough"));
                        }
                    }
                    event => panic!("{event:?}"),
                }
                if received.len() == usize::from(messages) * 2 {
                    client.disconnect(&Disconnect::default(), out)?;
                }
                Ok::<_, io::Error>(())
            });
            assert!(!matches!(result, Ok(Cause::Failed(_) | Cause::Refused(_))), "{result:?}");
            session = client.into_session();
            if connections == 1 {
                let mut raw = Raw::connect(&host, "publisher", &[]);
                for n in 0..messages {
                    assert_eq!(send(&mut raw, "many", &[n]), ReasonCode::SUCCESS);
                    let delivery = sans_mqtt::Delivery::ExactlyOnce(PacketId::MAX);
                    raw.write(Packet::Publish(Publish {
                        delivery,
                        topic: "many",
                        payload: &[n],
                        ..Publish::default()
                    }));
                    assert_eq!(raw.read(|packet| matches!(packet, Packet::Pubrec(_))), Some(true));
                    raw.write(Packet::Pubrel(Ack { packet_id: PacketId::MAX, ..Ack::default() }));
                    assert_eq!(raw.read(|packet| matches!(packet, Packet::Pubcomp(_))), Some(true));
                }
            }
        }
        assert!(connections > usize::from(messages) * 2 / 7);
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let came: Vec<_> = received.iter().filter(|(q, _)| *q == qos).map(|(_, n)| *n).collect();
            assert_eq!(came, (0..messages).collect::<Vec<_>>(), "{version} {qos:?}");
        }
    }
}

#[test]
fn garbage_is_answered_before_the_end() {
    let host = host();
    let mut raw = Raw::connect(&host, "garbage", &[]);
    // Much more than the server reads at once.
    let mut garbage = vec![0xFF; 100_000];
    garbage[..2].copy_from_slice(&[0x36, 3]);
    raw.0.write_all(&garbage).unwrap();
    let reason = raw.read(|packet| match packet {
        Packet::Disconnect(disconnect) => disconnect.reason,
        packet => panic!("{packet:?}"),
    });
    assert_eq!(reason, Some(ReasonCode::MALFORMED_PACKET));
    assert_eq!(raw.read(|packet| format!("{packet:?}")), None);

    // A version that does not exist yet.
    let mut raw = Raw(host.socket(), Vec::new());
    raw.0.write_all(b"\x10\x0F\0\x04MQTT\x09\x02\0\x3C\0\0\x02ab").unwrap();
    let refused = raw.read(|packet| match packet {
        Packet::Connack(connack) => connack.reason,
        packet => panic!("{packet:?}"),
    });
    assert_eq!(refused, Some(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION));
    assert_eq!(raw.read(|packet| format!("{packet:?}")), None);

    // Something else altogether.
    let mut raw = Raw(host.socket(), Vec::new());
    raw.0.write_all(format!("GET / HTTP/1.1\r\nUser-Agent: {:80}\r\n\r\n", "").as_bytes()).unwrap();
    assert_eq!(raw.read(|packet| format!("{packet:?}")), None);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let host = host();
    let mut slow = Raw::connect(&host, "slow", &[]);
    slow.subscribe("flood", Qos::AtLeastOnce);
    let mut publisher = Raw::connect(&host, "publisher", &[]);
    let (count, size) = (30_000u32, 1024);
    let mut payload = vec![0; size];
    for n in 0..count {
        payload[..4].copy_from_slice(&n.to_be_bytes());
        publisher.write(Packet::Publish(Publish { topic: "flood", payload: &payload, ..Publish::default() }));
    }
    // The publisher was read to the end, and others are served.
    assert_eq!(send(&mut publisher, "nobody", b""), ReasonCode::NO_MATCHING_SUBSCRIBERS);

    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        loop {
            let n = slow.read(|packet| match packet {
                Packet::Publish(publish) if publish.payload.len() == 1024 => {
                    Some(u32::from_be_bytes(publish.payload[..4].try_into().unwrap()))
                }
                Packet::Publish(publish) => {
                    assert_eq!(publish.payload, b"end");
                    None
                }
                packet => panic!("{packet:?}"),
            });
            match n.unwrap() {
                Some(n) => received.push(n),
                None => return received,
            }
        }
    });
    // What is more than a queue holds is lost, until there is room again.
    while !reader.is_finished() {
        send(&mut publisher, "flood", b"end");
        thread::sleep(Duration::from_millis(5));
    }
    let received = reader.join().unwrap();
    assert!(received.len() > 1000 && received.len() < count as usize, "{}", received.len());
    assert!(received.is_sorted_by(|a, b| a < b));
}

#[test]
fn a_second_connection_takes_over() {
    let host = host();
    let expiry = [Property::SessionExpiryInterval(60)];
    let mut first = Raw::connect(&host, "one", &expiry);
    let _second = Raw::connect(&host, "one", &expiry);
    let reason = first.read(|packet| match packet {
        Packet::Disconnect(disconnect) => disconnect.reason,
        packet => panic!("{packet:?}"),
    });
    assert_eq!(reason, Some(ReasonCode::SESSION_TAKEN_OVER));
    assert_eq!(first.read(|packet| format!("{packet:?}")), None);
}
