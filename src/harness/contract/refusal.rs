//! Refusals: the response of an operation that rejects its request.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an operation was refused: a kind, and a message that names what is wrong and where.
///
/// Equality ignores the facts: they never leave the process, so a refusal that was written and read back equals the
/// original.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[error("{kind}: {message}")]
pub struct Refusal {
    /// The kind of refusal.
    pub kind: RefusalKind,
    /// A message for people. It names the entry, field, tensor or global that was refused.
    pub message: String,
    /// The exception of an implementation in another language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<Native>>,
    /// The same information for programs. Boxed to keep results small; never serialized, because implementations in
    /// other languages have none.
    #[serde(skip)]
    pub facts: Box<Facts>,
}

/// What was refused, as far as it is known. Mutants and tests match on these instead of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name of the violated rule.
    pub rule: Option<&'static str>,
    /// The field, key, array, tensor or model that violates it; for a value inside a pickle, its subscript.
    pub field: Option<String>,
    /// The archive entry that violates it; entries of a nested archive follow after `!`.
    pub entry: Option<String>,
    /// The value found there, as the contract or the file spells it.
    pub found: Option<String>,
}

/// A rule with a name. An enum implements this, so that no name is typed twice.
pub trait NamedRule: Copy {
    /// The name used in [`Facts`].
    fn name(self) -> &'static str;
}

/// An exception of another language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Native {
    /// Its type, such as `ValueError`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Where it was raised; may have many lines.
    #[serde(default)]
    pub traceback: String,
}

impl Refusal {
    /// A refusal with this kind and message.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), native: None, facts: Box::default() }
    }

    /// Adds the violated rule.
    pub fn rule(mut self, rule: impl NamedRule) -> Self {
        self.facts.rule = Some(rule.name());
        self
    }

    /// Adds the field, key, array, tensor or model that violates the rule.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.facts.field = Some(field.into());
        self
    }

    /// Adds the archive entry that violates the rule.
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.facts.entry = Some(entry.into());
        self
    }

    /// Adds the value found there.
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.facts.found = Some(found.into());
        self
    }
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.message, &self.native) == (other.kind, &other.message, &other.native)
    }
}

impl Eq for Refusal {}

impl Facts {
    /// Whether this rule was violated.
    pub fn broke(&self, rule: impl NamedRule) -> bool {
        self.rule == Some(rule.name())
    }

    /// Whether it concerns this field.
    pub fn about(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }

    /// The outermost archive entry.
    pub fn outer_entry(&self) -> Option<&str> {
        self.entry.as_deref().and_then(|entry| entry.split('!').next())
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The archive or another required file does not exist.
    NotFound,
    /// Bytes or structure violate the format.
    Malformed,
    /// A required key is missing.
    MissingField,
    /// A value is outside the range that the contract allows.
    InvalidValue,
    /// A backend, version or feature of the file that is recognized but not supported.
    Unsupported,
    /// Weights or params do not fit what they belong to.
    Mismatch,
    /// The input would execute code, escape its directory, or exceed a limit.
    Unsafe,
    /// Reading or writing failed: the disk is full, the permission is missing, a directory is in the way.
    Io,
    /// The operation does not exist yet. Never counts as an expected refusal.
    NotImplemented,
    /// The implementation failed unexpectedly. Never counts as an expected refusal.
    Internal,
}

impl RefusalKind {
    /// Whether the kind is about the input. Only these count as an expected refusal.
    pub fn is_about_the_input(self) -> bool {
        !matches!(self, Self::NotImplemented | Self::Internal)
    }

    /// Whether the file could not be read at all, so that nothing is known of its contents.
    pub fn is_about_access(self) -> bool {
        match self {
            Self::NotFound | Self::Io | Self::Internal => true,
            Self::Malformed
            | Self::MissingField
            | Self::InvalidValue
            | Self::Unsupported
            | Self::Mismatch
            | Self::Unsafe
            | Self::NotImplemented => false,
        }
    }

    /// The name in case files, reports and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Malformed => "malformed",
            Self::MissingField => "missing_field",
            Self::InvalidValue => "invalid_value",
            Self::Unsupported => "unsupported",
            Self::Mismatch => "mismatch",
            Self::Unsafe => "unsafe",
            Self::Io => "io",
            Self::NotImplemented => "not_implemented",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bundle::nouns::Rule;

    fn refusal() -> Refusal {
        let refusal = Refusal::new(RefusalKind::InvalidValue, "gridsize must be positive, not 0");
        refusal.rule(Rule::Positive).field("gridsize").entry("m/model.pth!archive/data.pkl").found("0")
    }

    #[test]
    fn facts_are_not_written_and_take_no_part_in_equality() {
        let refusal = refusal();
        let written = serde_json::to_string(&refusal).unwrap();
        assert_eq!(written, r#"{"kind":"invalid_value","message":"gridsize must be positive, not 0"}"#);
        let read: Refusal = serde_json::from_str(&written).unwrap();
        assert_eq!((&read, &*read.facts), (&refusal, &Facts::default()));
        assert_ne!(*refusal.facts, Facts::default());
        for other in [
            Refusal { kind: RefusalKind::Mismatch, ..refusal.clone() },
            Refusal { message: "no".to_owned(), ..refusal.clone() },
            Refusal {
                native: Some(Box::new(Native { type_name: "E".to_owned(), traceback: String::new() })),
                ..refusal.clone()
            },
        ] {
            assert_ne!(other, refusal);
        }
    }

    #[test]
    fn facts_are_matched_whole() {
        let facts = refusal().facts;
        assert!(facts.broke(Rule::Positive) && facts.about("gridsize"));
        assert!(!facts.broke(Rule::NotNegative) && !facts.about("grid"));
        assert_eq!(facts.outer_entry(), Some("m/model.pth"));
        assert!(!Facts::default().broke(Rule::Positive) && Facts::default().outer_entry().is_none());
    }
}
