//! CONNECT.

use core::fmt;

use super::first_byte;
use crate::error::{DecodeError, EncodeError, ErrorKind, Field};
use crate::property::{Joined, Own, Properties, Section, section_len};
use crate::show::{Binary, Hidden};
use crate::spec::{PacketType, Qos, Scope, Version};
use crate::wire::{
    Context, Decoded, Encode, Frame, Lengths, Mode, Plain, Reader, Sink, Writer, check_binary, check_str,
    check_text, check_topic, invalid,
};

/// CONNECT: a client asks for a connection.
///
/// ```
/// use sans_mqtt::{Connect, Packet, Version, Will};
/// let connect = Packet::from(Connect {
///     client_id: "thermometer",
///     will: Some(Will { topic: "attic/state", payload: b"gone", retain: true, ..Will::default() }),
///     ..Connect::default()
/// });
/// assert_eq!(connect.encoded_len(Version::V3_1_1), Ok(44));
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Connect<'a> {
    /// Whether to forget an earlier session (before 5.0 Clean Session, which also lets this one end with the connection). For a
    /// session that is to stay, [`Client::clean_start`](crate::Client) tells.
    pub clean_start: bool,
    /// The longest silence of the client, in seconds; 0 turns Keep Alive off.
    pub keep_alive: u16,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// The client identifier, the key of the session; empty if the server shall choose.
    pub client_id: &'a str,
    /// The message to publish when the connection ends without a DISCONNECT.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password or token; before 5.0 only with a user name.
    pub password: Option<&'a [u8]>,
}

/// A clean start with a Keep Alive of 60 seconds.
impl Default for Connect<'_> {
    fn default() -> Self {
        Self {
            clean_start: true,
            keep_alive: 60,
            properties: Properties::EMPTY,
            client_id: "",
            will: None,
            user_name: None,
            password: None,
        }
    }
}

/// The message that the server publishes when a client is gone.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Will<'a> {
    /// The QoS to publish it with.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// 5.0 only: the properties of the message, and Will Delay Interval.
    pub properties: Properties<'a>,
    /// The topic name.
    pub topic: &'a str,
    /// The payload (3.1.1: will message), at most 65,535 bytes.
    pub payload: &'a [u8],
}

/// The password is shown by its length alone.
impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clean_start, keep_alive, properties, client_id, will, user_name, password } = self;
        f.debug_struct("Connect")
            .field("clean_start", clean_start)
            .field("keep_alive", keep_alive)
            .field("properties", properties)
            .field("client_id", client_id)
            .field("will", will)
            .field("user_name", user_name)
            .field("password", &password.map(Hidden))
            .finish()
    }
}

impl fmt::Debug for Will<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { qos, retain, properties, topic, payload } = self;
        f.debug_struct("Will")
            .field("qos", qos)
            .field("retain", retain)
            .field("properties", properties)
            .field("topic", topic)
            .field("payload", &Binary(payload))
            .finish()
    }
}

/// The protocol name, since 3.1.1 and before.
const NAME: [u8; 4] = *b"MQTT";
const OLD_NAME: [u8; 6] = *b"MQIsdp";

const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL_RETAIN: u8 = 0x20;
const WILL_QOS: u8 = 0x18;
const WILL: u8 = 0x04;
const CLEAN_START: u8 = 0x02;
const RESERVED: u8 = 0x01;

impl<'a> Connect<'a> {
    /// The version of a CONNECT, so that a server knows how to read and to answer it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ProtocolLevel`], of which [`DecodeError::value`] is the level that the client asks for;
    /// [`ErrorKind::ProtocolName`] for another protocol; [`ErrorKind::NotConnect`] for another packet
    /// `[MQTT-3.1.0-1]`; or the bytes end or are no text before that is known.
    ///
    /// ```
    /// use sans_mqtt::{Answer, Connect, Frame, Packet, ReasonCode, Sender, Split, Version};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let Split::Frame(first, _) = Frame::split(b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a", 1024)? else { panic!() };
    /// let version = Connect::version(first)?;
    /// assert_eq!(version, Version::V3_1_1);
    /// let Packet::Connect(connect) = Packet::decode(version, first)? else { panic!() };
    /// assert_eq!(connect.client_id, "a");
    ///
    /// let Split::Frame(future, _) = Frame::split(b"\x10\x0D\0\x04MQTT\x06\x02\0\x3C\0\x01a", 1024)? else { panic!() };
    /// let error = Connect::version(future).unwrap_err();
    /// assert_eq!(error.value(), 6);
    /// let answer = error.answer(Version::V5_0, Sender::Client); // 5.0, the newest version that we speak
    /// assert_eq!(answer, Answer::Connack(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION));
    /// # Ok(()) }
    /// ```
    pub fn version(frame: Frame<'_>) -> Result<Version, DecodeError> {
        let mut plain = Plain::NEW;
        let mut reader = Reader::new(frame.header, frame.body, 0, Version::NEWEST, None, &mut plain);
        let version = if frame.packet_type() == PacketType::Connect {
            protocol(&mut reader, None)
        } else {
            Err(reader.bad(ErrorKind::NotConnect, Field::PacketType, 0, (frame.packet_type() as u8) << 4))
        };
        version.map_err(|_| plain.error().in_no_version())
    }

    /// Whether the client identifier must not be empty, but is: the server may choose one for a session that nobody can ask
    /// for again, or in 5.0.
    pub(crate) fn lacks_client_id(&self, version: Version) -> bool {
        self.client_id.is_empty() && !version.is_5() && (version.is_3_1() || !self.clean_start)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let version = protocol(reader, Some(reader.cx.version))?;
        let start = reader.offset();
        let flags = reader.flags(Field::ConnectFlags)?;
        let has = |flag| flags & flag != 0;
        let require =
            |reader: &mut Reader<'a, '_, M>, ok, kind, field| reader.require(ok, kind, field, start, flags);
        require(reader, !has(RESERVED), ErrorKind::ReservedBit, Field::ConnectFlags)?;
        require(reader, has(WILL) || !has(WILL_QOS), ErrorKind::WillFlags, Field::WillQos)?;
        require(reader, has(WILL) || !has(WILL_RETAIN), ErrorKind::WillFlags, Field::WillRetain)?;
        let Some(qos) = Qos::from_number((flags & WILL_QOS) >> 3) else {
            return Err(reader.bad(ErrorKind::Qos, Field::WillQos, start, flags));
        };
        let password_alone = has(PASSWORD) && !has(USER_NAME);
        require(
            reader,
            !password_alone || version.is_5(),
            ErrorKind::PasswordWithoutUserName,
            Field::ConnectFlags,
        )?;
        let keep_alive = reader.u16(Field::KeepAlive)?;
        let properties = Properties::decode(reader, Scope::CONNECT)?;
        let client_id = reader.str(Field::ClientId)?;
        let will = if has(WILL) {
            let properties = Properties::decode(reader, Scope::WILL)?;
            let topic = reader.topic(Field::WillTopic)?;
            let payload = reader.binary(Field::WillPayload)?;
            Some(Will { qos, retain: has(WILL_RETAIN), properties, topic, payload })
        } else {
            None
        };
        let user_name = if has(USER_NAME) { Some(reader.str(Field::UserName)?) } else { None };
        let password = if has(PASSWORD) { Some(reader.binary(Field::Password)?) } else { None };
        // What is left should have been announced by a flag.
        reader.finish(match () {
            () if !has(WILL | USER_NAME) => Field::WillTopic,
            () if !has(USER_NAME) => Field::UserName,
            () if !has(PASSWORD) => Field::Password,
            () => Field::Packet,
        })?;
        Ok(Self {
            clean_start: has(CLEAN_START),
            keep_alive,
            properties,
            client_id,
            will,
            user_name,
            password,
        })
    }
}

/// Where the compiler sees that there are no others, only the caller's properties are looked at.
impl Encode for Connect<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        Own { packet: self, properties: &[] }.check(cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        Own { packet: self, properties: &[] }.write(cx, lengths, out);
    }
}

impl<'a> Own<'a, Connect<'a>> {
    fn joined(&self) -> Joined<'a> {
        Joined { before: self.properties, callers: self.packet.properties, behind: &[] }
    }
}

/// The same in its will.
fn of_will(cx: Context) -> Context {
    Context { scope: Scope::WILL, ..cx }
}

impl Encode for Own<'_, Connect<'_>> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        let (connect, version) = (self.packet, cx.version);
        if connect.lacks_client_id(version) {
            return Err(invalid(cx, ErrorKind::ClientId, Field::ClientId));
        }
        if connect.password.is_some() && connect.user_name.is_none() && !version.is_5() {
            return Err(invalid(cx, ErrorKind::PasswordWithoutUserName, Field::Password));
        }
        let properties = self.joined().property_len(cx)?;
        let mut body = 2 + version.protocol_name().len() + 4 + section_len(cx, properties);
        body += check_text(cx, Field::ClientId, connect.client_id)?;
        let mut will_properties = 0;
        if let Some(will) = &connect.will {
            will_properties = will.properties.property_len(of_will(cx))?;
            body += section_len(cx, will_properties)
                + check_str(cx, Field::WillTopic, will.topic, check_topic(will.topic))?
                + check_binary(cx, Field::WillPayload, will.payload)?;
        }
        if let Some(user_name) = connect.user_name {
            body += check_text(cx, Field::UserName, user_name)?;
        }
        if let Some(password) = connect.password {
            body += check_binary(cx, Field::Password, password)?;
        }
        Ok(Lengths { will: will_properties, ..Lengths::new(cx, body, properties)? })
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        let connect = self.packet;
        let flag = |set: bool, flag| if set { flag } else { 0 };
        let mut flags = flag(connect.clean_start, CLEAN_START)
            | flag(connect.user_name.is_some(), USER_NAME)
            | flag(connect.password.is_some(), PASSWORD);
        if let Some(will) = &connect.will {
            flags |= WILL | (will.qos as u8) << 3 | flag(will.retain, WILL_RETAIN);
        }
        let [high, low] = connect.keep_alive.to_be_bytes();
        let start = |out: &mut Writer<'_, S>, name: u8| out.start(first_byte(cx), lengths.body, [0, name]);
        if cx.version.is_3_1() {
            start(out, OLD_NAME.len() as u8);
            out.array(OLD_NAME);
        } else {
            start(out, NAME.len() as u8);
            out.array(NAME);
        }
        out.array([cx.version.level(), flags, high, low]);
        self.joined().write_section(cx, lengths.properties, out);
        out.str(connect.client_id);
        if let Some(will) = &connect.will {
            will.properties.write_section(of_will(cx), lengths.will, out);
            out.str(will.topic);
            out.binary(will.payload);
        }
        connect.user_name.into_iter().for_each(|user_name| out.str(user_name));
        connect.password.into_iter().for_each(|password| out.binary(password));
    }
}

/// Reads protocol name and level, which must be those of `wanted` if that is given.
#[cfg_attr(not(feature = "small"), inline(always))]
fn protocol<M: Mode>(reader: &mut Reader<'_, '_, M>, wanted: Option<Version>) -> Decoded<Version> {
    // Nearly every CONNECT begins with these seven bytes.
    #[cfg(not(feature = "small"))]
    if let Some(wanted) = wanted.filter(|wanted| !M::OBSERVED && !wanted.is_3_1()) {
        if reader.skip(&[0, 4, b'M', b'Q', b'T', b'T', wanted.level()]) {
            return Ok(wanted);
        }
    }
    let start = reader.offset();
    let name = reader.str(Field::ProtocolName)?;
    let first = name.bytes().next().unwrap_or_default();
    let known = match wanted {
        Some(wanted) => wanted.protocol_name() == name,
        None => Version::ALL.iter().any(|version| version.protocol_name() == name),
    };
    reader.require(known, ErrorKind::ProtocolName, Field::ProtocolName, start + 2, first)?;
    let level = reader.u8(Field::ProtocolLevel)?;
    match Version::ALL.into_iter().find(|version| version.protocol_name() == name && version.level() == level)
    {
        Some(version) if wanted.is_none_or(|wanted| wanted == version) => Ok(version),
        _ => Err(reader.bad(ErrorKind::ProtocolLevel, Field::ProtocolLevel, reader.offset() - 1, level)),
    }
}
