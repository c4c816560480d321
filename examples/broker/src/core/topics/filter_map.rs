//! A map from topic filters to values, which also finds the values of all filters that match a topic name.

use std::hash::BuildHasher;
use std::mem;

use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;
use smol_str::SmolStr;

/// A tree with a node for every level, and one hash table for all children of all nodes.
///
/// Nothing recurses, as a filter can have 65,536 levels. The levels come from the network, hence a hasher with a
/// secret seed, and one that is quick with short texts, for each message pays for it at each level. The places of nodes
/// that are gone are for others, and given back when the last one is gone.
pub struct FilterMap<T> {
    nodes: Slab<Node<T>>,
    /// The nodes by parent and level, other than those for `+`; with their hashes, so that it grows without a look at
    /// them.
    children: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
    /// For [`Self::for_each_match`], which allocates nothing: the nodes to visit, and where in the topic name that
    /// begins which is beneath them.
    stack: Vec<(usize, usize)>,
}

struct Node<T> {
    parent: usize,
    level: SmolStr,
    /// How many nodes have it as their parent.
    children: u32,
    /// The child for `+`, or [`ROOT`], which is nobody's child.
    plus: usize,
    /// The value of the filter that ends here.
    here: Option<Box<T>>,
    /// The value of the filter that has just `#` after this.
    below: Option<Box<T>>,
}

const ROOT: usize = 0;

impl<T> Default for FilterMap<T> {
    fn default() -> Self {
        Self {
            nodes: Slab::from_iter([(ROOT, Node::new(ROOT, ""))]),
            children: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            stack: Vec::new(),
        }
    }
}

impl<T> FilterMap<T> {
    /// How many nodes there are besides the root.
    #[cfg(test)]
    pub fn nodes(&self) -> usize {
        let nodes = self.nodes.len() - 1;
        let plus = self.nodes.iter().filter(|(_, node)| node.plus != ROOT).count();
        assert_eq!(self.children.len() + plus, nodes, "all are somebody's children");
        nodes
    }

    pub fn get_mut(&mut self, filter: &str) -> Option<&mut T> {
        let node = levels(filter).try_fold(ROOT, |node, level| self.child(node, level))?;
        self.nodes[node].value(filter).as_deref_mut()
    }

    /// The value of a filter, which is made if there is none.
    pub fn get_or_default(&mut self, filter: &str) -> &mut T
    where
        T: Default,
    {
        let node = levels(filter).fold(ROOT, |node, level| self.child_or_new(node, level));
        self.nodes[node].value(filter).get_or_insert_default()
    }

    /// Takes a value away, and the nodes that stood for nothing else.
    pub fn remove(&mut self, filter: &str) -> Option<T> {
        let mut id = levels(filter).try_fold(ROOT, |node, level| self.child(node, level))?;
        let value = self.nodes[id].value(filter).take()?;
        while id != ROOT && self.nodes[id].is_empty() {
            let Node { parent, level, .. } = self.nodes.remove(id);
            self.nodes[parent].children -= 1;
            if self.nodes[parent].plus == id {
                self.nodes[parent].plus = ROOT;
            } else {
                let hash = self.hasher.hash_one((parent, level.as_str()));
                if let Ok(child) = self.children.find_entry(hash, |&(_, it)| it == id) {
                    child.remove();
                }
            }
            id = parent;
        }
        if self.nodes[ROOT].is_empty() {
            *self = Self::default();
        }
        Some(*value)
    }

    /// Visits the value of each filter that matches a topic name.
    pub fn for_each_match(&mut self, topic: &str, mut visit: impl FnMut(&mut T)) {
        let mut stack = mem::take(&mut self.stack);
        stack.push((ROOT, 0));
        while let Some((id, at)) = stack.pop() {
            // A wildcard at the first level is not for names that begin with `$` [MQTT-4.7.2-1].
            let is_hidden = id == ROOT && topic.starts_with('$');
            let node = &mut self.nodes[id];
            if let Some(value) = node.below.as_deref_mut().filter(|_| !is_hidden) {
                visit(value);
            }
            let Some(rest) = topic.get(at..) else {
                if let Some(value) = &mut node.here {
                    visit(value);
                }
                continue;
            };
            // Levels are short: no search that is made for long texts.
            let level = &rest[..rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len())];
            let next = at + level.len() + 1;
            if node.plus != ROOT && !is_hidden {
                stack.push((node.plus, next));
            }
            if let Some(child) = self.child(id, level) {
                stack.push((child, next));
            }
        }
        self.stack = stack;
    }

    fn child(&self, parent: usize, level: &str) -> Option<usize> {
        let node = &self.nodes[parent];
        match level {
            "+" => Some(node.plus).filter(|&plus| plus != ROOT),
            _ if node.children == 0 => None,
            _ => {
                let hash = self.hasher.hash_one((parent, level));
                let is_it = |node: &Node<T>| node.parent == parent && node.level == level;
                let child = self.children.find(hash, |&(it, id)| it == hash && is_it(&self.nodes[id]));
                child.map(|&(_, id)| id)
            }
        }
    }

    fn child_or_new(&mut self, parent: usize, level: &str) -> usize {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let Self { nodes, children, hasher, .. } = self;
        let child = nodes.insert(Node::new(parent, level));
        nodes[parent].children += 1;
        if level == "+" {
            nodes[parent].plus = child;
        } else {
            let hash = hasher.hash_one((parent, level));
            children.insert_unique(hash, (hash, child), |&(hash, _)| hash);
        }
        child
    }
}

impl<T> Node<T> {
    fn new(parent: usize, level: &str) -> Self {
        Self { parent, level: level.into(), children: 0, plus: ROOT, here: None, below: None }
    }

    fn value(&mut self, filter: &str) -> &mut Option<Box<T>> {
        if filter.ends_with('#') { &mut self.below } else { &mut self.here }
    }

    fn is_empty(&self) -> bool {
        self.children == 0 && self.here.is_none() && self.below.is_none()
    }
}

/// The levels of a filter that have a node: all but `#`.
fn levels(filter: &str) -> impl Iterator<Item = &str> {
    filter.split('/').filter(|&level| level != "#")
}
