//! Plans: named rows, each with a log and the checks that decide it.

use serde::{Deserialize, Serialize};

use super::Reason;

/// A phase plan with resolved checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Plan {
    /// The name used on the command line and as the prefix of its files: `phase_d4`.
    pub name: String,
    /// A one-line description.
    pub title: String,
    /// The number of the first attempt in a store without earlier ones, from 1.
    pub first_attempt: u64,
    /// The files of the implementation, as paths or globs relative to the current directory. A red phase changes none of
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// A stable id: `D4.B1`.
    pub id: String,
    /// The task.
    pub task: String,
    /// What decides the row.
    pub decided_by: Decision,
    /// The implementation on which its checks must fail in the red phase; in the plan of a suite, the default.
    pub red: String,
    /// The implementation on which its checks must pass in the green phase; in the plan of a suite, the default.
    pub green: String,
    /// The next step, for the reader of the ledger.
    pub guidance: String,
    /// Why the row is blocked, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

/// What decides a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Checks that must fail in the red phase and later pass in the green phase.
    Checks {
        /// The part of the log's name between phase and suffix: `persistence`.
        log: String,
        /// The checks, in the suite's order.
        checks: Vec<PlannedCheck>,
        /// The tests of other runners that decide the row too, once their results are imported.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tests: Vec<PlannedCheck>,
    },
    /// A file that the report of each phase must contain: `summary` for `<plan>_<phase>_summary.md`.
    Artifact {
        /// The part of its name between phase and suffix.
        artifact: String,
    },
}

/// A selected check in its current version, or a test of another runner.
///
/// A test has its selector as `id`, the digest of that as `digest`, the part of it before `::` as `file`, and
/// [`PASSES`] as the only expectation: nothing else is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedCheck {
    /// The check's id.
    pub id: String,
    /// The digest of its case.
    pub digest: String,
    /// The case's file, relative to the suite.
    pub file: String,
    /// The expectations that must fail in the red phase, each in a run of its own: those that fail on the default
    /// implementation.
    pub fails: Vec<String>,
    /// Why they must fail.
    pub reason: Reason,
}

impl Plan {
    /// The same plan with the phases on these implementations.
    pub fn on(&self, red: Option<&str>, green: Option<&str>) -> Self {
        let mut plan = self.clone();
        for row in &mut plan.rows {
            red.iter().for_each(|red| (*red).clone_into(&mut row.red));
            green.iter().for_each(|green| (*green).clone_into(&mut row.green));
        }
        plan
    }
}

/// The expectation of every test of another runner.
pub const PASSES: &str = "passes";

impl Row {
    /// The checks that decide the row; empty for a row with an artifact.
    pub fn checks(&self) -> &[PlannedCheck] {
        match &self.decided_by {
            Decision::Checks { checks, .. } => checks,
            Decision::Artifact { .. } => &[],
        }
    }

    /// The tests of other runners that decide the row, if there are any.
    pub fn tests(&self) -> &[PlannedCheck] {
        match &self.decided_by {
            Decision::Checks { tests, .. } => tests,
            Decision::Artifact { .. } => &[],
        }
    }
}
