//! Errors, told apart by who is to blame: [`DecodeError`] for bytes of the peer, [`EncodeError`] for data of the
//! caller. Both carry a [`Violation`]: what is wrong, in which field, against which rule.

mod rule;

use core::fmt;

use crate::show::display;
use crate::spec::{PacketType, PropertyId, ReasonCode, Scope, Version};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $text:literal $reason:ident,)+) => {
        /// What is wrong, apart from where.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[doc = $doc])+ $variant,)+ }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A short stable name, as the conformance vectors write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// A table of bytes: a `match` becomes a jump for each kind.
            fn reason(self) -> ReasonCode {
                const REASONS: &[ReasonCode] = &[$(ReasonCode::$reason,)+];
                REASONS.get(self as usize).copied().unwrap_or(ReasonCode::PROTOCOL_ERROR)
            }
        }
    };
}

kinds! {
    /// A variable byte integer of more than four bytes.
    LengthTooLong "length-too-long" "a variable byte integer has at most four bytes" MALFORMED_PACKET,
    /// A variable byte integer that is not written with the fewest bytes (5.0).
    LengthNotShortest "length-not-shortest" "a variable byte integer is not in its shortest form" MALFORMED_PACKET,
    /// A packet larger than the receiver's limit.
    PacketTooLarge "packet-too-large" "the packet is larger than the limit" PACKET_TOO_LARGE,
    /// A packet larger than what is buffered as a whole, and nothing that comes in pieces; or a PUBLISH with such a head.
    NotBuffered "not-buffered" "larger than what is buffered as a whole" PACKET_TOO_LARGE,
    /// A packet type that the version reserves.
    PacketType "packet-type" "there is no such packet type" MALFORMED_PACKET,
    /// Fixed header flags that the packet type reserves.
    Flags "flags" "reserved fixed header flags" MALFORMED_PACKET,
    /// A field that runs past the end of the packet or of its property section, or is missing.
    Truncated "truncated" "runs past the end" MALFORMED_PACKET,
    /// Bytes behind the last field.
    Trailing "trailing" "bytes behind the last field" MALFORMED_PACKET,
    /// Text that is not well-formed UTF-8.
    Utf8 "utf8" "not well-formed UTF-8" MALFORMED_PACKET,
    /// Text with U+0000.
    Nul "nul" "text with U+0000" MALFORMED_PACKET,
    /// An empty topic name or topic filter.
    EmptyTopic "empty-topic" "a topic has at least one character" PROTOCOL_ERROR,
    /// A wildcard in a topic name.
    WildcardInTopic "wildcard-in-topic" "a topic name has no wildcard" PROTOCOL_ERROR,
    /// A `#` that is not the whole of the last level of its filter.
    MisplacedHash "misplaced-hash" "# stands alone in the last level" MALFORMED_PACKET,
    /// A `+` that is not the whole of its level.
    MisplacedPlus "misplaced-plus" "+ fills a whole level" MALFORMED_PACKET,
    /// A shared subscription without a share name.
    EmptyShareName "empty-share-name" "a share name has at least one character" PROTOCOL_ERROR,
    /// A share name with a wildcard.
    ShareName "share-name" "a share name has no wildcard" PROTOCOL_ERROR,
    /// A shared subscription without a topic filter.
    ShareFilter "share-filter" "a share name is followed by / and a filter" PROTOCOL_ERROR,
    /// The packet identifier 0.
    PacketId "packet-id" "a packet identifier is not zero" PROTOCOL_ERROR,
    /// QoS 3.
    Qos "qos" "QoS is 0, 1 or 2" MALFORMED_PACKET,
    /// DUP with QoS 0.
    Dup "dup" "DUP is not set at QoS 0" PROTOCOL_ERROR,
    /// A reserved bit that is set.
    ReservedBit "reserved-bit" "a reserved bit is set" MALFORMED_PACKET,
    /// Will QoS or Will Retain without a will.
    WillFlags "will-flags" "set although there is no will" MALFORMED_PACKET,
    /// A password without a user name (3.1 and 3.1.1).
    PasswordWithoutUserName "password-without-user-name" "a password needs a user name" MALFORMED_PACKET,
    /// Another packet where a CONNECT has to be.
    NotConnect "not-connect" "the first packet is a CONNECT" PROTOCOL_ERROR,
    /// A CONNECT of another protocol.
    ProtocolName "protocol-name" "not this protocol" UNSUPPORTED_PROTOCOL_VERSION,
    /// A CONNECT of another or unknown version; [`DecodeError::value`] is its level.
    ProtocolLevel "protocol-level" "not this protocol version" UNSUPPORTED_PROTOCOL_VERSION,
    /// Session Present in a refusal.
    SessionPresent "session-present" "set although the connection is refused" PROTOCOL_ERROR,
    /// A reason code that this packet can't carry.
    ReasonCode "reason-code" "not a reason code of this packet" PROTOCOL_ERROR,
    /// Retain Handling 3.
    RetainHandling "retain-handling" "Retain Handling is 0, 1 or 2" PROTOCOL_ERROR,
    /// No Local on a shared subscription.
    NoLocal "no-local" "a shared subscription can't have No Local" PROTOCOL_ERROR,
    /// No topic filter or no reason code at all.
    EmptyList "empty-list" "at least one is needed" PROTOCOL_ERROR,
    /// A property identifier that does not exist.
    UnknownProperty "unknown-property" "no such property" MALFORMED_PACKET,
    /// A property that this packet can't carry.
    PropertyNotAllowed "property-not-allowed" "not a property of this packet" MALFORMED_PACKET,
    /// A property given twice that may be given once.
    DuplicateProperty "duplicate-property" "given twice" PROTOCOL_ERROR,
    /// A property value outside its range.
    PropertyValue "property-value" "value out of range" PROTOCOL_ERROR,
    /// A property that this packet must carry.
    MissingProperty "missing-property" "missing" PROTOCOL_ERROR,
    /// Something that this side may not send.
    Sender "sender" "not to be sent by this side" PROTOCOL_ERROR,
    /// A packet that has no place in the state of the connection: another one than CONNECT or CONNACK first, or one of
    /// these again.
    UnexpectedPacket "unexpected-packet" "not to be sent now" PROTOCOL_ERROR,
    /// Session Present although this side has no session, or asked for a new one.
    SessionState "session-state" "there is no session to go on with" PROTOCOL_ERROR,
    /// A DISCONNECT that makes a session outlive the connection which was not to.
    SessionExpiry "session-expiry" "a session that ends with its connection can't be prolonged" PROTOCOL_ERROR,
    /// An acknowledgement that nothing waits for.
    WrongAck "wrong-ack" "acknowledges what was not sent" PROTOCOL_ERROR,
    /// Another number of reason codes than the topic filters that they answer.
    ReasonCount "reason-count" "one reason code is needed for each topic filter" PROTOCOL_ERROR,
    /// A PUBLISH whose packet identifier is in use.
    PacketIdInUse "packet-id-in-use" "the packet identifier is in use" PROTOCOL_ERROR,
    /// More unacknowledged messages than this side takes.
    ReceiveMaximum "receive-maximum" "more unacknowledged messages than Receive Maximum" RECEIVE_MAXIMUM_EXCEEDED,
    /// More unacknowledged messages than the store of this side has room for.
    StoreFull "store-full" "more unacknowledged messages than there is room for" QUOTA_EXCEEDED,
    /// A Topic Alias that this side does not take.
    TopicAlias "topic-alias" "a Topic Alias above Topic Alias Maximum" TOPIC_ALIAS_INVALID,
    /// A Topic Alias that stands for no topic in this connection.
    UnknownTopicAlias "unknown-topic-alias" "a Topic Alias that stands for no topic" PROTOCOL_ERROR,
    /// A topic that the table of this side has no room for, though it has room for the alias.
    TopicTableFull "topic-table-full" "no room for the topic of a Topic Alias" QUOTA_EXCEEDED,
    /// Reason String or User Property where Request Problem Information says that there are none.
    ProblemInformation "problem-information" "not asked for by Request Problem Information" PROTOCOL_ERROR,
    /// A Maximum Packet Size that leaves no room for an acknowledgement.
    MaximumPacketSize "maximum-packet-size" "leaves no room for an acknowledgement" IMPLEMENTATION_SPECIFIC_ERROR,
    /// An AUTH out of turn.
    Authentication "authentication" "out of turn" PROTOCOL_ERROR,
    /// Another packet than AUTH or DISCONNECT while the server has not answered a CONNECT with an authentication method.
    AuthenticationPending "authentication-pending" "only AUTH and DISCONNECT until CONNACK" PROTOCOL_ERROR,
    /// Another authentication method than that of the CONNECT, or one without it.
    AuthenticationMethod "authentication-method" "not the method of the CONNECT" PROTOCOL_ERROR,
    /// A QoS above the Maximum QoS of the server.
    MaximumQos "maximum-qos" "above Maximum QoS" QOS_NOT_SUPPORTED,
    /// RETAIN although the server does not retain messages.
    RetainNotAvailable "retain-not-available" "messages are not retained here" RETAIN_NOT_SUPPORTED,
    /// A wildcard although the server does not support it.
    WildcardNotAvailable "wildcard-not-available" "wildcards are not supported here"
        WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
    /// A Subscription Identifier although the server does not support it.
    SubscriptionIdNotAvailable "subscription-id-not-available" "Subscription Identifiers are not supported here"
        SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    /// A shared subscription although the server does not support it.
    SharedNotAvailable "shared-not-available" "shared subscriptions are not supported here"
        SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
    /// Text or binary data of more than 65,535 bytes, or a packet of more than 268,435,455 (encoding only).
    TooLong "too-long" "too long to be encoded" PACKET_TOO_LARGE,
    /// Data that the version can't express (encoding only).
    NotInVersion "not-in-version" "this version can't express it" PROTOCOL_ERROR,
    /// An empty client identifier without Clean Session (encoding only; 3.1: at all).
    ClientId "client-id" "an empty client identifier needs Clean Session" CLIENT_IDENTIFIER_NOT_VALID,
}

/// A part of a packet.
///
/// Names what an error or an [`Observer`](crate::Observer) speaks of, in the words of the specification.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// The packet type, in the high half of the first byte.
    PacketType,
    /// The flags, in the low half of the first byte.
    Flags,
    /// DUP, a flag of PUBLISH.
    Dup,
    /// QoS, two flags of PUBLISH.
    Qos,
    /// RETAIN, a flag of PUBLISH.
    Retain,
    /// The Remaining Length of the fixed header.
    RemainingLength,
    /// The protocol name of CONNECT.
    ProtocolName,
    /// The protocol level (5.0: protocol version) of CONNECT.
    ProtocolLevel,
    /// The connect flags.
    ConnectFlags,
    /// Will QoS, in the connect flags.
    WillQos,
    /// Will Retain, in the connect flags.
    WillRetain,
    /// Keep Alive.
    KeepAlive,
    /// The client identifier.
    ClientId,
    /// The will topic.
    WillTopic,
    /// The will payload (3.1.1: will message).
    WillPayload,
    /// The user name.
    UserName,
    /// The password.
    Password,
    /// The acknowledge flags of CONNACK.
    AcknowledgeFlags,
    /// Session Present, in the acknowledge flags.
    SessionPresent,
    /// A reason code (CONNACK of 3.1.1: return code).
    ReasonCode,
    /// The packet identifier.
    PacketId,
    /// The topic name of PUBLISH.
    TopicName,
    /// A topic filter.
    TopicFilter,
    /// The options byte behind a filter (3.1.1: requested QoS).
    SubscriptionOptions,
    /// The payload.
    Payload,
    /// The Property Length.
    PropertyLength,
    /// The property section.
    Properties,
    /// The identifier of a property.
    PropertyId,
    /// The value of a property.
    Property(PropertyId),
    /// The packet as a whole.
    Packet,
}

impl Field {
    /// The name of the field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PacketType => "packet type",
            Self::Flags => "flags",
            Self::Dup => "DUP",
            Self::Qos => "QoS",
            Self::Retain => "RETAIN",
            Self::RemainingLength => "remaining length",
            Self::ProtocolName => "protocol name",
            Self::ProtocolLevel => "protocol level",
            Self::ConnectFlags => "connect flags",
            Self::WillQos => "will QoS",
            Self::WillRetain => "will retain",
            Self::KeepAlive => "keep alive",
            Self::ClientId => "client identifier",
            Self::WillTopic => "will topic",
            Self::WillPayload => "will payload",
            Self::UserName => "user name",
            Self::Password => "password",
            Self::AcknowledgeFlags => "acknowledge flags",
            Self::SessionPresent => "session present",
            Self::ReasonCode => "reason code",
            Self::PacketId => "packet identifier",
            Self::TopicName => "topic name",
            Self::TopicFilter => "topic filter",
            Self::SubscriptionOptions => "subscription options",
            Self::Payload => "payload",
            Self::PropertyLength => "property length",
            Self::Properties => "properties",
            Self::PropertyId => "property identifier",
            Self::Property(id) => id.name(),
            Self::Packet => "packet",
        }
    }
}

display! { ErrorKind: text, Field: name }

/// What is wrong with a packet: the kind, the field, and the rules that say so.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Violation {
    pub(crate) kind: ErrorKind,
    pub(crate) field: Field,
    pub(crate) scope: Option<Scope>,
    pub(crate) version: Option<Version>,
}

impl Violation {
    /// What is wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where it is wrong.
    pub const fn field(&self) -> Field {
        self.field
    }

    /// The type of the packet; `None` where its first byte names none.
    pub const fn packet_type(&self) -> Option<PacketType> {
        match self.scope {
            Some(scope) => Some(scope.packet_type()),
            None => None,
        }
    }

    /// Whether it is wrong in the will of a CONNECT, which has properties of its own.
    pub const fn in_will(&self) -> bool {
        matches!(self.scope, Some(Scope::WILL))
            || matches!(
                self.field,
                Field::WillTopic | Field::WillPayload | Field::WillQos | Field::WillRetain
            )
    }

    /// The version whose rules were applied; `None` for framing, which is the same in all of them.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// The reason code that names this error to the peer.
    ///
    /// 3.1 and 3.1.1 have no such codes (the connection is closed); the code is good for logs there.
    pub fn reason(&self) -> ReasonCode {
        match (self.kind, self.field, self.scope) {
            (ErrorKind::PropertyValue, Field::Property(PropertyId::TopicAlias), _) => {
                ReasonCode::TOPIC_ALIAS_INVALID
            }
            (ErrorKind::Qos, _, Some(Scope::SUBSCRIBE)) => ReasonCode::PROTOCOL_ERROR,
            _ => self.kind.reason(),
        }
    }

    /// The rules that are broken, the most specific one first: numbered statements (`MQTT-3.3.1-4`) and, for rules
    /// found only in prose, sections (`5.0 §2.2.2.2`).
    ///
    /// Never empty for an error of `decode`. Numbered statements of the two documents differ; without a version
    /// those of 5.0 are given.
    pub fn rules(&self) -> &'static [&'static str] {
        rule::rules(self)
    }

    /// The first of [`rules`](Self::rules), empty if there is none.
    pub fn rule(&self) -> &'static str {
        self.rules().first().copied().unwrap_or_default()
    }

    /// The same error seen from `version`: a framing error knows no version, and the documents number their
    /// statements differently.
    #[must_use]
    pub const fn in_version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packet) = self.packet_type() {
            write!(f, "{packet} ")?;
        }
        if self.scope == Some(Scope::WILL) {
            f.write_str("will ")?;
        }
        write!(f, "{}: {}", self.field, self.kind)?;
        match self.rule() {
            "" => Ok(()),
            rule => write!(f, " [{rule}]"),
        }
    }
}

/// The bytes break a rule of MQTT: the sender's fault.
///
/// ```
/// use sans_mqtt::{Frame, Packet, Split, Version, ErrorKind, Field, ReasonCode};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Split::Frame(frame, _) = Frame::split(b"\x30\x07\x00\x01a\x03\x23\x00\x00", 1024)? else { panic!() };
/// let error = Packet::decode(Version::V5_0, frame).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PropertyValue);
/// assert_eq!((error.offset(), error.field().name()), (7, "Topic Alias"));
/// assert_eq!(error.reason(), ReasonCode::TOPIC_ALIAS_INVALID);
/// assert_eq!(error.to_string(), "PUBLISH Topic Alias: value out of range [MQTT-3.3.2-8], byte 7");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DecodeError {
    pub(crate) violation: Violation,
    pub(crate) value: u8,
    pub(crate) offset: u32,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}", self.violation, self.offset)
    }
}

impl core::error::Error for DecodeError {}

impl DecodeError {
    /// The offset of the offending byte from the first byte of the packet.
    pub const fn offset(&self) -> usize {
        self.offset as usize
    }

    /// The offending value as far as a byte can hold it: the reason code, the flags, the character and so on, the low
    /// byte of a larger number, 0 where something is missing. For [`ErrorKind::ProtocolLevel`] the level that the
    /// client asks for.
    pub const fn value(&self) -> u8 {
        self.value
    }

    /// What is wrong, without the position.
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// What is wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.violation.kind
    }

    /// Where it is wrong.
    pub const fn field(&self) -> Field {
        self.violation.field
    }

    /// The reason code for the CONNACK or DISCONNECT; see [`Violation::reason`].
    pub fn reason(&self) -> ReasonCode {
        self.violation.reason()
    }

    /// The broken rules; see [`Violation::rules`].
    pub fn rules(&self) -> &'static [&'static str] {
        self.violation.rules()
    }

    /// The first of the broken rules; see [`Violation::rule`].
    pub fn rule(&self) -> &'static str {
        self.violation.rule()
    }

    /// The same error seen from `version`; see [`Violation::in_version`].
    #[must_use]
    pub const fn in_version(mut self, version: Version) -> Self {
        self.violation = self.violation.in_version(version);
        self
    }

    /// Nothing is wrong yet.
    pub(crate) const NONE: Self = Self::incomplete(0);

    /// Not an error: `needed` bytes more have to arrive. Never leaves the crate; it is told apart by what no error of
    /// that kind has, no version.
    pub(crate) const fn incomplete(needed: usize) -> Self {
        let (kind, field) = (ErrorKind::Truncated, Field::Packet);
        Self {
            violation: Violation { kind, field, scope: None, version: None },
            value: 0,
            offset: needed as u32,
        }
    }

    /// The number that [`incomplete`](Self::incomplete) was given.
    pub(crate) const fn needed(&self) -> Option<usize> {
        match self.violation {
            Violation { kind: ErrorKind::Truncated, version: None, .. } => Some(self.offset as usize),
            _ => None,
        }
    }

    /// The same error of a packet whose version is not known.
    pub(crate) const fn in_no_version(mut self) -> Self {
        self.violation.version = None;
        self
    }
}

/// The packet can't be written: the caller's fault, or the caller's buffer is too small.
///
/// Nothing has been written when this is returned.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The data breaks a rule of MQTT; [`Violation::field`] names it.
    Invalid(Violation),
    /// The sink can't take all that is to be written.
    NoRoom {
        /// Its length in bytes: that of the packet, or of its head if that is written alone.
        needed: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violation) => violation.fmt(f),
            Self::NoRoom { needed } => write!(f, "no room for {needed} bytes"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl EncodeError {
    /// What is wrong with the data; `None` if only room was lacking.
    pub const fn violation(&self) -> Option<Violation> {
        match self {
            Self::Invalid(violation) => Some(*violation),
            Self::NoRoom { .. } => None,
        }
    }
}
