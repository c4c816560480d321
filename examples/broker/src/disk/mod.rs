//! What has to survive a restart, on disk: tables of rows, changed by batches that happen whole or not at all.

use std::io;
use std::ops::Range;
use std::path::Path;

pub mod load;
pub mod rows;
mod sqlite;

pub use load::{Image, Stored, load};
pub use rows::{LetterRow, LetterState, MessageRow, SessionRow, SubscriptionRow};
pub use sqlite::Sqlite;

/// Tables of rows: key and value are bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Table {
    Sessions,
    Subscriptions,
    Letters,
    Incoming,
    Messages,
    Retained,
}

impl Table {
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::Subscriptions, Self::Letters, Self::Incoming, Self::Messages, Self::Retained];
}

/// How many bytes an empty batch may hold on to.
const ROOM: usize = 64 << 10;

/// Where rows are kept.
pub trait Disk: Send {
    /// Carries out a batch and empties it. Once this has returned, the end of the process can't undo it.
    ///
    /// After an error nothing of the batch has happened, and it is as it was.
    fn commit(&mut self, batch: &mut Batch) -> io::Result<()>;

    /// Shows all rows of a table, in the order of their keys.
    fn scan(&self, table: Table, each: &mut dyn FnMut(&[u8], &[u8])) -> io::Result<()>;

    /// Where it is, for a message about damage.
    fn place(&self) -> &Path {
        Path::new("memory")
    }
}

/// Changes that happen together or not at all, in the order in which they were asked for.
///
/// To be used again and again: it keeps its room, unless that has become large.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    changes: Vec<(Table, Range<usize>, Option<Range<usize>>)>,
}

impl Batch {
    /// Writes a row, over the one with that key if there is one.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.put_with(table, key, |out| out.extend_from_slice(value));
    }

    /// Deletes the row with that key if there is one.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        let key = self.keep(|out| out.extend_from_slice(key));
        self.changes.push((table, key, None));
    }

    fn put_with(&mut self, table: Table, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        let key = self.keep(|out| out.extend_from_slice(key));
        let value = self.keep(value);
        self.changes.push((table, key, Some(value)));
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(ROOM);
        self.changes.clear();
    }

    /// The changes: table, key, and the value that is put there.
    pub fn changes(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        let changes = self.changes.iter();
        changes.map(|(table, key, value)| {
            (*table, &self.bytes[key.clone()], value.clone().map(|value| &self.bytes[value]))
        })
    }

    fn keep(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }
}
