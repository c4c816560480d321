//! mqtt5-protocol: the packets of both versions. Of a state machine it has pieces only.

use bytes::BytesMut;
use mqtt5_protocol::packet::MqttPacket;
use mqtt5_protocol::packet::pingreq::PingReqPacket;
use mqtt5_protocol::packet::pingresp::PingRespPacket;
use mqtt5_protocol::{FixedHeader, MqttError, Packet, Result};
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::{Codec, version};

pub fn library() -> Library {
    Library::new("mqtt5-protocol").codec::<Level<4>>().codec::<Level<5>>()
}

struct Level<const LEVEL: u8>;

impl<const LEVEL: u8> Codec for Level<LEVEL> {
    const VERSION: Version = version(LEVEL);
    type Input = &'static [u8];
    type Packet = Packet;
    type Decoded = Result<Packet>;
    type Given = &'static Packet;
    type Output = BytesMut;

    fn decode(input: &mut &'static [u8]) -> Result<Packet> {
        let mut input = *input;
        let header = FixedHeader::decode(&mut input)?;
        let body = input.get(..header.remaining_length as usize);
        let mut body = body.ok_or_else(|| MqttError::MalformedPacket(String::new()))?;
        Packet::decode_from_body_with_version(header.packet_type, &header, &mut body, LEVEL)
    }

    fn read(packet: &Packet) {
        match packet {
            Packet::Publish(publish) => touch(publish.properties.iter()),
            Packet::Subscribe(subscribe) => touch(&subscribe.filters),
            Packet::SubAck(suback) => touch(&suback.reason_codes),
            Packet::ConnAck(connack) => touch(connack.properties.iter()),
            Packet::Connect(connect) => {
                touch(connect.properties.iter());
                touch(connect.will_properties.iter());
            }
            _ => {}
        }
    }

    fn encode(packet: &Packet, out: &mut BytesMut) -> bool {
        let encoded = match packet {
            Packet::Connect(packet) => packet.encode(out),
            Packet::ConnAck(packet) => packet.encode(out),
            Packet::Publish(packet) => packet.encode(out),
            Packet::PubAck(packet) => packet.encode(out),
            Packet::PubRec(packet) => packet.encode(out),
            Packet::PubRel(packet) => packet.encode(out),
            Packet::PubComp(packet) => packet.encode(out),
            Packet::Subscribe(packet) => packet.encode(out),
            Packet::SubAck(packet) => packet.encode(out),
            Packet::Unsubscribe(packet) => packet.encode(out),
            Packet::UnsubAck(packet) => packet.encode(out),
            Packet::PingReq => PingReqPacket::default().encode(out),
            Packet::PingResp => PingRespPacket::default().encode(out),
            Packet::Disconnect(packet) => packet.encode(out),
            Packet::Auth(packet) => packet.encode(out),
        };
        encoded.is_ok()
    }
}
