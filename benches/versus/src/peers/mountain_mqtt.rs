//! mountain-mqtt: 5.0 only, without an allocator; at most eight properties, and eight filters after the first.

use mountain_mqtt::codec::mqtt_reader::MqttBufReader;
use mountain_mqtt::codec::mqtt_writer::MqttBufWriter;
use mountain_mqtt::codec::read::Read;
use mountain_mqtt::codec::write::Write;
use mountain_mqtt::error::PacketReadError;
use mountain_mqtt::packets::packet_generic::PacketGeneric;
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::{Buffer, Codec};

pub fn library() -> Library {
    Library::new("mountain-mqtt").codec::<V5>()
}

type Packet = PacketGeneric<'static, 8, 8, 8>;

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = &'static [u8];
    type Packet = Packet;
    type Decoded = Result<Packet, PacketReadError>;
    type Given = &'static Packet;
    type Output = Buffer;

    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        Packet::read(&mut MqttBufReader::new(input))
    }

    /// The filters of SUBSCRIBE are private.
    fn read(packet: &Packet) {
        match packet {
            PacketGeneric::Publish(publish) => touch(publish.properties()),
            PacketGeneric::Connack(connack) => touch(connack.properties()),
            PacketGeneric::Connect(connect) => touch(&connect.properties),
            PacketGeneric::Suback(suback) => touch(suback.other_reason_codes()),
            _ => {}
        }
    }

    fn encode(packet: &Packet, out: &mut Buffer) -> bool {
        let writer = &mut MqttBufWriter::new(&mut out.bytes);
        let written = match packet {
            PacketGeneric::Connect(packet) => packet.write(writer),
            PacketGeneric::Connack(packet) => packet.write(writer),
            PacketGeneric::Publish(packet) => packet.write(writer),
            PacketGeneric::Puback(packet) => packet.write(writer),
            PacketGeneric::Pubrec(packet) => packet.write(writer),
            PacketGeneric::Pubrel(packet) => packet.write(writer),
            PacketGeneric::Pubcomp(packet) => packet.write(writer),
            PacketGeneric::Subscribe(packet) => packet.write(writer),
            PacketGeneric::Suback(packet) => packet.write(writer),
            PacketGeneric::Unsubscribe(packet) => packet.write(writer),
            PacketGeneric::Unsuback(packet) => packet.write(writer),
            PacketGeneric::Pingreq(packet) => packet.write(writer),
            PacketGeneric::Pingresp(packet) => packet.write(writer),
            PacketGeneric::Disconnect(packet) => packet.write(writer),
            PacketGeneric::Auth(packet) => packet.write(writer),
        };
        out.len = writer.position();
        written.is_ok()
    }
}
