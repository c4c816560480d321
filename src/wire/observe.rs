//! Watching the decoder at work, at no cost when nobody does.

use core::fmt;
use core::ops::Range;

use crate::error::{DecodeError, Field};
use crate::show::Binary;
use crate::spec::{PacketType, ReasonCode};

/// The value of a field as an [`Observer`] sees it.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// The packet type.
    PacketType(PacketType),
    /// A single bit.
    Bit(bool),
    /// A byte of flags.
    Flags(u8),
    /// An integer.
    Number(u32),
    /// A reason code.
    Reason(ReasonCode),
    /// Text.
    Text(&'a str),
    /// Two texts: a User Property.
    Pair(&'a str, &'a str),
    /// Binary data.
    Binary(&'a [u8]),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketType(packet_type) => f.debug_tuple("PacketType").field(packet_type).finish(),
            Self::Bit(bit) => f.debug_tuple("Bit").field(bit).finish(),
            Self::Flags(flags) => f.debug_tuple("Flags").field(flags).finish(),
            Self::Number(number) => f.debug_tuple("Number").field(number).finish(),
            Self::Reason(reason) => f.debug_tuple("Reason").field(reason).finish(),
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Pair(name, value) => f.debug_tuple("Pair").field(name).field(value).finish(),
            Self::Binary(data) => f.debug_tuple("Binary").field(&Binary(data)).finish(),
        }
    }
}

/// Sees every field with its place as the decoder reads it; see [`Packet::observe`](crate::Packet::observe).
///
/// A field is shown once it has been read, before it is known whether the rest of the packet is valid. A length in
/// front of a text or of binary data belongs to the span of the field. Fields come in the order of their bytes: in a
/// CONNECT, properties behind the client identifier are those of the will.
///
/// Values are shown as they are, passwords too.
///
/// ```
/// use core::ops::Range;
/// use sans_mqtt::{Field, Frame, Observer, Packet, Split, Value, Version};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// struct Print(Vec<String>);
/// impl Observer for Print {
///     fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>) {
///         self.0.push(format!("{span:?} {field}: {value:?}"));
///     }
/// }
/// let Split::Frame(frame, _) = Frame::split(b"\xC0\x00", 1024)? else { panic!() };
/// let mut print = Print(Vec::new());
/// Packet::observe(Version::V5_0, None, frame, &mut print)?;
/// assert_eq!(print.0[0], "0..1 packet type: PacketType(Pingreq)");
/// assert_eq!(print.0[2], "1..2 remaining length: Number(0)");
/// # Ok(()) }
/// ```
pub trait Observer {
    /// `field` was read from the bytes `span` of the packet.
    fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>);
}

/// What a [`Reader`](super::Reader) can't read: its [`Mode`] has been told why. An error in its place would be moved from
/// call to call, which takes more code than all else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

/// How a [`Reader`](super::Reader) reads: plainly, observed, or again what was validated before.
pub(crate) trait Mode {
    /// Takes note of why nothing more can be read.
    fn fail(&mut self, error: DecodeError);

    /// Why nothing more could be read.
    fn error(&self) -> DecodeError;

    /// The bytes were decoded before: lists are not walked again, nor are texts, but for what makes them a `str`.
    const TRUSTED: bool = false;

    /// Whether [`field`](Self::field) does anything.
    const OBSERVED: bool = false;

    fn field(&mut self, _field: Field, _span: Range<usize>, _value: Value<'_>) {}
}

pub(crate) struct Plain(DecodeError);

impl Plain {
    pub(crate) const NEW: Self = Self(DecodeError::NONE);
}

impl Mode for Plain {
    fn fail(&mut self, error: DecodeError) {
        self.0 = error;
    }

    fn error(&self) -> DecodeError {
        self.0
    }
}

pub(crate) struct Trusted;

impl Mode for Trusted {
    const TRUSTED: bool = true;

    fn fail(&mut self, _: DecodeError) {}

    fn error(&self) -> DecodeError {
        DecodeError::NONE
    }
}

pub(crate) struct Observed<'o, O: ?Sized> {
    observer: &'o mut O,
    error: DecodeError,
}

impl<'o, O: ?Sized> Observed<'o, O> {
    pub(crate) fn new(observer: &'o mut O) -> Self {
        Self { observer, error: DecodeError::NONE }
    }
}

impl<O: Observer + ?Sized> Mode for Observed<'_, O> {
    const OBSERVED: bool = true;

    fn fail(&mut self, error: DecodeError) {
        self.error = error;
    }

    fn error(&self) -> DecodeError {
        self.error
    }

    fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>) {
        self.observer.field(field, span, value);
    }
}
