//! ntex-mqtt: its codecs, which need no runtime; its clients and servers do.

use ntex_bytes::{BytePages, Bytes, BytesMut};
use ntex_codec::{Decoder, Encoder};
use ntex_mqtt::error::DecodeError;
use ntex_mqtt::v3::codec as v3;
use ntex_mqtt::v5::codec as v5;
use sans_mqtt::Version;

use super::touch;
use crate::library::Library;
use crate::peer::{Codec, Input, Output};

pub fn library() -> Library {
    Library::new("ntex-mqtt").codec::<V3>().codec::<V5>()
}

struct Reader<C> {
    codec: C,
    bytes: BytesMut,
}

impl<C: Default> Input for Reader<C> {
    fn new(packet: &'static [u8], times: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(packet.len() * times);
        (0..times).for_each(|_| bytes.extend_from_slice(packet));
        Self { codec: C::default(), bytes }
    }
}

#[derive(Default)]
struct Writer<C> {
    codec: C,
    pages: BytePages,
    written: Bytes,
}

impl<C: Default> Output for Writer<C> {
    fn clear(&mut self) {
        self.pages.clear();
    }

    fn written(&mut self) -> &[u8] {
        self.written = self.pages.freeze();
        &self.written
    }
}

struct V3;

/// As its encoder wants a packet: for itself, and PUBLISH in two parts.
struct Given3(v3::Encoded);

impl From<&v3::Decoded> for Given3 {
    fn from(decoded: &v3::Decoded) -> Self {
        Self(match decoded.clone() {
            v3::Decoded::Packet(packet, _) => v3::Encoded::Packet(packet),
            v3::Decoded::Publish(publish, payload, _) => v3::Encoded::Publish(publish, Some(payload)),
            v3::Decoded::PayloadChunk(chunk, _) => v3::Encoded::PayloadChunk(chunk),
        })
    }
}

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = Reader<v3::Codec>;
    type Packet = v3::Decoded;
    type Decoded = Result<Option<v3::Decoded>, DecodeError>;
    type Given = Given3;
    type Output = Writer<v3::Codec>;

    fn decode(input: &mut Reader<v3::Codec>) -> Self::Decoded {
        input.codec.decode(&mut input.bytes)
    }

    fn read(decoded: &v3::Decoded) {
        match decoded {
            v3::Decoded::Packet(v3::Packet::Subscribe { topic_filters, .. }, _) => touch(topic_filters),
            v3::Decoded::Packet(v3::Packet::SubscribeAck { status, .. }, _) => touch(status),
            _ => {}
        }
    }

    fn encode(Given3(packet): Given3, out: &mut Writer<v3::Codec>) -> bool {
        out.codec.encodev(packet, &mut out.pages).is_ok()
    }
}

struct V5;

struct Given5(v5::Encoded);

impl From<&v5::Decoded> for Given5 {
    fn from(decoded: &v5::Decoded) -> Self {
        Self(match decoded.clone() {
            v5::Decoded::Packet(packet, _) => v5::Encoded::Packet(packet),
            v5::Decoded::Publish(publish, payload, _) => v5::Encoded::Publish(publish, Some(payload)),
            v5::Decoded::PayloadChunk(chunk, _) => v5::Encoded::PayloadChunk(chunk),
        })
    }
}

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = Reader<v5::Codec>;
    type Packet = v5::Decoded;
    type Decoded = Result<Option<v5::Decoded>, DecodeError>;
    type Given = Given5;
    type Output = Writer<v5::Codec>;

    fn decode(input: &mut Reader<v5::Codec>) -> Self::Decoded {
        input.codec.decode(&mut input.bytes)
    }

    fn read(decoded: &v5::Decoded) {
        match decoded {
            v5::Decoded::Publish(publish, ..) => touch(&publish.properties.user_properties),
            v5::Decoded::Packet(v5::Packet::Subscribe(subscribe), _) => touch(&subscribe.topic_filters),
            v5::Decoded::Packet(v5::Packet::SubscribeAck(suback), _) => touch(&suback.status),
            _ => {}
        }
    }

    fn encode(Given5(packet): Given5, out: &mut Writer<v5::Codec>) -> bool {
        out.codec.encodev(packet, &mut out.pages).is_ok()
    }
}
