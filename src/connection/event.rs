//! What a connection tells its caller.

use core::fmt;

use crate::error::{DecodeError, ErrorKind, Field, Violation};
use crate::packet::{Auth, Connack, Connect, Disconnect, Suback, Subscribe, Unsuback, Unsubscribe};
use crate::property::Properties;
use crate::session::{Flight, Handle};
use crate::spec::{PacketId, PacketType, Qos, ReasonCode};

/// What [`handle`](crate::Connection::handle) found.
#[derive(Debug, PartialEq)]
#[must_use]
pub enum Step<'i> {
    /// Something happened. Call `handle` again at once; by that you say that you have taken it.
    Event(Event<'i>),
    /// Nothing more can be done until the caller acts.
    Wait(Wait),
}

/// What the caller has to do before the next call of [`handle`](crate::Connection::handle).
///
/// Whatever it is, what the sink holds is to be written, and once that is done, `handle` called again: an
/// acknowledgement may still wait for room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Wait {
    /// Read: at least this many bytes more are needed. It is exact once the packet's fixed header is there.
    Read(usize),
    /// Write out the sink: the next packet of the input can't be handled before this many bytes are free in it. A sink
    /// that is empty and still too small is too small for good.
    Write(usize),
    /// Give this message, which the caller keeps, to `resend`; or `abandon` it. Input may be read meanwhile.
    Resend(PacketId),
    /// Write on with the payload of which [`publish_head`](crate::Connection::publish_head) sent the head: so many bytes are
    /// left. Input may be read meanwhile, but an answer may have to wait for the end of the payload.
    Payload(u32),
    /// Acknowledge a message: the store has no room to take note of another. Only before 5.0, where the peer does not
    /// know how many there is room for.
    Acknowledge,
    /// Call `connect`, if this is a client that has not. Else answer the last event: `accept` or `reject` a
    /// [`Connect`](Event::Connect), `suback` a [`Subscribe`](Event::Subscribe), `unsuback` an
    /// [`Unsubscribe`](Event::Unsubscribe). Until then no input is taken.
    Decide,
    /// The store could not record what happens next. Mend it, or close the transport.
    Store,
    /// Write out the sink and close the transport. The connection is over.
    Closed(Cause),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// [`disconnect`](crate::Connection::disconnect) was called.
    Local,
    /// The peer sent DISCONNECT with this reason code.
    Peer(ReasonCode),
    /// The server refused the connection with this reason code.
    Refused(ReasonCode),
    /// The peer broke a rule.
    Failed(ProtocolError),
    /// The peer was silent for too long.
    Timeout(Timer),
    /// The transport ended.
    Eof,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("this side disconnected"),
            Self::Peer(reason) => write!(f, "the peer disconnected: {reason}"),
            Self::Refused(reason) => write!(f, "the connection was refused: {reason}"),
            Self::Failed(error) => error.fmt(f),
            Self::Timeout(Timer::Connect) => {
                f.write_str("the connection was not made in time (limited by connect_timeout)")
            }
            Self::Timeout(Timer::KeepAlive) => {
                f.write_str("the client was silent for one and a half times its Keep Alive")
            }
            Self::Timeout(Timer::Ping) => {
                f.write_str("the server did not answer PINGREQ (limited by ping_timeout)")
            }
            Self::Eof => f.write_str("the transport ended without DISCONNECT"),
        }
    }
}

/// What ran out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Timer {
    /// The time for CONNECT or CONNACK to come.
    Connect,
    /// One and a half times the Keep Alive without a packet from the client `[MQTT-3.1.2-22]`.
    KeepAlive,
    /// The time for PINGRESP to come.
    Ping,
}

/// The peer broke a rule: of a packet, or of the state that the connection is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProtocolError {
    violation: Violation,
    /// The number that was too large; or else the place in the packet.
    number: u32,
    /// The largest number that would do; or else the largest that there is.
    limit: u32,
}

impl ProtocolError {
    pub(crate) const fn new(violation: Violation) -> Self {
        Self { violation, number: 0, limit: u32::MAX }
    }

    /// `value` is more than `limit`.
    pub(crate) const fn exceeds(self, value: u32, limit: u32) -> Self {
        Self { number: value, limit, ..self }
    }

    /// The number that was too large and the limit that it exceeds: bytes of a packet, messages, a Topic Alias, a QoS.
    pub const fn exceeded(&self) -> Option<(u32, u32)> {
        if self.number > self.limit { Some((self.number, self.limit)) } else { None }
    }

    /// What would have to be different on this side for the peer to be right: an option of the
    /// [`Config`](crate::Config), or the memory that the connection was given.
    pub fn option(&self) -> Option<&'static str> {
        Some(match (self.kind(), self.violation.packet_type()) {
            (ErrorKind::PacketTooLarge, Some(PacketType::Connect)) => "maximum_connect_size",
            (ErrorKind::PacketTooLarge, _) => "maximum_packet_size",
            (ErrorKind::NotBuffered, _) => "stream_above",
            (ErrorKind::ReceiveMaximum, _) => "receive_maximum",
            (ErrorKind::StoreFull, _) => "the store",
            (ErrorKind::TopicAlias, _) => "topic_alias_maximum",
            (ErrorKind::TopicTableFull, _) => "the table of topics",
            (ErrorKind::MaximumQos, _) => "maximum_qos",
            (ErrorKind::RetainNotAvailable, _) => "retain_available",
            (ErrorKind::WildcardNotAvailable, _) => "wildcard_subscription_available",
            (ErrorKind::SubscriptionIdNotAvailable, _) => "subscription_identifier_available",
            (ErrorKind::SharedNotAvailable, _) => "shared_subscription_available",
            _ => return None,
        })
    }

    /// The number of bytes of the packet in front of what is wrong; 0 if the packet as a whole is.
    pub const fn offset(&self) -> usize {
        if self.limit == u32::MAX { self.number as usize } else { 0 }
    }

    /// What is wrong, where, and which rules say so.
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// [`Violation::kind`].
    pub const fn kind(&self) -> ErrorKind {
        self.violation.kind()
    }

    /// [`Violation::field`].
    pub const fn field(&self) -> Field {
        self.violation.field()
    }

    /// [`Violation::reason`].
    pub fn reason(&self) -> ReasonCode {
        self.violation.reason()
    }

    /// [`Violation::rule`].
    pub fn rule(&self) -> &'static str {
        self.violation.rule()
    }
}

impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        Self { number: error.offset() as u32, ..Self::new(error.violation()) }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.violation.fmt(f)?;
        if let Some((value, limit)) = self.exceeded() {
            write!(f, ", {value} and not more than {limit}")?;
        }
        self.option().map_or(Ok(()), |option| write!(f, " (limited by {option})"))
    }
}

impl core::error::Error for ProtocolError {}

/// What happened.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'i> {
    /// To a server: a client wants to connect. Answer with `accept`, perhaps after `resume`, or `reject`.
    Connect(Connect<'i>),
    /// To a client: the server accepted. [`limits`](crate::Connection::limits) tells what it asks for.
    Connected(Connack<'i>),
    /// To a client: the server refused. [`Wait::Closed`] comes next.
    Refused(Connack<'i>),
    /// A message came, with a token to acknowledge it by if that is up to the application.
    Publish(Incoming<'i>, Option<AckToken>),
    /// The head of a large message came, without its payload, and the length of that in bytes, never 0. See
    /// [`Config::stream_above`](crate::Config::stream_above). If the connection ends before
    /// [`PublishEnd`](Event::PublishEnd), the message is to be forgotten: at QoS 1 and 2 it comes again from the start.
    PublishStart(Incoming<'i>, u32),
    /// The next piece of its payload.
    PublishChunk(&'i [u8]),
    /// The payload is complete; with a token to acknowledge the message by if that is up to the application.
    PublishEnd(Option<AckToken>),
    /// A message came that is larger than [`Config::maximum_packet_size`](crate::Config::maximum_packet_size), and its payload
    /// of that many bytes is thrown away. See [`Config::skip_oversize`](crate::Config::skip_oversize).
    Skipped(Incoming<'i>, u32),
    /// A message of ours is done, and its identifier free: the peer has it, or refuses it with this reason code.
    Acked {
        /// Its packet identifier.
        id: PacketId,
        /// What the peer says.
        reason: ReasonCode,
        /// What it says beside: Reason String and User Properties.
        properties: Properties<'i>,
    },
    /// The peer has a message of QoS 2 and says more about it than that: that it has no subscribers for it, for example, or
    /// in words. [`Acked`](Event::Acked) comes later.
    Received {
        /// Its packet identifier.
        id: PacketId,
        /// What the peer says.
        reason: ReasonCode,
        /// What it says beside.
        properties: Properties<'i>,
    },
    /// A message, SUBSCRIBE or UNSUBSCRIBE of ours will never be acknowledged: its session is lost, its connection is
    /// over (SUBSCRIBE and UNSUBSCRIBE), the limits of this connection do not allow it (Maximum Packet Size, Maximum QoS, Retain
    /// Available), or it was given up with [`abandon`](crate::Connection::abandon). Until the next call of
    /// [`handle`](crate::Connection::handle), [`Session::message`](crate::Session::message) still has it.
    ///
    /// If the session goes on, the peer may already have a message of QoS 2 and wait for PUBREL. That is sent now, and
    /// the identifier is in use until the peer has confirmed it.
    Dropped {
        /// Its packet identifier.
        id: PacketId,
        /// What it is, and how far it came: a message that was [`Released`](Flight::Released) had reached the peer.
        flight: Flight,
    },
    /// To a server: the client subscribes. Answer with `suback`.
    Subscribe(Subscribe<'i>),
    /// To a server: the client unsubscribes. Answer with `unsuback`.
    Unsubscribe(Unsubscribe<'i>),
    /// To a client: the answer to its SUBSCRIBE.
    Suback(Suback<'i>),
    /// To a client: the answer to its UNSUBSCRIBE.
    Unsuback(Unsuback<'i>),
    /// The next step of an authentication; answer it with `auth`, or if it is the client's, and the connection not open
    /// yet, with `accept` or `reject`. The last one of the server says success and needs no answer.
    Auth(Auth<'i>),
    /// The peer ends the connection. [`Wait::Closed`] comes next.
    Disconnect(Disconnect<'i>),
}

impl Event<'_> {
    /// A message is done, and nothing more is said of it.
    pub(super) fn acked(id: PacketId) -> Self {
        Self::Acked { id, reason: ReasonCode::SUCCESS, properties: Properties::EMPTY }
    }
}

/// A message that came. Its topic, for which an alias may stand, is told by [`Connection::topic`](crate::Connection::topic).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming<'i> {
    pub(crate) topic: &'i str,
    /// The quality of service.
    pub qos: Qos,
    /// RETAIN.
    pub retain: bool,
    /// Whether it may have come before.
    pub dup: bool,
    /// The properties as they came.
    pub properties: Properties<'i>,
    /// The application's data.
    pub payload: &'i [u8],
}

/// The right to acknowledge one message, once, in the connection that it came by.
///
/// Connections of one session are told apart; to mix up the tokens of two sessions is up to the caller to avoid.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "the peer waits for the acknowledgement"]
pub struct AckToken {
    pub(crate) epoch: u32,
    pub(crate) handle: Handle,
    pub(crate) id: PacketId,
}

impl AckToken {
    /// The packet identifier of the message.
    pub const fn packet_id(&self) -> PacketId {
        self.id
    }
}

/// When messages are acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Acknowledge {
    /// When the application has taken the event, that is, calls [`handle`](crate::Connection::handle) again.
    #[default]
    Automatic,
    /// When the application calls [`ack`](crate::Connection::ack) with the token of the message.
    Manual,
}
