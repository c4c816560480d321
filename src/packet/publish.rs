//! PUBLISH: whole, head only, and forwarded to somebody else.

use core::fmt;

use super::{Nowhere, encode_apart};
use crate::error::{DecodeError, EncodeError, ErrorKind, Field};
use crate::property::{Piece, Properties, Property, PropertySet, Section, section_len};
use crate::show::{Binary, Hidden};
use crate::spec::{Delivery, PacketType, PropertyId, Qos, Scope, Sender, Version};
#[cfg(not(feature = "small"))]
use crate::wire::plain_topic_len;
use crate::wire::{
    Check, Context, Decoded, Encode, Header, Iter, Lengths, Mode, Plain, Reader, Sink, Unseen, Value, Writer,
    check_str, check_topic, encode, invalid,
};

/// PUBLISH: a message.
///
/// ```
/// use sans_mqtt::{Delivery, Packet, PacketId, Publish, Version};
/// let publish = Publish {
///     delivery: Delivery::AtLeastOnce(PacketId::MIN),
///     topic: "attic/temperature",
///     payload: "24 °C".as_bytes(),
///     ..Publish::default()
/// };
/// let mut out = Vec::new();
/// Packet::from(publish).encode(Version::V5_0, &mut out)?;
/// assert_eq!(out, "\x32\x1C\0\x11attic/temperature\0\x01\0".bytes().chain("24 °C".bytes()).collect::<Vec<_>>());
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Publish<'a> {
    /// Whether this is perhaps not the first try. Not at QoS 0.
    pub dup: bool,
    /// From a client: whether the server shall keep the message for later subscribers. From a server: whether it was
    /// kept.
    pub retain: bool,
    /// The QoS, with the packet identifier that it needs.
    pub delivery: Delivery,
    /// The topic name. Empty only with a Topic Alias (5.0), which stands for it.
    pub topic: &'a str,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// The application's data, perhaps none.
    pub payload: &'a [u8],
}

impl fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dup, retain, delivery, topic, properties, payload } = self;
        f.debug_struct("Publish")
            .field("dup", dup)
            .field("retain", retain)
            .field("delivery", delivery)
            .field("topic", topic)
            .field("properties", properties)
            .field("payload", &Binary(payload))
            .finish()
    }
}

/// PUBLISH without its payload, which is written or read piece by piece from where it lies.
///
/// ```
/// use sans_mqtt::{HeadSplit, PublishHead, Sender, Version};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let head = PublishHead { topic: "firmware", payload_len: 1_000_000, ..PublishHead::default() };
/// let mut bytes = Vec::new();
/// head.encode(Version::V5_0, &mut bytes)?; // then send the million bytes
///
/// assert_eq!(PublishHead::split(Version::V5_0, None, &bytes[..7])?, HeadSplit::Incomplete(7));
/// let HeadSplit::Head(read, payload) = PublishHead::split(Version::V5_0, None, &bytes)? else { panic!() };
/// assert_eq!((read, payload.len()), (head, 0));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PublishHead<'a> {
    /// As in [`Publish`].
    pub dup: bool,
    /// As in [`Publish`].
    pub retain: bool,
    /// As in [`Publish`].
    pub delivery: Delivery,
    /// As in [`Publish`].
    pub topic: &'a str,
    /// As in [`Publish`].
    pub properties: Properties<'a>,
    /// The length of the payload in bytes.
    pub payload_len: usize,
}

/// What [`PublishHead::split`] found.
#[derive(Clone, Copy, Eq, PartialEq)]
#[must_use]
pub enum HeadSplit<'a> {
    /// The head of a PUBLISH, and the input behind it: the payload as far as it is there, and perhaps more packets.
    Head(PublishHead<'a>, &'a [u8]),
    /// At least this many more bytes are needed.
    Incomplete(usize),
    /// Another packet, which has no payload of that kind.
    Other(PacketType),
}

impl fmt::Debug for HeadSplit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head, rest) => f.debug_tuple("Head").field(head).field(&Hidden(rest)).finish(),
            Self::Incomplete(needed) => f.debug_tuple("Incomplete").field(needed).finish(),
            Self::Other(packet_type) => f.debug_tuple("Other").field(packet_type).finish(),
        }
    }
}

impl<'a> PublishHead<'a> {
    /// Reads the head of a PUBLISH from the front of `input`, in which the payload need not have arrived.
    ///
    /// The rules are those of [`Packet::decode`](crate::Packet::decode), or if `sender` is given those of
    /// [`Packet::decode_from`](crate::Packet::decode_from). Limit the head by the size of your buffer: it is
    /// `input.len()` plus what [`HeadSplit::Incomplete`] asks for.
    ///
    /// Nothing is remembered between calls: each reads the head from its first byte. Call again only when as many
    /// bytes have come as were asked for, which is one field at a time; with every byte, a long topic would be read
    /// again and again.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], as soon as the fixed header is complete and the bytes that are there decide it.
    pub fn split(
        version: Version,
        sender: Option<Sender>,
        input: &'a [u8],
    ) -> Result<HeadSplit<'a>, DecodeError> {
        let Some((header, body)) = Header::read(input).map_err(|error| error.in_version(version))? else {
            return Ok(HeadSplit::Incomplete(if input.is_empty() { 2 } else { 1 }));
        };
        if header.packet_type != PacketType::Publish {
            return Ok(HeadSplit::Other(header.packet_type));
        }
        let (body, behind) = body.split_at_checked(header.remaining_length).unwrap_or((body, &[]));
        let missing = header.remaining_length - body.len();
        let mut plain = Plain::NEW;
        let mut reader = Reader::new(header, body, missing, version, sender, &mut plain);
        let head = super::fixed_header(&mut reader, header).and_then(|()| Self::read(&mut reader, header));
        let payload = reader.len();
        match head {
            Ok(head) => {
                // The payload and what is behind it are one piece of the input.
                let rest = input.get(input.len() - behind.len() - payload..).unwrap_or_default();
                Ok(HeadSplit::Head(head, rest))
            }
            Err(_) => match plain.error().needed() {
                Some(needed) => Ok(HeadSplit::Incomplete(needed)),
                None => Err(plain.error()),
            },
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>, header: Header) -> Decoded<Self> {
        let flags = header.flags;
        let first = 0x30 | flags;
        let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
        let Some(qos) = Qos::from_number(flags >> 1 & 3) else {
            return Err(reader.bad(ErrorKind::Qos, Field::Qos, 0, first));
        };
        reader.require(!dup || qos != Qos::AtMostOnce, ErrorKind::Dup, Field::Dup, 0, first)?;
        let start = reader.offset();
        // In 5.0 a Topic Alias may stand for the topic.
        let topic = if reader.cx.version.is_5() {
            reader.topic_or_empty(Field::TopicName)?
        } else {
            reader.topic(Field::TopicName)?
        };
        let delivery = match qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce(reader.packet_id()?),
            Qos::ExactlyOnce => Delivery::ExactlyOnce(reader.packet_id()?),
        };
        let properties = Properties::decode(reader, Scope::PUBLISH)?;
        let named = !topic.is_empty() || M::TRUSTED || has_alias(properties);
        reader.require(named, ErrorKind::EmptyTopic, Field::TopicName, start, 0)?;
        Ok(Self { dup, retain, delivery, topic, properties, payload_len: reader.len() + reader.missing() })
    }

    /// Writes the head; the caller writes [`payload_len`](Self::payload_len) bytes of payload behind it. Gives the
    /// length of the head.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`](crate::Packet::encode).
    #[inline]
    pub fn encode(&self, version: Version, out: &mut (impl Sink + ?Sized)) -> Result<usize, EncodeError> {
        encode(&Outgoing { head: *self, properties: &self.properties, payload: &[] }, publish(version), out)
    }

    /// The length of the head in bytes.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        self.encode(version, &mut Nowhere)
    }
}

/// A PUBLISH as it is written: with these properties in place of those of the head, and as much of the payload as is here.
pub(crate) struct Outgoing<'p, 'a, P> {
    pub(crate) head: PublishHead<'a>,
    pub(crate) properties: &'p P,
    pub(crate) payload: &'a [u8],
}

impl<P: Section> Encode for Outgoing<'_, '_, P> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        let PublishHead { dup, delivery, topic, payload_len, .. } = self.head;
        let qos = delivery.qos();
        if dup && qos == Qos::AtMostOnce {
            return Err(invalid(cx, ErrorKind::Dup, Field::Dup));
        }
        let property_len = self.properties.property_len(cx)?;
        let topic_len = if P::CHECKED || topic.is_empty() && self.properties.has_topic_alias(cx.version) {
            2 + topic.len()
        } else {
            check_str(cx, Field::TopicName, topic, check_topic(topic))?
        };
        let id_len = if qos == Qos::AtMostOnce { 0 } else { 2 };
        let body = (topic_len + id_len + section_len(cx, property_len)).saturating_add(payload_len);
        Lengths::new(cx, body, property_len)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        let PublishHead { dup, retain, delivery, topic, .. } = self.head;
        let first = 0x30 | u8::from(dup) << 3 | (delivery.qos() as u8) << 1 | u8::from(retain);
        out.start(first, lengths.body, (topic.len() as u16).to_be_bytes());
        out.bytes(topic.as_bytes());
        if let Some(id) = delivery.packet_id() {
            out.u16(id.get());
        }
        self.properties.write_section(cx, lengths.properties, out);
        out.bytes(self.payload);
    }

    fn later(&self) -> usize {
        self.head.payload_len - self.payload.len()
    }
}

/// Writes the usual message, at QoS 0 and without properties. All that this is given fits into registers; and as long as it
/// is short and plain nothing is called, so that none of them has to be saved.
#[inline(never)]
fn encode_plain(
    topic: &str,
    payload: &[u8],
    out: &mut (impl Sink + ?Sized),
    version: Version,
    retain: bool,
) -> Check {
    #[cfg(not(feature = "small"))]
    if topic.len() <= 32 && payload.len() <= 64 && plain_topic_len(topic).is_some() {
        let message = Publish { topic, payload, retain, ..Publish::default() };
        return encode(&message.outgoing(&Nothing), publish(version), out);
    }
    encode_long(topic, payload, out, version, retain)
}

#[inline(never)]
fn encode_long(
    topic: &str,
    payload: &[u8],
    out: &mut (impl Sink + ?Sized),
    version: Version,
    retain: bool,
) -> Check {
    let message = Publish { topic, payload, retain, ..Publish::default() };
    encode(&message.outgoing(&Properties::EMPTY), publish(version), out)
}

/// No properties, of a message whose topic was checked.
#[cfg(not(feature = "small"))]
struct Nothing;

#[cfg(not(feature = "small"))]
impl Section for Nothing {
    const CHECKED: bool = true;

    fn property_len(&self, _: Context) -> Check {
        Ok(0)
    }

    #[inline(always)]
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        Properties::EMPTY.write_section(cx, property_len, out);
    }

    fn has_topic_alias(&self, _: Version) -> bool {
        false
    }
}

impl Encode for Publish<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        self.outgoing(&self.properties).check(cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        self.outgoing(&self.properties).write(cx, lengths, out);
    }
}

#[cold]
fn has_alias(properties: Properties<'_>) -> bool {
    properties.topic_alias().is_some()
}

fn publish(version: Version) -> Context {
    Context { version, sender: None, scope: Scope::PUBLISH }
}

impl<'a> Publish<'a> {
    /// The packet without its payload.
    pub const fn head(&self) -> PublishHead<'a> {
        PublishHead {
            dup: self.dup,
            retain: self.retain,
            delivery: self.delivery,
            topic: self.topic,
            properties: self.properties,
            payload_len: self.payload.len(),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>, header: Header) -> Decoded<Self> {
        let PublishHead { dup, retain, delivery, topic, properties, .. } = PublishHead::read(reader, header)?;
        let start = reader.offset();
        let payload = reader.rest();
        reader.show(Field::Payload, start, Value::Binary(payload));
        Ok(Self { dup, retain, delivery, topic, properties, payload })
    }

    pub(super) fn encode(&self, cx: Context, out: &mut (impl Sink + ?Sized)) -> Check {
        match self {
            Self { dup: false, delivery: Delivery::AtMostOnce, properties, .. } if properties.is_empty() => {
                encode_plain(self.topic, self.payload, out, cx.version, self.retain)
            }
            _ => encode_apart(self, cx, out),
        }
    }

    /// As it is written, all of it and with these properties.
    pub(super) fn outgoing<'p, P>(&self, properties: &'p P) -> Outgoing<'p, 'a, P> {
        Outgoing { head: self.head(), properties, payload: self.payload }
    }

    /// As it is written with `more` bytes of payload elsewhere and these properties, with a Topic Alias that is `known` in place
    /// of the topic.
    pub(crate) fn part<'p, P>(&self, more: usize, known: bool, properties: &'p P) -> Outgoing<'p, 'a, P> {
        let payload_len = self.payload.len().saturating_add(more);
        let topic = if known { "" } else { self.topic };
        let head = PublishHead { topic, payload_len, ..self.head() };
        Outgoing { head, properties, payload: self.payload }
    }

    /// Writes this message for another receiver, of any version, without allocating: its own QoS, packet identifier,
    /// DUP, RETAIN, expiry, Subscription Identifiers and alias, and everything else as it is, in order.
    ///
    /// What belongs to the connection that the message came by is never copied: Topic Alias and Subscription
    /// Identifiers. A message that came with an alias instead of a topic needs its topic filled in.
    ///
    /// Gives the properties of the message that the copy had to drop, because `version` has none.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`](crate::Packet::encode).
    ///
    /// ```
    /// use sans_mqtt::{Forward, Properties, Property, PropertyId, Publish, Version};
    /// let properties = [Property::TopicAlias(3), Property::ContentType("text/plain")];
    /// let received = Publish { topic: "a", properties: (&properties).into(), payload: b"x", ..Publish::default() };
    ///
    /// let (mut modern, mut old) = (Vec::new(), Vec::new());
    /// let copy = Forward { retain: true, subscription_identifiers: &[7], ..Forward::default() };
    /// let dropped = received.forward(&copy, Version::V5_0, &mut modern)?;
    /// assert!(dropped.is_empty());
    /// assert_eq!(modern, b"\x31\x14\0\x01a\x0F\x03\0\x0Atext/plain\x0B\x07x");
    ///
    /// let dropped = received.forward(&Forward::default(), Version::V3_1_1, &mut old)?;
    /// assert!(dropped.contains(PropertyId::ContentType));
    /// assert_eq!(old, b"\x30\x04\0\x01ax");
    /// # Ok::<(), sans_mqtt::EncodeError>(())
    /// ```
    pub fn forward(
        &self,
        copy: &Forward<'_>,
        version: Version,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PropertySet, EncodeError> {
        self.write_copy(copy, version, self.payload, out)?;
        Ok(copy.dropped(self.properties, version))
    }

    /// [`forward`](Self::forward) without the payload, which the caller writes behind it: one payload can serve
    /// every receiver.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn forward_head(
        &self,
        copy: &Forward<'_>,
        version: Version,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PropertySet, EncodeError> {
        self.write_copy(copy, version, &[], out)?;
        Ok(copy.dropped(self.properties, version))
    }

    /// The number of bytes that [`forward`](Self::forward) writes.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn forwarded_len(&self, copy: &Forward<'_>, version: Version) -> Result<usize, EncodeError> {
        self.write_copy(copy, version, self.payload, &mut Nowhere)
    }

    fn write_copy(
        &self,
        copy: &Forward<'_>,
        version: Version,
        payload: &[u8],
        out: &mut (impl Sink + ?Sized),
    ) -> Check {
        let cx = publish(version);
        let topic = match copy.alias {
            Alias::Use(_) if version.is_5() => "",
            _ => self.topic,
        };
        // A topic that its alias stands for has to be right all the same.
        check_str(cx, Field::TopicName, self.topic, check_topic(self.topic))?;
        let Forward { dup, retain, delivery, .. } = *copy;
        let head =
            PublishHead { dup, retain, delivery, topic, payload_len: self.payload.len(), ..self.head() };
        encode(&Outgoing { head, properties: &Edited { source: self.properties, copy }, payload }, cx, out)
    }
}

/// What a copy of a message for another receiver has of its own; see [`Publish::forward`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Forward<'a> {
    /// Whether this is perhaps not the first try.
    pub dup: bool,
    /// RETAIN, as the subscription wants it.
    pub retain: bool,
    /// The QoS, with the packet identifier that it needs.
    pub delivery: Delivery,
    /// What is left of the lifetime of the message, in seconds. `None`: as the message says. A message without one
    /// gets this one. Before 5.0 it is left out.
    pub message_expiry_interval: Option<u32>,
    /// The identifiers of the subscriptions that matched. Before 5.0 they are left out.
    pub subscription_identifiers: &'a [u32],
    /// The Topic Alias towards the receiver. Before 5.0 it is left out, and the topic name is always there.
    pub alias: Alias,
}

/// A Topic Alias for one receiver. Before 5.0 there is none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Alias {
    /// The topic name alone.
    #[default]
    None,
    /// The topic name, and an alias that the receiver shall remember for it.
    Define(u16),
    /// An alias that the receiver knows, and no topic name.
    Use(u16),
}

impl Forward<'_> {
    fn dropped(&self, source: Properties<'_>, version: Version) -> PropertySet {
        if version.is_5() || source.is_empty() {
            return PropertySet::EMPTY;
        }
        source.ids().iter().filter(|id| !of_connection(*id)).collect()
    }
}

/// Whether a property says something about the connection that a message came by rather than about the message.
fn of_connection(id: PropertyId) -> bool {
    id.group() == Unseen::OF_CONNECTION
}

/// The properties of a copy.
struct Edited<'f, 'a> {
    source: Properties<'a>,
    copy: &'f Forward<'f>,
}

impl<'f, 'a: 'f> Edited<'f, 'a> {
    fn pieces(&self) -> Pieces<'f> {
        let Forward { message_expiry_interval, subscription_identifiers, alias, .. } = *self.copy;
        Pieces {
            source: self.source.iter(),
            expiry: message_expiry_interval,
            identifiers: subscription_identifiers.iter(),
            alias: match alias {
                Alias::None => None,
                Alias::Define(alias) | Alias::Use(alias) => Some(alias),
            },
        }
    }
}

/// The properties of a copy, in order: those of the source, then what it has of its own.
struct Pieces<'f> {
    source: Iter<'f, Property<'f>>,
    expiry: Option<u32>,
    identifiers: core::slice::Iter<'f, u32>,
    alias: Option<u16>,
}

impl<'f> Iterator for Pieces<'f> {
    type Item = Piece<'f>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'f>> {
        while let Some(piece) = Piece::next(&mut self.source) {
            if piece.id() == PropertyId::MessageExpiryInterval {
                let own = self.expiry.take().map(Property::MessageExpiryInterval);
                return Some(own.map_or(piece, Piece::given));
            }
            if !of_connection(piece.id()) {
                return Some(piece);
            }
        }
        let expiry = self.expiry.take().map(Property::MessageExpiryInterval);
        let identifier = || self.identifiers.next().copied().map(Property::SubscriptionIdentifier);
        let alias = || self.alias.take().map(Property::TopicAlias);
        expiry.or_else(identifier).or_else(alias).map(Piece::given)
    }
}

impl Section for Edited<'_, '_> {
    fn property_len(&self, cx: Context) -> Check {
        if cx.version.is_5() { Piece::check_all(self.pieces(), cx) } else { Ok(0) }
    }

    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if cx.version.is_5() {
            out.varint(property_len);
            self.pieces().for_each(|piece| piece.write(out));
        }
    }

    fn has_topic_alias(&self, version: Version) -> bool {
        version.is_5() && self.copy.alias != Alias::None
    }
}
