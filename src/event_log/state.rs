//! A session with all that decides what becomes of it, as a log holds it: which identifiers come next, too, and not
//! only what has to survive a restart.

use core::fmt;

use super::{Bytes, Length, LogError, Part, Tape};
use crate::session::{Arrival, Flight, Handle, Keep, Session, Store, Tables};
use crate::wire::Sink;

pub(super) const FLIGHTS: [Flight; 5] =
    [Flight::AtLeastOnce, Flight::ExactlyOnce, Flight::Released, Flight::Subscribe, Flight::Unsubscribe];

pub(super) const ARRIVALS: [Arrival; 7] = [
    Arrival::Held1,
    Arrival::Owed1,
    Arrival::Held2,
    Arrival::Owed2,
    Arrival::Refused2,
    Arrival::Received,
    Arrival::Completed,
];

/// The place of a value among all there are.
fn number<T: PartialEq>(all: &[T], value: T) -> u8 {
    all.iter().position(|one| *one == value).unwrap_or_default() as u8
}

/// All that a session is, whether it is new, restored or goes on; its store aside.
#[derive(Clone, Copy)]
pub struct SessionState<'a>(Inner<'a>);

#[derive(Clone, Copy)]
enum Inner<'a> {
    Session(&'a dyn Written),
    Bytes(&'a [u8]),
}

/// A session whatever its store.
trait Written {
    fn write(&self, out: &mut dyn Sink);
}

impl<'a> SessionState<'a> {
    pub(crate) fn of<S: Store>(session: &'a Session<S>) -> Self {
        Self(Inner::Session(session))
    }

    /// As it is in a log.
    #[cfg(feature = "alloc")]
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self.0 {
            Inner::Session(_) => None,
            Inner::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Numbers as runs of one more each: how many, and the first; then 0.
fn put_runs<L: Sink>(numbers: impl Iterator<Item = Handle>, tape: &mut Tape<L>) {
    let mut run = (0_u16, 0_u16);
    for number in numbers {
        if run.0 > 0 && run.1.checked_add(run.0) == Some(number) {
            run.0 += 1;
        } else {
            if run.0 > 0 {
                tape.put(&run);
            }
            run = (1, number);
        }
    }
    if run.0 > 0 {
        tape.put(&run);
    }
    tape.put(&0_u16);
}

impl<S: Store> Written for Session<S> {
    fn write(&self, out: &mut dyn Sink) {
        let Self { store, outbox, inbox, expiry, exists, epoch, will_at, end_at } = self;
        let (outgoing, incoming) = (store.tables().outgoing(), store.tables().incoming());
        let tape = &mut Tape::new(out);
        tape.put(&(*exists, (*expiry, *epoch)));
        tape.put(&(*will_at, *end_at));
        tape.put(&(outgoing.len(), (incoming.len(), store.tables().incoming_capacity())));
        tape.put(&(outbox.newest(), outbox.len()));
        for (id, slot) in outbox.iter(outgoing) {
            let flight = slot.flight().map_or(0, |flight| number(&FLIGHTS, flight));
            let (marks, filters) = slot.notes();
            tape.put(&((id, flight), (marks, filters)));
            tape.put(&slot.keep.message());
        }
        put_runs(outbox.free(outgoing), tape);
        tape.put(&inbox.len());
        for (handle, id, arrival) in inbox.iter(incoming) {
            tape.put(&(handle, (id, number(&ARRIVALS, arrival))));
        }
        put_runs(inbox.free(incoming), tape);
    }
}

impl<'a> Part<'a> for SessionState<'a> {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        match self.0 {
            Inner::Bytes(bytes) => tape.put(&bytes),
            Inner::Session(session) => {
                let mut length = Length(0);
                session.write(&mut length);
                tape.put(&length.0);
                session.write(&mut Bytes(tape));
            }
        }
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        <&[u8]>::take(from).map(|bytes| Self(Inner::Bytes(bytes)))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Debug for SessionState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner::Bytes(mut from) = self.0 else { return f.write_str("a session") };
        match bool::take(&mut from) {
            Ok(true) => f.write_str("a session that exists"),
            _ => f.write_str("a session that does not exist yet"),
        }
    }
}
