//! Observables that show something else than the implementation has.

use std::collections::BTreeMap;

use crate::value::{Map, Value};

/// What an observable shows otherwise, key by key.
#[derive(Debug, Default)]
pub(super) struct Overlay(BTreeMap<String, Covered>);

/// One key that is shown otherwise for as long as the implementation has the same value there.
#[derive(Debug)]
struct Covered {
    inner: Option<Value>,
    shown: Option<Value>,
}

impl Overlay {
    /// What is shown of an observable. Where the implementation has given a key another value, its own is shown again.
    pub(super) fn show(&mut self, inner: &Map) -> Map {
        self.0.retain(|key, covered| inner.get(key) == covered.inner.as_ref());
        let mut shown = inner.clone();
        for (key, covered) in &self.0 {
            match &covered.shown {
                Some(value) => drop(shown.insert(key.clone(), value.clone())),
                None => drop(shown.shift_remove(key)),
            }
        }
        shown
    }

    /// Shows `wanted` from now on, where the implementation has `inner`.
    pub(super) fn cover(&mut self, inner: &Map, wanted: &Map) {
        let keys = inner.keys().chain(wanted.keys().filter(|key| !inner.contains_key(*key)));
        self.0 = keys
            .filter(|key| inner.get(*key) != wanted.get(*key))
            .map(|key| {
                let covered = Covered { inner: inner.get(key).cloned(), shown: wanted.get(key).cloned() };
                (key.clone(), covered)
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn map(entries: &[(&str, i64)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), Value::Int(*value))).collect()
    }

    #[test]
    fn a_key_is_covered_until_the_implementation_gives_it_another_value() {
        let mut overlay = Overlay::default();
        overlay.cover(&map(&[("a", 1), ("b", 2)]), &map(&[("a", 5), ("c", 3)]));
        assert_eq!(overlay.show(&map(&[("a", 1), ("b", 2)])), map(&[("a", 5), ("c", 3)]));
        assert_eq!(overlay.show(&map(&[("a", 7), ("b", 2)])), map(&[("a", 7), ("c", 3)]));
        // It is not covered again when the old value comes back.
        assert_eq!(overlay.show(&map(&[("a", 1), ("b", 2)])), map(&[("a", 1), ("c", 3)]));
        assert_eq!(overlay.show(&map(&[("c", 4)])), map(&[("c", 4)]));
    }
}
