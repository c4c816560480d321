//! From a frame to a packet.

use super::*;

#[inline(never)]
pub(super) fn from_client(version: Version, frame: Frame<'_>) -> Result<Packet<'_>, DecodeError> {
    decode_plain(version, Some(Sender::Client), frame)
}

#[inline(never)]
pub(super) fn from_server(version: Version, frame: Frame<'_>) -> Result<Packet<'_>, DecodeError> {
    decode_plain(version, Some(Sender::Server), frame)
}

/// Decodes what is not observed. The shortest packets are half of all, and what the others need must not make their way
/// longer: no call here but the last one.
#[cfg(not(feature = "small"))]
#[inline(always)]
pub(super) fn decode_plain(
    version: Version,
    sender: Option<Sender>,
    frame: Frame<'_>,
) -> Result<Packet<'_>, DecodeError> {
    let Frame { header, body, .. } = frame;
    let Header { packet_type, flags, len, .. } = header;
    let first = (packet_type as u8) << 4 | flags;
    match (len, body, first) {
        (2, &[high, low], _) => {
            if let Some((scope, PlainAck(packet_id))) = PlainAck::read(first, [high, low]) {
                let ack = Ack { packet_id, ..Ack::default() };
                return Ok(match scope {
                    Scope::PUBACK => Packet::Puback(ack),
                    Scope::PUBREC => Packet::Pubrec(ack),
                    Scope::PUBREL => Packet::Pubrel(ack),
                    _ => Packet::Pubcomp(ack),
                });
            }
        }
        (2, [], 0xC0) if sender != Some(Sender::Server) => return Ok(Packet::Pingreq),
        (2, [], 0xD0) if sender != Some(Sender::Client) => return Ok(Packet::Pingresp),
        (2, [], 0xE0) if sender != Some(Sender::Server) => {
            return Ok(Packet::Disconnect(Disconnect::default()));
        }
        _ => {}
    }
    let cx = Context { version, sender, scope: Scope::of(packet_type) };
    if packet_type == PacketType::Publish {
        return decode_one::<{ PacketType::Publish as u8 }>(cx, flags, len, body);
    }
    decode_other(cx, flags, len, body)
}

/// Decodes what is not observed.
#[cfg(feature = "small")]
pub(super) fn decode_plain(
    version: Version,
    sender: Option<Sender>,
    frame: Frame<'_>,
) -> Result<Packet<'_>, DecodeError> {
    let cx = Context { version, sender, scope: Scope::of(frame.packet_type()) };
    decode::<_, ANY>(cx, frame.header, frame.body, Plain::NEW)
}

/// Decodes what is no PUBLISH.
#[cfg(not(feature = "small"))]
#[inline(never)]
fn decode_other(cx: Context, flags: u8, len: usize, body: &[u8]) -> Result<Packet<'_>, DecodeError> {
    macro_rules! each {
        ($($packet_type:ident)+) => {
            match cx.scope.packet_type() {
                $(PacketType::$packet_type => {
                    decode_one::<{ PacketType::$packet_type as u8 }>(cx, flags, len, body)
                })+
            }
        };
    }
    each! {
        Connect Connack Publish Puback Pubrec Pubrel Pubcomp Subscribe Suback Unsubscribe Unsuback Pingreq Pingresp
        Disconnect Auth
    }
}

/// Decodes a packet of this type, whose fixed header takes `len` bytes. A function for each type has only those registers
/// to save that it needs itself, and all that it is given fits into registers.
#[cfg(not(feature = "small"))]
#[inline(never)]
fn decode_one<const TYPE: u8>(
    cx: Context,
    flags: u8,
    len: usize,
    body: &[u8],
) -> Result<Packet<'_>, DecodeError> {
    // The same as `cx` says; but this one the compiler knows.
    let packet_type = PacketType::from_number(TYPE).unwrap_or_else(|| cx.scope.packet_type());
    let cx = Context { scope: Scope::of(packet_type), ..cx };
    let header = Header { packet_type, flags, len, remaining_length: body.len() };
    decode::<_, TYPE>(cx, header, body, Plain::NEW)
}

/// No packet type has this number.
pub(crate) const ANY: u8 = 0;

/// Decodes a packet of the type with this number. What the others need is not even compiled.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(super) fn decode<M: Mode, const TYPE: u8>(
    cx: Context,
    header: Header,
    body: &[u8],
    mut mode: M,
) -> Result<Packet<'_>, DecodeError> {
    let Context { version, sender, .. } = cx;
    let mut reader = Reader::part(body, header.len + body.len(), cx, &mut mode);
    if fixed_header(&mut reader, header).is_err() {
        return Err(mode.error());
    }
    // The whole result is built where the caller wants it, for a packet is large. Packets of one shape are read by one.
    macro_rules! done {
        ($last:ident $($packet:ident)* = $read:expr) => {
            if const { TYPE == ANY || TYPE == PacketType::$last as u8 $(|| TYPE == PacketType::$packet as u8)* } {
                if let Ok(packet) = $read {
                    return Ok(match header.packet_type {
                        $(PacketType::$packet => Packet::$packet(packet),)*
                        _ => Packet::$last(packet),
                    });
                }
            }
        };
        ($packet:ident) => {
            if reader.finish(Field::Packet).is_ok() {
                return Ok(Packet::$packet);
            }
        };
    }
    let client = sender != Some(Sender::Server);
    let server = sender != Some(Sender::Client);
    match header.packet_type {
        PacketType::Publish => done!(Publish = Publish::read(&mut reader, header)),
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
            done!(Puback Pubrec Pubrel Pubcomp = Ack::read(&mut reader));
        }
        PacketType::Connect if client => done!(Connect = Connect::read(&mut reader)),
        PacketType::Subscribe if client => done!(Subscribe = Subscribe::read(&mut reader)),
        PacketType::Unsubscribe if client => done!(Unsubscribe = Unsubscribe::read(&mut reader)),
        PacketType::Pingreq if client => done!(Pingreq),
        PacketType::Connack if server => done!(Connack = Connack::read(&mut reader)),
        PacketType::Suback | PacketType::Unsuback if server => {
            done!(Suback Unsuback = Suback::read(&mut reader));
        }
        PacketType::Pingresp if server => done!(Pingresp),
        PacketType::Disconnect if client || version.is_5() => {
            done!(Disconnect = Disconnect::read(&mut reader));
        }
        PacketType::Auth if version.is_5() => done!(Auth = Auth::read(&mut reader)),
        other => {
            let unknown = other == PacketType::Auth;
            let kind = if unknown { ErrorKind::PacketType } else { ErrorKind::Sender };
            let first = (other as u8) << 4 | header.flags;
            reader.bad(kind, Field::PacketType, 0, first);
        }
    }
    Err(mode.error())
}

/// Checks what the fixed header decides, and shows it.
pub(super) fn fixed_header<M: Mode>(reader: &mut Reader<'_, '_, M>, header: Header) -> Decoded<()> {
    let Header { packet_type, flags, .. } = header;
    let version = reader.cx.version;
    let first = (packet_type as u8) << 4 | flags;
    if M::OBSERVED {
        reader.show_at(Field::PacketType, 0..1, Value::PacketType(packet_type));
        if packet_type == PacketType::Publish {
            reader.show_at(Field::Dup, 0..1, Value::Bit(flags & 8 != 0));
            reader.show_at(Field::Qos, 0..1, Value::Number(u32::from(flags >> 1 & 3)));
            reader.show_at(Field::Retain, 0..1, Value::Bit(flags & 1 != 0));
        } else {
            reader.show_at(Field::Flags, 0..1, Value::Flags(flags));
        }
        reader.show_at(Field::RemainingLength, 1..header.len, Value::Number(header.remaining_length as u32));
    }
    if packet_type != PacketType::Publish && flags != packet_type.flags() {
        // 3.1 has DUP on everything that asks for an answer.
        let dup = version.is_3_1() && packet_type.flags() != 0 && flags == packet_type.flags() | 8;
        // A type that does not exist has no flags either.
        let reserved = packet_type == PacketType::Auth && !version.is_5();
        reader.require(dup || reserved, ErrorKind::Flags, Field::Flags, 0, first)?;
    }
    let shortest =
        header.len == 2 || header.len == 1 + varint_len(header.remaining_length) || !version.is_5();
    reader.require(
        shortest,
        ErrorKind::LengthNotShortest,
        Field::RemainingLength,
        1,
        header.remaining_length as u8,
    )
}
