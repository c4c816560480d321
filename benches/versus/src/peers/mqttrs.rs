//! mqttrs: 3.1.1 only.

use mqttrs::{Error, Packet, decode_slice, encode_slice};
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::{Buffer, Codec};

pub fn library() -> Library {
    Library::new("mqttrs").codec::<V3>()
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = &'static [u8];
    type Packet = Packet<'static>;
    type Decoded = Result<Option<Packet<'static>>, Error>;
    type Given = &'static Packet<'static>;
    type Output = Buffer;

    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        decode_slice(input)
    }

    fn read(packet: &Packet<'static>) {
        match packet {
            Packet::Subscribe(subscribe) => touch(&subscribe.topics),
            Packet::Suback(suback) => touch(&suback.return_codes),
            _ => {}
        }
    }

    fn encode(packet: &Packet<'static>, out: &mut Buffer) -> bool {
        match encode_slice(packet, &mut out.bytes) {
            Ok(len) => out.len = len,
            Err(_) => return false,
        }
        true
    }
}
