//! Retained messages, found by topic filter.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::zip;
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
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        // Names that are near each other have a long beginning in common, for which this is a quicker look.
        let same = zip(a.chunks_exact(16), b.chunks_exact(16)).take_while(|(a, b)| a == b).count() * 16;
        let rank = |&byte: &u8| (byte != b'/', byte);
        a[same..].iter().map(rank).cmp(b[same..].iter().map(rank))
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

    /// The messages whose topic names match a filter, in the order of the names.
    pub fn matching<'a>(&'a self, filter: &'a str) -> Matching<'a, V> {
        let Self { messages } = self;
        let range = messages.range(..);
        Matching { messages, filter, range, last: None, most: usize::MAX, looks: 0, seeks: 0 }
    }
}

/// A search, which can be done in parts.
///
/// ```
/// use broker::core::retained::Retained;
///
/// let mut retained = Retained::default();
/// for topic in ["a", "a/b", "a/c", "b"] {
///     retained.insert(topic, topic.len());
/// }
/// let mut part = retained.matching("a/#").at_most(2);
/// assert_eq!(part.by_ref().map(|(topic, _)| topic).collect::<Vec<_>>(), ["a", "a/b"]);
/// // The one who asked has had enough for now; `retained` may change meanwhile.
/// let seen = part.rest().map(String::from).unwrap();
/// let mut part = retained.matching("a/#").after(&seen);
/// assert_eq!(part.by_ref().map(|(topic, _)| topic).collect::<Vec<_>>(), ["a/c"]);
/// assert_eq!(part.rest(), None);
/// ```
pub struct Matching<'a, V> {
    messages: &'a BTreeMap<Key, V>,
    filter: &'a str,
    /// Where it looks next.
    range: btree_map::Range<'a, Key, V>,
    /// Where it looked last, unless it is over.
    last: Option<&'a str>,
    most: usize,
    looks: usize,
    seeks: usize,
}

impl<'a, V> Matching<'a, V> {
    /// Goes on after this topic name, be there a message or not.
    #[must_use]
    pub fn after(self, topic: &str) -> Self {
        let after = Bound::Excluded(Key(topic.into()));
        Self { range: self.messages.range((after, Bound::Unbounded)), ..self }
    }

    /// Pauses after a look at so many topic names, those that do not match included. It takes a few to get on.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// After which topic name to go on, unless the search is over.
    pub fn rest(&self) -> Option<&'a str> {
        self.last
    }

    /// What it has cost so far: how many topic names were looked at, and how often some were skipped.
    pub fn cost(&self) -> (usize, usize) {
        (self.looks, self.seeks)
    }
}

impl<'a, V> Iterator for Matching<'a, V> {
    type Item = (&'a str, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        while self.looks < self.most {
            self.last = None;
            let (Key(topic), message) = self.range.next()?;
            self.last = Some(topic);
            self.looks += 1;
            match compare(self.filter, topic) {
                Compared::Matches => return Some((topic, message)),
                Compared::Before => {}
                Compared::Skip { keep, then } => {
                    let next = Key([&topic[..keep], then].concat().into());
                    self.range = self.messages.range(next..);
                    self.seeks += 1;
                }
                Compared::Behind => self.range = btree_map::Range::default(),
            }
        }
        None
    }
}

/// Where a topic name is among those that match a filter.
enum Compared<'f> {
    Matches,
    /// Before, and the next one may match.
    Before,
    /// None matches that comes before this: so much of the topic name, with this after it.
    Skip {
        keep: usize,
        then: &'f str,
    },
    /// Behind them all.
    Behind,
}

fn compare<'f>(filter: &'f str, topic: &str) -> Compared<'f> {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        // [MQTT-4.7.2-1]. The character after `$` is `%`.
        return Compared::Skip { keep: 0, then: "%" };
    }
    let (mut asked, mut levels) = (filter.split('/'), topic.split('/'));
    // Where the levels at hand begin, in the filter and in the topic name.
    let (mut asked_at, mut at) = (0, 0);
    // The answer if nothing more can match before one of the levels that stand for `+` changes.
    let mut behind = Compared::Behind;
    loop {
        let (asked, level) = match (asked.next(), levels.next()) {
            (None, None) | (Some("#"), _) => return Compared::Matches,
            (None, Some(_)) => return behind,
            (Some(_), None) => return Compared::Before,
            (Some(asked), Some(level)) => (asked, level),
        };
        if asked == "+" {
            // No topic name has U+0000, so that this comes after all that is beneath the level.
            behind = Compared::Skip { keep: at + level.len(), then: "\0" };
        } else {
            match level.cmp(asked) {
                // What matches has all levels of the filter up to its next wildcard.
                Ordering::Less => {
                    let then = filter[asked_at..].split(['+', '#']).next().unwrap_or_default();
                    return Compared::Skip { keep: at, then: then.strip_suffix('/').unwrap_or(then) };
                }
                Ordering::Equal => {}
                Ordering::Greater => return behind,
            }
        }
        asked_at += asked.len() + 1;
        at += level.len() + 1;
    }
}
