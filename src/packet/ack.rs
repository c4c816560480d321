//! PUBACK, PUBREC, PUBREL and PUBCOMP: one shape.

use super::{PacketId, first_byte, outcome};
use crate::property::Properties;
use crate::reason::ReasonCode;
use crate::wire::{Check, Context, Decoded, Mode, Reader, Sink, start};

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
    #[inline(always)]
    pub(super) fn read<M: Mode>(mut reader: Reader<'a, '_, M>) -> Decoded<Self> {
        let reader = &mut reader;
        let packet_id = reader.packet_id()?;
        let (reason, properties) = outcome::read(reader)?;
        Ok(Self { packet_id, reason, properties })
    }

    #[inline(always)]
    pub(super) fn write<S: Sink + ?Sized>(&self, cx: Context, out: &mut S) -> Check {
        // Nearly every one says only "success", which takes no reason code and no properties in any version.
        if self.reason == ReasonCode::SUCCESS && self.properties.is_empty() {
            let (_, len) = start(cx, first_byte(cx), self.packet_id.to_bytes(), 2, 0, out)?;
            return Ok(len);
        }
        self.write_long(cx, out)
    }

    #[inline(never)]
    fn write_long<S: Sink + ?Sized>(&self, cx: Context, out: &mut S) -> Check {
        let lens = outcome::len(self.reason, self.properties, cx)?;
        let (mut out, len) = start(cx, first_byte(cx), self.packet_id.to_bytes(), 2 + lens.0, 0, out)?;
        outcome::write(self.reason, self.properties, lens, cx, &mut out);
        Ok(len)
    }
}
