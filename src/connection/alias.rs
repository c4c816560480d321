//! Topic Aliases (5.0): numbers that stand for topic names, in one connection and one direction.

use crate::session::{Handle, Linked, Links, List, slot, slot_mut};

/// Memory for topic names by number, for the Topic Aliases of one direction.
///
/// A topic of the peer's for which there is no room ends the connection (0x97), for its alias can't be remembered: give room for
/// the longest topics that are to come.
///
/// A connection has two of them, as a pair: for what comes, and for what goes. [`NoTopics`] has no room for any,
/// [`FixedTopics`] needs no allocator, [`HeapTopics`] has a limit in bytes as well as in entries.
pub trait TopicTable {
    /// The highest alias, which is also the number of slots.
    fn capacity(&self) -> u16;

    /// The topic that an alias stands for.
    fn get(&self, alias: u16) -> Option<&str>;

    /// Has an alias stand for a topic, from 1 to [`capacity`](Self::capacity). `false`: there is no room for it, and the
    /// alias stands for nothing.
    fn set(&mut self, alias: u16, topic: &str) -> bool;

    /// Whether there can ever be room for a topic.
    fn fits(&self, topic: &str) -> bool;

    /// Forgets everything.
    fn clear(&mut self);

    /// Where the connection takes notes about its own aliases: as many slots as there may be aliases.
    fn slots(&self) -> &[TopicSlot];

    /// The same, to be filled.
    fn slots_mut(&mut self) -> &mut [TopicSlot];
}

/// A place for the notes about an alias.
#[derive(Clone, Debug, Default)]
pub struct TopicSlot {
    links: Links,
    /// The next slot in the same bucket.
    chain: Handle,
    /// The first slot of the bucket that this slot heads, which it need not be in.
    bucket: Handle,
    hash: u16,
    /// Whether the slot is in a bucket.
    used: bool,
    /// Whether the peer knows the alias.
    known: bool,
}

impl Linked for TopicSlot {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// No alias at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTopics;

impl TopicTable for NoTopics {
    fn capacity(&self) -> u16 {
        0
    }
    fn get(&self, _: u16) -> Option<&str> {
        None
    }
    fn set(&mut self, _: u16, _: &str) -> bool {
        false
    }
    fn fits(&self, _: &str) -> bool {
        false
    }
    fn clear(&mut self) {}
    fn slots(&self) -> &[TopicSlot] {
        &[]
    }
    fn slots_mut(&mut self) -> &mut [TopicSlot] {
        &mut []
    }
}

/// At most `N` topics of at most `LEN` bytes each, without an allocator.
#[derive(Clone, Debug)]
pub struct FixedTopics<const N: usize, const LEN: usize> {
    slots: [TopicSlot; N],
    topics: [(usize, [u8; LEN]); N],
}

impl<const N: usize, const LEN: usize> Default for FixedTopics<N, LEN> {
    fn default() -> Self {
        Self { slots: core::array::from_fn(|_| TopicSlot::default()), topics: [(0, [0; LEN]); N] }
    }
}

impl<const N: usize, const LEN: usize> TopicTable for FixedTopics<N, LEN> {
    fn capacity(&self) -> u16 {
        u16::try_from(N).unwrap_or(u16::MAX)
    }

    fn get(&self, alias: u16) -> Option<&str> {
        let (len, bytes) = self.topics.get(usize::from(alias).checked_sub(1)?)?;
        core::str::from_utf8(bytes.get(..*len)?).ok().filter(|topic| !topic.is_empty())
    }

    fn set(&mut self, alias: u16, topic: &str) -> bool {
        let place = usize::from(alias).checked_sub(1).and_then(|at| self.topics.get_mut(at));
        let Some((len, bytes)) = place else { return false };
        *len = 0;
        let Some(room) = bytes.get_mut(..topic.len()) else { return false };
        room.iter_mut().zip(topic.bytes()).for_each(|(to, byte)| *to = byte);
        *len = topic.len();
        true
    }

    fn fits(&self, topic: &str) -> bool {
        topic.len() <= LEN
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn slots(&self) -> &[TopicSlot] {
        &self.slots
    }

    fn slots_mut(&mut self) -> &mut [TopicSlot] {
        &mut self.slots
    }
}

/// Topics on the heap, with a limit of their number and one of all their bytes. Nothing is allocated before it is needed.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct HeapTopics {
    topics: alloc::vec::Vec<alloc::boxed::Box<str>>,
    slots: alloc::vec::Vec<TopicSlot>,
    capacity: u16,
    bytes: usize,
    free: usize,
}

#[cfg(feature = "alloc")]
impl HeapTopics {
    /// At most `capacity` topics, which have at most so many `bytes` together.
    pub const fn new(capacity: u16, bytes: usize) -> Self {
        Self { topics: alloc::vec::Vec::new(), slots: alloc::vec::Vec::new(), capacity, bytes, free: bytes }
    }
}

#[cfg(feature = "alloc")]
impl TopicTable for HeapTopics {
    fn capacity(&self) -> u16 {
        self.capacity
    }

    fn get(&self, alias: u16) -> Option<&str> {
        let topic = self.topics.get(usize::from(alias).checked_sub(1)?)?;
        Some(&**topic).filter(|topic| !topic.is_empty())
    }

    fn set(&mut self, alias: u16, topic: &str) -> bool {
        if alias == 0 || alias > self.capacity {
            return false;
        }
        let len = self.topics.len().max(usize::from(alias));
        self.topics.resize_with(len, Default::default);
        let Some(place) = self.topics.get_mut(usize::from(alias) - 1) else { return false };
        self.free += place.len();
        *place = Default::default();
        let Some(free) = self.free.checked_sub(topic.len()) else { return false };
        self.free = free;
        *place = topic.into();
        true
    }

    fn fits(&self, topic: &str) -> bool {
        topic.len() <= self.bytes
    }

    fn clear(&mut self) {
        self.topics.clear();
        self.slots.clear();
        self.free = self.bytes;
    }

    fn slots(&self) -> &[TopicSlot] {
        &self.slots
    }

    fn slots_mut(&mut self) -> &mut [TopicSlot] {
        if self.slots.is_empty() {
            self.slots.resize_with(usize::from(self.capacity), TopicSlot::default);
        }
        &mut self.slots
    }
}

/// The tables of both directions, as a pair: what comes, what goes.
#[expect(private_bounds, reason = "it is a pair")]
pub trait Aliases: Tables {}

/// No aliases in either direction.
pub type NoAliases = (NoTopics, NoTopics);

impl<I: TopicTable, O: TopicTable> Aliases for (I, O) {}

pub(super) trait Tables {
    type Incoming: TopicTable;
    type Outgoing: TopicTable;
    fn incoming(&self) -> &Self::Incoming;
    fn incoming_mut(&mut self) -> &mut Self::Incoming;
    fn outgoing_mut(&mut self) -> &mut Self::Outgoing;
}

impl<I: TopicTable, O: TopicTable> Tables for (I, O) {
    type Incoming = I;
    type Outgoing = O;
    fn incoming(&self) -> &I {
        &self.0
    }
    fn incoming_mut(&mut self) -> &mut I {
        &mut self.0
    }
    fn outgoing_mut(&mut self) -> &mut O {
        &mut self.1
    }
}

/// Which alias of ours is for which topic. The table itself is given to each function.
#[derive(Clone, Debug, Default)]
pub(super) struct Assigned {
    /// The aliases in use, the one first that was not used for the longest time.
    recent: List,
    len: u16,
}

/// An alias to be sent, and whether the peer knows what it stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Assignment {
    pub(super) alias: u16,
    pub(super) known: bool,
}

/// The most aliases whose topics have the same place. A topic beyond that gets none, so that nobody who chooses topics can make
/// looking for one slow.
const CROWD: usize = 16;

/// FNV-1a, folded: cheap, and only its spread counts.
fn hash(topic: &str) -> u16 {
    let hash =
        topic.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 16 ^ hash) as u16
}

impl Assigned {
    /// The alias of a topic that has one.
    pub(super) fn find(&mut self, table: &mut impl TopicTable, topic: &str) -> Option<Assignment> {
        let alias = self.look_for(table, topic).ok()?;
        let slots = table.slots_mut();
        self.recent.remove(slots, alias);
        self.recent.push(slots, alias);
        Some(Assignment { alias, known: slot(slots, alias).is_some_and(|slot| slot.known) })
    }

    /// The alias of a topic, or how many others have the same place.
    fn look_for(&self, table: &impl TopicTable, topic: &str) -> Result<u16, usize> {
        if self.len == 0 {
            return Err(0);
        }
        let hash = hash(topic);
        let mut alias = slot(table.slots(), hash).map_or(0, |slot| slot.bucket);
        for others in 0..=CROWD {
            let Some(slot) = slot(table.slots(), alias).filter(|_| alias != 0) else { return Err(others) };
            if slot.hash == hash && table.get(alias) == Some(topic) {
                return Ok(alias);
            }
            alias = slot.chain;
        }
        Err(CROWD)
    }

    /// The alias of a topic, which gets one if it has none: a new one up to `max`, or else the one that was not used for
    /// the longest time. `None`: the table has no room for the topic.
    pub(super) fn assign(
        &mut self,
        table: &mut impl TopicTable,
        topic: &str,
        max: u16,
    ) -> Option<Assignment> {
        match self.look_for(table, topic) {
            Ok(_) => return self.find(table, topic),
            Err(others) if others >= CROWD || !table.fits(topic) => return None,
            Err(_) => {}
        }
        let max = max.min(table.capacity());
        let alias = if self.len < max { self.len + 1 } else { self.recent.first };
        if alias == 0 {
            return None;
        }
        if alias > self.len {
            self.len = alias;
        } else {
            self.recent.remove(table.slots_mut(), alias);
            unchain(table.slots_mut(), alias);
        }
        // What has no room keeps the alias, so that it comes to its turn again.
        let kept = table.set(alias, topic);
        let slots = table.slots_mut();
        self.recent.push(slots, alias);
        if !kept {
            return None;
        }
        let hash = hash(topic);
        let chain = slot_mut(slots, hash).map_or(0, |slot| core::mem::replace(&mut slot.bucket, alias));
        if let Some(slot) = slot_mut(slots, alias) {
            (slot.hash, slot.chain, slot.used, slot.known) = (hash, chain, true, false);
        }
        Some(Assignment { alias, known: false })
    }

    /// The peer has been told what an alias stands for.
    pub(super) fn told(table: &mut impl TopicTable, alias: u16) {
        if let Some(slot) = slot_mut(table.slots_mut(), alias) {
            slot.known = true;
        }
    }
}

/// Takes an alias out of its bucket, if it is in one.
fn unchain(slots: &mut [TopicSlot], alias: u16) {
    let Some(own) = slot_mut(slots, alias).filter(|slot| slot.used) else { return };
    own.used = false;
    let (hash, chain) = (own.hash, own.chain);
    let Some(head) = slot_mut(slots, hash) else { return };
    if head.bucket == alias {
        head.bucket = chain;
        return;
    }
    let mut before = head.bucket;
    while let Some(slot) = slot_mut(slots, before).filter(|_| before != 0) {
        if slot.chain == alias {
            slot.chain = chain;
            return;
        }
        before = slot.chain;
    }
}

#[cfg(test)]
#[expect(clippy::std_instead_of_alloc, reason = "tests have std")]
mod tests {
    extern crate std;
    use std::{format, string::String, vec::Vec};

    use super::*;

    /// Random topics against a list that does the same slowly.
    #[test]
    fn the_one_that_rested_longest_is_replaced() {
        fn check(mut table: impl TopicTable, max: u16) {
            let mut assigned = Assigned::default();
            let mut model: Vec<(u16, String)> = Vec::new();
            let room = usize::from(max.min(table.capacity()));
            let mut random = 1_u32;
            for _ in 0..20_000 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let topic = format!("topic/{}", random >> 16 & 15);
                let expected = match model.iter().position(|(_, known)| *known == topic) {
                    Some(at) => Assignment { alias: model.remove(at).0, known: true },
                    None if model.len() < room => Assignment { alias: model.len() as u16 + 1, known: false },
                    None => Assignment { alias: model.remove(0).0, known: false },
                };
                model.push((expected.alias, topic.clone()));
                let assignment = assigned.assign(&mut table, &topic, max).unwrap();
                assert_eq!(assignment, expected);
                assert_eq!(table.get(assignment.alias), Some(&topic[..]));
                Assigned::told(&mut table, assignment.alias);
            }
        }
        check(FixedTopics::<9, 10>::default(), 9);
        check(FixedTopics::<9, 10>::default(), 4);
        check(FixedTopics::<1, 10>::default(), 9);
        check(HeapTopics::new(12, 1000), 12);
    }

    /// Topics that all have the same place.
    #[test]
    fn a_crowd_has_a_limit() {
        let mut table = HeapTopics::new(1000, 1 << 20);
        let place = |topic: &str| hash(topic) % 1000;
        let crowd = (0..).map(|n| format!("{n}")).filter(|topic| place(topic) == 7).take(CROWD + 5);
        let mut assigned = Assigned::default();
        let given = crowd.filter(|topic| assigned.assign(&mut table, topic, 1000).is_some()).count();
        assert_eq!(given, CROWD);
    }

    #[test]
    fn tables_have_limits() {
        let mut table = FixedTopics::<2, 3>::default();
        assert!(table.set(2, "abc") && !table.set(1, "abcd") && !table.set(3, "a") && !table.set(0, "a"));
        assert_eq!((table.get(0), table.get(1), table.get(2), table.get(3)), (None, None, Some("abc"), None));
        assert!(!table.set(2, "abcd"));
        assert_eq!(
            table.get(2),
            None,
            "an alias that can't stand for the new topic must not stand for the old one"
        );

        let mut table = HeapTopics::new(3, 10);
        assert!(table.set(3, "abcdef") && table.set(1, "abcd") && !table.set(2, "a"));
        assert!(table.set(3, "ab") && table.set(2, "abcd") && !table.set(4, "") && !table.set(0, ""));
        table.clear();
        assert!(table.set(1, "0123456789") && table.get(3).is_none());

        let mut assigned = Assigned::default();
        let mut table = FixedTopics::<2, 3>::default();
        for topic in ["abcd", "abc", "xyz", "abcde", "abc"] {
            let assignment = assigned.assign(&mut table, topic, 2);
            assert_eq!(assignment.is_some(), topic.len() <= 3, "{topic}");
        }
        assert_eq!(NoTopics.capacity(), 0);
        assert_eq!(Assigned::default().assign(&mut NoTopics, "a", 5), None);
    }
}
