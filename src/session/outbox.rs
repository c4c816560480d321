//! The table of outgoing packets that wait for an answer: messages, and SUBSCRIBE and UNSUBSCRIBE, which share their
//! packet identifiers.

use super::flow::Flight;
use super::list::{Handle, Linked, Links, List, index, slot, slot_mut};
use crate::spec::PacketId;

/// A place for an outgoing packet, and for what is kept of its message.
#[derive(Clone, Debug, Default)]
pub struct OutgoingSlot<K> {
    /// The packet identifier; of a free slot the next one to give out. 0: not prepared yet.
    id: Handle,
    links: Links,
    /// What is in it; `None`: free.
    flight: Option<Flight>,
    marks: u8,
    /// Of a SUBSCRIBE or UNSUBSCRIBE: the number of its topic filters.
    filters: u16,
    pub(crate) keep: K,
}

/// The session that the message belonged to is over.
const LOST: u8 = 1;
/// It is not sent any more, though its session goes on: it is too large, or the caller gave it up. If it is of QoS 2, the
/// peer may have it and wait for PUBREL; so it is released like one that is acknowledged, and only then forgotten.
const DROPPED: u8 = 8;
/// It takes one of the peer's Receive Maximum.
const CHARGED: u8 = 2;
/// It has been sent in this connection, or will not be.
const SENT: u8 = 4;

impl<K> Linked for OutgoingSlot<K> {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl<K> OutgoingSlot<K> {
    pub(crate) fn flight(&self) -> Option<Flight> {
        self.flight
    }

    /// What is kept of a message that may have to be sent again.
    pub(crate) fn message_mut(&mut self) -> Option<(PacketId, &mut K)> {
        match self.flight? {
            Flight::AtLeastOnce | Flight::ExactlyOnce => Some((PacketId::new(self.id)?, &mut self.keep)),
            Flight::Released | Flight::Subscribe | Flight::Unsubscribe => None,
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.marks & LOST != 0
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.marks & DROPPED != 0
    }

    /// What outlives a connection beside the packet itself: marks, and the number of filters if there are any.
    pub(crate) fn notes(&self) -> (u8, u16) {
        let asks = matches!(self.flight, Some(Flight::Subscribe | Flight::Unsubscribe));
        (self.marks & (LOST | DROPPED), if asks { self.filters } else { 0 })
    }

    /// Whether it waits for an answer and is still to be sent.
    fn is_wanted(&self) -> bool {
        self.marks & (LOST | DROPPED) == 0 && self.flight != Some(Flight::Released)
    }
}

/// Which slot is what. The slots themselves are in a slice that each function is given.
///
/// A packet with identifier `id` is in slot `id % len`; so each slot has identifiers of its own, and giving one out
/// and finding its slot take the same time however many are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    /// Each slot is in one of three lists. Free ones, those in front that were freed first: so identifiers come in
    /// order, and late again.
    free: List,
    /// PUBLISH, SUBSCRIBE and UNSUBSCRIBE in the order of first sending `[MQTT-4.6.0-1]`.
    sent: List,
    /// PUBREL in the order in which PUBREC came `[MQTT-4.6.0-4]`.
    released: List,
    /// The first of `sent` and of `released` that has not been sent in this connection; all behind it have not either.
    /// 0: none.
    unsent: Handle,
    unreleased: Handle,
    /// The number of slots in use, of those charged, and of messages to send again.
    len: u16,
    charged: u16,
    resuming: u16,
    /// The identifier given out last.
    newest: Handle,
}

impl Outbox {
    /// The list of a packet.
    fn list(&mut self, flight: Flight) -> &mut List {
        if flight == Flight::Released { &mut self.released } else { &mut self.sent }
    }

    /// The number of packets that wait.
    pub(crate) fn len(&self) -> u16 {
        self.len
    }

    /// The number of those that the peer counts against its Receive Maximum.
    pub(crate) fn charged(&self) -> u16 {
        self.charged
    }

    /// Whether messages have to be sent again before any new one.
    pub(crate) fn is_resuming(&self) -> bool {
        self.resuming > 0
    }

    /// The first packet that has to be sent again, or is lost.
    pub(crate) fn unsent(&self) -> Option<PacketId> {
        PacketId::new(self.unsent)
    }

    /// The first PUBREL to send.
    pub(crate) fn unreleased(&self) -> Option<PacketId> {
        PacketId::new(self.unreleased)
    }

    /// Not 0 if anything has to be sent.
    pub(crate) fn first_owed(&self) -> Handle {
        self.unsent | self.unreleased
    }

    /// The first packet of either kind.
    pub(crate) fn next_unsent(&self) -> Option<PacketId> {
        self.unreleased().or_else(|| self.unsent())
    }

    /// The table has grown: packets whose slot is elsewhere now change places with what is there.
    pub(crate) fn spread<K>(slots: &mut [OutgoingSlot<K>]) {
        let len = slots.len();
        for at in 0..len {
            while let Some(to) =
                slots.get(at).filter(|slot| slot.flight.is_some()).map(|slot| index(slot.id, len))
            {
                // It is in the table, which the compiler does not know.
                if to == at || to >= len {
                    break;
                }
                slots.swap(at, to);
            }
        }
    }

    /// Makes a list of the slots that are free: at the beginning, and when the table has grown.
    pub(crate) fn arrange<K>(&mut self, slots: &mut [OutgoingSlot<K>]) {
        let len = slots.len();
        self.free = List::default();
        for n in 1..=len {
            let at = (usize::from(self.newest) + n) % len;
            let id = self.next_of(at as u16, len as u16);
            if let Some(slot) = slots.get_mut(at).filter(|slot| slot.flight.is_none()) {
                slot.id = id;
                self.free.push(slots, id);
            }
        }
    }

    /// The first identifier of slot `at` behind the newest one.
    fn next_of(&self, at: u16, len: u16) -> Handle {
        let newest = u32::from(self.newest);
        let (at, len) = (u32::from(at), u32::from(len));
        let behind = newest + 1 + (at + len - (newest + 1) % len) % len;
        u16::try_from(behind).unwrap_or(if at == 0 { len as u16 } else { at as u16 })
    }

    /// The identifier that the next packet will have; `None` if every slot is in use.
    pub(crate) fn vacant(&self) -> Option<PacketId> {
        PacketId::new(self.free.first)
    }

    /// The slot of a packet that waits.
    pub(crate) fn get<'s, K>(
        &self,
        slots: &'s [OutgoingSlot<K>],
        id: PacketId,
    ) -> Option<&'s OutgoingSlot<K>> {
        slot(slots, id.get()).filter(|slot| slot.id == id.get() && slot.flight.is_some())
    }

    /// What is kept in the slot of an identifier, used or vacant.
    pub(crate) fn keep<'s, K>(&self, slots: &'s mut [OutgoingSlot<K>], id: PacketId) -> Option<&'s mut K> {
        slot_mut(slots, id.get()).map(|slot| &mut slot.keep)
    }

    /// The identifier given out last.
    pub(crate) fn newest(&self) -> Handle {
        self.newest
    }

    /// The identifiers that the next packets will have.
    pub(crate) fn free<'s, K>(
        &self,
        slots: &'s [OutgoingSlot<K>],
    ) -> impl Iterator<Item = Handle> + use<'s, K> {
        walk(slots, self.free.first).map(|(id, _)| id.get())
    }

    /// Takes note of how many topic filters the answer to a packet is about.
    pub(crate) fn set_filters<K>(&self, slots: &mut [OutgoingSlot<K>], id: PacketId, filters: usize) {
        if let Some(slot) = slot_mut(slots, id.get()) {
            // More do not fit into a packet with a filter of three bytes each only if that is very large.
            slot.filters = u16::try_from(filters).unwrap_or(u16::MAX);
        }
    }

    /// Whether the answer to a packet may be about so many topic filters.
    pub(crate) fn has_filters<K>(&self, slots: &[OutgoingSlot<K>], id: PacketId, filters: usize) -> bool {
        let filters = u16::try_from(filters).unwrap_or(u16::MAX);
        self.get(slots, id).is_some_and(|slot| slot.filters == filters)
    }

    /// What a packet waits for.
    pub(crate) fn flight<K>(&self, slots: &[OutgoingSlot<K>], id: PacketId) -> Option<Flight> {
        self.get(slots, id).and_then(OutgoingSlot::flight)
    }

    /// Puts a packet into the slot that was [`vacant`](Self::vacant), as sent.
    #[inline]
    pub(crate) fn insert<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId, flight: Flight) {
        let Some(slot) = slot_mut(slots, id.get()) else { return };
        let message = matches!(flight, Flight::AtLeastOnce | Flight::ExactlyOnce);
        slot.flight = Some(flight);
        slot.marks = SENT | if message { CHARGED } else { 0 };
        let free = core::mem::replace(&mut slot.links, self.sent.end());
        self.free.close(slots, free);
        self.sent.append(slots, id.get());
        self.newest = id.get();
        self.len += 1;
        self.charged += u16::from(message);
    }

    /// Puts a packet of an earlier connection into its own slot. `false`: another one is there.
    pub(crate) fn restore<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId, flight: Flight) -> bool {
        let Some(free) = slot(slots, id.get()).filter(|slot| slot.flight.is_none()).map(|slot| slot.id)
        else {
            return false;
        };
        self.free.remove(slots, free);
        if let Some(slot) = slot_mut(slots, id.get()) {
            slot.id = id.get();
            slot.flight = Some(flight);
            slot.marks = 0;
        }
        self.list(flight).push(slots, id.get());
        self.len += 1;
        self.resuming += u16::from(flight != Flight::Released);
        self.newest = self.newest.max(id.get());
        true
    }

    /// PUBREC came: PUBREL is `sent`, or has to be.
    #[cfg_attr(not(feature = "small"), inline)]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn release<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId, sent: bool) {
        let passed = self.pass(slots, id);
        let Some(slot) = slot_mut(slots, id.get()) else { return };
        slot.flight = Some(Flight::Released);
        // If it was given up, and nobody has been told yet, it had arrived before.
        if passed {
            slot.marks &= !DROPPED;
        }
        if !sent {
            slot.marks &= !SENT;
        }
        let links = core::mem::replace(&mut slot.links, self.released.end());
        self.sent.close(slots, links);
        self.released.append(slots, id.get());
        if !sent && self.unreleased == 0 {
            self.unreleased = id.get();
        }
    }

    /// The PUBREL that was sent has to be sent again, in its turn.
    pub(crate) fn release_again<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId) {
        if slot(slots, id.get()).is_some_and(|slot| slot.marks & SENT != 0) {
            self.released.remove(slots, id.get());
            self.released.push(slots, id.get());
            if let Some(slot) = slot_mut(slots, id.get()) {
                slot.marks &= !SENT;
            }
            if self.unreleased == 0 {
                self.unreleased = id.get();
            }
        }
    }

    /// A PUBLISH was sent again.
    pub(crate) fn resent<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId) {
        self.pass(slots, id);
        if let Some(slot) = slot_mut(slots, id.get()) {
            slot.marks |= CHARGED;
            self.charged += 1;
        }
    }

    /// Nothing more has to be sent of this packet in this connection. Gives whether anything had to.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn pass<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId) -> bool {
        let Some(slot) = slot_mut(slots, id.get()).filter(|slot| slot.marks & SENT == 0) else {
            return false;
        };
        slot.marks |= SENT;
        self.resuming -= u16::from(slot.is_wanted());
        // What was sent first in this connection is behind all that was not.
        let next = slot.links.next;
        let next = entry(slots, next).filter(|(_, slot)| slot.marks & SENT == 0);
        let next = next.map_or(0, |(id, _)| id.get());
        if self.unsent == id.get() {
            self.unsent = next;
        } else if self.unreleased == id.get() {
            self.unreleased = next;
        }
        true
    }

    /// A lost message is sent as a new one, behind all others.
    pub(crate) fn renew<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId, flight: Flight) {
        let Some(before) = self.flight(slots, id) else { return };
        self.pass(slots, id);
        self.list(before).remove(slots, id.get());
        self.sent.push(slots, id.get());
        self.charged += 1;
        if let Some(slot) = slot_mut(slots, id.get()) {
            slot.flight = Some(flight);
            slot.marks = SENT | CHARGED;
        }
    }

    /// Gives up a message that has to be sent again.
    pub(crate) fn give_up<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId) {
        if let Some(slot) = slot_mut(slots, id.get()).filter(|slot| slot.marks & SENT == 0) {
            self.resuming -= u16::from(slot.is_wanted());
            slot.marks |= DROPPED;
        }
    }

    /// Frees the identifier of a packet, and forgets its message.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn remove<K: super::Keep>(&mut self, slots: &mut [OutgoingSlot<K>], id: PacketId) {
        if self.get(slots, id).is_none() {
            return;
        }
        self.pass(slots, id);
        // The next identifier of the same slot.
        let len = u16::try_from(slots.len()).unwrap_or(u16::MAX);
        let next = id.get().checked_add(len).unwrap_or_else(|| match index(id.get(), slots.len()) {
            0 => len,
            at => at as u16,
        });
        let Some(slot) = slot_mut(slots, id.get()) else { return };
        let Some(flight) = slot.flight.take() else { return };
        slot.keep.clear();
        slot.id = next;
        self.len -= 1;
        self.charged -= u16::from(core::mem::take(&mut slot.marks) & CHARGED != 0);
        let waited = core::mem::replace(&mut slot.links, self.free.end());
        self.list(flight).close(slots, waited);
        self.free.append(slots, next);
    }

    /// A connection begins: nothing has been sent in it. What was lost, or has no place in a session, will be dropped.
    pub(crate) fn rewind<K>(&mut self, slots: &mut [OutgoingSlot<K>], lost: bool) {
        self.unsent = self.sent.first;
        self.unreleased = self.released.first;
        (self.charged, self.resuming) = (0, 0);
        for slot in slots.iter_mut().filter(|slot| slot.flight.is_some()) {
            slot.marks &= LOST | DROPPED;
            if lost || matches!(slot.flight, Some(Flight::Subscribe | Flight::Unsubscribe)) {
                slot.marks |= LOST;
            }
            self.resuming += u16::from(slot.is_wanted());
        }
    }

    /// The packets that wait, PUBLISH and SUBSCRIBE in the order of first sending, then PUBREL in its order.
    pub(crate) fn iter<'s, K>(
        &self,
        slots: &'s [OutgoingSlot<K>],
    ) -> impl Iterator<Item = (PacketId, &'s OutgoingSlot<K>)> + use<'s, K> {
        walk(slots, self.sent.first).chain(walk(slots, self.released.first))
    }
}

/// A session that a log tells of.
#[cfg(feature = "alloc")]
impl Outbox {
    /// Begins anew with slots that are in no list, to be placed one by one.
    pub(crate) fn empty<K: Default>(&mut self, slots: &mut [OutgoingSlot<K>], newest: Handle) {
        slots.iter_mut().for_each(|slot| *slot = OutgoingSlot::default());
        *self = Self { newest, ..Self::default() };
    }

    /// The slot of an identifier, if it was not placed yet.
    fn unplaced<'s, K>(
        &self,
        slots: &'s mut [OutgoingSlot<K>],
        id: Handle,
    ) -> Option<&'s mut OutgoingSlot<K>> {
        let slot = slot_mut(slots, id).filter(|slot| slot.id == 0 && id != 0)?;
        slot.id = id;
        Some(slot)
    }

    /// Places a packet of an earlier connection. `false`: its slot has a place.
    pub(crate) fn place<K>(
        &mut self,
        slots: &mut [OutgoingSlot<K>],
        id: PacketId,
        flight: Flight,
        marks: u8,
        filters: u16,
    ) -> bool {
        let Some(slot) = self.unplaced(slots, id.get()) else { return false };
        (slot.flight, slot.marks, slot.filters) = (Some(flight), marks & (LOST | DROPPED), filters);
        self.resuming += u16::from(slot.is_wanted());
        self.list(flight).push(slots, id.get());
        self.len += 1;
        true
    }

    /// Places a slot that is free. `false`: it has a place.
    pub(crate) fn place_free<K>(&mut self, slots: &mut [OutgoingSlot<K>], id: Handle) -> bool {
        let unplaced = self.unplaced(slots, id).is_some();
        if unplaced {
            self.free.push(slots, id);
        }
        unplaced
    }
}

/// A list from one of its slots on.
fn walk<K>(slots: &[OutgoingSlot<K>], first: Handle) -> impl Iterator<Item = (PacketId, &OutgoingSlot<K>)> {
    core::iter::successors(entry(slots, first), move |(_, slot)| entry(slots, slot.links.next))
}

fn entry<K>(slots: &[OutgoingSlot<K>], handle: Handle) -> Option<(PacketId, &OutgoingSlot<K>)> {
    PacketId::new(handle).zip(slot(slots, handle))
}
