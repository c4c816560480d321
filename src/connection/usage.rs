//! What the caller is told who asks for what is not possible.

use core::fmt;

use super::event::AckToken;
use crate::error::EncodeError;
use crate::session::StoreError;
use crate::spec::PropertyId;

/// The caller asks for what is not possible. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UsageError {
    /// The sink can't take it now; it needs this many bytes of room.
    NoRoom(usize),
    /// The connection is not established, or no more.
    NotConnected,
    /// As many messages are unacknowledged as the peer allows. Try again after an [`Event::Acked`](crate::Event::Acked).
    WindowFull(u16),
    /// Messages of an earlier connection have to be sent again first. A sink that is smaller than the one of that connection may
    /// never have room for them.
    Resuming,
    /// The store has no room or failed.
    Store(StoreError),
    /// The token was used, or is of another connection.
    StaleToken,
    /// Nothing waits for this.
    NotAsked,
    /// The number of reason codes is not that of the topic filters.
    ReasonCount {
        /// How many filters the packet had.
        filters: usize,
        /// How many codes were given.
        reasons: usize,
    },
    /// The peer takes no packet of that size.
    TooLarge {
        /// The size of the packet in bytes.
        size: usize,
        /// The peer's Maximum Packet Size in bytes.
        limit: u32,
    },
    /// The server does not support this, as the property of that name said; [`Limits`](crate::Limits) has them all.
    NotAvailable(PropertyId),
    /// What this property says is for the [`Config`](crate::Config) to say, which is what counts.
    NotYours(PropertyId),
    /// A client without an identifier has to be given one, and no other may be `[MQTT-3.2.2-16]`.
    AssignedClientIdentifier,
    /// A client that named an authentication method is accepted with that method, and no other client with any
    /// `[MQTT-4.12.0-5]` `[MQTT-4.12.0-6]`.
    AuthenticationMethod,
    /// A session that was to end with its connection can't be prolonged in the end.
    SessionExpiry,
    /// The payload of a message is not complete: so many bytes are left, and nothing else can be sent before them.
    PayloadPending(u32),
    /// More of a payload than is left, which is so many bytes.
    PayloadOverrun(u32),
    /// A Topic Alias is none of the caller's business.
    TopicAlias,
    /// The packet breaks a rule.
    Encode(EncodeError),
}

impl UsageError {
    /// Whether the same call may succeed later: after the sink is written out, after an
    /// [`Event::Acked`](crate::Event::Acked), or, with [`NotConnected`](Self::NotConnected), once there is a connection. An application keeps
    /// its message then; with any other error it can only give it up.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NoRoom(_)
                | Self::NotConnected
                | Self::WindowFull(_)
                | Self::Resuming
                | Self::PayloadPending(_)
                | Self::Store(StoreError::Full | StoreError::Failed)
        )
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom(size) => write!(f, "the sink needs room for {size} bytes"),
            Self::NotConnected => f.write_str("not connected"),
            Self::WindowFull(most) => write!(f, "the peer takes no more than {most} unacknowledged messages"),
            Self::Resuming => f.write_str("messages of an earlier connection come first"),
            Self::Store(error) => error.fmt(f),
            Self::StaleToken => f.write_str("the token is of no use any more"),
            Self::NotAsked => f.write_str("nothing of that kind is asked for"),
            Self::ReasonCount { filters, reasons } => {
                write!(f, "{filters} topic filters need as many reason codes, not {reasons}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "a packet of {size} bytes, and the peer's maximum is {limit}")
            }
            Self::NotAvailable(property) => write!(f, "beyond what the server supports: {property}"),
            Self::NotYours(property) => write!(f, "{property} is announced as the configuration says"),
            Self::AssignedClientIdentifier => f.write_str(
                "Assigned Client Identifier is for clients without an identifier, and for these it is needed",
            ),
            Self::AuthenticationMethod => f.write_str("not the Authentication Method of the CONNECT"),
            Self::SessionExpiry => f.write_str("a session that ends with its connection can't be prolonged"),
            Self::PayloadPending(left) => write!(f, "{left} bytes of a payload have to be sent first"),
            Self::PayloadOverrun(left) => write!(f, "only {left} bytes of payload are left"),
            Self::TopicAlias => f.write_str("a message has no Topic Alias"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for UsageError {}

impl From<StoreError> for UsageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<EncodeError> for UsageError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

#[cfg(feature = "std")]
impl From<UsageError> for std::io::Error {
    fn from(error: UsageError) -> Self {
        Self::other(error)
    }
}

/// A message could not be acknowledged.
#[derive(Debug, Eq, PartialEq)]
pub struct AckError {
    /// The token, as good as before.
    pub token: AckToken,
    /// Why.
    pub error: UsageError,
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for AckError {}

impl From<AckError> for UsageError {
    fn from(error: AckError) -> Self {
        error.error
    }
}

#[cfg(feature = "std")]
impl From<AckError> for std::io::Error {
    fn from(error: AckError) -> Self {
        Self::other(error.error)
    }
}
