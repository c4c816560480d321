//! Which topics somebody may publish and read: rules, and what follows from them for topics and for filters.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use sans_mqtt::{TopicFilter, Version};

/// How many levels the filter of a rule may have.
const LEVELS: usize = 128;

/// A level that no filter names.
const UNNAMED: &str = "\0";

/// What a rule says of the topics that match its filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Right {
    Read = 1,
    Write = 2,
    ReadWrite = 3,
    /// They may be neither read nor published, whatever other rules say.
    Deny = 4,
}

/// Rules, as a tree of the levels of their filters: a topic is looked up in as many steps as it has levels, however many rules
/// there are.
#[derive(Default)]
pub(super) struct Rules {
    root: Node,
    /// The levels of the longest filter.
    levels: usize,
}

#[derive(Default)]
struct Node {
    named: HashMap<Box<str>, Node>,
    /// What `+` stands for.
    any: Option<Box<Node>>,
    /// The rights of rules whose filters end here, and of those that end with `#` below.
    here: u8,
    below: u8,
}

/// What somebody may do. By default everything. Cheap to clone.
#[derive(Clone, Default)]
pub struct Access {
    /// `None`: there are no rules. All count alike, wherever they stand.
    rules: Option<Arc<[Arc<Rules>]>>,
}

impl Access {
    pub(super) fn new(rules: impl IntoIterator<Item = Arc<Rules>>) -> Self {
        Self { rules: Some(rules.into_iter().filter(|rules| rules.levels > 0).collect()) }
    }

    /// Whether everything is allowed, so that there is nothing to ask.
    pub fn is_unlimited(&self) -> bool {
        self.rules.is_none()
    }

    /// Whether messages with this topic may come from the client.
    pub fn may_publish(&self, topic: &str) -> bool {
        self.may(Right::Write, topic)
    }

    /// Whether messages with this topic may go to the client.
    pub fn may_read(&self, topic: &str) -> bool {
        self.may(Right::Read, topic)
    }

    /// Whether there is any topic that matches this filter (without `$share/NAME/`) and may be read.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        let Some(rules) = &self.rules else { return true };
        let filter: Vec<_> = filter.split('/').collect();
        // Topics with more levels than any rule has are all alike.
        let levels = rules.iter().map(|rules| rules.levels).max().unwrap_or(0);
        let mut search = Search { access: self, levels, topic: Vec::new() };
        rules.iter().any(|rules| search.visit(&rules.root, &filter))
    }

    fn may(&self, right: Right, topic: &str) -> bool {
        let Some(rules) = &self.rules else { return true };
        let rights = rules.iter().fold(0, |rights, rules| rights | rules.root.rights(Some(topic), true));
        rights & (right as u8 | Right::Deny as u8) == right as u8
    }
}

impl Rules {
    /// Adds a rule, or says what is wrong with its filter.
    pub(super) fn add(&mut self, right: Right, filter: &str) -> Result<(), String> {
        check(filter)?;
        self.levels = self.levels.max(filter.split('/').count());
        let mut node = &mut self.root;
        for level in filter.split('/') {
            match level {
                "#" => {
                    node.below |= right as u8;
                    return Ok(());
                }
                "+" => node = node.any.get_or_insert_default(),
                name => node = node.named.entry(name.into()).or_default(),
            }
        }
        node.here |= right as u8;
        Ok(())
    }
}

/// Says what is wrong with the filter of a rule.
pub(super) fn check(filter: &str) -> Result<(), String> {
    // Here `$share/` has no meaning, as before 5.0.
    TopicFilter::new(filter, Version::V3_1_1)
        .map_err(|error| format!("the topic filter {filter}: {error}"))?;
    match filter.split('/').count() {
        ..=LEVELS => Ok(()),
        levels => Err(format!("a topic filter of {levels} levels, which are more than {LEVELS}")),
    }
}

impl Node {
    /// The rights of all rules that match what is left of a topic.
    fn rights(&self, topic: Option<&str>, is_first: bool) -> u8 {
        let Some(topic) = topic else { return self.here | self.below };
        let (level, rest) = match topic.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (topic, None),
        };
        let named = self.named.get(level).map_or(0, |node| node.rights(rest, false));
        // A wildcard does not stand for a first level that begins with `$` [MQTT-4.7.2-1].
        if is_first && level.starts_with('$') {
            return named;
        }
        named | self.below | self.any.as_ref().map_or(0, |node| node.rights(rest, false))
    }
}

/// Looks for a topic that may be read.
///
/// For each rule that allows some, a topic is tried that matches both the rule and the filter, and as few other rules as
/// possible: where both have a wildcard, its level has a name that no rule has. If that one is forbidden, all are. Where both
/// go on with `#`, there is a topic to try for each number of levels.
struct Search<'s> {
    access: &'s Access,
    levels: usize,
    /// Its levels so far: those on the way to a node.
    topic: Vec<&'s str>,
}

impl<'s> Search<'s> {
    /// Goes through the rules at and below a node, with what is left of the filter.
    fn visit(&mut self, node: &'s Node, filter: &[&'s str]) -> bool {
        let is_first = self.topic.is_empty();
        let is_special = |level: &str| is_first && level.starts_with('$');
        let is_read = |rights| rights & Right::Read as u8 != 0;
        let Some((&level, rest)) = filter.split_first() else {
            return is_read(node.here | node.below) && self.try_topic();
        };
        let is_for_wildcards = !is_special(level);
        if is_for_wildcards && is_read(node.below) && self.try_all(filter) {
            return true;
        }
        let any = node.any.as_deref().filter(|_| is_for_wildcards);
        match level {
            "#" | "+" => {
                if level == "#" && is_read(node.here) && self.try_topic() {
                    return true;
                }
                // What is left of a filter that is at its `#` stays the same.
                let rest = if level == "#" { filter } else { rest };
                let named = node.named.iter().map(|(name, node)| (&**name, node));
                let named = named.filter(|(name, _)| !is_special(name));
                named.chain(any.map(|node| (UNNAMED, node))).any(|(name, node)| self.enter(name, node, rest))
            }
            name => node.named.get(name).into_iter().chain(any).any(|node| self.enter(name, node, rest)),
        }
    }

    fn enter(&mut self, level: &'s str, node: &'s Node, filter: &[&'s str]) -> bool {
        self.topic.push(level);
        let found = self.visit(node, filter);
        self.topic.pop();
        found
    }

    /// Tries the topics that a filter stands for, where everything is allowed that some rule does not forbid.
    fn try_all(&mut self, filter: &[&'s str]) -> bool {
        let before = self.topic.len();
        let (levels, is_open) = match filter {
            [levels @ .., "#"] => (levels, true),
            levels => (levels, false),
        };
        self.topic.extend(levels.iter().map(|&level| if level == "+" { UNNAMED } else { level }));
        let more = if is_open { (self.levels + 1).saturating_sub(self.topic.len()) } else { 0 };
        let mut is_found = self.try_topic();
        for level in iter::repeat_n(UNNAMED, more) {
            self.topic.push(level);
            is_found = is_found || self.try_topic();
        }
        self.topic.truncate(before);
        is_found
    }

    fn try_topic(&self) -> bool {
        let topic = self.topic.join("/");
        !topic.is_empty() && self.access.may_read(&topic)
    }
}
