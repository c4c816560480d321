//! CONNACK.

use super::first_byte;
use crate::error::{ErrorKind, Field};
use crate::property::{Joined, Properties, Property, Section, section_len};
use crate::reason::ReasonCode;
use crate::version::{Sender, Version};
use crate::wire::{Check, Context, Decoded, Mode, Reader, Scope, Sink, invalid, start};

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
    #[inline(never)]
    pub(super) fn read<M: Mode>(mut reader: Reader<'a, '_, M>) -> Decoded<Self> {
        let reader = &mut reader;
        let start = reader.offset();
        let flags = reader.flags(Field::AcknowledgeFlags)?;
        let known = if reader.cx.version == Version::V3_1 { 0 } else { 1 };
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

    #[inline(never)]
    pub(super) fn write<S: Sink + ?Sized>(&self, cx: Context, out: &mut S) -> Check {
        self.write_with(&self.properties, cx, out)
    }

    /// Writes the packet with `own` properties around its own.
    pub(crate) fn encode_with(
        &self,
        version: Version,
        own: &[Option<Property<'_>>],
        out: &mut impl Sink,
    ) -> Check {
        let cx = Context { version, sender: Some(Sender::Server), scope: Scope::CONNACK };
        let (before, behind) = own.split_at_checked(LEADING).unwrap_or((own, &[]));
        self.write_with(&Joined { before, callers: self.properties, behind }, cx, out)
    }

    fn write_with<S: Sink + ?Sized>(&self, properties: &impl Section, cx: Context, out: &mut S) -> Check {
        self.reason.check_sent(cx)?;
        if self.session_present && self.reason != ReasonCode::SUCCESS {
            return Err(invalid(cx, ErrorKind::SessionPresent, Field::SessionPresent));
        }
        if self.session_present && cx.version == Version::V3_1 {
            return Err(invalid(cx, ErrorKind::NotInVersion, Field::SessionPresent));
        }
        let property_len = properties.property_len(cx)?;
        let code = if cx.version.is_5() { Some(self.reason.get()) } else { self.reason.return_code() };
        let lead = [u8::from(self.session_present), code.unwrap_or_default()];
        let body = 2 + section_len(cx, property_len);
        let (mut out, len) = start(cx, first_byte(cx), lead, body, 0, out)?;
        properties.write_section(cx, property_len, &mut out);
        Ok(len)
    }
}
