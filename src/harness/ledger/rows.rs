//! A row of a ledger: its state, its evidence and what changed it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::harness::{record::RunTimestamp, runner::Phase};

/// A row with its state and history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LedgerRow<'a> {
    /// The row's id.
    pub id: &'a str,
    /// The task.
    pub task: &'a str,
    /// The state.
    pub state: State,
    /// The implementation on which its checks must fail in the red phase.
    pub red: &'a str,
    /// The implementation on which its checks must pass in the green phase.
    pub green: &'a str,
    /// The files that the state rests on, relative to the directory of the reports; those with the newest results if the
    /// row is blocked.
    pub evidence: Vec<String>,
    /// Every change of the state, in the order of the reports.
    pub transitions: Vec<Transition>,
    /// All results, in the order of the reports, red before green.
    pub attempts: Vec<RowAttempt>,
    /// Evidence for earlier versions of cases that no newer evidence replaces, and why it does not count.
    pub stale: Vec<String>,
    /// The next step, unless the row is done.
    pub guidance: Option<&'a str>,
    /// Why the row is blocked, if it is.
    pub blocked: Option<&'a str>,
}

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum State {
    /// `[ ]`: no evidence, or the row is blocked.
    #[cfg_attr(test, schemars(rename = "[ ]"))]
    Open,
    /// `[P]`: failed as expected in the red phase.
    #[cfg_attr(test, schemars(rename = "[P]"))]
    Proven,
    /// `[x]`: failed as expected, and passed in the same report or a later one.
    #[cfg_attr(test, schemars(rename = "[x]"))]
    Done,
    /// `[!]`: it was done, and the newest evidence contradicts that.
    #[cfg_attr(test, schemars(rename = "[!]"))]
    Regressed,
}

/// A change of the state of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Transition {
    /// The report that changed it.
    pub stamp: RunTimestamp,
    /// The number of the attempt; None if the report was not made with the plan.
    pub number: Option<u64>,
    /// The state before the report.
    pub from: State,
    /// The state after it.
    pub to: State,
}

/// The result of a row in one phase of one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RowAttempt {
    /// The number of the attempt at the plan, as it was stored with the report; None if the report was not made with the
    /// plan.
    pub number: Option<u64>,
    /// The report.
    pub stamp: RunTimestamp,
    /// The phase.
    pub phase: Phase,
    /// A description of the result.
    pub result: String,
    /// Whether the state rests on it.
    pub decides: bool,
    /// The files with details, relative to the directory of the reports.
    pub files: Vec<String>,
    /// What went wrong, if the row was blocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "[ ]",
            Self::Proven => "[P]",
            Self::Done => "[x]",
            Self::Regressed => "[!]",
        })
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
