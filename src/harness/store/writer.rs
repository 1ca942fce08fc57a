//! Writes reports: first under a hidden name, then renamed when complete.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    IoError, PublishError, ReportError,
    finish::finish_killed,
    fitting::{Fitting, files_within},
    limits::longest,
    lock::StoreLock,
    partial::{PartialDirectory, taken},
    place,
    reader::is_report,
    store_directory::StoreDirectory,
    taken_names::TakenNames,
    write_sums,
};
use crate::fs_util::make_directory;
use crate::harness::{
    proof::KillMatrix,
    record::{
        CHAIN, Chain, ENVIRONMENT, Environment, FORMAT, INVENTORY, Inventory, RunRecord, RunTimes,
        RunTimestamp, SUMS,
    },
    report::render::json,
};

/// An unpublished report: the hidden directory `.<stamp>.partial` next to the reports.
///
/// It ends in one of three ways. [`publish`](Self::publish) makes it a report. [`interrupt`](Self::interrupt) keeps it
/// hidden, as `.<stamp>.interrupted` with its `inventory.json`. Dropping it does the same as far as possible, or
/// removes it if no inventory was written. Only a killed process leaves a `.partial`; an incomplete directory never
/// has the name of a report.
#[derive(Debug)]
pub struct ReportWriter {
    directory: PartialDirectory,
    store: StoreDirectory,
    stamp: RunTimestamp,
    inventory: Option<Inventory>,
    matrix: Option<KillMatrix>,
    /// The files that are not rendered from the run, by name.
    added: BTreeMap<String, Vec<u8>>,
    /// How many seconds later the timestamp may still become.
    seconds_left: u32,
    /// The hidden directory with files of checks that could not be deleted.
    left: Option<PathBuf>,
    /// Reports of killed runs that got their names.
    finished: Vec<PathBuf>,
    made_reports: bool,
    over: bool,
}

/// A published report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its directory.
    pub report: PathBuf,
    /// Its timestamp: a later one than that of the run, if something else got the name of the report meanwhile.
    pub stamp: RunTimestamp,
    /// The hidden directory with files of checks that could not be deleted.
    pub left: Option<PathBuf>,
    /// Reports of runs that were killed in their last step: they lacked nothing but their names, which they have now.
    pub finished: Vec<PathBuf>,
    /// Whether texts were cut that no verdict depends on, because the report would have been too long for its readers.
    pub is_shortened: bool,
}

impl ReportWriter {
    /// Creates the hidden directory for the report with this timestamp, and `reports` if it does not exist.
    ///
    /// # Errors
    /// [`ReportError::Taken`], [`ReportError::NotAReport`], [`ReportError::UnderWay`], or a failed file operation.
    pub fn create(reports: &Path, stamp: RunTimestamp) -> Result<Self, ReportError> {
        Self::create_within(reports, stamp, 0)
    }

    /// Like [`create`](Self::create), for the first free timestamp in the `seconds` from this one on, so that runs that
    /// begin in the same second get different ones without waiting.
    ///
    /// # Errors
    /// [`ReportError::InReport`], [`ReportError::NoFreeStamp`], [`ReportError::StampsInTheWay`], or a failed file operation.
    pub fn create_within(reports: &Path, first: RunTimestamp, seconds: u32) -> Result<Self, ReportError> {
        if is_report(reports) {
            return Err(ReportError::InReport(reports.to_owned()));
        }
        let made_reports = !reports.exists();
        make_directory(reports).map_err(IoError::when("make", reports))?;
        let mut opened = StoreDirectory::open(reports)?;
        let store = opened.lock()?;
        let finished = finish_killed(&store)?;
        // A run that could not be published must not take place.
        place::next_place(reports, None)?;
        let mut stamp = first;
        let mut seconds_left = seconds;
        let mut taken = TakenNames::new(reports, seconds);
        loop {
            match PartialDirectory::create(&store, stamp) {
                Ok(directory) => {
                    return Ok(Self {
                        directory,
                        store: opened,
                        stamp,
                        inventory: None,
                        matrix: None,
                        added: BTreeMap::new(),
                        seconds_left,
                        left: None,
                        finished,
                        made_reports,
                        over: false,
                    });
                }
                Err(error) => {
                    let none_is_free = seconds > 0 && taken.count(&error);
                    if none_is_free && seconds_left > 0 {
                        seconds_left -= 1;
                        stamp = stamp.next_second();
                        continue;
                    }
                    if made_reports {
                        _ = fs::remove_dir(reports);
                    }
                    return Err(if none_is_free { taken.error() } else { error });
                }
            }
        }
    }

    /// The timestamp of the report.
    pub fn stamp(&self) -> RunTimestamp {
        self.stamp
    }

    /// The work directory of the checks, removed at the end of the run.
    pub fn work_dir(&self) -> PathBuf {
        self.directory.work()
    }

    /// Writes the planned checks; must be called before the first check runs.
    ///
    /// # Errors
    /// When a file operation fails.
    pub fn write_inventory(&mut self, inventory: Inventory) -> Result<(), ReportError> {
        self.directory.write(INVENTORY, &json(INVENTORY, &inventory)?)?;
        self.inventory = Some(inventory);
        Ok(())
    }

    /// Adds the kill matrix of a proof, which is rendered with the run.
    pub fn set_matrix(&mut self, matrix: KillMatrix) {
        self.matrix = Some(matrix);
    }

    /// Adds a file that is not rendered from the run; `name` may be in folders, separated by `/`.
    ///
    /// # Errors
    /// When a file operation fails.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        self.reclaim()?;
        self.directory.write(name, bytes)?;
        self.added.insert(name.to_owned(), bytes.to_owned());
        Ok(())
    }

    /// Makes sure that the directory is the one that was created, and writes again what was in it otherwise.
    fn reclaim(&mut self) -> Result<(), ReportError> {
        self.store.find()?;
        self.directory.move_to(self.store.path());
        if self.directory.reclaim()? {
            if let Some(inventory) = &self.inventory {
                self.directory.write(INVENTORY, &json(INVENTORY, inventory)?)?;
            }
            for (name, bytes) in &self.added {
                self.directory.write(name, bytes)?;
            }
        }
        Ok(())
    }

    /// Renders all files, takes the next number of the store and renames the directory.
    ///
    /// When this returns, the report is on disk. Files of checks that cannot be deleted do not keep a report from being
    /// published: they are moved out of it. If something got the name of the report while the run lasted, the report gets
    /// the next free one, unless its timestamp was given.
    ///
    /// # Errors
    /// When the run belongs to another report or is incomplete, a file operation fails, or the place of an existing
    /// report cannot be read. The directory is then kept as that of an interrupted run, which the error names.
    pub fn publish(
        mut self,
        run: &RunRecord,
        environment: &Environment,
        times: RunTimes,
    ) -> Result<Published, PublishError> {
        self.publish_with_free_name(run, environment, &times)
            .map_err(|why| PublishError { why, kept: self.set_aside().ok() })
    }

    fn publish_with_free_name(
        &mut self,
        run: &RunRecord,
        environment: &Environment,
        times: &RunTimes,
    ) -> Result<Published, ReportError> {
        let mut run = Cow::Borrowed(run);
        loop {
            match self.try_publish(&run, environment, times) {
                Err(ReportError::Taken(_) | ReportError::NotAReport(_)) if self.seconds_left > 0 => {
                    self.take_next_stamp()?;
                    run.to_mut().stamp = self.stamp;
                }
                ended => return ended,
            }
        }
    }

    fn take_next_stamp(&mut self) -> Result<(), ReportError> {
        let store = self.lock()?;
        let mut taken = TakenNames::new(store.path(), self.seconds_left);
        while self.seconds_left > 0 {
            self.seconds_left -= 1;
            self.stamp = self.stamp.next_second();
            match self.directory.rename(&store, self.stamp) {
                Err(error) if taken.count(&error) => {}
                renamed => return renamed,
            }
        }
        Err(taken.error())
    }

    /// Locks the store, wherever it is by now.
    fn lock(&mut self) -> Result<StoreLock, ReportError> {
        let store = self.store.lock()?;
        self.directory.move_to(store.path());
        Ok(store)
    }

    fn try_publish(
        &mut self,
        run: &RunRecord,
        environment: &Environment,
        times: &RunTimes,
    ) -> Result<Published, ReportError> {
        let is_shortened = self.write_all(run, environment)?;
        match self.directory.sweep() {
            Ok(left) => self.left = self.left.take().or(left),
            // Something that can be neither listed nor moved is left where it is, and the report made elsewhere.
            Err(_) => {
                self.left = Some(self.directory.leave()?);
                self.write_all(run, environment)?;
                self.directory.sweep()?;
            }
        }

        // Held until this function returns.
        let store = self.lock()?;
        let report = store.path().join(self.stamp.to_string());
        if report.symlink_metadata().is_ok() {
            return Err(taken(report));
        }
        self.finished.extend(finish_killed(&store)?);
        let place = place::next_place(store.path(), run.plan.as_ref())?;
        let chain = Chain {
            format: FORMAT,
            sequence: place.sequence,
            stamp: self.stamp,
            stamp_given: times.stamp_given,
            predecessor: place.predecessor,
            attempt: place.attempt,
            started: times.started.clone(),
            ended: times.ended.clone(),
        };
        self.directory.write(CHAIN, &json(CHAIN, &chain)?)?;
        let sums = write_sums(self.directory.sums());
        self.directory.write(SUMS, sums.as_bytes())?;
        self.directory.publish(&store, &report)?;
        self.over = true;
        Ok(Published {
            report,
            stamp: self.stamp,
            left: self.left.take(),
            finished: self.finished.clone(),
            is_shortened,
        })
    }

    /// Writes all that does not depend on other reports; true if texts were cut.
    fn write_all(&mut self, run: &RunRecord, environment: &Environment) -> Result<bool, ReportError> {
        self.reclaim()?;
        // Written again: the checks could have changed it.
        let inventory = json(INVENTORY, self.is_whole(run)?)?;
        self.directory.write(INVENTORY, &inventory)?;
        let Fitting { run, files } = files_within(run, self.matrix.as_ref(), longest)?;
        for (name, bytes) in files {
            self.directory.write(&name, &bytes)?;
        }
        self.directory.write(ENVIRONMENT, &json(ENVIRONMENT, environment)?)?;
        Ok(matches!(run, Cow::Owned(_)))
    }

    /// Keeps the hidden directory as that of an interrupted run, and returns its path.
    ///
    /// # Errors
    /// When a file operation fails.
    pub fn interrupt(mut self) -> Result<PathBuf, ReportError> {
        self.set_aside()
    }

    fn is_whole(&self, run: &RunRecord) -> Result<&Inventory, ReportError> {
        let stamp = self.stamp;
        if run.stamp != stamp {
            return Err(ReportError::OtherStamp { stamp, found: run.stamp });
        }
        let inventory = self.inventory.as_ref().ok_or(ReportError::NoInventory(stamp))?;
        let lost = inventory.lost_in(run);
        match lost.first() {
            None => Ok(inventory),
            Some(first) => {
                let (check, implementation) = (first.check.clone(), first.implementation.clone());
                Err(ReportError::Lost { stamp, check, implementation, missing: lost.len() })
            }
        }
    }

    fn set_aside(&mut self) -> Result<PathBuf, ReportError> {
        // Only the last step of publishing can fail after the directory got its name: it is then a report.
        self.store.find()?;
        let report = self.store.path().join(self.stamp.to_string());
        let aside = if self.directory.is_now(&report) {
            report
        } else {
            self.reclaim()?;
            self.directory.set_aside()?
        };
        self.over = true;
        Ok(aside)
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
        self.directory.remove();
        if self.made_reports {
            _ = fs::remove_dir(self.store.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;
    use crate::harness::{record::MAX_NUMBER, test_helpers};

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
        let published = directory.publish(run, &test_helpers::environment(), times)?;
        assert_eq!(published.left, None);
        Ok(published.report)
    }

    #[test]
    fn a_report_is_complete_and_sha256sum_agrees() {
        let root = tempfile::tempdir().unwrap();
        let reports = root.path().join("deep/reports");
        let mut directory = begun(&reports);
        assert_eq!(names(&reports), [format!(".{STAMP}.partial")]);
        directory.add("failed/a b.zip", b"x").unwrap();
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
        assert!(matches!(error.why, ReportError::NotAReport(_)), "{error}");
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
    fn a_report_gets_the_next_free_name_unless_its_timestamp_was_given() {
        let root = tempfile::tempdir().unwrap();
        let run = test_helpers::run();
        let mut writer = ReportWriter::create_within(root.path(), run.stamp, 60).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        fs::create_dir(root.path().join(STAMP)).unwrap();
        fs::write(root.path().join("2025-10-17T112850Z"), "a file").unwrap();
        fs::create_dir(root.path().join(".2025-10-17T112851Z.partial")).unwrap();
        let times = test_helpers::times(run.stamp);
        let published = writer.publish(&run, &test_helpers::environment(), times).unwrap();
        assert_eq!(published.stamp, test_helpers::stamp("2025-10-17T112852Z"));
        assert_eq!(published.report, root.path().join("2025-10-17T112852Z"));
        let read = crate::harness::store::read_report(&published.report).unwrap();
        assert_eq!((read.stamp(), read.run.stamp), (published.stamp, published.stamp));
        assert_eq!(names(root.path()).len(), 4);
    }

    #[test]
    fn a_report_without_a_free_name_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let run = test_helpers::run();
        let mut writer = ReportWriter::create_within(root.path(), run.stamp, 2).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        let taken = [STAMP, "2025-10-17T112850Z", "2025-10-17T112851Z"];
        taken.iter().for_each(|name| fs::create_dir(root.path().join(name)).unwrap());
        let error = publish(writer, &run).unwrap_err();
        let said = error.to_string();
        let first = root.path().join("2025-10-17T112850Z");
        assert!(
            said.contains(&format!("2 of them by what is not a report, such as {}: ", first.display())),
            "{said}"
        );
        assert!(error.kept.unwrap().join("results.json").is_file());
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
    fn runs_of_one_second_get_the_next_free_seconds() {
        let root = tempfile::tempdir().unwrap();
        let first = test_helpers::stamp("2025-10-17T112859Z");
        let create = |seconds| ReportWriter::create_within(root.path(), first, seconds);
        let writers: Vec<ReportWriter> = (0..3).map(|_| create(2).unwrap()).collect();
        let stamps: Vec<String> = writers.iter().map(|writer| writer.stamp().to_string()).collect();
        assert_eq!(stamps, ["2025-10-17T112859Z", "2025-10-17T112900Z", "2025-10-17T112901Z"]);
        let full = create(2).unwrap_err();
        assert!(matches!(full, ReportError::StampsInTheWay { count: 3, seconds: 2, .. }), "{full}");
    }

    #[test]
    fn an_inventory_that_a_check_changed_is_written_again() {
        let root = tempfile::tempdir().unwrap();
        let directory = begun(root.path());
        let inventory = root.path().join(format!(".{STAMP}.partial")).join(INVENTORY);
        let before = fs::read(&inventory).unwrap();
        fs::write(&inventory, "{}").unwrap();
        let report = publish(directory, &test_helpers::run()).unwrap();
        assert_eq!(fs::read(report.join(INVENTORY)).unwrap(), before);
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
    fn a_report_that_finds_no_place_is_kept_with_its_results() {
        let root = tempfile::tempdir().unwrap();
        let run = test_helpers::run();
        let mut directory = ReportWriter::create(root.path(), run.stamp).unwrap();
        directory.write_inventory(test_helpers::inventory(&run)).unwrap();
        test_helpers::plant_chain(
            root.path(),
            test_helpers::chain(MAX_NUMBER, test_helpers::stamp("2026-01-01T000000Z")),
        );
        let error = publish(directory, &run).unwrap_err();
        assert!(matches!(error.why, ReportError::NoNumber(_)), "{error}");
        assert!(error.kept.unwrap().join("results.json").is_file());
        // The next one does not begin.
        let error = ReportWriter::create(root.path(), run.stamp).unwrap_err();
        assert!(matches!(error, ReportError::NoNumber(_)), "{error}");
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
