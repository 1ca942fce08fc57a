//! What an implementation reports besides the result of an operation.

use serde::{Deserialize, Serialize};

/// The most warnings and the most events of one operation that are kept.
const MAX_ITEMS: usize = 100;

/// The longest text that is kept, in characters.
const MAX_CHARACTERS: usize = 1000;

/// The capability of reporting warnings.
pub const WARNINGS: &str = "warnings";

/// The capability of reporting events.
pub const EVENTS: &str = "events";

/// Warnings and events of an operation, in the order in which they happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Notices {
    /// The texts of warnings to the caller, such as that a field is deprecated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What was done, one word each: `bridge`, `train`, `stitch`, `persist`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

impl Notices {
    /// Appends these, within the limits: an adapter can report anything.
    pub fn extend(&mut self, later: Self) {
        let add = |own: &mut Vec<String>, later: Vec<String>| {
            let room = MAX_ITEMS.saturating_sub(own.len());
            own.extend(later.into_iter().take(room).map(|text| text.chars().take(MAX_CHARACTERS).collect()));
        };
        add(&mut self.warnings, later.warnings);
        add(&mut self.events, later.events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_kept_in_order_and_within_limits() {
        let of = |warnings: &[&str]| Notices {
            warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
            events: vec!["train".to_owned()],
        };
        let mut all = of(&["a"]);
        all.extend(of(&["b", &"x".repeat(MAX_CHARACTERS + 1)]));
        assert_eq!(all.warnings, ["a", "b", &"x".repeat(MAX_CHARACTERS)]);
        assert_eq!(all.events, ["train", "train"]);
        (0..MAX_ITEMS).for_each(|_| all.extend(of(&["c"])));
        assert_eq!((all.warnings.len(), all.events.len()), (MAX_ITEMS, MAX_ITEMS));
    }
}
