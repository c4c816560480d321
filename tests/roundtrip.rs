//! Any packet: what can be encoded comes back from its bytes, owned, forwarded and cut as well.

#[allow(dead_code, reason = "other tests use the rest")]
mod oracle;

use std::num::NonZeroU16;
use std::thread;

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use sans_mqtt::{
    Alias, AnyPacket, Delivery, EncodeError, Field, Forward, Frame, Packet, PacketBuf, PublishBuf, Split,
    Version,
};

/// What packets are made of. Much of it is text.
fn input() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![any::<u8>(), 0x20..0x7F_u8], 0..600)
}

fn config() -> ProptestConfig {
    // What a test finds becomes a vector instead of a file of seeds.
    ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    match Frame::split(bytes, bytes.len()) {
        Ok(Split::Frame(frame, [])) => frame,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn valid_packets_go_there_and_back(input in input()) {
        let any = AnyPacket::arbitrary(&mut Unstructured::new(&input)).unwrap();
        let (version, packet) = (any.version(), any.packet());
        let bytes = oracle::encode(version, &packet).unwrap();
        assert_eq!(oracle::decode(version, frame(&bytes)), Ok(packet));
        let received = Packet::decode_from(version, any.sender(), frame(&bytes)).unwrap();
        assert_eq!(received, packet);
        // Wire-backed now, and written alike.
        assert_eq!(received.to_vec(version), Ok(bytes));
    }

    #[test]
    fn wild_packets_are_refused_or_go_there_and_back(input in input()) {
        let any = AnyPacket::wild(&mut Unstructured::new(&input)).unwrap();
        let (version, packet) = (any.version(), any.packet());
        match oracle::encode(version, &packet) {
            Ok(bytes) => assert_eq!(oracle::decode(version, frame(&bytes)), Ok(packet)),
            Err(EncodeError::Invalid(_)) => {}
            Err(error) => panic!("{error}"),
        }
        // Other versions refuse it, or express all of it.
        for version in Version::ALL {
            if let Ok(bytes) = oracle::encode(version, &packet) {
                assert_eq!(oracle::decode(version, frame(&bytes)), Ok(packet));
            }
        }
    }

    #[test]
    fn messages_are_forwarded(input in input()) {
        let mut u = Unstructured::new(&input);
        let copy = Copy::valid(&mut u);
        let Some(any) = publish(&mut u, AnyPacket::arbitrary) else { return Ok(()) };
        let bytes = any.packet().to_vec(any.version()).unwrap();
        let received = Packet::decode(any.version(), frame(&bytes)).unwrap();
        for packet in [any.packet(), received] {
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            // Not without its topic.
            let refused = publish.topic.is_empty().then_some(Field::TopicName);
            for version in Version::ALL {
                let error = oracle::forward(&publish, &copy.forward(), version).err();
                assert_eq!(error.map(|error| error.violation().unwrap().field()), refused);
            }
        }
    }

    #[test]
    fn wild_messages_are_refused_or_forwarded(input in input()) {
        let mut u = Unstructured::new(&input);
        let copy = Copy::wild(&mut u);
        let Some(any) = publish(&mut u, AnyPacket::wild) else { return Ok(()) };
        let Packet::Publish(publish) = any.packet() else { panic!("{any:?}") };
        for version in Version::ALL {
            if let Err(error) = oracle::forward(&publish, &copy.forward(), version) {
                assert!(error.violation().is_some());
            }
        }
    }

    #[test]
    fn owned_packets_go_to_other_threads(input in input()) {
        let any = AnyPacket::arbitrary(&mut Unstructured::new(&input)).unwrap();
        let (version, packet) = (any.version(), any.packet());
        let owned = PacketBuf::new(version, &packet).unwrap();
        assert_eq!(owned.get(), packet);
        assert_eq!(owned.version(), version);
        let received = PacketBuf::decode(version, owned.bytes().clone()).unwrap();
        let clone = received.clone();
        let bytes = thread::spawn(move || clone.get().to_vec(version)).join().unwrap();
        assert_eq!(bytes.as_ref(), Ok(&received.bytes().to_vec()));
        // Shared, not copied.
        assert_eq!(received.bytes().as_ptr(), owned.bytes().as_ptr());

        let publish = PublishBuf::try_from(received);
        assert_eq!(publish.is_ok(), matches!(packet, Packet::Publish(_)));
        if let (Ok(owned), Packet::Publish(publish)) = (publish, packet) {
            assert_eq!(owned.get(), publish);
            assert_eq!(owned.payload(), publish.payload);
            assert_eq!(PublishBuf::new(version, &publish).unwrap().bytes(), owned.bytes());
            assert_eq!(owned.into_packet().get(), packet);
        }
    }

    #[test]
    fn streams_may_be_cut_anywhere(input in input(), cuts in prop::collection::vec(1..40_usize, 1..9)) {
        let mut u = Unstructured::new(&input);
        let mut stream = Vec::new();
        let mut lens = Vec::new();
        let version = Version::arbitrary(&mut u).unwrap();
        while !u.is_empty() && stream.len() < 4000 {
            if let Ok(len) = AnyPacket::arbitrary(&mut u).unwrap().packet().encode(version, &mut stream) {
                lens.push(len);
            }
        }
        // What is behind the last whole packet is not one.
        stream.extend([0x30, 0xFF]);
        let mut cuts = cuts.iter().cycle();
        let packets = oracle::framing(&stream, usize::MAX, || *cuts.next().unwrap());
        assert_eq!(packets.iter().map(|packet| packet.len()).collect::<Vec<_>>(), lens);
    }
}

/// The first PUBLISH that `make` makes of the input.
fn publish<'a>(
    u: &mut Unstructured<'a>,
    make: impl Fn(&mut Unstructured<'a>) -> arbitrary::Result<AnyPacket<'a>>,
) -> Option<AnyPacket<'a>> {
    loop {
        let any = make(u).unwrap();
        if let Packet::Publish(_) = any.packet() {
            return Some(any);
        }
        if u.is_empty() {
            return None;
        }
    }
}

/// What a [`Forward`] borrows.
struct Copy {
    forward: Forward<'static>,
    subscription_identifiers: Vec<u32>,
}

impl Copy {
    fn valid(u: &mut Unstructured<'_>) -> Self {
        let delivery: Delivery = u.arbitrary().unwrap();
        let alias = NonZeroU16::arbitrary(u).unwrap_or(NonZeroU16::MAX).get();
        let forward = Forward {
            dup: delivery != Delivery::AtMostOnce && u.arbitrary().unwrap(),
            retain: u.arbitrary().unwrap(),
            delivery,
            message_expiry_interval: u.arbitrary().unwrap(),
            subscription_identifiers: &[],
            alias: *u.choose(&[Alias::None, Alias::Define(alias), Alias::Use(alias)]).unwrap(),
        };
        let ids = 0..u.int_in_range(0..=3).unwrap();
        let subscription_identifiers = ids.map(|_| u.int_in_range(1..=268_435_455).unwrap()).collect();
        Self { forward, subscription_identifiers }
    }

    fn wild(u: &mut Unstructured<'_>) -> Self {
        let mut copy = Self::valid(u);
        copy.forward.dup = u.arbitrary().unwrap();
        if u.ratio(1, 4).unwrap() {
            copy.forward.alias = Alias::Use(0);
        }
        if u.ratio(1, 4).unwrap() {
            copy.subscription_identifiers.push(u.arbitrary().unwrap());
        }
        copy
    }

    fn forward(&self) -> Forward<'_> {
        Forward { subscription_identifiers: &self.subscription_identifiers, ..self.forward }
    }
}
