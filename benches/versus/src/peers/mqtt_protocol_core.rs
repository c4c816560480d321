//! mqtt-protocol-core: the parsers behind its packet builder, and its connections.

use std::hint::black_box;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Event, PacketBuildResult, PacketBuilder, PacketData, RawPacket};
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait, Packet, Qos as QoS, SessionExpiryInterval, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, MqttError};
use mqtt_protocol_core::mqtt::{Connection, Version as Protocol, role};
use sans_mqtt::{Qos, Version};

use super::touch;
use crate::library::Library;
use crate::peer::{Client, Codec, Input};

pub fn library() -> Library {
    Library::new("mqtt-protocol-core")
        .codec::<V3>()
        .codec::<V5>()
        .client::<Machine>()
        .idle("server", server)
        .idle("client", Machine::connected)
}

struct Feed {
    builder: PacketBuilder,
    packet: &'static [u8],
}

impl Input for Feed {
    fn new(packet: &'static [u8], _: usize) -> Self {
        Self { builder: PacketBuilder::new(), packet }
    }
}

impl Feed {
    fn frame(&mut self) -> Result<RawPacket, MqttError> {
        match self.builder.feed(&mut Cursor::new(self.packet)) {
            PacketBuildResult::Complete(frame) => Ok(frame),
            PacketBuildResult::Error(error) => Err(error),
            PacketBuildResult::Incomplete => Err(MqttError::MalformedPacket),
        }
    }
}

/// A packet, and how much of the body it is.
type Parsed<T> = Result<(T, usize), MqttError>;

/// One type of packet, out of the body of its frame.
fn parse<T: Into<Packet>>(frame: &RawPacket, parse: fn(&[u8]) -> Parsed<T>) -> Result<Packet, MqttError> {
    frame.parse_exact(parse).map(Into::into)
}

/// `to_buffers` would leave the pieces where they are, for a vectored write.
fn encode(packet: &Packet, out: &mut Vec<u8>) -> bool {
    *out = packet.to_continuous_buffer();
    true
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = Feed;
    type Packet = Packet;
    type Decoded = Result<Packet, MqttError>;
    type Given = &'static Packet;
    type Output = Vec<u8>;

    fn decode(input: &mut Feed) -> Self::Decoded {
        let frame = input.frame()?;
        match (frame.packet_type(), &frame.data) {
            (3, PacketData::Publish(body)) => {
                v3_1_1::Publish::parse(frame.flags(), body.clone()).map(|(packet, _)| packet.into())
            }
            (1, _) => parse(&frame, v3_1_1::Connect::parse),
            (2, _) => parse(&frame, v3_1_1::Connack::parse),
            (4, _) => parse(&frame, v3_1_1::Puback::parse),
            (5, _) => parse(&frame, v3_1_1::Pubrec::parse),
            (6, _) => parse(&frame, v3_1_1::Pubrel::parse),
            (7, _) => parse(&frame, v3_1_1::Pubcomp::parse),
            (8, _) => parse(&frame, v3_1_1::Subscribe::parse),
            (9, _) => parse(&frame, v3_1_1::Suback::parse),
            (10, _) => parse(&frame, v3_1_1::Unsubscribe::parse),
            (11, _) => parse(&frame, v3_1_1::Unsuback::parse),
            (12, _) => parse(&frame, v3_1_1::Pingreq::parse),
            (13, _) => parse(&frame, v3_1_1::Pingresp::parse),
            (14, _) => parse(&frame, v3_1_1::Disconnect::parse),
            _ => Err(MqttError::MalformedPacket),
        }
    }

    fn read(packet: &Packet) {
        match packet {
            Packet::V3_1_1Subscribe(subscribe) => touch(subscribe.entries()),
            Packet::V3_1_1Suback(suback) => touch(suback.return_codes()),
            _ => {}
        }
    }

    fn encode(packet: &Packet, out: &mut Vec<u8>) -> bool {
        encode(packet, out)
    }
}

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = Feed;
    type Packet = Packet;
    type Decoded = Result<Packet, MqttError>;
    type Given = &'static Packet;
    type Output = Vec<u8>;

    fn decode(input: &mut Feed) -> Self::Decoded {
        let frame = input.frame()?;
        match (frame.packet_type(), &frame.data) {
            (3, PacketData::Publish(body)) => {
                v5_0::Publish::parse(frame.flags(), body.clone()).map(|(packet, _)| packet.into())
            }
            (1, _) => parse(&frame, v5_0::Connect::parse),
            (2, _) => parse(&frame, v5_0::Connack::parse),
            (4, _) => parse(&frame, v5_0::Puback::parse),
            (5, _) => parse(&frame, v5_0::Pubrec::parse),
            (6, _) => parse(&frame, v5_0::Pubrel::parse),
            (7, _) => parse(&frame, v5_0::Pubcomp::parse),
            (8, _) => parse(&frame, v5_0::Subscribe::parse),
            (9, _) => parse(&frame, v5_0::Suback::parse),
            (10, _) => parse(&frame, v5_0::Unsubscribe::parse),
            (11, _) => parse(&frame, v5_0::Unsuback::parse),
            (12, _) => parse(&frame, v5_0::Pingreq::parse),
            (13, _) => parse(&frame, v5_0::Pingresp::parse),
            (14, _) => parse(&frame, v5_0::Disconnect::parse),
            (15, _) => parse(&frame, v5_0::Auth::parse),
            _ => Err(MqttError::MalformedPacket),
        }
    }

    fn read(packet: &Packet) {
        match packet {
            Packet::V5_0Publish(publish) => touch(publish.props()),
            Packet::V5_0Subscribe(subscribe) => touch(subscribe.entries()),
            Packet::V5_0Suback(suback) => touch(suback.reason_codes()),
            Packet::V5_0Connack(connack) => touch(connack.props()),
            Packet::V5_0Connect(connect) => {
                touch(connect.props());
                touch(connect.will_props());
            }
            _ => {}
        }
    }

    fn encode(packet: &Packet, out: &mut Vec<u8>) -> bool {
        encode(packet, out)
    }
}

struct Machine {
    connection: Connection<role::Client>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Machine {
    /// Writes what is to be sent, and counts what is done.
    fn take(&mut self, events: Vec<Event>) -> usize {
        let mut done = 0;
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    for piece in packet.to_buffers() {
                        self.output.extend_from_slice(&piece);
                    }
                }
                Event::NotifyPacketReceived(Packet::V5_0Puback(_) | Packet::V5_0Pubcomp(_)) => done += 1,
                event => {
                    black_box(event);
                }
            }
        }
        done
    }
}

impl Client for Machine {
    type Output = Vec<u8>;

    fn connected() -> Self {
        let mut connection = Connection::new(Protocol::V5_0);
        connection.set_auto_pub_response(true);
        connection.checked_send(connect());
        let connack = connack().to_continuous_buffer();
        connection.recv(&mut Cursor::new(&connack[..]));
        Self { connection, input: Vec::new(), output: Vec::new() }
    }

    fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]) {
        let publish = v5_0::Publish::builder().topic_name(topic).expect("it is a topic").payload(payload);
        let publish = match qos {
            Qos::AtMostOnce => publish.qos(QoS::AtMostOnce),
            Qos::AtLeastOnce => publish.qos(QoS::AtLeastOnce),
            Qos::ExactlyOnce => publish.qos(QoS::ExactlyOnce),
        };
        let publish = match qos {
            Qos::AtMostOnce => publish,
            _ => publish.packet_id(self.connection.acquire_packet_id().expect("there are some")),
        };
        let events = self.connection.checked_send(publish.build().expect("it is whole"));
        self.take(events);
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(bytes);
    }

    fn handle(&mut self) -> usize {
        let input = std::mem::take(&mut self.input);
        let (mut cursor, mut done) = (Cursor::new(&input[..]), 0);
        while cursor.position() < input.len() as u64 {
            let events = self.connection.recv(&mut cursor);
            done += self.take(events);
        }
        self.input = input;
        done
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }
}

fn server() -> Connection<role::Server> {
    let mut connection = Connection::new(Protocol::V5_0);
    let connect = connect().to_continuous_buffer();
    connection.recv(&mut Cursor::new(&connect[..]));
    connection.checked_send(connack());
    connection
}

/// It keeps messages only for a session that outlives the connection.
fn connect() -> v5_0::Connect {
    let expiry = SessionExpiryInterval::new(3600).expect("it is an interval");
    let connect = v5_0::Connect::builder().client_id("bench").expect("it is an identifier");
    let connect = connect.clean_start(true).keep_alive(60).props(vec![expiry.into()]);
    connect.build().expect("it is whole")
}

fn connack() -> v5_0::Connack {
    let connack = v5_0::Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success);
    connack.build().expect("it is whole")
}
