//! The table of properties (5.0), and all that follows from it.

use core::fmt;

use crate::error::{EncodeError, ErrorKind, Field};
use crate::packet::Qos;
use crate::show::{Binary, Hidden};
use crate::version::{Sender, Version};
use crate::wire::{
    Check, Context, Decoded, Element, Failed, Iter, Mode, Reader, Scope, Seq, Sink, Unseen, VARINT_MAX,
    VarInt, Writer, check_binary, check_str, check_text, check_topic, invalid, scopes, sum, utf8, varint_len,
};

/// The wire type of a value with the rule for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// A byte, 0 or 1.
    Flag,
    /// A byte, 0 or 1: QoS 2 is said by leaving the property out.
    MaximumQos,
    /// A two byte integer.
    Short,
    /// A two byte integer, not 0.
    PositiveShort,
    /// A four byte integer.
    Long,
    /// A four byte integer, not 0.
    PositiveLong,
    /// A variable byte integer, not 0.
    PositiveVarint,
    /// Text.
    Text,
    /// A topic name.
    Topic,
    /// Binary data.
    Binary,
    /// Two texts.
    Pair,
}

/// A value without its identifier, as it stands on the wire.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Number(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

struct Row {
    id: PropertyId,
    kind: Kind,
    /// Where it may stand, may be repeated, and only one side may send it: sets of scopes.
    scopes: u16,
    repeatable: u16,
    client_only: u16,
    server_only: u16,
}

/// The Rust type of a value, and its conversions from and to [`Raw`].
macro_rules! value {
    (type Flag) => { bool };
    (type MaximumQos) => { Qos };
    (type Short) => { u16 };
    (type PositiveShort) => { u16 };
    (type Long) => { u32 };
    (type PositiveLong) => { u32 };
    (type PositiveVarint) => { u32 };
    (type Text) => { &'a str };
    (type Topic) => { &'a str };
    (type Binary) => { &'a [u8] };

    (read Flag $raw:ident) => { if let Raw::Number(n) = $raw { Some(n != 0) } else { None } };
    (read MaximumQos $raw:ident) => { if let Raw::Number(n) = $raw { Qos::from_number(n as u8) } else { None } };
    (read Short $raw:ident) => { if let Raw::Number(n) = $raw { Some(n as u16) } else { None } };
    (read PositiveShort $raw:ident) => { if let Raw::Number(n) = $raw { Some(n as u16) } else { None } };
    (read Binary $raw:ident) => { if let Raw::Binary(bytes) = $raw { Some(bytes) } else { None } };
    (read Text $raw:ident) => { if let Raw::Text(text) = $raw { Some(text) } else { None } };
    (read Topic $raw:ident) => { if let Raw::Text(text) = $raw { Some(text) } else { None } };
    (read $long:ident $raw:ident) => { if let Raw::Number(n) = $raw { Some(n) } else { None } };

    (debug Binary $value:ident) => { Binary($value) };
    (debug $other:ident $value:ident) => { $value };

    (raw MaximumQos $value:ident) => { Raw::Number($value as u32) };
    (raw Binary $value:ident) => { Raw::Binary($value) };
    (raw Text $value:ident) => { Raw::Text($value) };
    (raw Topic $value:ident) => { Raw::Text($value) };
    (raw $number:ident $value:ident) => { Raw::Number(u32::from($value)) };
}

macro_rules! properties {
    ($(
        $number:literal $variant:ident $accessor:ident $kind:ident $name:literal
        [$($scope:ident)+] $(repeatable [$($many:ident)+])? $(client [$($client:ident)+])? $(server [$($server:ident)+])?
        #[doc = $doc:literal];
    )+) => {
        /// The identifier of a property.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum PropertyId {
            $(#[doc = $doc] $variant = $number,)+
            /// Name and value of the application's own.
            UserProperty = 0x26,
        }

        impl PropertyId {
            /// Every property.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+ Self::UserProperty];

            /// The name as the specification writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::UserProperty => "User Property" }
            }
        }

        /// A property with its value.
        #[derive(Clone, Copy, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Property<'a> {
            $(#[doc = $doc] $variant(value!(type $kind)),)+
            /// Name and value of the application's own.
            UserProperty(&'a str, &'a str),
        }

        impl<'a> Property<'a> {
            /// The identifier.
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$variant(_) => PropertyId::$variant,)+
                    Self::UserProperty(..) => PropertyId::UserProperty,
                }
            }

            fn raw(&self) -> Raw<'a> {
                match *self {
                    $(Self::$variant(value) => value!(raw $kind value),)+
                    Self::UserProperty(name, value) => Raw::Pair(name, value),
                }
            }

            fn from_raw(id: PropertyId, raw: Raw<'a>) -> Option<Self> {
                match id {
                    $(PropertyId::$variant => value!(read $kind raw).map(Self::$variant),)+
                    PropertyId::UserProperty => match raw {
                        Raw::Pair(name, value) => Some(Self::UserProperty(name, value)),
                        _ => None,
                    },
                }
            }
        }

        /// Authentication Data is shown by its length alone.
        impl fmt::Debug for Property<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if let Self::AuthenticationData(data) = self {
                    return f.debug_tuple("AuthenticationData").field(&Hidden(data)).finish();
                }
                match self {
                    $(Self::$variant(value) => {
                        f.debug_tuple(stringify!($variant)).field(&value!(debug $kind value)).finish()
                    })+
                    Self::UserProperty(name, value) => {
                        f.debug_tuple("UserProperty").field(name).field(value).finish()
                    }
                }
            }
        }

        impl<'a> Properties<'a> {
            $(
                #[doc = $doc]
                ///
                /// The first one if there are several; `None` if there is none.
                pub fn $accessor(&self) -> Option<value!(type $kind)> {
                    let raw = self.first(PropertyId::$variant)?;
                    value!(read $kind raw)
                }
            )+
        }

        impl PropertyId {
            #[cfg_attr(not(feature = "small"), inline(always))]
            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => const { &Row {
                        id: Self::$variant,
                        kind: Kind::$kind,
                        scopes: scopes!($($scope)+),
                        repeatable: scopes!($($($many)+)?),
                        client_only: scopes!($($($client)+)?),
                        server_only: scopes!($($($server)+)?),
                    } },)+
                    // Every packet with properties may carry these, as often as it likes.
                    Self::UserProperty => const { &Row {
                        id: Self::UserProperty,
                        kind: Kind::Pair,
                        scopes: EVERYWHERE,
                        repeatable: EVERYWHERE,
                        client_only: 0,
                        server_only: 0,
                    } },
                }
            }
        }
    };
}

const EVERYWHERE: u16 = scopes!(CONNECT WILL CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH);

properties! {
    0x01 PayloadFormatIndicator payload_format_indicator Flag "Payload Format Indicator" [PUBLISH WILL]
        #[doc = "Whether the payload is UTF-8 text; unspecified bytes if absent."];
    0x02 MessageExpiryInterval message_expiry_interval Long "Message Expiry Interval" [PUBLISH WILL]
        #[doc = "The lifetime of the message in seconds; it does not expire if absent."];
    0x03 ContentType content_type Text "Content Type" [PUBLISH WILL]
        #[doc = "What the payload is, in words of the application."];
    0x08 ResponseTopic response_topic Topic "Response Topic" [PUBLISH WILL]
        #[doc = "The topic name for a response; the message is a request then."];
    0x09 CorrelationData correlation_data Binary "Correlation Data" [PUBLISH WILL]
        #[doc = "What tells the sender of a request which one a response answers."];
    0x0B SubscriptionIdentifier subscription_identifier PositiveVarint "Subscription Identifier" [PUBLISH SUBSCRIBE]
        repeatable [PUBLISH] server [PUBLISH]
        #[doc = "A number that the client gave to a subscription, from 1 to 268,435,455."];
    0x11 SessionExpiryInterval session_expiry_interval Long "Session Expiry Interval" [CONNECT CONNACK DISCONNECT]
        client [DISCONNECT]
        #[doc = "How long the session outlives the connection in seconds: 0 not at all, 0xFFFF_FFFF for ever."];
    0x12 AssignedClientIdentifier assigned_client_identifier Text "Assigned Client Identifier" [CONNACK]
        #[doc = "The client identifier that the server chose for a client without one."];
    0x13 ServerKeepAlive server_keep_alive Short "Server Keep Alive" [CONNACK]
        #[doc = "The Keep Alive in seconds to use in place of the client's; 0 turns it off."];
    0x15 AuthenticationMethod authentication_method Text "Authentication Method" [CONNECT CONNACK AUTH]
        #[doc = "The name of the method of enhanced authentication."];
    0x16 AuthenticationData authentication_data Binary "Authentication Data" [CONNECT CONNACK AUTH]
        #[doc = "Data of the authentication method."];
    0x17 RequestProblemInformation request_problem_information Flag "Request Problem Information" [CONNECT]
        #[doc = "Whether the server may send Reason String and User Property with any packet; yes if absent."];
    0x18 WillDelayInterval will_delay_interval Long "Will Delay Interval" [WILL]
        #[doc = "How long the server waits before it publishes the will, in seconds; 0 if absent."];
    0x19 RequestResponseInformation request_response_information Flag "Request Response Information" [CONNECT]
        #[doc = "Whether the client asks for Response Information; no if absent."];
    0x1A ResponseInformation response_information Text "Response Information" [CONNACK]
        #[doc = "What the client may build response topics from."];
    0x1C ServerReference server_reference Text "Server Reference" [CONNACK DISCONNECT] server [DISCONNECT]
        #[doc = "Another server to use."];
    0x1F ReasonString reason_string Text "Reason String"
        [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH]
        #[doc = "The reason in words, for a person."];
    0x21 ReceiveMaximum receive_maximum PositiveShort "Receive Maximum" [CONNECT CONNACK]
        #[doc = "How many QoS 1 and 2 messages the sender takes at a time, from 1; 65,535 if absent."];
    0x22 TopicAliasMaximum topic_alias_maximum Short "Topic Alias Maximum" [CONNECT CONNACK]
        #[doc = "The largest Topic Alias that the sender takes; 0, none at all, if absent."];
    0x23 TopicAlias topic_alias PositiveShort "Topic Alias" [PUBLISH]
        #[doc = "A number that stands for the topic name, from 1."];
    0x24 MaximumQos maximum_qos MaximumQos "Maximum QoS" [CONNACK]
        #[doc = "The highest QoS that the server takes, 0 or 1; 2 if absent."];
    0x25 RetainAvailable retain_available Flag "Retain Available" [CONNACK]
        #[doc = "Whether the server retains messages; yes if absent."];
    0x27 MaximumPacketSize maximum_packet_size PositiveLong "Maximum Packet Size" [CONNECT CONNACK]
        #[doc = "The largest packet in bytes that the sender takes, from 1; no limit if absent."];
    0x28 WildcardSubscriptionAvailable wildcard_subscription_available Flag "Wildcard Subscription Available" [CONNACK]
        #[doc = "Whether the server supports wildcards in subscriptions; yes if absent."];
    0x29 SubscriptionIdentifierAvailable subscription_identifier_available Flag "Subscription Identifier Available"
        [CONNACK]
        #[doc = "Whether the server supports Subscription Identifiers; yes if absent."];
    0x2A SharedSubscriptionAvailable shared_subscription_available Flag "Shared Subscription Available" [CONNACK]
        #[doc = "Whether the server supports shared subscriptions; yes if absent."];
}

/// The rows by identifier.
#[expect(clippy::indexing_slicing, reason = "the compiler does it")]
static TABLE: [Option<&Row>; 0x2B] = {
    let mut table = [None; 0x2B];
    let mut i = 0;
    while i < PropertyId::ALL.len() {
        let id = PropertyId::ALL[i];
        table[id as usize] = Some(id.row());
        i += 1;
    }
    table
};

impl PropertyId {
    /// The property with this identifier.
    ///
    /// ```
    /// use sans_mqtt::PropertyId;
    /// assert_eq!(PropertyId::from_number(0x23), Some(PropertyId::TopicAlias));
    /// assert_eq!(PropertyId::from_number(0x24).map(PropertyId::name), Some("Maximum QoS"));
    /// ```
    pub fn from_number(number: u8) -> Option<Self> {
        Row::of(number).map(|row| row.id)
    }

    /// The identifier as a number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What it is hidden with, if it ever is.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) const fn group(self) -> Unseen {
        match self {
            Self::TopicAlias | Self::SubscriptionIdentifier => Unseen::OF_CONNECTION,
            Self::ReasonString => Unseen::REASON,
            Self::UserProperty => Unseen::USER,
            Self::ResponseInformation => Unseen::RESPONSE,
            Self::WillDelayInterval => Unseen::DELAY,
            _ => Unseen::NOTHING,
        }
    }
}

impl Row {
    #[inline(always)]
    fn of(number: u8) -> Option<&'static Self> {
        TABLE.get(usize::from(number)).copied().flatten()
    }

    /// Whether `id` may stand here besides those of `seen`, sent by this sender, if he is known. Adds it to `seen`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context, seen: &mut PropertySet) -> Result<(), ErrorKind> {
        let here = cx.scope.bit();
        if self.scopes & here == 0 {
            return Err(ErrorKind::PropertyNotAllowed);
        }
        if seen.contains(self.id) && self.repeatable & here == 0 {
            return Err(ErrorKind::DuplicateProperty);
        }
        let forbidden = match cx.sender {
            None => 0,
            Some(Sender::Client) => self.server_only,
            Some(Sender::Server) => self.client_only,
        };
        if forbidden & here != 0 {
            return Err(ErrorKind::Sender);
        }
        seen.insert(self.id);
        Ok(())
    }
}

impl Kind {
    /// Whether a number is in the range of the property.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn takes(self, number: u32) -> bool {
        match self {
            Self::Flag | Self::MaximumQos => number <= 1,
            Self::PositiveShort | Self::PositiveLong => number >= 1,
            Self::PositiveVarint => (1..=268_435_455).contains(&number),
            _ => true,
        }
    }
}

/// A set of property identifiers.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct PropertySet(u64);

impl PropertySet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Whether `id` is in the set.
    #[inline(always)]
    pub const fn contains(self, id: PropertyId) -> bool {
        self.0 >> id as u8 & 1 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = PropertyId> {
        PropertyId::ALL.iter().copied().filter(move |id| self.contains(*id))
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, id: PropertyId) {
        self.0 |= 1 << id as u8;
    }
}

impl FromIterator<PropertyId> for PropertySet {
    fn from_iter<I: IntoIterator<Item = PropertyId>>(ids: I) -> Self {
        let mut set = Self::EMPTY;
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

impl fmt::Debug for PropertySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The properties of a packet, in order. Empty in every version before 5.0.
pub type Properties<'a> = Seq<'a, Property<'a>>;

impl<'a> Properties<'a> {
    /// The User Properties, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.all(PropertyId::UserProperty).filter_map(|raw| match raw {
            Raw::Pair(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The Subscription Identifiers of a PUBLISH, in order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.all(PropertyId::SubscriptionIdentifier).filter_map(|raw| match raw {
            Raw::Number(id) => Some(id),
            _ => None,
        })
    }

    /// The identifiers of the properties.
    pub fn ids(&self) -> PropertySet {
        let mut ids = PropertySet::EMPTY;
        let mut list = self.iter();
        while let Some(piece) = Piece::next(&mut list) {
            ids.insert(piece.id());
        }
        ids
    }

    /// The value of the first one with this identifier.
    #[inline(never)]
    fn first(&self, id: PropertyId) -> Option<Raw<'a>> {
        Raw::next(&mut self.iter(), id)
    }

    /// The values of this property.
    fn all(&self, id: PropertyId) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        let mut list = self.iter();
        core::iter::from_fn(move || Raw::next(&mut list, id))
    }

    /// The values of those that are numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (PropertyId, u32)> + use<'a> {
        Piece::all(*self).filter_map(|piece| match piece.raw()? {
            Raw::Number(number) => Some((piece.id(), number)),
            _ => None,
        })
    }

    /// The same without some more kinds of them.
    pub(crate) fn without(self, more: Unseen) -> Self {
        let (all, rest) = (self.ids(), self.hide(more).ids());
        match rest.is_empty() {
            true => Self::EMPTY,
            false if rest == all => self,
            false => self.hide(more),
        }
    }

    /// Reads the property length and the properties of `scope`; before 5.0 there are none.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn decode<M: Mode>(reader: &mut Reader<'a, '_, M>, scope: Scope) -> Decoded<Self> {
        let bytes = Self::decode_bytes(reader, scope)?;
        Ok(Seq::wire(bytes, Context { scope, ..reader.cx }))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn decode_bytes<M: Mode>(reader: &mut Reader<'a, '_, M>, scope: Scope) -> Decoded<&'a [u8]> {
        if !reader.cx.version.is_5() {
            return Ok(&[]);
        }
        // Most packets have no properties, and the one that must have some finds out below.
        if !M::OBSERVED && scope != Scope::AUTH && reader.skip_zero() {
            return Ok(&[]);
        }
        let packet = reader.cx.scope;
        reader.cx.scope = scope;
        let len = reader.varint(Field::PropertyLength)? as usize;
        reader.cx.scope = packet;
        let section = reader.section(len, Field::Properties, scope)?;
        let bytes = section.peek();
        if !M::TRUSTED {
            // Where there is no property, one may be missing.
            if len != 0 || scope == Scope::AUTH {
                section.apart(check_section)?;
            }
        }
        Ok(bytes)
    }

    /// [`decode`](Self::decode) where the property length may be left out at the end of the packet.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn decode_omittable<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let bytes = if reader.is_empty() {
            match missing(reader.cx.scope, PropertySet::EMPTY) {
                Some(id) if reader.cx.version.is_5() && !M::TRUSTED => return Err(absent(reader, id)),
                _ => &[],
            }
        } else {
            Self::decode_bytes(reader, reader.cx.scope)?
        };
        Ok(Seq::wire(bytes, reader.cx))
    }
}

/// A property section to be written: its length first, as the fixed header needs it, then its bytes.
pub(crate) trait Section {
    /// Whether the topic that goes with them was checked with them.
    const CHECKED: bool = false;

    /// Checks the properties for `cx` and gives the property length.
    fn property_len(&self, cx: Context) -> Check;

    /// Writes the property length and the properties; before 5.0 there is neither.
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>);

    /// Whether a Topic Alias is among them, as they are written.
    fn has_topic_alias(&self, version: Version) -> bool;
}

/// A packet that the machine sends with properties of its own besides the caller's.
pub(crate) struct Own<'a, P> {
    pub(crate) packet: &'a P,
    pub(crate) properties: &'a [Option<Property<'a>>],
}

/// Properties of the machine's own before and behind the caller's.
pub(crate) struct Joined<'a> {
    pub(crate) before: &'a [Option<Property<'a>>],
    pub(crate) callers: Properties<'a>,
    pub(crate) behind: &'a [Option<Property<'a>>],
}

impl<'a> Joined<'a> {
    /// The caller's alone.
    pub(crate) fn of(callers: Properties<'a>) -> Self {
        Self { before: &[], callers, behind: &[] }
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        let own = |own: &'a [Option<Property<'a>>]| own.iter().copied().flatten().map(Piece::Given);
        own(self.before).chain(Piece::all(self.callers)).chain(own(self.behind))
    }

    /// Whether there is nothing but the caller's: before 5.0 there is nothing at all.
    #[inline(always)]
    fn is_callers(&self, cx: Context) -> bool {
        !cx.version.is_5() || self.before.is_empty() && self.behind.is_empty()
    }

    #[inline(never)]
    fn check_all(&self, cx: Context) -> Check {
        Piece::check_all(self.pieces(), cx)
    }

    #[inline(never)]
    fn write_all<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        self.pieces().for_each(|piece| piece.write(out));
    }
}

impl Section for Joined<'_> {
    #[inline(always)]
    fn property_len(&self, cx: Context) -> Check {
        if self.is_callers(cx) { self.callers.property_len(cx) } else { self.check_all(cx) }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if self.is_callers(cx) {
            return self.callers.write_section(cx, property_len, out);
        }
        out.varint(property_len);
        self.write_all(out);
    }

    fn has_topic_alias(&self, version: Version) -> bool {
        let is_alias = |property: &Property<'_>| property.id() == PropertyId::TopicAlias;
        version.is_5() && self.before.iter().flatten().any(is_alias)
    }
}

impl Properties<'_> {
    /// Before 5.0 there are none.
    #[cold]
    fn check_none(&self, cx: Context) -> Check {
        match Piece::all(*self).next() {
            Some(piece) => Err(invalid(cx, ErrorKind::NotInVersion, Field::Property(piece.id()))),
            None => Ok(0),
        }
    }
}

impl Section for Properties<'_> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn property_len(&self, cx: Context) -> Check {
        if self.is_empty() && cx.scope != Scope::AUTH {
            Ok(0)
        } else if !cx.version.is_5() {
            self.check_none(cx)
        } else if cfg!(feature = "small") {
            Joined::of(*self).check_all(cx)
        } else {
            self.check(cx)
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if cx.version.is_5() {
            out.varint(property_len);
            if property_len > 0 {
                if cfg!(feature = "small") { Joined::of(*self).write_all(out) } else { self.write(cx, out) }
            }
        }
    }

    fn has_topic_alias(&self, _: Version) -> bool {
        self.topic_alias().is_some()
    }
}

/// The number of bytes that a section takes, its length included.
#[inline(always)]
pub(crate) fn section_len(cx: Context, property_len: usize) -> usize {
    if cx.version.is_5() { varint_len(property_len) + property_len } else { 0 }
}

/// The property that `scope` must have besides those of `seen`.
#[cfg_attr(not(feature = "small"), inline(always))]
fn missing(scope: Scope, seen: PropertySet) -> Option<PropertyId> {
    let needs_method = scope == Scope::AUTH || seen.contains(PropertyId::AuthenticationData);
    (needs_method && !seen.contains(PropertyId::AuthenticationMethod))
        .then_some(PropertyId::AuthenticationMethod)
}

#[cold]
fn absent<M: Mode>(reader: &mut Reader<'_, '_, M>, id: PropertyId) -> Failed {
    reader.bad(ErrorKind::MissingProperty, Field::Property(id), reader.offset(), 0)
}

#[inline(never)]
fn check_section<M: Mode>(bytes: &[u8], end: usize, cx: Context, mode: &mut M) -> Decoded<()> {
    let section = &mut Reader::part(bytes, end, cx, mode);
    let mut seen = PropertySet::EMPTY;
    while !section.is_empty() {
        let start = section.offset();
        let row = row(section)?;
        if let Err(kind) = row.check(section.cx, &mut seen) {
            return Err(section.bad(kind, Field::Property(row.id), start, row.id.number()));
        }
        if M::OBSERVED {
            value(section, row)?;
        } else {
            validate(section, row)?;
        }
    }
    missing(section.cx.scope, seen).map_or(Ok(()), |id| Err(absent(section, id)))
}

/// Reads an identifier.
#[cfg_attr(not(feature = "small"), inline(always))]
fn row<M: Mode>(section: &mut Reader<'_, '_, M>) -> Decoded<&'static Row> {
    let start = section.offset();
    let number = section.varint(Field::PropertyId)?;
    match u8::try_from(number).ok().and_then(Row::of) {
        Some(row) => Ok(row),
        None => Err(section.bad(ErrorKind::UnknownProperty, Field::PropertyId, start, number as u8)),
    }
}

/// Reads the value behind an identifier, of which only the validity counts.
#[cfg_attr(not(feature = "small"), inline(always))]
fn validate<M: Mode>(section: &mut Reader<'_, '_, M>, row: &Row) -> Decoded<()> {
    let field = Field::Property(row.id);
    match row.kind {
        Kind::Text => section.validate_str(field),
        Kind::Topic => section.validate_topic(field),
        Kind::Pair => {
            section.validate_str(field)?;
            section.validate_str(field)
        }
        _ => value(section, row).map(|_| ()),
    }
}

/// Reads the value behind an identifier.
#[cfg_attr(not(feature = "small"), inline(always))]
fn value<'a, M: Mode>(section: &mut Reader<'a, '_, M>, row: &Row) -> Decoded<Raw<'a>> {
    let field = Field::Property(row.id);
    let start = section.offset();
    let number = match row.kind {
        Kind::Flag | Kind::MaximumQos => u32::from(section.u8(field)?),
        Kind::Short | Kind::PositiveShort => u32::from(section.u16(field)?),
        Kind::Long | Kind::PositiveLong => section.u32(field)?,
        Kind::PositiveVarint => section.varint(field)?,
        Kind::Text => return Ok(Raw::Text(section.str(field)?)),
        Kind::Topic => return Ok(Raw::Text(section.topic(field)?)),
        Kind::Binary => return Ok(Raw::Binary(section.binary(field)?)),
        Kind::Pair => {
            let (name, value) = section.pair(field)?;
            return Ok(Raw::Pair(name, value));
        }
    };
    let right = M::TRUSTED || row.kind.takes(number);
    section.require(right, ErrorKind::PropertyValue, field, start, number as u8)?;
    Ok(Raw::Number(number))
}

impl<'a> Raw<'a> {
    /// The value that stands in these bytes, which were validated.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn of(kind: Kind, bytes: &'a [u8]) -> Option<Self> {
        let text = |bytes| utf8(bytes).ok();
        Some(match kind {
            Kind::PositiveVarint => match VarInt::read(bytes) {
                VarInt::Value(number, _) => Self::Number(number),
                _ => return None,
            },
            Kind::Text | Kind::Topic => Self::Text(text(bytes.get(2..)?)?),
            Kind::Binary => Self::Binary(bytes.get(2..)?),
            Kind::Pair => {
                let (name, value) = split_prefixed(bytes)?;
                Self::Pair(text(name)?, text(value.get(2..)?)?)
            }
            _ => Self::Number(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))),
        })
    }

    /// The value of the next property with this identifier; those of others are passed over.
    #[inline(never)]
    fn next(list: &mut Iter<'a, Property<'a>>, id: PropertyId) -> Option<Self> {
        loop {
            let piece = Piece::next(list)?;
            if piece.id() == id {
                return piece.raw();
            }
        }
    }
}

/// What is behind two length bytes, and what is behind that.
#[cfg_attr(not(feature = "small"), inline(always))]
fn split_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

impl<'a> Element<'a> for Property<'a> {
    #[inline]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let row = row(reader)?;
        let raw = value(reader, row)?;
        // Never an error: the value is of the kind that the row says.
        Self::from_raw(row.id, raw)
            .ok_or_else(|| reader.bad(ErrorKind::PropertyValue, Field::Property(row.id), reader.offset(), 0))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn again(bytes: &'a [u8], _: Context) -> Option<(Self, &'a [u8])> {
        let (piece, rest) = Piece::split(bytes)?;
        Some((Self::from_raw(piece.id(), piece.raw()?)?, rest))
    }

    #[inline(always)]
    fn is_shown(&self, hidden: Unseen) -> bool {
        !hidden.meets(self.id().group())
    }

    fn check(&self, cx: Context) -> Check {
        Ok(1 + self.check_value(self.id().row().kind, cx, Field::Property(self.id()))?)
    }

    fn check_all(list: impl Iterator<Item = Self>, cx: Context) -> Check {
        Piece::check_all(list.map(Piece::Given), cx)
    }

    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        out.u8(self.id().number());
        match (self.raw(), self.id().row().kind) {
            (Raw::Number(n), Kind::Flag | Kind::MaximumQos) => out.u8(n as u8),
            (Raw::Number(n), Kind::Short | Kind::PositiveShort) => out.u16(n as u16),
            (Raw::Number(n), Kind::PositiveVarint) => out.varint(n as usize),
            (Raw::Number(n), _) => out.u32(n),
            (Raw::Text(text), _) => out.str(text),
            (Raw::Binary(bytes), _) => out.binary(bytes),
            (Raw::Pair(name, value), _) => {
                out.str(name);
                out.str(value);
            }
        }
    }
}

impl<'a> Property<'a> {
    /// Whether it has a form in bytes, be its value right or wrong: no text is too long, and no number for a variable byte
    /// integer.
    pub(crate) fn can_be_written(&self) -> bool {
        let fits = |len: usize| len <= usize::from(u16::MAX);
        match self.raw() {
            Raw::Number(n) => self.id().row().kind != Kind::PositiveVarint || n as usize <= VARINT_MAX,
            Raw::Text(text) => fits(text.len()),
            Raw::Binary(bytes) => fits(bytes.len()),
            Raw::Pair(name, value) => fits(name.len()) && fits(value.len()),
        }
    }

    fn check_value(&self, kind: Kind, cx: Context, field: Field) -> Result<usize, EncodeError> {
        match self.raw() {
            Raw::Number(n) if !kind.takes(n) => Err(invalid(cx, ErrorKind::PropertyValue, field)),
            Raw::Number(n) => Ok(match kind {
                Kind::Flag | Kind::MaximumQos => 1,
                Kind::Short | Kind::PositiveShort => 2,
                Kind::PositiveVarint => varint_len(n as usize),
                _ => 4,
            }),
            Raw::Text(topic) if kind == Kind::Topic => check_str(cx, field, topic, check_topic(topic)),
            Raw::Text(text) => check_text(cx, field, text),
            Raw::Binary(bytes) => check_binary(cx, field, bytes),
            Raw::Pair(name, value) => Ok(check_text(cx, field, name)? + check_text(cx, field, value)?),
        }
    }
}

/// A property to be written: one that was received is not looked at but copied.
#[derive(Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// The identifier, and the bytes with it.
    Received(PropertyId, &'a [u8]),
    Given(Property<'a>),
}

impl<'a> Piece<'a> {
    /// The next one of `list`.
    pub(crate) fn next(list: &mut Iter<'a, Property<'a>>) -> Option<Self> {
        if cfg!(not(feature = "v5")) {
            return None;
        }
        loop {
            let piece = list.pass(Self::split, |property| Self::Given(*property))?;
            if !list.hidden().meets(piece.id().group()) {
                return Some(piece);
            }
        }
    }

    /// Cuts the first one off a received section.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn split(section: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&id, value) = section.split_first()?;
        let row = Row::of(id)?;
        let behind = match row.kind {
            Kind::Flag | Kind::MaximumQos => value.get(1..)?,
            Kind::Short | Kind::PositiveShort => value.get(2..)?,
            Kind::Long | Kind::PositiveLong => value.get(4..)?,
            Kind::PositiveVarint => match VarInt::read(value) {
                VarInt::Value(_, behind) => behind,
                _ => return None,
            },
            Kind::Text | Kind::Topic | Kind::Binary => split_prefixed(value)?.1,
            Kind::Pair => split_prefixed(split_prefixed(value)?.1)?.1,
        };
        let bytes = section.get(..section.len() - behind.len())?;
        Some((Self::Received(row.id, bytes), behind))
    }

    /// Its value.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn raw(self) -> Option<Raw<'a>> {
        match self {
            Self::Received(id, bytes) => Raw::of(id.row().kind, bytes.get(1..)?),
            Self::Given(property) => Some(property.raw()),
        }
    }

    /// All of `list`.
    pub(crate) fn all(list: Properties<'a>) -> impl Iterator<Item = Self> + use<'a> {
        let mut list = list.iter();
        core::iter::from_fn(move || Self::next(&mut list))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn id(&self) -> PropertyId {
        match self {
            Self::Received(id, _) => *id,
            Self::Given(property) => property.id(),
        }
    }

    /// Checks a list for the packet `cx`; gives the number of bytes it takes. The value of a received property is right
    /// wherever it may stand.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn check_all(list: impl Iterator<Item = Self>, cx: Context) -> Check {
        let mut seen = PropertySet::EMPTY;
        let len = sum(cx, list, |piece| {
            let id = piece.id();
            let checked = id.row().check(cx, &mut seen);
            checked.map_err(|kind| invalid(cx, kind, Field::Property(id)))?;
            match piece {
                Self::Received(_, bytes) => Ok(bytes.len()),
                Self::Given(property) => property.check(cx),
            }
        })?;
        match missing(cx.scope, seen) {
            Some(id) => Err(invalid(cx, ErrorKind::MissingProperty, Field::Property(id))),
            None => Ok(len),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        match self {
            Self::Received(_, bytes) => out.bytes(bytes),
            Self::Given(property) => property.write(out),
        }
    }
}
