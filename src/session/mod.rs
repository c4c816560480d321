//! What outlives a connection: messages that wait for an acknowledgement, and identifiers of messages that were taken.
//! Knows neither client nor server.

mod flow;
mod inbox;
mod list;
mod outbox;
mod record;
mod store;

pub use flow::Flight;
pub(crate) use flow::{Answer, Answered, Arrival, Arrived, Arriving, answered, arrived};
pub use inbox::IncomingSlot;
pub(crate) use inbox::{Inbox, Owed};
pub(crate) use list::{Handle, Linked, Links, List, slot, slot_mut};
pub(crate) use outbox::Outbox;
pub use outbox::OutgoingSlot;
pub use record::{Record, RecordError};
pub use store::{Arrays, Caller, Fixed, FixedCaller, Inline, Keep, Store, StoreError, Tables};
#[cfg(feature = "alloc")]
pub use store::{Boxed, Heap};

use crate::packet::Message;
use crate::spec::{PacketId, Qos, ReasonCode};
use crate::time::Instant;

/// The state of a session, on either side, apart from any connection: plain data that is taken along from one
/// connection to the next, or written down and restored.
///
/// ```
/// use sans_mqtt::{Fixed, Session};
/// // Four messages out of at most 128 bytes each, and eight in, without an allocator.
/// let session = Session::new(Fixed::<4, 128, 8>::default());
/// assert_eq!(session.in_flight(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Session<S> {
    pub(crate) store: S,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    /// How long it outlives its connection, in seconds.
    pub(crate) expiry: u32,
    /// Whether there has been a connection that it outlived so far.
    pub(crate) exists: bool,
    /// Counts connections, so that tokens of an earlier one are known.
    pub(crate) epoch: u32,
    /// When its will is to be published, and when it ends.
    pub(crate) will_at: Instant,
    pub(crate) end_at: Instant,
}

/// What is still to happen to a session without a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timers {
    /// When its will is to be published; `None` if there is none.
    pub will: Option<Instant>,
    /// When it ends; `None` if it does not, or has a connection.
    pub end: Option<Instant>,
}

/// What has become due of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// Publish the will that the CONNECT had; the application has kept it.
    Will,
    /// The session is over: forget it, with its subscriptions and all that waits for it.
    End,
}

impl<S: Store + Default> Default for Session<S> {
    fn default() -> Self {
        Self::new(S::default())
    }
}

impl<S: Store> Session<S> {
    /// A session that does not exist yet, in an empty store.
    pub fn new(store: S) -> Self {
        let (outbox, inbox) = (Outbox::default(), Inbox::default());
        let mut session = Self {
            store,
            outbox,
            inbox,
            expiry: 0,
            exists: false,
            epoch: 0,
            will_at: Instant::NEVER,
            end_at: Instant::NEVER,
        };
        session.outbox.arrange(session.store.tables_mut().outgoing_mut());
        let len = session.store.tables().incoming().len();
        session.inbox.arrange(session.store.tables_mut().incoming_mut(), len);
        session
    }

    /// The same session in another store that has the same tables.
    pub(crate) fn with_store<T>(self, into: impl FnOnce(S) -> T) -> Session<T> {
        let Self { store, outbox, inbox, expiry, exists, epoch, will_at, end_at } = self;
        Session { store: into(store), outbox, inbox, expiry, exists, epoch, will_at, end_at }
    }

    /// Where it is kept.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Where it is kept. The tables themselves are not to be touched.
    pub const fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Whether the session has begun and is not over: a client may ask for it with Clean Start 0. One that is over may still
    /// have a will to publish: [`handle_timeout`](Self::handle_timeout) tells.
    pub const fn exists(&self) -> bool {
        self.exists
    }

    /// How long the session outlives its connection, in seconds: 0 not at all, [`u32::MAX`] for ever, as agreed for
    /// the last connection.
    pub const fn expiry_interval(&self) -> u32 {
        self.expiry
    }

    /// When [`handle_timeout`](Self::handle_timeout) will have something to tell, by the clock of the connections, which has to
    /// be the same for all that have the session: the one deadline of a session between two
    /// connections, of its will and its end.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.will_at.min(self.end_at).or_never()
    }

    /// What is due of the session by now, one thing at a time: ask until it is `None`. Ask, too, when its client has come
    /// back, before [`Server::resume`](crate::Server): a will that was due is to be published; one that was not is not, if the
    /// session goes on `[MQTT-3.1.3-9]`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sans_mqtt::{Config, Due, Event, Heap, Instant, Properties, Server, Session, Step, Timers};
    /// # let mut server: Server<Heap> = Server::new(Instant::from_millis(0), &Config::default(), Session::default());
    /// # let mut out = Vec::new();
    /// # // A will with a delay of 5 s, in a session that lives for 60 s.
    /// # let mut input = &b"\x10\x1D\0\x04MQTT\x05\x04\0\0\x05\x11\0\0\0\x3C\0\0\x05\x18\0\0\0\x05\0\x01w\0\0"[..];
    /// # let mut input = &b"\x10\x1F\0\x04MQTT\x05\x04\0\0\x05\x11\0\0\0\x3C\0\x01a\x05\x18\0\0\0\x05\0\x01w\0\x01x"[..];
    /// # let Step::Event(Event::Connect(_)) = server.handle(Instant::from_millis(0), &mut input, &mut out) else { panic!() };
    /// # server.accept(Properties::EMPTY, &mut out).unwrap();
    /// // A client with a will (delay 5 s) and a session (60 s) is gone without DISCONNECT.
    /// let closed = Instant::from_millis(1000);
    /// server.handle_eof();
    /// let _ = server.handle(closed, &mut &b""[..], &mut out);
    /// let mut session = server.into_session();
    /// assert_eq!(session.poll_timeout(), Some(closed + Duration::from_secs(5)));
    /// assert_eq!(session.handle_timeout(closed), None);
    /// assert_eq!(session.handle_timeout(closed + Duration::from_secs(5)), Some(Due::Will));
    /// assert_eq!(session.poll_timeout(), Some(closed + Duration::from_secs(60)));
    /// assert_eq!(session.handle_timeout(closed + Duration::from_secs(60)), Some(Due::End));
    /// assert_eq!(session.timers(), Timers::default());
    /// ```
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if self.will_at <= now && self.will_at != Instant::NEVER {
            self.will_at = Instant::NEVER;
            return Some(Due::Will);
        }
        if self.end_at <= now && self.end_at != Instant::NEVER {
            self.end_at = Instant::NEVER;
            self.exists = false;
            return Some(Due::End);
        }
        None
    }

    /// Ends the session now: because its client wants a clean start, for example, for which
    /// [`Server::resume`](crate::Server) gave it back. A will that was waiting is due, too `[MQTT-3.1.2-8]`.
    pub fn end(&mut self, now: Instant) {
        if self.will_at != Instant::NEVER {
            self.will_at = self.will_at.min(now);
        }
        self.end_at = now;
    }

    /// What is still to happen. It is no part of the records: whoever keeps a session keeps it as well.
    pub fn timers(&self) -> Timers {
        Timers { will: self.will_at.or_never(), end: self.end_at.or_never() }
    }

    /// Sets what is still to happen, of a session that was restored.
    pub fn set_timers(&mut self, timers: Timers) {
        self.will_at = timers.will.unwrap_or(Instant::NEVER);
        self.end_at = timers.end.unwrap_or(Instant::NEVER);
    }

    /// The connection is over at `now`, with a will that is to be published after so many seconds, if with any.
    pub(crate) fn leave(&mut self, now: Instant, will: Option<u32>) {
        let after = |seconds: u32| now.plus_millis_long(u64::from(seconds) * 1000);
        self.end_at = if self.expiry == u32::MAX { Instant::NEVER } else { after(self.expiry) };
        // It does not wait for longer than the session lives.
        let will_at = will.map_or(Instant::NEVER, |delay| after(delay).min(self.end_at));
        // One that was due and not asked for still is.
        self.will_at = self.will_at.min(will_at);
    }

    /// A connection has the session. A will that was due before is still to be published.
    pub(crate) fn come_back(&mut self, now: Instant) {
        if self.will_at > now {
            self.will_at = Instant::NEVER;
        }
        self.end_at = Instant::NEVER;
    }

    /// The number of packets that wait for an acknowledgement.
    pub fn in_flight(&self) -> u16 {
        self.outbox.len()
    }

    /// The number of messages from the peer that are not done: not acknowledged, or of QoS 2 and not released.
    pub fn incoming_in_flight(&self) -> u16 {
        self.inbox.len()
    }

    /// What a packet identifier of ours waits for.
    pub fn flight(&self, id: PacketId) -> Option<Flight> {
        self.outbox.flight(self.store.tables().outgoing(), id)
    }

    /// A message that waits for an acknowledgement. `None` if there is none, or if the caller keeps it.
    // Where callers keep all messages, the compiler has to see that none is sent again from here.
    #[cfg_attr(feature = "small", inline(always))]
    pub fn message(&self, id: PacketId) -> Option<Message<'_>> {
        let slot = self.outbox.get(self.store.tables().outgoing(), id)?;
        let qos = match slot.flight()? {
            Flight::AtLeastOnce => Qos::AtLeastOnce,
            Flight::ExactlyOnce | Flight::Released => Qos::ExactlyOnce,
            Flight::Subscribe | Flight::Unsubscribe => return None,
        };
        Some(Message { qos, ..slot.keep.message()? })
    }

    /// What is kept of each message that may have to be sent again, in no order, to be made anew between two connections:
    /// a server says what is left of a Message Expiry Interval by then `[MQTT-3.3.2-6]`. The store is not told of it.
    pub fn kept_mut(&mut self) -> impl Iterator<Item = (PacketId, &mut S::Keep)> {
        self.store.tables_mut().outgoing_mut().iter_mut().filter_map(OutgoingSlot::message_mut)
    }

    /// Gives the fewest records that make this session, in their order. How long it lives is not among them: whoever keeps it
    /// keeps [`expiry_interval`](Self::expiry_interval) and the time as well. SUBSCRIBE and UNSUBSCRIBE that wait for an
    /// answer are no part of it, nor are messages that the application has not acknowledged: they come again.
    pub fn export(&self, mut to: impl FnMut(&Record<'_>)) {
        let flying = |lost, to: &mut dyn FnMut(&Record<'_>)| {
            for (id, slot) in
                self.outbox.iter(self.store.tables().outgoing()).filter(|(_, slot)| slot.is_lost() == lost)
            {
                let publish = |qos| Record::Publish { id, qos, message: self.message(id) };
                match slot.flight() {
                    Some(Flight::AtLeastOnce) => to(&publish(Qos::AtLeastOnce)),
                    Some(Flight::ExactlyOnce) => to(&publish(Qos::ExactlyOnce)),
                    Some(Flight::Released) => to(&Record::Release { id }),
                    Some(Flight::Subscribe | Flight::Unsubscribe) | None => {}
                }
            }
        };
        flying(true, &mut to);
        // What is lost is so by the session that begins behind it.
        if self.exists || self.outbox.iter(self.store.tables().outgoing()).any(|(_, slot)| slot.is_lost()) {
            to(&Record::Begin { lost: true });
        }
        flying(false, &mut to);
        self.inbox.taken(self.store.tables().incoming()).for_each(|id| to(&Record::Take { id }));
    }

    /// Does again what a record says. The store is not told of it. Only before a connection has the session. Tokens of messages
    /// that came before mean nothing any more: they can't be told from new ones.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] or [`StoreError::TooLarge`] if a message or the table is too small for what is
    /// restored: a table has to be as long as the one that the records come from, or a multiple of it; one that grows
    /// finds a length.
    pub fn restore(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        match *record {
            Record::Begin { lost } => self.begin(lost),
            Record::Publish { id, qos, message } => {
                let flight = match qos {
                    Qos::ExactlyOnce => Flight::ExactlyOnce,
                    _ => Flight::AtLeastOnce,
                };
                self.restore_flight(id, flight)?;
                if let Some(message) = message {
                    self.keep(id, |keep| keep.keep(&message)).inspect_err(|_| self.drop_flight(id))?;
                }
            }
            Record::Release { id } => match self.flight(id) {
                Some(_) => self.outbox.release(self.store.tables_mut().outgoing_mut(), id, false),
                None => self.restore_flight(id, Flight::Released)?,
            },
            Record::Finish { id } => self.drop_flight(id),
            Record::Take { id } => {
                if self.inbox.find(self.store.tables().incoming(), id).is_none() {
                    self.make_room_for_one();
                    let slots = self.store.tables_mut().incoming_mut();
                    let taken = self.inbox.insert(slots, id, Arrival::Received, ReasonCode::SUCCESS);
                    taken.ok_or(StoreError::Full)?;
                }
            }
            Record::Complete { id } => {
                if let Some((handle, _)) = self.inbox.find(self.store.tables().incoming(), id) {
                    self.inbox.remove(self.store.tables_mut().incoming_mut(), handle);
                }
            }
        }
        Ok(())
    }

    fn restore_flight(&mut self, id: PacketId, flight: Flight) -> Result<(), StoreError> {
        self.drop_flight(id);
        // A table that doubles gets there in sixteen steps.
        for _ in 0..=16 {
            if self.outbox.restore(self.store.tables_mut().outgoing_mut(), id, flight) {
                return Ok(());
            }
            if !self.grow_outgoing() {
                break;
            }
        }
        Err(StoreError::Full)
    }

    #[inline(never)]
    pub(crate) fn drop_flight(&mut self, id: PacketId) {
        self.outbox.remove(self.store.tables_mut().outgoing_mut(), id);
    }

    /// Does something to what is kept of a message.
    pub(crate) fn keep(
        &mut self,
        id: PacketId,
        keep: impl FnOnce(&mut S::Keep) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.outbox.keep(self.store.tables_mut().outgoing_mut(), id).map_or(Err(StoreError::Full), keep)
    }

    /// Forgets what is kept for an identifier that is not in use after all.
    #[cold]
    pub(crate) fn clear_keep(&mut self, id: PacketId) {
        self.outbox.keep(self.store.tables_mut().outgoing_mut(), id).into_iter().for_each(Keep::clear);
    }

    /// A new session begins in place of the one before.
    pub(crate) fn begin(&mut self, lost: bool) {
        self.outbox.rewind(self.store.tables_mut().outgoing_mut(), lost);
        self.inbox.rewind(self.store.tables_mut().incoming_mut(), false);
        self.exists = true;
    }

    /// A connection is over: what the application has not acknowledged comes again, and takes no room until then.
    pub(crate) fn forget_unacknowledged(&mut self) {
        self.inbox.rewind(self.store.tables_mut().incoming_mut(), true);
    }

    /// The session goes on in a new connection.
    pub(crate) fn go_on(&mut self) {
        self.outbox.rewind(self.store.tables_mut().outgoing_mut(), false);
        self.forget_unacknowledged();
    }

    /// The identifier for the next packet, in a table that grows if it can.
    #[inline]
    pub(crate) fn vacant(&mut self) -> Option<PacketId> {
        self.outbox.vacant().or_else(|| {
            self.grow_outgoing();
            self.outbox.vacant()
        })
    }

    #[cold]
    fn grow_outgoing(&mut self) -> bool {
        let grown = self.store.tables_mut().grow_outgoing();
        if grown {
            let slots = self.store.tables_mut().outgoing_mut();
            Outbox::spread(slots);
            self.outbox.arrange(slots);
        }
        grown
    }

    /// Whether one more message can be taken note of, after the table has grown if it must and can.
    #[inline]
    pub(crate) fn make_room_for_one(&mut self) -> bool {
        self.inbox.has_room() || self.grow_incoming()
    }

    #[cold]
    fn grow_incoming(&mut self) -> bool {
        let len = self.store.tables().incoming().len();
        let grown = self.store.tables_mut().grow_incoming();
        if grown {
            self.inbox.arrange(self.store.tables_mut().incoming_mut(), len);
        }
        grown
    }
}
