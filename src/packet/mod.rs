//! The fifteen packets as plain borrowed data, one model for all versions.

mod ack;
mod answer;
mod connack;
mod connect;
pub(crate) mod decode;
mod disconnect;
mod message;
mod prepared;
mod publish;
mod subscribe;
mod unsubscribe;

pub use ack::Ack;
pub(crate) use ack::PlainAck;
pub use answer::Answer;
pub use connack::Connack;
pub use connect::{Connect, Will};
pub use disconnect::{Auth, Disconnect};
pub use message::Message;
pub(crate) use prepared::OnTerms;
pub use prepared::{Prepared, Terms};
pub use publish::{Alias, Forward, HeadSplit, Publish, PublishHead};
pub(crate) use subscribe::Nearest;
pub use subscribe::{RetainHandling, Suback, Subscribe, Subscription};
pub use unsubscribe::{Unsuback, Unsubscribe};

use decode::{ANY, decode, decode_plain, fixed_header, from_client, from_server};

use crate::error::{DecodeError, EncodeError, ErrorKind, Field};
use crate::property::Properties;
use crate::spec::{PacketId, PacketType, ReasonCode, Scope, Sender, Version};
use crate::wire::{
    Context, Decoded, Encode, Frame, Header, Lengths, Mode, Observed, Observer, Plain, Reader, Sink, Value,
    Writer, encode, invalid, varint_len,
};

/// Any packet.
///
/// ```
/// use sans_mqtt::{Frame, Packet, Publish, Split, Version};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bytes = b"\x30\x06\0\x03a/bh";
/// let Split::Frame(frame, _) = Frame::split(bytes, 1024)? else { panic!() };
/// let packet = Packet::decode(Version::V3_1_1, frame)?;
/// let Packet::Publish(Publish { topic, payload, .. }) = packet else { panic!() };
/// assert_eq!((topic, payload), ("a/b", &b"h"[..]));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
// Where code has to be small, which packet it is has a byte of its own and is not to be worked out.
#[cfg_attr(feature = "small", repr(u8))]
pub enum Packet<'a> {
    /// CONNECT
    Connect(Connect<'a>),
    /// CONNACK
    Connack(Connack<'a>),
    /// PUBLISH
    Publish(Publish<'a>),
    /// PUBACK
    Puback(Ack<'a>),
    /// PUBREC
    Pubrec(Ack<'a>),
    /// PUBREL
    Pubrel(Ack<'a>),
    /// PUBCOMP
    Pubcomp(Ack<'a>),
    /// SUBSCRIBE
    Subscribe(Subscribe<'a>),
    /// SUBACK
    Suback(Suback<'a>),
    /// UNSUBSCRIBE
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK
    Unsuback(Unsuback<'a>),
    /// PINGREQ
    Pingreq,
    /// PINGRESP
    Pingresp,
    /// DISCONNECT
    Disconnect(Disconnect<'a>),
    /// AUTH (5.0)
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Decodes one whole packet, from either side.
    ///
    /// A CONNECT has to be of `version`; [`Connect::version`] tells which one it is of. What only one side may send
    /// is accepted from any; see [`decode_from`](Self::decode_from).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes break any rule that one packet decides. A whole packet never needs more bytes.
    #[inline]
    pub fn decode(version: Version, frame: Frame<'a>) -> Result<Self, DecodeError> {
        decode_plain(version, None, frame)
    }

    /// Decodes one whole packet that `sender` sent, and refuses what this side may not send: packets, properties
    /// and reason codes.
    ///
    /// A program that always passes the same `sender` links no decoder for packets that it can't get.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and [`ErrorKind::Sender`].
    ///
    /// ```
    /// use sans_mqtt::{ErrorKind, Frame, Packet, Sender, Split, Version};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let Split::Frame(shutdown, _) = Frame::split(&[0xE0, 1, 0x8B], 1024)? else { panic!() };
    /// assert!(Packet::decode_from(Version::V5_0, Sender::Server, shutdown).is_ok());
    /// let error = Packet::decode_from(Version::V5_0, Sender::Client, shutdown).unwrap_err();
    /// assert_eq!((error.kind(), error.rule()), (ErrorKind::Sender, "5.0 §3.14.2.1"));
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn decode_from(version: Version, sender: Sender, frame: Frame<'a>) -> Result<Self, DecodeError> {
        match sender {
            Sender::Client => from_client(version, frame),
            Sender::Server => from_server(version, frame),
        }
    }

    /// Decodes like [`decode`](Self::decode), or like [`decode_from`](Self::decode_from) if the sender is known, and
    /// shows every field to `observer`.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn observe(
        version: Version,
        sender: Option<Sender>,
        frame: Frame<'a>,
        observer: &mut (impl Observer + ?Sized),
    ) -> Result<Self, DecodeError> {
        let cx = Context { version, sender, scope: Scope::of(frame.packet_type()) };
        decode::<_, ANY>(cx, frame.header, frame.body, Observed::new(observer))
    }

    /// Reads a packet that was decoded before, and is of this type or of any.
    pub(crate) fn decode_trusted<const TYPE: u8>(
        version: Version,
        frame: Frame<'a>,
    ) -> Result<Self, DecodeError> {
        let cx = Context { version, sender: None, scope: Scope::of(frame.packet_type()) };
        decode::<_, TYPE>(cx, frame.header, frame.body, crate::wire::Trusted)
    }

    /// The packet type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Writes the packet and gives its length in bytes. Nothing is written if it fails.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Invalid`] if the packet would break a rule that one packet decides, or if `version` can't
    /// express it; [`EncodeError::NoRoom`] if `out` can't take it.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut (impl Sink + ?Sized)) -> Result<usize, EncodeError> {
        self.write(version, None, out)
    }

    /// Writes like [`encode`](Self::encode) a packet that `sender` is about to send, and refuses what this side may
    /// not send: packets, properties and reason codes.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode), and [`ErrorKind::Sender`].
    ///
    /// ```
    /// use sans_mqtt::{Packet, Sender, Version};
    /// let mut out = Vec::new();
    /// assert_eq!(Packet::Pingreq.encode_from(Version::V5_0, Sender::Client, &mut out), Ok(2));
    /// assert!(Packet::Pingresp.encode_from(Version::V5_0, Sender::Client, &mut out).is_err());
    /// ```
    #[inline]
    pub fn encode_from(
        &self,
        version: Version,
        sender: Sender,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<usize, EncodeError> {
        let packet_type = self.packet_type();
        let cx = Context { version, sender: Some(sender), scope: Scope::of(packet_type) };
        // AUTH before 5.0 is nobody's, which `write` says.
        if packet_type != PacketType::Auth && !packet_type.may_be_sent_by(sender, version) {
            return Err(invalid(cx, ErrorKind::Sender, Field::PacketType));
        }
        self.write(version, Some(sender), out)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write(
        &self,
        version: Version,
        sender: Option<Sender>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<usize, EncodeError> {
        let cx = |scope| Context { version, sender, scope };
        match self {
            Self::Connect(packet) => encode_apart(packet, cx(Scope::CONNECT), out),
            Self::Connack(packet) => packet.encode(cx(Scope::CONNACK), out),
            Self::Publish(packet) => packet.encode(cx(Scope::PUBLISH), out),
            Self::Puback(packet) => packet.encode(cx(Scope::PUBACK), out),
            Self::Pubrec(packet) => packet.encode(cx(Scope::PUBREC), out),
            Self::Pubrel(packet) => packet.encode(cx(Scope::PUBREL), out),
            Self::Pubcomp(packet) => packet.encode(cx(Scope::PUBCOMP), out),
            Self::Subscribe(packet) => encode_apart(packet, cx(Scope::SUBSCRIBE), out),
            Self::Suback(packet) => encode_apart(packet, cx(Scope::SUBACK), out),
            Self::Unsubscribe(packet) => encode_apart(packet, cx(Scope::UNSUBSCRIBE), out),
            Self::Unsuback(packet) => encode_apart(packet, cx(Scope::UNSUBACK), out),
            Self::Pingreq => encode(&Bare, cx(Scope::PINGREQ), out),
            Self::Pingresp => encode(&Bare, cx(Scope::PINGRESP), out),
            Self::Disconnect(packet) if outcome::is_plain(packet.reason, &packet.properties) => {
                encode(&Bare, cx(Scope::DISCONNECT), out)
            }
            Self::Disconnect(packet) => encode_apart(packet, cx(Scope::DISCONNECT), out),
            Self::Auth(packet) => encode_apart(packet, cx(Scope::AUTH), out),
        }
    }

    /// The exact number of bytes that [`encode`](Self::encode) writes.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Invalid`] as there.
    ///
    /// ```
    /// use sans_mqtt::{Packet, Publish, Version};
    /// let packet = Packet::from(Publish { topic: "a/b", payload: b"hi", ..Publish::default() });
    /// assert_eq!(packet.encoded_len(Version::V3_1_1), Ok(9));
    /// assert_eq!(packet.encoded_len(Version::V5_0), Ok(10)); // with a property length
    /// ```
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        self.encode(version, &mut Nowhere)
    }

    /// The packet as bytes of its own.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Invalid`] as for [`encode`](Self::encode).
    #[cfg(feature = "alloc")]
    pub fn to_vec(&self, version: Version) -> Result<alloc::vec::Vec<u8>, EncodeError> {
        let mut out = alloc::vec::Vec::new();
        self.encode(version, &mut out)?;
        Ok(out)
    }
}

/// Takes everything and keeps nothing.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    #[inline(always)]
    fn reserve(&mut self, _: usize) -> bool {
        true
    }

    fn put(&mut self, _: &[u8]) {}
}

macro_rules! from {
    ($($packet:ident)+) => {
        $(impl<'a> From<$packet<'a>> for Packet<'a> {
            fn from(packet: $packet<'a>) -> Self {
                Self::$packet(packet)
            }
        })+
    };
}

from! { Connect Connack Publish Subscribe Unsubscribe Disconnect Auth }

/// What is longer must not make the way of the shortest longer.
#[inline(never)]
fn encode_apart(
    packet: &impl Encode,
    cx: Context,
    out: &mut (impl Sink + ?Sized),
) -> Result<usize, EncodeError> {
    encode(packet, cx, out)
}

/// PINGREQ or PINGRESP; a DISCONNECT that says only "success" has no more than a fixed header either.
pub(crate) struct Bare;

impl Encode for Bare {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        Lengths::new(cx, 0, 0)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, _: Lengths, out: &mut Writer<'_, S>) {
        out.array([first_byte(cx), 0]);
    }
}

/// The first byte of every packet but PUBLISH.
pub(crate) fn first_byte(cx: Context) -> u8 {
    FIRST_BYTES.get(cx.scope.index()).copied().unwrap_or_default()
}

/// By their numbers.
#[expect(clippy::indexing_slicing, reason = "the compiler does it")]
static FIRST_BYTES: [u8; 16] = {
    let mut table = [0; 16];
    let mut i = 0;
    while i < PacketType::ALL.len() {
        let packet_type = PacketType::ALL[i];
        table[packet_type as usize] = (packet_type as u8) << 4 | packet_type.flags();
        i += 1;
    }
    table
};

/// What stands behind the packet identifier of an acknowledgement, and is the whole of DISCONNECT and AUTH: a reason
/// code and properties, in 5.0 only, where both may be left out from the end.
mod outcome {
    use super::*;
    use crate::property::{Section, section_len};

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<'a, M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<(ReasonCode, Properties<'a>)> {
        let reason = if reader.is_empty() || !reader.cx.version.is_5() {
            // What a client may not say in an AUTH is not accepted here by silence either: the properties that an
            // AUTH must have are missing, too.
            ReasonCode::SUCCESS
        } else {
            reader.reason()?
        };
        let properties = Properties::decode_omittable(reader)?;
        reader.finish(Field::Packet)?;
        Ok((reason, properties))
    }

    /// Whether they say only "success", as in nearly every packet.
    pub(super) fn is_plain(reason: ReasonCode, properties: &Properties<'_>) -> bool {
        reason == ReasonCode::SUCCESS && properties.is_empty()
    }

    /// The lengths of a packet that has these behind its first `lead` bytes.
    #[inline(never)]
    pub(super) fn check(
        lead: usize,
        reason: ReasonCode,
        properties: &Properties<'_>,
        cx: Context,
    ) -> Result<Lengths, EncodeError> {
        if is_plain(reason, properties) && cx.scope != Scope::AUTH {
            return Lengths::new(cx, lead, 0);
        }
        if cx.version.is_5() {
            reason.check_sent(cx)?;
        } else if reason != ReasonCode::SUCCESS {
            return Err(invalid(cx, ErrorKind::NotInVersion, Field::ReasonCode));
        }
        let property_len = properties.property_len(cx)?;
        let section = if property_len == 0 { 0 } else { section_len(cx, property_len) };
        Lengths::new(cx, lead + 1 + section, property_len)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    #[cfg_attr(feature = "small", inline(never))]
    pub(super) fn write<S: Sink + ?Sized>(
        reason: ReasonCode,
        properties: &Properties<'_>,
        property_len: usize,
        cx: Context,
        out: &mut Writer<'_, S>,
    ) {
        out.u8(reason.get());
        if property_len > 0 {
            properties.write_section(cx, property_len, out);
        }
    }
}

/// What SUBSCRIBE, UNSUBSCRIBE and their answers are: a packet identifier, properties, and a list.
mod listed {
    use super::*;
    use crate::property::{Section, section_len};
    use crate::wire::{Element, Seq};

    /// `list` is the length of the list.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn check(
        properties: &Properties<'_>,
        list: usize,
        cx: Context,
    ) -> Result<Lengths, EncodeError> {
        let property_len = properties.property_len(cx)?;
        Ok(Lengths { list, ..Lengths::new(cx, 2 + section_len(cx, property_len) + list, property_len)? })
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn write<'a, T: Element<'a>, S: Sink + ?Sized>(
        packet_id: PacketId,
        properties: &Properties<'_>,
        list: &Seq<'a, T>,
        cx: Context,
        lengths: Lengths,
        out: &mut Writer<'_, S>,
    ) {
        out.start(first_byte(cx), lengths.body, packet_id.to_bytes());
        properties.write_section(cx, lengths.properties, out);
        list.write(cx, lengths.list, out);
    }
}
