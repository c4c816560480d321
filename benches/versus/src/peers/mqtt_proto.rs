//! mqtt-proto: its path for packets that lie in a buffer.

use mqtt_proto::{Error, PollHeader, VarBytes, v3, v5};
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::{Codec, Output};

pub fn library() -> Library {
    Library::new("mqtt-proto").codec::<V3>().codec::<V5>()
}

/// The body behind a header, which is the end of what is there.
fn decode<H: PollHeader>(header: Result<H, H::Error>, input: &[u8]) -> Result<Option<H::Packet>, H::Error> {
    let header = header?;
    if let Some(packet) = header.build_empty_packet() {
        return Ok(Some(packet));
    }
    let Some(start) = input.len().checked_sub(header.remaining_len()) else { return Ok(None) };
    header.decode_buffer(&input[start..], &mut 0).map(Some)
}

/// What was encoded last.
#[derive(Default)]
struct Encoded(Option<VarBytes>);

impl Encoded {
    fn put(&mut self, bytes: Result<VarBytes, Error>) -> bool {
        self.0 = bytes.ok();
        self.0.is_some()
    }
}

impl Output for Encoded {
    fn clear(&mut self) {
        self.0 = None;
    }

    fn written(&mut self) -> &[u8] {
        self.0.as_ref().map_or(&[], AsRef::as_ref)
    }
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = &'static [u8];
    type Packet = v3::Packet;
    type Decoded = Result<Option<v3::Packet>, Error>;
    type Given = &'static v3::Packet;
    type Output = Encoded;

    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        decode(v3::Header::decode(input), input)
    }

    fn read(packet: &v3::Packet) {
        match packet {
            v3::Packet::Subscribe(subscribe) => touch(&subscribe.topics),
            v3::Packet::Suback(suback) => touch(&suback.topics),
            _ => {}
        }
    }

    fn encode(packet: &v3::Packet, out: &mut Encoded) -> bool {
        out.put(packet.encode())
    }
}

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = &'static [u8];
    type Packet = v5::Packet;
    type Decoded = Result<Option<v5::Packet>, v5::ErrorV5>;
    type Given = &'static v5::Packet;
    type Output = Encoded;

    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        decode(v5::Header::decode(input), input)
    }

    fn read(packet: &v5::Packet) {
        match packet {
            v5::Packet::Publish(publish) => touch(&publish.properties.user_properties),
            v5::Packet::Subscribe(subscribe) => touch(&subscribe.topics),
            v5::Packet::Suback(suback) => touch(&suback.topics),
            _ => {}
        }
    }

    fn encode(packet: &v5::Packet, out: &mut Encoded) -> bool {
        out.put(packet.encode())
    }
}
