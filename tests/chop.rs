//! Streams cut anywhere and packets cut short.

mod common;
#[allow(dead_code, reason = "other tests use the rest")]
mod oracle;

use common::{Vector, accepted, frame};
use sans_mqtt::{Frame, HeadSplit, Packet, PublishHead, Split, Version};

/// Every accepted vector of a version, up to a length, one behind the other.
fn stream(version: Version, longest: usize) -> (Vec<Vector>, Vec<u8>) {
    let mut vectors = accepted();
    vectors.retain(|vector| vector.version == version && vector.bytes.len() <= longest);
    let stream = vectors.iter().flat_map(|vector| &vector.bytes).copied().collect();
    assert!(vectors.len() > 100, "only {} packets of {version}", vectors.len());
    (vectors, stream)
}

/// The stream arrives in two pieces, and then again, cut one byte later.
#[test]
fn a_stream_may_be_cut_anywhere() {
    for version in Version::ALL {
        let (vectors, stream) = stream(version, usize::MAX);
        let mut start = 0;
        for vector in &vectors {
            let end = start + vector.bytes.len();
            let whole = Frame::split(&stream[start..], usize::MAX);
            let Ok(Split::Frame(whole, rest)) = whole else { panic!("{}: {whole:?}", vector.id) };
            assert_eq!((whole.bytes(), rest.len()), (&vector.bytes[..], stream.len() - end), "{}", vector.id);
            let packet = Packet::decode(version, whole).unwrap();
            assert_eq!(packet.packet_type(), whole.packet_type());
            for cut in start..end {
                let first = Frame::split(&stream[start..cut], usize::MAX);
                let Ok(Split::Incomplete(needed)) = first else {
                    panic!("{} at {}: {first:?}", vector.id, cut - start)
                };
                // The fixed header is all that has to be there to know.
                let known = (start + 1..cut.min(start + 5)).any(|at| stream[at] < 0x80);
                assert!(if known { needed == end - cut } else { needed == if cut == start { 2 } else { 1 } });
            }
            start = end;
        }
        assert_eq!(start, stream.len());
    }
}

/// The stream arrives in pieces of one length; whoever waits for as many bytes as he is told gets every packet.
#[test]
fn a_stream_may_arrive_in_pieces_of_any_length() {
    for version in Version::ALL {
        for len in [1, 2, 3, 5, 7, 64, 1000, 65_536, usize::MAX / 2] {
            // Many short pieces of a long packet are all alike.
            let (vectors, stream) = stream(version, len.saturating_mul(1000));
            let packets = oracle::framing(&stream, usize::MAX, || len);
            assert!(packets.iter().copied().eq(vectors.iter().map(|vector| &vector.bytes[..])));
            for (packet, vector) in packets.iter().zip(&vectors) {
                let whole = Packet::decode(version, frame(&vector.bytes));
                assert_eq!(Packet::decode(version, frame(packet)), whole, "{}", vector.id);
            }
        }
    }
}

/// The head of a PUBLISH is there as soon as its last byte is.
#[test]
fn the_head_of_a_publish_arrives_before_its_payload() {
    let vectors = accepted();
    let publishes: Vec<&Vector> = vectors.iter().filter(|vector| vector.bytes[0] >> 4 == 3).collect();
    assert!(publishes.len() > 100);
    for vector in publishes {
        oracle::head(vector.version, frame(&vector.bytes));
    }
}

/// Where a packet is cut; long ones, which take long, near their ends.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    let last = if len > 1000 { 4 } else { 300 };
    (0..len).filter(move |at| *at < 300 || len - at <= last)
}

/// What was cut short and says so in its Remaining Length is whole, if perhaps not valid.
#[test]
fn a_short_packet_is_not_an_incomplete_one() {
    let mut valid = 0;
    for vector in accepted() {
        let Vector { id, version, bytes, .. } = &vector;
        let header = 1 + bytes[1..].iter().position(|byte| *byte < 0x80).unwrap() + 1;
        for cut in cuts(bytes.len() - header) {
            let mut short = vec![bytes[0]];
            let mut remaining = cut;
            while remaining >= 0x80 {
                short.push(remaining as u8 | 0x80);
                remaining >>= 7;
            }
            short.push(remaining as u8);
            short.extend_from_slice(&bytes[header..header + cut]);
            let frame = frame(&short);
            assert_eq!(frame.bytes(), short, "{id} at {cut}");
            valid += usize::from(oracle::decode(*version, frame).is_ok());
            for version in Version::ALL {
                let split = PublishHead::split(version, vector.sender(), &short);
                assert!(!matches!(split, Ok(HeadSplit::Incomplete(_))), "{id} at {cut}: {split:?}");
            }
        }
    }
    // Shorter payloads and lists are as good as long ones.
    assert!(valid > 100, "only {valid} short packets are valid");
}
