//! What an index takes from one report.

use std::collections::BTreeMap;

use super::tables::{CheckKey, Identities, IndexedReport, PhaseCounts};
use crate::harness::{
    record::ImplementationRecord,
    runner::{Outcome, Phase},
    store::{IntegrityError, report_files::ReportFiles, sums::sha256},
};

/// What one report adds to an index.
#[derive(Debug)]
pub(super) struct Entry {
    /// The report, with positions that are not set yet.
    pub(super) report: IndexedReport,
    pub(super) identities: Identities,
    /// The digest of the case and the name of the result of each check.
    pub(super) results: BTreeMap<CheckKey, (String, &'static str)>,
}

/// Reads the results of a report.
pub(super) fn read(files: &ReportFiles) -> Result<Entry, IntegrityError> {
    let (chain, environment, run) = (files.chain()?, files.environment()?, files.run()?);
    let mut phases: BTreeMap<Phase, PhaseCounts> = BTreeMap::new();
    let mut results = BTreeMap::new();
    let mut milliseconds = 0_u64;
    for outcome in run.outcomes {
        milliseconds = milliseconds.saturating_add(outcome.milliseconds);
        let (result, met) = (outcome.result_name(), outcome.met_expectation());
        let counts = phases.entry(outcome.phase).or_default();
        counts.all += 1;
        counts.as_expected += usize::from(met);
        *counts.words.entry(result.to_owned()).or_default() += 1;
        let (key, digest) = keyed(outcome);
        // A check that ran twice, for two reasons of a plan, is as good as its worse result.
        if !met || !results.contains_key(&key) {
            results.insert(key, (digest, result));
        }
    }
    let identities = run.implementations.iter().map(|(name, own)| (name.clone(), identity(own))).collect();
    let report = IndexedReport {
        stamp: chain.stamp,
        sequence: chain.sequence,
        head: files.head.clone(),
        started: chain.started,
        attempt: chain.attempt,
        phases,
        suite_digest: run.suite_digest,
        program_version: environment.binary.version,
        program_digest: environment.binary.sha256,
        milliseconds,
        selection: 0,
        identities: 0,
    };
    Ok(Entry { report, identities, results })
}

fn keyed(outcome: Outcome) -> (CheckKey, String) {
    let Outcome { check, implementation, phase, must_fail, digest, .. } = outcome;
    (CheckKey { check, implementation, phase, must_fail }, digest)
}

/// Equal for implementations of equal version, files and details.
fn identity(implementation: &ImplementationRecord) -> String {
    // Maps are sorted, so equal records are equal text.
    sha256(&serde_json::to_vec(implementation).unwrap_or_default())
}
