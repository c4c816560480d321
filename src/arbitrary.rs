//! Packets made of random bytes, for property tests and fuzzing (feature `arbitrary`).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use ::arbitrary::{Arbitrary, Result, Unstructured};

use crate::error::ErrorKind;
use crate::packet::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Publish, RetainHandling, Suback, Subscribe,
    Subscription, Unsubscribe, Will,
};
use crate::property::{Properties, Property};
use crate::spec::{Delivery, PacketId, PacketType, PropertyId, Qos, ReasonCode, Scope, Sender, Version};
use crate::topic::TopicFilter;
use crate::wire::{Context, Element};

/// A packet of any type and version, together with the lists that it borrows.
///
/// Its [`Arbitrary`] gives packets that are valid: [`Packet::encode`] takes them, and
/// [`Packet::decode_from`] takes them from their [`sender`](Self::sender). They have every property, reason code and
/// option that the packet may carry, wills, shared subscriptions, long texts, and payloads around the lengths where
/// Remaining Length grows by a byte. [`wild`](Self::wild) gives packets that are mostly not valid.
///
/// ```
/// use arbitrary::{Arbitrary, Unstructured};
/// use sans_mqtt::{AnyPacket, Frame, Packet, Split};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let random = [7, 250, 3, 9, 81, 4, 162, 33, 8, 1, 54, 90, 17, 211, 6, 45];
/// let any = AnyPacket::arbitrary(&mut Unstructured::new(&random))?;
/// let encoded = any.packet().to_vec(any.version())?;
/// let Split::Frame(frame, _) = Frame::split(&encoded, usize::MAX)? else { panic!() };
/// assert_eq!(Packet::decode_from(any.version(), any.sender(), frame)?, any.packet());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyPacket<'a> {
    version: Version,
    sender: Sender,
    /// Without its lists and, if it is a PUBLISH, its payload.
    packet: Packet<'a>,
    properties: Vec<Property<'a>>,
    will_properties: Vec<Property<'a>>,
    subscriptions: Vec<Subscription<'a>>,
    filters: Vec<&'a str>,
    reasons: Vec<ReasonCode>,
    payload: Cow<'a, [u8]>,
}

impl<'a> AnyPacket<'a> {
    /// A packet that keeps each rule by chance only, so that most of them break one.
    ///
    /// # Errors
    ///
    /// None; `arbitrary` has errors for formats that can run out of data.
    pub fn wild(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::generate(u, true)
    }

    /// The packet.
    pub fn packet(&self) -> Packet<'_> {
        let mut packet: Packet<'_> = self.packet;
        let list = Properties::from(&self.properties[..]);
        match &mut packet {
            Packet::Connect(Connect { properties, will, .. }) => {
                *properties = list;
                if let Some(will) = will {
                    will.properties = self.will_properties[..].into();
                }
            }
            Packet::Publish(Publish { properties, payload, .. }) => {
                *properties = list;
                *payload = &self.payload;
            }
            Packet::Subscribe(Subscribe { properties, filters, .. }) => {
                *properties = list;
                *filters = self.subscriptions[..].into();
            }
            Packet::Unsubscribe(Unsubscribe { properties, filters, .. }) => {
                *properties = list;
                *filters = self.filters[..].into();
            }
            Packet::Suback(Suback { properties, reasons, .. })
            | Packet::Unsuback(Suback { properties, reasons, .. }) => {
                *properties = list;
                *reasons = self.reasons[..].into();
            }
            Packet::Connack(Connack { properties, .. })
            | Packet::Puback(Ack { properties, .. })
            | Packet::Pubrec(Ack { properties, .. })
            | Packet::Pubrel(Ack { properties, .. })
            | Packet::Pubcomp(Ack { properties, .. })
            | Packet::Disconnect(Disconnect { properties, .. })
            | Packet::Auth(Auth { properties, .. }) => *properties = list,
            Packet::Pingreq | Packet::Pingresp => {}
        }
        packet
    }

    /// The version that the packet was made for.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// A side that may send the packet.
    pub const fn sender(&self) -> Sender {
        self.sender
    }

    fn generate(u: &mut Unstructured<'a>, wild: bool) -> Result<Self> {
        let (version, sender) = (u.arbitrary()?, u.arbitrary()?);
        let cx = Context { version, sender: Some(sender), scope: Scope::CONNECT };
        let mut source = Source { u, cx, wild };
        let packet_type = source.packet_type()?;
        source.cx.scope = Scope::of(packet_type);
        let mut any = Self {
            version,
            sender,
            packet: Packet::Pingreq,
            properties: source.properties(source.cx.scope)?,
            will_properties: Vec::new(),
            subscriptions: Vec::new(),
            filters: Vec::new(),
            reasons: Vec::new(),
            payload: Cow::Borrowed(&[]),
        };
        any.packet = match packet_type {
            PacketType::Connect => {
                any.will_properties = source.properties(Scope::WILL)?;
                Packet::Connect(source.connect()?)
            }
            PacketType::Connack => Packet::Connack(source.connack()?),
            PacketType::Publish => {
                let aliased = any.properties.iter().any(|property| property.id() == PropertyId::TopicAlias);
                let publish = source.publish(aliased)?;
                any.payload = source.payload()?;
                Packet::Publish(publish)
            }
            PacketType::Puback => Packet::Puback(source.ack()?),
            PacketType::Pubrec => Packet::Pubrec(source.ack()?),
            PacketType::Pubrel => Packet::Pubrel(source.ack()?),
            PacketType::Pubcomp => Packet::Pubcomp(source.ack()?),
            PacketType::Subscribe => {
                any.subscriptions = source.list(Source::subscription)?;
                Packet::Subscribe(Subscribe { packet_id: source.u.arbitrary()?, ..Subscribe::default() })
            }
            PacketType::Unsubscribe => {
                any.filters = source.list(Source::filter)?;
                Packet::Unsubscribe(Unsubscribe {
                    packet_id: source.u.arbitrary()?,
                    ..Unsubscribe::default()
                })
            }
            PacketType::Suback => {
                any.reasons = source.list(Source::reason)?;
                Packet::Suback(Suback { packet_id: source.u.arbitrary()?, ..Suback::default() })
            }
            PacketType::Unsuback => {
                // Before 5.0 it has none.
                if version.is_5() || !source.tame()? {
                    any.reasons = source.list(Source::reason)?;
                }
                Packet::Unsuback(Suback { packet_id: source.u.arbitrary()?, ..Suback::default() })
            }
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => {
                Packet::Disconnect(Disconnect { reason: source.reason()?, ..Disconnect::default() })
            }
            PacketType::Auth => Packet::Auth(Auth { reason: source.reason()?, ..Auth::default() }),
        };
        Ok(any)
    }
}

impl<'a> Arbitrary<'a> for AnyPacket<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::generate(u, false)
    }
}

impl fmt::Debug for AnyPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyPacket")
            .field("version", &self.version)
            .field("sender", &self.sender)
            .field("packet", &self.packet())
            .finish()
    }
}

impl<'a> Arbitrary<'a> for Version {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&Self::ALL).copied()
    }
}

impl<'a> Arbitrary<'a> for Sender {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(if u.arbitrary()? { Self::Client } else { Self::Server })
    }
}

impl<'a> Arbitrary<'a> for Qos {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce]).copied()
    }
}

impl<'a> Arbitrary<'a> for PacketId {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?).unwrap_or_default())
    }
}

impl<'a> Arbitrary<'a> for Delivery {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary()? {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce(u.arbitrary()?),
            Qos::ExactlyOnce => Self::ExactlyOnce(u.arbitrary()?),
        })
    }
}

/// Any number, named in the specification or not.
impl<'a> Arbitrary<'a> for ReasonCode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::new)
    }
}

impl<'a> Arbitrary<'a> for RetainHandling {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Send, Self::SendIfNew, Self::DoNotSend]).copied()
    }
}

/// Any property, with a value that it may have.
impl<'a> Arbitrary<'a> for Property<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let id = *u.choose(PropertyId::ALL)?;
        Source::of_5_0(u).property(id)
    }
}

/// A valid subscription of 5.0.
impl<'a> Arbitrary<'a> for Subscription<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Source::of_5_0(u).subscription()
    }
}

/// What texts are made of besides input: levels, wildcards, text of two to four bytes a character.
const WORDS: [&str; 13] =
    ["", "a", "/", "a/b", "a\0b", "b/+#", "/a//", "$SYS/up", "$share/g/t", "°C", "\u{FEFF}€", "𝄞", "a b\t"];

/// The same for filters.
const FILTERS: [&str; 12] =
    ["a", "/", "#", "+", "+/+", "a/#", "/+/a", "$SYS/#", "a/+/b/#", "$share/g/t", "$share/é/+/#", "$share"];

/// Where lengths get a byte longer, or end.
const LENGTHS: [usize; 8] = [120, 126, 127, 128, 255, 16_383, 16_384, 65_535];

/// A text one byte too long for any packet.
static FILLER: &str = match core::str::from_utf8(&[b'z'; 65_536]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Makes parts of a packet of input. When the input is used up, there are only zeros and empty texts.
struct Source<'u, 'a> {
    u: &'u mut Unstructured<'a>,
    cx: Context,
    wild: bool,
}

impl<'u, 'a> Source<'u, 'a> {
    fn of_5_0(u: &'u mut Unstructured<'a>) -> Self {
        Self {
            u,
            cx: Context { version: Version::NEWEST, sender: None, scope: Scope::SUBSCRIBE },
            wild: false,
        }
    }

    /// Whether the next value has to keep the rules.
    fn tame(&mut self) -> Result<bool> {
        Ok(!self.wild || self.u.arbitrary()?)
    }

    fn packet_type(&mut self) -> Result<PacketType> {
        let Context { version, sender, .. } = self.cx;
        let mut types = Vec::from(PacketType::ALL);
        if self.tame()? {
            types.retain(|packet_type| {
                sender.is_some_and(|sender| packet_type.may_be_sent_by(sender, version))
            });
        }
        self.u.choose(&types).copied()
    }

    fn connect(&mut self) -> Result<Connect<'a>> {
        let version = self.cx.version;
        let mut connect = Connect {
            clean_start: self.u.arbitrary()?,
            keep_alive: self.u.arbitrary()?,
            client_id: self.text()?,
            will: self.option(Self::will)?,
            user_name: self.option(Self::text)?,
            password: self.option(Self::binary)?,
            ..Connect::default()
        };
        if !version.is_5() && self.tame()? {
            if connect.lacks_client_id(version) {
                connect.client_id = "a";
            }
            if connect.user_name.is_none() {
                connect.password = None;
            }
        }
        Ok(connect)
    }

    fn will(&mut self) -> Result<Will<'a>> {
        let (qos, retain) = (self.u.arbitrary()?, self.u.arbitrary()?);
        Ok(Will { qos, retain, topic: self.topic()?, payload: self.binary()?, ..Will::default() })
    }

    fn connack(&mut self) -> Result<Connack<'a>> {
        let reason = self.reason()?;
        let may_be_present = reason == ReasonCode::SUCCESS && !self.cx.version.is_3_1();
        let session_present = self.u.arbitrary()? && (may_be_present || !self.tame()?);
        Ok(Connack { session_present, reason, ..Connack::default() })
    }

    fn publish(&mut self, aliased: bool) -> Result<Publish<'a>> {
        let delivery = self.u.arbitrary()?;
        let dup = self.u.arbitrary()? && (delivery != Delivery::AtMostOnce || !self.tame()?);
        let topic = if aliased && self.u.arbitrary()? { "" } else { self.topic()? };
        Ok(Publish { dup, retain: self.u.arbitrary()?, delivery, topic, ..Publish::default() })
    }

    fn payload(&mut self) -> Result<Cow<'a, [u8]>> {
        if !self.u.ratio(1, 16)? {
            let len = self.u.arbitrary_len::<u8>()?;
            return self.u.bytes(len).map(Cow::Borrowed);
        }
        // The longest one costs time, so it is rare.
        let longer = *self.u.choose(&[128, 128, 128, 128, 128, 16_384, 16_384, 2_097_152_usize])?;
        let len = longer - self.u.int_in_range(0..=40)?;
        let first = self.u.arbitrary::<u8>()?;
        let mut bytes: Vec<u8> = (0..=255).map(|i| first.wrapping_add(i)).collect();
        bytes = bytes.repeat(len.div_ceil(bytes.len()));
        bytes.truncate(len);
        Ok(Cow::Owned(bytes))
    }

    fn ack(&mut self) -> Result<Ack<'a>> {
        Ok(Ack { packet_id: self.u.arbitrary()?, reason: self.reason()?, ..Ack::default() })
    }

    fn subscription(&mut self) -> Result<Subscription<'a>> {
        let mut subscription = Subscription {
            filter: self.filter()?,
            qos: self.u.arbitrary()?,
            no_local: self.u.arbitrary()?,
            retain_as_published: self.u.arbitrary()?,
            retain_handling: self.u.arbitrary()?,
        };
        if self.tame()? {
            let Subscription { filter, qos, .. } = subscription;
            if !self.cx.version.is_5() {
                subscription = Subscription { filter, qos, ..Subscription::default() };
            } else if filter.starts_with("$share/") {
                subscription.no_local = false;
            }
        }
        Ok(subscription)
    }

    fn reason(&mut self) -> Result<ReasonCode> {
        if !self.tame()? {
            return self.u.arbitrary();
        }
        let cx = self.cx;
        let mut codes = Vec::from(ReasonCode::ALL);
        codes.retain(|code| code.check_sent(cx).is_ok());
        // Short forms are for success; before 5.0 nothing else can be said in most packets.
        let short = codes.contains(&ReasonCode::SUCCESS) && self.u.ratio(1, 3)?;
        if short || codes.is_empty() { Ok(ReasonCode::SUCCESS) } else { self.u.choose(&codes).copied() }
    }

    fn properties(&mut self, scope: Scope) -> Result<Vec<Property<'a>>> {
        let cx = Context { scope, ..self.cx };
        let mut list = Vec::new();
        if !cx.version.is_5() && self.tame()? {
            return Ok(list);
        }
        let mut ids = Vec::from(PropertyId::ALL);
        if self.tame()? {
            ids.retain(|id| is_allowed(*id, cx));
        }
        if ids.is_empty() {
            return Ok(list);
        }
        for _ in 0..self.count()? {
            let id = *self.u.choose(&ids)?;
            list.push(self.property(id)?);
            if self.tame()? && !matches!(flaw(&list, cx), None | Some(ErrorKind::MissingProperty)) {
                list.pop();
            }
        }
        if self.tame()? && flaw(&list, cx) == Some(ErrorKind::MissingProperty) {
            list.push(Property::AuthenticationMethod(self.text()?));
        }
        if self.u.ratio(1, 16)? {
            // As long as makes Property Length a byte longer, or just not.
            let end = self.u.choose(&[127_usize, 128, 16_383, 16_384])?;
            let len = Property::check_all(list.iter().copied(), cx).unwrap_or_default();
            let fill = end.checked_sub(len + 5).and_then(|fill| FILLER.get(..fill));
            list.extend(fill.map(|fill| Property::UserProperty("", fill)));
        }
        Ok(list)
    }

    fn property(&mut self, id: PropertyId) -> Result<Property<'a>> {
        Ok(match id {
            PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(self.u.arbitrary()?),
            PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(self.u.arbitrary()?),
            PropertyId::ContentType => Property::ContentType(self.text()?),
            PropertyId::ResponseTopic => Property::ResponseTopic(self.topic()?),
            PropertyId::CorrelationData => Property::CorrelationData(self.binary()?),
            PropertyId::SubscriptionIdentifier => Property::SubscriptionIdentifier(self.varint()?),
            PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(self.u.arbitrary()?),
            PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(self.text()?),
            PropertyId::ServerKeepAlive => Property::ServerKeepAlive(self.u.arbitrary()?),
            PropertyId::AuthenticationMethod => Property::AuthenticationMethod(self.text()?),
            PropertyId::AuthenticationData => Property::AuthenticationData(self.binary()?),
            PropertyId::RequestProblemInformation => Property::RequestProblemInformation(self.u.arbitrary()?),
            PropertyId::WillDelayInterval => Property::WillDelayInterval(self.u.arbitrary()?),
            PropertyId::RequestResponseInformation => {
                Property::RequestResponseInformation(self.u.arbitrary()?)
            }
            PropertyId::ResponseInformation => Property::ResponseInformation(self.text()?),
            PropertyId::ServerReference => Property::ServerReference(self.text()?),
            PropertyId::ReasonString => Property::ReasonString(self.text()?),
            PropertyId::ReceiveMaximum => Property::ReceiveMaximum(self.positive()?),
            PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(self.u.arbitrary()?),
            PropertyId::TopicAlias => Property::TopicAlias(self.positive()?),
            PropertyId::MaximumQos => {
                let qos = self.u.arbitrary()?;
                // QoS 2 is said by leaving the property out.
                Property::MaximumQos(if self.tame()? { Qos::AtLeastOnce.min(qos) } else { qos })
            }
            PropertyId::RetainAvailable => Property::RetainAvailable(self.u.arbitrary()?),
            PropertyId::MaximumPacketSize => Property::MaximumPacketSize(self.positive()?),
            PropertyId::WildcardSubscriptionAvailable => {
                Property::WildcardSubscriptionAvailable(self.u.arbitrary()?)
            }
            PropertyId::SubscriptionIdentifierAvailable => {
                Property::SubscriptionIdentifierAvailable(self.u.arbitrary()?)
            }
            PropertyId::SharedSubscriptionAvailable => {
                Property::SharedSubscriptionAvailable(self.u.arbitrary()?)
            }
            PropertyId::UserProperty => Property::UserProperty(self.text()?, self.text()?),
        })
    }

    /// A number, not 0.
    fn positive<N: Arbitrary<'a> + From<bool> + Ord>(&mut self) -> Result<N> {
        let number: N = self.u.arbitrary()?;
        Ok(if self.tame()? { number.max(true.into()) } else { number })
    }

    /// What a variable byte integer can hold, of any length, not 0.
    fn varint(&mut self) -> Result<u32> {
        let number = self.u.arbitrary::<u32>()? >> self.u.int_in_range(0..=31)?;
        Ok(if self.tame()? { number.clamp(1, 268_435_455) } else { number })
    }

    fn filter(&mut self) -> Result<&'a str> {
        let text = if self.u.arbitrary()? { self.u.choose(&FILTERS)? } else { self.raw_text()? };
        if !self.tame()? {
            return Ok(text);
        }
        // What stands before the first flaw is a filter, unless it is nothing.
        let mut filter = text;
        loop {
            match TopicFilter::new(filter, self.cx.version) {
                Ok(_) => return Ok(filter),
                Err(error) if error.offset() < filter.len() => {
                    filter = filter.get(..error.offset()).unwrap_or_default();
                }
                Err(_) => return self.u.choose(&FILTERS).copied(),
            }
        }
    }

    fn topic(&mut self) -> Result<&'a str> {
        let text = self.raw_text()?;
        if !self.tame()? {
            return Ok(text);
        }
        let topic = clip(text, &['\0', '+', '#']);
        Ok(if topic.is_empty() { "a" } else { topic })
    }

    fn text(&mut self) -> Result<&'a str> {
        let text = self.raw_text()?;
        Ok(if self.tame()? { clip(text, &['\0']) } else { text })
    }

    /// Text that may have U+0000, and may be too long.
    fn raw_text(&mut self) -> Result<&'a str> {
        match self.u.int_in_range(0..=31)? {
            0 => self.filler(),
            1..=15 => self.u.choose(&WORDS).copied(),
            _ => {
                let bytes = self.bytes()?;
                let valid = match core::str::from_utf8(bytes) {
                    Ok(text) => return Ok(text),
                    Err(error) => error.valid_up_to(),
                };
                Ok(bytes.get(..valid).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default())
            }
        }
    }

    fn binary(&mut self) -> Result<&'a [u8]> {
        let bytes = if self.u.ratio(1, 32)? { self.filler()?.as_bytes() } else { self.bytes()? };
        Ok(if self.tame()? { bytes.get(..65_535).unwrap_or(bytes) } else { bytes })
    }

    fn filler(&mut self) -> Result<&'a str> {
        let len = if self.tame()? { *self.u.choose(&LENGTHS)? } else { FILLER.len() };
        Ok(FILLER.get(..len).unwrap_or_default())
    }

    /// Some of the input, mostly little.
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len =
            if self.u.ratio(7, 8)? { self.u.int_in_range(0..=24)? } else { self.u.arbitrary_len::<u8>()? };
        self.u.bytes(len.min(self.u.len()))
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.u.arbitrary()? { make(self).map(Some) } else { Ok(None) }
    }

    /// A list that must not be empty.
    fn list<T>(&mut self, make: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let at_least = usize::from(self.tame()?);
        (0..self.count()?.max(at_least)).map(|_| make(self)).collect()
    }

    fn count(&mut self) -> Result<usize> {
        Ok(self.u.int_in_range(0..=9_usize)?.saturating_sub(2))
    }
}

/// The first 65,535 bytes of `text`, up to the first of `stops`.
fn clip<'a>(text: &'a str, stops: &[char]) -> &'a str {
    let end = (0..=text.len().min(65_535)).rev().find(|end| text.is_char_boundary(*end));
    let text = text.get(..end.unwrap_or_default()).unwrap_or_default();
    text.split(stops).next().unwrap_or_default()
}

/// Whether some value of a property may stand in the packet `cx`.
fn is_allowed(id: PropertyId, cx: Context) -> bool {
    let mut nothing = Unstructured::new(&[]);
    let sample = Source::of_5_0(&mut nothing).property(id);
    sample.is_ok_and(|sample| matches!(flaw(&[sample], cx), None | Some(ErrorKind::MissingProperty)))
}

/// What is wrong with the list in the packet `cx`.
fn flaw(list: &[Property<'_>], cx: Context) -> Option<ErrorKind> {
    let error = Property::check_all(list.iter().copied(), cx).err()?;
    error.violation().map(|violation| violation.kind())
}
