//! Every vector with one byte of it replaced.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
mod oracle;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Mutex;
use std::thread;

use common::vectors;
use sans_mqtt::{DecodeError, Field, Frame, Observer, Packet, Sender, Split, Value, Version};

/// What stands behind the packet. A corrupt length may reach into it, nothing else may.
const BEHIND: [u8; 40] = [0xFF; 40];

/// Every place among the first and the last 256, and every other value to put there.
fn changes(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let len = bytes.len();
    let at_an_end = move |at: &usize| (*at).min(len - 1 - *at) < 256;
    (0..len)
        .filter(at_an_end)
        .flat_map(move |at| (0..=255).filter(move |value| *value != bytes[at]).map(move |value| (at, value)))
}

/// A choice of them: less, the longer a packet takes to decode.
fn is_telling(bytes: &[u8], at: usize, value: u8) -> bool {
    const TELLING: [u8; 12] = [0, 1, 2, 0x23, 0x26, 0x2B, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF];
    let near = at.min(bytes.len() - 1 - at) < if bytes.len() > 10_000 { 4 } else { 64 };
    let any = bytes.len() <= 64 && (at + usize::from(value)) % 4 == 0;
    any || near && (TELLING.contains(&value) || (value ^ bytes[at]).is_power_of_two())
}

#[test]
fn one_wrong_byte_does_no_harm() {
    let accepted = corrupt(is_telling);
    // A changed payload or number is as valid as the old one.
    assert!(accepted > 10_000, "only {accepted} corrupt packets are accepted");
}

#[test]
#[ignore = "all changes take minutes, and only when optimized"]
fn no_wrong_byte_does_harm() {
    // In a long packet most bytes are the same text.
    corrupt(|bytes, at, value| bytes.len() <= 2000 || is_telling(bytes, at, value));
}

/// Makes all changes that are `wanted` in all vectors. Gives the number of those that are accepted.
fn corrupt(wanted: impl Fn(&[u8], usize, u8) -> bool + Sync) -> usize {
    // The same bytes decode in the same way whichever vector they are of.
    let distinct: HashSet<(Version, Option<Sender>, Vec<u8>)> =
        vectors().into_iter().map(|vector| (vector.version, vector.sender(), vector.bytes)).collect();
    let next = Mutex::new(distinct.iter());
    let work = || {
        let mut accepted = 0;
        while let Some((version, sender, bytes)) = { next.lock().unwrap().next() } {
            let mut input = [&bytes[..], &BEHIND].concat();
            for (at, value) in changes(bytes).filter(|(at, value)| wanted(bytes, *at, *value)) {
                input[at] = value;
                accepted += usize::from(check(*version, *sender, &input));
                input[at] = bytes[at];
            }
        }
        accepted
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            thread::available_parallelism().map_or(0..2, |n| 0..n.get()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

/// Whether the packet at the front of `input` is accepted.
fn check(version: Version, sender: Option<Sender>, input: &[u8]) -> bool {
    let frame = match Frame::split(input, usize::MAX) {
        Ok(Split::Frame(frame, _)) => frame,
        Ok(Split::Incomplete(_)) => return false,
        Err(error) => {
            blame(error.in_version(version), input);
            return false;
        }
    };
    let decoded = match sender {
        None => Packet::decode(version, frame),
        Some(sender) => Packet::decode_from(version, sender, frame),
    };
    let observed = Packet::observe(version, sender, frame, &mut Nobody);
    // To compare megabytes takes too long.
    let len = frame.bytes().len();
    if len < 100_000 {
        assert_eq!(observed, decoded, "looking on changes something");
    }
    match decoded {
        Ok(_) if len <= 200 => drop(oracle::decode(version, frame).unwrap()),
        Ok(packet) if len <= 10_000 => {
            // What may be received is not always what may be sent.
            if let Ok(encoded) = packet.to_vec(version) {
                assert_eq!(Packet::decode(version, common::frame(&encoded)), Ok(packet));
            }
        }
        Ok(_) => {}
        Err(error) => blame(error, frame.bytes()),
    }
    decoded.is_ok()
}

struct Nobody;

impl Observer for Nobody {
    fn field(&mut self, _: Field, _: Range<usize>, _: Value<'_>) {}
}

fn blame(error: DecodeError, packet: &[u8]) {
    assert!(error.offset() <= packet.len(), "{error:?} in {packet:02X?}");
    assert!(!error.rules().is_empty(), "{error:?} in {packet:02X?}");
}
