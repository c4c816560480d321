//! Writes fields.

use crate::packet::{Properties, Source};
use crate::property::{Property, Value};
use crate::table::Place;
use crate::text::{check_text, check_topic, is_plain_text, is_plain_topic};
use crate::{Checked, Invalid, Refused};

pub(crate) const VARINT_MAX: u32 = 0x0FFF_FFFF;

#[inline(always)]
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

#[inline(always)]
pub(crate) fn binary_len(bytes: &[u8]) -> Checked<usize> {
    if bytes.len() <= 65_535 { Ok(2 + bytes.len()) } else { Err(Invalid) }
}

#[inline(always)]
pub(crate) fn text_len(text: &str) -> Checked<usize> {
    check_text(text.as_bytes())?;
    binary_len(text.as_bytes())
}

#[inline(always)]
pub(crate) fn topic_len(topic: &str) -> Checked<usize> {
    check_topic(topic.as_bytes())?;
    binary_len(topic.as_bytes())
}

/// The same, if the text is right without any doubt.
#[inline(always)]
pub(crate) fn plain_text_len(text: &str) -> Option<usize> {
    if is_plain_text(text.as_bytes()) { binary_len(text.as_bytes()).ok() } else { None }
}

#[inline(always)]
pub(crate) fn plain_topic_len(topic: &str) -> Option<usize> {
    if is_plain_topic(topic.as_bytes()) { binary_len(topic.as_bytes()).ok() } else { None }
}

/// Writes fields to room that was found to be enough; if it were not, they would be left out.
pub(crate) struct Writer<'o>(&'o mut [u8]);

impl<'o> Writer<'o> {
    /// Cuts the room for a packet off `out`, and writes the fixed header and the two bytes that nearly every body begins
    /// with. Gives the number of bytes of the packet, too.
    #[inline(always)]
    pub(crate) fn start(
        first: u8,
        body: usize,
        [a, b]: [u8; 2],
        out: &'o mut [u8],
    ) -> Result<(Self, usize), Refused> {
        let (mut writer, len) = Self::cut(body, out)?;
        match body {
            0..=0x7F => writer.array([first, body as u8, a, b]),
            0x80..=0x3FFF => writer.array([first, body as u8 | 0x80, (body >> 7) as u8, a, b]),
            _ => {
                writer.u8(first);
                writer.long_varint(body);
                writer.array([a, b]);
            }
        }
        Ok((writer, len))
    }

    /// The same of a packet whose body may be empty.
    #[inline(always)]
    pub(crate) fn start_bare(first: u8, body: usize, out: &'o mut [u8]) -> Result<(Self, usize), Refused> {
        let (mut writer, len) = Self::cut(body, out)?;
        writer.u8(first);
        writer.varint(body);
        Ok((writer, len))
    }

    #[inline(always)]
    fn cut(body: usize, out: &'o mut [u8]) -> Result<(Self, usize), Refused> {
        if body > VARINT_MAX as usize {
            return Err(Refused::Invalid);
        }
        let len = 1 + varint_len(body) + body;
        Ok((Self(out.get_mut(..len).ok_or(Refused::NoRoom)?), len))
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((to, rest)) = core::mem::take(&mut self.0).split_first_chunk_mut() {
            *to = bytes;
            self.0 = rest;
        }
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.parts([], [], bytes);
    }

    /// Writes three parts to room that is split off once.
    #[inline(always)]
    fn parts<const A: usize, const B: usize>(&mut self, a: [u8; A], b: [u8; B], c: &[u8]) {
        let len = A + B + c.len();
        let Some((room, rest)) = core::mem::take(&mut self.0).split_at_mut_checked(len) else { return };
        self.0 = rest;
        let Some((to_a, room)) = room.split_first_chunk_mut() else { return };
        let Some((to_b, to_c)) = room.split_first_chunk_mut() else { return };
        (*to_a, *to_b) = (a, b);
        copy(c, to_c);
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) {
        self.array([value]);
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, value: u16) {
        self.array(value.to_be_bytes());
    }

    /// Of at most 65,535 bytes.
    #[inline(always)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.parts([], (bytes.len() as u16).to_be_bytes(), bytes);
    }

    /// The same behind a byte.
    #[inline(always)]
    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.parts([tag], (bytes.len() as u16).to_be_bytes(), bytes);
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self, value: usize) {
        if value < 0x80 { self.u8(value as u8) } else { self.long_varint(value) }
    }

    #[inline(always)]
    fn long_varint(&mut self, value: usize) {
        let byte = |shift| (value >> shift) as u8 | 0x80;
        let (a, b, c, d) = (byte(0), byte(7), byte(14), byte(21));
        match varint_len(value) {
            2 => self.array([a, b & 0x7F]),
            3 => self.array([a, b, c & 0x7F]),
            _ => self.array([a, b, c, d & 0x7F]),
        }
    }

    /// Properties, which take so many bytes.
    #[inline(always)]
    pub(crate) fn section(&mut self, place: Place, len: usize, properties: Properties<'_>) {
        if !place.is_5() {
            return;
        }
        if len == 0 {
            return self.u8(0);
        }
        self.varint(len);
        match properties.0 {
            Source::Received(bytes, _) => self.bytes(bytes),
            Source::Given(list) => self.0 = write_given(list, core::mem::take(&mut self.0)),
        }
    }
}

/// Copies to a slice of the same length. Short copies that overlap are shorter than a call.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    let copied = if from.len() >= 16 {
        from.len() <= 32 && copy_ends::<16>(from, to) || from.len() <= 64 && copy_ends::<32>(from, to)
    } else {
        copy_ends::<8>(from, to)
            || copy_ends::<4>(from, to)
            || copy_ends::<2>(from, to)
            || copy_ends::<1>(from, to)
    };
    if !copied {
        to.copy_from_slice(from);
    }
}

/// Copies the first and the last bytes, if there are as many.
#[inline(always)]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    to.first_chunk_mut().into_iter().for_each(|to| *to = *first);
    to.last_chunk_mut().into_iter().for_each(|to| *to = *last);
    true
}

/// Writes properties, and gives the room behind them: a writer that is handed to a function would stay in memory.
#[inline(never)]
fn write_given<'o>(list: &[Property<'_>], room: &'o mut [u8]) -> &'o mut [u8] {
    let mut out = Writer(room);
    for property in list {
        let id = property.id;
        match property.value {
            Value::Flag(flag) => out.parts([id], [u8::from(flag)], &[]),
            Value::Short(n) => out.parts([id], n.to_be_bytes(), &[]),
            Value::Long(n) => out.parts([id], n.to_be_bytes(), &[]),
            Value::Varint(n) => {
                out.u8(id);
                out.varint(n as usize);
            }
            Value::Text(text) | Value::Topic(text) => out.tagged(id, text.as_bytes()),
            Value::Binary(bytes) => out.tagged(id, bytes),
            Value::Pair(name, value) => {
                out.tagged(id, name.as_bytes());
                out.binary(value.as_bytes());
            }
        }
    }
    out.0
}

/// The number of bytes of a section with so many bytes of properties.
#[inline(always)]
pub(crate) fn section_len(place: Place, len: usize) -> usize {
    if place.is_5() { varint_len(len) + len } else { 0 }
}
