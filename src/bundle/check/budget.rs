//! What the description of one file may hold, with all of its models together.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        limits::{MAX_FILE_TEXT_BYTES, MAX_FILE_VALUES},
    },
    value::{Map, Value},
};

/// What is left for the models of a file, which are read side by side.
#[derive(Debug, Default)]
pub(super) struct Budget {
    values: AtomicU64,
    text_bytes: AtomicU64,
}

/// The size of what a model holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Objects and tensors.
    values: u64,
    /// Bytes of text, `bytes`, and the names of tensors.
    text_bytes: u64,
}

impl Budget {
    /// Counts what is going to be held.
    ///
    /// # Errors
    /// When it is too much, together with what is held already. It is not counted then.
    pub(super) fn spend(&self, weight: Weight) -> Result<(), FormatError> {
        spend(&self.values, weight.values, "objects and tensors in all models together", MAX_FILE_VALUES)?;
        let text = "bytes of text in all models together";
        Ok(spend(&self.text_bytes, weight.text_bytes, text, MAX_FILE_TEXT_BYTES)?)
    }
}

fn spend(spent: &AtomicU64, more: u64, what: &'static str, limit: u64) -> Result<(), Kind> {
    let sum = |spent: u64| spent.checked_add(more).filter(|sum| *sum <= limit);
    match spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum) {
        Ok(_) => Ok(()),
        Err(spent) => Err(Kind::Limit { what, found: spent.saturating_add(more), limit }),
    }
}

impl Weight {
    pub(super) fn of_map(map: &Map) -> Self {
        let mut weight = Self::default();
        weight.add_map(map);
        weight
    }

    /// That of a state dict: its tensors with these names, and what else is in it.
    pub(super) fn of_tensors<'n>(names: impl Iterator<Item = &'n String>, extra: &Map) -> Self {
        let mut weight = Self::of_map(extra);
        for name in names {
            weight.values += 1;
            weight.text_bytes += name.len() as u64;
        }
        weight
    }

    fn add_map(&mut self, map: &Map) {
        for (key, value) in map.iter() {
            self.text_bytes += key.len() as u64;
            self.add(value);
        }
    }

    fn add(&mut self, value: &Value) {
        self.values += 1;
        match value {
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
            Value::BigInt(value) => self.text_bytes += value.bits().div_ceil(8),
            Value::Bytes(bytes) => self.text_bytes += bytes.len() as u64,
            Value::Text(text) | Value::Path(text) | Value::Python(text) => {
                self.text_bytes += text.len() as u64;
            }
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                items.iter().for_each(|item| self.add(item));
            }
            Value::Map(map) => self.add_map(map),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn everything_that_a_map_holds_is_counted() {
        let inner = Map::from_iter([("ab".to_owned(), Value::Bytes(vec![0; 5]))]);
        let list = Value::List(vec![Value::None, Value::from("xyz"), Value::Map(inner)]);
        let map = Map::from_iter([("k".to_owned(), list)]);
        assert_eq!(Weight::of_map(&map), Weight { values: 5, text_bytes: 11 });
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_room_for_less() {
        let budget = Budget::default();
        let spend = |values, text_bytes| budget.spend(Weight { values, text_bytes });
        assert!(spend(MAX_FILE_VALUES - 1, 0).is_ok());
        let kind = spend(2, 0).unwrap_err().kind;
        assert!(
            matches!(kind, Kind::Limit { what, .. } if what.starts_with("objects and tensors")),
            "{kind}"
        );
        assert!(spend(1, MAX_FILE_TEXT_BYTES).is_ok());
        assert!(spend(0, 1).is_err());
    }
}
