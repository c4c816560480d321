//! How the packets of commands are written.

use super::config::{Room, Service};
use super::{Connection, Role, UsageError};
use crate::packet::first_byte;
use crate::property::Properties;
use crate::spec::{PacketId, ReasonCode, Scope, Version};
use crate::wire::{Context, Encode, Lengths, Sink, Unseen, Writer};

impl<R: Role, S, A> Connection<R, S, A> {
    /// What the peer takes.
    pub(super) const fn peer(&self) -> &Room {
        if Version::HAS_5 { &self.peer } else { &Room::UNSAID }
    }

    /// What a client may ask of its server.
    pub(super) const fn service(&self) -> &Service {
        if Version::HAS_5 { &self.service } else { &Service::UNSAID }
    }

    /// What a packet of this side is checked and written in.
    pub(super) fn context(&self, scope: Scope) -> Context {
        Context { version: self.version, sender: Some(R::SENDER), scope }
    }

    /// Whether a packet is right and not too large for the peer, and there is room for it, and for `headroom` bytes more.
    /// Nothing can fail any more then.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn prepare(
        &self,
        packet: &impl Encode,
        scope: Scope,
        headroom: usize,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Lengths, UsageError> {
        let lengths = packet.check(self.context(scope))?;
        let (size, limit) = (lengths.packet(), self.peer().maximum_packet_size);
        if size > limit as usize {
            return Err(UsageError::TooLarge { size, limit });
        }
        let needed = size - packet.later() + headroom;
        if !out.reserve(needed) {
            return Err(UsageError::NoRoom(needed));
        }
        Ok(lengths)
    }

    /// Writes a packet that was prepared.
    #[inline(always)]
    pub(super) fn write(
        &self,
        packet: &impl Encode,
        scope: Scope,
        lengths: Lengths,
        out: &mut (impl Sink + ?Sized),
    ) {
        packet.write(self.context(scope), lengths, &mut Writer(out));
    }

    /// Writes a packet of a command that changes nothing but what the caller of this does then.
    pub(super) fn send(
        &self,
        packet: &impl Encode,
        scope: Scope,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        let lengths = self.prepare(packet, scope, 0, out)?;
        self.write(packet, scope, lengths, out);
        Ok(())
    }

    /// Writes an acknowledgement without properties, which can't be wrong, to a sink that has room for it.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn put_ack(
        &mut self,
        scope: Scope,
        id: PacketId,
        reason: ReasonCode,
        out: &mut (impl Sink + ?Sized),
    ) {
        let (first, [high, low]) = (first_byte(self.context(scope)), id.to_bytes());
        match reason {
            ReasonCode::SUCCESS => self.put(&[first, 2, high, low], out),
            _ => self.put(&[first, 3, high, low, reason.get()], out),
        }
    }

    /// Writes a packet that is owed.
    pub(super) fn put(&mut self, packet: &[u8], out: &mut (impl Sink + ?Sized)) {
        out.put(packet);
        self.sent = true;
    }
}

/// Writes a packet without the properties that the peer does not want, and if it is too large for the peer without Reason
/// String, and then without User Properties.
pub(super) fn fitting<'p>(
    properties: Properties<'p>,
    unwanted: Unseen,
    mut write: impl FnMut(Properties<'p>) -> Result<(), UsageError>,
) -> Result<(), UsageError> {
    if properties.is_empty() {
        return write(properties);
    }
    let properties = properties.without(unwanted);
    let whole = write(properties);
    let Err(UsageError::TooLarge { .. }) = whole else { return whole };
    let shorter = write(properties.without(Unseen::REASON));
    let Err(UsageError::TooLarge { .. }) = shorter else { return shorter };
    write(properties.without(Unseen::PROBLEM))
}
