//! Packets of a caller, valid ones and wild ones, encoded in every version.

#![no_main]

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sans_mqtt::{Alias, AnyPacket, EncodeError, Forward, Packet, Split, Version};

fuzz_target!(|input: &[u8]| {
    let Some((mode, input)) = input.split_first() else { return };
    let wild = mode & 1 != 0;
    let mut u = Unstructured::new(input);
    let any = if wild { AnyPacket::wild(&mut u) } else { AnyPacket::arbitrary(&mut u) }.unwrap();
    let (made_for, packet) = (any.version(), any.packet());
    for version in Version::ALL {
        let encoded = match oracle::encode(version, &packet) {
            Ok(encoded) => encoded,
            Err(EncodeError::Invalid(_)) if wild || version != made_for => continue,
            Err(error) => panic!("{error}: {any:?}"),
        };
        let Ok(Split::Frame(frame, [])) = oracle::split(&encoded, encoded.len()) else {
            panic!("{encoded:02X?}")
        };
        assert_eq!(oracle::decode(version, frame), Ok(packet));
        if !wild && version == made_for {
            assert_eq!(Packet::decode_from(version, any.sender(), frame), Ok(packet));
        }
    }
    if let Packet::Publish(publish) = packet {
        let ids: [u32; 2] = u.arbitrary().unwrap();
        let alias = u.arbitrary().unwrap();
        let copy = Forward {
            dup: u.arbitrary().unwrap(),
            retain: u.arbitrary().unwrap(),
            delivery: u.arbitrary().unwrap(),
            message_expiry_interval: u.arbitrary().unwrap(),
            subscription_identifiers: &ids[..u.int_in_range(0..=2).unwrap()],
            alias: *u.choose(&[Alias::None, Alias::Define(alias), Alias::Use(alias)]).unwrap(),
        };
        for version in Version::ALL {
            if let Err(error) = oracle::forward(&publish, &copy, version) {
                assert!(error.violation().is_some());
            }
        }
    }
});
