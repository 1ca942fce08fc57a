//! The outcomes of a run by check.

use std::{collections::BTreeMap, ops::Bound};

use crate::harness::{record::RunRecord, runner::Outcome, suite::PlannedCheck};

/// The outcomes of a run by check, so that the rows of a plan find theirs without going through all of them.
#[derive(Debug)]
pub struct OutcomeIndex<'r> {
    imported: bool,
    /// Each with its place in the run.
    by_check: BTreeMap<&'r str, Vec<(usize, &'r Outcome)>>,
}

impl<'r> OutcomeIndex<'r> {
    /// The index of a run.
    pub fn of(run: &'r RunRecord) -> Self {
        let mut by_check: BTreeMap<&str, Vec<(usize, &Outcome)>> = BTreeMap::new();
        for (place, outcome) in run.outcomes.iter().enumerate() {
            by_check.entry(&outcome.check).or_default().push((place, outcome));
        }
        Self { imported: run.imported.is_some(), by_check }
    }

    /// Whether the outcomes were imported.
    pub fn is_imported(&self) -> bool {
        self.imported
    }

    /// The outcomes of a planned check; if they were imported, also those of the test with any parameter.
    pub(super) fn of_check<'s>(&'s self, check: &'s PlannedCheck) -> impl Iterator<Item = &'r Outcome> + 's {
        self.places_of_check(check).map(|(_, outcome)| outcome)
    }

    /// The same, each with its place in the run, by which they can be put into the order of the run.
    pub(crate) fn places_of_check<'s>(
        &'s self,
        check: &'s PlannedCheck,
    ) -> impl Iterator<Item = (usize, &'r Outcome)> + 's {
        let exact = self.by_check.get(check.id.as_str()).into_iter().flatten().copied();
        let parameters = format!("{}[", check.id);
        let with_parameter = self
            .by_check
            .range::<str, _>((Bound::Included(parameters.as_str()), Bound::Unbounded))
            .take_while(move |(id, _)| self.imported && id.starts_with(&parameters))
            .flat_map(|(_, outcomes)| outcomes.iter().copied());
        exact.chain(with_parameter)
    }
}
