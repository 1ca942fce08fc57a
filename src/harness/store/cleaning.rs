//! Removes what killed and interrupted runs left, unless it has outcomes.

use std::path::{Path, PathBuf};

use super::{
    IoError, ReportError,
    finish::finish_killed,
    lock::{StoreLock, lock_run},
    partial::remove_persistently,
    unfinished::{has_outcomes, is_complete, unfinished},
};
use crate::fs_util::entries;

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
    for entry in entries(reports).map_err(IoError::when("list", reports))? {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::harness::{
        record::{CHAIN, RESULTS, SUMS},
        store::ReportWriter,
        test_helpers,
    };

    fn begun(reports: &Path, stamp: &str) -> ReportWriter {
        let mut writer = ReportWriter::create(reports, test_helpers::stamp(stamp)).unwrap();
        writer.write_inventory(test_helpers::inventory(&test_helpers::run())).unwrap();
        writer
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
        fs::create_dir(&hidden).unwrap();
        [SUMS, CHAIN, RESULTS].iter().for_each(|name| fs::write(hidden.join(name), "x").unwrap());
        let cleaned = clean(root.path()).unwrap();
        assert!(matches!(cleaned.as_slice(), [Cleaned { done: Cleaning::Kept, .. }]), "{cleaned:?}");
        assert!(hidden.exists());
        fs::remove_file(hidden.join(CHAIN)).unwrap();
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
            assert!(has_outcomes(&aside));
        }
        // What a run that was killed while it wrote has left of them.
        fs::write(aside.join(RESULTS), &results[..results.len() / 2]).unwrap();
        assert!(!has_outcomes(&aside));
        let cleaned = clean(root.path()).unwrap();
        assert!(matches!(cleaned.as_slice(), [Cleaned { done: Cleaning::Removed, .. }]), "{cleaned:?}");
        assert!(!aside.exists());
    }
}
