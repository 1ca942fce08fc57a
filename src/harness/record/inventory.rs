//! The planned checks of a run: `inventory.json`, written before the first check.

use std::collections::BTreeSet;

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
    fn an_outcome_of_another_version_of_the_case_does_not_count() {
        let mut run = test_helpers::run();
        let inventory = test_helpers::inventory(&run);
        for outcome in run.outcomes.iter_mut().take(1) {
            outcome.digest.push('x');
        }
        assert_eq!(inventory.lost_in(&run).len(), 1);
    }
}
