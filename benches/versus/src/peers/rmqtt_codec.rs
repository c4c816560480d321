//! rmqtt-codec: a codec of tokio-util.

use bytes::BytesMut;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::{v3, v5};
use sans_mqtt::Version;
use tokio_util::codec::{Decoder, Encoder};

use super::touch;
use crate::library::Library;
use crate::peer::{Codec, Copied, Input, Output};

pub fn library() -> Library {
    Library::new("rmqtt-codec").codec::<V3>().codec::<V5>()
}

/// A codec and what it reads from or writes to.
struct With<C> {
    codec: C,
    bytes: BytesMut,
}

impl<C: Default> Input for With<C> {
    fn new(packet: &'static [u8], times: usize) -> Self {
        Self { codec: C::default(), bytes: Input::new(packet, times) }
    }
}

impl<C: Default> Default for With<C> {
    fn default() -> Self {
        Self { codec: C::default(), bytes: BytesMut::new() }
    }
}

impl<C: Default> Output for With<C> {
    fn clear(&mut self) {
        self.bytes.clear();
    }

    fn written(&mut self) -> &[u8] {
        &self.bytes
    }
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = With<v3::Codec>;
    type Packet = (v3::Packet, u32);
    type Decoded = Result<Option<(v3::Packet, u32)>, DecodeError>;
    type Given = Copied<(v3::Packet, u32)>;
    type Output = With<v3::Codec>;

    fn decode(input: &mut With<v3::Codec>) -> Self::Decoded {
        input.codec.decode(&mut input.bytes)
    }

    fn read((packet, _): &(v3::Packet, u32)) {
        match packet {
            v3::Packet::Subscribe { topic_filters, .. } => touch(topic_filters),
            v3::Packet::SubscribeAck { status, .. } => touch(status),
            _ => {}
        }
    }

    fn encode(Copied((packet, _)): Self::Given, out: &mut With<v3::Codec>) -> bool {
        out.codec.encode(packet, &mut out.bytes).is_ok()
    }
}

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = With<v5::Codec>;
    type Packet = (v5::Packet, u32);
    type Decoded = Result<Option<(v5::Packet, u32)>, DecodeError>;
    type Given = Copied<(v5::Packet, u32)>;
    type Output = With<v5::Codec>;

    fn decode(input: &mut With<v5::Codec>) -> Self::Decoded {
        input.codec.decode(&mut input.bytes)
    }

    fn read((packet, _): &(v5::Packet, u32)) {
        match packet {
            v5::Packet::Publish(publish) => {
                publish.properties.iter().for_each(|properties| touch(&properties.user_properties));
            }
            v5::Packet::Subscribe(subscribe) => touch(&subscribe.topic_filters),
            v5::Packet::SubscribeAck(suback) => touch(&suback.status),
            _ => {}
        }
    }

    fn encode(Copied((packet, _)): Self::Given, out: &mut With<v5::Codec>) -> bool {
        out.codec.encode(packet, &mut out.bytes).is_ok()
    }
}
