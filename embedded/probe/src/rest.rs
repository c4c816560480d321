//! The rest of the library: what a program may do with packets besides decoding and encoding them.
use core::hint::black_box;
use core::ops::Range;

use sans_mqtt::{
    Alias, DecodeError, Delivery, Field, Forward, Frame, HeadSplit, Observer, Packet, PacketId, Properties,
    Property, PropertyId, Publish, PublishHead, ReasonCode, Sender, Seq, Split, Subscription, TopicFilter,
    TopicName, Value, Version,
};

use crate::codec::encodes_to;
use crate::tape::every_packet;

/// Does all of it with every packet of every version.
pub fn all() -> bool {
    every_packet(|version, frame| {
        asks_for_more(frame)
            && survives_damage(version, frame)
            && Packet::decode(version, frame).is_ok_and(|packet| {
                let packet = black_box(packet);
                known_sender(version, frame, &packet)
                    && observed(version, frame, &packet)
                    && built_by_a_caller(version, frame, packet)
                    && as_a_message(version, frame, &packet)
                    && topics(version, &packet)
            })
    })
}

/// Every part of a packet asks for the rest, and for no more than that.
fn asks_for_more(frame: Frame<'_>) -> bool {
    let bytes = frame.bytes();
    (0..bytes.len()).all(|len| {
        let part = bytes.get(..len).unwrap_or_default();
        match Frame::split(part, bytes.len()) {
            Ok(Split::Incomplete(missing)) => missing > 0 && missing <= bytes.len() - len,
            _ => false,
        }
    })
}

/// Any byte may be anything: the decoder says what is wrong and where, and what it takes can be written.
fn survives_damage(version: Version, frame: Frame<'_>) -> bool {
    let mut copy = [0; 256];
    let bytes = frame.bytes();
    (0..bytes.len()).all(|at| {
        [0x00, 0x01, 0x7F, 0x80, 0xFF].into_iter().all(|byte| {
            let Some(damaged) = copy.get_mut(..bytes.len()) else {
                return false;
            };
            damaged.copy_from_slice(bytes);
            damaged.iter_mut().skip(at).take(1).for_each(|at| *at = byte);
            match Frame::split(black_box(damaged), 1024) {
                Ok(Split::Frame(frame, _)) => match Packet::decode(version, frame) {
                    Ok(packet) => packet.encoded_len(version).is_ok(),
                    Err(error) => tells(error, version, bytes.len()),
                },
                Ok(Split::Incomplete(missing)) => missing > 0,
                Err(error) => tells(error, version, bytes.len()),
            }
        })
    })
}

/// Whether the error points into the packet or to its end, and names a rule and a reason.
fn tells(error: DecodeError, version: Version, len: usize) -> bool {
    black_box(error.answer(version, Sender::Client).packet());
    error.offset() <= len && error.reason().is_error() && !error.rules().is_empty()
}

/// One side at least may have sent it, and is understood like an unknown sender.
fn known_sender(version: Version, frame: Frame<'_>, packet: &Packet<'_>) -> bool {
    [Sender::Client, Sender::Server].into_iter().any(|sender| {
        let may = frame.packet_type().may_be_sent_by(sender, version);
        Packet::decode_from(version, black_box(sender), frame).is_ok_and(|same| may && same == *packet)
    })
}

/// The part of the packet that all observed fields cover together.
struct Spans {
    start: usize,
    end: usize,
}

impl Observer for Spans {
    fn field(&mut self, _: Field, span: Range<usize>, _: Value<'_>) {
        self.start = self.start.min(span.start);
        self.end = self.end.max(span.end);
    }
}

fn observed(version: Version, frame: Frame<'_>, packet: &Packet<'_>) -> bool {
    let mut spans = Spans { start: usize::MAX, end: 0 };
    let same = Packet::observe(version, None, frame, &mut spans).is_ok_and(|same| same == *packet);
    same && (spans.start, spans.end) == (0, frame.bytes().len())
}

/// Room for the lists of one packet.
struct Lists<'a> {
    properties: [Property<'a>; 20],
    will: [Property<'a>; 8],
    subscriptions: [Subscription<'a>; 4],
    filters: [&'a str; 4],
    reasons: [ReasonCode; 4],
}

/// Copies a list and gives it as a caller would have built it.
fn rebuild<'r, T>(list: impl Iterator<Item = T>, room: &'r mut [T]) -> Seq<'r, T> {
    let len = room.iter_mut().zip(list).map(|(slot, element)| *slot = element).count();
    Seq::from(room.get(..len).unwrap_or_default())
}

/// The same packet with lists that were not received is written to the same bytes.
fn built_by_a_caller(version: Version, frame: Frame<'_>, packet: Packet<'_>) -> bool {
    let Lists { mut properties, mut will, mut subscriptions, mut filters, mut reasons } = Lists {
        properties: [Property::TopicAlias(0); 20],
        will: [Property::TopicAlias(0); 8],
        subscriptions: [Subscription::default(); 4],
        filters: [""; 4],
        reasons: [ReasonCode::SUCCESS; 4],
    };
    let mut packet = packet;
    match &mut packet {
        Packet::Connect(connect) => {
            connect.properties = rebuild(connect.properties.iter(), &mut properties);
            if let Some(message) = &mut connect.will {
                message.properties = rebuild(message.properties.iter(), &mut will);
            }
        }
        Packet::Connack(connack) => connack.properties = rebuild(connack.properties.iter(), &mut properties),
        Packet::Publish(publish) => publish.properties = rebuild(publish.properties.iter(), &mut properties),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.properties = rebuild(ack.properties.iter(), &mut properties);
        }
        Packet::Subscribe(subscribe) => {
            subscribe.properties = rebuild(subscribe.properties.iter(), &mut properties);
            subscribe.filters = rebuild(subscribe.filters.iter(), &mut subscriptions);
        }
        Packet::Suback(suback) | Packet::Unsuback(suback) => {
            suback.properties = rebuild(suback.properties.iter(), &mut properties);
            suback.reasons = rebuild(suback.reasons.iter(), &mut reasons);
        }
        Packet::Unsubscribe(unsubscribe) => {
            unsubscribe.properties = rebuild(unsubscribe.properties.iter(), &mut properties);
            unsubscribe.filters = rebuild(unsubscribe.filters.iter(), &mut filters);
        }
        Packet::Pingreq | Packet::Pingresp => {}
        Packet::Disconnect(disconnect) => {
            disconnect.properties = rebuild(disconnect.properties.iter(), &mut properties);
        }
        Packet::Auth(auth) => auth.properties = rebuild(auth.properties.iter(), &mut properties),
    }
    encodes_to(&black_box(packet), version, frame.bytes())
}

/// A PUBLISH read by its head alone, and passed on to receivers of every version.
fn as_a_message(version: Version, frame: Frame<'_>, packet: &Packet<'_>) -> bool {
    let Packet::Publish(publish) = packet else {
        return matches!(PublishHead::split(version, None, frame.bytes()), Ok(HeadSplit::Other(_)));
    };
    let head_len = frame.bytes().len() - publish.payload.len();
    let head = frame.bytes().get(..head_len).unwrap_or_default();
    let mut written = [0; 256];
    let split = PublishHead::split(version, None, black_box(head));
    let same = split == Ok(HeadSplit::Head(publish.head(), &[]))
        && publish.head().encode(version, &mut &mut written[..]) == Ok(head_len)
        && written.get(..head_len) == Some(head);
    same && Version::ALL.into_iter().all(|to| passed_on(publish, to))
}

fn passed_on(publish: &Publish<'_>, to: Version) -> bool {
    // The topic of a message that came with an alias alone.
    let publish =
        Publish { topic: if publish.topic.is_empty() { "known" } else { publish.topic }, ..*publish };
    let copy = Forward {
        delivery: Delivery::AtLeastOnce(PacketId::MAX),
        message_expiry_interval: Some(1),
        subscription_identifiers: &[1, 268_435_455],
        alias: Alias::Define(9),
        ..Forward::default()
    };
    let mut buffer = [0; 256];
    let copy = black_box(copy);
    let Ok(dropped) = publish.forward(&copy, to, &mut &mut buffer[..]) else {
        return false;
    };
    let Ok(len) = publish.forwarded_len(&copy, to) else {
        return false;
    };
    let Ok(Split::Frame(frame, _)) = Frame::split(&buffer, len) else {
        return false;
    };
    let Ok(Packet::Publish(received)) = Packet::decode(to, frame) else {
        return false;
    };
    let of_its_own = |properties: Properties<'_>| {
        to < Version::V5_0 && properties.is_empty()
            || properties.message_expiry_interval() == Some(1)
                && properties.topic_alias() == Some(9)
                && properties.subscription_identifiers().eq([1, 268_435_455])
    };
    received.topic == publish.topic
        && received.payload == publish.payload
        && of_its_own(received.properties)
        && (to == Version::V5_0) <= dropped.is_empty()
        && !dropped.contains(PropertyId::TopicAlias)
}

/// Every topic is a valid name, every filter a valid filter that matches what it should.
fn topics(version: Version, packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Publish(publish) if !publish.topic.is_empty() => {
            TopicName::new(publish.topic).is_ok() && sans_mqtt::matches(black_box("#"), publish.topic)
        }
        Packet::Subscribe(subscribe) => subscribe.filters.iter().all(|subscription| {
            TopicFilter::new(subscription.filter, version)
                .is_ok_and(|filter| filter.matches("a/b") == filter.has_wildcard())
        }),
        _ => true,
    }
}
