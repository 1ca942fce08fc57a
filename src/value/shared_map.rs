//! An ordered map of named values, which is cheap to copy.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ordered map of named values. Comparison ignores the order, as Python's `dict` does.
///
/// Copies share their entries until one of them is changed: a run keeps the params, requests and responses of every
/// step, most of which equal those of the step before.
#[derive(PartialEq, Eq)]
pub struct SharedMap<V>(Arc<IndexMap<String, V>>);

impl<V> SharedMap<V> {
    /// A map without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// A map without entries, with room for as many.
    pub fn with_capacity(entries: usize) -> Self {
        Self(Arc::new(IndexMap::with_capacity(entries)))
    }
}

impl<V> Clone for SharedMap<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Default for SharedMap<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V> Deref for SharedMap<V> {
    type Target = IndexMap<String, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<V: Clone> DerefMut for SharedMap<V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl<V: fmt::Debug> fmt::Debug for SharedMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<V> FromIterator<(String, V)> for SharedMap<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        Self(Arc::new(entries.into_iter().collect()))
    }
}

impl<V, const N: usize> From<[(String, V); N]> for SharedMap<V> {
    fn from(entries: [(String, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<V: Clone> IntoIterator for SharedMap<V> {
    type Item = (String, V);
    type IntoIter = indexmap::map::IntoIter<String, V>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a, V> IntoIterator for &'a SharedMap<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = indexmap::map::Iter<'a, String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, V: Clone> IntoIterator for &'a mut SharedMap<V> {
    type Item = (&'a String, &'a mut V);
    type IntoIter = indexmap::map::IterMut<'a, String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<V: Serialize> Serialize for SharedMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for SharedMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IndexMap::deserialize(deserializer).map(|entries| Self(Arc::new(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shares_its_entries_until_it_is_changed() {
        let map = SharedMap::from([("N".to_owned(), 64)]);
        let mut copy = map.clone();
        assert!(Arc::ptr_eq(&map.0, &copy.0));
        copy.insert("gridsize".to_owned(), 2);
        assert_eq!((map.len(), copy.len()), (1, 2));
        assert_ne!(map, copy);
    }

    #[test]
    fn the_order_is_kept_and_not_compared() {
        let entries = [("b".to_owned(), 1), ("a".to_owned(), 2)];
        let map = SharedMap::from(entries.clone());
        assert_eq!(map.keys().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(map, entries.into_iter().rev().collect());
    }
}
