//! A step at which a check failed, as every format shows it: the refusal first, then what failed, then what was not
//! reached.

use crate::harness::runner::{ExpectationOutcome, NotReached, Outcome, Phase, StepOutcome};

/// The most expectations that were not reached and are named; the rest is counted.
const MAX_NOT_REACHED: usize = 5;

/// A failing step. Its texts may come from elsewhere and are not escaped.
pub(crate) struct ShownStep<'a> {
    pub(crate) step: &'a StepOutcome,
    /// `load_torch_bundle was refused: malformed: no manifest`.
    pub(crate) refused: Option<String>,
    /// The failed expectations to show in full.
    pub(crate) failed: Vec<&'a ExpectationOutcome>,
    pub(crate) not_reached: Option<ShownNotReached<'a>>,
}

/// The expectations that had nothing to judge.
pub(crate) struct ShownNotReached<'a> {
    /// `the operation was refused`.
    pub(crate) why: &'static str,
    first: Vec<&'a ExpectationOutcome>,
    more: usize,
}

impl<'a> ShownStep<'a> {
    /// The failing steps of a check. In a red phase every failed expectation is shown in full, because one of them had to
    /// fail.
    pub(crate) fn all(outcome: &'a Outcome) -> Vec<Self> {
        let mut shown = Vec::new();
        for failing in outcome.failing_steps() {
            let step = failing.step;
            let refused = step.refused.as_ref();
            let refused = refused.map(|refusal| format!("{} was refused: {refusal}", step.operation));
            let (failed, not_reached) = match outcome.phase {
                Phase::Red => {
                    let all = step.expectations.iter().filter(|own| own.failure.is_some());
                    (all.collect(), None)
                }
                Phase::Green => (failing.failed, ShownNotReached::of(&failing.not_reached)),
            };
            shown.push(Self { step, refused, failed, not_reached });
        }
        shown
    }

    /// What was asked of the refused operation.
    pub(crate) fn asked(&self) -> Option<&'a str> {
        self.step.asked.as_deref()
    }
}

impl<'a> ShownNotReached<'a> {
    fn of(expectations: &[&'a ExpectationOutcome]) -> Option<Self> {
        let why = match expectations.first()?.failure.as_ref()?.not_reached? {
            NotReached::Refused => "the operation was refused",
            NotReached::UnreadableFile => "the file cannot be read",
        };
        let first = expectations.iter().take(MAX_NOT_REACHED).copied().collect();
        Some(Self { why, first, more: expectations.len().saturating_sub(MAX_NOT_REACHED) })
    }

    /// A line for each expectation, `returns_models: the load should return the saved models`, and one for the rest.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line =
            |expectation: &&ExpectationOutcome| format!("{}: {}", expectation.name, expectation.because);
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        self.first.iter().map(line).chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn a_green_check_shows_the_refusal_and_names_what_it_kept_from_being_judged() {
        let outcome = test_helpers::unexpected("a/b", Phase::Green);
        let shown = ShownStep::all(&outcome);
        let [step] = shown.as_slice() else { unreachable!("one failing step") };
        assert_eq!(
            step.refused.as_deref(),
            Some("load_torch_bundle was refused: not_implemented: no loader yet")
        );
        assert_eq!(step.asked(), Some("load_torch_bundle(base_path = \"out/wts.h5\")"));
        assert!(step.failed.is_empty());
        let not_reached = step.not_reached.as_ref().unwrap();
        assert_eq!(not_reached.why, "the operation was refused");
        assert_eq!(
            not_reached.lines(),
            ["returns_saved_models: load_torch_bundle should return the saved models"]
        );
    }

    #[test]
    fn a_red_check_shows_the_expectation_that_had_to_fail() {
        let outcome = test_helpers::as_expected("a/b", Phase::Red);
        let shown = ShownStep::all(&outcome);
        assert_eq!(shown[0].failed.len(), 1);
        assert!(shown[0].not_reached.is_none());
    }

    #[test]
    fn a_bounded_number_of_them_is_named() {
        let mut outcome = test_helpers::unexpected("a/b", Phase::Green);
        let step = outcome.steps.last_mut().unwrap();
        step.expectations = vec![step.expectations[0].clone(); MAX_NOT_REACHED + 3];
        let shown = ShownStep::all(&outcome);
        let lines = shown[0].not_reached.as_ref().unwrap().lines();
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (MAX_NOT_REACHED + 1, "and 3 more"));
    }
}
