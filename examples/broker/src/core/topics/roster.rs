//! Values by key, in a list that is quick to walk.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

use smallvec::SmallVec;

/// How many are looked through one by one; more than that have an index.
const FEW: usize = 16;

/// Most filters have one subscriber and some have 100,000: both are to be small, and quick to change.
pub struct Roster<K, V> {
    /// Most often, there is one.
    list: SmallVec<[(K, V); 1]>,
    /// Where in the list each key is, if there are many.
    #[expect(clippy::box_collection, reason = "most have none, and a box is smaller")]
    index: Option<Box<HashMap<K, usize>>>,
}

impl<K, V> Default for Roster<K, V> {
    fn default() -> Self {
        Self { list: SmallVec::new(), index: None }
    }
}

impl<K: Clone + Eq + Hash, V> Roster<K, V> {
    pub fn as_slice(&self) -> &[(K, V)] {
        &self.list
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.list.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.position(key).map(|at| &mut self.list[at].1)
    }

    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = self.position(&key).unwrap_or_else(|| self.push(key, V::default()));
        &mut self.list[at].1
    }

    /// Gives back the old value, if there was one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.get_mut(&key) {
            Some(old) => Some(mem::replace(old, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// Takes one out. The last one comes in its place.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.position(key)?;
        let (_, value) = self.list.swap_remove(at);
        if let Some(index) = &mut self.index {
            index.remove(key);
            if let Some((moved, _)) = self.list.get(at) {
                index.insert(moved.clone(), at);
            }
        }
        if self.list.len() < self.list.capacity() / 4 {
            // What a crowd took is given back when it has left.
            self.list.shrink_to_fit();
            self.make_index();
        }
        Some(value)
    }

    fn position<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.list.iter().position(|(other, _)| other.borrow() == key),
        }
    }

    fn push(&mut self, key: K, value: V) -> usize {
        let at = self.list.len();
        self.list.push((key.clone(), value));
        match &mut self.index {
            Some(index) => drop(index.insert(key, at)),
            None => self.make_index(),
        }
        at
    }

    fn make_index(&mut self) {
        let positions = || self.list.iter().enumerate().map(|(at, (key, _))| (key.clone(), at));
        self.index = (self.list.len() > FEW).then(|| Box::new(positions().collect()));
    }
}
