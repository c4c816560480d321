//! Properties: sections of them that come, and lists to send.

use crate::packet::{Element, Properties, Source};
use crate::reader::Reader;
use crate::table::{
    AUTH, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, Kind, Place, TOPIC_ALIAS, kind, repeatable,
};
use crate::text::{check_text, check_topic};
use crate::writer::{
    VARINT_MAX, binary_len, plain_text_len, plain_topic_len, text_len, topic_len, varint_len,
};
use crate::{Checked, Invalid};

/// An identifier with a value of the type that goes with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Property<'a> {
    pub(crate) id: u8,
    pub(crate) value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Flag(bool),
    Short(u16),
    Long(u32),
    /// A variable byte integer.
    Varint(u32),
    Text(&'a str),
    Topic(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

impl<'a> Property<'a> {
    /// `None` if this is not the type of the property, or there is none.
    pub const fn new(id: u8, value: Value<'a>) -> Option<Self> {
        match (kind(id), value) {
            (Kind::Flag, Value::Flag(_))
            | (Kind::Short | Kind::PositiveShort, Value::Short(_))
            | (Kind::Long | Kind::PositiveLong, Value::Long(_))
            | (Kind::PositiveVarint, Value::Varint(_))
            | (Kind::Text, Value::Text(_))
            | (Kind::Topic, Value::Topic(_))
            | (Kind::Binary, Value::Binary(_))
            | (Kind::Pair, Value::Pair(..)) => Some(Self { id, value }),
            _ => None,
        }
    }
}

impl<'a> Element<'a> for Property<'a> {
    fn read(reader: &mut Reader<'a>) -> Checked<Self> {
        let id = reader.u8()?;
        let value = match kind(id) {
            Kind::Flag => Value::Flag(reader.u8()? != 0),
            Kind::Short | Kind::PositiveShort => Value::Short(reader.u16()?),
            Kind::Long | Kind::PositiveLong => Value::Long(reader.u32()?),
            Kind::PositiveVarint => Value::Varint(reader.varint()?),
            Kind::Text => Value::Text(reader.utf8()?),
            Kind::Topic => Value::Topic(reader.utf8()?),
            Kind::Binary => Value::Binary(reader.binary()?),
            Kind::Pair => Value::Pair(reader.utf8()?, reader.utf8()?),
            Kind::Unknown => return Err(Invalid),
        };
        Ok(Self { id, value })
    }
}

/// Which properties may still come: what is taken and not repeatable is not there any more.
struct Open(u64);

impl Open {
    /// Takes a property whose kind is known.
    #[inline(always)]
    fn take(&mut self, id: u8, repeatable: u64) -> Checked<()> {
        let property = 1_u64.wrapping_shl(id.into());
        if self.0 & property == 0 {
            return Err(Invalid);
        }
        self.0 = self.0 & !property | repeatable;
        Ok(())
    }

    /// Whether a property that does not repeat was taken.
    #[inline(always)]
    fn has_taken(&self, place: Place, id: u8) -> bool {
        (place.properties() ^ self.0) >> id & 1 != 0
    }

    #[inline(always)]
    fn finish(&self, place: Place) -> Checked<()> {
        let needs_method = place.scope() == AUTH || self.has_taken(place, AUTHENTICATION_DATA);
        if needs_method && !self.has_taken(place, AUTHENTICATION_METHOD) { Err(Invalid) } else { Ok(()) }
    }
}

/// Checks a section that came. Gives the set of those properties in it that don't repeat.
#[inline(never)]
pub(crate) fn check_received(section: &[u8], place: Place) -> Checked<u64> {
    let mut open = Open(place.properties());
    let repeatable = repeatable(place.scope()) & place.properties();
    let mut reader = Reader(section);
    while let Some((&id, rest)) = reader.0.split_first() {
        reader.0 = rest;
        open.take(id, repeatable)?;
        let ok = match kind(id) {
            Kind::Flag => reader.u8()? <= 1,
            Kind::Short => reader.u16().is_ok(),
            Kind::PositiveShort => reader.u16()? != 0,
            Kind::Long => reader.u32().is_ok(),
            Kind::PositiveLong => reader.u32()? != 0,
            Kind::PositiveVarint => reader.varint()? != 0,
            Kind::Text => check_text(reader.binary()?).is_ok(),
            Kind::Topic => check_topic(reader.binary()?).is_ok(),
            Kind::Binary => reader.binary().is_ok(),
            Kind::Pair => check_text(reader.binary()?).is_ok() && check_text(reader.binary()?).is_ok(),
            Kind::Unknown => false,
        };
        if !ok {
            return Err(Invalid);
        }
    }
    open.finish(place)?;
    Ok(place.properties() ^ open.0)
}

impl<'a> Properties<'a> {
    /// Whether a Topic Alias is among properties that were checked.
    #[cold]
    pub(crate) fn has_topic_alias(&self) -> bool {
        match self.0 {
            Source::Received(bytes, place) => {
                check_received(bytes, place).is_ok_and(|taken| taken >> TOPIC_ALIAS & 1 != 0)
            }
            Source::Given(list) => list.iter().any(|property| property.id == TOPIC_ALIAS),
        }
    }

    /// Checks the list for this place; gives the property length.
    #[inline(always)]
    pub(crate) fn check(&self, place: Place) -> Checked<usize> {
        match self.0 {
            Source::Received(bytes, from) if place.takes(from) => Ok(bytes.len()),
            _ if self.is_empty() && place.scope() != AUTH => Ok(0),
            Source::Given(list) if place.is_5() => check_given(list, place),
            _ => Err(Invalid),
        }
    }
}

/// Checks the list of a 5.0 packet for this place; gives the property length.
#[inline(never)]
fn check_given(list: &[Property<'_>], place: Place) -> Checked<usize> {
    if let Some(len) = plain_len(list, place) { Ok(len) } else { check_odd(list, place) }
}

/// The property length, if a quick look finds no doubt that the list is right.
#[inline(always)]
fn plain_len(list: &[Property<'_>], place: Place) -> Option<usize> {
    if place.scope() == AUTH {
        return None;
    }
    let (mut len, mut seen, mut twice) = (0, 0_u64, 0);
    for property in list {
        let id = property.id;
        let bit = 1_u64.wrapping_shl(id.into());
        twice |= seen & bit;
        seen |= bit;
        len += match property.value {
            Value::Flag(_) => 2,
            Value::Short(0) | Value::Long(0) if is_positive(id) => return None,
            Value::Short(_) => 3,
            Value::Long(_) => 5,
            Value::Varint(number @ 1..=VARINT_MAX) => 1 + varint_len(number as usize),
            Value::Varint(_) => return None,
            Value::Text(text) => 1 + plain_text_len(text)?,
            Value::Topic(topic) => 1 + plain_topic_len(topic)?,
            Value::Binary(bytes) => 1 + binary_len(bytes).ok()?,
            Value::Pair(name, value) => 1 + plain_text_len(name)? + plain_text_len(value)?,
        };
    }
    // Authentication Data needs a method.
    let sure = seen & !place.properties() == 0
        && twice & !repeatable(place.scope()) == 0
        && seen >> AUTHENTICATION_DATA & 1 == 0;
    sure.then_some(len)
}

/// The property length, after a close look.
#[cold]
#[inline(never)]
fn check_odd(list: &[Property<'_>], place: Place) -> Checked<usize> {
    let mut open = Open(place.properties());
    let repeatable = repeatable(place.scope()) & place.properties();
    let mut len = 0;
    for &Property { id, value } in list {
        open.take(id, repeatable)?;
        len += 1 + match value {
            Value::Flag(_) => 1,
            Value::Short(0) | Value::Long(0) if is_positive(id) => return Err(Invalid),
            Value::Short(_) => 2,
            Value::Long(_) => 4,
            Value::Varint(number @ 1..=VARINT_MAX) => varint_len(number as usize),
            Value::Varint(_) => return Err(Invalid),
            Value::Text(text) => text_len(text)?,
            Value::Topic(topic) => topic_len(topic)?,
            Value::Binary(bytes) => binary_len(bytes)?,
            Value::Pair(name, value) => text_len(name)? + text_len(value)?,
        };
    }
    open.finish(place)?;
    Ok(len)
}

/// Whether a number must not be 0.
#[inline(always)]
fn is_positive(id: u8) -> bool {
    matches!(kind(id), Kind::PositiveShort | Kind::PositiveLong)
}
