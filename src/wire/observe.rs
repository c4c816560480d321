//! Watching the decoder at work, at no cost when nobody does.

use core::ops::Range;

use super::PacketType;
use crate::error::Field;
use crate::reason::ReasonCode;

/// The value of a field as an [`Observer`] sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// Sees every field with its place as the decoder reads it; see [`Packet::observe`](crate::Packet::observe).
///
/// A field is shown once it has been read, before it is known whether the rest of the packet is valid. A length in
/// front of a text or of binary data belongs to the span of the field.
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

/// How a [`Reader`](super::Reader) reads: plainly, observed, or again what was validated before.
pub(crate) trait Mode {
    /// The bytes were decoded before: lists are not walked again, nor are texts, but for what makes them a `str`.
    const TRUSTED: bool = false;

    /// Whether [`field`](Self::field) does anything.
    const OBSERVED: bool = false;

    #[inline(always)]
    fn field(&mut self, _field: Field, _span: Range<usize>, _value: Value<'_>) {}
}

pub(crate) struct Plain;

impl Mode for Plain {}

pub(crate) struct Trusted;

impl Mode for Trusted {
    const TRUSTED: bool = true;
}

pub(crate) struct Observed<'o, O: ?Sized>(pub(crate) &'o mut O);

impl<O: Observer + ?Sized> Mode for Observed<'_, O> {
    const OBSERVED: bool = true;

    fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>) {
        self.0.field(field, span, value);
    }
}
