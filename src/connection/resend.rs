//! What an earlier connection left: it is sent again, or the application is told that it is dropped.

use super::alias::Aliases;
use super::{Connection, Flow, Role, Stop, UsageError};
use crate::packet::Message;
use crate::property::{Joined, Properties};
use crate::session::{Flight, Keep, Record, Session, Store, Tables};
use crate::spec::{PacketId, Qos, ReasonCode, Scope};
use crate::wire::Sink;

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// Whether something of an earlier connection has to be sent before a new message.
    pub(super) fn is_resuming(&self) -> bool {
        let left = self.session.outbox.first_owed() | self.dropped.map_or(0, PacketId::get);
        left != 0 && self.has_more_to_send()
    }

    /// PUBREL is part of it, also that of a message that is given up: it makes a place in the peer's table, which may be
    /// full.
    #[cold]
    #[inline(never)]
    fn has_more_to_send(&self) -> bool {
        let outbox = &self.session.outbox;
        let left = [outbox.unreleased(), outbox.unsent(), self.dropped];
        let is_lost =
            |id| outbox.get(self.session.store.tables().outgoing(), id).is_none_or(|slot| slot.is_lost());
        outbox.is_resuming() || left.into_iter().flatten().any(|id| !is_lost(id))
    }

    /// Does what was put off until the application has taken the last event.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn settle(&mut self) -> Flow<()> {
        if self.taken != 0 {
            self.take(self.taken, self.taken_reason).map_err(|_| Stop::Store)?;
            (self.taken, self.taken_reason) = (0, ReasonCode::SUCCESS);
        }
        if let Some(id) = self.dropped {
            self.settle_dropped(id)?;
            self.dropped = None;
        }
        Ok(())
    }

    /// The application has been told that a packet is dropped: it is forgotten, or released if the peer may have it.
    #[cold]
    fn settle_dropped(&mut self, id: PacketId) -> Flow<()> {
        let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id);
        if slot.is_some_and(|slot| slot.flight() == Some(Flight::ExactlyOnce) && !slot.is_lost()) {
            self.record(&Record::Release { id })?;
            self.session.outbox.release(self.session.store.tables_mut().outgoing_mut(), id, false);
            self.session.clear_keep(id);
            return Ok(());
        }
        if !matches!(self.session.flight(id), Some(Flight::Subscribe | Flight::Unsubscribe) | None) {
            self.record(&Record::Finish { id })?;
        }
        self.session.drop_flight(id);
        Ok(())
    }

    /// Sends what an earlier connection left, in order and as far as there is room and the peer allows. Gives the first
    /// message that is lost instead.
    pub(super) fn resend_next(&mut self, out: &mut (impl Sink + ?Sized)) -> Option<PacketId> {
        let outbox = &self.session.outbox;
        if outbox.first_owed() == 0 || self.payload_left() != 0 {
            return None;
        }
        self.resend_all(out)
    }

    #[inline(never)]
    fn resend_all(&mut self, out: &mut (impl Sink + ?Sized)) -> Option<PacketId> {
        while let Some(id) = self.session.outbox.next_unsent() {
            let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id)?;
            if slot.is_lost() {
                return Some(self.drop_next(id));
            }
            let id = self.session.outbox.unsent()?;
            let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id)?;
            if slot.is_lost() || slot.is_dropped() {
                return Some(self.drop_next(id));
            }
            let message = self.session.message(id)?;
            match self.resend_message(id, &message, 0, out) {
                Ok(()) => self.session.outbox.resent(self.session.store.tables_mut().outgoing_mut(), id),
                Err(UsageError::NoRoom(_) | UsageError::WindowFull(_)) => return None,
                // The new connection's limits do not allow it.
                Err(_) => self.session.outbox.give_up(self.session.store.tables_mut().outgoing_mut(), id),
            }
        }
        None
    }

    fn drop_next(&mut self, id: PacketId) -> PacketId {
        self.session.outbox.pass(self.session.store.tables_mut().outgoing_mut(), id);
        self.dropped = Some(id);
        id
    }

    fn resend_message(
        &self,
        id: PacketId,
        message: &Message<'_>,
        more: u32,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.check_window()?;
        self.check_message(message)?;
        let publish = message.publish(id, true);
        // No headroom: what fitted into the sink once has to fit again.
        self.send(&publish.part(more as usize, false, &self.carried(message)), Scope::PUBLISH, out)
    }

    /// The properties of a message that began in another connection, which may have had a newer version: what this one can't
    /// say is no reason to lose it.
    fn carried<'p>(&self, message: &Message<'p>) -> Joined<'p> {
        Joined::of(if self.version.is_5() { message.properties } else { Properties::EMPTY })
    }

    /// The message that the caller keeps and has to give now.
    pub(super) fn asks_for(&self) -> Option<PacketId> {
        let id = self.session.outbox.unsent().filter(|_| self.is_open() && self.payload_left() == 0)?;
        let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id)?;
        let wanted = !slot.is_lost() && !slot.is_dropped();
        (self.has_window() && wanted && self.session.message(id).is_none()).then_some(id)
    }

    /// Sends again the message that [`Wait::Resend`](super::Wait::Resend) asks for; before 5.0 without its properties.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if it is another one; [`UsageError::NoRoom`]; and others if it can't be sent:
    /// [`abandon`](Self::abandon) it then.
    pub fn resend(
        &mut self,
        id: PacketId,
        message: &Message<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.send_again(id, message, 0, out)
    }

    /// `more` bytes of payload are the caller's to write.
    pub(super) fn send_again(
        &mut self,
        id: PacketId,
        message: &Message<'_>,
        more: u32,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.check_payload()?;
        if self.asks_for() != Some(id) {
            return Err(UsageError::NotAsked);
        }
        let qos = self.session.flight(id).map_or(Qos::AtMostOnce, Flight::qos);
        self.resend_message(id, &Message { qos, ..*message }, more, out)?;
        self.session.outbox.resent(self.session.store.tables_mut().outgoing_mut(), id);
        self.sent = true;
        Ok(())
    }

    /// Gives up the message that [`Wait::Resend`](super::Wait::Resend) asks for. Its [`Event::Dropped`](super::Event::Dropped) comes next.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if it is another one.
    pub fn abandon(&mut self, id: PacketId) -> Result<(), UsageError> {
        if self.asks_for() != Some(id) {
            return Err(UsageError::NotAsked);
        }
        self.session.outbox.give_up(self.session.store.tables_mut().outgoing_mut(), id);
        Ok(())
    }

    /// Sends a message again as a new one whose session is lost: during its [`Event::Dropped`](super::Event::Dropped), with
    /// the identifier that it had, and without a copy. If it was [`Released`](Flight::Released), the peer had it already.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if no such event is at hand or the caller keeps the message; else as
    /// [`publish`](Self::publish). It stays dropped then.
    pub fn requeue(&mut self, id: PacketId, out: &mut (impl Sink + ?Sized)) -> Result<(), UsageError> {
        self.check_open()?;
        let slots = self.session.store.tables().outgoing();
        let slot =
            self.session.outbox.get(slots, id).filter(|slot| self.dropped == Some(id) && slot.is_lost());
        let qos = slot.and_then(|slot| slot.flight()).map_or(Qos::AtMostOnce, Flight::qos);
        if qos == Qos::AtMostOnce {
            return Err(UsageError::NotAsked);
        }
        self.check_window()?;
        // What is kept is taken out for as long as the store is told.
        let mut kept = S::Keep::default();
        self.swap_keep(id, &mut kept);
        let sent = match kept.message() {
            None => Err(UsageError::NotAsked),
            Some(message) => self.send_requeued(id, &Message { qos, ..message }, out),
        };
        self.swap_keep(id, &mut kept);
        sent?;
        let flight = if qos == Qos::ExactlyOnce { Flight::ExactlyOnce } else { Flight::AtLeastOnce };
        self.session.outbox.renew(self.session.store.tables_mut().outgoing_mut(), id, flight);
        self.dropped = None;
        self.sent = true;
        Ok(())
    }

    fn swap_keep(&mut self, id: PacketId, keep: &mut S::Keep) {
        let kept = self.session.outbox.keep(self.session.store.tables_mut().outgoing_mut(), id);
        kept.into_iter().for_each(|kept| core::mem::swap(kept, keep));
    }

    fn send_requeued(
        &mut self,
        id: PacketId,
        message: &Message<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.check_message(message)?;
        let publish = message.publish(id, false);
        // The one in place of the other: a log that ends between them has lost the message, as the session had.
        let note = |session: &mut Session<S>| {
            session.store.record(&Record::Finish { id })?;
            session.store.record(&Record::Publish { id, qos: message.qos, message: Some(*message) })
        };
        self.send_part(&publish.part(0, false, &self.carried(message)), 0, note, out)
    }

    /// How far a packet is, of which the application does not know yet that it is dropped.
    pub(super) fn untold(&self, id: PacketId) -> Option<Flight> {
        let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id)?;
        let flight = slot.flight()?;
        let told = slot.is_dropped() && flight == Flight::Released;
        if told { None } else { Some(flight) }
    }
}
