//! The answer of an operation that does not do what it was asked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an operation was refused: its kind, and a message that names what was wrong and where.
///
/// Two refusals are equal when an observer outside the process cannot tell them apart. The facts take no part:
/// they never leave the process, so that a refusal that was written and read back is equal to what it was.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{kind}: {message}")]
pub struct Refusal {
    /// One of a closed set.
    pub kind: RefusalKind,
    /// For a person. Names the entry, field, tensor or global that was refused.
    pub message: String,
    /// What an implementation in another language raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<Native>>,
    /// For a program: what the message says in words. Boxed, so that results stay small; never written, because
    /// an implementation in another language has none.
    #[serde(skip)]
    pub facts: Box<Facts>,
}

/// What was refused, as far as it is known: what mutants and tests match on, whatever the message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name of the rule that was broken.
    pub rule: Option<&'static str>,
    /// The field, key, array, tensor or model that breaks it; of a value inside a pickle, its subscript.
    pub field: Option<String>,
    /// The archive entry that breaks it; an entry of an archive inside an archive follows after `!`.
    pub entry: Option<String>,
    /// What was found there, as the contract or the file spells it.
    pub found: Option<String>,
}

/// A rule with a name. Rules are a closed set, so that none is a text that is typed twice.
pub trait NamedRule: Copy {
    /// The name that [`Facts`] carry.
    fn name(self) -> &'static str;
}

/// An exception as its own language has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Native {
    /// Its type, such as `ValueError`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Where it was raised, over as many lines as the language takes.
    #[serde(default)]
    pub traceback: String,
}

impl Refusal {
    /// A refusal of this kind with this message.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), native: None, facts: Box::default() }
    }

    /// The same, with the rule that was broken.
    pub fn rule(mut self, rule: impl NamedRule) -> Self {
        self.facts.rule = Some(rule.name());
        self
    }

    /// The same, with the field, key, array, tensor or model that breaks the rule.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.facts.field = Some(field.into());
        self
    }

    /// The same, with the archive entry that breaks the rule.
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.facts.entry = Some(entry.into());
        self
    }

    /// The same, with what was found there.
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
    /// Whether this rule was broken.
    pub fn broke(&self, rule: impl NamedRule) -> bool {
        self.rule == Some(rule.name())
    }

    /// Whether it is about this field.
    pub fn about(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }

    /// The archive entry on the outside, whatever is inside it.
    pub fn outer_entry(&self) -> Option<&str> {
        self.entry.as_deref().and_then(|entry| entry.split('!').next())
    }
}

/// The closed set of reasons to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The archive or a file that the operation needs does not exist.
    NotFound,
    /// Bytes or structure are not what the format says.
    Malformed,
    /// A key that must be there is absent.
    MissingField,
    /// A value is outside what the contract allows.
    InvalidValue,
    /// A backend, version or feature of the file that is recognized and not handled.
    Unsupported,
    /// Weights or params that disagree with what they must fit.
    Mismatch,
    /// Would execute, escape its place, or exceed a stated limit.
    Unsafe,
    /// The operation does not exist yet. Never satisfies an expected refusal.
    NotImplemented,
    /// The implementation failed in a way it did not foresee. Never satisfies an expected refusal.
    Internal,
}

impl RefusalKind {
    /// Whether this is an answer about the input: the only kind that an expected refusal accepts.
    pub fn is_about_the_input(self) -> bool {
        !matches!(self, Self::NotImplemented | Self::Internal)
    }

    /// The word used in case files, reports and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Malformed => "malformed",
            Self::MissingField => "missing_field",
            Self::InvalidValue => "invalid_value",
            Self::Unsupported => "unsupported",
            Self::Mismatch => "mismatch",
            Self::Unsafe => "unsafe",
            Self::NotImplemented => "not_implemented",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
