//! Any packet, right or wrong: what can be encoded comes back from its bytes.
#![no_main]

#[allow(dead_code, reason = "other targets and the property tests use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sans_mqtt::{AnyPacket, Frame, Split, Version};

fuzz_target!(|input: &[u8]| {
    let Some((&wild, input)) = input.split_first() else { return };
    let mut u = Unstructured::new(input);
    let any = if wild & 1 == 0 { AnyPacket::arbitrary(&mut u) } else { AnyPacket::wild(&mut u) };
    let Ok(any) = any else { return };
    let packet = any.packet();
    for version in Version::ALL {
        let Ok(bytes) = oracle::encode(version, &packet) else {
            assert!(wild & 1 == 1 || version != any.version(), "{packet:?}");
            continue;
        };
        let Ok(Split::Frame(frame, [])) = Frame::split(&bytes, bytes.len()) else { panic!("{bytes:02X?}") };
        assert_eq!(oracle::decode(version, frame), Ok(packet));
    }
});
