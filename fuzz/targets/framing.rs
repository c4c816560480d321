//! Any stream in pieces of any length: the packets of the uncut stream.
#![no_main]

#[allow(dead_code, reason = "other targets and the property tests use the rest")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[limit, pieces], stream)) = input.split_first_chunk() else { return };
    // The lengths of the pieces repeat and differ.
    let mut piece = usize::from(pieces);
    let cut = || {
        piece = (piece * 5 + 3) % 67;
        piece
    };
    oracle::framing(stream, 1 << (limit % 16), cut);
});
