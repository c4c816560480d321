//! The values of properties as they stand on the wire.

use super::PropertyId;
use super::Row;
use crate::error::{ErrorKind, Field};
use crate::packet::Qos;
use crate::version::Version;
use crate::wire::{
    Check, Context, Decoded, Mode, Plain, Reader, Scope, Sink, VARINT_MAX, VarInt, Writer, check_binary,
    check_str, check_text, check_topic, invalid, utf8, varint_len,
};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident($($value:ty),+),)+) => {
        /// The wire type of a value with the rule for it.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Kind { $($(#[doc = $doc])+ $kind,)+ }

        /// A value without its identifier.
        #[derive(Clone, Copy)]
        pub(super) enum Raw<'a> { $($(#[doc = $doc])+ $kind($($value),+),)+ }
    };
}

kinds! {
    /// A byte, 0 or 1.
    Flag(bool),
    /// A byte, 0 or 1: QoS 2 is said by leaving the property out.
    MaximumQos(Qos),
    /// A two byte integer.
    Short(u16),
    /// A two byte integer, not 0.
    PositiveShort(u16),
    /// A four byte integer.
    Long(u32),
    /// A four byte integer, not 0.
    PositiveLong(u32),
    /// A variable byte integer, not 0.
    PositiveVarint(u32),
    /// Text.
    Text(&'a str),
    /// A topic name.
    Topic(&'a str),
    /// Binary data.
    Binary(&'a [u8]),
    /// Two texts.
    Pair(&'a str, &'a str),
}

/// Reads an identifier.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(super) fn row<M: Mode>(section: &mut Reader<'_, '_, M>) -> Decoded<(PropertyId, Kind)> {
    let start = section.offset();
    let number = section.varint(Field::PropertyId)?;
    match u8::try_from(number).ok().and_then(Row::of) {
        Some(row) => Ok(row),
        None => Err(section.bad(ErrorKind::UnknownProperty, Field::PropertyId, start, number as u8)),
    }
}

impl Kind {
    /// Reads a value of which only the validity counts.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn validate<M: Mode>(self, section: &mut Reader<'_, '_, M>, field: Field) -> Decoded<()> {
        match self {
            Self::Text => section.validate_str(field),
            Self::Topic => section.validate_topic(field),
            Self::Pair => {
                section.validate_str(field)?;
                section.validate_str(field)
            }
            _ => Raw::read(self, section, field).map(|_| ()),
        }
    }

    /// What is behind a value at the front of bytes that were validated.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn skip(self, mut bytes: &[u8]) -> Option<&[u8]> {
        // Where code has to be small, there is one way to read.
        if cfg!(feature = "small") {
            let value = Raw::again(self, &mut bytes);
            return value.map(|_| bytes);
        }
        match self {
            Self::Flag | Self::MaximumQos => bytes.get(1..),
            Self::Short | Self::PositiveShort => bytes.get(2..),
            Self::Long | Self::PositiveLong => bytes.get(4..),
            Self::PositiveVarint => match VarInt::read(bytes) {
                VarInt::Value(_, behind) => Some(behind),
                _ => None,
            },
            Self::Text | Self::Topic | Self::Binary => Some(split_prefixed(bytes)?.1),
            Self::Pair => Some(split_prefixed(split_prefixed(bytes)?.1)?.1),
        }
    }
}

impl<'a> Raw<'a> {
    /// Reads a value.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(kind: Kind, section: &mut Reader<'a, '_, M>, field: Field) -> Decoded<Self> {
        let start = section.offset();
        let right = |section: &mut Reader<'a, '_, M>, right, number| {
            section.require(M::TRUSTED || right, ErrorKind::PropertyValue, field, start, number)
        };
        Ok(match kind {
            Kind::Flag => {
                let flag = section.u8(field)?;
                right(section, flag <= 1, flag)?;
                Self::Flag(flag == 1)
            }
            Kind::MaximumQos => {
                let qos = section.u8(field)?;
                right(section, qos <= 1, qos)?;
                Self::MaximumQos(Qos::from_number(qos).unwrap_or_default())
            }
            Kind::Short => Self::Short(section.u16(field)?),
            Kind::PositiveShort => {
                let number = section.u16(field)?;
                right(section, number > 0, 0)?;
                Self::PositiveShort(number)
            }
            Kind::Long => Self::Long(section.u32(field)?),
            Kind::PositiveLong => {
                let number = section.u32(field)?;
                right(section, number > 0, 0)?;
                Self::PositiveLong(number)
            }
            Kind::PositiveVarint => {
                let number = section.varint(field)?;
                right(section, number > 0, 0)?;
                Self::PositiveVarint(number)
            }
            Kind::Text => Self::Text(section.str(field)?),
            Kind::Topic => Self::Topic(section.topic(field)?),
            Kind::Binary => Self::Binary(section.binary(field)?),
            Kind::Pair => {
                let (name, value) = section.pair(field)?;
                Self::Pair(name, value)
            }
        })
    }

    /// Takes a value off the front of bytes that were validated.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn again(kind: Kind, bytes: &mut &'a [u8]) -> Option<Self> {
        if cfg!(feature = "small") {
            let cx = Context { version: Version::NEWEST, sender: None, scope: Scope::PUBLISH };
            let mut mode = Plain::NEW;
            let mut reader = Reader::part(bytes, bytes.len(), cx, &mut mode);
            let value = Self::read(kind, &mut reader, Field::Properties).ok()?;
            *bytes = reader.rest();
            return Some(value);
        }
        Some(match kind {
            Kind::Flag => Self::Flag(array(bytes)? != [0]),
            Kind::MaximumQos => {
                let [qos] = array(bytes)?;
                Self::MaximumQos(Qos::from_number(qos)?)
            }
            Kind::Short => Self::Short(u16::from_be_bytes(array(bytes)?)),
            Kind::PositiveShort => Self::PositiveShort(u16::from_be_bytes(array(bytes)?)),
            Kind::Long => Self::Long(u32::from_be_bytes(array(bytes)?)),
            Kind::PositiveLong => Self::PositiveLong(u32::from_be_bytes(array(bytes)?)),
            Kind::PositiveVarint => {
                let VarInt::Value(number, behind) = VarInt::read(bytes) else { return None };
                *bytes = behind;
                Self::PositiveVarint(number)
            }
            Kind::Text => Self::Text(text(bytes)?),
            Kind::Topic => Self::Topic(text(bytes)?),
            Kind::Binary => Self::Binary(prefixed(bytes)?),
            Kind::Pair => Self::Pair(text(bytes)?, text(bytes)?),
        })
    }

    /// A number, if it is one.
    pub(super) fn number(self) -> Option<u32> {
        Some(match self {
            Self::Flag(flag) => u32::from(flag),
            Self::MaximumQos(qos) => u32::from(qos.number()),
            Self::Short(number) | Self::PositiveShort(number) => u32::from(number),
            Self::Long(number) | Self::PositiveLong(number) | Self::PositiveVarint(number) => number,
            _ => return None,
        })
    }

    /// Checks a value of the caller's; gives the number of bytes that it takes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn check(self, cx: Context, field: Field) -> Check {
        let right = match self {
            Self::Flag(_) => return Ok(1),
            Self::Short(_) => return Ok(2),
            Self::Long(_) => return Ok(4),
            Self::Text(text) => return check_text(cx, field, text),
            Self::Topic(topic) => return check_str(cx, field, topic, check_topic(topic)),
            Self::Binary(bytes) => return check_binary(cx, field, bytes),
            Self::Pair(name, value) => {
                return Ok(check_text(cx, field, name)? + check_text(cx, field, value)?);
            }
            Self::MaximumQos(qos) if qos != Qos::ExactlyOnce => Some(1),
            Self::PositiveShort(1..) => Some(2),
            Self::PositiveLong(1..) => Some(4),
            Self::PositiveVarint(number) if self.fits() && number >= 1 => Some(varint_len(number as usize)),
            _ => None,
        };
        right.ok_or_else(|| invalid(cx, ErrorKind::PropertyValue, field))
    }

    /// Whether it has a form in bytes, be it right or wrong: no text is too long, and no number for a variable byte
    /// integer.
    pub(super) fn fits(self) -> bool {
        let fits = |len: usize| len <= usize::from(u16::MAX);
        match self {
            Self::PositiveVarint(number) => number as usize <= VARINT_MAX,
            Self::Text(text) | Self::Topic(text) => fits(text.len()),
            Self::Binary(bytes) => fits(bytes.len()),
            Self::Pair(name, value) => fits(name.len()) && fits(value.len()),
            _ => true,
        }
    }

    /// Writes it behind its identifier.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn write<S: Sink + ?Sized>(self, id: PropertyId, out: &mut Writer<'_, S>) {
        let id = id.number();
        let mut prefixed = |bytes: &[u8]| {
            let [high, low] = (bytes.len() as u16).to_be_bytes();
            out.bytes(&[id, high, low]);
            out.bytes(bytes);
        };
        match self {
            Self::Flag(flag) => out.bytes(&[id, u8::from(flag)]),
            Self::MaximumQos(qos) => out.bytes(&[id, qos.number()]),
            Self::Short(number) | Self::PositiveShort(number) => {
                let [high, low] = number.to_be_bytes();
                out.bytes(&[id, high, low]);
            }
            Self::Long(number) | Self::PositiveLong(number) => {
                let [a, b, c, d] = number.to_be_bytes();
                out.bytes(&[id, a, b, c, d]);
            }
            Self::PositiveVarint(number) => {
                out.u8(id);
                out.varint(number as usize);
            }
            Self::Text(text) | Self::Topic(text) => prefixed(text.as_bytes()),
            Self::Binary(bytes) => prefixed(bytes),
            Self::Pair(name, value) => {
                prefixed(name.as_bytes());
                out.str(value);
            }
        }
    }
}

#[inline(always)]
fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, behind) = bytes.split_first_chunk()?;
    *bytes = behind;
    Some(*array)
}

/// What is behind two length bytes, and what is behind that.
#[cfg_attr(not(feature = "small"), inline(always))]
fn split_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg_attr(not(feature = "small"), inline(always))]
fn prefixed<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (taken, behind) = split_prefixed(bytes)?;
    *bytes = behind;
    Some(taken)
}

#[cfg_attr(not(feature = "small"), inline(always))]
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    utf8(prefixed(bytes)?).ok()
}
