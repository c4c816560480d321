//! Cutting one packet out of a stream by its fixed header, before anything in it is read.

use core::fmt;

use super::varint::VarInt;
use crate::error::{DecodeError, ErrorKind, Field, Violation};
use crate::show::Hidden;
use crate::spec::{PacketType, Scope, Sender, Version};

/// What every check needs to know besides the bytes. It is handed around as one number; three bytes would be as two.
#[derive(Clone, Copy)]
#[cfg_attr(all(feature = "small", feature = "v3"), repr(align(4)))]
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
