//! Checks that are as expected in some of their runs only.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A check that ran several times within a run, and was as expected in some of them. It counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Flaky {
    /// How often it ran.
    pub runs: usize,
    /// How often it was not as expected. The outcome is that of the first of these.
    pub unexpected: usize,
}

/// `flaky: not as expected in 1 of 5 runs`.
impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flaky: not as expected in {} of {} runs", self.unexpected, self.runs)
    }
}
