//! The code whose instructions are counted: instructions.sh knows this module by its name. No function here calls
//! another, or its instructions would not count.
//!
//! Each is compiled on its own, and the version is known at run time only, as it is in a server.

pub(crate) mod bound;

use std::hint::black_box;

use sans_mqtt::{
    Ack, Buffer, Client, Connection, DecodeError, EncodeError, Event, Forward, Frame, Instant, Message,
    Packet, PacketId, Properties, PropertySet, Publish, Role, Seq, Sink, Split, Step, Store, Subscription,
    Version,
};

/// Cuts and decodes the first packet, as a receive loop does.
#[inline(never)]
pub(crate) fn decode(version: Version, input: &[u8]) -> Result<Packet<'_>, DecodeError> {
    match Frame::split(input, 1 << 20)? {
        Split::Frame(frame, _) => Packet::decode(version, frame),
        Split::Incomplete(_) => unreachable!("the samples are whole"),
    }
}

#[inline(never)]
pub(crate) fn encode(
    packet: &Packet<'_>,
    version: Version,
    mut buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    packet.encode(version, &mut buffer)
}

#[inline(never)]
pub(crate) fn encode_to_buffer<const N: usize>(
    packet: &Packet<'_>,
    version: Version,
    buffer: &mut Buffer<N>,
) -> Result<usize, EncodeError> {
    packet.encode(version, buffer)
}

#[inline(never)]
pub(crate) fn encode_publish(
    topic: &str,
    payload: &[u8],
    version: Version,
    mut buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    Packet::Publish(Publish { topic, payload, ..Publish::default() }).encode(version, &mut buffer)
}

#[inline(never)]
pub(crate) fn encode_puback(
    packet_id: PacketId,
    version: Version,
    mut buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    Packet::Puback(Ack { packet_id, ..Ack::default() }).encode(version, &mut buffer)
}

#[inline(never)]
pub(crate) fn walk_properties(properties: Properties<'_>) {
    for property in properties {
        black_box(&property);
    }
}

#[inline(never)]
pub(crate) fn walk_filters(filters: Seq<'_, Subscription<'_>>) {
    for subscription in filters {
        black_box(&subscription);
    }
}

#[inline(never)]
pub(crate) fn user_property<'a>(properties: Properties<'a>) -> Option<(&'a str, &'a str)> {
    properties.user_properties().next()
}

#[inline(never)]
pub(crate) fn forward(
    publish: &Publish<'_>,
    copy: &Forward<'_>,
    version: Version,
    mut buffer: &mut [u8],
) -> Result<PropertySet, EncodeError> {
    publish.forward_head(copy, version, &mut buffer)
}

#[inline(never)]
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    sans_mqtt::matches(filter, topic)
}

/// Decodes all of `input` and gives the number of packets.
#[inline(never)]
pub(crate) fn decode_stream(version: Version, mut input: &[u8]) -> Result<usize, DecodeError> {
    let mut packets = 0;
    while let Split::Frame(frame, rest) = Frame::split(input, 1 << 20)? {
        black_box(&Packet::decode(version, frame)?);
        input = rest;
        packets += 1;
    }
    Ok(packets)
}

#[inline(never)]
pub(crate) fn publish<S: Store>(
    client: &mut Client<S>,
    message: &Message<'_>,
    out: &mut impl Sink,
) -> Option<PacketId> {
    client.publish(message, out).unwrap()
}

/// Handles all of `input` and gives the number of messages that are done.
#[inline(never)]
pub(crate) fn handle<R: Role, S: Store>(
    connection: &mut Connection<R, S>,
    now: Instant,
    mut input: &[u8],
    out: &mut impl Sink,
) -> usize {
    let mut done = 0;
    loop {
        match connection.handle(now, &mut input, out) {
            Step::Event(Event::Acked { .. }) => done += 1,
            Step::Event(event) => {
                black_box(&event);
            }
            Step::Wait(_) => return done,
        }
    }
}
