use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use sans_mqtt::{TopicFilter, TopicName, Version, matches};

use super::*;

/// Who gets a message: client and value of the plain subscriptions, and name, client and value of the shared ones.
fn all(topics: &mut Topics<u32, u32>, topic: &str) -> BTreeSet<(Option<String>, u32, u32)> {
    let mut found = BTreeSet::new();
    topics.for_each_match(topic, |subscribers| {
        for &(client, value) in subscribers.plain() {
            assert!(found.insert((None, client, value)), "{client} came twice");
        }
        for (name, group) in subscribers.groups() {
            assert!(!group.members().is_empty());
            for &(client, value) in group.members() {
                assert!(found.insert((Some(name.to_string()), client, value)), "{client} came twice");
            }
        }
    });
    found
}

/// A filter as it is subscribed to.
fn text(filter: &str, share: Option<&str>) -> String {
    share.map_or_else(|| filter.into(), |share| format!("$share/{share}/{filter}"))
}

/// With what sorts before `/` and behind it, and is long.
const LEVELS: [&str; 8] = ["", "a", "a!", "ab", "b", "$", "$a", "long-and-longer-and-longest"];

/// Valid topic names of few levels, so that many are alike.
pub(crate) fn topic() -> impl Strategy<Value = String> {
    let levels = vec(prop::sample::select(&LEVELS), 1..5).prop_map(|levels| levels.join("/"));
    levels.prop_filter("valid", |it| TopicName::new(it).is_ok())
}

/// Valid topic filters that match many of them.
pub(crate) fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![4 => prop::sample::select(&LEVELS), 2 => Just("+")];
    let levels = (vec(level, 0..4), prop::option::of(Just("#")));
    let filters = levels.prop_map(|(mut levels, last)| {
        levels.extend(last);
        levels.join("/")
    });
    filters.prop_filter("valid", |it| TopicFilter::new(it, Version::V3_1_1).is_ok())
}

proptest! {
    /// Whatever comes and goes, a topic name finds just those subscriptions whose filters match it.
    #[test]
    fn finds_what_matches(
        filters in vec(filter(), 1..12),
        changes in vec((any::<bool>(), any::<prop::sample::Index>(), prop::option::of("[xy]"), 0..4u32), 0..80),
        names in vec(topic(), 1..20),
    ) {
        let (mut topics, mut expected) = (Topics::default(), BTreeMap::new());
        for (value, (is_insert, at, share, client)) in (0..).zip(&changes) {
            let (filter, share) = (at.get(&filters), share.as_deref());
            let (text, key) = (text(filter, share), (filter.as_str(), share, *client));
            if *is_insert {
                prop_assert_eq!(topics.insert(&text, *client, value), expected.insert(key, value));
            } else {
                prop_assert_eq!(topics.remove(&text, *client), expected.remove(&key));
            }
            prop_assert_eq!(topics.len(), expected.len());
        }
        for name in &names {
            let expected = expected.iter().filter(|((filter, ..), _)| matches(filter, name));
            let expected = expected.map(|(&(filter, share, client), &value)| {
                (share.map(|_| text(filter, share)), client, value)
            });
            prop_assert_eq!(all(&mut topics, name), expected.collect());
        }
        for ((filter, share, client), value) in expected {
            prop_assert_eq!(topics.remove(&text(filter, share), client), Some(value));
        }
        prop_assert!(topics.is_empty());
        prop_assert_eq!(topics.filters.nodes(), 0);
    }
}

proptest! {
    /// A roster is a map, with an index or without.
    #[test]
    fn a_roster_is_a_map(changes in vec((any::<bool>(), 0..64_u8), 0..400)) {
        let (mut roster, mut expected) = (Roster::default(), BTreeMap::new());
        let leave = (0..64).map(|key| (false, key));
        for (value, (is_insert, key)) in changes.into_iter().chain(leave).enumerate() {
            if is_insert {
                prop_assert_eq!(roster.insert(key, value), expected.insert(key, value));
            } else {
                prop_assert_eq!(roster.remove(&key), expected.remove(&key));
            }
            prop_assert_eq!(roster.get_mut(&key), expected.get_mut(&key));
            let entries: BTreeMap<_, _> = roster.as_slice().iter().copied().collect();
            prop_assert_eq!((entries.len(), &entries), (roster.as_slice().len(), &expected));
        }
        prop_assert!(roster.is_empty());
    }
}

#[test]
fn a_crowd_comes_and_goes() {
    let mut topics = Topics::default();
    for client in 0..100_000 {
        assert_eq!(topics.insert("a/#", client, client), None);
    }
    for client in (0..100_000).filter(|client| client % 1000 != 0) {
        assert_eq!(topics.remove("a/#", client), Some(client));
        assert_eq!(topics.remove("a/#", client), None);
    }
    let expected = (0..100).map(|it| (None, it * 1000, it * 1000));
    assert_eq!(all(&mut topics, "a"), expected.collect());
}

#[test]
fn a_filter_without_a_node_of_its_own_outlives_the_others() {
    let mut topics = Topics::default();
    topics.insert("#", 1, 1);
    topics.insert("a", 2, 2);
    topics.remove("a", 2);
    assert_eq!(all(&mut topics, "a"), [(None, 1, 1)].into());
}

#[test]
fn a_deep_filter_neither_overflows_the_stack_nor_takes_long() {
    let (slashes, mut topics) = ("/".repeat(65_534), Topics::default());
    let (wild, deep) = (format!("{}+", "+/".repeat(32_767)), format!("{slashes}#"));
    for _ in 0..10 {
        topics.insert(&wild, 1, 1);
        topics.insert(&deep, 2, 2);
        assert_eq!(all(&mut topics, &slashes[..32_767]), [(None, 1, 1)].into());
        assert_eq!(all(&mut topics, &slashes), [(None, 2, 2)].into());
        assert_eq!((topics.remove(&wild, 1), topics.remove(&deep, 2)), (Some(1), Some(2)));
        assert_eq!(topics.filters.nodes(), 0);
    }
}

#[test]
fn a_group_takes_turns() {
    let mut topics = Topics::default();
    for client in 0..4 {
        topics.insert("$share/x/a", client, ());
    }
    let next = |topics: &mut Topics<u32, ()>, can_take: fn(u32) -> bool| {
        topics.group("$share/x/a").and_then(|group| group.next(|client, ()| can_take(client)).map(|it| it.0))
    };
    let turns: Vec<_> = (0..6).filter_map(|_| next(&mut topics, |_| true)).collect();
    assert_eq!(turns, [0, 1, 2, 3, 0, 1]);
    // Who can't take one is passed over.
    let turns: Vec<_> = (0..4).filter_map(|_| next(&mut topics, |client| client != 2)).collect();
    assert_eq!(turns, [3, 0, 1, 3]);
    assert_eq!(next(&mut topics, |_| false), None);
    // Who is left goes on taking turns.
    topics.remove("$share/x/a", 1);
    topics.remove("$share/x/a", 3);
    let turns: Vec<_> = (0..4).filter_map(|_| next(&mut topics, |_| true)).collect();
    assert_eq!(turns, [0, 2, 0, 2]);
    topics.remove("$share/x/a", 0);
    topics.remove("$share/x/a", 2);
    assert!(topics.group("$share/x/a").is_none() && topics.is_empty());
}
