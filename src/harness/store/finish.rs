//! Publishes the reports of runs that were killed in their last step.
//!
//! Such a report has a number and lacks nothing but its name. If it stayed hidden, its number would be given to the next
//! one, and it could never be named again.

use std::{fs, path::PathBuf};

use super::{
    IoError,
    lock::{StoreLock, lock_run},
    place::{NoPlace, next_place},
    unfinished::{is_complete, unfinished},
    verify::verify,
};
use crate::fs_util::{entries, retried};

/// Gives each complete report of a killed run its name, and returns their paths. One that was changed, or whose number
/// another report has by now, stays hidden: the audit names it.
///
/// # Errors
/// When the store cannot be listed or synced, or the place of an existing report cannot be read.
pub(super) fn finish_killed(store: &StoreLock) -> Result<Vec<PathBuf>, NoPlace> {
    let reports = store.path();
    let mut finished = Vec::new();
    for entry in entries(reports).map_err(IoError::when("list", reports))? {
        let run = entry.file_name().to_str().and_then(unfinished).filter(|run| !run.interrupted);
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let Some(run) = run.filter(|_| is_directory && is_complete(&entry.path())) else { continue };
        // Held by the process as long as it may still publish the report itself.
        let Ok(Some(_lock)) = lock_run(&entry.path()) else { continue };
        let found = verify(&entry.path(), run.stamp);
        let Some(report) = found.report.filter(|_| found.errors.is_empty()) else { continue };
        let place = next_place(reports, report.run.plan.as_ref())?;
        let chain = &report.chain;
        let fits = (chain.sequence, &chain.predecessor, &chain.attempt)
            == (place.sequence, &place.predecessor, &place.attempt);
        let path = reports.join(run.stamp.to_string());
        if !fits || path.symlink_metadata().is_ok() {
            continue;
        }
        // Another user may have left it.
        if retried(|| fs::rename(entry.path(), &path)).is_ok() {
            store.sync()?;
            finished.push(path);
        }
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use rstest::rstest;

    use super::*;
    use crate::harness::{
        record::{CHAIN, RunRecord, SUMMARY},
        store::{Audit, ReportWriter},
        test_helpers,
    };

    const FIRST: &str = "2025-10-17T112849Z";
    const SECOND: &str = "2025-10-17T112850Z";

    fn publish(reports: &Path, stamp: &str) -> Vec<PathBuf> {
        let run = RunRecord { stamp: test_helpers::stamp(stamp), ..test_helpers::planned_run() };
        let mut writer = ReportWriter::create(reports, run.stamp).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        writer.publish(&run, &test_helpers::environment(), test_helpers::times(run.stamp)).unwrap().finished
    }

    /// As if the run had been killed before it named its report.
    fn hide(reports: &Path, stamp: &str) -> PathBuf {
        let hidden = reports.join(format!(".{stamp}.partial"));
        fs::rename(reports.join(stamp), &hidden).unwrap();
        hidden
    }

    #[test]
    fn the_next_run_publishes_what_lacks_only_its_name() {
        let root = tempfile::tempdir().unwrap();
        publish(root.path(), FIRST);
        hide(root.path(), FIRST);
        assert_eq!(publish(root.path(), SECOND), [root.path().join(FIRST)]);
        let audit = Audit::of(root.path(), None, &|| ()).unwrap();
        assert!(audit.is_sound(), "{audit:?}");
        assert_eq!((audit.reports, audit.newest.unwrap().sequence, audit.unfinished.len()), (2, 2, 0));
    }

    #[rstest]
    #[case::changed(|hidden: &Path| fs::write(hidden.join(SUMMARY), "").unwrap())]
    #[case::added(|hidden: &Path| fs::write(hidden.join("more"), "").unwrap())]
    #[case::without_a_number(|hidden: &Path| fs::write(hidden.join(CHAIN), "{}").unwrap())]
    #[case::named_meanwhile(|hidden: &Path| fs::create_dir(hidden.with_file_name(FIRST)).unwrap())]
    fn what_was_changed_stays_hidden(#[case] change: fn(&Path)) {
        let root = tempfile::tempdir().unwrap();
        publish(root.path(), FIRST);
        let hidden = hide(root.path(), FIRST);
        change(&hidden);
        assert_eq!(publish(root.path(), SECOND), Vec::<PathBuf>::new());
        assert!(hidden.exists());
    }

    #[test]
    fn a_report_whose_number_was_given_again_stays_hidden() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        publish(root.path(), FIRST);
        publish(other.path(), SECOND);
        let name = format!(".{SECOND}.partial");
        fs::rename(hide(other.path(), SECOND), root.path().join(&name)).unwrap();
        assert_eq!(publish(root.path(), "2025-10-17T112851Z"), Vec::<PathBuf>::new());
        assert!(root.path().join(name).exists());
    }

    #[test]
    fn the_report_of_a_living_run_is_left_to_it() {
        let root = tempfile::tempdir().unwrap();
        publish(root.path(), FIRST);
        let _run = lock_run(&hide(root.path(), FIRST)).unwrap().unwrap();
        assert_eq!(finish_killed(&StoreLock::acquire(root.path()).unwrap()).unwrap(), Vec::<PathBuf>::new());
    }
}
