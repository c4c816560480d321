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
            session.store.record(&record).inspect_err(|_| session.clear_keep(id))?;
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
    pub(super) fn send_part(
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
    pub(super) fn check_window(&self) -> Result<(), UsageError> {
        if self.has_window() { Ok(()) } else { Err(UsageError::WindowFull(self.peer().receive_maximum)) }
    }

    pub(super) fn has_window(&self) -> bool {
        self.session.outbox.charged() < self.peer().receive_maximum
    }

    /// Whether the peer supports such a message.
    pub(super) fn check_message(&self, message: &Message<'_>) -> Result<(), UsageError> {
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
