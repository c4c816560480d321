//! The table of the peer's messages that are not done: those to acknowledge, and the identifiers of QoS 2 that PUBREL
//! has to come for.

use super::flow::Arrival;
use super::list::{Handle, Linked, Links, List, slot, slot_mut};
use crate::spec::{PacketId, ReasonCode};

/// A place for an incoming message that is not done; its content is not kept.
#[derive(Clone, Debug, Default)]
pub struct IncomingSlot {
    links: Links,
    id: u16,
    /// The next slot in the same bucket.
    chain: Handle,
    /// The first slot of the bucket that this slot heads, which it need not be in.
    bucket: Handle,
    /// `None`: free.
    arrival: Option<Arrival>,
    /// What the acknowledgement says.
    reason: ReasonCode,
    /// Whether it takes one of our Receive Maximum.
    charged: bool,
}

impl Linked for IncomingSlot {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// An acknowledgement that is owed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Owed {
    pub(crate) handle: Handle,
    pub(crate) id: PacketId,
    pub(crate) arrival: Arrival,
    pub(crate) reason: ReasonCode,
}

/// Which slot is what. The slots themselves are in a slice that each function is given.
///
/// The identifiers are the peer's choice, so a slot is found by its bucket. A table of `n` slots has `n` buckets, in
/// each of which are at most `65,535 / n` identifiers, whatever the peer does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    free: List,
    /// Messages of QoS 1 and 2 that are not acknowledged, in the order in which they came `[MQTT-4.6.0-2]`
    /// `[MQTT-4.6.0-3]`, and PUBCOMPs that are owed.
    queues: [List; 3],
    len: u16,
    charged: u16,
}

/// The queue that a slot is in.
fn queue(arrival: Arrival) -> Option<usize> {
    match arrival {
        Arrival::Held1 | Arrival::Owed1 => Some(0),
        Arrival::Held2 | Arrival::Owed2 | Arrival::Refused2 => Some(1),
        Arrival::Completed => Some(2),
        Arrival::Received => None,
    }
}

impl Inbox {
    /// The number of messages that are not done.
    pub(crate) fn len(&self) -> u16 {
        self.len
    }

    /// The number of those that came in this connection and count against our Receive Maximum.
    pub(crate) fn charged(&self) -> u16 {
        self.charged
    }

    /// Makes the list of free slots and the buckets: at the beginning, and when the table has grown from `old_len`.
    pub(crate) fn arrange(&mut self, slots: &mut [IncomingSlot], old_len: usize) {
        // The last handle of the smaller table meant its first slot.
        if old_len < slots.len() {
            slots.swap(0, old_len);
        }
        slots.iter_mut().for_each(|slot| slot.bucket = 0);
        self.free = List::default();
        for handle in handles(slots) {
            match slot(slots, handle).map(|slot| (slot.arrival, slot.id)) {
                Some((Some(_), id)) => Self::chain(slots, handle, id),
                Some((None, _)) => self.free.push(slots, handle),
                None => {}
            }
        }
    }

    /// The slots that the next messages will have.
    pub(crate) fn free<'s>(&self, slots: &'s [IncomingSlot]) -> impl Iterator<Item = Handle> + use<'s> {
        let at = |handle: Handle| Some(handle).filter(|handle| *handle != 0);
        core::iter::successors(at(self.free.first), move |handle| at(slot(slots, *handle)?.links.next))
    }

    /// The messages that are not done, and their slots.
    pub(crate) fn iter<'s>(
        &self,
        slots: &'s [IncomingSlot],
    ) -> impl Iterator<Item = (Handle, PacketId, Arrival)> + use<'s> {
        handles(slots).filter_map(|handle| {
            let slot = slot(slots, handle)?;
            Some((handle, PacketId::new(slot.id)?, slot.arrival?))
        })
    }

    /// Puts a slot into the bucket of its identifier.
    #[inline]
    fn chain(slots: &mut [IncomingSlot], handle: Handle, id: u16) {
        let bucket = slot_mut(slots, id).map_or(0, |slot| core::mem::replace(&mut slot.bucket, handle));
        if let Some(slot) = slot_mut(slots, handle) {
            slot.chain = bucket;
        }
    }

    /// Takes a slot out of the bucket of its identifier.
    #[inline]
    fn unchain(slots: &mut [IncomingSlot], handle: Handle, id: u16) {
        let chain = slot(slots, handle).map_or(0, |slot| slot.chain);
        match slot_mut(slots, id) {
            Some(slot) if slot.bucket == handle => slot.bucket = chain,
            _ => {
                let first = slot(slots, id).map_or(0, |slot| slot.bucket);
                let before = bucket(slots, first).find(|(_, slot)| slot.chain == handle).map(|(at, _)| at);
                if let Some(slot) = before.and_then(|at| slot_mut(slots, at)) {
                    slot.chain = chain;
                }
            }
        }
    }

    /// The slot of an identifier that is not done.
    #[inline]
    pub(crate) fn find(&self, slots: &[IncomingSlot], id: PacketId) -> Option<(Handle, Arrival)> {
        let first = slot(slots, id.get()).map_or(0, |slot| slot.bucket);
        let (handle, slot) = bucket(slots, first).find(|(_, slot)| slot.id == id.get())?;
        Some((handle, slot.arrival?))
    }

    /// What is in a slot.
    #[inline]
    pub(crate) fn get(&self, slots: &[IncomingSlot], handle: Handle) -> Option<(PacketId, Arrival)> {
        let slot = slot(slots, handle)?;
        Some((PacketId::new(slot.id)?, slot.arrival?))
    }

    /// Whether there is room for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.free.first != 0
    }

    /// Takes note of an identifier. `None` if every slot is in use.
    #[cfg_attr(not(feature = "small"), inline)]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn insert(
        &mut self,
        slots: &mut [IncomingSlot],
        id: PacketId,
        arrival: Arrival,
        reason: ReasonCode,
    ) -> Option<Handle> {
        let handle = Some(self.free.first).filter(|first| *first != 0)?;
        let slot = slot_mut(slots, handle)?;
        (slot.id, slot.arrival, slot.reason) = (id.get(), Some(arrival), reason);
        let free = slot.links;
        self.free.close(slots, free);
        Self::chain(slots, handle, id.get());
        self.len += 1;
        if let Some(list) = queue(arrival).and_then(|queue| self.queues.get_mut(queue)) {
            list.push(slots, handle);
        }
        Some(handle)
    }

    /// The message came in this connection.
    #[inline]
    pub(crate) fn charge(&mut self, slots: &mut [IncomingSlot], handle: Handle) {
        if let Some(slot) = slot_mut(slots, handle) {
            self.charged += u16::from(!core::mem::replace(&mut slot.charged, true));
        }
    }

    /// Whether the message came in this connection.
    pub(crate) fn is_charged(&self, slots: &[IncomingSlot], handle: Handle) -> bool {
        slot(slots, handle).is_some_and(|slot| slot.charged)
    }

    /// Something has become of a message. In the same queue it keeps its place, in another it gets the last one.
    #[cfg_attr(not(feature = "small"), inline)]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn set(
        &mut self,
        slots: &mut [IncomingSlot],
        handle: Handle,
        arrival: Arrival,
        reason: ReasonCode,
    ) {
        let Some(slot) = slot_mut(slots, handle) else { return };
        let before = slot.arrival.replace(arrival).and_then(queue);
        slot.reason = reason;
        let behind = queue(arrival);
        if before != behind {
            if let Some(list) = before.and_then(|queue| self.queues.get_mut(queue)) {
                list.remove(slots, handle);
            }
            if let Some(list) = behind.and_then(|queue| self.queues.get_mut(queue)) {
                list.push(slots, handle);
            }
        }
    }

    /// Forgets an identifier.
    #[cfg_attr(not(feature = "small"), inline)]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn remove(&mut self, slots: &mut [IncomingSlot], handle: Handle) {
        let Some(slot) = slot_mut(slots, handle) else { return };
        let Some(arrival) = slot.arrival.take() else { return };
        let (id, links) = (slot.id, slot.links);
        self.charged -= u16::from(core::mem::take(&mut slot.charged));
        self.len -= 1;
        Self::unchain(slots, handle, id);
        if let Some(list) = queue(arrival).and_then(|queue| self.queues.get_mut(queue)) {
            list.close(slots, links);
        }
        self.free.push(slots, handle);
    }

    /// The next acknowledgement to send: the first PUBACK and the first PUBREC that their order allows, and PUBCOMP.
    #[cfg_attr(not(feature = "small"), inline)]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn owed(&self, slots: &[IncomingSlot]) -> Option<Owed> {
        if self.first_queued() == 0 {
            return None;
        }
        self.queues.iter().find_map(|queue| {
            let handle = queue.first;
            let (id, arrival) = self.get(slots, handle).filter(|_| handle != 0)?;
            let held = matches!(arrival, Arrival::Held1 | Arrival::Held2);
            let reason = slot(slots, handle)?.reason;
            (!held).then_some(Owed { handle, id, arrival, reason })
        })
    }

    /// Not 0 if anything has to be acknowledged, now or later.
    pub(crate) fn first_queued(&self) -> Handle {
        let [ones, twos, completed] = self.queues;
        ones.first | twos.first | completed.first
    }

    /// Whether the application has messages to acknowledge.
    pub(crate) fn is_held(&self) -> bool {
        let [ones, twos, _] = self.queues;
        ones.first != 0 || twos.first != 0
    }

    /// A connection begins. What was not acknowledged comes again; what was taken stays, if the session goes on.
    pub(crate) fn rewind(&mut self, slots: &mut [IncomingSlot], goes_on: bool) {
        if self.len == 0 {
            return;
        }
        for handle in handles(slots) {
            match slot(slots, handle).and_then(|slot| slot.arrival) {
                Some(Arrival::Received | Arrival::Owed2) if goes_on => {
                    self.set(slots, handle, Arrival::Received, ReasonCode::SUCCESS);
                    if let Some(slot) = slot_mut(slots, handle) {
                        slot.charged = false;
                    }
                }
                Some(_) => self.remove(slots, handle),
                None => {}
            }
        }
        self.charged = 0;
    }

    /// The identifiers of the messages that were taken, and for which PUBREL has to come.
    pub(crate) fn taken<'s>(&self, slots: &'s [IncomingSlot]) -> impl Iterator<Item = PacketId> + use<'s> {
        slots
            .iter()
            .filter(|slot| matches!(slot.arrival, Some(Arrival::Received | Arrival::Owed2)))
            .filter_map(|slot| PacketId::new(slot.id))
    }
}

/// A session that a log tells of.
#[cfg(feature = "alloc")]
impl Inbox {
    /// Begins anew with slots that are in no list, to be placed one by one.
    pub(crate) fn empty(&mut self, slots: &mut [IncomingSlot]) {
        slots.iter_mut().for_each(|slot| *slot = IncomingSlot::default());
        *self = Self::default();
    }

    /// Whether a slot was not placed yet: it is in no list, and no message is in it.
    fn is_unplaced(&self, slots: &[IncomingSlot], handle: Handle) -> bool {
        let in_table = (1..=slots.len()).contains(&usize::from(handle));
        let free = slot(slots, handle).is_some_and(|slot| slot.arrival.is_none() && slot.id == 0);
        in_table && free
    }

    /// Places a message of an earlier connection. `false`: its slot has a place.
    pub(crate) fn place(
        &mut self,
        slots: &mut [IncomingSlot],
        handle: Handle,
        id: PacketId,
        arrival: Arrival,
    ) -> bool {
        if !self.is_unplaced(slots, handle) || self.find(slots, id).is_some() {
            return false;
        }
        if let Some(slot) = slot_mut(slots, handle) {
            (slot.id, slot.arrival) = (id.get(), Some(arrival));
        }
        Self::chain(slots, handle, id.get());
        self.len += 1;
        if let Some(list) = queue(arrival).and_then(|queue| self.queues.get_mut(queue)) {
            list.push(slots, handle);
        }
        true
    }

    /// Places a slot that is free. `false`: it has a place.
    pub(crate) fn place_free(&mut self, slots: &mut [IncomingSlot], handle: Handle) -> bool {
        let unplaced = self.is_unplaced(slots, handle);
        if let Some(slot) = slot_mut(slots, handle).filter(|_| unplaced) {
            // What is in a free slot does not matter, as long as it is not 0.
            slot.id = u16::MAX;
            self.free.push(slots, handle);
        }
        unplaced
    }
}

/// Every slot of a table.
fn handles(slots: &[IncomingSlot]) -> impl Iterator<Item = Handle> + use<> {
    // The code of a range with its end is longer.
    (0..u16::try_from(slots.len()).unwrap_or(u16::MAX)).map(|before| before + 1)
}

/// The slots of a bucket.
#[inline]
fn bucket(slots: &[IncomingSlot], first: Handle) -> impl Iterator<Item = (Handle, &IncomingSlot)> {
    let at = move |handle: Handle| Some(handle).filter(|h| *h != 0).zip(slot(slots, handle));
    core::iter::successors(at(first), move |(_, slot)| at(slot.chain))
}
