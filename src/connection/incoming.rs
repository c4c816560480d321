//! Messages of the peer, and what is owed for them.

use super::alias::{Aliases, TopicTable};
use super::output::fitting;
use super::{AckError, AckToken, Acknowledge, Connection, Event, Flow, Incoming, Role, Stop, UsageError};
use crate::error::{ErrorKind, Field};
use crate::packet::{Ack, Publish, first_byte};
use crate::property::Properties;
use crate::session::{Arrival, Arrived, Arriving, Handle, Owed, Record, Store, StoreError, Tables, arrived};
use crate::spec::{Delivery, PacketId, PropertyId, ReasonCode, Scope, Sender};
use crate::wire::{Encode, Sink};

/// The longest acknowledgement that is sent without properties.
pub(super) const ACK: usize = 5;

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// Acknowledges a message, or with an error refuses it (5.0 only: before, any reason acknowledges it). Messages may be
    /// acknowledged in any order; what is sent keeps the order in which they came `[MQTT-4.6.0-2]` `[MQTT-4.6.0-3]`.
    ///
    /// A message of QoS 2 counts as taken from now on, even if the connection is lost before the peer knows.
    ///
    /// # Errors
    ///
    /// [`UsageError::StaleToken`], [`UsageError::Encode`] for a reason code that the packet can't carry, and
    /// [`UsageError::Store`]; with the token, to be used again. Never for lack of room: what can't be sent now is sent
    /// as soon as it can.
    pub fn ack(
        &mut self,
        token: AckToken,
        reason: ReasonCode,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), AckError> {
        match self.try_ack(&token, reason, Properties::EMPTY) {
            Ok(()) => {
                // Behind a DISCONNECT nothing may be sent.
                if self.is_open() {
                    self.send_owed(out);
                }
                Ok(())
            }
            Err(error) => Err(AckError { token, error }),
        }
    }

    /// [`ack`](Self::ack) with a Reason String or User Properties (5.0). They are good for a log of the peer's: they are left
    /// out if the acknowledgement has to wait, for room or for those before it, if the client asked for no Problem
    /// Information, and as far as they are too much for the peer's Maximum Packet Size.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn ack_with(
        &mut self,
        token: AckToken,
        reason: ReasonCode,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), AckError> {
        match self.try_ack(&token, reason, properties) {
            Ok(()) => {
                if self.is_open() {
                    self.send_owed_with(token.handle, properties, out);
                    self.send_owed(out);
                }
                Ok(())
            }
            Err(error) => Err(AckError { token, error }),
        }
    }

    /// Sends the acknowledgements that are owed up to that in `handle`, which has properties.
    fn send_owed_with(&mut self, handle: Handle, properties: Properties<'_>, out: &mut (impl Sink + ?Sized)) {
        if self.payload_left() != 0 || !self.version.is_5() || properties.is_empty() {
            return;
        }
        while let Some(owed) = self.session.inbox.owed(self.session.store.tables().incoming()) {
            if owed.handle == handle {
                let Owed { id: packet_id, arrival, reason, .. } = owed;
                // What can't be sent now goes without.
                let sent = fitting(properties, self.unwanted(), |properties| {
                    let scope = if arrival == Arrival::Owed1 { Scope::PUBACK } else { Scope::PUBREC };
                    self.send(&Ack { packet_id, reason, properties }, scope, out)
                });
                if sent.is_ok() {
                    self.acked_to_peer(owed);
                    self.sent = true;
                }
                return;
            }
            if !out.reserve(ACK) {
                return;
            }
            self.send_ack(owed, out);
        }
    }

    fn try_ack(
        &mut self,
        token: &AckToken,
        reason: ReasonCode,
        properties: Properties<'_>,
    ) -> Result<(), UsageError> {
        let slots = self.session.store.tables().incoming();
        let Some((id, arrival)) = self.session.inbox.get(slots, token.handle) else {
            return Err(UsageError::StaleToken);
        };
        let held = matches!(arrival, Arrival::Held1 | Arrival::Held2);
        if token.epoch != self.session.epoch || id != token.id || !held {
            return Err(UsageError::StaleToken);
        }
        if self.version.is_5() {
            let scope = if arrival == Arrival::Held1 { Scope::PUBACK } else { Scope::PUBREC };
            Ack { packet_id: id, reason, properties }.check(self.context(scope))?;
        }
        self.take(token.handle, reason)?;
        Ok(())
    }

    /// The application has taken a message, or refuses it.
    pub(super) fn take(&mut self, handle: Handle, reason: ReasonCode) -> Result<(), StoreError> {
        let reason = if self.version.is_5() { reason } else { ReasonCode::SUCCESS };
        let Some((id, arrival)) = self.session.inbox.get(self.session.store.tables().incoming(), handle)
        else {
            return Ok(());
        };
        let next = match arrival {
            Arrival::Held1 => Arrival::Owed1,
            Arrival::Held2 if reason.is_error() => Arrival::Refused2,
            Arrival::Held2 => {
                self.session.store.record(&Record::Take { id })?;
                Arrival::Owed2
            }
            _ => return Ok(()),
        };
        self.session.inbox.set(self.session.store.tables_mut().incoming_mut(), handle, next, reason);
        Ok(())
    }

    /// Sends the acknowledgements that are owed, as far as there is room.
    pub(super) fn send_owed(&mut self, out: &mut (impl Sink + ?Sized)) {
        if self.payload_left() != 0 {
            return;
        }
        // A call for nothing takes time, and a look before it room.
        if cfg!(feature = "small") || self.pings > 0 {
            self.send_pings(out);
        }
        while let Some(owed) = self.session.inbox.owed(self.session.store.tables().incoming()) {
            if !out.reserve(ACK) {
                return;
            }
            self.send_ack(owed, out);
        }
        while let Some(id) = self.session.outbox.unreleased() {
            let lost = self
                .session
                .outbox
                .get(self.session.store.tables().outgoing(), id)
                .is_none_or(|slot| slot.is_lost());
            if lost || !out.reserve(ACK) {
                return;
            }
            self.put_ack(Scope::PUBREL, id, ReasonCode::SUCCESS, out);
            self.session.outbox.pass(self.session.store.tables_mut().outgoing_mut(), id);
        }
    }

    #[inline]
    fn send_ack(&mut self, owed: Owed, out: &mut (impl Sink + ?Sized)) {
        let Owed { id, arrival, reason, .. } = owed;
        let scope = match arrival {
            Arrival::Owed1 => Scope::PUBACK,
            Arrival::Completed => Scope::PUBCOMP,
            _ => Scope::PUBREC,
        };
        self.acked_to_peer(owed);
        self.put_ack(scope, id, reason, out);
    }

    /// An acknowledgement is sent.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn acked_to_peer(&mut self, owed: Owed) {
        let slots = self.session.store.tables_mut().incoming_mut();
        if owed.arrival == Arrival::Owed2 {
            self.session.inbox.set(slots, owed.handle, Arrival::Received, ReasonCode::SUCCESS);
        } else {
            self.session.inbox.remove(slots, owed.handle);
        }
    }

    /// Sends PINGRESP and PINGREQ that are owed.
    #[cold]
    #[inline(never)]
    pub(super) fn send_pings(&mut self, out: &mut (impl Sink + ?Sized)) {
        if self.payload_left() != 0 {
            return;
        }
        while self.pings > 0 && out.reserve(2) {
            self.pings -= 1;
            let scope = if matches!(R::SENDER, Sender::Client) { Scope::PINGREQ } else { Scope::PINGRESP };
            self.put(&[first_byte(self.context(scope)), 0], out);
        }
    }

    /// An answer that can't be owed has to wait for the end of a payload.
    pub(super) fn can_answer(&self) -> Flow<()> {
        if self.payload_left() != 0 { Err(Stop::Payload) } else { Ok(()) }
    }

    /// A message came.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn published<'i>(&mut self, publish: &Publish<'i>) -> Flow<Option<Event<'i>>> {
        let incoming = self.admit(publish)?;
        let Publish { dup, delivery, .. } = *publish;
        if self.arriving(delivery, dup)? == Arrived::Deliver {
            let token = self.note_delivery(delivery);
            return Ok(Some(Event::Publish(incoming, token)));
        }
        self.note_repeat(delivery)?;
        Ok(None)
    }

    /// Whether a message may come at all.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn admit<'i>(&mut self, publish: &Publish<'i>) -> Flow<Incoming<'i>> {
        let Publish { dup, retain, delivery, topic, properties, payload } = *publish;
        if let Some(alias) = if properties.is_empty() { None } else { properties.topic_alias() } {
            self.resolve(alias, topic)?;
        }
        let qos = delivery.qos();
        if matches!(R::SENDER, Sender::Server) && self.version.is_5() {
            if qos > self.service.maximum_qos {
                let (value, limit) = (qos as u32, self.service.maximum_qos as u32);
                return Err(self.beyond(ErrorKind::MaximumQos, Field::Qos, Scope::PUBLISH, value, limit));
            }
            if retain && !self.service.retain_available {
                return Err(self.violation(ErrorKind::RetainNotAvailable, Field::Retain, Scope::PUBLISH));
            }
        }
        Ok(Incoming { topic, qos, retain, dup, properties, payload })
    }

    /// A message came with an alias, which stands for its topic or is to stand for it from now on.
    #[cold]
    fn resolve(&mut self, alias: u16, topic: &str) -> Flow<()> {
        let field = Field::Property(PropertyId::TopicAlias);
        // Who has no table at all links nothing of it.
        let maximum = self.own.topic_alias_maximum.min(self.aliases.incoming().capacity());
        if alias > maximum {
            let (value, limit) = (alias.into(), maximum.into());
            return Err(self.beyond(ErrorKind::TopicAlias, field, Scope::PUBLISH, value, limit));
        }
        if topic.is_empty() && self.aliases.incoming().get(alias).is_none() {
            return Err(self.violation(ErrorKind::UnknownTopicAlias, field, Scope::PUBLISH));
        }
        if !topic.is_empty() && !self.aliases.incoming_mut().set(alias, topic) {
            return Err(self.violation(ErrorKind::TopicTableFull, Field::TopicName, Scope::PUBLISH));
        }
        Ok(())
    }

    /// What to do about a message, for which there is room then if it is new.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn arriving(&mut self, delivery: Delivery, dup: bool) -> Flow<Arrived> {
        let (id, packet) = match delivery {
            Delivery::AtMostOnce => return Ok(Arrived::Deliver),
            Delivery::AtLeastOnce(id) => (id, Arriving::Publish1 { dup }),
            Delivery::ExactlyOnce(id) => (id, Arriving::Publish2),
        };
        let found = self.session.inbox.find(self.session.store.tables().incoming(), id);
        match arrived(found.map(|(_, arrival)| arrival), packet, self.version) {
            Arrived::Deliver => {
                self.check_quota()?;
                if !self.session.make_room_for_one() {
                    return Err(self.no_room());
                }
                Ok(Arrived::Deliver)
            }
            what @ (Arrived::Repeat | Arrived::Ignore) => Ok(what),
            _ => Err(self.violation(ErrorKind::PacketIdInUse, Field::PacketId, Scope::PUBLISH)),
        }
    }

    /// A message was skipped: it is acknowledged as one that is refused.
    pub(super) fn note_skipped(&mut self, delivery: Delivery) {
        if let Some(token) = self.note_delivery(delivery) {
            self.taken = token.handle;
        }
        // At QoS 0 there is nothing to say, nor of the message behind it.
        if self.taken != 0 {
            self.taken_reason = ReasonCode::QUOTA_EXCEEDED;
        }
    }

    /// Takes note of a new message; gives the right to acknowledge it if that is up to the application.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn note_delivery(&mut self, delivery: Delivery) -> Option<AckToken> {
        let (id, arrival) = match delivery {
            Delivery::AtMostOnce => return None,
            Delivery::AtLeastOnce(id) => (id, Arrival::Held1),
            Delivery::ExactlyOnce(id) => (id, Arrival::Held2),
        };
        let slots = self.session.store.tables_mut().incoming_mut();
        let handle = self.session.inbox.insert(slots, id, arrival, ReasonCode::SUCCESS).unwrap_or_default();
        self.session.inbox.charge(slots, handle);
        match self.acknowledge {
            Acknowledge::Manual => Some(AckToken { epoch: self.session.epoch, handle, id }),
            Acknowledge::Automatic => {
                self.taken = handle;
                None
            }
        }
    }

    /// A message that was taken came again: PUBREC is owed again, and in this connection it counts anew.
    pub(super) fn note_repeat(&mut self, delivery: Delivery) -> Flow<()> {
        let Delivery::ExactlyOnce(id) = delivery else { return Ok(()) };
        let found = self.session.inbox.find(self.session.store.tables().incoming(), id);
        let Some((handle, Arrival::Received)) = found else { return Ok(()) };
        if !self.session.inbox.is_charged(self.session.store.tables().incoming(), handle) {
            self.check_quota()?;
            self.session.inbox.charge(self.session.store.tables_mut().incoming_mut(), handle);
        }
        let slots = self.session.store.tables_mut().incoming_mut();
        self.session.inbox.set(slots, handle, Arrival::Owed2, ReasonCode::SUCCESS);
        Ok(())
    }

    /// What makes room in the store: sending an acknowledgement, or the application giving one. If nothing does, the peer
    /// has more messages under way than the store was made for.
    #[cold]
    fn no_room(&mut self) -> Stop {
        let (inbox, slots) = (&self.session.inbox, self.session.store.tables().incoming());
        if inbox.owed(slots).is_some() {
            return self.can_answer().err().unwrap_or(Stop::Write(ACK));
        }
        if inbox.is_held() {
            return Stop::Acknowledge;
        }
        let limit = u32::from(self.session.store.tables().incoming_capacity());
        self.beyond(ErrorKind::StoreFull, Field::PacketId, Scope::PUBLISH, limit + 1, limit)
    }

    /// `[MQTT-3.3.4-7]` `[MQTT-3.3.4-9]`
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check_quota(&mut self) -> Flow<()> {
        if self.version.is_5() && self.session.inbox.charged() >= self.own.receive_maximum {
            let limit = u32::from(self.own.receive_maximum);
            let kind = ErrorKind::ReceiveMaximum;
            return Err(self.beyond(kind, Field::PacketId, Scope::PUBLISH, limit + 1, limit));
        }
        Ok(())
    }

    /// PUBREL came.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn pubrel(&mut self, id: PacketId, out: &mut (impl Sink + ?Sized)) -> Flow<()> {
        let found = self.session.inbox.find(self.session.store.tables().incoming(), id);
        let arrival = found.map(|(_, arrival)| arrival);
        match (arrived(arrival, Arriving::Pubrel, self.version), found) {
            (Arrived::Complete, Some((handle, _))) => {
                self.record(&Record::Complete { id })?;
                let slots = self.session.store.tables_mut().incoming_mut();
                self.session.inbox.set(slots, handle, Arrival::Completed, ReasonCode::SUCCESS);
            }
            (Arrived::NotFound, _) => {
                let reason = self.not_found();
                let slots = self.session.store.tables_mut().incoming_mut();
                if self.session.inbox.insert(slots, id, Arrival::Completed, reason).is_none() {
                    self.can_answer()?;
                    if !out.reserve(ACK) {
                        return Err(Stop::Write(ACK));
                    }
                    self.put_ack(Scope::PUBCOMP, id, reason, out);
                }
            }
            (Arrived::Ignore, _) => {}
            _ => return Err(self.violation(ErrorKind::WrongAck, Field::PacketId, Scope::PUBREL)),
        }
        Ok(())
    }

    /// What is said of an identifier that is not known.
    pub(super) fn not_found(&self) -> ReasonCode {
        if self.version.is_5() { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND } else { ReasonCode::SUCCESS }
    }
}
