//! What has to be true of any bytes and of any packet, whoever makes them up: property tests, vectors or a fuzzer.
//! Each function panics where it is not.

use std::ops::Range;
use std::ptr;

use sans_mqtt::{
    Ack, Alias, Auth, Connack, Connect, DecodeError, Disconnect, EncodeError, ErrorKind, Field, Forward,
    Frame, HeadSplit, Observer, Packet, PacketBuf, PacketType, Properties, Property, PropertyId, PropertySet,
    Publish, PublishHead, ReasonCode, Sender, Seq, Split, Suback, Subscribe, Unsubscribe, Value, Version,
    Will,
};

const SENDERS: [Option<Sender>; 3] = [None, Some(Sender::Client), Some(Sender::Server)];

/// The length of the fixed header and of what follows it, read in another way than the library does.
fn lengths(input: &[u8]) -> Option<(usize, usize)> {
    let digits = input.iter().skip(1).take(4);
    let end = digits.clone().position(|byte| byte & 0x80 == 0)?;
    Some((end + 2, digits.take(end + 1).rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F))))
}

/// Any bytes: cut by their fixed header, or refused, or found too short by exactly what is missing.
pub(crate) fn split(input: &[u8], max_size: usize) -> Result<Split<'_>, DecodeError> {
    let size = lengths(input).map(|(header, remaining)| header + remaining);
    let split = Frame::split(input, max_size);
    match (split, size) {
        (Ok(Split::Frame(frame, rest)), Some(size)) => {
            // The very same bytes: streams are too long to compare them again and again.
            let (packet, behind) = input.split_at(size);
            assert!(ptr::eq(frame.bytes(), packet) && ptr::eq(rest, behind));
            assert_eq!(frame.packet_type() as u8, input[0] >> 4);
            assert!(size <= max_size);
        }
        (Ok(Split::Incomplete(needed)), Some(size)) => assert_eq!(input.len() + needed, size),
        // Not even the fixed header is complete.
        (Ok(Split::Incomplete(needed)), None) => {
            assert_eq!(input.len() + needed, input.len().max(1) + 1);
        }
        (Err(error), size) => {
            match error.kind() {
                ErrorKind::PacketType => assert!(input[0] < 0x10),
                ErrorKind::LengthTooLong => assert!(input[1..5].iter().all(|byte| *byte >= 0x80)),
                ErrorKind::PacketTooLarge => assert!(size.unwrap() > max_size),
                kind => panic!("{kind:?} from a fixed header"),
            }
            for version in Version::ALL {
                // 3.1.1 has no rule against large packets: it is for the receiver to say.
                let ruled = error.kind() != ErrorKind::PacketTooLarge || version == Version::V5_0;
                let error = error.in_version(version);
                assert_eq!(error.value(), input[error.offset()]);
                reject(error, version, input, ruled);
                // Who knows the version says it.
                if error.kind() != ErrorKind::PacketTooLarge {
                    assert_eq!(PublishHead::split(version, None, input), Err(error));
                    assert_eq!(PacketBuf::decode(version, input.to_vec().into()).err(), Some(error));
                }
            }
        }
        (split, size) => panic!("{split:?}, but the packet has {size:?} bytes"),
    }
    split
}

/// Any frame, read as `version`: every way of decoding agrees.
pub(crate) fn decode(version: Version, frame: Frame<'_>) -> Result<Packet<'_>, DecodeError> {
    let decoded = Packet::decode(version, frame);
    for sender in SENDERS {
        let from = match sender {
            Some(sender) => Packet::decode_from(version, sender, frame),
            None => decoded,
        };
        match (from, decoded) {
            (Ok(from), _) => {
                assert_eq!(Ok(from), decoded, "{sender:?}");
                trusted(&from);
            }
            (Err(from), Err(error)) if from == error => {}
            (Err(from), _) => {
                assert_eq!(from.kind(), ErrorKind::Sender, "{sender:?}: {from}");
                reject(from, version, frame.bytes(), true);
            }
        }
        assert_eq!(observe(version, sender, frame), from);
    }
    match decoded {
        Ok(packet) => accept(version, frame, &packet),
        Err(error) => reject(error, version, frame.bytes(), true),
    }
    if frame.packet_type() == PacketType::Publish {
        head(version, frame);
    }
    decoded
}

/// An error about `bytes`: it points into them and knows why.
fn reject(error: DecodeError, version: Version, bytes: &[u8], ruled: bool) {
    assert!(error.offset() <= bytes.len(), "{error:?} in {} bytes", bytes.len());
    assert_eq!(error.violation().version(), Some(version));
    assert_eq!(error.rules().is_empty(), !ruled, "{error:?}");
    assert_eq!(error.rule(), error.rules().first().copied().unwrap_or_default());
    assert!(error.reason().is_error());
    let text = error.to_string();
    assert!(text.contains(error.field().name()) && text.contains(error.rule()), "{text}");
    for sender in [Sender::Client, Sender::Server] {
        // An answer is always one that can be given.
        if let Some(answer) = error.answer(version, sender).packet() {
            assert!(send(version, Some(sender.other()), &answer).is_ok(), "{error:?}: {answer:?}");
        }
    }
}

/// A packet that was decoded from `frame`.
fn accept(version: Version, frame: Frame<'_>, packet: &Packet<'_>) {
    let bytes = frame.bytes();
    assert_eq!(packet.packet_type(), frame.packet_type());
    if let Packet::Connect(_) = packet {
        assert_eq!(Connect::version(frame), Ok(version));
    }
    let owned = PacketBuf::decode(version, bytes.to_vec().into()).unwrap();
    assert_eq!(owned.get(), *packet);
    let encoded = match packet.to_vec(version) {
        Ok(encoded) => encoded,
        Err(error) => {
            return assert_eq!(may_only_be_received(version, packet), error.violation().map(|v| v.kind()));
        }
    };
    assert_eq!(packet.encoded_len(version), Ok(encoded.len()));
    assert_eq!(whole(version, &encoded), *packet);
    // The same bytes again, but for what may be written in several ways: Remaining Length before 5.0, the DUP flag
    // of 3.1, which the model has no place for, and a success that is not in its short form.
    let dup = if version == Version::V3_1 && packet.packet_type() != PacketType::Publish { 8 } else { 0 };
    assert_eq!(encoded[0], bytes[0] & !dup);
    let (header, _) = lengths(bytes).unwrap();
    let (shortest, _) = lengths(&encoded).unwrap();
    assert!(shortest == header || version != Version::V5_0);
    let (body, left_out) = bytes[header..].split_at(encoded.len() - shortest);
    assert_eq!(&encoded[shortest..], body);
    assert!(left_out.is_empty() || has_short_form(packet) && left_out.iter().all(|byte| *byte == 0));
}

/// A received list is trusted where it came from, and nowhere else.
fn trusted(packet: &Packet<'_>) {
    with_lists(packet, |listed| {
        assert_eq!(listed, packet);
        for (version, sender) in Version::ALL.into_iter().flat_map(|v| SENDERS.map(|sender| (v, sender))) {
            assert_eq!(send(version, sender, listed), send(version, sender, packet), "{sender:?}");
        }
        for (listed, received) in properties_of(listed).into_iter().zip(properties_of(packet)) {
            assert_eq!(elsewhere(listed), elsewhere(received));
        }
    });
}

fn send(version: Version, sender: Option<Sender>, packet: &Packet<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    match sender {
        None => packet.encode(version, &mut out)?,
        Some(sender) => packet.encode_from(version, sender, &mut out)?,
    };
    Ok(out)
}

/// Whether reason code and properties, or the latter, can be left out.
fn has_short_form(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.properties.is_empty()
        }
        Packet::Disconnect(disconnect) => disconnect.properties.is_empty(),
        _ => false,
    }
}

/// What a strict sender does not send, and a receiver takes.
fn may_only_be_received(version: Version, packet: &Packet<'_>) -> Option<ErrorKind> {
    match packet {
        Packet::Connect(Connect { client_id: "", .. }) if version == Version::V3_1 => {
            Some(ErrorKind::ClientId)
        }
        Packet::Connect(Connect { client_id: "", clean_start: false, .. }) if version == Version::V3_1_1 => {
            Some(ErrorKind::ClientId)
        }
        Packet::Disconnect(Disconnect { reason: ReasonCode::BAD_AUTHENTICATION_METHOD, .. }) => {
            Some(ErrorKind::ReasonCode)
        }
        _ => None,
    }
}

/// A packet made by a caller: if it can be encoded, it comes back from the bytes, from either side of the wire.
pub(crate) fn encode(version: Version, packet: &Packet<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut encoded = vec![0xA5];
    let written = packet.encode(version, &mut encoded);
    assert_eq!(packet.encoded_len(version), written);
    let mut room = vec![0x5A; encoded.len() + 1];
    let mut free = &mut room[..];
    assert_eq!(packet.encode(version, &mut free), written);
    if let Err(error) = written {
        assert_eq!((encoded, free.len()), (vec![0xA5], room.len()));
        assert_eq!(error.violation().unwrap().version(), Some(version));
        assert_eq!(room, vec![0x5A; room.len()]);
        return Err(error);
    }
    assert_eq!(encoded.remove(0), 0xA5);
    assert_eq!(written, Ok(encoded.len()));
    let (len, needed) = (encoded.len(), EncodeError::NoRoom { needed: encoded.len() });
    assert_eq!((&room[..len], &room[len..]), (&encoded[..], &[0x5A; 2][..]));

    room.fill(0x5A);
    assert_eq!(packet.encode(version, &mut &mut room[..len - 1]), Err(needed));
    assert_eq!(room, vec![0x5A; room.len()]);
    assert_eq!(packet.encode(version, &mut &mut room[..len]), Ok(len));
    assert_eq!(room[..len], encoded);

    assert_eq!(whole(version, &encoded), *packet);
    assert_eq!(PacketBuf::new(version, packet).unwrap().bytes(), &encoded);
    if let Packet::Publish(publish) = packet {
        let mut head = Vec::new();
        assert_eq!(publish.head().encode(version, &mut head), Ok(len - publish.payload.len()));
        assert_eq!(publish.head().encoded_len(version), Ok(head.len()));
        assert_eq!(head, encoded[..head.len()]);
    }
    Ok(encoded)
}

/// The valid packet that `bytes` are.
fn whole(version: Version, bytes: &[u8]) -> Packet<'_> {
    match split(bytes, bytes.len()) {
        Ok(Split::Frame(frame, [])) => Packet::decode(version, frame).unwrap(),
        other => panic!("{bytes:02X?}: {other:?}"),
    }
}

/// Hands `then` the same packet with every received list replaced by one of a caller's.
fn with_lists<T>(packet: &Packet<'_>, then: impl FnOnce(&Packet<'_>) -> T) -> T {
    let mut packet = *packet;
    let (list, wills, subscriptions, filters, codes): (Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>);
    match &mut packet {
        Packet::Connect(Connect { properties, will, .. }) => {
            list = properties.iter().collect();
            *properties = Seq::from_slice(&list);
            if let Some(Will { properties, .. }) = will {
                wills = properties.iter().collect();
                *properties = Seq::from_slice(&wills);
            }
        }
        Packet::Subscribe(Subscribe { properties, filters, .. }) => {
            list = properties.iter().collect();
            *properties = Seq::from_slice(&list);
            subscriptions = filters.iter().collect();
            *filters = Seq::from_slice(&subscriptions);
        }
        Packet::Unsubscribe(unsubscribe) => {
            let Unsubscribe { properties, .. } = unsubscribe;
            list = properties.iter().collect();
            *properties = Seq::from_slice(&list);
            filters = unsubscribe.filters.iter().collect();
            unsubscribe.filters = Seq::from_slice(&filters);
        }
        Packet::Suback(Suback { properties, reasons, .. })
        | Packet::Unsuback(Suback { properties, reasons, .. }) => {
            list = properties.iter().collect();
            *properties = Seq::from_slice(&list);
            codes = reasons.iter().collect();
            *reasons = Seq::from_slice(&codes);
        }
        Packet::Connack(Connack { properties, .. })
        | Packet::Publish(Publish { properties, .. })
        | Packet::Puback(Ack { properties, .. })
        | Packet::Pubrec(Ack { properties, .. })
        | Packet::Pubrel(Ack { properties, .. })
        | Packet::Pubcomp(Ack { properties, .. })
        | Packet::Disconnect(Disconnect { properties, .. })
        | Packet::Auth(Auth { properties, .. }) => {
            list = properties.iter().collect();
            *properties = Seq::from_slice(&list);
        }
        Packet::Pingreq | Packet::Pingresp => {}
    }
    then(&packet)
}

fn properties_of<'a>(packet: &Packet<'a>) -> Vec<Properties<'a>> {
    match *packet {
        Packet::Connect(Connect { properties, will, .. }) => {
            will.map(|will| will.properties).into_iter().chain([properties]).collect()
        }
        Packet::Subscribe(Subscribe { properties, .. })
        | Packet::Unsubscribe(Unsubscribe { properties, .. })
        | Packet::Suback(Suback { properties, .. })
        | Packet::Unsuback(Suback { properties, .. })
        | Packet::Connack(Connack { properties, .. })
        | Packet::Publish(Publish { properties, .. })
        | Packet::Puback(Ack { properties, .. })
        | Packet::Pubrec(Ack { properties, .. })
        | Packet::Pubrel(Ack { properties, .. })
        | Packet::Pubcomp(Ack { properties, .. })
        | Packet::Disconnect(Disconnect { properties, .. })
        | Packet::Auth(Auth { properties, .. }) => vec![properties],
        Packet::Pingreq | Packet::Pingresp => vec![],
    }
}

/// The same properties in packets of other types.
fn elsewhere(properties: Properties<'_>) -> Vec<Result<Vec<u8>, EncodeError>> {
    let will = Will { topic: "a", properties, ..Will::default() };
    let packets: [Packet<'_>; 6] = [
        Connect { properties, ..Connect::default() }.into(),
        Connect { will: Some(will), ..Connect::default() }.into(),
        Connack { properties, ..Connack::default() }.into(),
        Publish { topic: "a", properties, ..Publish::default() }.into(),
        Packet::Puback(Ack { properties, ..Ack::default() }),
        Auth { properties, ..Auth::default() }.into(),
    ];
    packets.iter().map(|packet| packet.to_vec(Version::V5_0)).collect()
}

/// Checks that the fields come one after the other without a gap, and that they are what the bytes say.
struct Walk<'f> {
    frame: &'f [u8],
    /// Where the last field ended.
    end: usize,
}

impl Observer for Walk<'_> {
    fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>) {
        // The first byte holds several fields.
        assert!(
            span.start == self.end || span == (0..1) && self.end == 1,
            "{field} at {span:?}, after {}",
            self.end
        );
        self.end = span.end;
        let bytes = &self.frame[span];
        let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
        match value {
            Value::PacketType(packet_type) => assert_eq!(packet_type as u8, bytes[0] >> 4),
            Value::Bit(bit) => assert!(!bit || bytes[0] & 0x0F != 0),
            Value::Flags(flags) => assert_eq!(flags, if self.end == 1 { bytes[0] & 0x0F } else { bytes[0] }),
            Value::Number(number) if field == Field::Qos => assert_eq!(number, u32::from(bytes[0] >> 1 & 3)),
            Value::Number(number) => {
                let big_endian = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
                let varint =
                    bytes.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7F));
                assert!(
                    u64::from(number) == big_endian || u64::from(number) == varint,
                    "{field} {number}: {bytes:02X?}"
                );
            }
            Value::Reason(code) => assert!(code.get() == bytes[0] || code.return_code() == Some(bytes[0])),
            Value::Text(value) => assert_eq!(bytes, text(value)),
            Value::Pair(name, value) => assert_eq!(bytes, [text(name), text(value)].concat()),
            Value::Binary(data) if field == Field::Payload => assert_eq!(bytes, data),
            Value::Binary(data) => assert_eq!(
                (&bytes[2..], usize::from(bytes[0]) << 8 | usize::from(bytes[1])),
                (data, data.len())
            ),
            value => panic!("{value:?}"),
        }
    }
}

/// Decodes under observation.
fn observe<'a>(
    version: Version,
    sender: Option<Sender>,
    frame: Frame<'a>,
) -> Result<Packet<'a>, DecodeError> {
    let mut walk = Walk { frame: frame.bytes(), end: 0 };
    let observed = Packet::observe(version, sender, frame, &mut walk);
    assert!(walk.end <= frame.bytes().len());
    if observed.is_ok() {
        assert_eq!(walk.end, frame.bytes().len());
    }
    observed
}

/// A PUBLISH, valid or not, of which more and more arrives: the head is there as soon as its last byte is, and what is
/// asked for until then is never more than the head needs.
pub(crate) fn head(version: Version, frame: Frame<'_>) {
    let bytes = frame.bytes();
    let decoded = Packet::decode(version, frame);
    let publish = match &decoded {
        Ok(Packet::Publish(publish)) => Ok(publish),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let head_len = publish.map_or(bytes.len(), |publish| bytes.len() - publish.payload.len());
    let wanted = |at: usize| at < 100 || at.abs_diff(head_len) < 5 || bytes.len() - at < 5;
    let mut goal = 0;
    let mut goals = 0;
    for at in (0..=bytes.len()).filter(|at| wanted(*at)) {
        match (PublishHead::split(version, None, &bytes[..at]), publish) {
            (Ok(HeadSplit::Incomplete(needed)), _) => {
                assert!(
                    at < head_len && needed > 0 && at + needed <= head_len,
                    "{needed} more than {at}, of {head_len}"
                );
                // What was asked for is not there yet, or it was and there is something else to ask for.
                assert!(
                    at >= goal || at + needed == goal,
                    "{needed} more than {at}, after a wish for {goal}"
                );
                goals += usize::from(goal != at + needed);
                goal = at + needed;
            }
            (Ok(HeadSplit::Head(head, payload)), Ok(publish)) => {
                assert!(at >= head_len);
                assert_eq!((head, payload), (publish.head(), &bytes[head_len..at]));
            }
            (Err(error), Err(expected)) => assert_eq!(error, *expected),
            (split, _) => panic!("{split:?} of {at} bytes, but {decoded:?}"),
        }
    }
    // Each wish is one field: five at most for the fixed header, topic and its length, packet identifier, property
    // length (four at most) and properties.
    assert!(goals <= 12, "{goals} wishes");
    let longer = [bytes, &[0xC0, 0]].concat();
    match (PublishHead::split(version, None, &longer), publish) {
        (Ok(HeadSplit::Head(head, rest)), Ok(publish)) => {
            assert_eq!((head, rest), (publish.head(), &longer[head_len..]));
        }
        (Err(error), Err(expected)) => assert_eq!(error, *expected),
        (split, _) => panic!("{split:?}, but {decoded:?}"),
    }
}

/// A message forwarded in `version`.
pub(crate) fn forward(
    publish: &Publish<'_>,
    copy: &Forward<'_>,
    version: Version,
) -> Result<(), EncodeError> {
    let mut bytes = Vec::new();
    let forwarded = publish.forward(copy, version, &mut bytes);
    assert_eq!(publish.forwarded_len(copy, version), forwarded.map(|_| bytes.len()));
    let dropped = match forwarded {
        Ok(dropped) => dropped,
        Err(error) => {
            assert!(bytes.is_empty());
            return Err(error);
        }
    };
    let mut head = Vec::new();
    assert_eq!(publish.forward_head(copy, version, &mut head), Ok(dropped));
    head.extend_from_slice(publish.payload);
    assert_eq!(head, bytes);
    let mut room = vec![0x5A; bytes.len() - 1];
    let no_room = publish.forward(copy, version, &mut &mut room[..]);
    assert_eq!(no_room, Err(EncodeError::NoRoom { needed: bytes.len() }));
    assert_eq!(room, vec![0x5A; room.len()]);

    let Packet::Publish(received) = whole(version, &bytes) else { panic!("{bytes:02X?}") };
    let five = version == Version::V5_0;
    assert_eq!((received.dup, received.retain, received.delivery), (copy.dup, copy.retain, copy.delivery));
    assert_eq!(received.payload, publish.payload);
    assert_eq!(received.topic, if five && matches!(copy.alias, Alias::Use(_)) { "" } else { publish.topic });

    let about_message: Vec<_> = about_message(publish.properties);
    if five {
        assert_eq!(about_message, self::about_message(received.properties));
        assert_eq!(dropped, PropertySet::EMPTY);
        let expiry = copy.message_expiry_interval.or_else(|| publish.properties.message_expiry_interval());
        assert_eq!(received.properties.message_expiry_interval(), expiry);
        assert!(
            received.properties.subscription_identifiers().eq(copy.subscription_identifiers.iter().copied())
        );
        let alias = match copy.alias {
            Alias::None => None,
            Alias::Define(alias) | Alias::Use(alias) => Some(alias),
        };
        assert_eq!(received.properties.topic_alias(), alias);
    } else {
        let expiry = publish.properties.message_expiry_interval().map(|_| PropertyId::MessageExpiryInterval);
        let expected: Vec<PropertyId> = about_message.iter().map(Property::id).chain(expiry).collect();
        for id in PropertyId::ALL {
            assert_eq!(dropped.contains(*id), expected.contains(id), "{id}");
        }
        assert!(received.properties.is_empty());
    }
    Ok(())
}

/// The properties that a copy leaves as they are.
fn about_message(properties: Properties<'_>) -> Vec<Property<'_>> {
    let mut list: Vec<_> = properties.iter().collect();
    list.retain(|property| {
        !matches!(
            property.id(),
            PropertyId::TopicAlias | PropertyId::SubscriptionIdentifier | PropertyId::MessageExpiryInterval
        )
    });
    list
}

/// A stream that arrives in pieces, of which `cut` gives the lengths, read by somebody who asks again when what he was
/// told to wait for is there: he gets the packets of the uncut stream, which are returned, and no call is in vain.
pub(crate) fn framing(stream: &[u8], max_size: usize, mut cut: impl FnMut() -> usize) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    let mut rest = stream;
    let end = loop {
        match split(rest, max_size) {
            Ok(Split::Frame(frame, behind)) => {
                packets.push(frame.bytes());
                rest = behind;
            }
            other => break other,
        }
    };
    let (mut start, mut arrived, mut expected) = (0, 0, packets.iter());
    loop {
        match split(&stream[start..arrived], max_size) {
            Ok(Split::Frame(frame, _)) => {
                assert_eq!(Some(&frame.bytes()), expected.next());
                start += frame.bytes().len();
            }
            Ok(Split::Incomplete(needed)) => {
                let goal = arrived + needed;
                let known = lengths(&stream[start..arrived]).is_some();
                while arrived < goal && arrived < stream.len() {
                    let now = split(&stream[start..arrived], max_size);
                    // The size of the packet may become known on the way.
                    assert!(!known || now == Ok(Split::Incomplete(goal - arrived)), "{now:?}");
                    arrived = (arrived + cut().max(1)).min(stream.len());
                }
                let now = split(&stream[start..arrived], max_size);
                if arrived < goal {
                    assert_eq!(end, now);
                    break;
                }
                assert!(!known || matches!(now, Ok(Split::Frame(..))), "{now:?} after the wait");
            }
            Err(error) => {
                assert_eq!(end, Err(error));
                break;
            }
        }
    }
    assert_eq!(expected.next(), None);
    packets
}
