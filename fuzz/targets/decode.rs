//! Any bytes as one packet of any version: no panic, and every way of decoding agrees.
#![no_main]

#[allow(dead_code, reason = "other targets and the property tests use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use sans_mqtt::{PacketType, Split, Version};

fuzz_target!(|input: &[u8]| {
    let Ok(Split::Frame(frame, _)) = oracle::split(input, 1 << 20) else { return };
    for version in Version::ALL {
        let _ = oracle::decode(version, frame);
        if frame.packet_type() == PacketType::Publish {
            oracle::head(version, frame);
        }
    }
});
