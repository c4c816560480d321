//! Writes packets.

use core::num::NonZeroU16;

use crate::packet::{
    Ack, Connack, Connect, List, Outcome, Packet, Properties, Publish, Source, Suback, Subscribe,
    Subscription, Unsubscribe,
};
use crate::read::check_options;
use crate::table::{self, Place};
use crate::text::check_filter;
use crate::writer::{Writer, binary_len, section_len, text_len, topic_len};
use crate::{Checked, Invalid, Refused, Sender, Version};

/// The number of bytes of the packet.
pub(crate) type Written = Result<usize, Refused>;

impl Packet<'_> {
    /// Writes the packet to the front of `out`; gives the number of bytes.
    ///
    /// # Errors
    ///
    /// It breaks a rule, or there is no room for it.
    #[inline(always)]
    pub fn encode(&self, version: Version, sender: Sender, out: &mut [u8]) -> Written {
        let place = |scope| Place::new(version, sender, scope);
        // Most packets are messages: they do not wait for the others to be told apart.
        if let Self::Publish(packet) = self {
            return packet.write_apart(version, sender, out);
        }
        match self {
            Self::Publish(packet) => packet.write_apart(version, sender, out),
            Self::Puback(packet) => packet.write(place(table::PUBACK), out, 0x40),
            Self::Pubrec(packet) => packet.write(place(table::PUBREC), out, 0x50),
            Self::Pubrel(packet) => packet.write(place(table::PUBREL), out, 0x62),
            Self::Pubcomp(packet) => packet.write(place(table::PUBCOMP), out, 0x70),
            Self::Connect(packet) => packet.write(place(table::CONNECT), out),
            Self::Connack(packet) => packet.write(place(table::CONNACK), out),
            Self::Subscribe(packet) => packet.write(place(table::SUBSCRIBE), out),
            Self::Suback(packet) => packet.write(place(table::SUBACK), out, 0x90),
            Self::Unsubscribe(packet) => packet.write(place(table::UNSUBSCRIBE), out),
            Self::Unsuback(packet) => packet.write(place(table::UNSUBACK), out, 0xB0),
            Self::Pingreq => write_bare(place(table::PINGREQ), out, 0xC0),
            Self::Pingresp => write_bare(place(table::PINGRESP), out, 0xD0),
            Self::Disconnect(packet) => packet.write(place(table::DISCONNECT), out, 0xE0),
            Self::Auth(packet) => packet.write_long(place(table::AUTH), out, 0xF0),
        }
    }
}

#[inline(always)]
fn write_bare(place: Place, out: &mut [u8], first: u8) -> Written {
    check_first(place, first)?;
    Ok(Writer::start_bare(first, 0, out)?.1)
}

#[inline(always)]
fn check_first(place: Place, first: u8) -> Checked<()> {
    if place.may_begin_with(first) { Ok(()) } else { Err(Invalid) }
}

impl Publish<'_> {
    #[inline(never)]
    fn write_apart(&self, version: Version, sender: Sender, out: &mut [u8]) -> Written {
        self.encode(version, sender, out)
    }

    /// As [`Packet::encode`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    pub fn encode(&self, version: Version, sender: Sender, out: &mut [u8]) -> Written {
        let place = Place::new(version, sender, table::PUBLISH);
        match (self.flags.qos(), self.packet_id) {
            (0, None) => self.write(None, place, out),
            (1.., Some(id)) => self.write(Some(id), place, out),
            _ => Err(Refused::Invalid),
        }
    }

    /// Writes it with `id` as its packet identifier.
    #[inline(always)]
    pub(crate) fn write(&self, id: Option<NonZeroU16>, place: Place, out: &mut [u8]) -> Written {
        if self.properties.is_empty() {
            self.write_with(id, 0, topic_len(self.topic), place, out)
        } else {
            self.write_long(id, place, out)
        }
    }

    #[inline(never)]
    fn write_long(&self, id: Option<NonZeroU16>, place: Place, out: &mut [u8]) -> Written {
        let property_len = self.properties.check(place)?;
        let aliased = self.topic.is_empty() && self.properties.has_topic_alias();
        let topic_len = if aliased { Ok(2) } else { topic_len(self.topic) };
        self.write_with(id, property_len, topic_len, place, out)
    }

    #[inline(always)]
    fn write_with(
        &self,
        id: Option<NonZeroU16>,
        property_len: usize,
        topic_len: Checked<usize>,
        place: Place,
        out: &mut [u8],
    ) -> Written {
        let Self { flags, topic, properties, payload, .. } = *self;
        let id_len = if id.is_none() { 0 } else { 2 };
        let body = topic_len? + id_len + section_len(place, property_len) + payload.len();
        let (mut out, len) = Writer::start(0x30 | flags.0, body, (topic.len() as u16).to_be_bytes(), out)?;
        out.bytes(topic.as_bytes());
        if let Some(id) = id {
            out.u16(id.get());
        }
        out.section(place, property_len, properties);
        out.bytes(payload);
        Ok(len)
    }
}

impl Ack<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut [u8], first: u8) -> Written {
        if self.code != 0 || !self.properties.is_empty() {
            return self.write_long(place, out, first);
        }
        Ok(Writer::start(first, 2, self.packet_id.get().to_be_bytes(), out)?.1)
    }

    #[inline(never)]
    fn write_long(&self, place: Place, out: &mut [u8], first: u8) -> Written {
        let lens = outcome_len(self.code, self.properties, place)?;
        let (mut out, len) = Writer::start(first, 2 + lens.0, self.packet_id.get().to_be_bytes(), out)?;
        write_outcome(self.code, self.properties, lens, place, &mut out);
        Ok(len)
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
) {
    if len > 0 {
        out.u8(code);
    }
    if property_len > 0 {
        out.section(place, property_len, properties);
    }
}

impl Outcome<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut [u8], first: u8) -> Written {
        if self.code != 0 || !self.properties.is_empty() {
            return self.write_long(place, out, first);
        }
        write_bare(place, out, first)
    }

    #[inline(never)]
    fn write_long(&self, place: Place, out: &mut [u8], first: u8) -> Written {
        check_first(place, first)?;
        let lens = outcome_len(self.code, self.properties, place)?;
        let (mut out, len) = Writer::start_bare(first, lens.0, out)?;
        write_outcome(self.code, self.properties, lens, place, &mut out);
        Ok(len)
    }
}

impl Connect<'_> {
    #[inline(never)]
    fn write(&self, place: Place, out: &mut [u8]) -> Written {
        let place = place.of(table::CONNECT);
        self.write_with(self.check(place)?, place, out)
    }

    /// The lengths of the body, of the properties and of those of the will.
    #[inline(always)]
    fn check(&self, place: Place) -> Checked<(usize, usize, usize)> {
        check_first(place, 0x10)?;
        if !place.is_5()
            && (self.client_id.is_empty() && !self.clean_start
                || self.password.is_some() && self.user_name.is_none())
        {
            return Err(Invalid);
        }
        let property_len = self.properties.check(place)?;
        let mut will_property_len = 0;
        let mut body = 10 + section_len(place, property_len) + text_len(self.client_id)?;
        if let Some(will) = &self.will {
            let place = place.of(table::WILL);
            if will.qos > 2 {
                return Err(Invalid);
            }
            will_property_len = will.properties.check(place)?;
            body +=
                section_len(place, will_property_len) + topic_len(will.topic)? + binary_len(will.payload)?;
        }
        if let Some(user_name) = self.user_name {
            body += text_len(user_name)?;
        }
        if let Some(password) = self.password {
            body += binary_len(password)?;
        }
        Ok((body, property_len, will_property_len))
    }

    #[inline(always)]
    fn write_with(
        &self,
        (body, property_len, will_property_len): (usize, usize, usize),
        place: Place,
        out: &mut [u8],
    ) -> Written {
        let (mut out, len) = Writer::start(0x10, body, [0, 4], out)?;
        let level = if place.is_5() { 5 } else { 4 };
        let [high, low] = self.keep_alive.to_be_bytes();
        out.array([b'M', b'Q', b'T', b'T', level, self.flags(), high, low]);
        out.section(place, property_len, self.properties);
        out.binary(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            out.section(place, will_property_len, will.properties);
            out.binary(will.topic.as_bytes());
            out.binary(will.payload);
        }
        if let Some(user_name) = self.user_name {
            out.binary(user_name.as_bytes());
        }
        if let Some(password) = self.password {
            out.binary(password);
        }
        Ok(len)
    }

    #[inline(always)]
    fn flags(&self) -> u8 {
        let will = match &self.will {
            Some(will) => 0x04 | will.qos << 3 | u8::from(will.retain) << 5,
            None => 0,
        };
        will | u8::from(self.clean_start) << 1
            | u8::from(self.user_name.is_some()) << 7
            | u8::from(self.password.is_some()) << 6
    }
}

impl Connack<'_> {
    #[inline(always)]
    fn write(&self, place: Place, out: &mut [u8]) -> Written {
        if self.code != 0 || !self.properties.is_empty() {
            return self.write_long(place, out);
        }
        check_first(place, 0x20)?;
        let body = 2 + section_len(place, 0);
        let (mut out, len) = Writer::start(0x20, body, [u8::from(self.session_present), 0], out)?;
        out.section(place, 0, self.properties);
        Ok(len)
    }

    #[inline(never)]
    fn write_long(&self, place: Place, out: &mut [u8]) -> Written {
        let place = place.of(table::CONNACK);
        let Self { session_present, code, properties } = *self;
        check_first(place, 0x20)?;
        if !place.sent().contains(code) || session_present && code != 0 {
            return Err(Refused::Invalid);
        }
        let property_len = properties.check(place)?;
        let (mut out, len) = Writer::start(
            0x20,
            2 + section_len(place, property_len),
            [u8::from(session_present), code],
            out,
        )?;
        out.section(place, property_len, properties);
        Ok(len)
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
    fn write_elements(&self, out: &mut Writer<'_>, write: impl Fn(&T, &mut Writer<'_>)) {
        match self.0 {
            Source::Received(bytes, _) => out.bytes(bytes),
            Source::Given(list) => {
                for element in list {
                    write(element, out);
                }
            }
        }
    }
}

impl Subscribe<'_> {
    #[inline(never)]
    fn write(&self, place: Place, out: &mut [u8]) -> Written {
        let place = place.of(table::SUBSCRIBE);
        check_first(place, 0x82)?;
        let property_len = self.properties.check(place)?;
        let version = place.version();
        let list_len = self.filters.check_elements(place, |&Subscription { filter, options }| {
            check_filter(filter.as_bytes(), version)?;
            check_options(filter.as_bytes(), options, version)?;
            Ok(binary_len(filter.as_bytes())? + 1)
        })?;
        let (mut out, len) = Writer::start(
            0x82,
            2 + section_len(place, property_len) + list_len,
            self.packet_id.get().to_be_bytes(),
            out,
        )?;
        out.section(place, property_len, self.properties);
        self.filters.write_elements(&mut out, |&Subscription { filter, options }, out| {
            out.binary(filter.as_bytes());
            out.u8(options);
        });
        Ok(len)
    }
}

impl Unsubscribe<'_> {
    #[inline(never)]
    fn write(&self, place: Place, out: &mut [u8]) -> Written {
        let place = place.of(table::UNSUBSCRIBE);
        check_first(place, 0xA2)?;
        let property_len = self.properties.check(place)?;
        let list_len = self.filters.check_elements(place, |filter| {
            check_filter(filter.as_bytes(), place.version())?;
            binary_len(filter.as_bytes())
        })?;
        let (mut out, len) = Writer::start(
            0xA2,
            2 + section_len(place, property_len) + list_len,
            self.packet_id.get().to_be_bytes(),
            out,
        )?;
        out.section(place, property_len, self.properties);
        self.filters.write_elements(&mut out, |filter, out| out.binary(filter.as_bytes()));
        Ok(len)
    }
}

impl Suback<'_> {
    #[inline(never)]
    fn write(&self, place: Place, out: &mut [u8], first: u8) -> Written {
        check_first(place, first)?;
        let property_len = self.properties.check(place)?;
        let sent = place.sent();
        let list_len = if !place.is_5() && first == 0xB0 {
            if self.codes.is_empty() { Ok(0) } else { Err(Invalid) }
        } else {
            self.codes.check_elements(place, |&code| if sent.contains(code) { Ok(1) } else { Err(Invalid) })
        }?;
        let (mut out, len) = Writer::start(
            first,
            2 + section_len(place, property_len) + list_len,
            self.packet_id.get().to_be_bytes(),
            out,
        )?;
        out.section(place, property_len, self.properties);
        match self.codes.0 {
            Source::Received(codes, _) | Source::Given(codes) => out.bytes(codes),
        }
        Ok(len)
    }
}
