//! The rows of a plan by what they ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::row_result::row_implementation;
use crate::harness::{
    runner::{Ended, Outcome},
    suite::{Plan, PlannedCheck, Row, selectors_of},
};

/// The rows of a plan by the ids of their checks and tests, so that an outcome finds its rows without going through all
/// of them.
#[derive(Debug, Default)]
pub(crate) struct RowIndex<'p> {
    plan: Option<&'p Plan>,
    /// The rows of a check, as indices of the plan's rows.
    of_check: BTreeMap<&'p str, Vec<usize>>,
    of_test: BTreeMap<&'p str, Vec<usize>>,
}

impl<'p> RowIndex<'p> {
    /// The index of a plan; without a plan it has no rows.
    pub(crate) fn of(plan: Option<&'p Plan>) -> Self {
        let mut index = Self { plan, ..Self::default() };
        for (number, row) in plan.into_iter().flat_map(|plan| plan.rows.iter().enumerate()) {
            let add = |rows: &mut BTreeMap<&'p str, Vec<usize>>, checks: &'p [PlannedCheck]| {
                checks.iter().for_each(|check| rows.entry(&check.id).or_default().push(number));
            };
            add(&mut index.of_check, row.checks());
            add(&mut index.of_test, row.tests());
        }
        index
    }

    /// The rows that ask for the check of this outcome on this implementation, in the order of the plan.
    pub(crate) fn asking_for(&self, outcome: &Outcome) -> impl Iterator<Item = (&'p Plan, &'p Row)> {
        let id = outcome.check.as_str();
        let numbers: BTreeSet<usize> = if matches!(outcome.ended, Ended::Reported(_)) {
            selectors_of(id).filter_map(|id| self.of_test.get(id)).flatten().copied().collect()
        } else {
            self.of_check.get(id).into_iter().flatten().copied().collect()
        };
        let plan = self.plan;
        let rows = numbers.into_iter().filter_map(move |number| Some((plan?, plan?.rows.get(number)?)));
        rows.filter(|(_, row)| row_implementation(row, outcome.phase) == outcome.implementation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{
        runner::{Phase, ReportedResult, ReportedTest},
        suite::Decision,
        test_helpers,
    };

    fn rows<'p>(index: &RowIndex<'p>, outcome: &Outcome) -> Vec<&'p str> {
        index.asking_for(outcome).map(|(_, row)| row.id.as_str()).collect()
    }

    #[test]
    fn a_row_is_found_by_its_check_on_its_implementation() {
        let plan = test_helpers::plan();
        let index = RowIndex::of(Some(&plan));
        let mut outcome = test_helpers::as_expected("persistence/round_trip", Phase::Red);
        assert_eq!(rows(&index, &outcome), ["D4.B1", "D4.B2"]);
        assert_eq!(rows(&RowIndex::of(None), &outcome), [""; 0]);
        outcome.implementation = "a mutant".into();
        assert_eq!(rows(&index, &outcome), [""; 0]);
    }

    #[test]
    fn a_reported_test_is_found_by_each_selector_that_covers_it() {
        let mut plan = test_helpers::plan();
        plan.rows.truncate(4);
        for (row, id) in plan.rows.iter_mut().zip(["t.py::x", "t.py::x[a]", "t.py::x[b]", "t.py::xx"]) {
            let mut tests = test_helpers::row("R", "l", &[id]).checks().to_vec();
            // A test that a row names twice counts once.
            tests.extend(tests.clone());
            row.decided_by = Decision::Checks { log: "l".into(), checks: Vec::new(), tests };
        }
        let index = RowIndex::of(Some(&plan));
        let mut outcome = test_helpers::as_expected("t.py::x[a][b]", Phase::Green);
        assert_eq!(rows(&index, &outcome), [""; 0], "the tests of a row are not its checks");
        outcome.ended = Ended::Reported(ReportedTest {
            result: ReportedResult::Passed,
            exception: None,
            message: String::new(),
            details: String::new(),
            raised_at: None,
        });
        assert_eq!(rows(&index, &outcome), ["D4.B1", "D4.B2"]);
    }
}
