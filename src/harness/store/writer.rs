//! Writes reports: first under a hidden name, then renamed when complete.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::harness::record::RunTimestamp;

use super::{
    IoError,
    place::{NoPlace, Place, next_place},
    sums::{files_below, sha256_of_file},
    write_sums,
};
use crate::harness::{
    proof::KillMatrix,
    record::{
        CHAIN, Chain, ENVIRONMENT, Environment, FORMAT, INVENTORY, Inventory, RunRecord, RunTimes, SUMS,
    },
    report::{
        RenderError,
        render::{self, json},
    },
};

/// Why no report was published.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A report with this timestamp exists.
    #[error("report {} already exists; rerun to get a new timestamp", .0.display())]
    Taken(PathBuf),
    /// The hidden directory of a run with this timestamp exists.
    #[error(
        "{} is in use by another run, or was left behind by one that was killed; if no run is active, check \
         its {INVENTORY} and remove the directory",
        .0.display()
    )]
    UnderWay(PathBuf),
    /// The run and the directory have different timestamps.
    #[error("run {found} does not belong to report {stamp}")]
    OtherStamp {
        /// The timestamp of the report.
        stamp: RunTimestamp,
        /// The timestamp of the run.
        found: RunTimestamp,
    },
    /// The planned checks were not written.
    #[error("report {0} has no {INVENTORY}; write it before the first check runs")]
    NoInventory(RunTimestamp),
    /// Planned checks have no outcome.
    #[error(
        "report {stamp} is incomplete: {missing} planned {} no outcome, the first is {check} on {implementation}",
        if *missing == 1 { "check has" } else { "checks have" }
    )]
    Lost {
        /// The timestamp of the report.
        stamp: RunTimestamp,
        /// The first check without an outcome.
        check: String,
        /// Its implementation.
        implementation: String,
        /// The number of checks without an outcome.
        missing: usize,
    },
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// A file could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// All numbers of the store or of the plan are used up: by a planted report, because they do not run out otherwise.
    #[error("{0}")]
    NoNumber(String),
}

/// Why a finished run was not published, and what is left of it.
#[derive(Debug, thiserror::Error)]
#[error("{why}{}", self.rest())]
pub struct PublishError {
    /// Why it was not published.
    pub why: ReportError,
    /// The hidden directory with everything that was rendered; None if even that could not be renamed.
    pub kept: Option<PathBuf>,
}

impl PublishError {
    fn rest(&self) -> String {
        self.kept
            .as_ref()
            .map(|kept| format!("; its files are kept in {}", kept.display()))
            .unwrap_or_default()
    }
}

impl From<NoPlace> for ReportError {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Disk(error) => Self::Disk(error),
            NoPlace::Full(_) => Self::NoNumber(why.to_string()),
        }
    }
}

/// An unpublished report: the hidden directory `.<stamp>.partial` next to the reports.
///
/// It ends in one of three ways. [`publish`](Self::publish) makes it a report. [`interrupt`](Self::interrupt) keeps it
/// hidden, as `.<stamp>.interrupted` with its `inventory.json`. Dropping it does the same as far as possible, or
/// removes it if no inventory was written. Only a killed process leaves a `.partial`; an incomplete directory never
/// has the name of a report.
#[derive(Debug)]
pub struct ReportWriter {
    reports: PathBuf,
    stamp: RunTimestamp,
    partial: PathBuf,
    inventory: Option<Inventory>,
    matrix: Option<KillMatrix>,
    made_reports: bool,
    over: bool,
}

impl ReportWriter {
    /// Creates the hidden directory for the report with this timestamp, and `reports` if it does not exist.
    ///
    /// # Errors
    /// [`ReportError::Taken`], [`ReportError::UnderWay`], or a failed file operation.
    pub fn create(reports: &Path, stamp: RunTimestamp) -> Result<Self, ReportError> {
        let made_reports = !reports.exists();
        fs::create_dir_all(reports).map_err(IoError::when("make", reports))?;
        let report = reports.join(stamp.to_string());
        if is_there(&report) {
            return Err(ReportError::Taken(report));
        }
        let partial = reports.join(format!(".{stamp}.partial"));
        if let Err(source) = fs::create_dir(&partial) {
            if made_reports {
                _ = fs::remove_dir(reports);
            }
            return Err(match source.kind() {
                ErrorKind::AlreadyExists => ReportError::UnderWay(partial),
                _ => IoError { doing: "make", path: partial, source }.into(),
            });
        }
        let reports = reports.to_owned();
        let directory =
            Self { reports, stamp, partial, inventory: None, matrix: None, made_reports, over: false };
        let work = directory.work_dir();
        fs::create_dir(&work).map_err(IoError::when("make", &work))?;
        Ok(directory)
    }

    /// The work directory of the checks, removed at the end of the run.
    pub fn work_dir(&self) -> PathBuf {
        self.partial.join("work")
    }

    /// The hidden directory; additional files written here are published too.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Writes the planned checks; must be called before the first check runs.
    ///
    /// # Errors
    /// When a file operation fails.
    pub fn write_inventory(&mut self, inventory: Inventory) -> Result<(), ReportError> {
        self.write(INVENTORY, &json(INVENTORY, &inventory)?)?;
        self.inventory = Some(inventory);
        Ok(())
    }

    /// Adds the kill matrix of a proof, which is rendered with the run.
    pub fn set_matrix(&mut self, matrix: KillMatrix) {
        self.matrix = Some(matrix);
    }

    /// Renders all files, takes the next number of the store, renames the directory and returns its new path.
    ///
    /// # Errors
    /// When the run belongs to another report or is incomplete, a file operation fails, or the place of an existing
    /// report cannot be read. The directory is then kept as that of an interrupted run, which the error names.
    pub fn publish(
        mut self,
        run: &RunRecord,
        environment: &Environment,
        times: RunTimes,
    ) -> Result<PathBuf, PublishError> {
        self.try_publish(run, environment, times)
            .map_err(|why| PublishError { why, kept: self.set_aside().ok() })
    }

    fn try_publish(
        &mut self,
        run: &RunRecord,
        environment: &Environment,
        times: RunTimes,
    ) -> Result<PathBuf, ReportError> {
        self.is_whole(run)?;
        self.remove_work()?;
        for (name, bytes) in render::files(run, self.matrix.as_ref())? {
            self.write(&name, &bytes)?;
        }
        self.write(ENVIRONMENT, &json(ENVIRONMENT, environment)?)?;

        // Held until this function returns. The lock is on the directory itself, so no lock file is left behind.
        let store = File::open(&self.reports).map_err(IoError::when("open", &self.reports))?;
        store.lock().map_err(IoError::when("lock", &self.reports))?;
        let report = self.reports.join(self.stamp.to_string());
        if is_there(&report) {
            return Err(ReportError::Taken(report));
        }
        let Place { sequence, predecessor, attempt } = next_place(&self.reports, run.plan.as_ref())?;
        let RunTimes { started, ended, stamp_given } = times;
        let stamp = self.stamp;
        let chain =
            Chain { format: FORMAT, sequence, stamp, stamp_given, predecessor, attempt, started, ended };
        self.write(CHAIN, &json(CHAIN, &chain)?)?;
        let mut sums = files_below(&self.partial)?;
        // The list cannot contain its own digest.
        sums.remove(SUMS);
        let sums = sums.into_iter().map(|(name, path)| Ok((name, sha256_of_file(&path)?)));
        self.write(SUMS, write_sums(&sums.collect::<Result<_, IoError>>()?).as_bytes())?;
        fs::rename(&self.partial, &report).map_err(IoError::when("name", &report))?;
        self.over = true;
        Ok(report)
    }

    /// Keeps the hidden directory as that of an interrupted run, and returns its path.
    ///
    /// # Errors
    /// When a file operation fails.
    pub fn interrupt(mut self) -> Result<PathBuf, ReportError> {
        self.set_aside()
    }

    fn is_whole(&self, run: &RunRecord) -> Result<(), ReportError> {
        let stamp = self.stamp;
        if run.stamp != stamp {
            return Err(ReportError::OtherStamp { stamp, found: run.stamp });
        }
        let inventory = self.inventory.as_ref().ok_or(ReportError::NoInventory(stamp))?;
        let lost = inventory.lost_in(run);
        match lost.first() {
            None => Ok(()),
            Some(first) => {
                let (check, implementation) = (first.check.clone(), first.implementation.clone());
                Err(ReportError::Lost { stamp, check, implementation, missing: lost.len() })
            }
        }
    }

    fn set_aside(&mut self) -> Result<PathBuf, ReportError> {
        self.remove_work()?;
        let mut aside = self.reports.join(format!(".{}.interrupted", self.stamp));
        let mut number = 2_u32;
        while is_there(&aside) {
            aside = self.reports.join(format!(".{}.interrupted-{number}", self.stamp));
            number = number.saturating_add(1);
        }
        fs::rename(&self.partial, &aside).map_err(IoError::when("name", &aside))?;
        self.over = true;
        Ok(aside)
    }

    /// A cancelled check may still be writing, so removing the directory can fail a few times.
    fn remove_work(&self) -> Result<(), IoError> {
        let work = self.work_dir();
        let mut attempts = 50;
        loop {
            match fs::remove_dir_all(&work) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(source) if attempts == 0 => {
                    return Err(IoError { doing: "remove", path: work, source });
                }
                Err(_) => {
                    attempts -= 1;
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), IoError> {
        let path = self.partial.join(name);
        fs::write(&path, bytes).map_err(IoError::when("write", &path))
    }
}

impl Drop for ReportWriter {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // Errors cannot be returned here; the directory then stays like that of a killed run.
        if self.inventory.is_some() {
            _ = self.set_aside();
            return;
        }
        _ = fs::remove_dir_all(&self.partial);
        if self.made_reports {
            _ = fs::remove_dir(&self.reports);
        }
    }
}

/// Whether the path exists, even as a broken symbolic link.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;
    use crate::harness::test_helpers;

    const STAMP: &str = "2025-10-17T112849Z";

    fn names(directory: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    fn begun(reports: &Path) -> ReportWriter {
        let mut directory = ReportWriter::create(reports, test_helpers::stamp(STAMP)).unwrap();
        directory.write_inventory(test_helpers::inventory(&test_helpers::run())).unwrap();
        fs::write(directory.work_dir().join("left"), "x").unwrap();
        directory
    }

    fn publish(directory: ReportWriter, run: &RunRecord) -> Result<PathBuf, PublishError> {
        let times = test_helpers::times(test_helpers::stamp(STAMP));
        directory.publish(run, &test_helpers::environment(), times)
    }

    #[test]
    fn a_report_is_complete_and_sha256sum_agrees() {
        let root = tempfile::tempdir().unwrap();
        let reports = root.path().join("deep/reports");
        let directory = begun(&reports);
        assert_eq!(names(&reports), [format!(".{STAMP}.partial")]);
        fs::create_dir(directory.path().join("failed")).unwrap();
        fs::write(directory.path().join("failed/a b.zip"), "x").unwrap();
        let report = publish(directory, &test_helpers::run()).unwrap();
        assert_eq!(names(&reports), [STAMP]);
        assert!(!report.join("work").exists());
        let sums = fs::read_to_string(report.join(SUMS)).unwrap();
        assert!(sums.contains("  failed/a b.zip\n") && !sums.contains(SUMS), "{sums}");
        let checked =
            Command::new("sha256sum").args(["-c", "--strict", SUMS]).current_dir(&report).output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
        assert_eq!(String::from_utf8(checked.stdout).unwrap().lines().count(), names(&report).len() - 1);
    }

    #[test]
    fn an_existing_report_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let report = publish(begun(root.path()), &test_helpers::run()).unwrap();
        let before = fs::read(report.join(SUMS)).unwrap();
        let error = ReportWriter::create(root.path(), test_helpers::stamp(STAMP)).unwrap_err();
        assert!(matches!(&error, ReportError::Taken(path) if *path == report), "{error}");
        assert_eq!(fs::read(report.join(SUMS)).unwrap(), before);
        assert_eq!(names(root.path()), [STAMP]);
    }

    #[test]
    fn a_report_created_in_the_meantime_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let directory = begun(root.path());
        fs::create_dir(root.path().join(STAMP)).unwrap();
        let error = publish(directory, &test_helpers::run()).unwrap_err();
        assert!(matches!(error.why, ReportError::Taken(_)), "{error}");
        let kept = root.path().join(format!(".{STAMP}.interrupted"));
        assert!(
            error.to_string().ends_with(&format!("; its files are kept in {}", kept.display())),
            "{error}"
        );
        assert!(kept.join("summary.md").exists());
        assert_eq!(names(&root.path().join(STAMP)), Vec::<String>::new());
        assert_eq!(names(root.path()), [format!(".{STAMP}.interrupted"), STAMP.into()]);
    }

    #[test]
    fn two_runs_with_one_timestamp_do_not_share_a_directory() {
        let root = tempfile::tempdir().unwrap();
        let first = begun(root.path());
        let error = ReportWriter::create(root.path(), test_helpers::stamp(STAMP)).unwrap_err();
        assert!(matches!(error, ReportError::UnderWay(_)), "{error}");
        publish(first, &test_helpers::run()).unwrap();
    }

    #[test]
    fn an_interrupted_run_is_kept_and_is_not_a_report() {
        let root = tempfile::tempdir().unwrap();
        for name in [format!(".{STAMP}.interrupted"), format!(".{STAMP}.interrupted-2")] {
            let aside = begun(root.path()).interrupt().unwrap();
            assert_eq!(aside, root.path().join(name));
            assert_eq!(names(&aside), [INVENTORY]);
        }
        drop(begun(root.path()));
        assert_eq!(names(&root.path().join(format!(".{STAMP}.interrupted-3"))), [INVENTORY]);
        assert_eq!(names(root.path()).len(), 3);
    }

    #[test]
    fn a_run_that_never_began_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let reports = root.path().join("reports");
        drop(ReportWriter::create(&reports, test_helpers::stamp(STAMP)).unwrap());
        assert!(!reports.exists());
        fs::create_dir(&reports).unwrap();
        drop(ReportWriter::create(&reports, test_helpers::stamp(STAMP)).unwrap());
        assert_eq!(names(&reports), Vec::<String>::new());
    }

    #[test]
    fn an_incomplete_run_is_not_published() {
        let root = tempfile::tempdir().unwrap();
        let mut run = test_helpers::run();
        run.outcomes.remove(2);
        let error = publish(begun(root.path()), &run).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("incomplete: 1 planned check has no outcome, the first is workflows/load on stub"),
            "{error}"
        );
        run.stamp = test_helpers::stamp("2025-10-17T112850Z");
        let error = publish(begun(root.path()), &run).unwrap_err();
        assert!(matches!(error.why, ReportError::OtherStamp { .. }), "{error}");
        let directory = ReportWriter::create(root.path(), test_helpers::stamp(STAMP)).unwrap();
        let error = publish(directory, &test_helpers::run()).unwrap_err();
        assert!(matches!(error.why, ReportError::NoInventory(_)), "{error}");
    }

    #[test]
    fn concurrent_reports_get_different_numbers() {
        let root = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for second in 10..18 {
                let path = root.path();
                scope.spawn(move || {
                    let run = RunRecord {
                        stamp: test_helpers::stamp(&format!("2025-10-17T1128{second}Z")),
                        ..test_helpers::run()
                    };
                    let mut directory = ReportWriter::create(path, run.stamp).unwrap();
                    directory.write_inventory(test_helpers::inventory(&run)).unwrap();
                    publish(directory, &run).unwrap();
                });
            }
        });
        let read = |name| Chain::from_json(&fs::read(root.path().join(name).join(CHAIN)).unwrap()).unwrap();
        let mut chains: Vec<Chain> = names(root.path()).into_iter().map(read).collect();
        chains.sort_by_key(|chain| chain.sequence);
        let before = |chain: &Chain| chain.predecessor.as_ref().map_or(0, |before| before.sequence);
        let places: Vec<_> = chains.iter().map(|chain| (before(chain), chain.sequence)).collect();
        assert_eq!(places, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)]);
    }
}
