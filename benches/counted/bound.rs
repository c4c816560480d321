//! The same by hand.

use std::hint::black_box;
use std::num::NonZeroU16;

use bound::{Ack, Client, Event, Flags, Invalid, List, Packet, Publish, Refused, Sender, Version, split};
use sans_mqtt::Buffer;

#[inline(never)]
pub(crate) fn decode(version: Version, input: &[u8]) -> Result<Packet<'_>, Invalid> {
    match split(version, input, 1 << 20)? {
        Some((frame, _)) => Packet::decode(version, Sender::Anyone, frame),
        None => unreachable!("the samples are whole"),
    }
}

#[inline(never)]
pub(crate) fn encode(packet: &Packet<'_>, version: Version, buffer: &mut [u8]) -> Result<usize, Refused> {
    packet.encode(version, Sender::Anyone, buffer)
}

#[inline(never)]
pub(crate) fn encode_to_buffer<const N: usize>(
    packet: &Packet<'_>,
    version: Version,
    buffer: &mut Buffer<N>,
) -> Result<usize, Refused> {
    let len = packet.encode(version, Sender::Anyone, buffer.space())?;
    buffer.filled(len);
    Ok(len)
}

#[inline(never)]
pub(crate) fn encode_publish(
    topic: &str,
    payload: &[u8],
    version: Version,
    buffer: &mut [u8],
) -> Result<usize, Refused> {
    let Some(flags) = Flags::new(false, 0, false) else { return Err(Refused::Invalid) };
    let publish = Publish { flags, packet_id: None, topic, properties: List::EMPTY, payload };
    publish.encode(version, Sender::Anyone, buffer)
}

#[inline(never)]
pub(crate) fn encode_puback(
    packet_id: NonZeroU16,
    version: Version,
    buffer: &mut [u8],
) -> Result<usize, Refused> {
    let puback = Ack { packet_id, code: 0, properties: List::EMPTY };
    Packet::Puback(puback).encode(version, Sender::Anyone, buffer)
}

#[inline(never)]
pub(crate) fn publish<const WINDOW: usize>(
    client: &mut Client<WINDOW>,
    now: u64,
    message: &Publish<'_>,
    out: &mut &mut [u8],
) -> Option<NonZeroU16> {
    client.publish(now, message, out).unwrap()
}

/// Handles all of `input` and gives the number of messages that are done.
#[inline(never)]
pub(crate) fn handle<const WINDOW: usize>(
    client: &mut Client<WINDOW>,
    now: u64,
    mut input: &[u8],
    out: &mut &mut [u8],
) -> usize {
    let mut done = 0;
    loop {
        match client.handle(now, &mut input, out).unwrap() {
            Event::Acked(..) => done += 1,
            Event::Read | Event::Write => return done,
            event => {
                black_box(&event);
            }
        }
    }
}
