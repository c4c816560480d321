//! A session as a log tells of it.

use core::fmt;

use super::state::{ARRIVALS, FLIGHTS, SessionState};
use super::{LogError, Part};
use crate::packet::Message;
use crate::session::{Handle, Keep, Session, Store, StoreError, Tables};
use crate::spec::PacketId;

/// How a state can't be put into a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StateError {
    /// It is damaged.
    Log(LogError),
    /// The store does not take it.
    Store(StoreError),
    /// The tables of the store are of another size.
    Shape,
}

impl From<LogError> for StateError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Shape => f.write_str("a store of another size"),
        }
    }
}

fn value<T: Copy>(all: &[T], number: u8) -> Result<T, LogError> {
    all.get(usize::from(number)).copied().ok_or(LogError::Unknown)
}

fn take_runs(from: &mut &[u8], mut each: impl FnMut(Handle) -> Result<(), LogError>) -> Result<(), LogError> {
    loop {
        let len = u16::take(from)?;
        if len == 0 {
            return Ok(());
        }
        let first = u16::take(from)?;
        for n in 0..len {
            each(first.checked_add(n).ok_or(LogError::Unknown)?)?;
        }
    }
}

impl<S: Store> Session<S> {
    /// Makes a new session what another one was.
    pub(crate) fn load(&mut self, state: SessionState<'_>) -> Result<(), StateError> {
        let mut from = state.bytes().ok_or(LogError::Unknown)?;
        let from = &mut from;
        let (exists, (expiry, epoch)) = Part::take(from)?;
        (self.will_at, self.end_at) = Part::take(from)?;
        let (outgoing, (incoming, capacity)) = <(usize, (usize, u16))>::take(from)?;
        // A table that doubles gets there in sixteen steps.
        for _ in 0..=16 {
            let _ =
                self.store.tables().outgoing().len() < outgoing && self.store.tables_mut().grow_outgoing();
            let _ =
                self.store.tables().incoming().len() < incoming && self.store.tables_mut().grow_incoming();
        }
        let shape = (
            self.store.tables().outgoing().len(),
            (self.store.tables().incoming().len(), self.store.tables().incoming_capacity()),
        );
        if shape != (outgoing, (incoming, capacity)) {
            return Err(StateError::Shape);
        }
        (self.exists, self.expiry, self.epoch) = (exists, expiry, epoch);
        let (newest, count) = <(u16, u16)>::take(from)?;
        self.outbox.empty(self.store.tables_mut().outgoing_mut(), newest);
        for _ in 0..count {
            let ((id, flight), (marks, filters)) = <((PacketId, u8), (u8, u16))>::take(from)?;
            let flight = value(&FLIGHTS, flight)?;
            let placed =
                self.outbox.place(self.store.tables_mut().outgoing_mut(), id, flight, marks, filters);
            placed.then_some(()).ok_or(LogError::Unknown)?;
            if let Some(message) = <Option<Message<'_>> as Part<'_>>::take(from)? {
                self.keep(id, |keep| keep.keep(&message))?;
            }
        }
        let (outbox, slots) = (&mut self.outbox, self.store.tables_mut().outgoing_mut());
        take_runs(from, |id| outbox.place_free(slots, id).then_some(()).ok_or(LogError::Unknown))?;
        let count = u16::take(from)?;
        self.inbox.empty(self.store.tables_mut().incoming_mut());
        for _ in 0..count {
            let (handle, (id, arrival)) = <(u16, (PacketId, u8))>::take(from)?;
            let arrival = value(&ARRIVALS, arrival)?;
            let placed = self.inbox.place(self.store.tables_mut().incoming_mut(), handle, id, arrival);
            placed.then_some(()).ok_or(LogError::Unknown)?;
        }
        let (inbox, slots) = (&mut self.inbox, self.store.tables_mut().incoming_mut());
        take_runs(from, |handle| inbox.place_free(slots, handle).then_some(()).ok_or(LogError::Unknown))?;
        if from.is_empty() { Ok(()) } else { Err(LogError::Unknown.into()) }
    }
}
