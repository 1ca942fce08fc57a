//! The result of one row of a plan in one phase of one run.

use std::{collections::BTreeSet, fmt};

use crate::{
    harness::{
        runner::{Ended, Outcome, Phase, RedResult, Verdict},
        suite::{PlannedCheck, Row, covers},
    },
    text::line,
};

use super::OutcomeIndex;
use crate::harness::record::RunRecord;

/// The checks of a row in one run, on the implementation that the row names for the phase.
#[derive(Clone, Debug, PartialEq)]
pub struct RowResult<'a> {
    /// The phase.
    pub phase: Phase,
    /// The checks with the expected result.
    pub as_expected: Vec<&'a PlannedCheck>,
    /// The checks with another result, and that result.
    pub unexpected: Vec<(&'a PlannedCheck, &'static str)>,
    /// The checks with outcomes only for another version of the case; these do not count as evidence.
    pub stale: Vec<&'a PlannedCheck>,
    /// The checks that the implementation does not support; these decide nothing.
    pub unsupported: Vec<&'a PlannedCheck>,
    /// The checks without an outcome.
    pub absent: Vec<&'a PlannedCheck>,
}

/// What a result means for its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// Every check has the expected result.
    Proves,
    /// A check has an unexpected result.
    Contradicts,
    /// No check has an unexpected result, but some have none.
    Neither,
}

impl<'a> RowResult<'a> {
    /// The result of the row in this run; None if the run has no outcome of its checks. A check that was not run counts as
    /// absent. Imported outcomes are of the row's tests, all others of its checks.
    pub fn of(row: &'a Row, phase: Phase, run: &OutcomeIndex<'_>) -> Option<Self> {
        let planned = if run.is_imported() { row.tests() } else { row.checks() };
        let mut attempt = Self {
            phase,
            as_expected: Vec::new(),
            unexpected: Vec::new(),
            stale: Vec::new(),
            unsupported: Vec::new(),
            absent: Vec::new(),
        };
        for check in planned {
            let seen = run.of_check(check).filter(|outcome| is_of(outcome, row, check, phase));
            let (present, stale): (Vec<_>, Vec<_>) = seen.partition(|outcome| outcome.digest == check.digest);
            let results: Vec<(bool, &'static str)> = match phase {
                Phase::Red => {
                    check.fails.iter().flat_map(|fails| red_results(fails, check, &present)).collect()
                }
                Phase::Green => {
                    present.iter().map(|seen| (seen.met_expectation(), seen.result_name())).collect()
                }
            };
            // Every expectation that must fail has a run of its own.
            let is_whole = match phase {
                Phase::Red => check
                    .fails
                    .iter()
                    .all(|fails| present.iter().any(|outcome| outcome.must_fail.as_ref() == Some(fails))),
                Phase::Green => !present.is_empty(),
            };
            // A result that contradicts the row is not hidden by one that decides nothing.
            let is_unsupported = |word: &str| word == Verdict::Unsupported.as_str();
            let unexpected = results.iter().filter(|(is_expected, _)| !is_expected);
            match unexpected.max_by_key(|(_, word)| !is_unsupported(word)) {
                Some((_, word)) if is_unsupported(word) => attempt.unsupported.push(check),
                Some((_, word)) => attempt.unexpected.push((check, word)),
                None if is_whole => attempt.as_expected.push(check),
                None if stale.is_empty() => attempt.absent.push(check),
                None => attempt.stale.push(check),
            }
        }
        (attempt.absent.len() < planned.len()).then_some(attempt)
    }

    /// What the result means for the row.
    pub fn status(&self) -> RowStatus {
        if !self.unexpected.is_empty() {
            RowStatus::Contradicts
        } else if self.stale.is_empty() && self.unsupported.is_empty() && self.absent.is_empty() {
            RowStatus::Proves
        } else {
            RowStatus::Neither
        }
    }

    /// Why some checks do not count: `is for an earlier version of cases/persistence/params.toml`.
    pub fn staleness(&self) -> Option<String> {
        let files = self.stale.iter().map(|check| line(&check.file));
        (!self.stale.is_empty()).then(|| format!("is for an earlier version of {}", some_of(files)))
    }
}

/// `not proven: persistence/params wrong_expectation`.
impl fmt::Display for RowResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let undecided = self.stale.len() + self.unsupported.len() + self.absent.len();
        let all = self.as_expected.len() + self.unexpected.len() + undecided;
        let done = if self.phase == Phase::Red { "proven" } else { "passed" };
        match self.status() {
            RowStatus::Proves => write!(f, "{done}: {all}/{all}"),
            RowStatus::Contradicts => {
                let others =
                    self.unexpected.iter().map(|(check, word)| format!("{} {word}", line(&check.id)));
                write!(f, "not {done}: {}", some_of(others))
            }
            RowStatus::Neither => match self.staleness() {
                Some(why) => write!(f, "not evidence: it {why}"),
                None => {
                    write!(f, "incomplete: {}/{all} {done}", self.as_expected.len())?;
                    let counts = [(self.unsupported.len(), "unsupported"), (self.absent.len(), "not run")];
                    let mut counts = counts.iter().filter(|(count, _)| *count > 0);
                    counts.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
                }
            },
        }
    }
}

/// The results of the runs in which this expectation had to fail, judged by the reason of the plan: a run without the
/// plan states none, or another one.
fn red_results<'o>(
    fails: &'o str,
    check: &'o PlannedCheck,
    present: &'o [&Outcome],
) -> impl Iterator<Item = (bool, &'static str)> + 'o {
    present.iter().filter(move |outcome| outcome.must_fail.as_deref() == Some(fails)).map(|outcome| {
        let result = outcome.failure_of(fails, Some(&check.reason));
        (result == RedResult::Proven, result.as_str())
    })
}

/// The implementation that a row names for a phase.
pub(crate) fn row_implementation(row: &Row, phase: Phase) -> &str {
    match phase {
        Phase::Red => &row.red,
        Phase::Green => &row.green,
    }
}

/// Whether an outcome belongs to this check of this row, in any version of the case.
pub(crate) fn is_of(outcome: &Outcome, row: &Row, check: &PlannedCheck, phase: Phase) -> bool {
    let place = (outcome.phase, outcome.implementation.as_str());
    is_check(outcome, check) && place == (phase, row_implementation(row, phase)) && has_run(outcome)
}

/// Whether a check ran, to whatever end.
pub(crate) fn has_run(outcome: &Outcome) -> bool {
    outcome.result_name() != "not_run"
}

/// Whether an outcome is one of this planned check, or of this test with any parameter.
fn is_check(outcome: &Outcome, check: &PlannedCheck) -> bool {
    let is_test = matches!(outcome.ended, Ended::Reported(_));
    check.id == outcome.check || (is_test && covers(&check.id, &outcome.check))
}

/// The checks of a row that a run can have outcomes of: those of its tests if the outcomes were imported.
pub(crate) fn planned<'r>(row: &'r Row, run: &RunRecord) -> &'r [PlannedCheck] {
    if run.imported.is_some() { row.tests() } else { row.checks() }
}

/// The first few distinct items, and the number of the others.
fn some_of(items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let mut known = BTreeSet::new();
    let mut items: Vec<String> = items.filter(|item| known.insert(item.clone())).collect();
    let more = items.len().saturating_sub(SHOWN);
    items.truncate(SHOWN);
    let shown = items.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::runner::Ended;
    use crate::harness::test_helpers;

    fn row() -> Row {
        test_helpers::row("R", "log", &["a/1", "a/2"])
    }

    fn run(outcomes: Vec<Outcome>) -> RunRecord {
        RunRecord { outcomes, ..test_helpers::run() }
    }

    fn of<'r>(row: &'r Row, phase: Phase, run: &RunRecord) -> Option<RowResult<'r>> {
        RowResult::of(row, phase, &OutcomeIndex::of(run))
    }

    #[test]
    fn distinct_items_are_shown_and_counted_once_in_any_order() {
        let items = ["a", "b", "a", "c", "d", "e", "b", "f"].into_iter().map(str::to_owned);
        assert_eq!(some_of(items), "a, b, c, d, e and 1 more");
    }

    #[test]
    fn a_row_is_proven_only_by_all_of_its_checks() {
        let (one, two) =
            (test_helpers::as_expected("a/1", Phase::Red), test_helpers::as_expected("a/2", Phase::Red));
        let row = row();
        let whole = run(vec![one.clone(), two]);
        let attempt = of(&row, Phase::Red, &whole).unwrap();
        assert_eq!((attempt.status(), attempt.to_string()), (RowStatus::Proves, "proven: 2/2".into()));
        let part = run(vec![one]);
        let attempt = of(&row, Phase::Red, &part).unwrap();
        let said = "incomplete: 1/2 proven, 1 not run".to_owned();
        assert_eq!((attempt.status(), attempt.to_string()), (RowStatus::Neither, said));
        assert_eq!(of(&row, Phase::Green, &part), None);
    }

    #[test]
    fn an_outcome_on_another_implementation_does_not_count() {
        let mut one = test_helpers::as_expected("a/1", Phase::Red);
        one.implementation = "a mutant".into();
        assert_eq!(of(&row(), Phase::Red, &run(vec![one])), None);
    }

    #[test]
    fn one_unexpected_result_contradicts_even_without_the_other_checks() {
        let row = row();
        let part = run(vec![test_helpers::stopped("a/2", Phase::Red)]);
        let attempt = of(&row, Phase::Red, &part).unwrap();
        let said = "not proven: a/2 set_up_error".to_owned();
        assert_eq!((attempt.status(), attempt.to_string()), (RowStatus::Contradicts, said));
    }

    #[test]
    fn of_two_outcomes_of_a_check_the_unexpected_one_decides() {
        let row = row();
        let both = run(vec![
            test_helpers::as_expected("a/1", Phase::Red),
            test_helpers::unexpected("a/1", Phase::Red),
            test_helpers::as_expected("a/2", Phase::Red),
        ]);
        assert_eq!(of(&row, Phase::Red, &both).unwrap().status(), RowStatus::Contradicts);
    }

    #[test]
    fn an_outcome_of_another_version_of_the_case_does_not_count() {
        let row = row();
        for mut old in
            [test_helpers::as_expected("a/1", Phase::Green), test_helpers::unexpected("a/1", Phase::Green)]
        {
            old.digest = "older".into();
            let mixed = run(vec![old, test_helpers::as_expected("a/2", Phase::Green)]);
            let attempt = of(&row, Phase::Green, &mixed).unwrap();
            assert_eq!(attempt.status(), RowStatus::Neither);
            assert_eq!(attempt.to_string(), "not evidence: it is for an earlier version of cases/a/1.toml");
        }
    }

    #[test]
    fn a_check_that_was_not_run_is_absent_and_a_timeout_is_not() {
        let row = row();
        let mut one = test_helpers::as_expected("a/1", Phase::Green);
        one.ended = Ended::NotRun { detail: None };
        assert_eq!(of(&row, Phase::Green, &run(vec![one.clone()])), None);
        one.ended = Ended::Timeout { milliseconds: 5, method: None, step: None };
        let hung = run(vec![one]);
        assert_eq!(of(&row, Phase::Green, &hung).unwrap().to_string(), "not passed: a/1 timeout");
    }
}
