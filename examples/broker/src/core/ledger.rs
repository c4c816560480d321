//! What has to survive a restart, as it changes.

use std::sync::Arc;

use sans_mqtt::*;

use super::client::{Client, Subscribed};
use super::letter::{Letter, Stored};
use super::link::Note;

/// The number of a session on disk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Row(pub u64);

#[derive(Default)]
pub struct Ledger {}

impl Ledger {
    pub fn keep(&mut self, _client: &mut Client, _stays: bool) {}
    pub fn put_session(&mut self, _client: &Client) {}
    pub fn put_subscription(&mut self, _client: &Client, _filter: &str, _it: &Subscribed) {}
    pub fn forget_subscription(&mut self, _client: &Client, _filter: &str) {}
    pub fn put_waiting(&mut self, _client: &Client, _letter: &Letter) {}
    pub fn put_sent(&mut self, _client: &Client, _letter: &Letter, _id: PacketId) {}
    pub fn delete_letter(&mut self, _row: Row, _number: u64, _message: &Stored) {}
    pub fn note(&mut self, client: &mut Client, note: Note) {
        if let Note::Finished(id) = note {
            client.land(id);
        }
    }
    pub fn put_retained(&mut self, _topic: &str, _message: &Arc<Stored>) {}
    pub fn forget_retained(&mut self, _topic: &str) {}
    pub fn forget(&mut self, _client: &mut Client) {}
    pub fn commit(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
