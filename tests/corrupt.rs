//! Every vector with one byte of it replaced.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
mod oracle;

use std::collections::BTreeSet;
use std::ops::Range;
use std::thread;

use common::{Vector, vectors};
use sans_mqtt::{DecodeError, Field, Frame, Observer, Packet, Sender, Split, Value, Version};

/// What stands behind the packet. A corrupt length may reach into it, nothing else may.
const BEHIND: [u8; 40] = [0xFF; 40];

/// Places and what to put there: everything in short packets, and less the longer a packet takes to decode.
fn changes(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let len = bytes.len();
    let (short, long) = (len <= 64, len > 10_000);
    let ends = move |at: &usize| {
        let distance = (*at).min(len - 1 - *at);
        short || distance < 16 || distance < 256 && (!long || distance % 8 == 0)
    };
    (0..len).filter(ends).flat_map(move |at| {
        let old = bytes[at];
        let telling = move |value: &u8| {
            const TELLING: [u8; 11] = [0, 1, 2, 0x23, 0x26, 0x2B, 0x7F, 0x80, 0xC0, 0xED, 0xF4];
            let few = [0, 0xFF, old ^ 0x80].contains(value);
            few || !long && (TELLING.contains(value) || (value ^ old).is_power_of_two())
        };
        (0..=255)
            .filter(move |value| *value != old && (short || telling(value)))
            .map(move |value| (at, value))
    })
}

#[test]
fn one_wrong_byte_does_no_harm() {
    // The same bytes decode in the same way whichever vector they are of.
    let distinct: BTreeSet<(Version, Option<bool>, Vec<u8>)> =
        vectors().into_iter().map(|Vector { version, client, bytes, .. }| (version, client, bytes)).collect();
    let distinct: Vec<_> = distinct.into_iter().collect();
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let accepted: usize = thread::scope(|scope| {
        let halves: Vec<_> = (0..workers)
            .map(|worker| {
                let distinct = &distinct;
                scope.spawn(move || distinct.iter().skip(worker).step_by(workers).map(corrupt).sum::<usize>())
            })
            .collect();
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    // A changed payload or number is as valid as the old one.
    assert!(accepted > 10_000, "only {accepted} corrupt packets are accepted");
}

/// Gives how many of the corrupt packets are accepted.
fn corrupt((version, client, bytes): &(Version, Option<bool>, Vec<u8>)) -> usize {
    let sender = client.map(|client| if client { Sender::Client } else { Sender::Server });
    let mut input = [&bytes[..], &BEHIND].concat();
    let mut accepted = 0;
    for (at, value) in changes(bytes) {
        input[at] = value;
        accepted += usize::from(check(*version, sender, &input));
        input[at] = bytes[at];
    }
    accepted
}

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
    // Looking on changes nothing.
    assert_eq!(Packet::observe(version, sender, frame, &mut Nobody), decoded);
    match decoded {
        Ok(_) if frame.bytes().len() <= 200 => {
            oracle::decode(version, frame).unwrap();
        }
        Ok(packet) => {
            // What may be received is not always what may be sent.
            if let Ok(encoded) = packet.to_vec(version) {
                assert_eq!(Packet::decode(version, common::frame(&encoded)), Ok(packet));
            }
        }
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
