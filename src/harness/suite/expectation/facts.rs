//! What an expectation can observe, and how a failed one is shown.

use crate::{
    harness::contract::Refusal,
    value::{Map, Value, difference::outline},
};

/// What an expectation can observe after a step.
pub trait StepFacts {
    /// The value of a `$` reference, or any other value unchanged; an error if it is unavailable.
    fn value(&self, reference: &Value) -> Result<Value, String>;

    /// An observable before the step; an error if it could not be read.
    fn before(&self, observable: &str) -> Result<Value, String>;

    /// The refusal of the step's operation.
    fn refusal(&self) -> Option<&Refusal>;

    /// The digest of a file; None if it does not exist; an error if it cannot be read.
    fn file(&self, path: &str) -> Result<Option<String>, String>;

    /// The digest of each archive entry by name; an error if the archive cannot be read.
    fn entries(&self, path: &str) -> Result<Map, String>;

    /// All files below a directory, sorted; empty if it does not exist.
    fn files(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// Expected and actual of a failed expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self { expected: expected.into(), actual: actual.into() }
    }

    /// An error with expected and actual, if there are such.
    pub(super) fn if_any(difference: Option<(String, String)>) -> Result<(), Self> {
        difference.map_or(Ok(()), |(expected, actual)| Err(Self { expected, actual }))
    }
}

/// The value of one side; if it is unavailable, the message shows what it would be compared with.
pub(super) fn resolve(facts: &dyn StepFacts, side: &Value, other: &Value) -> Result<Value, Mismatch> {
    facts.value(side).map_err(|why| {
        let name = |value: &Value| value.as_text().map_or_else(|| value.to_string(), str::to_owned);
        let wanted = match facts.value(other) {
            Ok(value) if side != other && name(other).starts_with('$') => {
                format!("{} to compare with {}, which is {}", name(side), name(other), outline(&value))
            }
            Ok(value) if side != other => format!("{} to compare with {}", name(side), outline(&value)),
            Ok(_) | Err(_) => name(side),
        };
        Mismatch::new(wanted, why)
    })
}

/// `"a" and "b"`.
pub(super) fn quoted(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(|text| format!("{:?}", text.as_ref())).collect::<Vec<_>>().join(" and ")
}
