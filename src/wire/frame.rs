//! Cutting one packet out of a stream by its fixed header, before anything in it is read.

use core::fmt;

use super::varint::VarInt;
use crate::error::{DecodeError, ErrorKind, Field, Violation};
use crate::show::Hidden;
use crate::version::{Sender, Version};

macro_rules! packet_types {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:ident $number:literal,)+) => {
        /// The fifteen control packet types.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum PacketType { $($(#[doc = $doc])+ $variant = $number,)+ }

        impl PacketType {
            /// Every packet type, in the order of their numbers.
            pub const ALL: [Self; 15] = [$(Self::$variant,)+];

            /// The packet type of a number from 1 to 15.
            #[cfg_attr(not(feature = "small"), inline(always))]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The number, 1 to 15.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The name as the specification writes it, `PUBLISH` for example.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)+ }
            }
        }

        impl Scope {
            $(pub(crate) const $name: Self = Self($number);)+
        }
    };
}

packet_types! {
    /// A client asks for a connection.
    Connect CONNECT 1,
    /// The server's answer to CONNECT.
    Connack CONNACK 2,
    /// A message.
    Publish PUBLISH 3,
    /// The answer to a QoS 1 PUBLISH.
    Puback PUBACK 4,
    /// The answer to a QoS 2 PUBLISH.
    Pubrec PUBREC 5,
    /// The answer to PUBREC.
    Pubrel PUBREL 6,
    /// The answer to PUBREL, and the end of a QoS 2 exchange.
    Pubcomp PUBCOMP 7,
    /// A client subscribes.
    Subscribe SUBSCRIBE 8,
    /// The server's answer to SUBSCRIBE.
    Suback SUBACK 9,
    /// A client unsubscribes.
    Unsubscribe UNSUBSCRIBE 10,
    /// The server's answer to UNSUBSCRIBE.
    Unsuback UNSUBACK 11,
    /// A client shows that it is alive.
    Pingreq PINGREQ 12,
    /// The server's answer to PINGREQ.
    Pingresp PINGRESP 13,
    /// The last packet of a connection.
    Disconnect DISCONNECT 14,
    /// Enhanced authentication (5.0).
    Auth AUTH 15,
}

/// A set of scopes: `scopes!(PUBACK PUBREC)`.
macro_rules! scopes {
    ($($scope:ident)*) => { 0 $(| $crate::wire::Scope::$scope.bit())* };
}
pub(crate) use scopes;

const FLAGGED: u16 = scopes!(PUBREL SUBSCRIBE UNSUBSCRIBE);

impl PacketType {
    /// The reserved flags in the low half of the first byte (those of PUBLISH vary).
    #[inline(always)]
    pub(crate) const fn flags(self) -> u8 {
        // 0010 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, 0000 for the rest.
        (FLAGGED >> self as u16 & 1) as u8 * 0b0010
    }

    /// Whether `sender` may send packets of this type at all.
    ///
    /// ```
    /// use sans_mqtt::{PacketType, Sender, Version};
    /// assert!(PacketType::Disconnect.may_be_sent_by(Sender::Server, Version::V5_0));
    /// assert!(!PacketType::Disconnect.may_be_sent_by(Sender::Server, Version::V3_1_1));
    /// ```
    pub const fn may_be_sent_by(self, sender: Sender, version: Version) -> bool {
        match self {
            Self::Publish | Self::Puback | Self::Pubrec | Self::Pubrel | Self::Pubcomp => true,
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => {
                matches!(sender, Sender::Client)
            }
            Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp => {
                matches!(sender, Sender::Server)
            }
            Self::Disconnect => version.is_5() || matches!(sender, Sender::Client),
            Self::Auth => version.is_5(),
        }
    }
}

/// What the tables speak of: a packet type, or the will inside CONNECT, which has properties of its own.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Scope(u8);

impl Scope {
    pub(crate) const WILL: Self = Self(0);
    /// In no packet but a log, where lists are not validated.
    pub(crate) const LOG: Self = Self(16);

    #[inline(always)]
    pub(crate) const fn of(packet_type: PacketType) -> Self {
        Self(packet_type as u8)
    }

    /// A set of scopes is a `u16` with one bit each.
    #[inline(always)]
    pub(crate) const fn bit(self) -> u16 {
        1 << self.index()
    }

    /// The number of its bit.
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        (self.0 & 15) as usize
    }

    pub(crate) const fn packet_type(self) -> PacketType {
        match PacketType::from_number(self.0) {
            Some(packet_type) => packet_type,
            None => PacketType::Connect,
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::WILL { "WILL" } else { self.packet_type().name() })
    }
}

/// What every check needs to know besides the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) version: Version,
    pub(crate) sender: Option<Sender>,
    pub(crate) scope: Scope,
}

impl Context {
    pub(crate) const fn violation(&self, kind: ErrorKind, field: Field) -> Violation {
        Violation { kind, field, scope: Some(self.scope), version: Some(self.version) }
    }
}

/// The fixed header.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Header {
    pub(crate) packet_type: PacketType,
    /// The low half of the first byte.
    pub(crate) flags: u8,
    /// The number of its own bytes, 2 to 5.
    pub(crate) len: usize,
    /// The number of bytes that follow.
    pub(crate) remaining_length: usize,
}

impl Header {
    /// Reads a fixed header, and gives what is behind it too; `Ok(None)` if it is not complete.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn read(input: &[u8]) -> Result<Option<(Self, &[u8])>, DecodeError> {
        let Some((&first, rest)) = input.split_first() else { return Ok(None) };
        let Some(packet_type) = PacketType::from_number(first >> 4) else {
            return Err(error(ErrorKind::PacketType, Field::PacketType, None, 0, first));
        };
        match VarInt::read(rest) {
            VarInt::Value(value, rest) => {
                let len = input.len() - rest.len();
                Ok(Some((
                    Self { packet_type, flags: first & 0x0F, len, remaining_length: value as usize },
                    rest,
                )))
            }
            VarInt::Incomplete => Ok(None),
            VarInt::TooLong => Err(error(
                ErrorKind::LengthTooLong,
                Field::RemainingLength,
                Some(Scope::of(packet_type)),
                1,
                byte(input, 1),
            )),
        }
    }
}

#[cold]
fn error(kind: ErrorKind, field: Field, scope: Option<Scope>, offset: u32, value: u8) -> DecodeError {
    DecodeError { violation: Violation { kind, field, scope, version: None }, value, offset }
}

/// Exactly one packet, cut by its fixed header; nothing in it has been read yet.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Frame<'a> {
    pub(crate) header: Header,
    bytes: &'a [u8],
    /// The bytes behind the fixed header.
    pub(crate) body: &'a [u8],
}

/// What [`Frame::split`] found.
#[derive(Clone, Copy, Eq, PartialEq)]
#[must_use]
pub enum Split<'a> {
    /// A whole packet, and the input behind it.
    Frame(Frame<'a>, &'a [u8]),
    /// The packet is not complete. So many bytes are missing; as long as the fixed header is not complete either, at
    /// least so many.
    Incomplete(usize),
}

/// A packet may hold a password, so its bytes are not shown.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.packet_type()).field(&Hidden(self.bytes)).finish()
    }
}

impl fmt::Debug for Split<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame, rest) => f.debug_tuple("Frame").field(frame).field(&Hidden(rest)).finish(),
            Self::Incomplete(needed) => f.debug_tuple("Incomplete").field(needed).finish(),
        }
    }
}

impl<'a> Frame<'a> {
    /// Cuts the first packet off `input`, looking at nothing but its fixed header, which is the same in every
    /// version.
    ///
    /// `max_size` is the largest packet to accept in bytes, fixed header included. It is checked as soon as the
    /// fixed header is there, so that nothing needs to be buffered for a packet that is refused anyway.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PacketType`] for type 0, [`ErrorKind::LengthTooLong`] for a length of more than four bytes and
    /// [`ErrorKind::PacketTooLarge`] above `max_size`. These errors know no [version](Violation::version).
    ///
    /// ```
    /// use sans_mqtt::{Frame, Split};
    /// # fn main() -> Result<(), sans_mqtt::DecodeError> {
    /// let input = [0xC0, 0, 0xE0]; // PINGREQ and the first byte of a DISCONNECT
    /// let Split::Frame(frame, rest) = Frame::split(&input, 1024)? else { panic!() };
    /// assert_eq!(frame.bytes(), [0xC0, 0]);
    /// assert_eq!(Frame::split(rest, 1024)?, Split::Incomplete(1));
    /// assert_eq!(Frame::split(&[0x30, 12, 0], 1024)?, Split::Incomplete(11));
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn split(input: &'a [u8], max_size: usize) -> Result<Split<'a>, DecodeError> {
        let Some((header, rest)) = Header::read(input)? else {
            return Ok(Split::Incomplete(if input.is_empty() { 2 } else { 1 }));
        };
        let size = header.len + header.remaining_length;
        if size > max_size {
            let scope = Some(Scope::of(header.packet_type));
            return Err(error(ErrorKind::PacketTooLarge, Field::RemainingLength, scope, 1, byte(input, 1)));
        }
        Ok(match rest.split_at_checked(header.remaining_length) {
            Some((body, rest)) => {
                let bytes = input.get(..size).unwrap_or_default();
                Split::Frame(Frame { header, bytes, body }, rest)
            }
            None => Split::Incomplete(header.remaining_length - rest.len()),
        })
    }

    /// The packet type.
    pub const fn packet_type(&self) -> PacketType {
        self.header.packet_type
    }

    /// The bytes of the packet, fixed header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// `bytes[at]`, or 0 behind the end.
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}
