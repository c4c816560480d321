//! Decode and encode: what a program that speaks MQTT can't do without.
use core::hint::black_box;

use sans_mqtt::{Frame, Packet, PacketType, Version};

use crate::runtime::print;
use crate::tape::every_packet;

/// Decodes every packet of every version and encodes it again, to the same bytes.
pub fn there_and_back() -> bool {
    let mut seen = [0_u16; Version::ALL.len()];
    let all_right = every_packet(|version, frame| {
        if let Some(types) = seen.get_mut(version as usize) {
            *types |= 1 << (frame.packet_type() as u16 & 15);
        }
        same_again(version, frame)
    });
    all_right && complete(seen)
}

fn same_again(version: Version, frame: Frame<'_>) -> bool {
    let Ok(packet) = Packet::decode(version, frame) else {
        return false;
    };
    encodes_to(&black_box(packet), version, frame.bytes())
}

/// Whether the packet is encoded to these bytes, and to nothing where there is a byte too little room for them.
pub(crate) fn encodes_to(packet: &Packet<'_>, version: Version, bytes: &[u8]) -> bool {
    let mut buffer = [0; 256];
    let Some(mut short) = buffer.get_mut(1..bytes.len()) else {
        return false;
    };
    let refused = packet.encode(version, &mut short).is_err();
    let written = packet.encode(version, &mut &mut buffer[..]);
    refused && written.is_ok_and(|len| buffer.get(..len) == Some(bytes))
}

/// Whether each version's set of packet types holds all that the version has.
fn complete(seen: [u16; Version::ALL.len()]) -> bool {
    let wanted = Version::ALL.map(|version| {
        let exists = |kind: &PacketType| *kind != PacketType::Auth || version == Version::V5_0;
        PacketType::ALL.into_iter().filter(exists).fold(0, |set, kind| set | 1 << (kind as u16 & 15))
    });
    if seen != wanted {
        print("a packet type is missing\n");
    }
    seen == wanted
}
