//! DISCONNECT and AUTH.

use super::{first_byte, outcome};
use crate::error::{EncodeError, ErrorKind, Field};
use crate::property::Properties;
use crate::spec::ReasonCode;
use crate::wire::{Context, Decoded, Encode, Lengths, Mode, Reader, Sink, Writer, invalid};

/// DISCONNECT: the last packet of a connection. Before 5.0 it is empty and only clients send it.
///
/// ```
/// use sans_mqtt::{Disconnect, Packet, ReasonCode, Version};
/// let normal = Packet::from(Disconnect::default());
/// assert_eq!(normal.to_vec(Version::V5_0)?, [0xE0, 0]);
/// let with_will = Disconnect { reason: ReasonCode::DISCONNECT_WITH_WILL_MESSAGE, ..Disconnect::default() };
/// assert_eq!(Packet::from(with_will).to_vec(Version::V5_0)?, [0xE0, 1, 4]);
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Disconnect<'a> {
    /// Why the connection ends; 0 (Normal disconnection) before 5.0.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    #[inline]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let (reason, properties) = outcome::read(reader)?;
        Ok(Self { reason, properties })
    }
}

impl Encode for Disconnect<'_> {
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        outcome::check(0, self.reason, &self.properties, cx)
    }

    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        write(self.reason, &self.properties, lengths, cx, out);
    }
}

/// AUTH: a step of enhanced authentication (5.0).
///
/// The property Authentication Method has to be there.
///
/// ```
/// use sans_mqtt::{Auth, Packet, Property, ReasonCode, Version};
/// let properties = [Property::AuthenticationMethod("SCRAM-SHA-256"), Property::AuthenticationData(b"n,,n=me")];
/// let step = Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&properties).into() };
/// assert_eq!(Packet::from(step).encoded_len(Version::V5_0), Ok(30));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Auth<'a> {
    /// `SUCCESS`, `CONTINUE_AUTHENTICATION` or `RE_AUTHENTICATE`.
    pub reason: ReasonCode,
    /// The method and its data.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    #[inline]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let (reason, properties) = outcome::read(reader)?;
        Ok(Self { reason, properties })
    }
}

impl Encode for Auth<'_> {
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        if !cx.version.is_5() {
            return Err(invalid(cx, ErrorKind::NotInVersion, Field::PacketType));
        }
        outcome::check(0, self.reason, &self.properties, cx)
    }

    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        write(self.reason, &self.properties, lengths, cx, out);
    }
}

#[cfg_attr(not(feature = "small"), inline(always))]
fn write<S: Sink + ?Sized>(
    reason: ReasonCode,
    properties: &Properties<'_>,
    lengths: Lengths,
    cx: Context,
    out: &mut Writer<'_, S>,
) {
    out.u8(first_byte(cx));
    out.varint(lengths.body);
    if lengths.body > 0 {
        outcome::write(reason, properties, lengths.properties, cx, out);
    }
}
