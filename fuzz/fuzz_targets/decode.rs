//! Bytes of an untrusted peer, read in every version and from every side.

#![no_main]

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use sans_mqtt::{Connect, ErrorKind, PacketBuf, PacketType, Split, Version};

fuzz_target!(|input: &[u8]| {
    let Ok(Split::Frame(frame, rest)) = oracle::split(input, usize::MAX) else { return };
    let mut accepted = Vec::new();
    for version in Version::ALL {
        if oracle::decode(version, frame).is_ok() {
            accepted.push(version);
        }
        let owned = PacketBuf::decode(version, input.to_vec().into());
        assert_eq!(owned.is_ok(), rest.is_empty() && accepted.last() == Some(&version));
    }
    match Connect::version(frame) {
        // A packet that starts a connection is of one version only.
        Ok(version) => assert!(accepted.iter().all(|accepted| *accepted == version)),
        Err(error) => {
            assert_eq!(error.kind() == ErrorKind::NotConnect, frame.packet_type() != PacketType::Connect);
            assert!(accepted.is_empty() || error.kind() == ErrorKind::NotConnect);
            assert!(error.offset() <= frame.bytes().len() && !error.rules().is_empty());
        }
    }
});
