//! CONNACK.

use super::{encode_apart, first_byte, outcome};
use crate::error::{EncodeError, ErrorKind, Field};
use crate::property::{Joined, Own, Properties, Section, section_len};
use crate::spec::{ReasonCode, Scope};
use crate::wire::{Check, Context, Decoded, Encode, Lengths, Mode, Reader, Sink, Writer, encode, invalid};

/// How many of a server's own properties come before the application's. There is no order in the standard, but some
/// compare bytes, and this is what a widely used server does.
const LEADING: usize = 3;

/// CONNACK: the server accepts or refuses a connection.
///
/// ```
/// use sans_mqtt::{Connack, Packet, ReasonCode, Version};
/// let refused = Packet::from(Connack { reason: ReasonCode::NOT_AUTHORIZED, ..Connack::default() });
/// assert_eq!(refused.to_vec(Version::V5_0)?, [0x20, 3, 0, 0x87, 0]);
/// assert_eq!(refused.to_vec(Version::V3_1_1)?, [0x20, 2, 0, 5]);
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Connack<'a> {
    /// Whether the server has a session of this client. Not in 3.1.
    pub session_present: bool,
    /// `SUCCESS`, or why not. Before 5.0 only what has a [`return_code`](ReasonCode::return_code).
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Connack<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let start = reader.offset();
        let flags = reader.flags(Field::AcknowledgeFlags)?;
        let known = if reader.cx.version.is_3_1() { 0 } else { 1 };
        reader.require(flags & !known == 0, ErrorKind::ReservedBit, Field::AcknowledgeFlags, start, flags)?;
        let session_present = flags == 1;
        let reason = reader.reason()?;
        reader.require(
            !session_present || reason == ReasonCode::SUCCESS,
            ErrorKind::SessionPresent,
            Field::SessionPresent,
            start,
            flags,
        )?;
        let properties = Properties::decode(reader, Scope::CONNACK)?;
        reader.finish(Field::Packet)?;
        Ok(Self { session_present, reason, properties })
    }

    #[inline(always)]
    pub(super) fn encode(&self, cx: Context, out: &mut (impl Sink + ?Sized)) -> Check {
        match outcome::is_plain(self.reason, &self.properties) {
            true if !cfg!(feature = "small") => {
                encode(&Self { session_present: self.session_present, ..Self::default() }, cx, out)
            }
            _ => encode_apart(self, cx, out),
        }
    }
}

/// Where the compiler sees that there are no others, only the caller's properties are looked at.
impl Encode for Connack<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        Own { packet: self, properties: &[] }.check(cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        Own { packet: self, properties: &[] }.write(cx, lengths, out);
    }
}

impl<'a> Own<'a, Connack<'a>> {
    fn joined(&self) -> Joined<'a> {
        let (before, behind) = self.properties.split_at_checked(LEADING).unwrap_or((self.properties, &[]));
        Joined { before, callers: self.packet.properties, behind }
    }
}

impl Encode for Own<'_, Connack<'_>> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        let Connack { session_present, reason, .. } = *self.packet;
        reason.check_sent(cx)?;
        if session_present && reason != ReasonCode::SUCCESS {
            return Err(invalid(cx, ErrorKind::SessionPresent, Field::SessionPresent));
        }
        if session_present && cx.version.is_3_1() {
            return Err(invalid(cx, ErrorKind::NotInVersion, Field::SessionPresent));
        }
        let property_len = self.joined().property_len(cx)?;
        Lengths::new(cx, 2 + section_len(cx, property_len), property_len)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        let Connack { session_present, reason, .. } = *self.packet;
        let code = if cx.version.is_5() { Some(reason.get()) } else { reason.return_code() };
        out.start(first_byte(cx), lengths.body, [u8::from(session_present), code.unwrap_or_default()]);
        self.joined().write_section(cx, lengths.properties, out);
    }
}
