//! Rules against a simpler view of them: all topics, and all rules one after the other.

use std::sync::Arc;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sans_mqtt::matches;

use crate::access::rules::{Access, Right, Rules};

fn access(rules: &[(Right, String)]) -> Access {
    // As they come from a file, patterns and a token.
    let (one, other) = rules.split_at(rules.len() / 2);
    Access::new([one, other].map(|rules| {
        let mut tree = Rules::default();
        rules.iter().for_each(|(right, filter)| tree.add(*right, filter).unwrap());
        Arc::new(tree)
    }))
}

fn may(rules: &[(Right, String)], asked: Right, topic: &str) -> bool {
    let has = |wanted: &dyn Fn(Right) -> bool| {
        rules.iter().any(|(right, filter)| wanted(*right) && matches(filter, topic))
    };
    has(&|right| right == asked || right == Right::ReadWrite) && !has(&|right| right == Right::Deny)
}

/// All topics of up to four levels, one of which is in no filter: rules have three at most.
fn topics() -> Vec<String> {
    let levels = ["", "a", "b", "c", "$a"];
    let mut topics: Vec<String> = levels.map(String::from).into();
    let mut last = topics.clone();
    for _ in 1..4 {
        last = last.iter().flat_map(|topic| levels.map(|level| format!("{topic}/{level}"))).collect();
        topics.extend(last.iter().cloned());
    }
    topics.retain(|topic| !topic.is_empty());
    topics
}

fn filter() -> impl Strategy<Value = String> {
    let level = || select(vec!["a", "a", "b", "+", "+", "", "$a"]);
    (vec(level(), 0..3), select(vec!["#", "+", "a", "b", ""])).prop_map(|(mut levels, last)| {
        levels.push(last);
        match levels.join("/") {
            filter if filter.is_empty() => "a".into(),
            filter => filter,
        }
    })
}

fn rules() -> impl Strategy<Value = Vec<(Right, String)>> {
    let right =
        select(vec![Right::Read, Right::Read, Right::Write, Right::ReadWrite, Right::Deny, Right::Deny]);
    vec((right, filter()), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_simple_as_that(rules in rules(), filters in vec(filter(), 8)) {
        let (access, topics) = (access(&rules), topics());
        for topic in &topics {
            prop_assert_eq!(access.may_read(topic), may(&rules, Right::Read, topic), "read {}", topic);
            prop_assert_eq!(access.may_publish(topic), may(&rules, Right::Write, topic), "publish {}", topic);
        }
        for filter in &filters {
            let mut readable = topics.iter().filter(|topic| may(&rules, Right::Read, topic));
            let expected = readable.find(|topic| matches(filter, topic));
            prop_assert_eq!(access.may_subscribe(filter), expected.is_some(), "{}: {:?}", filter, expected);
        }
    }
}

#[test]
fn nothing_leaks() {
    let rules = |rules: &[(Right, &str)]| {
        access(&rules.iter().map(|(right, filter)| (*right, filter.to_string())).collect::<Vec<_>>())
    };
    let all_but_one = rules(&[(Right::Read, "#"), (Right::Deny, "a/safe")]);
    assert!(
        all_but_one.may_subscribe("#")
            && all_but_one.may_subscribe("a/+")
            && all_but_one.may_subscribe("a/safe/#")
    );
    assert!(!all_but_one.may_subscribe("a/safe") && !all_but_one.may_read("a/safe"));
    let covered = rules(&[(Right::Read, "a/#"), (Right::Deny, "a"), (Right::Deny, "a/+/#")]);
    assert!(!covered.may_subscribe("#") && !covered.may_subscribe("a/b/c/#") && !covered.may_read("a"));
    let special = rules(&[(Right::Read, "#"), (Right::Read, "+/a")]);
    assert!(
        !special.may_subscribe("$SYS/#") && !special.may_subscribe("$SYS/a") && !special.may_read("$SYS/a")
    );
    let write_only = rules(&[(Right::Write, "#")]);
    assert!(!write_only.may_subscribe("#") && write_only.may_publish("a") && !write_only.may_publish("$SYS"));
    let none = rules(&[]);
    assert!(
        !none.is_unlimited() && !none.may_subscribe("#") && !none.may_read("a") && !none.may_publish("a")
    );
    let everything = Access::default();
    assert!(everything.is_unlimited() && everything.may_subscribe("#") && everything.may_read("a"));
}

/// Deep filters and topics, which somebody may send to have the stack overflow or the search take long.
#[test]
fn deep() {
    let mut rules = Rules::default();
    rules.add(Right::Read, &("+/".repeat(127) + "+")).unwrap();
    rules.add(Right::Deny, &format!("{}#", "+/".repeat(127))).unwrap();
    assert!(rules.add(Right::Read, &"/".repeat(128)).unwrap_err().contains("129 levels"));
    let access = Access::new([Arc::new(rules)]);
    let (deep, wide) = ("/".repeat(65_535), "+/".repeat(32_000) + "#");
    let start = Instant::now();
    for text in [&*deep, &wide, "#", &"+/".repeat(127)] {
        access.may_read(text);
        access.may_subscribe(text);
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
