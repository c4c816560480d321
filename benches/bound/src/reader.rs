//! Cuts packets, and reads fields.

use core::num::NonZeroU16;

use crate::packet::{List, Properties, Source};
use crate::property::check_received;
use crate::table::{self, Place};
use crate::{Checked, Invalid, Sender, Version};

/// One packet, cut by its fixed header.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub(crate) first: u8,
    pub(crate) body: &'a [u8],
}

/// Cuts the first packet off `input`: gives it and what is behind it, nothing if it is not complete.
#[inline(always)]
pub fn split<'a>(
    version: Version,
    input: &'a [u8],
    max_size: usize,
) -> Checked<Option<(Frame<'a>, &'a [u8])>> {
    let (first, len, rest) = match *input {
        [first, len @ ..0x80, ref rest @ ..] => (first, usize::from(len), rest),
        _ => match split_long(version, input)? {
            Some(long) => long,
            None => return Ok(None),
        },
    };
    if len + (input.len() - rest.len()) > max_size {
        return Err(Invalid);
    }
    Ok(rest.split_at_checked(len).map(|(body, rest)| (Frame { first, body }, rest)))
}

#[inline(always)]
fn split_long(version: Version, input: &[u8]) -> Checked<Option<(u8, usize, &[u8])>> {
    let Some((&first, mut rest)) = input.split_first() else { return Ok(None) };
    if first < 0x10 {
        return Err(Invalid);
    }
    let mut len = 0;
    for shift in [0, 7, 14, 21] {
        let Some((&byte, behind)) = rest.split_first() else { return Ok(None) };
        len |= usize::from(byte & 0x7F) << shift;
        rest = behind;
        if byte < 0x80 {
            let shortest = byte != 0 || shift == 0 || version == Version::V3_1_1;
            return if shortest { Ok(Some((first, len, rest))) } else { Err(Invalid) };
        }
    }
    Err(Invalid)
}

impl Frame<'_> {
    /// The scope and the packet identifier of PUBACK, PUBREC, PUBREL or PUBCOMP in its shortest form, which says
    /// "success".
    #[inline(always)]
    pub(crate) fn short_ack(&self, version: Version, sender: Sender) -> Option<(u16, NonZeroU16)> {
        let place = Place::new(version, sender, u16::from(self.first >> 4));
        let &[high, low] = self.body else { return None };
        let id = NonZeroU16::new(u16::from_be_bytes([high, low]))?;
        let is_ack = matches!(place.scope(), table::PUBACK..=table::PUBCOMP);
        (is_ack && place.may_begin_with(self.first)).then_some((place.scope(), id))
    }
}

/// Reads fields from the front.
pub struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Checked<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Invalid)?;
        self.0 = rest;
        Ok(*array)
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Checked<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Invalid)?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Checked<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Checked<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Checked<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// In its shortest form.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Checked<u32> {
        let byte = self.u8()?;
        if byte < 0x80 { Ok(u32::from(byte)) } else { self.long_varint(byte) }
    }

    #[inline(always)]
    fn long_varint(&mut self, first: u8) -> Checked<u32> {
        let mut value = u32::from(first & 0x7F);
        for shift in [7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return if byte == 0 { Err(Invalid) } else { Ok(value) };
            }
        }
        Err(Invalid)
    }

    #[inline(always)]
    pub(crate) fn binary(&mut self) -> Checked<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    #[inline(always)]
    pub(crate) fn str(&mut self, check: impl FnOnce(&[u8]) -> Checked<()>) -> Checked<&'a str> {
        let bytes = self.binary()?;
        check(bytes)?;
        core::str::from_utf8(bytes).map_err(|_| Invalid)
    }

    pub(crate) fn utf8(&mut self) -> Checked<&'a str> {
        core::str::from_utf8(self.binary()?).map_err(|_| Invalid)
    }

    #[inline(always)]
    pub(crate) fn packet_id(&mut self) -> Checked<NonZeroU16> {
        NonZeroU16::new(self.u16()?).ok_or(Invalid)
    }

    /// Properties, and which are there of those that don't repeat.
    #[inline(always)]
    pub(crate) fn section(&mut self, place: Place) -> Checked<(Properties<'a>, u64)> {
        if !place.is_5() {
            return Ok((List::EMPTY, 0));
        }
        if let (true, [0, rest @ ..]) = (place.scope() != table::AUTH, self.0) {
            self.0 = rest;
            return Ok((List::EMPTY, 0));
        }
        let len = self.varint()?;
        let bytes = self.take(len as usize)?;
        let taken = check_received(bytes, place)?;
        Ok((List(Source::Received(bytes, place)), taken))
    }

    #[inline(always)]
    pub(crate) fn properties(&mut self, place: Place) -> Checked<Properties<'a>> {
        Ok(self.section(place)?.0)
    }

    /// What is left: elements, at least one.
    #[inline(always)]
    pub(crate) fn list<T>(
        self,
        place: Place,
        check: impl FnOnce(Self) -> Checked<()>,
    ) -> Checked<List<'a, T>> {
        let bytes = self.0;
        if bytes.is_empty() {
            return Err(Invalid);
        }
        check(self)?;
        Ok(List(Source::Received(bytes, place)))
    }

    #[inline(always)]
    pub(crate) fn finish(self) -> Checked<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Invalid) }
    }
}
