//! Messages to the peer, and what it says of them.

use super::alias::{Aliases, Assigned, Assignment, TopicTable};
use super::incoming::ACK;
use super::{Connection, Flow, Role, Stop, UsageError};
use crate::error::{ErrorKind, Field};
use crate::packet::{Message, OnTerms, Prepared, Terms};
use crate::property::{Joined, Properties, Section};
use crate::session::{Answer, Answered, Flight, Keep, Record, Session, Store, StoreError, Tables, answered};
use crate::spec::{PacketId, PropertyId, Qos, ReasonCode, Scope, Sender};
use crate::wire::{Encode, Sink};

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// Sends a message. Gives its packet identifier, by which [`Event::Acked`](super::Event::Acked) or
    /// [`Event::Dropped`](super::Event::Dropped) will speak of it; none at QoS 0.
    ///
    /// # Errors
    ///
    /// [`UsageError`]; nothing has changed then.
    pub fn publish(
        &mut self,
        message: &Message<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        self.send_message(message, None, |keep| keep.keep(message), out)
    }

    /// Sends a message that is kept as `keep`; nothing is copied. What is sent again is what `keep` gives, at the QoS of this
    /// call: with its RETAIN and its properties, not those of `message`.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish). Before 5.0 properties are one; [`publish_prepared`](Self::publish_prepared) leaves them out.
    pub fn publish_kept(
        &mut self,
        message: &Message<'_>,
        keep: S::Keep,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        self.send_message(message, None, kept(keep), out)
    }

    /// Sends a message that was prepared for many, as `terms` say, with properties as far as the version has them; nothing is
    /// checked again. Above QoS 0 it is kept as `keep`, which is what is sent again: it has to say what `terms` say, or nothing
    /// if the caller keeps the message, for which [`Wait::Resend`](super::Wait::Resend) asks then. The store is told of a
    /// message that is kept elsewhere.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    ///
    /// ```
    /// # use sans_mqtt::{Client, Config, Connect, Event, Instant, Session, Step, Version};
    /// use sans_mqtt::{Heap, Message, Prepared, PublishBuf, Qos, Terms};
    /// # let now = Instant::from_millis(0);
    /// # let session = Session::<Heap<Option<PublishBuf>>>::default();
    /// # let mut client = Client::new(Version::V5_0, &Config::default(), session);
    /// # let mut out = Vec::new();
    /// # client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out)?;
    /// # let mut input = &b"\x20\x03\0\0\0"[..];
    /// # assert!(matches!(client.handle(now, &mut input, &mut out), Step::Event(Event::Connected(_))));
    /// # out.clear();
    /// let kept = PublishBuf::try_from(&Message { topic: "attic/door", payload: b"open", ..Message::default() })?;
    /// let prepared = Prepared::new(&kept.message())?;
    /// // and then for each receiver, which has a session in a `Heap<Option<PublishBuf>>`:
    /// let terms = Terms { qos: Qos::AtLeastOnce, ..Terms::default() };
    /// client.publish_prepared(&prepared, &terms, Some(kept.clone()), &mut out)?;
    /// assert_eq!(out, b"\x32\x13\0\x0Aattic/door\0\x01\0open");
    /// # Ok::<(), sans_mqtt::UsageError>(())
    /// ```
    pub fn publish_prepared(
        &mut self,
        prepared: &Prepared<'_>,
        terms: &Terms<'_>,
        keep: S::Keep,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        let Terms { qos, retain, .. } = *terms;
        let message = Message { qos, retain, properties: Properties::EMPTY, ..prepared.message };
        self.check_open()?;
        self.check_message(&message)?;
        let mut put = kept(keep);
        self.send_as(message.topic, |connection, alias| {
            let properties = OnTerms { prepared, terms, alias: alias.map(|assignment| assignment.alias) };
            connection.send_with(&message, Some(0), &properties, alias, &mut put, out)
        })
    }

    /// `more` bytes of payload are the caller's to write, if this is only the head of a message, of which nothing is kept.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn send_message(
        &mut self,
        message: &Message<'_>,
        more: Option<u32>,
        mut keep: impl FnMut(&mut S::Keep) -> Result<(), StoreError>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        self.check_open()?;
        self.check_message(message)?;
        // The usual message. Where code has to be small, it goes the way of the others.
        let plain = more.is_none() && self.peer().topic_alias_maximum == 0 && message.properties.is_empty();
        if plain && !cfg!(feature = "small") {
            return self.send_with(message, None, &Properties::EMPTY, None, &mut keep, out);
        }
        self.send_specially(message, more, keep, out)
    }

    /// In pieces, with properties, or with an alias.
    #[cold]
    #[inline(never)]
    fn send_specially(
        &mut self,
        message: &Message<'_>,
        more: Option<u32>,
        mut keep: impl FnMut(&mut S::Keep) -> Result<(), StoreError>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        self.send_as(message.topic, |connection, alias| {
            let own = [alias.map(|assignment| (PropertyId::TopicAlias, assignment.alias.into()))];
            let before = own.get(usize::from(alias.is_none())..).unwrap_or_default();
            let properties = Joined { before, callers: message.properties, behind: &[] };
            connection.send_with(message, more, &properties, alias, &mut keep, out)
        })
    }

    /// Sends a message to `topic` with its alias, or without if that would take more room than there is.
    fn send_as(
        &mut self,
        topic: &str,
        mut send: impl FnMut(&mut Self, Option<Assignment>) -> Result<Option<PacketId>, UsageError>,
    ) -> Result<Option<PacketId>, UsageError> {
        let alias = if self.peer().topic_alias_maximum == 0 { None } else { self.alias_of(topic) };
        match send(self, alias) {
            Err(UsageError::TooLarge { .. }) if alias.is_some() => send(self, None),
            sent => {
                if sent.is_ok() {
                    self.told(alias);
                }
                sent
            }
        }
    }

    /// Sends a message with these properties, among which is the alias, which stands for the topic if that is known.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn send_with(
        &mut self,
        message: &Message<'_>,
        more: Option<u32>,
        properties: &impl Section,
        alias: Option<Assignment>,
        keep: &mut impl FnMut(&mut S::Keep) -> Result<(), StoreError>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        let later = more.unwrap_or(0) as usize;
        let known = alias.is_some_and(|assignment| assignment.known);
        // Where code has to be small, there is one way for all.
        if message.qos == Qos::AtMostOnce && !cfg!(feature = "small") {
            let publish = message.publish(PacketId::MIN, false);
            self.send_part(&publish.part(later, known, properties), 0, |_| Ok(()), out)?;
            return Ok(None);
        }
        let next = self.next_id(message.qos)?;
        let note = |session: &mut Session<S>| {
            let Some((id, flight)) = next else { return Ok(()) };
            session.keep(id, &mut *keep)?;
            let kept = Some(*message).filter(|_| more.is_none());
            let record = Record::Publish { id, qos: message.qos, message: kept };
            session.store.record(&record).inspect_err(|_| session.forget(id))?;
            session.outbox.insert(session.store.tables_mut().outgoing_mut(), id, flight);
            Ok(())
        };
        let id = next.map(|(id, _)| id);
        let publish = message.publish(id.unwrap_or_default(), false);
        // To be sent again it has its topic, for which there has to be room as well.
        let again = if known && id.is_some() { message.topic.len() } else { 0 };
        self.send_part(&publish.part(later, known, properties), again, note, out)?;
        Ok(id)
    }

    /// The identifier of the next message, and what it will wait for; none at QoS 0.
    fn next_id(&mut self, qos: Qos) -> Result<Option<(PacketId, Flight)>, UsageError> {
        let flight = match qos {
            Qos::AtMostOnce => return Ok(None),
            Qos::AtLeastOnce => Flight::AtLeastOnce,
            Qos::ExactlyOnce => Flight::ExactlyOnce,
        };
        if self.is_resuming() {
            return Err(UsageError::Resuming);
        }
        self.check_window()?;
        Ok(Some((self.session.vacant().ok_or(StoreError::Full)?, flight)))
    }

    /// Writes a message, of which the session takes `note` before its first byte goes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn send_part(
        &mut self,
        part: &impl Encode,
        again: usize,
        note: impl FnOnce(&mut Session<S>) -> Result<(), StoreError>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        let lengths = self.prepare(part, Scope::PUBLISH, usize::from(self.headroom) + again, out)?;
        note(&mut self.session)?;
        self.write(part, Scope::PUBLISH, lengths, out);
        self.sent = true;
        Ok(())
    }

    /// The alias that a topic is sent with.
    #[cold]
    fn alias_of(&mut self, topic: &str) -> Option<Assignment> {
        let (max, table) = (self.peer().topic_alias_maximum, self.aliases.outgoing_mut());
        match self.assign_aliases {
            _ if table.capacity() == 0 => None,
            true if !topic.is_empty() => self.assigned.assign(table, topic, max),
            _ => self.assigned.find(table, topic),
        }
    }

    fn told(&mut self, alias: Option<Assignment>) {
        if let Some(Assignment { alias, known: false }) = alias {
            Assigned::told(self.aliases.outgoing_mut(), alias);
        }
    }

    /// Has messages to `topic` sent with a Topic Alias from now on, as long as this connection lasts and the alias is not
    /// needed for another: that replaces the one that was not used for the longest time. The first message has topic and
    /// alias, later ones only the alias. Gives the alias; `None` if the peer takes none, or the table for what goes out has
    /// no room. What is kept to be sent again has the topic and no alias.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotConnected`].
    ///
    /// ```
    /// # use sans_mqtt::{Client, Config, Connect, Event, Heap, Instant, Message, Step, Wait, Session, Version};
    /// use sans_mqtt::{FixedTopics, NoTopics};
    /// # let (now, config) = (Instant::from_millis(0), Config::default());
    /// let aliases = (NoTopics, FixedTopics::<4, 64>::default());
    /// let mut client = Client::with_aliases(Version::V5_0, &config, Session::<Heap>::default(), aliases);
    /// # let mut out = Vec::new();
    /// # client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out)?;
    /// # let mut input = &b"\x20\x06\0\0\x03\x22\0\x0A"[..]; // it takes ten
    /// # assert!(matches!(client.handle(now, &mut input, &mut out), Step::Event(Event::Connected(_))));
    /// # assert!(matches!(client.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
    /// # out.clear();
    /// assert_eq!(client.alias("attic/temperature")?, Some(1));
    /// let message = Message { topic: "attic/temperature", payload: b"24", ..Message::default() };
    /// client.publish(&message, &mut out)?;
    /// assert_eq!(out, b"\x30\x19\0\x11attic/temperature\x03\x23\0\x0124");
    /// out.clear();
    /// client.publish(&message, &mut out)?;
    /// assert_eq!(out, b"\x30\x08\0\0\x03\x23\0\x0124");
    /// # Ok::<(), sans_mqtt::UsageError>(())
    /// ```
    pub fn alias(&mut self, topic: &str) -> Result<Option<u16>, UsageError> {
        if !self.is_open() {
            return Err(UsageError::NotConnected);
        }
        let (max, table) = (self.peer().topic_alias_maximum, self.aliases.outgoing_mut());
        if topic.is_empty() || max == 0 {
            return Ok(None);
        }
        Ok(self.assigned.assign(table, topic, max).map(|assignment| assignment.alias))
    }

    /// Whether the peer takes one more message `[MQTT-3.3.4-9]`.
    fn check_window(&self) -> Result<(), UsageError> {
        let limit = self.peer().receive_maximum;
        if self.session.outbox.charged() < limit { Ok(()) } else { Err(UsageError::WindowFull(limit)) }
    }

    /// Whether the peer supports such a message.
    fn check_message(&self, message: &Message<'_>) -> Result<(), UsageError> {
        if matches!(R::SENDER, Sender::Client) {
            if message.qos > self.service().maximum_qos {
                return Err(UsageError::NotAvailable(PropertyId::MaximumQos));
            }
            if message.retain && !self.service().retain_available {
                return Err(UsageError::NotAvailable(PropertyId::RetainAvailable));
            }
        }
        if !message.properties.is_empty() && message.properties.topic_alias().is_some() {
            return Err(UsageError::TopicAlias);
        }
        Ok(())
    }

    /// Whether something of an earlier connection has to be sent before a new message.
    fn is_resuming(&self) -> bool {
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
            self.forget(id)?;
            self.dropped = None;
        }
        Ok(())
    }

    /// The application has been told that a message is dropped.
    #[cold]
    fn forget(&mut self, id: PacketId) -> Flow<()> {
        let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id);
        if slot.is_some_and(|slot| slot.flight() == Some(Flight::ExactlyOnce) && !slot.is_lost()) {
            self.record(&Record::Release { id })?;
            self.session.outbox.release(self.session.store.tables_mut().outgoing_mut(), id, false);
            self.session.forget(id);
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
            if self.session.outbox.charged() >= self.peer().receive_maximum {
                return None;
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
        let free = self.session.outbox.charged() < self.peer().receive_maximum;
        (free && wanted && self.session.message(id).is_none()).then_some(id)
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

    /// The packet that is `by` came, and perhaps `explains` why. Gives whether the application is told.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn acked(
        &mut self,
        packet: Scope,
        id: PacketId,
        by: Answer,
        explains: bool,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<bool> {
        match self.answered(id, by, packet)? {
            Answered::Finish => {
                let tell = self.untold(id).is_some();
                self.record(&Record::Finish { id })?;
                self.session.outbox.remove(self.session.store.tables_mut().outgoing_mut(), id);
                return Ok(tell);
            }
            Answered::Release => {
                self.record(&Record::Release { id })?;
                // What goes at once, as nearly every one does, need not be owed.
                let at_once = !cfg!(feature = "small")
                    && self.session.outbox.unreleased().is_none()
                    && self.payload_left() == 0
                    && out.reserve(ACK);
                if at_once {
                    self.put_ack(Scope::PUBREL, id, ReasonCode::SUCCESS, out);
                }
                self.session.outbox.release(self.session.store.tables_mut().outgoing_mut(), id, at_once);
                return Ok(explains && self.untold(id).is_some());
            }
            Answered::ReleaseAgain => {
                self.session.outbox.release_again(self.session.store.tables_mut().outgoing_mut(), id);
            }
            Answered::NotFound => {
                self.can_answer()?;
                if !out.reserve(ACK) {
                    return Err(Stop::Write(ACK));
                }
                self.put_ack(Scope::PUBREL, id, self.not_found(), out);
            }
            Answered::Ignore | Answered::Violation => {}
        }
        Ok(false)
    }

    /// What an acknowledgement means for what is known of its identifier.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn answered(&mut self, id: PacketId, by: Answer, packet: Scope) -> Flow<Answered> {
        let slot = self
            .session
            .outbox
            .get(self.session.store.tables().outgoing(), id)
            .filter(|slot| !slot.is_lost());
        // Nobody can acknowledge what has not been sent to its end.
        let unfinished = self.payload_left() != 0 && self.payload_of == id.get();
        match answered(slot.and_then(|slot| slot.flight()), by) {
            what if what != Answered::Violation && !unfinished => Ok(what),
            _ => Err(self.violation(ErrorKind::WrongAck, Field::PacketId, packet)),
        }
    }

    /// How far a packet is, of which the application does not know yet that it is dropped.
    pub(super) fn untold(&self, id: PacketId) -> Option<Flight> {
        let slot = self.session.outbox.get(self.session.store.tables().outgoing(), id)?;
        let flight = slot.flight()?;
        let told = slot.is_dropped() && flight == Flight::Released;
        if told { None } else { Some(flight) }
    }

    pub(super) fn record(&mut self, record: &Record<'_>) -> Flow<()> {
        self.session.store.record(record).map_err(|_| Stop::Store)
    }
}

/// Puts into a slot what the caller keeps of a message.
fn kept<K: Default>(keep: K) -> impl FnMut(&mut K) -> Result<(), StoreError> {
    let mut keep = Some(keep);
    move |slot| {
        *slot = keep.take().unwrap_or_default();
        Ok(())
    }
}
