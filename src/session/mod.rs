//! What outlives a connection: messages that wait for an acknowledgement, and identifiers of messages that were taken.
//! Knows neither client nor server.

mod flow;
mod inbox;
mod list;
#[cfg(feature = "alloc")]
mod load;
mod outbox;
mod record;
mod state;
mod store;

pub use flow::Flight;
pub(crate) use flow::{Answer, Answered, Arrival, Arrived, Arriving, answered, arrived};
pub use inbox::IncomingSlot;
pub(crate) use inbox::{Inbox, Owed};
pub(crate) use list::{Handle, Linked, Links, List, slot, slot_mut};
#[cfg(feature = "alloc")]
pub(crate) use load::StateError;
pub(crate) use outbox::Outbox;
pub use outbox::OutgoingSlot;
pub use record::{Record, RecordError};
pub use state::SessionState;
pub use store::{Arrays, Caller, Fixed, FixedCaller, Inline, Keep, Store, StoreError};
#[cfg(feature = "alloc")]
pub use store::{Boxed, Heap};

use crate::packet::{PacketId, Qos};
use crate::property::Properties;
use crate::reason::ReasonCode;

/// What an application sends or receives. Packet identifier and DUP are the connection's business.
///
/// ```
/// use sans_mqtt::{Message, Qos};
/// let message = Message { qos: Qos::AtLeastOnce, topic: "attic/temperature", payload: b"24", ..Message::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Message<'a> {
    /// The quality of service.
    pub qos: Qos,
    /// Whether the server keeps it for later subscribers, or (to a subscriber) had kept it.
    pub retain: bool,
    /// The topic name, never empty.
    pub topic: &'a str,
    /// 5.0 only; without a Topic Alias, which belongs to a connection.
    pub properties: Properties<'a>,
    /// The application's data, perhaps none.
    pub payload: &'a [u8],
}

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
        let mut session = Self { store, outbox, inbox, expiry: 0, exists: false, epoch: 0 };
        session.outbox.arrange(session.store.outgoing_mut());
        let len = session.store.incoming().len();
        session.inbox.arrange(session.store.incoming_mut(), len);
        session
    }

    /// The same session in another store that has the same tables.
    pub(crate) fn with_store<T>(self, into: impl FnOnce(S) -> T) -> Session<T> {
        let Self { store, outbox, inbox, expiry, exists, epoch } = self;
        Session { store: into(store), outbox, inbox, expiry, exists, epoch }
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

    /// Whether the session has begun and is not over: a client may ask for it with Clean Start 0.
    pub const fn exists(&self) -> bool {
        self.exists
    }

    /// How long the session outlives its connection, in seconds: 0 not at all, [`u32::MAX`] for ever, as agreed for
    /// the last connection.
    pub const fn expiry_interval(&self) -> u32 {
        self.expiry
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
        self.outbox.flight(self.store.outgoing(), id)
    }

    /// A message that waits for an acknowledgement. `None` if there is none, or if the caller keeps it.
    pub fn message(&self, id: PacketId) -> Option<Message<'_>> {
        let slot = self.outbox.get(self.store.outgoing(), id)?;
        let qos = match slot.flight()? {
            Flight::AtLeastOnce => Qos::AtLeastOnce,
            Flight::ExactlyOnce | Flight::Released => Qos::ExactlyOnce,
            Flight::Subscribe | Flight::Unsubscribe => return None,
        };
        Some(Message { qos, ..slot.keep.message()? })
    }

    /// Gives the fewest records that make this session, in their order. How long it lives is not among them: whoever keeps it
    /// keeps [`expiry_interval`](Self::expiry_interval) and the time as well. SUBSCRIBE and UNSUBSCRIBE that wait for an
    /// answer are no part of it, nor are messages that the application has not acknowledged: they come again.
    pub fn export(&self, mut to: impl FnMut(&Record<'_>)) {
        let flying = |lost, to: &mut dyn FnMut(&Record<'_>)| {
            for (id, slot) in
                self.outbox.iter(self.store.outgoing()).filter(|(_, slot)| slot.is_lost() == lost)
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
        if self.exists || self.outbox.iter(self.store.outgoing()).any(|(_, slot)| slot.is_lost()) {
            to(&Record::Begin { lost: true });
        }
        flying(false, &mut to);
        self.inbox.taken(self.store.incoming()).for_each(|id| to(&Record::Take { id }));
    }

    /// Does again what a record says. The store is not told of it. Only before a connection has the session.
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
                Some(_) => self.outbox.release(self.store.outgoing_mut(), id),
                None => self.restore_flight(id, Flight::Released)?,
            },
            Record::Finish { id } => self.drop_flight(id),
            Record::Take { id } => {
                if self.inbox.find(self.store.incoming(), id).is_none() {
                    self.make_room_for_one();
                    let slots = self.store.incoming_mut();
                    let taken = self.inbox.insert(slots, id, Arrival::Received, ReasonCode::SUCCESS);
                    taken.ok_or(StoreError::Full)?;
                }
            }
            Record::Complete { id } => {
                if let Some((handle, _)) = self.inbox.find(self.store.incoming(), id) {
                    self.inbox.remove(self.store.incoming_mut(), handle);
                }
            }
        }
        Ok(())
    }

    fn restore_flight(&mut self, id: PacketId, flight: Flight) -> Result<(), StoreError> {
        self.drop_flight(id);
        // A table that doubles gets there in sixteen steps.
        for _ in 0..=16 {
            if self.outbox.restore(self.store.outgoing_mut(), id, flight) {
                return Ok(());
            }
            if !self.grow_outgoing() {
                break;
            }
        }
        Err(StoreError::Full)
    }

    pub(crate) fn drop_flight(&mut self, id: PacketId) {
        self.outbox.remove(self.store.outgoing_mut(), id);
    }

    /// Does something to what is kept of a message.
    #[inline(always)]
    pub(crate) fn keep(
        &mut self,
        id: PacketId,
        keep: impl FnOnce(&mut S::Keep) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.outbox.keep(self.store.outgoing_mut(), id).map_or(Err(StoreError::Full), keep)
    }

    /// Forgets what is kept for an identifier that is not in use after all.
    #[cold]
    pub(crate) fn forget(&mut self, id: PacketId) {
        self.outbox.keep(self.store.outgoing_mut(), id).into_iter().for_each(Keep::clear);
    }

    /// A new session begins in place of the one before.
    pub(crate) fn begin(&mut self, lost: bool) {
        self.outbox.rewind(self.store.outgoing_mut(), lost);
        self.inbox.rewind(self.store.incoming_mut(), false);
        self.exists = true;
    }

    /// The session goes on in a new connection.
    pub(crate) fn go_on(&mut self) {
        self.outbox.rewind(self.store.outgoing_mut(), false);
        self.inbox.rewind(self.store.incoming_mut(), true);
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
        let grown = self.store.grow_outgoing();
        if grown {
            self.outbox.arrange(self.store.outgoing_mut());
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
        let len = self.store.incoming().len();
        let grown = self.store.grow_incoming();
        if grown {
            self.inbox.arrange(self.store.incoming_mut(), len);
        }
        grown
    }
}
