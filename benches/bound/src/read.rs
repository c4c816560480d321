//! Reads packets.

use core::num::NonZeroU16;

use crate::packet::{
    Ack, Connack, Connect, Flags, List, Outcome, Packet, Properties, Publish, Suback, Subscribe, Unsubscribe,
    Will,
};
use crate::reader::{Frame, Reader};
use crate::table::{self, Place};
use crate::text::{check_filter, check_text, check_topic, check_topic_or_empty, strip_share};
use crate::{Checked, Invalid, Sender, Version};

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
            (table::DISCONNECT, []) => Ok(Self::disconnect()),
            _ => Self::read(Reader(body), place),
        }
    }

    /// The usual one.
    #[inline(never)]
    fn disconnect() -> Self {
        Self::Disconnect(Outcome { code: 0, properties: List::EMPTY })
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
