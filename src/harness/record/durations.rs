//! How long each check took: `durations.json`, apart from the results so that equal runs have equal results.

use serde::{Deserialize, Serialize};

use crate::harness::runner::{Outcome, Phase};

use super::{FORMAT, ReadError, RunRecord, run_record};

/// The wall times of the checks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Durations {
    /// The version of this structure: [`FORMAT`].
    pub format: u32,
    /// One entry per outcome, in the order of `results.json`.
    pub checks: Vec<CheckDuration>,
}

/// The wall time of one check on one implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckDuration {
    /// The check's id.
    pub check: String,
    /// The implementation.
    pub implementation: String,
    /// The phase.
    pub phase: Phase,
    /// In a red phase, the expectation that must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_fail: Option<String>,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

impl Durations {
    /// The durations of a run.
    pub fn of(run: &RunRecord) -> Self {
        Self { format: FORMAT, checks: run.outcomes.iter().map(CheckDuration::from).collect() }
    }

    /// Reads `durations.json`.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        run_record::read(bytes, |durations: &Self| durations.format)
    }

    /// Adds the durations to the outcomes of a run that was read from `results.json`.
    ///
    /// # Errors
    /// [`ReadError::OtherChecks`] when they are not of the same checks in the same order.
    pub fn add_to(self, run: &mut RunRecord) -> Result<(), ReadError> {
        let is_of = |(outcome, own): (&Outcome, &CheckDuration)| {
            outcome.check == own.check
                && outcome.implementation == own.implementation
                && outcome.phase == own.phase
                && outcome.must_fail == own.must_fail
        };
        let same_length = run.outcomes.len() == self.checks.len();
        if !same_length || !run.outcomes.iter().zip(&self.checks).all(is_of) {
            return Err(ReadError::OtherChecks);
        }
        for (outcome, own) in run.outcomes.iter_mut().zip(self.checks) {
            outcome.milliseconds = own.milliseconds;
        }
        Ok(())
    }
}

impl From<&Outcome> for CheckDuration {
    fn from(outcome: &Outcome) -> Self {
        Self {
            check: outcome.check.clone(),
            implementation: outcome.implementation.clone(),
            phase: outcome.phase,
            must_fail: outcome.must_fail.clone(),
            milliseconds: outcome.milliseconds,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn results_and_durations_together_are_the_run() {
        let run = test_helpers::run();
        let results = serde_json::to_vec(&run).unwrap();
        assert!(!String::from_utf8_lossy(&results).contains("milliseconds"));
        let durations = serde_json::to_vec(&Durations::of(&run)).unwrap();
        let mut read = RunRecord::from_json(&results).unwrap();
        assert_ne!(read, run);
        Durations::from_json(&durations).unwrap().add_to(&mut read).unwrap();
        assert_eq!(read, run);
    }

    #[test]
    fn durations_of_other_checks_are_rejected() {
        let run = test_helpers::run();
        let changes: [fn(&mut Vec<CheckDuration>); 4] = [
            |checks| checks.swap(0, 1),
            |checks| _ = checks.pop(),
            |checks| checks[0].must_fail = None,
            |checks| checks[3].implementation = "other".into(),
        ];
        for change in changes {
            let mut durations = Durations::of(&run);
            change(&mut durations.checks);
            assert!(matches!(durations.add_to(&mut run.clone()), Err(ReadError::OtherChecks)));
        }
    }
}
