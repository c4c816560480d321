//! PUBACK, PUBREC, PUBREL and PUBCOMP: one shape.

use super::{encode_apart, first_byte, outcome};
use crate::error::EncodeError;
use crate::property::Properties;
use crate::spec::{PacketId, ReasonCode, Scope};
use crate::wire::{Check, Context, Decoded, Encode, Lengths, Mode, Reader, Sink, Writer, encode};

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
///
/// Before 5.0 the packet identifier is all there is. In 5.0 a packet that says only "success" is written in its short
/// form, without reason code and properties.
///
/// ```
/// use sans_mqtt::{Ack, Packet, PacketId, ReasonCode, Version};
/// let puback = Packet::Puback(Ack { packet_id: PacketId::MIN, ..Ack::default() });
/// assert_eq!(puback.to_vec(Version::V5_0)?, [0x40, 2, 0, 1]);
/// let refused = Packet::Puback(Ack { reason: ReasonCode::QUOTA_EXCEEDED, ..Ack::default() });
/// assert_eq!(refused.to_vec(Version::V5_0)?, [0x40, 3, 0, 1, 0x97]);
/// assert!(refused.to_vec(Version::V3_1_1).is_err()); // which knows no reason code there
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ack<'a> {
    /// The packet identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// What became of it: 5.0 only, `SUCCESS` before.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let packet_id = reader.packet_id()?;
        let (reason, properties) = outcome::read(reader)?;
        Ok(Self { packet_id, reason, properties })
    }

    #[inline(always)]
    pub(super) fn encode(&self, cx: Context, out: &mut (impl Sink + ?Sized)) -> Check {
        match outcome::is_plain(self.reason, &self.properties) {
            true => encode(&PlainAck(self.packet_id), cx, out),
            false => encode_apart(self, cx, out),
        }
    }
}

/// An [`Ack`] that says only "success": in no version it has more than the packet identifier.
pub(crate) struct PlainAck(pub(crate) PacketId);

impl PlainAck {
    /// What a packet with this first byte and these two behind its length is, if it is one.
    pub(crate) fn read(first: u8, packet_id: [u8; 2]) -> Option<(Scope, Self)> {
        let packet_id = PacketId::new(u16::from_be_bytes(packet_id))?;
        let scope = match first {
            0x40 => Scope::PUBACK,
            0x50 => Scope::PUBREC,
            0x62 => Scope::PUBREL,
            0x70 => Scope::PUBCOMP,
            _ => return None,
        };
        Some((scope, Self(packet_id)))
    }
}

impl Encode for PlainAck {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        Lengths::new(cx, 2, 0)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, _: Lengths, out: &mut Writer<'_, S>) {
        out.start(first_byte(cx), 2, self.0.to_bytes());
    }
}

impl Encode for Ack<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        outcome::check(2, self.reason, &self.properties, cx)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        out.start(first_byte(cx), lengths.body, self.packet_id.to_bytes());
        if lengths.body > 2 {
            outcome::write(self.reason, &self.properties, lengths.properties, cx, out);
        }
    }
}
