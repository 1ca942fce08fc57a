//! Runs all checks several times, to find those whose results differ.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Flaky, Job, Options, Outcome, Verdict, recheck::run_and_recheck};
use crate::harness::suite::Suite;

/// The most times that checks run within one run.
pub const MAX_RUNS: u32 = 10_000;

/// Runs the jobs as [`run`](super::run) does, as many times as given: all checks once, then all of them again; after each round,
/// failed checks run alone, to find state that leaks. The outcome of a check
/// is the first one that is not as expected, if there is one. When a round is interrupted or has too many failures, no
/// other follows.
pub fn run_repeatedly(
    times: NonZeroUsize,
    jobs: &[Job],
    suite: &Arc<Suite>,
    (work, options): (&Path, Options),
    interrupted: &AtomicBool,
    on_outcome: &(dyn Fn(&Outcome) + Sync),
    on_again: &(dyn Fn(&str) + Sync),
) -> Vec<Outcome> {
    let mut left = options.max_failures;
    let mut tallies: Vec<Tally> = Vec::new();
    for round in 0..times.get() {
        let first = options.first + round * jobs.len();
        let how = (work, Options { first, max_failures: left, ..options });
        let outcomes = run_and_recheck(jobs, suite, how, interrupted, on_outcome, on_again);
        let failed =
            jobs.iter().zip(&outcomes).filter(|(job, outcome)| !job.may_fail && outcome.has_failed());
        left = left.map(|left| left.saturating_sub(failed.count()));
        if round == 0 {
            tallies = outcomes.into_iter().map(Tally::of).collect();
        } else {
            tallies.iter_mut().zip(outcomes).for_each(|(tally, outcome)| tally.add(outcome));
        }
        if left == Some(0) || interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    tallies.into_iter().map(Tally::outcome).collect()
}

/// The runs of one check.
struct Tally {
    /// The first outcome that is not as expected; without one, the first that has a result.
    shown: Outcome,
    runs: usize,
    unexpected: usize,
}

impl Tally {
    fn of(outcome: Outcome) -> Self {
        let (runs, unexpected) = counts(&outcome);
        Self { shown: outcome, runs, unexpected }
    }

    fn add(&mut self, outcome: Outcome) {
        let (runs, unexpected) = counts(&outcome);
        if self.runs == 0 || (self.unexpected == 0 && unexpected > 0) {
            self.shown = outcome;
        }
        self.runs += runs;
        self.unexpected += unexpected;
    }

    fn outcome(self) -> Outcome {
        let Self { shown, runs, unexpected } = self;
        let differ = unexpected > 0 && unexpected < runs;
        Outcome { flaky: differ.then_some(Flaky { runs, unexpected }), ..shown }
    }
}

/// How often a check has run by this outcome, and how often it was not as expected.
fn counts(outcome: &Outcome) -> (usize, usize) {
    (usize::from(outcome.verdict() != Verdict::NotRun), usize::from(outcome.has_failed()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::harness::{
        runner::{Ended, Phase},
        test_helpers::{as_expected, unexpected},
    };

    fn passed() -> Outcome {
        as_expected("a/b", Phase::Green)
    }

    fn failed() -> Outcome {
        unexpected("a/b", Phase::Green)
    }

    fn not_run() -> Outcome {
        Outcome { ended: Ended::NotRun { detail: None }, steps: Vec::new(), ..passed() }
    }

    fn crashed() -> Outcome {
        Outcome { ended: Ended::Crash { detail: "signal 9".to_owned() }, ..passed() }
    }

    #[rstest]
    #[case::always_passes(&[passed(), passed()], "pass", None)]
    #[case::always_fails(&[failed(), failed()], "fail", None)]
    #[case::fails_first(&[failed(), passed(), passed()], "flaky", Some((3, 1)))]
    #[case::fails_last(&[passed(), passed(), crashed()], "flaky", Some((3, 1)))]
    #[case::fails_in_two_ways(&[crashed(), failed()], "crash", None)]
    #[case::is_not_run_again(&[failed(), not_run()], "fail", None)]
    #[case::never_runs(&[not_run(), not_run()], "not_run", None)]
    #[case::is_run_later(&[not_run(), passed()], "pass", None)]
    fn results_that_differ_are_flaky(
        #[case] outcomes: &[Outcome],
        #[case] result: &str,
        #[case] flaky: Option<(usize, usize)>,
    ) {
        let [first, others @ ..] = outcomes else { return assert!(!outcomes.is_empty(), "no outcome") };
        let mut tally = Tally::of(first.clone());
        others.iter().for_each(|outcome| tally.add(outcome.clone()));
        let outcome = tally.outcome();
        assert_eq!(outcome.result_name(), result);
        assert_eq!(outcome.flaky, flaky.map(|(runs, unexpected)| Flaky { runs, unexpected }));
        assert_eq!(outcome.met_expectation(), result == "pass");
    }

    #[test]
    fn a_red_check_that_is_proven_in_some_runs_only_is_not_proven() {
        let mut tally = Tally::of(as_expected("a/b", Phase::Red));
        tally.add(unexpected("a/b", Phase::Red));
        tally.add(as_expected("a/b", Phase::Red));
        let outcome = tally.outcome();
        assert_eq!((outcome.result_name(), outcome.met_expectation()), ("flaky", false));
        assert_eq!(
            outcome.flaky.map(|flaky| flaky.to_string()).as_deref(),
            Some("flaky: not as expected in 1 of 3 runs")
        );
    }
}
