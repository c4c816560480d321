use std::collections::BTreeMap as Map;

use proptest::collection::vec;
use proptest::prelude::*;
use sans_mqtt::matches;

use super::*;
use crate::core::topics::tests::{filter, topic};

proptest! {
    /// Whatever comes and goes, a filter finds just those topic names that it matches, in order, and from anywhere on.
    #[test]
    fn finds_what_matches(
        names in vec(topic(), 1..30),
        changes in vec((any::<bool>(), any::<prop::sample::Index>()), 0..80),
        filters in vec(filter(), 1..20),
        after in topic(),
        most in 3..6_usize,
    ) {
        let (mut retained, mut expected) = (Retained::default(), Map::new());
        for (value, (is_insert, at)) in changes.iter().enumerate() {
            let name = at.get(&names).as_str();
            let levels: Vec<_> = name.split('/').collect();
            if *is_insert {
                prop_assert_eq!(retained.insert(name, value), expected.insert(levels, value));
            } else {
                prop_assert_eq!(retained.remove(name), expected.remove(&levels));
            }
            prop_assert_eq!(retained.len(), expected.len());
            prop_assert_eq!(retained.get(name), expected.get(&name.split('/').collect::<Vec<_>>()));
        }
        let expected: Vec<_> = expected.iter().map(|(levels, value)| (levels.join("/"), *value)).collect();
        for filter in &filters {
            let expected: Vec<_> = expected.iter().filter(|(name, _)| matches(filter, name)).collect();
            let found: Vec<_> = retained.matching(filter).map(|(name, &value)| (name, value)).collect();
            prop_assert!(found.iter().copied().eq(expected.iter().map(|(name, value)| (name.as_str(), *value))));
            let later: Vec<_> = retained.matching(filter).after(&after).map(|(name, &value)| (name, value)).collect();
            let is_later = |name: &str| name.split('/').gt(after.split('/'));
            prop_assert!(found.iter().copied().filter(|(name, _)| is_later(name)).eq(later));
            prop_assert_eq!(in_parts(&retained, filter, most), found);
        }
    }
}

/// A search with many pauses.
fn in_parts<'a>(retained: &'a Retained<usize>, filter: &'a str, most: usize) -> Vec<(&'a str, usize)> {
    let mut part = retained.matching(filter).at_most(most);
    let mut found = Vec::new();
    loop {
        found.extend(part.by_ref().map(|(name, &value)| (name, value)));
        match part.rest() {
            Some(seen) => part = retained.matching(filter).after(seen).at_most(most),
            None => return found,
        }
    }
}

/// 100 sites of 100 devices with 10 topics each, and what the broker says of itself.
fn fleet() -> Retained<()> {
    let mut retained = Retained::default();
    for (site, device, kind) in (0..100_000).map(|it| (it / 1000, it / 10 % 100, it % 10)) {
        retained.insert(&format!("site{site}/device{device}/kind{kind}"), ());
    }
    for it in 0..1000 {
        retained.insert(&format!("$SYS/{it}"), ());
    }
    retained
}

/// What a search finds, and that it looks at hardly more: twice where it enters and leaves what may match, and this so
/// often as there are choices for the levels of `+`.
#[track_caller]
fn finds(retained: &Retained<()>, filter: &str, found: usize, choices: usize) {
    let mut matching = retained.matching(filter);
    assert_eq!(matching.by_ref().count(), found, "{filter}");
    let (visited, seeks) = matching.cost();
    let is_cheap = visited <= found + 2 * choices + 3 && seeks <= 2 * choices + 2;
    assert!(is_cheap, "{filter}: {visited} topic names looked at, {seeks} seeks");
}

#[test]
fn what_cannot_match_is_skipped() {
    let retained = fleet();
    let finds = |filter, found, choices| finds(&retained, filter, found, choices);
    finds("#", 100_000, 0);
    finds("$SYS/+", 1000, 0);
    finds("$SYS/#", 1000, 0);
    finds("site7/device7/kind7", 1, 0);
    finds("site7/device7/#", 10, 0);
    finds("site7/device7/+", 10, 0);
    finds("site7/+/kind7", 100, 100);
    finds("+/device7/kind7", 100, 100);
    finds("+/device7/#", 1000, 100);
    finds("+/+/kind7", 10_000, 10_000);
    finds("+/device7/+/nothing", 0, 1000);
    finds("+/nothing", 0, 100);
    finds("+", 0, 100);
    finds("site7", 0, 0);
    finds("nothing/#", 0, 0);
}
