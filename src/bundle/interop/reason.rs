//! Why a reading has its verdict.

use std::{fmt, path::Path};

use serde::{Serialize, Serializer};

/// Why a reading has its verdict. Serialized as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What was compared, the message of a participant, or what prevented the reading.
    Text(String),
    /// The first places where two sides differ.
    Difference(Difference),
}

/// How two sides differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was compared with: `the file`, `its sidecar`.
    pub with: String,
    /// The values on the side that decides.
    pub expected: String,
    /// The values on the side that was tested.
    pub actual: String,
}

impl Reason {
    /// The reason with another text in the place of a path.
    pub(super) fn with_place(self, path: &Path, name: &str) -> Self {
        let path = path.display().to_string();
        let named = |text: String| text.replace(&path, name);
        match self {
            Self::Text(text) => Self::Text(named(text)),
            Self::Difference(Difference { with, expected, actual }) => Self::Difference(Difference {
                with: named(with),
                expected: named(expected),
                actual: named(actual),
            }),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Difference(Difference { with, expected, actual }) => {
                write!(out, "{with}: expected {expected}, found {actual}")
            }
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Difference> for Reason {
    fn from(difference: Difference) -> Self {
        Self::Difference(difference)
    }
}
