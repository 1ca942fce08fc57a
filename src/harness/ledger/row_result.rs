//! What one run says about one row of a plan in one phase.

use crate::{
    harness::{
        runner::{Outcome, Phase},
        suite::{PlannedCheck, Row},
    },
    text::line,
};

use crate::harness::record::RunRecord;

/// A row's checks as one run has them, on the implementation that the row names for the phase.
#[derive(Clone, Debug, PartialEq)]
pub struct RowResult<'a> {
    /// The phase.
    pub phase: Phase,
    /// The checks that came out as the phase wants it.
    pub as_stated: Vec<&'a PlannedCheck>,
    /// The checks that came out otherwise, with the word for what each came to.
    pub otherwise: Vec<(&'a PlannedCheck, &'static str)>,
    /// The checks of which there is an outcome for another version of the case only: no evidence.
    pub stale: Vec<&'a PlannedCheck>,
    /// The checks without an outcome.
    pub absent: Vec<&'a PlannedCheck>,
}

/// What an attempt means for its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// Every check of the row came out as the phase wants it.
    Proves,
    /// A check came out otherwise.
    Contradicts,
    /// Nothing came out otherwise, and not everything is there.
    Neither,
}

impl<'a> RowResult<'a> {
    /// What the run says about the row; nothing when it holds no outcome of the row's checks there. A check
    /// that was not run counts as absent: it was seen neither way.
    pub fn of(row: &'a Row, phase: Phase, run: &RunRecord) -> Option<Self> {
        let mut attempt =
            Self { phase, as_stated: vec![], otherwise: vec![], stale: vec![], absent: Vec::new() };
        for check in row.checks() {
            let seen = run.outcomes.iter().filter(|outcome| is_of(outcome, row, check, phase));
            let (present, stale): (Vec<_>, Vec<_>) = seen.partition(|outcome| outcome.digest == check.digest);
            match (present.iter().find(|outcome| !outcome.is_as_stated()), present.is_empty()) {
                (Some(other), _) => attempt.otherwise.push((check, other.word())),
                (None, false) => attempt.as_stated.push(check),
                (None, true) if stale.is_empty() => attempt.absent.push(check),
                (None, true) => attempt.stale.push(check),
            }
        }
        (attempt.absent.len() < row.checks().len()).then_some(attempt)
    }

    /// What it means for the row.
    pub fn meaning(&self) -> RowStatus {
        if !self.otherwise.is_empty() {
            RowStatus::Contradicts
        } else if self.stale.is_empty() && self.absent.is_empty() {
            RowStatus::Proves
        } else {
            RowStatus::Neither
        }
    }

    /// Why some of it is no evidence: `is for an earlier version of cases/persistence/params.toml`.
    pub fn staleness(&self) -> Option<String> {
        let files = self.stale.iter().map(|check| line(&check.file));
        (!self.stale.is_empty()).then(|| format!("is for an earlier version of {}", some_of(files)))
    }

    /// The attempt in words: `not proven: persistence/params wrong_reason`.
    pub fn in_words(&self) -> String {
        let all = self.as_stated.len() + self.otherwise.len() + self.stale.len() + self.absent.len();
        let (done, stated) =
            (if self.phase == Phase::Red { "proven" } else { "passed" }, self.as_stated.len());
        match self.meaning() {
            RowStatus::Proves => format!("{done}: {all} of {all}"),
            RowStatus::Contradicts => {
                let others = self.otherwise.iter().map(|(check, word)| format!("{} {word}", line(&check.id)));
                format!("not {done}: {}", some_of(others))
            }
            RowStatus::Neither => match self.staleness() {
                Some(why) => format!("no evidence: it {why}"),
                None => format!("in part: {stated} of {all} {done}, {} not run", self.absent.len()),
            },
        }
    }
}

/// The implementation that a row names for a phase.
pub(crate) fn row_implementation(row: &Row, phase: Phase) -> &str {
    match phase {
        Phase::Red => &row.red,
        Phase::Green => &row.green,
    }
}

/// Whether an outcome is of this check of this row, in whatever version of the case.
pub(crate) fn is_of(outcome: &Outcome, row: &Row, check: &PlannedCheck, phase: Phase) -> bool {
    let place = (outcome.check.as_str(), outcome.phase, outcome.implementation.as_str());
    place == (check.id.as_str(), phase, row_implementation(row, phase)) && outcome.word() != "not_run"
}

/// The first few, each once, and how many more there are.
fn some_of(items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let mut items: Vec<String> = items.collect();
    items.dedup();
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

    #[test]
    fn a_row_is_proven_by_all_of_its_checks_only() {
        let (one, two) =
            (test_helpers::as_stated("a/1", Phase::Red), test_helpers::as_stated("a/2", Phase::Red));
        let row = row();
        let whole = run(vec![one.clone(), two]);
        let attempt = RowResult::of(&row, Phase::Red, &whole).unwrap();
        assert_eq!((attempt.meaning(), attempt.in_words()), (RowStatus::Proves, "proven: 2 of 2".into()));
        let part = run(vec![one]);
        let attempt = RowResult::of(&row, Phase::Red, &part).unwrap();
        let said = "in part: 1 of 2 proven, 1 not run".to_owned();
        assert_eq!((attempt.meaning(), attempt.in_words()), (RowStatus::Neither, said));
        assert_eq!(RowResult::of(&row, Phase::Green, &part), None);
    }

    #[test]
    fn an_outcome_on_another_implementation_is_nothing_to_the_row() {
        let mut one = test_helpers::as_stated("a/1", Phase::Red);
        one.implementation = "a mutant".into();
        assert_eq!(RowResult::of(&row(), Phase::Red, &run(vec![one])), None);
    }

    #[test]
    fn one_check_that_comes_out_otherwise_contradicts_even_in_part() {
        let row = row();
        let part = run(vec![test_helpers::stopped("a/2", Phase::Red)]);
        let attempt = RowResult::of(&row, Phase::Red, &part).unwrap();
        let said = "not proven: a/2 set_up_error".to_owned();
        assert_eq!((attempt.meaning(), attempt.in_words()), (RowStatus::Contradicts, said));
    }

    #[test]
    fn of_two_outcomes_of_a_check_the_one_that_is_otherwise_decides() {
        let row = row();
        let both = run(vec![
            test_helpers::as_stated("a/1", Phase::Red),
            test_helpers::otherwise("a/1", Phase::Red),
            test_helpers::as_stated("a/2", Phase::Red),
        ]);
        assert_eq!(RowResult::of(&row, Phase::Red, &both).unwrap().meaning(), RowStatus::Contradicts);
    }

    #[test]
    fn an_outcome_of_another_version_of_the_case_is_no_evidence_either_way() {
        let row = row();
        for mut old in
            [test_helpers::as_stated("a/1", Phase::Green), test_helpers::otherwise("a/1", Phase::Green)]
        {
            old.digest = "older".into();
            let mixed = run(vec![old, test_helpers::as_stated("a/2", Phase::Green)]);
            let attempt = RowResult::of(&row, Phase::Green, &mixed).unwrap();
            assert_eq!(attempt.meaning(), RowStatus::Neither);
            assert_eq!(attempt.in_words(), "no evidence: it is for an earlier version of cases/a/1.toml");
        }
    }

    #[test]
    fn a_check_that_was_not_run_is_absent_and_one_without_an_answer_is_not() {
        let row = row();
        let mut one = test_helpers::as_stated("a/1", Phase::Green);
        one.ended = Ended::NotRun { detail: None };
        assert_eq!(RowResult::of(&row, Phase::Green, &run(vec![one.clone()])), None);
        one.ended = Ended::Timeout { milliseconds: 5 };
        let hung = run(vec![one]);
        assert_eq!(RowResult::of(&row, Phase::Green, &hung).unwrap().in_words(), "not passed: a/1 timeout");
    }
}
