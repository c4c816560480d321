//! Who gets a message: the subscriptions of all clients, found by topic name.

use std::hash::Hash;
use std::sync::Arc;

use sans_mqtt::{TopicFilter, Version};

use filter_map::FilterMap;
use roster::Roster;

mod filter_map;
mod roster;
#[cfg(test)]
pub(crate) mod tests;

/// The subscriptions of all clients. `K` is a client, `V` what is remembered of a subscription.
///
/// Filters are valid, and as they were subscribed to: `$share/NAME/` is a part of them.
pub struct Topics<K, V> {
    filters: FilterMap<Subscribers<K, V>>,
    len: usize,
}

/// The subscribers of one filter.
pub struct Subscribers<K, V> {
    plain: Roster<K, V>,
    /// By the whole text, `$share/NAME/FILTER`.
    groups: Option<Box<Groups<K, V>>>,
}

type Groups<K, V> = Roster<Arc<str>, Group<K, V>>;

/// The subscribers that share a subscription: each message is for one of them.
pub struct Group<K, V> {
    members: Roster<K, V>,
    /// Whose turn it is.
    turn: usize,
}

/// Of a filter as it was subscribed to, what topic names have to match, and whether the subscription is shared. Before 5.0
/// there is nothing of the kind in the standard, but many use it.
pub fn split(text: &str) -> (&str, bool) {
    let parsed = TopicFilter::new(text, Version::V5_0).ok();
    parsed.map_or((text, false), |parsed| (parsed.filter(), parsed.share_name().is_some()))
}

impl<K, V> Default for Topics<K, V> {
    fn default() -> Self {
        Self { filters: FilterMap::default(), len: 0 }
    }
}

impl<K, V> Default for Subscribers<K, V> {
    fn default() -> Self {
        Self { plain: Roster::default(), groups: None }
    }
}

impl<K, V> Default for Group<K, V> {
    fn default() -> Self {
        Self { members: Roster::default(), turn: 0 }
    }
}

impl<K: Copy + Eq + Hash, V> Topics<K, V> {
    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a subscription. If the client has it already, the new value takes the place of the old one.
    pub fn insert(&mut self, text: &str, client: K, value: V) -> Option<V> {
        let (filter, is_shared) = split(text);
        let subscribers = self.filters.get_or_default(filter);
        let old = if is_shared {
            let groups = subscribers.groups.get_or_insert_default();
            groups.get_or_default(text.into()).members.insert(client, value)
        } else {
            subscribers.plain.insert(client, value)
        };
        self.len += usize::from(old.is_none());
        old
    }

    pub fn remove(&mut self, text: &str, client: K) -> Option<V> {
        let (filter, is_shared) = split(text);
        let subscribers = self.filters.get_mut(filter)?;
        let old = if is_shared {
            let groups = subscribers.groups.as_mut()?;
            let group = groups.get_mut(text)?;
            let old = group.members.remove(&client)?;
            if group.members.is_empty() {
                groups.remove(text);
            }
            subscribers.groups.take_if(|groups| groups.is_empty());
            old
        } else {
            subscribers.plain.remove(&client)?
        };
        if subscribers.plain.is_empty() && subscribers.groups.is_none() {
            self.filters.remove(filter);
        }
        self.len -= 1;
        Some(old)
    }

    /// Visits the subscribers of each filter that matches a topic name. Who has several such filters comes several
    /// times.
    ///
    /// It takes time for each node of the tree of filters that matches the beginning of the name, which are at most
    /// two to the power of its levels: who lets in filters should limit these.
    pub fn for_each_match(&mut self, topic: &str, visit: impl FnMut(&mut Subscribers<K, V>)) {
        self.filters.for_each_match(topic, visit);
    }

    /// Those who share a subscription, if there is still anybody.
    pub fn group(&mut self, text: &str) -> Option<&mut Group<K, V>> {
        let (filter, _) = split(text);
        self.filters.get_mut(filter)?.groups.as_mut()?.get_mut(text)
    }
}

impl<K: Copy + Eq + Hash, V> Subscribers<K, V> {
    /// Those who get every message.
    pub fn plain(&self) -> &[(K, V)] {
        self.plain.as_slice()
    }

    /// Those who share, by `$share/NAME/FILTER`, which stays good when subscriptions change: see [`Topics::group`].
    pub fn groups(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Group<K, V>)> {
        self.groups.iter_mut().flat_map(|groups| groups.iter_mut())
    }
}

impl<K: Copy + Eq + Hash, V> Group<K, V> {
    /// In turn, the next member who can take a message. The turn is then that of the one behind.
    pub fn next(&mut self, mut can_take: impl FnMut(K, &V) -> bool) -> Option<(K, &V)> {
        let members = self.members.as_slice();
        let turn = self.turn.min(members.len());
        let at = (turn..members.len()).chain(0..turn).find(|&at| can_take(members[at].0, &members[at].1))?;
        self.turn = at + 1;
        Some((members[at].0, &members[at].1))
    }

    pub fn members(&self) -> &[(K, V)] {
        self.members.as_slice()
    }
}
