//! What happened to one check between two runs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{CheckResult, Sides, Standing};
use crate::harness::runner::Phase;

/// What happened to one check, in the order in which people read about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was as expected, and fails now.
    Regressed,
    /// It fails in both runs, and now for a reason that it did not have before.
    FailingForANewReason,
    /// It had a result, and is unsupported now.
    NewlyUnsupported,
    /// It is missing in the new run.
    Removed,
    /// It fails, and the older run has no result for it.
    NewAndFailing,
    /// It is as expected now, and was not.
    Fixed,
    /// It fails in both runs, for the same reason.
    StillFailing,
    /// It is missing in the older run, and does not fail.
    Added,
    /// It is as expected, or unsupported, in both.
    Unchanged,
}

impl Change {
    /// Every change, in order.
    pub const ALL: [Self; 9] = [
        Self::Regressed,
        Self::FailingForANewReason,
        Self::NewlyUnsupported,
        Self::Removed,
        Self::NewAndFailing,
        Self::Fixed,
        Self::StillFailing,
        Self::Added,
        Self::Unchanged,
    ];

    /// What happened to a check.
    pub fn of(sides: Sides<'_>) -> Self {
        let (before, after) = match sides {
            Sides::BaseOnly(_) => return Self::Removed,
            Sides::NewOnly(after) => {
                return match after.standing() {
                    Standing::Failing => Self::NewAndFailing,
                    Standing::Met | Standing::Unsupported => Self::Added,
                };
            }
            Sides::Both { before, after } => (before, after),
        };
        match (before.standing(), after.standing()) {
            (Standing::Met, Standing::Met) | (Standing::Unsupported, Standing::Unsupported) => {
                Self::Unchanged
            }
            (Standing::Met, Standing::Failing) => Self::Regressed,
            (Standing::Unsupported, Standing::Failing) => Self::NewAndFailing,
            (Standing::Unsupported | Standing::Failing, Standing::Met) => Self::Fixed,
            (Standing::Met | Standing::Failing, Standing::Unsupported) => Self::NewlyUnsupported,
            (Standing::Failing, Standing::Failing) if fails_for_a_new_reason(before, after) => {
                Self::FailingForANewReason
            }
            (Standing::Failing, Standing::Failing) => Self::StillFailing,
        }
    }

    /// Whether it is a regression.
    ///
    /// A check that disappears, or that the implementation stops supporting, hides what it would have shown, so it
    /// counts. A failure for a new reason counts too: otherwise one accepted failure would hide every later one of the
    /// same check. A check without an earlier result does not count: nothing that worked was lost, and a longer suite
    /// or a newly supported operation must not look like a step back. `run` fails for it.
    pub fn counts(self) -> bool {
        match self {
            Self::Regressed | Self::FailingForANewReason | Self::NewlyUnsupported | Self::Removed => true,
            Self::NewAndFailing | Self::Fixed | Self::StillFailing | Self::Added | Self::Unchanged => false,
        }
    }

    /// The word for it: `failing for a new reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::FailingForANewReason => "failing for a new reason",
            Self::NewlyUnsupported => "newly unsupported",
            Self::Removed => "removed",
            Self::NewAndFailing => "new and failing",
            Self::Fixed => "fixed",
            Self::StillFailing => "still failing",
            Self::Added => "added",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The reasons of a failure that its earlier failure did not have. A red phase has its result instead.
pub fn new_reasons<'a>(before: &CheckResult, after: &'a CheckResult) -> Vec<&'a str> {
    let known: BTreeSet<&str> = before.reasons.iter().map(String::as_str).collect();
    after.reasons.iter().map(String::as_str).filter(|reason| !known.contains(reason)).collect()
}

/// Reasons of different versions of a case are not comparable: their expectations may have other names.
fn fails_for_a_new_reason(before: &CheckResult, after: &CheckResult) -> bool {
    let is_new = match after.key.phase {
        Phase::Red => before.result != after.result,
        Phase::Green => !new_reasons(before, after).is_empty(),
    };
    is_new && before.digest == after.digest
}
