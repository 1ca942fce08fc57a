//! The planned checks of a run: `inventory.json`, written before the first check.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    harness::{
        runner::{Outcome, Phase},
        suite::Reason,
    },
    value::Digest,
};

use super::{ReadError, RunRecord, run_record};

/// The planned checks. A report in which one has no outcome is incomplete and invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The version of this structure: [`FORMAT`](crate::harness::record::FORMAT).
    pub format: u32,
    /// Each check on each implementation, in the planned order.
    pub checks: Vec<InventoryEntry>,
}

/// A planned check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InventoryEntry {
    /// The check's id.
    pub check: String,
    /// The digest of its case.
    pub digest: String,
    /// The implementation.
    pub implementation: String,
    /// The phase.
    pub phase: Phase,
    /// In a red phase, the expectation that must fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_fail: Option<String>,
    /// Why it must fail, if that is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A check whose outcomes are not what was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// The check.
    pub check: String,
    /// The implementation.
    pub implementation: String,
    /// What is wrong.
    pub kind: DiscrepancyKind,
}

/// How outcomes differ from what was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscrepancyKind {
    /// It was planned and has no outcome.
    Lost,
    /// It was planned once and has several outcomes.
    Duplicate,
    /// It was not planned and has an outcome.
    Unplanned,
    /// The inventory lists it several times.
    PlannedTwice,
}

impl Inventory {
    /// Reads `inventory.json`.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        run_record::read(bytes, |inventory: &Self| inventory.format)
    }

    /// The SHA-256 of `inventory.json` in hexadecimal, as `sha256sum` prints it.
    ///
    /// # Errors
    /// When it cannot be serialized.
    pub fn digest(&self) -> Result<String, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(Digest::of(&bytes).to_string())
    }

    /// Where the outcomes of a run are not one for each planned check, in the order of checks.
    pub fn compare(&self, run: &RunRecord) -> Vec<Discrepancy> {
        let mut counts: BTreeMap<InventoryEntry, (usize, usize)> = BTreeMap::new();
        for planned in &self.checks {
            counts.entry(planned.clone()).or_default().0 += 1;
        }
        for outcome in &run.outcomes {
            counts.entry(outcome.into()).or_default().1 += 1;
        }
        let discrepancy = |(entry, (planned, ended)): (InventoryEntry, (usize, usize))| {
            let InventoryEntry { check, implementation, .. } = entry;
            let kind = match (planned, ended) {
                (0, _) => DiscrepancyKind::Unplanned,
                (_, 0) => DiscrepancyKind::Lost,
                (1, 1) => return None,
                (1, _) => DiscrepancyKind::Duplicate,
                (_, _) => DiscrepancyKind::PlannedTwice,
            };
            Some(Discrepancy { check, implementation, kind })
        };
        counts.into_iter().filter_map(discrepancy).collect()
    }

    /// The planned checks that have no outcome in this run.
    pub fn lost_in(&self, run: &RunRecord) -> Vec<&InventoryEntry> {
        let seen: BTreeSet<InventoryEntry> = run.outcomes.iter().map(InventoryEntry::from).collect();
        self.checks.iter().filter(|planned| !seen.contains(planned)).collect()
    }
}

impl From<&Outcome> for InventoryEntry {
    fn from(outcome: &Outcome) -> Self {
        Self {
            check: outcome.check.clone(),
            digest: outcome.digest.clone(),
            implementation: outcome.implementation.clone(),
            phase: outcome.phase,
            must_fail: outcome.must_fail.clone(),
            reason: outcome.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn planned_checks_without_an_outcome_are_listed() {
        let mut run = test_helpers::run();
        let inventory = test_helpers::inventory(&run);
        assert_eq!(inventory.lost_in(&run), Vec::<&InventoryEntry>::new());
        let gone = run.outcomes.remove(3);
        let lost: Vec<_> =
            inventory.lost_in(&run).into_iter().map(|lost| (&lost.check, lost.phase)).collect();
        assert_eq!(lost, [(&gone.check, gone.phase)]);
    }

    #[test]
    fn each_planned_check_has_exactly_one_outcome() {
        let found = |change: fn(&mut RunRecord, &mut Inventory)| {
            let mut run = test_helpers::run();
            let mut inventory = test_helpers::inventory(&run);
            change(&mut run, &mut inventory);
            let found = inventory.compare(&run);
            found.into_iter().map(|own| (own.check, own.kind)).collect::<Vec<_>>()
        };
        assert_eq!(found(|_, _| ()), []);
        let check = || "persistence/round_trip".to_owned();
        assert_eq!(found(|run, _| _ = run.outcomes.remove(0)), [(check(), DiscrepancyKind::Lost)]);
        let twice = |run: &mut RunRecord, _: &mut Inventory| run.outcomes.extend_from_within(..1);
        assert_eq!(found(twice), [(check(), DiscrepancyKind::Duplicate)]);
        assert_eq!(found(|_, planned| _ = planned.checks.remove(0)), [(check(), DiscrepancyKind::Unplanned)]);
        let planned_twice =
            |_: &mut RunRecord, planned: &mut Inventory| planned.checks.extend_from_within(..1);
        assert_eq!(found(planned_twice), [(check(), DiscrepancyKind::PlannedTwice)]);
    }

    #[test]
    fn an_outcome_of_another_version_of_the_case_does_not_count() {
        let mut run = test_helpers::run();
        let inventory = test_helpers::inventory(&run);
        for outcome in run.outcomes.iter_mut().take(1) {
            outcome.digest.push('x');
        }
        assert_eq!(inventory.lost_in(&run).len(), 1);
    }
}
