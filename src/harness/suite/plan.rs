//! Plans: named rows, each with the checks that decide it and the log it writes.

use serde::{Deserialize, Serialize};

/// A phase plan, with the checks that its rows select already looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The name used on the command line and as the prefix of its files: `phase_d4`.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// A stable id: `D4.B1`.
    pub id: String,
    /// What is to be done.
    pub task: String,
    /// What the row is decided by.
    pub decided_by: Decision,
    /// The implementation it must be seen red on.
    pub red: String,
    /// The implementation it must turn green on.
    pub green: String,
    /// What to do next, for the person who reads the ledger.
    pub guidance: String,
    /// Why the row cannot be worked on, when it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

/// What a row is decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Checks that must be red first and green later.
    Checks {
        /// The part of the log's name between phase and suffix: `persistence`.
        log: String,
        /// The checks, in the suite's order.
        checks: Vec<PlannedCheck>,
    },
    /// A file that the report of each phase must hold: `summary` for `<plan>_<phase>_summary.md`.
    Artifact {
        /// The part of its name between phase and suffix.
        artifact: String,
    },
}

/// A check that a row selects, as the suite has it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCheck {
    /// The check's id.
    pub id: String,
    /// The digest of its case.
    pub digest: String,
    /// The case's file, from the suite's root.
    pub file: String,
}

impl Row {
    /// The checks that decide the row; none for a row that asks for an artifact.
    pub fn checks(&self) -> &[PlannedCheck] {
        match &self.decided_by {
            Decision::Checks { checks, .. } => checks,
            Decision::Artifact { .. } => &[],
        }
    }
}
