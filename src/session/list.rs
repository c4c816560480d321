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
pub(crate) fn index(handle: Handle, len: usize) -> usize {
    usize::from(handle).checked_rem(len).unwrap_or_default()
}

/// The slot of a handle.
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn slot<T>(slots: &[T], handle: Handle) -> Option<&T> {
    slots.get(index(handle, slots.len()))
}

#[cfg_attr(feature = "small", inline(never))]
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
    /// The links of a slot that is about to be the last.
    pub(crate) fn end(&self) -> Links {
        Links { next: 0, prev: self.last }
    }

    /// Appends a slot that is in no list.
    #[inline]
    pub(crate) fn push<T: Linked>(&mut self, slots: &mut [T], handle: Handle) {
        if let Some(slot) = slot_mut(slots, handle) {
            *slot.links() = self.end();
        }
        self.append(slots, handle);
    }

    /// Appends a slot whose links are those of the [`end`](Self::end).
    pub(crate) fn append<T: Linked>(&mut self, slots: &mut [T], handle: Handle) {
        match slot_mut(slots, self.last) {
            Some(slot) if self.last != 0 => slot.links().next = handle,
            _ => self.first = handle,
        }
        self.last = handle;
    }

    /// Takes out a slot that is in this list.
    #[inline]
    pub(crate) fn remove<T: Linked>(&mut self, slots: &mut [T], handle: Handle) {
        if let Some(links) = slot_mut(slots, handle).map(|slot| *slot.links()) {
            self.close(slots, links);
        }
    }

    /// Makes the neighbours of a slot that is taken out each other's.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn close<T: Linked>(&mut self, slots: &mut [T], Links { next, prev }: Links) {
        match slot_mut(slots, prev) {
            Some(slot) if prev != 0 => slot.links().next = next,
            _ => self.first = next,
        }
        match slot_mut(slots, next) {
            Some(slot) if next != 0 => slot.links().prev = prev,
            _ => self.last = prev,
        }
    }
}
