//! What has to survive a restart, as it changes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::Arc;

use sans_mqtt::*;

use super::client::{Client, Subscribed};
use super::letter::{Letter, Stored, Terms};
use super::link::{Note, Tables};
use crate::disk::rows::{LetterRow, LetterState, MessageRow, SessionRow, SubscriptionRow};
use crate::disk::{Batch, Disk};

/// Writes to the disk, if there is one: all that happens in one turn at once, before anybody is told.
#[derive(Default)]
pub struct Ledger {
    disk: Option<Box<dyn Disk>>,
    batch: Batch,
    /// The last numbers of a session and of a message.
    last_session: u64,
    last_message: u64,
    /// How many letters on disk refer to a message.
    pub(super) references: HashMap<u64, u32>,
}

impl Ledger {
    /// That of a disk with these numbers in use, and with changes that are still to be made.
    pub fn new(disk: Box<dyn Disk>, last_session: u64, last_message: u64, batch: Batch) -> Self {
        Self { disk: Some(disk), batch, last_session, last_message, references: HashMap::new() }
    }

    /// Has what belongs to a client survive a restart, or not any more.
    pub fn keep(&mut self, client: &mut Client, session: &Session<Tables>, stays: bool) {
        if stays && self.disk.is_some() {
            if client.row.is_none() {
                self.last_session += 1;
                client.row = Some(self.last_session);
            }
            self.put_session(client);
        } else {
            self.forget(client, Some(session));
        }
    }

    pub fn put_session(&mut self, client: &Client) {
        let Some(row) = client.row else { return };
        let session = client.session.as_ref();
        let timers = session.map(Session::timers).unwrap_or_default();
        let millis = |at: Option<Instant>| at.map(Instant::as_millis);
        let session = SessionRow {
            client_id: Cow::Borrowed(&client.name),
            user: client.who.user.as_deref().map(Cow::Borrowed),
            expiry_interval: client.expiry,
            end_at: millis(timers.end),
            will: client.will.as_ref().map(|will| will.frame.clone()),
            will_delay: client.will.as_ref().map_or(0, |will| will.delay),
            will_at: millis(timers.will),
        };
        self.batch.put_session(row, &session);
    }

    pub fn put_subscription(&mut self, client: &Client, filter: &str, it: &Subscribed) {
        let Some(row) = client.row else { return };
        let Subscribed { qos, no_local, retain_as_published, id } = *it;
        self.batch.put_subscription(row, filter, &SubscriptionRow { qos, no_local, retain_as_published, id });
    }

    pub fn forget_subscription(&mut self, client: &Client, filter: &str) {
        if let Some(row) = client.row {
            self.batch.delete_subscription(row, filter);
        }
    }

    /// A letter waits.
    pub fn put_waiting(&mut self, client: &Client, letter: &Letter) {
        if let Some(row) = client.row.filter(|_| letter.terms.qos > Qos::AtMostOnce) {
            let message = self.refer(&letter.message);
            self.put_letter(row, message, letter.number, &letter.terms, LetterState::Queued);
        }
    }

    /// A letter is on its way, for which it may have waited.
    pub fn put_sent(&mut self, client: &mut Client, letter: Letter, id: PacketId, waited: bool) {
        if let Some(row) = client.row {
            let message = match letter.message.row.get() {
                Some(message) if waited => *message,
                _ => self.refer(&letter.message),
            };
            self.put_letter(row, message, letter.number, &letter.terms, LetterState::Sent(id));
        }
        client.take_off(id, letter.into());
    }

    fn put_letter(&mut self, row: u64, message: u64, number: u64, terms: &Terms, state: LetterState) {
        let Terms { qos, retain, ids, shared } = terms;
        let shared = shared.as_deref().map(Cow::Borrowed);
        let letter =
            LetterRow { message, qos: *qos, retain: *retain, ids: Cow::Borrowed(ids), state, shared };
        self.batch.put_letter(row, number, &letter);
    }

    /// A letter is done with, if it was on disk.
    pub fn delete_letter(&mut self, client: &Client, number: u64, qos: Qos, message: Option<&Stored>) {
        if let Some(row) = client.row.filter(|_| qos > Qos::AtMostOnce) {
            self.batch.delete_letter(row, number);
            self.release(message);
        }
    }

    /// A step of a session.
    pub fn note(&mut self, client: &mut Client, note: Note) {
        match note {
            Note::Released(id) => {
                let Some(flying) = client.flying.get_mut(&id) else { return };
                let message = flying.message.take();
                client.flying_bytes -= mem::take(&mut flying.size);
                if let Some(row) = client.row {
                    let terms = Terms { qos: flying.qos, ..Terms::default() };
                    self.put_letter(row, 0, flying.number, &terms, LetterState::Released(id));
                    self.release(message.as_deref());
                }
            }
            Note::Finished(id) => {
                if let Some(flying) = client.land(id) {
                    self.delete_letter(client, flying.number, flying.qos, flying.message.as_deref());
                }
            }
            Note::Taken(id) => {
                if let Some(row) = client.row {
                    self.batch.put_incoming(row, id);
                }
            }
            Note::Completed(id) => {
                if let Some(row) = client.row {
                    self.batch.delete_incoming(row, id);
                }
            }
        }
    }

    pub fn put_retained(&mut self, topic: &str, message: &Stored) {
        if self.disk.is_some() {
            self.batch.put_retained(topic, &message.into());
        }
    }

    pub fn forget_retained(&mut self, topic: &str) {
        if self.disk.is_some() {
            self.batch.delete_retained(topic);
        }
    }

    /// Nothing of a client is to survive.
    pub fn forget(&mut self, client: &mut Client, session: Option<&Session<Tables>>) {
        let Some(row) = client.row.take() else { return };
        self.batch.delete_session(row);
        for filter in client.subscriptions.keys() {
            self.batch.delete_subscription(row, filter);
        }
        for letter in client.queue.kept() {
            self.batch.delete_letter(row, letter.number);
            self.release(Some(&letter.message));
        }
        for flying in client.flying.values() {
            self.batch.delete_letter(row, flying.number);
            self.release(flying.message.as_deref());
        }
        if let Some(session) = session {
            session.export(|record| {
                if let Record::Take { id } = *record {
                    self.batch.delete_incoming(row, id);
                }
            });
        }
    }

    /// One more letter on disk refers to a message.
    fn refer(&mut self, message: &Arc<Stored>) -> u64 {
        let row = *message.row.get_or_init(|| {
            self.last_message += 1;
            self.last_message
        });
        let count = self.references.entry(row).or_default();
        if *count == 0 {
            self.batch.put_message(row, &(&**message).into());
        }
        *count += 1;
        row
    }

    fn release(&mut self, message: Option<&Stored>) {
        let Some(row) = message.and_then(|message| message.row.get()) else { return };
        let Some(count) = self.references.get_mut(row) else { return };
        *count -= 1;
        if *count == 0 {
            self.references.remove(row);
            self.batch.delete_message(*row);
        }
    }

    /// Carries out what was changed.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn commit(&mut self) -> io::Result<()> {
        match &mut self.disk {
            Some(disk) if !self.batch.is_empty() => disk.commit(&mut self.batch),
            _ => Ok(()),
        }
    }
}

impl From<&Stored> for MessageRow {
    fn from(message: &Stored) -> Self {
        let (received, expires) = (message.received.as_millis(), message.expires.map(Instant::as_millis));
        Self { received, expires, publish: message.frame().clone() }
    }
}
