//! All that is on disk, as a broker takes it over when it starts.

use std::collections::{BTreeMap, HashSet};
use std::io;

use sans_mqtt::PacketId;

use super::rows::{LetterRow, LetterState, MessageRow, SessionRow, SubscriptionRow, decode};
use super::{Batch, Disk, Table};

#[derive(Debug, Default)]
pub struct Image {
    /// By their numbers.
    pub sessions: BTreeMap<u64, Stored>,
    /// Those that letters are about, by their numbers.
    pub messages: BTreeMap<u64, MessageRow>,
    /// By their topics.
    pub retained: BTreeMap<String, MessageRow>,
    /// The highest numbers in use.
    pub last_session: u64,
    pub last_message: u64,
    /// Deletes what belongs to nothing.
    pub orphans: Batch,
}

/// A session and what belongs to it.
#[derive(Debug)]
pub struct Stored {
    pub session: SessionRow<'static>,
    /// By their filters.
    pub subscriptions: BTreeMap<String, SubscriptionRow>,
    /// In the order of sending.
    pub letters: BTreeMap<u64, LetterRow<'static>>,
    /// Messages of QoS 2 that were taken and are not released.
    pub incoming: Vec<PacketId>,
}

/// Reads it all.
pub fn load(disk: &dyn Disk) -> io::Result<Image> {
    let mut image = Image::default();
    let Image { sessions, messages, retained, last_session, last_message, orphans } = &mut image;
    rows(disk, Table::Sessions, |key, value| {
        let (session, []) = number(key)? else { return Err(KEY.into()) };
        let (subscriptions, letters, incoming) = Default::default();
        sessions.insert(session, Stored { session: decode(value)?, subscriptions, letters, incoming });
        Ok(())
    })?;
    let mut of_session = |table, what: fn(&mut Stored, &[u8], &[u8]) -> Checked<()>| {
        rows(disk, table, |key, value| {
            let (session, rest) = number(key)?;
            *last_session = session.max(*last_session);
            match sessions.get_mut(&session) {
                Some(stored) => what(stored, rest, value)?,
                None => orphans.delete(table, key),
            }
            Ok(())
        })
    };
    of_session(Table::Subscriptions, |stored, rest, value| {
        stored.subscriptions.insert(text(rest)?, decode(value)?);
        Ok(())
    })?;
    of_session(Table::Letters, |stored, rest, value| {
        let (sequence, []) = number(rest)? else { return Err(KEY.into()) };
        stored.letters.insert(sequence, decode(value)?);
        Ok(())
    })?;
    of_session(Table::Incoming, |stored, rest, value| {
        let id = rest.try_into().ok().and_then(|id| PacketId::new(u16::from_be_bytes(id)));
        stored.incoming.push(id.ok_or(KEY)?);
        decode(value)
    })?;
    *last_session = sessions.keys().next_back().copied().unwrap_or(0).max(*last_session);
    let letters = || sessions.values().flat_map(|stored| stored.letters.values());
    *last_message = letters().map(|letter| letter.message).max().unwrap_or(0);
    let wanted: HashSet<_> =
        letters().filter(|letter| needs_message(letter)).map(|letter| letter.message).collect();
    rows(disk, Table::Messages, |key, value| {
        let (message, []) = number(key)? else { return Err(KEY.into()) };
        *last_message = message.max(*last_message);
        if wanted.contains(&message) {
            messages.insert(message, decode(value)?);
        } else {
            orphans.delete(Table::Messages, key);
        }
        Ok(())
    })?;
    for (session, stored) in sessions {
        stored.letters.retain(|sequence, letter| {
            let is_whole = !needs_message(letter) || messages.contains_key(&letter.message);
            if !is_whole {
                orphans.delete_letter(*session, *sequence);
            }
            is_whole
        });
    }
    rows(disk, Table::Retained, |key, value| {
        retained.insert(text(key)?, decode(value)?);
        Ok(())
    })?;
    Ok(image)
}

/// Or what is wrong with a row.
type Checked<T> = Result<T, String>;

const KEY: &str = "this is no key of this table";

/// All rows of a table, unless one is damaged.
fn rows(disk: &dyn Disk, table: Table, mut each: impl FnMut(&[u8], &[u8]) -> Checked<()>) -> io::Result<()> {
    let mut result = Ok(());
    disk.scan(table, &mut |key, value| {
        if result.is_ok() {
            result = each(key, value).map_err(|why| {
                let (place, key) = (disk.place().display(), key.escape_ascii());
                let why = format!("{place}: row \"{key}\" of {table:?}: {why}");
                io::Error::new(io::ErrorKind::InvalidData, why)
            });
        }
    })?;
    result
}

fn needs_message(letter: &LetterRow<'_>) -> bool {
    !matches!(letter.state, LetterState::Released(_))
}

/// The number that a key begins with, and the rest of it.
fn number(key: &[u8]) -> Checked<(u64, &[u8])> {
    let (number, rest) = key.split_first_chunk().ok_or(KEY)?;
    Ok((u64::from_be_bytes(*number), rest))
}

fn text(key: &[u8]) -> Checked<String> {
    std::str::from_utf8(key).map(Into::into).map_err(|error| error.to_string())
}
