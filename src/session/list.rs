//! Doubly linked lists through the slots of a table, which is a slice of the caller's.

/// A slot by a number that survives the growth of its table: slot `handle % len`. 0 is none.
pub(crate) type Handle = u16;

/// The neighbours of a slot in the list that it is in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Links {
    pub(crate) next: Handle,
    prev: Handle,
}

/// What a list is made of.
pub(crate) trait Linked {
    fn links(&mut self) -> &mut Links;
}

/// Where `handle` is in a table of `len` slots.
#[cfg_attr(not(feature = "small"), inline(always))]
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn index(handle: Handle, len: usize) -> usize {
    usize::from(handle).checked_rem(len).unwrap_or_default()
}

/// The slot of a handle.
#[inline(always)]
pub(crate) fn slot<T>(slots: &[T], handle: Handle) -> Option<&T> {
    slots.get(index(handle, slots.len()))
}

#[inline(always)]
pub(crate) fn slot_mut<T>(slots: &mut [T], handle: Handle) -> Option<&mut T> {
    slots.get_mut(index(handle, slots.len()))
}

/// The first and the last slot of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    pub(crate) first: Handle,
    last: Handle,
}

impl List {
    /// Appends a slot that is in no list.
    #[inline]
    pub(crate) fn push<T: Linked>(&mut self, slots: &mut [T], handle: Handle) {
        if let Some(slot) = slot_mut(slots, handle) {
            *slot.links() = Links { next: 0, prev: self.last };
        }
        self.join(slots, self.last, handle);
        self.join(slots, handle, 0);
    }

    /// Takes out a slot that is in this list; gives the one behind it.
    #[inline]
    pub(crate) fn remove<T: Linked>(&mut self, slots: &mut [T], handle: Handle) -> Handle {
        let Links { next, prev } =
            slot_mut(slots, handle).map(|slot| core::mem::take(slot.links())).unwrap_or_default();
        self.join(slots, prev, next);
        next
    }

    /// Makes two slots neighbours. In the place of a slot, 0 is the end of the list.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn join<T: Linked>(&mut self, slots: &mut [T], before: Handle, behind: Handle) {
        match slot_mut(slots, before) {
            Some(slot) if before != 0 => slot.links().next = behind,
            _ => self.first = behind,
        }
        match slot_mut(slots, behind) {
            Some(slot) if behind != 0 => slot.links().prev = before,
            _ => self.last = before,
        }
    }
}
