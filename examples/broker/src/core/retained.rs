//! Retained messages, found by topic filter.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

#[cfg(test)]
mod tests;

/// Retained messages by topic name, in an order that keeps everything beneath a level together.
pub struct Retained<V> {
    messages: BTreeMap<Key, V>,
}

/// A topic name. The order is that of its levels: `/` comes before every other byte.
#[derive(Eq, PartialEq)]
struct Key(Box<str>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V> Default for Retained<V> {
    fn default() -> Self {
        Self { messages: BTreeMap::new() }
    }
}

impl<V> Retained<V> {
    /// Keeps a message, in place of an older one.
    pub fn insert(&mut self, topic: &str, message: V) -> Option<V> {
        self.messages.insert(Key(topic.into()), message)
    }

    pub fn remove(&mut self, topic: &str) -> Option<V> {
        self.messages.remove(&Key(topic.into()))
    }

    pub fn get(&self, topic: &str) -> Option<&V> {
        self.messages.get(&Key(topic.into()))
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// All messages whose topic names match a filter. [`Matching::after`] goes on where another search has stopped.
    pub fn matching<'a>(&'a self, filter: &'a str) -> Matching<'a, V> {
        let Self { messages } = self;
        Matching { messages, range: messages.range(..), filter, visited: 0, seeks: 0 }
    }
}

/// The messages that match a filter, in order of their topic names.
pub struct Matching<'a, V> {
    messages: &'a BTreeMap<Key, V>,
    range: btree_map::Range<'a, Key, V>,
    filter: &'a str,
    visited: usize,
    seeks: usize,
}

impl<V> Matching<'_, V> {
    /// Goes on after this topic name, be there a message or not.
    #[must_use]
    pub fn after(self, topic: &str) -> Self {
        let after = Bound::Excluded(Key(topic.into()));
        Self { range: self.messages.range((after, Bound::Unbounded)), ..self }
    }

    /// What the search has cost so far: how many topic names were looked at, and how often some were skipped.
    pub fn cost(&self) -> (usize, usize) {
        (self.visited, self.seeks)
    }
}

impl<'a, V> Iterator for Matching<'a, V> {
    type Item = (&'a str, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (Key(topic), message) = self.range.next()?;
            self.visited += 1;
            match compare(self.filter, topic) {
                Compared::Matches => return Some((topic, message)),
                Compared::Before => {}
                Compared::Skip { keep, then } => {
                    let bound = Bound::Included(Key([&topic[..keep], then].concat().into()));
                    self.range = self.messages.range((bound, Bound::Unbounded));
                    self.seeks += 1;
                }
                Compared::Behind => self.range = btree_map::Range::default(),
            }
        }
    }
}

/// Where a topic name is among those that match a filter.
enum Compared<'f> {
    Matches,
    /// The next one may match.
    Before,
    /// None matches before this one: so much of the topic name, and this.
    Skip {
        keep: usize,
        then: &'f str,
    },
    /// Nor does one that follows.
    Behind,
}

fn compare<'f>(filter: &'f str, topic: &str) -> Compared<'f> {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        // [MQTT-4.7.2-1]. The character after `$` is `%`.
        return Compared::Skip { keep: 0, then: "%" };
    }
    let (mut levels, mut asked) = (topic.split('/'), filter.split('/'));
    // Where the next levels begin, in the topic name and the filter, and what is to be skipped if no more can match
    // that have the same levels for each `+`.
    let (mut at, mut asked_at, mut others) = (0, 0, Compared::Behind);
    loop {
        let level = match (asked.next(), levels.next()) {
            (None, None) | (Some("#"), _) => return Compared::Matches,
            (None, Some(_)) => return others,
            (Some(_), None) => return Compared::Before,
            (Some("+"), Some(level)) => {
                // No topic name has U+0000: it is behind all that is beneath this level.
                others = Compared::Skip { keep: at + level.len(), then: "\0" };
                asked_at += 2;
                at += level.len() + 1;
                continue;
            }
            (Some(asked), Some(level)) => match level.cmp(asked) {
                Ordering::Less => {
                    // All levels up to the next wildcard have to be the same.
                    let asked = &filter[asked_at..];
                    let then = asked.split(['+', '#']).next().unwrap_or_default();
                    return Compared::Skip { keep: at, then: then.strip_suffix('/').unwrap_or(then) };
                }
                Ordering::Equal => level,
                Ordering::Greater => return others,
            },
        };
        at += level.len() + 1;
        asked_at += level.len() + 1;
    }
}
