//! What made a check fail, apart from what only follows from it.

use std::collections::BTreeSet;

use super::{Ended, ExpectationOutcome, NotReached, Outcome, StepOutcome};
use crate::harness::contract::Refusal;

/// A step at which a check failed.
#[derive(Clone, Debug)]
pub struct FailingStep<'a> {
    /// The step.
    pub step: &'a StepOutcome,
    /// The roots among its failed expectations: those that had something to judge. If none had, the first one stands
    /// for what is missing, unless the refusal of the step does.
    pub failed: Vec<&'a ExpectationOutcome>,
    /// The failed expectations that had nothing to judge.
    pub not_reached: Vec<&'a ExpectationOutcome>,
    /// Whether an earlier step has left no valid file: a refusal of this step follows from that.
    pub follows: bool,
}

impl<'a> FailingStep<'a> {
    /// The refusal of the step, if nothing allows it: it is then a root itself.
    pub fn unexpected_refusal(&self) -> Option<&'a Refusal> {
        self.step.refused.as_ref().filter(|_| !self.step.may_be_refused && !self.follows)
    }

    /// The requirements of the failed expectations; without any, those of the check that no expectation before was about.
    pub fn requirements(&self, outcome: &Outcome) -> Vec<String> {
        let failed = self.failed.iter().chain(&self.not_reached);
        let mut ids: BTreeSet<&String> = failed.flat_map(|expectation| &expectation.about).collect();
        if ids.is_empty() {
            let judged: BTreeSet<&String> =
                outcome.steps.iter().flat_map(|step| &step.expectations).flat_map(|own| &own.about).collect();
            ids.extend(outcome.requires.iter().filter(|id| !judged.contains(id)));
        }
        if ids.is_empty() {
            ids.extend(&outcome.requires);
        }
        ids.into_iter().cloned().collect()
    }

    fn of(step: &'a StepOutcome, outcome: &Outcome, follows: bool) -> Option<Self> {
        let refused = step.refused.is_some() && !step.may_be_refused;
        let is_last = outcome.steps.last().is_some_and(|last| std::ptr::eq(last, step));
        let is_stopped = outcome.ended == Ended::Stopped && is_last;
        let all = step.expectations.iter().filter_map(|own| Some((own, own.failure.as_ref()?.not_reached)));
        let (failed, mut not_reached): (Vec<_>, Vec<_>) = all.partition(|(_, reached)| reached.is_none());
        let own = |(own, _): (&'a ExpectationOutcome, Option<NotReached>)| own;
        let mut failed: Vec<_> = failed.into_iter().map(own).collect();
        if failed.is_empty() && !refused && !follows && !not_reached.is_empty() {
            failed.push(not_reached.remove(0).0);
        }
        let not_reached: Vec<_> = not_reached.into_iter().map(own).collect();
        let fails = is_stopped || !failed.is_empty() || !not_reached.is_empty();
        fails.then_some(Self { step, failed, not_reached, follows })
    }
}

impl Outcome {
    /// The steps at which it failed, in order. A violated effect does not end a check, so there may be several.
    pub fn failing_steps(&self) -> impl Iterator<Item = FailingStep<'_>> {
        let spoils = |step: &StepOutcome| {
            step.expectations
                .iter()
                .any(|own| own.failure.as_ref().is_some_and(|failure| failure.spoils_file))
        };
        let spoiled_at = self.steps.iter().position(spoils).unwrap_or(self.steps.len());
        let steps = self.steps.iter().enumerate();
        steps.filter_map(move |(at, step)| FailingStep::of(step, self, at > spoiled_at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        contract::RefusalKind,
        runner::{Failure, Phase},
        test_helpers,
    };

    /// An outcome whose last step has these expectations; each fails, with what it did not reach.
    fn outcome(refused: bool, may_be: bool, failures: &[(&str, Option<NotReached>)]) -> Outcome {
        let mut outcome = test_helpers::as_expected("a/b", Phase::Green);
        let step = outcome.steps.last_mut().unwrap();
        let held = step.expectations.pop().unwrap();
        let failed = |(name, not_reached): &(&str, Option<NotReached>)| ExpectationOutcome {
            name: (*name).to_owned(),
            failure: Some(Failure { not_reached: *not_reached, ..Failure::new("a", "b") }),
            ..held.clone()
        };
        step.expectations = failures.iter().map(failed).collect();
        step.refused = refused.then(|| Refusal::new(RefusalKind::Malformed, "no zip"));
        step.may_be_refused = may_be;
        outcome
    }

    fn names(outcome: &Outcome) -> Vec<(bool, Vec<&str>, Vec<&str>)> {
        outcome
            .failing_steps()
            .map(|failing| {
                let failed = failing.failed.iter().map(|own| own.name.as_str()).collect();
                let not_reached = failing.not_reached.iter().map(|own| own.name.as_str()).collect();
                (failing.unexpected_refusal().is_some(), failed, not_reached)
            })
            .collect()
    }

    const UNREADABLE: Option<NotReached> = Some(NotReached::UnreadableFile);
    const REFUSED: Option<NotReached> = Some(NotReached::Refused);

    #[test]
    fn what_had_something_to_judge_is_a_root_and_the_rest_is_not_reached() {
        let archive =
            outcome(false, false, &[("models", UNREADABLE), ("is_valid", None), ("params", UNREADABLE)]);
        assert_eq!(names(&archive), [(false, vec!["is_valid"], vec!["models", "params"])]);
        let only = outcome(false, false, &[("models", UNREADABLE), ("params", UNREADABLE)]);
        assert_eq!(names(&only), [(false, vec!["models"], vec!["params"])]);
    }

    #[test]
    fn an_unexpected_refusal_is_the_root_of_what_it_leaves_without_a_value() {
        let refused = outcome(true, false, &[("models", REFUSED), ("params_stay", None)]);
        assert_eq!(names(&refused), [(true, vec!["params_stay"], vec!["models"])]);
        let allowed = outcome(true, true, &[("succeeds", None), ("models", REFUSED)]);
        assert_eq!(names(&allowed), [(false, vec!["succeeds"], vec!["models"])]);
    }

    #[test]
    fn what_later_steps_cannot_do_without_a_valid_file_follows_from_the_step_that_wrote_it() {
        let mut stopped = test_helpers::stopped("a/b", Phase::Green);
        let valid = Failure { spoils_file: true, ..Failure::new("a valid file", "no zip") };
        let mut saved = outcome(false, false, &[("save_torch_bundle.archive_is_valid", None)]);
        saved.steps[1].expectations[0].failure = Some(valid);
        stopped.steps[0].expectations = saved.steps[1].expectations.clone();
        let root = (false, vec!["save_torch_bundle.archive_is_valid"], vec![]);
        assert_eq!(names(&stopped), [root, (false, vec![], vec![])]);
        stopped.steps[0].expectations[0].failure.as_mut().unwrap().spoils_file = false;
        assert!(names(&stopped)[1].0, "other effects explain no refusal");
    }

    #[test]
    fn a_check_that_stopped_fails_at_its_last_step_and_one_that_passes_nowhere() {
        let stopped = test_helpers::stopped("a/b", Phase::Green);
        assert_eq!(names(&stopped), [(true, vec![], vec![])]);
        assert_eq!(names(&test_helpers::as_expected("a/b", Phase::Green)), []);
    }

    #[test]
    fn a_stopped_check_is_charged_with_what_it_left_open() {
        let mut outcome = test_helpers::stopped("loader/s", Phase::Green);
        outcome.requires = vec!["LOD-004".into(), "RTP-001".into()];
        let requirements = |outcome: &Outcome| outcome.failing_steps().next().unwrap().requirements(outcome);
        assert_eq!(requirements(&outcome), ["LOD-004", "RTP-001"]);
        // An earlier step has shown that the second one holds.
        let held = test_helpers::as_expected("loader/s", Phase::Green).steps.pop();
        outcome.steps.splice(0..0, held);
        assert_eq!(requirements(&outcome), ["LOD-004"]);
    }
}
