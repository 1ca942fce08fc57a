//! Hidden directories of runs without a published report: what they are, and how they are removed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    IoError, MAX_RESULTS_BYTES, ReportError,
    finish::finish_killed,
    lock::{StoreLock, lock_run},
    partial::remove_persistently,
    sums::read_bounded,
};
use crate::harness::record::{
    CHAIN, INVENTORY, Inventory, RESULTS, ReadError, RunRecord, RunTimestamp, SUMS,
};

/// A run without a published report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
pub struct PlannedRun {
    /// The number of checks.
    pub checks: usize,
    /// The phases and implementations: `red on stub`.
    pub on: BTreeSet<String>,
}

/// A hidden directory, and what was done with it.
#[derive(Debug)]
pub struct Cleaned {
    /// The directory. That of a published report has its new name.
    pub directory: PathBuf,
    /// What was done.
    pub done: Cleaning,
}

/// What cleaning does with a hidden directory.
#[derive(Debug)]
pub enum Cleaning {
    /// It was removed.
    Removed,
    /// It could not be removed.
    Failed(IoError),
    /// It is kept, because it has the outcomes of a run.
    Kept,
    /// It was a complete report that lacked only its name, and has it now.
    Published,
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

/// Removes the directories of runs that were killed or interrupted, and nothing else. Those with the outcomes of a run are
/// kept. A run that is alive holds the lock of its directory, and is left alone.
///
/// # Errors
/// When the store cannot be locked or listed, or the place of an existing report cannot be read.
pub fn clean(reports: &Path) -> Result<Vec<Cleaned>, ReportError> {
    // While the store is locked, no run begins: a new directory is not seen before its own lock is held.
    let store = StoreLock::acquire(reports)?;
    let published = |directory| Cleaned { directory, done: Cleaning::Published };
    let mut cleaned: Vec<Cleaned> = finish_killed(&store)?.into_iter().map(published).collect();
    for entry in fs::read_dir(reports).map_err(IoError::when("list", reports))? {
        let entry = entry.map_err(IoError::when("list", reports))?;
        let directory = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_directory || entry.file_name().to_str().and_then(unfinished).is_none() {
            continue;
        }
        let _run = match lock_run(&directory) {
            Ok(None) => continue,
            Ok(Some(lock)) => Some(lock),
            // One that cannot be opened can still be removed by its owner.
            Err(_) => None,
        };
        let done = if is_complete(&directory) || has_outcomes(&directory) {
            Cleaning::Kept
        } else {
            match remove_persistently(&directory).map_err(IoError::when("remove", &directory)) {
                Ok(()) => Cleaning::Removed,
                Err(error) => Cleaning::Failed(error),
            }
        };
        cleaned.push(Cleaned { directory, done });
    }
    cleaned.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(cleaned)
}

/// Whether a hidden directory has everything that a published report has.
pub(super) fn is_complete(directory: &Path) -> bool {
    [SUMS, CHAIN, RESULTS].iter().all(|name| directory.join(name).is_file())
}

/// Whether a hidden directory has the outcomes of a run, or what may be such: a file that cannot be read, or only by another
/// version of this program. Half a file, which a killed run left, has none.
fn has_outcomes(directory: &Path) -> bool {
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
        writer.interrupt().unwrap();
        let interrupted = explained(root.path(), ".2025-10-17T112849Z.interrupted");
        assert_eq!(interrupted.state, RunState::Interrupted);
    }

    #[test]
    fn cleaning_removes_dead_runs_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let alive = begun(root.path(), "2025-10-17T112849Z");
        begun(root.path(), "2025-10-17T112850Z").interrupt().unwrap();
        let others = [".2025-10-17T112851Z.partially", ".other.partial", "2025-10-17T112852Z", "baseline"];
        others.iter().for_each(|name| fs::create_dir(root.path().join(name)).unwrap());
        fs::create_dir_all(root.path().join(".2025-10-17T112853Z.partial/work/deep")).unwrap();
        fs::write(root.path().join(".2025-10-17T112854Z.partial"), "a file").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("baseline", root.path().join(".2025-10-17T112855Z.partial")).unwrap();
        let removed = clean(root.path()).unwrap();
        let is_gone = |own: &Cleaned| matches!(own.done, Cleaning::Removed) && !own.directory.exists();
        assert!(removed.iter().all(is_gone), "{removed:?}");
        let removed: Vec<_> = removed.iter().map(|own| own.directory.file_name().unwrap()).collect();
        assert_eq!(removed, [".2025-10-17T112850Z.interrupted", ".2025-10-17T112853Z.partial"]);
        assert!(others.iter().all(|name| root.path().join(name).exists()));
        assert!(root.path().join(".2025-10-17T112854Z.partial").exists());
        alive.interrupt().unwrap();
    }

    #[test]
    fn a_complete_report_under_a_hidden_name_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let hidden = root.path().join(".2025-10-17T112849Z.partial");
        std::fs::create_dir(&hidden).unwrap();
        [SUMS, CHAIN, RESULTS].iter().for_each(|name| std::fs::write(hidden.join(name), "").unwrap());
        let cleaned = clean(root.path()).unwrap();
        assert!(matches!(cleaned.as_slice(), [Cleaned { done: Cleaning::Kept, .. }]), "{cleaned:?}");
        assert!(hidden.exists());
        std::fs::remove_file(hidden.join(CHAIN)).unwrap();
        assert_eq!(clean(root.path()).unwrap().len(), 1);
        assert!(!hidden.exists());
    }

    #[test]
    fn outcomes_of_a_run_that_was_not_published_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let aside = begun(root.path(), "2025-10-17T112849Z").interrupt().unwrap();
        let results = serde_json::to_vec(&test_helpers::run()).unwrap();
        let other_version = br#"{"format": 99}"#;
        for kept in [&results[..], &other_version[..]] {
            fs::write(aside.join(RESULTS), kept).unwrap();
            let cleaned = clean(root.path()).unwrap();
            assert!(matches!(cleaned.as_slice(), [Cleaned { done: Cleaning::Kept, .. }]), "{cleaned:?}");
            assert!(explained(root.path(), ".2025-10-17T112849Z.interrupted").has_results);
        }
        // What a run that was killed while it wrote has left of them.
        fs::write(aside.join(RESULTS), &results[..results.len() / 2]).unwrap();
        assert!(!explained(root.path(), ".2025-10-17T112849Z.interrupted").has_results);
        let cleaned = clean(root.path()).unwrap();
        assert!(matches!(cleaned.as_slice(), [Cleaned { done: Cleaning::Removed, .. }]), "{cleaned:?}");
        assert!(!aside.exists());
    }
}
