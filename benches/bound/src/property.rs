//! Properties: sections of them that come, and lists to send.

use crate::packet::{Element, Properties, Source};
use crate::reader::Reader;
use crate::table::{
    AUTH, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, Kind, Numbers, Place, TOPIC_ALIAS, kind, numbers,
    repeatable,
};
use crate::text::{check_text, check_topic};
use crate::writer::{
    VARINT_MAX, binary_len, plain_text_len, plain_topic_len, text_len, topic_len, varint_len,
};
use crate::{Checked, Invalid};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Property<'a> {
    pub id: u8,
    pub value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Number(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

impl<'a> Element<'a> for Property<'a> {
    fn read(reader: &mut Reader<'a>) -> Checked<Self> {
        let id = reader.u8()?;
        let value = match kind(id) {
            Kind::Flag => Value::Number(u32::from(reader.u8()?)),
            Kind::Short | Kind::PositiveShort => Value::Number(u32::from(reader.u16()?)),
            Kind::Long | Kind::PositiveLong => Value::Number(reader.u32()?),
            Kind::PositiveVarint => Value::Number(reader.varint()?),
            Kind::Text | Kind::Topic => Value::Text(reader.utf8()?),
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
            Value::Number(number) => number_len(id, number)?,
            Value::Text(text) if kind(id) == Kind::Text => 1 + plain_text_len(text)?,
            Value::Text(topic) if kind(id) == Kind::Topic => 1 + plain_topic_len(topic)?,
            Value::Binary(bytes) if kind(id) == Kind::Binary => 1 + binary_len(bytes).ok()?,
            Value::Pair(name, value) if kind(id) == Kind::Pair => {
                1 + plain_text_len(name)? + plain_text_len(value)?
            }
            _ => return None,
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
        len += 1 + match (kind(id), value) {
            (Kind::PositiveVarint, Value::Number(n @ 1..=VARINT_MAX)) => varint_len(n as usize),
            (_, Value::Number(n)) => number_len(id, n).ok_or(Invalid)? - 1,
            (Kind::Text, Value::Text(text)) => text_len(text)?,
            (Kind::Topic, Value::Text(topic)) => topic_len(topic)?,
            (Kind::Binary, Value::Binary(bytes)) => binary_len(bytes)?,
            (Kind::Pair, Value::Pair(name, value)) => text_len(name)? + text_len(value)?,
            _ => return Err(Invalid),
        };
    }
    open.finish(place)?;
    Ok(len)
}

/// The number of bytes that a number takes with its identifier, if it is right; unknown of long variable byte integers.
#[inline(always)]
fn number_len(id: u8, number: u32) -> Option<usize> {
    let Numbers { least, count, len } = numbers(id);
    (u64::from(number.wrapping_sub(least)) < count).then_some(len as usize)
}
