//! One mechanical fault, and where it can be seen.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::harness::fault::Fault;

/// One mechanical fault.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationFault {
    /// What it does, in words; unique among the faults of a suite: `load_torch_bundle: params N dropped`.
    pub name: String,
    /// The operation.
    pub operation: String,
    /// What it changes.
    pub kind: Kind,
    /// The fault.
    pub fault: Fault,
    /// The checks that reach it, by their position among the recorded ones.
    pub(super) checks: Vec<usize>,
}

impl ObservationFault {
    /// Whether the recorded check at this position reaches it.
    pub fn reaches(&self, check: usize) -> bool {
        self.checks.binary_search(&check).is_ok()
    }
}

/// What a fault changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A response.
    Response,
    /// An observable after an operation.
    Observable,
    /// A file.
    File,
    /// A refusal, or what a refused operation leaves.
    Refusal,
    /// A call that comes after others.
    Sequence,
}

impl Kind {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Observable => "observable",
            Self::File => "file",
            Self::Refusal => "refusal",
            Self::Sequence => "sequence",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
