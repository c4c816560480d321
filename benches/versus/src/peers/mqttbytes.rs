//! mqttbytes: the codec that rumqttc had its own from.

use bytes::BytesMut;
use mqttbytes::{Error, v4, v5};
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::Codec;

pub fn library() -> Library {
    Library::new("mqttbytes").codec::<V3>().codec::<V5>()
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = BytesMut;
    type Packet = v4::Packet;
    type Decoded = Result<v4::Packet, Error>;
    type Given = &'static v4::Packet;
    type Output = BytesMut;

    fn decode(input: &mut BytesMut) -> Self::Decoded {
        v4::read(input, usize::MAX)
    }

    fn read(packet: &v4::Packet) {
        match packet {
            v4::Packet::Subscribe(subscribe) => touch(&subscribe.filters),
            v4::Packet::SubAck(suback) => touch(&suback.return_codes),
            _ => {}
        }
    }

    fn encode(packet: &v4::Packet, out: &mut BytesMut) -> bool {
        let written = match packet {
            v4::Packet::Connect(packet) => packet.write(out),
            v4::Packet::ConnAck(packet) => packet.write(out),
            v4::Packet::Publish(packet) => packet.write(out),
            v4::Packet::PubAck(packet) => packet.write(out),
            v4::Packet::PubRec(packet) => packet.write(out),
            v4::Packet::PubRel(packet) => packet.write(out),
            v4::Packet::PubComp(packet) => packet.write(out),
            v4::Packet::Subscribe(packet) => packet.write(out),
            v4::Packet::SubAck(packet) => packet.write(out),
            v4::Packet::Unsubscribe(packet) => packet.write(out),
            v4::Packet::UnsubAck(packet) => packet.write(out),
            v4::Packet::PingReq => v4::PingReq.write(out),
            v4::Packet::PingResp => v4::PingResp.write(out),
            v4::Packet::Disconnect => v4::Disconnect.write(out),
        };
        written.is_ok()
    }
}

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = BytesMut;
    type Packet = v5::Packet;
    type Decoded = Result<v5::Packet, Error>;
    type Given = &'static v5::Packet;
    type Output = BytesMut;

    fn decode(input: &mut BytesMut) -> Self::Decoded {
        v5::read(input, usize::MAX)
    }

    fn read(packet: &v5::Packet) {
        match packet {
            v5::Packet::Publish(publish) => {
                publish.properties.iter().for_each(|properties| touch(&properties.user_properties));
            }
            v5::Packet::Subscribe(subscribe) => touch(&subscribe.filters),
            v5::Packet::SubAck(suback) => touch(&suback.return_codes),
            _ => {}
        }
    }

    fn encode(packet: &v5::Packet, out: &mut BytesMut) -> bool {
        let written = match packet {
            v5::Packet::Connect(packet) => packet.write(out),
            v5::Packet::ConnAck(packet) => packet.write(out),
            v5::Packet::Publish(packet) => packet.write(out),
            v5::Packet::PubAck(packet) => packet.write(out),
            v5::Packet::PubRec(packet) => packet.write(out),
            v5::Packet::PubRel(packet) => packet.write(out),
            v5::Packet::PubComp(packet) => packet.write(out),
            v5::Packet::Subscribe(packet) => packet.write(out),
            v5::Packet::SubAck(packet) => packet.write(out),
            v5::Packet::Unsubscribe(packet) => packet.write(out),
            v5::Packet::UnsubAck(packet) => packet.write(out),
            v5::Packet::PingReq => v5::PingReq.write(out),
            v5::Packet::PingResp => v5::PingResp.write(out),
            v5::Packet::Disconnect(packet) => packet.write(out),
        };
        written.is_ok()
    }
}
