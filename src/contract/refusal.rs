//! The answer of an operation that does not do what it was asked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an operation was refused: its kind, and a message that names what was wrong and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{kind}: {message}")]
pub struct Refusal {
    /// One of a closed set.
    pub kind: RefusalKind,
    /// For a person. Names the entry, field, tensor or global that was refused.
    pub message: String,
    /// What an implementation in another language raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<Native>>,
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
        Self { kind, message: message.into(), native: None }
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
    /// A backend, version or feature of the file that is recognised and not handled.
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
