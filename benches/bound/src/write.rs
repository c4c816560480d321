//! Writes packets.

use crate::packet::{
    Ack, Connack, Connect, List, Outcome, Packet, Properties, Publish, Source, Suback, Subscribe,
    Subscription, Unsubscribe,
};
use crate::property::write_given;
use crate::read::check_options;
use crate::table::{self, Place};
use crate::text::{check_filter, check_text, check_topic};
use crate::{Checked, Invalid, Refused, Sender, Version};

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

pub(crate) type Written = Result<(), Refused>;

/// Writes fields to the front of the room. What was written before there was no more is garbage.
pub(crate) struct Writer<'o>(&'o mut [u8]);

impl<'o> Writer<'o> {
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Written {
        let (to, rest) = core::mem::take(&mut self.0).split_first_chunk_mut().ok_or(Refused::NoRoom)?;
        *to = bytes;
        self.0 = rest;
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Written {
        let room = core::mem::take(&mut self.0);
        let (to, rest) = room.split_at_mut_checked(bytes.len()).ok_or(Refused::NoRoom)?;
        to.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) -> Written {
        self.array([value])
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, value: u16) -> Written {
        self.array(value.to_be_bytes())
    }

    /// Of at most 65,535 bytes.
    #[inline(always)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) -> Written {
        self.u16(bytes.len() as u16)?;
        self.bytes(bytes)
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self, value: usize) -> Written {
        if value < 0x80 { self.u8(value as u8) } else { self.long_varint(value) }
    }

    #[inline(never)]
    fn long_varint(&mut self, mut value: usize) -> Written {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80)?;
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// The fixed header, and the two bytes that nearly every body begins with.
    #[inline(always)]
    fn start(&mut self, first: u8, body: usize, [a, b]: [u8; 2]) -> Written {
        match body {
            0..=0x7F => self.array([first, body as u8, a, b]),
            0x80..=0x3FFF => self.array([first, body as u8 | 0x80, (body >> 7) as u8, a, b]),
            0x4000..=0x0FFF_FFFF => {
                self.u8(first)?;
                self.long_varint(body)?;
                self.array([a, b])
            }
            _ => Err(Refused::Invalid),
        }
    }

    /// Properties, which take so many bytes.
    #[inline(always)]
    fn section(&mut self, place: Place, len: usize, properties: Properties<'_>) -> Written {
        if !place.is_5() {
            return Ok(());
        }
        if len == 0 {
            return self.u8(0);
        }
        self.varint(len)?;
        match properties.0 {
            Source::Received(bytes, _) => self.bytes(bytes),
            Source::Given(list) => write_given(list, self),
        }
    }
}

/// The number of bytes of a section with so many bytes of properties.
#[inline(always)]
fn section_len(place: Place, len: usize) -> usize {
    if place.is_5() { varint_len(len) + len } else { 0 }
}

impl Packet<'_> {
    /// Writes the packet to the front of `out`; gives the number of bytes.
    ///
    /// # Errors
    ///
    /// It breaks a rule, or there is no room for it.
    #[inline(always)]
    pub fn encode(&self, version: Version, sender: Sender, out: &mut [u8]) -> Result<usize, Refused> {
        let mut rest = &mut *out;
        write_ahead(&mut rest, usize::MAX, |out| self.write(version, sender, out))
    }

    #[inline(always)]
    pub(crate) fn write(&self, version: Version, sender: Sender, out: &mut Writer<'_>) -> Written {
        let place = |scope| Place::new(version, sender, scope);
        match self {
            Self::Publish(packet) => packet.write(place(table::PUBLISH), out),
            Self::Puback(packet) => packet.write(place(table::PUBACK), 0x40, out),
            Self::Pubrec(packet) => packet.write(place(table::PUBREC), 0x50, out),
            Self::Pubrel(packet) => packet.write(place(table::PUBREL), 0x62, out),
            Self::Pubcomp(packet) => packet.write(place(table::PUBCOMP), 0x70, out),
            Self::Connect(packet) => packet.write(place(table::CONNECT), out),
            Self::Connack(packet) => packet.write(place(table::CONNACK), out),
            Self::Subscribe(packet) => packet.write(place(table::SUBSCRIBE), out),
            Self::Suback(packet) => packet.write(place(table::SUBACK), 0x90, out),
            Self::Unsubscribe(packet) => packet.write(place(table::UNSUBSCRIBE), out),
            Self::Unsuback(packet) => packet.write(place(table::UNSUBACK), 0xB0, out),
            Self::Pingreq => write_bare(place(table::PINGREQ), 0xC0, out),
            Self::Pingresp => write_bare(place(table::PINGRESP), 0xD0, out),
            Self::Disconnect(packet) => packet.write(place(table::DISCONNECT), 0xE0, out),
            Self::Auth(packet) => packet.write(place(table::AUTH), 0xF0, out),
        }
    }
}

/// Cuts what `write` writes off the front of `out` if it is at most `max` bytes; gives their number.
#[inline(always)]
pub(crate) fn write_ahead(
    out: &mut &mut [u8],
    max: usize,
    write: impl FnOnce(&mut Writer<'_>) -> Written,
) -> Result<usize, Refused> {
    let mut writer = Writer(out);
    write(&mut writer)?;
    let left = writer.0.len();
    let len = out.len() - left;
    if len > max {
        return Err(Refused::Invalid);
    }
    *out = core::mem::take(out).get_mut(len..).unwrap_or_default();
    Ok(len)
}

fn write_bare(place: Place, first: u8, out: &mut Writer<'_>) -> Written {
    check_first(place, first)?;
    out.array([first, 0])
}

#[inline(always)]
fn check_first(place: Place, first: u8) -> Written {
    if place.may_begin_with(first) { Ok(()) } else { Err(Refused::Invalid) }
}

#[inline(always)]
fn check_id(id: u16) -> Checked<[u8; 2]> {
    if id == 0 { Err(Invalid) } else { Ok(id.to_be_bytes()) }
}

impl Publish<'_> {
    #[inline(always)]
    pub(crate) fn write(&self, place: Place, out: &mut Writer<'_>) -> Written {
        let Self { flags, packet_id, topic, properties, payload } = *self;
        if flags > 15 || !place.may_begin_with(0x30 | flags) || (flags & 6 == 0) != (packet_id == 0) {
            return Err(Refused::Invalid);
        }
        let property_len = properties.check(place)?;
        let topic_len = if topic.is_empty() && properties.has_topic_alias() { 2 } else { topic_len(topic)? };
        let id_len = if packet_id == 0 { 0 } else { 2 };
        let body = topic_len + id_len + section_len(place, property_len) + payload.len();
        out.start(0x30 | flags, body, (topic.len() as u16).to_be_bytes())?;
        out.bytes(topic.as_bytes())?;
        if packet_id != 0 {
            out.u16(packet_id)?;
        }
        out.section(place, property_len, properties)?;
        out.bytes(payload)
    }
}

impl Ack<'_> {
    #[inline(always)]
    pub(crate) fn write(&self, place: Place, first: u8, out: &mut Writer<'_>) -> Written {
        let id = check_id(self.packet_id)?;
        if self.code == 0 && self.properties.is_empty() {
            return out.array([first, 2, id[0], id[1]]);
        }
        let (len, property_len) = outcome_len(self.code, self.properties, place)?;
        out.start(first, 2 + len, id)?;
        write_outcome(self.code, self.properties, (len, property_len), place, out)
    }
}

/// The number of bytes of code and properties, and of the properties alone.
#[inline(always)]
fn outcome_len(code: u8, properties: Properties<'_>, place: Place) -> Checked<(usize, usize)> {
    if code == 0 && properties.is_empty() && place.scope() != table::AUTH {
        return Ok((0, 0));
    }
    if !place.is_5() || !place.sent().contains(code) {
        return Err(Invalid);
    }
    let len = properties.check(place)?;
    Ok((1 + if len == 0 { 0 } else { section_len(place, len) }, len))
}

#[inline(always)]
fn write_outcome(
    code: u8,
    properties: Properties<'_>,
    (len, property_len): (usize, usize),
    place: Place,
    out: &mut Writer<'_>,
) -> Written {
    if len > 0 {
        out.u8(code)?;
    }
    if property_len > 0 {
        out.section(place, property_len, properties)?;
    }
    Ok(())
}

impl Outcome<'_> {
    #[inline(always)]
    fn write(&self, place: Place, first: u8, out: &mut Writer<'_>) -> Written {
        check_first(place, first)?;
        let (len, property_len) = outcome_len(self.code, self.properties, place)?;
        if len > VARINT_MAX as usize {
            return Err(Refused::Invalid);
        }
        out.u8(first)?;
        out.varint(len)?;
        write_outcome(self.code, self.properties, (len, property_len), place, out)
    }
}

impl Connect<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut Writer<'_>) -> Written {
        let Self { clean_start, keep_alive, properties, client_id, will, user_name, password } = *self;
        check_first(place, 0x10)?;
        if !place.is_5()
            && (client_id.is_empty() && !clean_start || password.is_some() && user_name.is_none())
        {
            return Err(Refused::Invalid);
        }
        let will_place = place.of(table::WILL);
        let property_len = properties.check(place)?;
        let mut will_property_len = 0;
        let mut flags = u8::from(clean_start) << 1;
        let mut body = 10 + section_len(place, property_len) + text_len(client_id)?;
        if let Some(will) = &will {
            if will.qos > 2 {
                return Err(Refused::Invalid);
            }
            flags |= 4 | will.qos << 3 | u8::from(will.retain) << 5;
            will_property_len = will.properties.check(will_place)?;
            body +=
                section_len(place, will_property_len) + topic_len(will.topic)? + binary_len(will.payload)?;
        }
        if let Some(user_name) = user_name {
            flags |= 0x80;
            body += text_len(user_name)?;
        }
        if let Some(password) = password {
            flags |= 0x40;
            body += binary_len(password)?;
        }
        out.start(0x10, body, [0, 4])?;
        let [high, low] = keep_alive.to_be_bytes();
        out.array([b'M', b'Q', b'T', b'T', if place.is_5() { 5 } else { 4 }, flags, high, low])?;
        out.section(place, property_len, properties)?;
        out.binary(client_id.as_bytes())?;
        if let Some(will) = &will {
            out.section(will_place, will_property_len, will.properties)?;
            out.binary(will.topic.as_bytes())?;
            out.binary(will.payload)?;
        }
        if let Some(user_name) = user_name {
            out.binary(user_name.as_bytes())?;
        }
        if let Some(password) = password {
            out.binary(password)?;
        }
        Ok(())
    }
}

impl Connack<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut Writer<'_>) -> Written {
        let Self { session_present, code, properties } = *self;
        check_first(place, 0x20)?;
        if !place.sent().contains(code) || session_present && code != 0 {
            return Err(Refused::Invalid);
        }
        let len = properties.check(place)?;
        out.start(0x20, 2 + section_len(place, len), [u8::from(session_present), code])?;
        out.section(place, len, properties)
    }
}

impl<'a, T> List<'a, T> {
    /// Checks what must not be empty; gives its length.
    #[inline(always)]
    fn check_elements(&self, place: Place, len: impl Fn(&T) -> Checked<usize>) -> Checked<usize> {
        match self.0 {
            _ if self.is_empty() => Err(Invalid),
            Source::Received(bytes, from) if place.takes(from) => Ok(bytes.len()),
            Source::Received(..) => Err(Invalid),
            Source::Given(list) => {
                let mut sum = 0;
                for element in list {
                    sum += len(element)?;
                }
                Ok(sum)
            }
        }
    }

    #[inline(always)]
    fn write_elements(
        &self,
        out: &mut Writer<'_>,
        write: impl Fn(&T, &mut Writer<'_>) -> Written,
    ) -> Written {
        match self.0 {
            Source::Received(bytes, _) => out.bytes(bytes),
            Source::Given(list) => list.iter().try_for_each(|element| write(element, out)),
        }
    }
}

impl Subscribe<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut Writer<'_>) -> Written {
        check_first(place, 0x82)?;
        let id = check_id(self.packet_id)?;
        let len = self.properties.check(place)?;
        let version = place.version();
        let list_len = self.filters.check_elements(place, |&Subscription { filter, options }| {
            check_filter(filter.as_bytes(), version)?;
            check_options(filter.as_bytes(), options, version)?;
            Ok(binary_len(filter.as_bytes())? + 1)
        })?;
        out.start(0x82, 2 + section_len(place, len) + list_len, id)?;
        out.section(place, len, self.properties)?;
        self.filters.write_elements(out, |&Subscription { filter, options }, out| {
            out.binary(filter.as_bytes())?;
            out.u8(options)
        })
    }
}

impl Unsubscribe<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut Writer<'_>) -> Written {
        check_first(place, 0xA2)?;
        let id = check_id(self.packet_id)?;
        let len = self.properties.check(place)?;
        let list_len = self.filters.check_elements(place, |filter| {
            check_filter(filter.as_bytes(), place.version())?;
            binary_len(filter.as_bytes())
        })?;
        out.start(0xA2, 2 + section_len(place, len) + list_len, id)?;
        out.section(place, len, self.properties)?;
        self.filters.write_elements(out, |filter, out| out.binary(filter.as_bytes()))
    }
}

impl Suback<'_> {
    #[inline(always)]
    fn write(&self, place: Place, first: u8, out: &mut Writer<'_>) -> Written {
        check_first(place, first)?;
        let id = check_id(self.packet_id)?;
        let len = self.properties.check(place)?;
        let codes = place.sent();
        let list_len = if !place.is_5() && first == 0xB0 {
            if !self.codes.is_empty() {
                return Err(Refused::Invalid);
            }
            0
        } else {
            let check = |&code: &u8| if codes.contains(code) { Ok(1) } else { Err(Invalid) };
            self.codes.check_elements(place, check)?
        };
        out.start(first, 2 + section_len(place, len) + list_len, id)?;
        out.section(place, len, self.properties)?;
        match self.codes.0 {
            Source::Received(codes, _) | Source::Given(codes) => out.bytes(codes),
        }
    }
}
