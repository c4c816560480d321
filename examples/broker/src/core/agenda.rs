//! What waits for its time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;

use sans_mqtt::Instant;

use super::client::ClientId;

/// What is to be done when it is time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Deadline {
    /// A session without a connection.
    Client(ClientId),
    /// A retained message expires.
    Retained(Arc<str>),
    Statistics,
}

/// Deadlines in their order.
#[derive(Default)]
pub struct Agenda {
    deadlines: BTreeSet<(Instant, Deadline)>,
    /// Of who sleeps until the first of them.
    waker: Option<Waker>,
}

impl Agenda {
    pub fn insert(&mut self, at: Instant, what: Deadline) {
        if self.deadlines.first().is_none_or(|(first, _)| at < *first) {
            self.waker.take().into_iter().for_each(Waker::wake);
        }
        self.deadlines.insert((at, what));
    }

    pub fn remove(&mut self, at: Instant, what: Deadline) {
        self.deadlines.remove(&(at, what));
    }

    /// Takes out the first, if it is due.
    pub fn pop(&mut self, now: Instant) -> Option<Deadline> {
        self.deadlines.first().filter(|(at, _)| *at <= now)?;
        self.deadlines.pop_first().map(|(_, what)| what)
    }

    /// When the first is due. If an earlier one comes, `waker` is woken.
    pub fn next(&mut self, waker: &Waker) -> Option<Instant> {
        self.waker = Some(waker.clone());
        self.deadlines.first().map(|(at, _)| *at)
    }
}
