//! A stream that arrives in pieces, at a receiver with a limit for packets.
//!
//! The input is a byte for the version, two for the limit, eight for the lengths of the pieces, and the stream.

#![no_main]

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use sans_mqtt::{Frame, HeadSplit, Packet, PublishHead, Split, Version};

fuzz_target!(|input: &[u8]| {
    let Some((&[version, high, low, ref lens @ ..], stream)) = input.split_first_chunk::<11>() else {
        return;
    };
    let version = Version::ALL[usize::from(version) % 3];
    let max_size = match u16::from_be_bytes([high, low]) {
        u16::MAX => usize::MAX,
        size => usize::from(size),
    };
    let mut lens = lens.iter().cycle();
    for packet in oracle::framing(stream, max_size, || lens.next().map_or(1, |len| usize::from(*len))) {
        let Ok(Split::Frame(frame, [])) = Frame::split(packet, max_size) else { panic!("{packet:02X?}") };
        // Behind the first packet of the stream comes the second one.
        let behind = packet.as_ptr_range().end as usize - stream.as_ptr() as usize;
        let here = &stream[behind - packet.len()..];
        match (PublishHead::split(version, None, here), Packet::decode(version, frame)) {
            (Ok(HeadSplit::Head(head, rest)), Ok(Packet::Publish(publish))) => {
                assert_eq!((head, rest), (publish.head(), &here[packet.len() - publish.payload.len()..]));
                oracle::head(version, frame);
            }
            (Ok(HeadSplit::Other(packet_type)), _) => assert_eq!(packet_type, frame.packet_type()),
            (Err(head), Err(error)) => assert_eq!(head, error),
            (head, packet) => panic!("{head:?}, but {packet:?}"),
        }
    }
});
