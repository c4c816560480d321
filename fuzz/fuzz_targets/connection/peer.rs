//! Packets about messages, which both sides send: whatever a hostile peer makes of them.

use sans_mqtt::{
    Ack, Auth, Delivery, Packet, Properties, Property, Publish, PublishHead, Qos, ReasonCode, Version,
};

use crate::tape::{Tape, Words};

const TOPICS: [&str; 4] = ["in", "in/2", "n", "in/a/long/topic"];

/// A topic and an alias, of which one may be missing, known or not, or out of range.
fn topic(tape: &mut Tape<'_>) -> (&'static str, Vec<Property<'static>>) {
    let what = tape.byte();
    let topic = TOPICS[usize::from(what >> 6)];
    let alias = match what >> 3 & 7 {
        n @ 0..4 => u16::from(n) + 1,
        4 => 5,
        5 => 20,
        6 => 21,
        _ => 65_535,
    };
    let alias = vec![Property::TopicAlias(alias)];
    match what & 7 {
        0..4 => (topic, Vec::new()),
        4 | 5 => (topic, alias),
        _ => ("", alias),
    }
}

pub(crate) fn message_packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
    let what = tape.byte();
    let method = [Property::AuthenticationMethod("m")];
    let (packet_id, reason) = (tape.id(), tape.reason());
    let words = if what & 128 == 0 { Words::NONE } else { tape.words() }.behind(&[]);
    let ack = Ack { packet_id, properties: words[..].into(), ..Ack::default() };
    let acked = Ack { reason, ..ack };
    let mut publish = |delivery, dup| {
        let (topic, alias) = topic(tape);
        let payload = &[what; 3];
        let publish =
            Publish { topic, delivery, dup, properties: alias[..].into(), payload, ..Publish::default() };
        // Before 5.0 there is no alias.
        send(Packet::Publish(publish))
            || send(Packet::Publish(Publish { topic: "in", properties: Properties::EMPTY, ..publish }))
    };
    let delivery =
        if what & 16 == 0 { Delivery::AtLeastOnce(packet_id) } else { Delivery::ExactlyOnce(packet_id) };
    match what % 12 {
        6..=9 => {
            publish(delivery, false);
            return;
        }
        10 => {
            publish(delivery, true);
            return;
        }
        11 if what & 16 == 0 => {
            publish(Delivery::AtMostOnce, false);
            return;
        }
        _ => {}
    }
    let packet = match what % 12 {
        0 | 1 => Packet::Puback(acked),
        2 => Packet::Pubrec(acked),
        3 => Packet::Pubrec(ack),
        4 => Packet::Pubrel(ack),
        5 => Packet::Pubcomp(acked),
        _ => Packet::Auth(Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&method).into() }),
    };
    send(packet);
}

/// A large PUBLISH, the end of which may be missing.
pub(crate) fn large(tape: &mut Tape<'_>, version: Version) -> Vec<u8> {
    let what = tape.byte();
    let id = tape.id();
    let (topic, alias) = topic(tape);
    let payload_len = tape.pick(&[60, 20, 90, 150, 1100, 2_000_000, 0]);
    let delivery = match what % 3 {
        0 => Delivery::AtLeastOnce(id),
        1 => Delivery::ExactlyOnce(id),
        _ => Delivery::AtMostOnce,
    };
    let dup = what & 16 != 0 && delivery.qos() != Qos::AtMostOnce;
    // A head may be large, too.
    let long = "h".repeat(if what & 96 == 96 { 50 } else { 0 });
    let topic = if long.is_empty() { topic } else { &long };
    let head = PublishHead {
        dup,
        retain: what & 128 != 0,
        delivery,
        topic,
        properties: alias[..].into(),
        payload_len,
    };
    let mut bytes = Vec::new();
    let written = head.encode(version, &mut bytes);
    if written.is_err() {
        let topic = if topic.is_empty() { "in" } else { topic };
        let head = PublishHead { topic, properties: Properties::EMPTY, ..head };
        head.encode(version, &mut bytes).unwrap();
    }
    let there = if what & 8 == 0 { payload_len.min(2000) } else { usize::from(tape.byte()).min(payload_len) };
    bytes.resize(bytes.len() + there, what);
    bytes
}
