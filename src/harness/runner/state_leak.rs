//! State that leaks from one check into a later one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A check that failed in the run and is as expected when it runs alone, in a new process where the implementation has
/// processes. It stays a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum StateLeak {
    /// It fails again after this check alone.
    After {
        /// The earlier check.
        check: String,
    },
    /// It fails again after all checks that ran before it in its process, and after no single one that was tried.
    AfterSeveral {
        /// The number of those checks.
        checks: usize,
    },
    /// It did not fail again after the checks that ran before it, or these were not run again.
    NotRepeated,
}

/// `state leak: passes alone and fails after loader/x`.
impl fmt::Display for StateLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("state leak: as expected alone, ")?;
        match self {
            Self::After { check } => write!(f, "fails after {check}"),
            Self::AfterSeveral { checks } => {
                write!(
                    f,
                    "fails after the {checks} checks before it in its process, and after none of them by itself"
                )
            }
            Self::NotRepeated => f.write_str("failed among other checks; the earlier check was not found"),
        }
    }
}
