//! What a suite says about adversaries: implementations that are wrong whatever a requirement says.

use serde::{Deserialize, Serialize};

use crate::harness::{
    adversary::{Adversary, Trial, TrialResult},
    runner::Outcome,
};

/// The checks on one adversary around the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdversaryProof {
    /// Its name.
    pub name: String,
    /// The number of checks in which its answers differ from those of the reference.
    pub affected: usize,
    /// The number of these that fail.
    pub noticed: usize,
    /// Those that pass: each should have a reason.
    pub passed: Vec<String>,
}

impl AdversaryProof {
    /// The proofs of all adversaries that were tried, given the outcome of each trial.
    pub fn all(trials: &[Trial], outcomes: &[Outcome]) -> Vec<Self> {
        let proof = |adversary: Adversary| {
            let own = trials.iter().zip(outcomes).filter(|(trial, _)| trial.adversary == adversary);
            let results: Vec<(&str, TrialResult)> =
                own.map(|(trial, outcome)| (trial.job.check.id.as_str(), trial.result(outcome))).collect();
            let of = |wanted: TrialResult| results.iter().filter(move |(_, result)| *result == wanted);
            let passed: Vec<String> = of(TrialResult::Passed).map(|(check, _)| (*check).to_owned()).collect();
            let noticed = of(TrialResult::Noticed).count();
            Self { name: adversary.name().to_owned(), affected: noticed + passed.len(), noticed, passed }
        };
        Adversary::ALL.map(proof).into()
    }
}
