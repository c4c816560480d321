//! Reads packets.

use core::num::NonZeroU16;

use crate::packet::{
    Ack, Connack, Connect, Flags, List, Outcome, Packet, Properties, Publish, Source, Suback, Subscribe,
    Unsubscribe, Will,
};
use crate::property::check_received;
use crate::table::{self, Place};
use crate::text::{check_filter, check_text, check_topic, check_topic_or_empty, strip_share};
use crate::{Checked, Invalid, Sender, Version};

/// One packet, cut by its fixed header.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    first: u8,
    body: &'a [u8],
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

/// Reads fields from the front.
pub struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Checked<[u8; N]> {
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
    fn str(&mut self, check: impl FnOnce(&[u8]) -> Checked<()>) -> Checked<&'a str> {
        let bytes = self.binary()?;
        check(bytes)?;
        core::str::from_utf8(bytes).map_err(|_| Invalid)
    }

    pub(crate) fn utf8(&mut self) -> Checked<&'a str> {
        core::str::from_utf8(self.binary()?).map_err(|_| Invalid)
    }

    #[inline(always)]
    fn packet_id(&mut self) -> Checked<NonZeroU16> {
        NonZeroU16::new(self.u16()?).ok_or(Invalid)
    }

    /// Properties, and which are there of those that don't repeat.
    #[inline(always)]
    fn section(&mut self, place: Place) -> Checked<(Properties<'a>, u64)> {
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
    fn properties(&mut self, place: Place) -> Checked<Properties<'a>> {
        Ok(self.section(place)?.0)
    }

    /// What is left: elements, at least one.
    #[inline(always)]
    fn list<T>(self, place: Place, check: impl FnOnce(Self) -> Checked<()>) -> Checked<List<'a, T>> {
        let bytes = self.0;
        if bytes.is_empty() {
            return Err(Invalid);
        }
        check(self)?;
        Ok(List(Source::Received(bytes, place)))
    }

    #[inline(always)]
    fn finish(self) -> Checked<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Invalid) }
    }
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

impl<'a> Packet<'a> {
    /// Decodes a packet.
    ///
    /// # Errors
    ///
    /// It breaks a rule.
    #[inline(always)]
    pub fn decode(version: Version, sender: Sender, frame: Frame<'a>) -> Checked<Self> {
        let Frame { first, body } = frame;
        let place = Place::new(version, sender, u16::from(first >> 4));
        if !place.may_begin_with(first) {
            return Err(Invalid);
        }
        // Most packets are messages: they do not wait for the others to be told apart.
        if first & 0xF0 == 0x30 {
            return Self::publish(Reader(body), first & 15, version, sender);
        }
        match (place.scope(), body) {
            (table::PUBACK, &[high, low]) => Ok(Self::Puback(Ack::short(high, low)?)),
            (table::PUBREC, &[high, low]) => Ok(Self::Pubrec(Ack::short(high, low)?)),
            (table::PUBREL, &[high, low]) => Ok(Self::Pubrel(Ack::short(high, low)?)),
            (table::PUBCOMP, &[high, low]) => Ok(Self::Pubcomp(Ack::short(high, low)?)),
            (table::PINGREQ, []) => Ok(Self::Pingreq),
            (table::PINGRESP, []) => Ok(Self::Pingresp),
            _ => Self::read(Reader(body), place),
        }
    }

    #[inline(never)]
    fn publish(reader: Reader<'a>, flags: u8, version: Version, sender: Sender) -> Checked<Self> {
        let place = Place::new(version, sender, table::PUBLISH);
        Ok(Self::Publish(Publish::read(reader, flags, place)?))
    }

    #[inline(never)]
    fn read(reader: Reader<'a>, place: Place) -> Checked<Self> {
        match place.scope() {
            table::PUBACK => Ok(Self::Puback(Ack::read(reader, place.of(table::PUBACK))?)),
            table::PUBREC => Ok(Self::Pubrec(Ack::read(reader, place.of(table::PUBREC))?)),
            table::PUBREL => Ok(Self::Pubrel(Ack::read(reader, place.of(table::PUBREL))?)),
            table::PUBCOMP => Ok(Self::Pubcomp(Ack::read(reader, place.of(table::PUBCOMP))?)),
            table::CONNECT => Ok(Self::Connect(Connect::read(reader, place.of(table::CONNECT))?)),
            table::CONNACK => Ok(Self::Connack(Connack::read(reader, place.of(table::CONNACK))?)),
            table::SUBSCRIBE => Ok(Self::Subscribe(Subscribe::read(reader, place.of(table::SUBSCRIBE))?)),
            table::SUBACK => Ok(Self::Suback(Suback::read(reader, place.of(table::SUBACK))?)),
            table::UNSUBSCRIBE => {
                Ok(Self::Unsubscribe(Unsubscribe::read(reader, place.of(table::UNSUBSCRIBE))?))
            }
            table::UNSUBACK => Ok(Self::Unsuback(Suback::read(reader, place.of(table::UNSUBACK))?)),
            table::DISCONNECT => Ok(Self::Disconnect(Outcome::read(reader, place.of(table::DISCONNECT))?)),
            table::AUTH => Ok(Self::Auth(Outcome::read(reader, place.of(table::AUTH))?)),
            _ => Err(Invalid),
        }
    }
}

impl<'a> Publish<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, flags: u8, place: Place) -> Checked<Self> {
        let topic = reader.str(check_topic_or_empty)?;
        let packet_id = if flags & 6 == 0 { None } else { Some(reader.packet_id()?) };
        let (properties, taken) = reader.section(place)?;
        // In 5.0 a Topic Alias may stand for it.
        if topic.is_empty() && taken >> table::TOPIC_ALIAS & 1 == 0 {
            return Err(Invalid);
        }
        Ok(Self { flags: Flags(flags), packet_id, topic, properties, payload: reader.0 })
    }
}

/// A code and properties, which may be left out from the end.
#[inline(never)]
fn outcome<'a>(mut reader: Reader<'a>, place: Place) -> Checked<(u8, Properties<'a>)> {
    if reader.0.is_empty() && place.scope() != table::AUTH {
        return Ok((0, List::EMPTY));
    }
    if !place.is_5() {
        return Err(Invalid);
    }
    let code = reader.u8()?;
    if !place.received().contains(code) {
        return Err(Invalid);
    }
    let properties = if reader.0.is_empty() && place.scope() != table::AUTH {
        List::EMPTY
    } else {
        reader.properties(place)?
    };
    reader.finish()?;
    Ok((code, properties))
}

impl<'a> Ack<'a> {
    /// Nearly every one says only "success".
    #[inline(always)]
    fn short(high: u8, low: u8) -> Checked<Self> {
        let packet_id = NonZeroU16::new(u16::from_be_bytes([high, low])).ok_or(Invalid)?;
        Ok(Self { packet_id, code: 0, properties: List::EMPTY })
    }

    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let packet_id = reader.packet_id()?;
        let (code, properties) = outcome(reader, place)?;
        Ok(Self { packet_id, code, properties })
    }
}

impl<'a> Outcome<'a> {
    #[inline(always)]
    fn read(reader: Reader<'a>, place: Place) -> Checked<Self> {
        let (code, properties) = outcome(reader, place)?;
        Ok(Self { code, properties })
    }
}

impl<'a> Connect<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let level = if place.is_5() { 5 } else { 4 };
        if reader.array()? != [0, 4, b'M', b'Q', b'T', b'T', level] {
            return Err(Invalid);
        }
        let flags = reader.u8()?;
        let has = |flag| flags & flag != 0;
        let (has_user_name, has_password, has_will) = (has(0x80), has(0x40), has(0x04));
        let qos = flags >> 3 & 3;
        let will_right = if has_will { qos != 3 } else { flags & 0x38 == 0 };
        if has(0x01) || !will_right || has_password && !has_user_name && !place.is_5() {
            return Err(Invalid);
        }
        let keep_alive = reader.u16()?;
        let properties = reader.properties(place)?;
        let client_id = reader.str(check_text)?;
        let will = if has_will {
            let properties = reader.properties(place.of(table::WILL))?;
            let topic = reader.str(check_topic)?;
            Some(Will { qos, retain: has(0x20), properties, topic, payload: reader.binary()? })
        } else {
            None
        };
        let user_name = if has_user_name { Some(reader.str(check_text)?) } else { None };
        let password = if has_password { Some(reader.binary()?) } else { None };
        reader.finish()?;
        Ok(Self { clean_start: has(0x02), keep_alive, properties, client_id, will, user_name, password })
    }
}

impl<'a> Connack<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let [flags, code] = reader.array()?;
        if flags > 1 || flags == 1 && code != 0 || !place.received().contains(code) {
            return Err(Invalid);
        }
        let properties = reader.properties(place)?;
        reader.finish()?;
        Ok(Self { session_present: flags == 1, code, properties })
    }
}

/// What is wrong with an options byte behind a valid filter. Most ask only for a QoS.
#[inline(always)]
pub(crate) fn check_options(filter: &[u8], options: u8, version: Version) -> Checked<()> {
    if options <= 2 { Ok(()) } else { check_odd_options(filter, options, version) }
}

#[inline(never)]
fn check_odd_options(filter: &[u8], options: u8, version: Version) -> Checked<()> {
    let shared_no_local = options & 4 != 0 && strip_share(filter).is_some();
    let right = version == Version::V5_0 && options < 0x30 && options & 3 != 3 && !shared_no_local;
    if right { Ok(()) } else { Err(Invalid) }
}

impl<'a> Subscribe<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(place)?;
        let filters = reader.list(place, |mut reader| {
            let version = place.version();
            while !reader.0.is_empty() {
                let filter = reader.binary()?;
                check_filter(filter, version)?;
                check_options(filter, reader.u8()?, version)?;
            }
            Ok(())
        })?;
        Ok(Self { packet_id, properties, filters })
    }
}

impl<'a> Unsubscribe<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(place)?;
        let filters = reader.list(place, |mut reader| {
            while !reader.0.is_empty() {
                check_filter(reader.binary()?, place.version())?;
            }
            Ok(())
        })?;
        Ok(Self { packet_id, properties, filters })
    }
}

impl<'a> Suback<'a> {
    #[inline(always)]
    fn read(mut reader: Reader<'a>, place: Place) -> Checked<Self> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(place)?;
        let codes = if place.is_5() || place.scope() == table::SUBACK {
            reader.list(place, |reader| {
                let codes = place.received();
                if reader.0.iter().all(|&code| codes.contains(code)) { Ok(()) } else { Err(Invalid) }
            })?
        } else {
            reader.finish()?;
            List::EMPTY
        };
        Ok(Self { packet_id, properties, codes })
    }
}
