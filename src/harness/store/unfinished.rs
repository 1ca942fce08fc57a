//! Hidden directories of runs without a published report.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;

use super::{MAX_RESULTS_BYTES, lock::lock_run, sums::read_bounded};
use crate::harness::record::{
    CHAIN, INVENTORY, Inventory, RESULTS, ReadError, RunRecord, RunTimestamp, SUMS,
};

/// A run without a published report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unfinished {
    /// The timestamp of the run.
    pub stamp: RunTimestamp,
    /// The hidden directory.
    pub directory: String,
    /// Whether it was interrupted; otherwise it is still running, or was killed.
    pub interrupted: bool,
}

/// What an unfinished run was going to do, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnfinishedRun {
    /// The timestamp of the run.
    pub stamp: RunTimestamp,
    /// The hidden directory.
    pub directory: String,
    /// How it ended, if it did.
    pub state: RunState,
    /// The planned checks; None if they cannot be read.
    pub planned: Option<PlannedRun>,
    /// Whether the run was complete, and only its report could not be published.
    pub has_results: bool,
}

/// How a run without a report ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process holds its lock: it is still running.
    Running,
    /// Its process ended without recording an interruption.
    Killed,
    /// It was interrupted and renamed its directory.
    Interrupted,
    /// A complete report under a hidden name: it was renamed, or its process was killed in the last step. It is kept.
    Complete,
}

/// What a run was going to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedRun {
    /// The number of checks.
    pub checks: usize,
    /// The phases and implementations: `red on stub`.
    pub on: BTreeSet<String>,
}

/// The run that a hidden directory belongs to.
pub(super) fn unfinished(name: &str) -> Option<Unfinished> {
    let (stamp, rest) = name.strip_prefix('.')?.split_once('.')?;
    let numbered = rest.strip_prefix("interrupted-").is_some_and(|number| number.parse::<u32>().is_ok());
    let interrupted = rest == "interrupted" || numbered;
    (interrupted || rest == "partial").then_some(())?;
    Some(Unfinished { stamp: stamp.parse().ok()?, directory: name.to_owned(), interrupted })
}

/// Finds out what a hidden directory was going to be.
pub(super) fn explain(reports: &Path, run: Unfinished) -> UnfinishedRun {
    let path = reports.join(&run.directory);
    // A running process holds its directory open, so one that cannot be opened is left over.
    let state = match lock_run(&path) {
        Ok(None) => RunState::Running,
        Ok(Some(_)) | Err(_) if is_complete(&path) => RunState::Complete,
        Ok(Some(_)) | Err(_) if run.interrupted => RunState::Interrupted,
        Ok(Some(_)) | Err(_) => RunState::Killed,
    };
    let inventory = read_bounded(&path.join(INVENTORY), MAX_RESULTS_BYTES).ok();
    let inventory = inventory.and_then(|bytes| Inventory::from_json(&bytes).ok());
    let planned = inventory.map(|inventory| PlannedRun {
        checks: inventory.checks.len(),
        on: inventory
            .checks
            .iter()
            .map(|check| format!("{} on {}", check.phase.as_str(), check.implementation))
            .collect(),
    });
    let has_results = has_outcomes(&path);
    UnfinishedRun { stamp: run.stamp, directory: run.directory, state, planned, has_results }
}

/// Whether a hidden directory has everything that a published report has.
pub(super) fn is_complete(directory: &Path) -> bool {
    // A run that was killed while it made one of them has left it empty.
    let has_bytes =
        |name: &&str| directory.join(name).metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
    [SUMS, CHAIN, RESULTS].iter().all(has_bytes)
}

/// Whether a hidden directory has the outcomes of a run, or what may be such: a file that cannot be read, or only by another
/// version of this program. Half a file, which a killed run left, has none.
pub(super) fn has_outcomes(directory: &Path) -> bool {
    let path = directory.join(RESULTS);
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    match read_bounded(&path, MAX_RESULTS_BYTES).map(|bytes| RunRecord::from_json(&bytes)) {
        Ok(Err(ReadError::Json(_))) => false,
        Ok(Ok(_) | Err(ReadError::Format { .. } | ReadError::OtherChecks)) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::harness::{store::ReportWriter, test_helpers};

    fn begun(reports: &Path, stamp: &str) -> ReportWriter {
        let mut writer = ReportWriter::create(reports, test_helpers::stamp(stamp)).unwrap();
        writer.write_inventory(test_helpers::inventory(&test_helpers::run())).unwrap();
        writer
    }

    fn explained(reports: &Path, directory: &str) -> UnfinishedRun {
        explain(reports, unfinished(directory).unwrap())
    }

    #[test]
    fn only_the_names_that_the_writer_gives_are_those_of_runs() {
        for name in [".2025-10-17T112849Z.partial", ".2025-10-17T112849Z.interrupted-2"] {
            assert_eq!(unfinished(name).unwrap().interrupted, name.contains("interrupted"));
        }
        let others = [
            "2025-10-17T112849Z.partial",
            ".2025-10-17T112849Z.interrupted-x",
            ".2025-10-17T112849Z.interrupted2",
            ".2025-10-17T112849Z.partially",
            ".x.partial",
        ];
        assert!(others.iter().all(|name| unfinished(name).is_none()));
    }

    #[test]
    fn a_run_is_explained_by_its_lock_and_its_inventory() {
        let root = tempfile::tempdir().unwrap();
        let directory = ".2025-10-17T112849Z.partial";
        let writer = begun(root.path(), "2025-10-17T112849Z");
        let running = explained(root.path(), directory);
        assert_eq!(running.state, RunState::Running);
        let on = ["green on reference", "red on stub"].map(String::from);
        assert_eq!(running.planned, Some(PlannedRun { checks: 6, on: BTreeSet::from(on) }));
        // Its process ended: the lock is gone, and nothing else happened.
        let copy = root.path().join(".2025-10-17T112850Z.partial");
        fs::create_dir(&copy).unwrap();
        fs::write(copy.join(INVENTORY), "{").unwrap();
        let killed = explained(root.path(), ".2025-10-17T112850Z.partial");
        assert_eq!((killed.state, killed.planned, killed.has_results), (RunState::Killed, None, false));
        // It was killed before it had written the last of the three.
        for (sums, state) in [("", RunState::Killed), ("x", RunState::Complete)] {
            [(RESULTS, "{"), (CHAIN, "{"), (SUMS, sums)]
                .iter()
                .for_each(|(name, text)| fs::write(copy.join(name), text).unwrap());
            assert_eq!(explained(root.path(), ".2025-10-17T112850Z.partial").state, state);
        }
        writer.interrupt().unwrap();
        let interrupted = explained(root.path(), ".2025-10-17T112849Z.interrupted");
        assert_eq!(interrupted.state, RunState::Interrupted);
    }
}
