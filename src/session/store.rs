//! Where a session keeps what it must not lose.

use core::fmt;

use super::Record;
use super::inbox::IncomingSlot;
use super::outbox::OutgoingSlot;
use crate::packet::{Message, Packet};
use crate::spec::{PacketId, PacketType, Scope, Version};
use crate::wire::{Context, Frame, Sink, Split, encode};

/// Why a store could not do what it was asked to. Nothing has happened then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no place for one more message now.
    Full,
    /// The message is larger than the places are.
    TooLarge,
    /// A record could not be written down.
    Failed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room in the store",
            Self::TooLarge => "the message is too large for the store",
            Self::Failed => "the store failed",
        })
    }
}

impl core::error::Error for StoreError {}

/// How a message is kept until it is acknowledged.
///
/// The crate has [`Inline`], [`Boxed`] and [`Caller`]; with the feature `bytes`, an `Option<PublishBuf>` is shared by a
/// thousand connections. Anything else takes a few lines: an `Arc` of the application's own, an offset into a log.
///
/// ```
/// use std::sync::Arc;
/// use sans_mqtt::{Keep, Message, StoreError};
///
/// struct Shared { topic: String, payload: Vec<u8> }
///
/// #[derive(Default)]
/// struct Kept(Option<Arc<Shared>>);
///
/// impl Keep for Kept {
///     fn keep(&mut self, _: &Message<'_>) -> Result<(), StoreError> {
///         Err(StoreError::Full) // this program uses `publish_kept` only
///     }
///     fn message(&self) -> Option<Message<'_>> {
///         let shared = self.0.as_deref()?;
///         Some(Message { topic: &shared.topic, payload: &shared.payload, ..Message::default() })
///     }
/// }
/// ```
pub trait Keep: Default {
    /// Keeps a message that is about to be sent.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it can't; the message is not sent then.
    fn keep(&mut self, message: &Message<'_>) -> Result<(), StoreError>;

    /// The message that is kept; its QoS is known without it. `None`: the caller has it, and is asked for it with
    /// [`Wait::Resend`](crate::Wait::Resend).
    fn message(&self) -> Option<Message<'_>>;

    /// Forgets the message.
    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A message in place, as a packet of at most `LEN` bytes.
#[derive(Clone, Debug)]
pub struct Inline<const LEN: usize> {
    len: usize,
    bytes: [u8; LEN],
}

impl<const LEN: usize> Default for Inline<LEN> {
    fn default() -> Self {
        Self { len: 0, bytes: [0; LEN] }
    }
}

impl<const LEN: usize> Keep for Inline<LEN> {
    fn keep(&mut self, message: &Message<'_>) -> Result<(), StoreError> {
        self.len = write(message, &mut &mut self.bytes[..])?;
        Ok(())
    }

    fn message(&self) -> Option<Message<'_>> {
        message(self.bytes.get(..self.len)?)
    }

    fn clear(&mut self) {
        self.len = 0;
    }
}

/// A message on the heap, as a packet. The memory of a small one is used again for the next.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default)]
pub struct Boxed(alloc::vec::Vec<u8>);

/// How many bytes a slot without a message holds on to, at most.
#[cfg(feature = "alloc")]
const SMALL: usize = 256;

#[cfg(feature = "alloc")]
impl Keep for Boxed {
    fn keep(&mut self, message: &Message<'_>) -> Result<(), StoreError> {
        self.0.clear();
        write(message, &mut self.0)?;
        Ok(())
    }

    fn message(&self) -> Option<Message<'_>> {
        message(&self.0)
    }

    fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(SMALL);
    }
}

/// Writes a message as a packet of the newest version, and gives its length.
#[cfg_attr(not(feature = "small"), inline(always))]
fn write(message: &Message<'_>, out: &mut impl Sink) -> Result<usize, StoreError> {
    let cx = Context { version: Version::NEWEST, sender: None, scope: Scope::PUBLISH };
    let publish = message.publish(PacketId::MIN, false);
    encode(&publish.part(0, false, &message.properties), cx, out).map_err(|_| StoreError::TooLarge)
}

/// The message in a packet that was written here.
fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let Ok(Split::Frame(frame, _)) = Frame::split(bytes, usize::MAX) else { return None };
    match Packet::decode_trusted::<{ PacketType::Publish as u8 }>(Version::NEWEST, frame) {
        Ok(Packet::Publish(publish)) => Some(Message::from(publish)),
        _ => None,
    }
}

/// A message that stays with the caller, who is asked for it with [`Wait::Resend`](crate::Wait::Resend) if it has to
/// be sent again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller;

impl Keep for Caller {
    fn keep(&mut self, _: &Message<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn message(&self) -> Option<Message<'_>> {
        None
    }
}

/// The tables of a session, whose slots are the session's to fill: [`Arrays`], [`Heap`], or your own.
pub trait Tables {
    /// How messages are kept.
    type Keep: Keep;

    /// The table of outgoing packets, as long as the most that may be in flight, 65,535 at most.
    fn outgoing(&self) -> &[OutgoingSlot<Self::Keep>];

    /// The same, to be filled.
    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<Self::Keep>];

    /// The table of incoming messages.
    fn incoming(&self) -> &[IncomingSlot];

    /// The same, to be filled.
    fn incoming_mut(&mut self) -> &mut [IncomingSlot];

    /// How long the table of incoming messages can become. The Receive Maximum that is announced is not above this.
    fn incoming_capacity(&self) -> u16 {
        u16::try_from(self.incoming().len()).unwrap_or(u16::MAX)
    }

    /// Appends default slots to the table of outgoing packets, which is full. `false` if it can't.
    ///
    /// The new length has to be a multiple of the old one, or 65,535.
    fn grow_outgoing(&mut self) -> bool {
        false
    }

    /// Appends default slots to the table of incoming messages, which is full. `false` if it can't.
    fn grow_incoming(&mut self) -> bool {
        false
    }
}

/// The memory of a session: its tables, and perhaps a journal.
///
/// Tables alone are a store, which keeps nothing beyond the program. To survive a restart, write down each [`Record`] behind
/// [`Record::HEADER`]; the [guide](crate::guide::sessions) has all of it:
///
/// ```
/// use sans_mqtt::{Boxed, Heap, Record, Store, StoreError};
///
/// struct Logged { tables: Heap, log: Vec<u8> /* or a file */ }
///
/// impl Store for Logged {
///     type Keep = Boxed;
///     type Tables = Heap;
///     fn tables(&self) -> &Heap { &self.tables }
///     fn tables_mut(&mut self) -> &mut Heap { &mut self.tables }
///
///     fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
///         record.encode(&mut self.log).map_err(|_| StoreError::Failed)?;
///         Ok(()) // for a file: after write, and fsync if a power failure counts
///     }
/// }
/// ```
pub trait Store {
    /// How messages are kept.
    type Keep: Keep;

    /// What the session fills.
    type Tables: Tables<Keep = Self::Keep>;

    /// The tables.
    fn tables(&self) -> &Self::Tables;

    /// The tables, to be filled.
    fn tables_mut(&mut self) -> &mut Self::Tables;

    /// Takes note of a step, before it is done.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`]: then it is not done, nothing that depends on it is sent, and it is tried again at the
    /// next call. If a part of it was written, that is to be cut off first.
    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError>;
}

impl<T: Tables> Store for T {
    type Keep = T::Keep;
    type Tables = Self;

    fn tables(&self) -> &Self {
        self
    }

    fn tables_mut(&mut self) -> &mut Self {
        self
    }

    fn record(&mut self, _: &Record<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Tables of a fixed size, without an allocator: `N` messages out, each kept as `K`, and `R` in.
#[derive(Clone, Debug)]
pub struct Arrays<K, const N: usize, const R: usize> {
    outgoing: [OutgoingSlot<K>; N],
    incoming: [IncomingSlot; R],
}

/// `N` messages out, of at most `LEN` bytes each as packets, and `R` in, at least 1: no peer can be told of none.
pub type Fixed<const N: usize, const LEN: usize, const R: usize> = Arrays<Inline<LEN>, N, R>;

/// `N` messages out, which the caller keeps, and `R` in, at least 1.
pub type FixedCaller<const N: usize, const R: usize> = Arrays<Caller, N, R>;

impl<K: Keep, const N: usize, const R: usize> Default for Arrays<K, N, R> {
    fn default() -> Self {
        Self {
            outgoing: core::array::from_fn(|_| OutgoingSlot::default()),
            incoming: core::array::from_fn(|_| IncomingSlot::default()),
        }
    }
}

impl<K: Keep, const N: usize, const R: usize> Tables for Arrays<K, N, R> {
    type Keep = K;

    fn outgoing(&self) -> &[OutgoingSlot<K>] {
        &self.outgoing
    }

    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<K>] {
        &mut self.outgoing
    }

    fn incoming(&self) -> &[IncomingSlot] {
        &self.incoming
    }

    fn incoming_mut(&mut self) -> &mut [IncomingSlot] {
        &mut self.incoming
    }
}

/// Tables on the heap that double when they are full, until they reach a limit; nothing is allocated before.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Heap<K = Boxed> {
    outgoing: alloc::vec::Vec<OutgoingSlot<K>>,
    incoming: alloc::vec::Vec<IncomingSlot>,
    max_outgoing: u16,
    max_incoming: u16,
}

#[cfg(feature = "alloc")]
impl<K: Keep> Heap<K> {
    /// Limits of the packets that wait for an answer and of the peer's messages, rounded up to a power of two; of the latter at
    /// least 1, for no peer can be told of none.
    pub const fn new(max_outgoing: u16, max_incoming: u16) -> Self {
        Self {
            outgoing: alloc::vec::Vec::new(),
            incoming: alloc::vec::Vec::new(),
            max_outgoing,
            max_incoming,
        }
    }
}

/// At most 65,535 packets out and 1,024 messages in.
#[cfg(feature = "alloc")]
impl<K: Keep> Default for Heap<K> {
    fn default() -> Self {
        Self::new(u16::MAX, 1024)
    }
}

#[cfg(feature = "alloc")]
impl<K: Keep> Tables for Heap<K> {
    type Keep = K;

    fn outgoing(&self) -> &[OutgoingSlot<K>] {
        &self.outgoing
    }

    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<K>] {
        &mut self.outgoing
    }

    fn incoming(&self) -> &[IncomingSlot] {
        &self.incoming
    }

    fn incoming_mut(&mut self) -> &mut [IncomingSlot] {
        &mut self.incoming
    }

    fn incoming_capacity(&self) -> u16 {
        self.max_incoming.checked_next_power_of_two().unwrap_or(u16::MAX)
    }

    fn grow_outgoing(&mut self) -> bool {
        grow(&mut self.outgoing, self.max_outgoing)
    }

    fn grow_incoming(&mut self) -> bool {
        grow(&mut self.incoming, self.max_incoming)
    }
}

/// Doubles a table, or gives it all it may have.
#[cfg(feature = "alloc")]
fn grow<T: Default>(slots: &mut alloc::vec::Vec<T>, max: u16) -> bool {
    let len = slots.len();
    if len < usize::from(max) {
        let grown = (len * 2).clamp(1, usize::from(u16::MAX));
        // Most sessions have one message at a time.
        slots.reserve_exact(grown - len);
        slots.resize_with(grown, T::default);
    }
    slots.len() > len
}
