//! Effects: what an operation does to observables and files, whatever a case is about.
//!
//! A contract declares the effects of each operation with the operation itself. The runner holds them after every step of
//! every case, so no case has to repeat them. What an effect cannot know from the request, the state before and the file
//! it leaves open: a correct implementation never violates one.

use std::{fmt, path::Path};

use indexmap::IndexMap;

use super::{Era, Refusal};
use crate::value::{Map, Value, differences};

/// One effect of an operation.
#[derive(Debug)]
pub struct Effect {
    /// The name, after that of the operation: `params` in `save_torch_bundle.params`.
    pub name: &'static str,
    /// The id of the requirement that states it.
    pub about: &'static str,
    /// When it must hold.
    pub after: After,
    /// What must hold, as a sentence: the message of a violation.
    pub because: &'static str,
    /// How it is checked.
    pub rule: EffectRule,
}

/// The result of the operation after which an effect must hold. Neither is about an operation that is not implemented or
/// ended with an internal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The operation returned a result.
    Success,
    /// The operation was refused.
    Refusal,
    /// The operation returned a result or was refused.
    Either,
}

impl After {
    /// Whether it includes a step that was refused, or one that was not.
    pub fn includes(self, refused: bool) -> bool {
        match self {
            Self::Success => !refused,
            Self::Refusal => refused,
            Self::Either => true,
        }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Refusal => "a refusal",
            Self::Either => "success or a refusal",
        })
    }
}

/// How an effect is checked.
#[derive(Clone, Copy, Debug)]
pub enum EffectRule {
    /// The observable has the values that this function computes; None if the contract leaves them open.
    Observable(&'static str, fn(&StepView<'_>) -> Option<Expected>),
    /// No file is written, changed or removed, except where this function permits it for a request and a path.
    Files(fn(&Map, &str) -> bool),
    /// The file at this path exists; None if the request has no such file.
    FileExists(fn(&Map) -> Option<String>),
    /// The file at this path, if it exists, passes the contract's check of a file.
    FileIsValid(fn(&Map) -> Option<String>),
    /// The response and the file have the values that this function computes; None if the contract leaves them open.
    Agrees(fn(&ResultView<'_>) -> Option<Agreement>),
}

/// The result of a step that was not refused, as effects see it.
#[derive(Clone, Copy, Debug)]
pub struct ResultView<'a> {
    /// The request, with every reference replaced and relative paths.
    pub request: &'a Map,
    /// The response as a case refers to it; None if it is empty.
    pub response: Option<&'a Value>,
    /// The responses of earlier steps, by name.
    pub responses: &'a IndexMap<String, Value>,
    /// The observables before the step.
    pub before: &'a IndexMap<&'static str, Result<Value, Refusal>>,
    /// The directory of the case.
    pub root: &'a Path,
    /// The file that the operation is about, if it has one.
    pub file: Option<&'a Path>,
    /// Its description by the contract's own reader, if that can read it.
    pub described: Option<&'a Value>,
    /// The era of the implementation, if it has one.
    pub era: Option<&'static Era>,
}

/// Two values that must be equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// What the contract computes.
    pub expected: Value,
    /// What the step left.
    pub actual: Value,
}

/// One step of an implementation, as effects see it.
#[derive(Clone, Copy, Debug)]
pub struct StepView<'a> {
    /// The request, with every reference replaced and relative paths.
    pub request: &'a Map,
    /// The observable before the step.
    pub before: &'a Map,
    /// The file that the operation is about, if it has one.
    pub file: Option<&'a Path>,
    /// The era of the implementation, if it has one.
    pub era: Option<&'static Era>,
}

/// What an observable must be after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The keys with a rule of their own.
    pub keys: IndexMap<String, Accepted>,
    /// All other keys.
    pub others: Others,
}

/// What one key of an observable must be after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// One of these values. The first is shown as expected.
    OneOf(Vec<Value>),
    /// As before the step, or as missing.
    AsBefore,
    /// Anything, or nothing.
    Anything,
}

/// What the keys without a rule of their own must be after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// As before the step, and no key is added.
    Unchanged,
    /// As before the step; others may be added.
    Kept,
    /// Anything, but no key is added.
    NoneAdded,
    /// There are none.
    Missing,
    /// Anything.
    Open,
}

impl Expected {
    /// Nothing changes.
    pub fn unchanged() -> Self {
        Self { keys: IndexMap::new(), others: Others::Unchanged }
    }

    /// Expected and found at the first keys where the observable differs; None if it is as expected.
    pub fn difference(&self, before: &Map, after: &Map) -> Option<(String, String)> {
        // As almost always.
        if self.keys.is_empty() && self.others == Others::Unchanged && before == after {
            return None;
        }
        let mut wanted = match self.others {
            Others::Unchanged => before.clone(),
            Others::Kept => {
                let added = after.iter().filter(|(key, _)| !before.contains_key(*key));
                before.iter().chain(added).map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Others::NoneAdded => {
                let known = after.iter().filter(|(key, _)| before.contains_key(*key));
                known.map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Others::Missing => Map::new(),
            Others::Open => after.clone(),
        };
        for (key, accepted) in &self.keys {
            let found = after.get(key);
            let value = match accepted {
                Accepted::OneOf(values) => {
                    found.filter(|found| values.contains(found)).or_else(|| values.first())
                }
                Accepted::AsBefore => before.get(key),
                Accepted::Anything => found,
            };
            match value {
                Some(value) => wanted.insert(key.clone(), value.clone()),
                None => wanted.shift_remove(key),
            };
        }
        if wanted == *after { None } else { differences(&Value::Map(wanted), &Value::Map(after.clone())) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn map(json: &str) -> Map {
        match serde_json::from_str(json).unwrap() {
            Value::Map(map) => map,
            other => unreachable!("{other}"),
        }
    }

    fn expected(accepted: Accepted, others: Others) -> Expected {
        Expected { keys: IndexMap::from([("a".to_owned(), accepted)]), others }
    }

    fn one_of(values: &[i64]) -> Accepted {
        Accepted::OneOf(values.iter().map(|value| Value::Int(*value)).collect())
    }

    #[rstest]
    #[case::value(one_of(&[1]), Others::Unchanged, r#"{"a": 1, "b": 2}"#, None)]
    #[case::second(one_of(&[1, 3]), Others::Unchanged, r#"{"a": 3, "b": 2}"#, None)]
    #[case::other_value(one_of(&[1, 3]), Others::Unchanged, r#"{"a": 4, "b": 2}"#, Some(("a = 1", "a = 4")))]
    #[case::other_type(one_of(&[1]), Others::Open, r#"{"a": 1.0, "b": 2}"#, Some(("a = 1", "a = 1.0")))]
    #[case::missing(one_of(&[1]), Others::Unchanged, r#"{"b": 2}"#, Some(("a = 1", "a = absent")))]
    #[case::changed_other(one_of(&[1]), Others::Unchanged, r#"{"a": 1, "b": 3}"#, Some(("b = 2", "b = 3")))]
    #[case::added_other(one_of(&[1]), Others::Unchanged, r#"{"a": 1, "b": 2, "c": 3}"#, Some(("c = absent", "c = 3")))]
    #[case::kept_other(one_of(&[1]), Others::Kept, r#"{"a": 1, "b": 2, "c": 3}"#, None)]
    #[case::other_not_kept(one_of(&[1]), Others::Kept, r#"{"a": 1, "b": 3}"#, Some(("b = 2", "b = 3")))]
    #[case::other_gone(one_of(&[1]), Others::Kept, r#"{"a": 1}"#, Some(("b = 2", "b = absent")))]
    #[case::changed_but_not_added(one_of(&[1]), Others::NoneAdded, r#"{"a": 1, "b": 3}"#, None)]
    #[case::added(one_of(&[1]), Others::NoneAdded, r#"{"a": 1, "b": 3, "c": 3}"#, Some(("c = absent", "c = 3")))]
    #[case::no_other(one_of(&[1]), Others::Missing, r#"{"a": 1, "b": 2}"#, Some(("b = absent", "b = 2")))]
    #[case::open_other(one_of(&[1]), Others::Open, r#"{"a": 1, "c": 3}"#, None)]
    #[case::as_before(Accepted::AsBefore, Others::Open, r#"{"a": 0}"#, None)]
    #[case::not_as_before(Accepted::AsBefore, Others::Open, r#"{"a": 1}"#, Some(("a = 0", "a = 1")))]
    #[case::anything(Accepted::Anything, Others::Unchanged, r#"{"a": 9, "b": 2}"#, None)]
    #[case::nothing(Accepted::Anything, Others::Unchanged, r#"{"b": 2}"#, None)]
    fn an_observable_is_compared_key_by_key(
        #[case] accepted: Accepted,
        #[case] others: Others,
        #[case] after: &str,
        #[case] says: Option<(&str, &str)>,
    ) {
        let before = map(r#"{"a": 0, "b": 2}"#);
        let found = expected(accepted, others).difference(&before, &map(after));
        assert_eq!(found, says.map(|(expected, found)| (expected.to_owned(), found.to_owned())));
    }

    #[rstest]
    #[case(After::Success, [true, false])]
    #[case(After::Refusal, [false, true])]
    #[case(After::Either, [true, true])]
    fn an_effect_holds_after_its_result_only(#[case] after: After, #[case] includes: [bool; 2]) {
        assert_eq!([false, true].map(|refused| after.includes(refused)), includes);
    }
}
