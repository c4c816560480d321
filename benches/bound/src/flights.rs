//! Packet identifiers, and what is on its way under each.

use core::num::NonZeroU16;

/// What is known of an identifier.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Flight {
    Free,
    AtLeastOnce,
    ExactlyOnce,
    Released,
    /// With the number of filters.
    Subscribe(u16),
    Unsubscribe(u16),
}

/// The identifiers from 1 to `N`.
pub(crate) struct Flights<const N: usize> {
    /// By identifier.
    flights: [Flight; N],
    /// Identifiers that are free, in the order in which they became so, from `next` on: a ring.
    free: [Option<NonZeroU16>; N],
    next: usize,
    len: usize,
}

impl<const N: usize> Flights<N> {
    pub(crate) fn new() -> Self {
        let free = core::array::from_fn(|at| u16::try_from(at + 1).ok().and_then(NonZeroU16::new));
        Self { flights: [Flight::Free; N], free, next: 0, len: 0 }
    }

    /// How many are in use.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn get(&self, id: NonZeroU16) -> Flight {
        self.flights.get(usize::from(id.get()) - 1).copied().unwrap_or(Flight::Free)
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, id: NonZeroU16, flight: Flight) {
        if let Some(slot) = self.flights.get_mut(usize::from(id.get()) - 1) {
            *slot = flight;
        }
    }

    /// The identifier that the next packet will have, if one is free.
    #[inline(always)]
    pub(crate) fn vacant(&self) -> Option<NonZeroU16> {
        if self.len == N { None } else { self.free.get(self.next).copied().flatten() }
    }

    /// Takes the vacant identifier.
    #[inline(always)]
    pub(crate) fn insert(&mut self, id: NonZeroU16, flight: Flight) {
        self.set(id, flight);
        self.len += 1;
        self.next = if self.next + 1 == N { 0 } else { self.next + 1 };
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, id: NonZeroU16) {
        self.set(id, Flight::Free);
        // The free ones end `len` before they begin: so many are not free.
        let end = self.next.checked_sub(self.len).unwrap_or_else(|| self.next + N - self.len);
        if let Some(free) = self.free.get_mut(end) {
            *free = Some(id);
        }
        self.len -= 1;
    }
}
