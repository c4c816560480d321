//! What the connections of a server share: who subscribes to what, and the sessions of those who are away.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sans_mqtt::{Heap, Instant, Message, Qos, ReasonCode, Session, matches};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

/// How many messages wait for a client that is slow or away.
const MAILBOX: usize = 1000;

/// A message on its way from one connection to another. The payload is a part of what was read from the publisher.
#[derive(Clone, Debug)]
pub struct Letter {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: Qos,
}

impl Letter {
    pub fn message(&self) -> Message<'_> {
        Message { qos: self.qos, topic: &self.topic, payload: &self.payload, ..Message::default() }
    }
}

/// A client, here or away.
#[derive(Debug)]
pub struct Client {
    filters: Mutex<Vec<(String, Qos)>>,
    mailbox: mpsc::Sender<Letter>,
    /// Taken by the connection that the client has.
    seat: Arc<tokio::sync::Mutex<Seat>>,
    /// Dropped when that connection has to make way for another.
    newest: Mutex<Option<oneshot::Sender<()>>>,
}

/// What the connection of a client needs, one at a time.
#[derive(Debug)]
pub struct Seat {
    pub session: Option<Session<Heap>>,
    letters: mpsc::Receiver<Letter>,
    /// The letter that was taken out of the mailbox and could not be sent yet.
    pub next: Option<Letter>,
}

impl Seat {
    /// Waits for a letter, unless there is one.
    pub async fn fetch(&mut self) {
        match self.next {
            None => self.next = self.letters.recv().await,
            Some(_) => pending().await,
        }
    }

    /// The next letter, if there is one.
    pub fn take(&mut self) -> Option<Letter> {
        self.next.take().or_else(|| self.letters.try_recv().ok())
    }
}

/// A client that is here.
#[derive(Debug)]
pub struct Guest {
    pub client: Arc<Client>,
    pub seat: OwnedMutexGuard<Seat>,
    /// Comes to an end when another connection wants the seat.
    pub leave: oneshot::Receiver<()>,
}

impl Guest {
    /// Begins anew: the session before is over.
    pub fn forget(&mut self) {
        self.client.filters.lock().unwrap().clear();
        while self.seat.take().is_some() {}
        self.seat.session = None;
    }
}

#[derive(Debug)]
pub struct Hub {
    clients: Mutex<HashMap<String, Arc<Client>>>,
    /// One clock for all connections, because sessions go from one to the next.
    pub began: tokio::time::Instant,
}

impl Default for Hub {
    fn default() -> Self {
        Self { clients: Mutex::default(), began: tokio::time::Instant::now() }
    }
}

impl Hub {
    /// The time.
    pub fn now(&self) -> Instant {
        Instant::from(self.began.elapsed())
    }

    /// The client of that name, once no other connection has it.
    pub async fn enter(&self, name: &str) -> Guest {
        let client = self.clients.lock().unwrap().entry(name.into()).or_default().clone();
        let (newest, leave) = oneshot::channel();
        *client.newest.lock().unwrap() = Some(newest);
        let seat = client.seat.clone().lock_owned().await;
        Guest { client, seat, leave }
    }

    /// Puts a message into the mailboxes of all that subscribe to it.
    pub fn route(&self, letter: &Letter) -> ReasonCode {
        let mut reason = ReasonCode::NO_MATCHING_SUBSCRIBERS;
        for client in self.clients.lock().unwrap().values() {
            let Some(qos) = client.wants(&letter.topic) else { continue };
            let copy = Letter { qos: letter.qos.min(qos), ..letter.clone() };
            // A mailbox that is full belongs to a client that is too slow; others do not wait for it.
            match client.mailbox.try_send(copy) {
                Err(_) if letter.qos > Qos::AtMostOnce => return ReasonCode::QUOTA_EXCEEDED,
                _ => reason = ReasonCode::SUCCESS,
            }
        }
        reason
    }
}

impl Default for Client {
    fn default() -> Self {
        let (mailbox, letters) = mpsc::channel(MAILBOX);
        let seat = Arc::new(tokio::sync::Mutex::new(Seat { session: None, letters, next: None }));
        Self { filters: Mutex::default(), mailbox, seat, newest: Mutex::default() }
    }
}

impl Client {
    fn wants(&self, topic: &str) -> Option<Qos> {
        let filters = self.filters.lock().unwrap();
        filters.iter().filter(|(filter, _)| matches(filter, topic)).map(|(_, qos)| *qos).max()
    }

    pub fn subscribe(&self, filter: &str, qos: Qos) -> ReasonCode {
        if filter.starts_with("$share/") {
            return ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
        }
        self.unsubscribe(filter);
        self.filters.lock().unwrap().push((filter.into(), qos));
        ReasonCode::new(qos as u8)
    }

    pub fn unsubscribe(&self, filter: &str) -> ReasonCode {
        let mut filters = self.filters.lock().unwrap();
        let before = filters.len();
        filters.retain(|(other, _)| other != filter);
        if filters.len() < before { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED }
    }
}
