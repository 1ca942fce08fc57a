//! How an outcome counts.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::harness::{
    record::RunRecord,
    runner::{Outcome, Verdict},
};

/// How an outcome counts, or all of a run. A page shows each with a sign, a word and a color of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is what its phase expects.
    Good,
    /// It is not, and nothing explains it.
    Bad,
    /// It is a failure that is listed as known.
    Known,
    /// It has no result, because the implementation does not support what the check needs.
    Skipped,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Good, Self::Bad, Self::Known, Self::Skipped];
}

/// Decides how the outcomes of a run count.
pub(crate) struct States {
    known: BTreeSet<String>,
}

impl States {
    pub(crate) fn of(run: &RunRecord) -> Self {
        let known = run.conformance().into_iter().flat_map(|(_, standing)| standing.known.known);
        Self { known: known.map(|(check, _)| check).collect() }
    }

    pub(crate) fn state(&self, outcome: &Outcome) -> State {
        if outcome.met_expectation() {
            State::Good
        } else if outcome.verdict() == Verdict::Unsupported {
            State::Skipped
        } else if self.known.contains(&outcome.check) {
            State::Known
        } else {
            State::Bad
        }
    }
}
