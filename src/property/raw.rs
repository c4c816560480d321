//! The values of properties as they stand on the wire.

use crate::error::{ErrorKind, Field};
use crate::spec::{Kind, PropertyId, Qos, Row, Scope, Version};
use crate::wire::{
    Check, Context, Decoded, Mode, Plain, Reader, Sink, VARINT_MAX, VarInt, Writer, array, check_binary,
    check_str, check_text, check_topic, invalid, prefixed, text, varint_len,
};
#[cfg(not(feature = "small"))]
use crate::wire::{plain_text_len, plain_topic_len, split_prefixed};

/// A value without its identifier.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    Number(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

/// The type of a value.
pub(super) trait Typed<'a>: Sized {
    fn raw(self) -> Raw<'a>;

    /// `None` for a value of another type.
    fn of(raw: Raw<'a>) -> Option<Self>;
}

macro_rules! typed {
    ($($value:ty, $self:ident => $raw:expr, $variant:ident($inner:ident) => $of:expr;)+) => {
        $(impl<'a> Typed<'a> for $value {
            fn raw($self) -> Raw<'a> {
                $raw
            }

            fn of(raw: Raw<'a>) -> Option<Self> {
                if let Raw::$variant($inner) = raw { $of } else { None }
            }
        })+
    };
}

typed! {
    bool, self => Raw::Number(self.into()), Number(number) => Some(number != 0);
    Qos, self => Raw::Number(self.number().into()), Number(number) => Qos::from_number(number as u8);
    u16, self => Raw::Number(self.into()), Number(number) => Some(number as u16);
    u32, self => Raw::Number(self), Number(number) => Some(number);
    &'a str, self => Raw::Text(self), Text(text) => Some(text);
    &'a [u8], self => Raw::Binary(self), Binary(bytes) => Some(bytes);
}

/// Reads an identifier.
#[inline]
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

    /// Whether a number is in range.
    fn allows(self, number: u32) -> bool {
        match self {
            Self::Flag | Self::MaximumQos => number <= 1,
            Self::PositiveShort | Self::PositiveLong => number >= 1,
            Self::PositiveVarint => number >= 1 && self.fits(number),
            _ => true,
        }
    }

    /// Whether a number has a form in bytes, be it right or wrong.
    fn fits(self, number: u32) -> bool {
        self != Self::PositiveVarint || number as usize <= VARINT_MAX
    }

    /// The number of bytes that a number takes.
    fn len(self, number: u32) -> usize {
        match self {
            Self::Short | Self::PositiveShort => 2,
            Self::Long | Self::PositiveLong => 4,
            Self::PositiveVarint => varint_len(number as usize),
            _ => 1,
        }
    }

    /// What is behind a value at the front of bytes that were validated.
    #[cfg(not(feature = "small"))]
    #[inline]
    pub(super) fn skip(self, bytes: &[u8]) -> Option<&[u8]> {
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
        let positive = |number: u32| (number, number > 0);
        let (number, right) = match kind {
            Kind::Flag | Kind::MaximumQos => {
                let byte = section.u8(field)?;
                (byte.into(), byte <= 1)
            }
            Kind::Short => (section.u16(field)?.into(), true),
            Kind::PositiveShort => positive(section.u16(field)?.into()),
            Kind::Long => (section.u32(field)?, true),
            Kind::PositiveLong => positive(section.u32(field)?),
            Kind::PositiveVarint => positive(section.varint(field)?),
            Kind::Text => return section.str(field).map(Self::Text),
            Kind::Topic => return section.topic(field).map(Self::Text),
            Kind::Binary => return section.binary(field).map(Self::Binary),
            Kind::Pair => return section.pair(field).map(|(name, value)| Self::Pair(name, value)),
        };
        section.require(M::TRUSTED || right, ErrorKind::PropertyValue, field, start, number as u8)?;
        Ok(Self::Number(number))
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
            Kind::Flag | Kind::MaximumQos => {
                let [number] = array(bytes)?;
                Self::Number(number.into())
            }
            Kind::Short | Kind::PositiveShort => Self::Number(u16::from_be_bytes(array(bytes)?).into()),
            Kind::Long | Kind::PositiveLong => Self::Number(u32::from_be_bytes(array(bytes)?)),
            Kind::PositiveVarint => {
                let VarInt::Value(number, behind) = VarInt::read(bytes) else { return None };
                *bytes = behind;
                Self::Number(number)
            }
            Kind::Text | Kind::Topic => Self::Text(text(bytes)?),
            Kind::Binary => Self::Binary(prefixed(bytes)?),
            Kind::Pair => Self::Pair(text(bytes)?, text(bytes)?),
        })
    }

    /// Checks a value of the caller's; gives the number of bytes that it takes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn check(self, kind: Kind, cx: Context, field: Field) -> Check {
        match self {
            Self::Number(number) if kind.allows(number) => Ok(kind.len(number)),
            Self::Number(_) => Err(invalid(cx, ErrorKind::PropertyValue, field)),
            Self::Text(topic) if kind == Kind::Topic => check_str(cx, field, topic, check_topic(topic)),
            Self::Text(text) => check_text(cx, field, text),
            Self::Binary(bytes) => check_binary(cx, field, bytes),
            Self::Pair(name, value) => Ok(check_text(cx, field, name)? + check_text(cx, field, value)?),
        }
    }

    /// The number of bytes that it takes, if it is obviously right.
    #[cfg(not(feature = "small"))]
    #[inline(always)]
    pub(super) fn plain_len(self, kind: Kind) -> Option<usize> {
        match self {
            Self::Number(number) => kind.allows(number).then(|| kind.len(number)),
            Self::Text(topic) if kind == Kind::Topic => plain_topic_len(topic),
            Self::Text(text) => plain_text_len(text),
            Self::Binary(bytes) => self.fits(kind).then_some(2 + bytes.len()),
            Self::Pair(name, value) => Some(plain_text_len(name)? + plain_text_len(value)?),
        }
    }

    /// Whether it has a form in bytes, be it right or wrong: no text is too long, and no number for a variable byte
    /// integer.
    pub(super) fn fits(self, kind: Kind) -> bool {
        let fits = |len: usize| len <= usize::from(u16::MAX);
        match self {
            Self::Number(number) => kind.fits(number),
            Self::Text(text) => fits(text.len()),
            Self::Binary(bytes) => fits(bytes.len()),
            Self::Pair(name, value) => fits(name.len()) && fits(value.len()),
        }
    }

    /// Writes it behind its identifier.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn write<S: Sink + ?Sized>(self, id: PropertyId, kind: Kind, out: &mut Writer<'_, S>) {
        let id = id.number();
        match self {
            Self::Number(number) => {
                let [a, b, c, d] = number.to_be_bytes();
                match kind {
                    Kind::Short | Kind::PositiveShort => out.tagged(id, [c, d]),
                    Kind::Long | Kind::PositiveLong => out.tagged(id, [a, b, c, d]),
                    Kind::PositiveVarint => {
                        out.u8(id);
                        out.varint(number as usize);
                    }
                    _ => out.tagged(id, [d]),
                }
            }
            Self::Text(text) => out.tagged_binary(id, text.as_bytes()),
            Self::Binary(bytes) => out.tagged_binary(id, bytes),
            Self::Pair(name, value) => {
                out.tagged_binary(id, name.as_bytes());
                out.str(value);
            }
        }
    }
}
