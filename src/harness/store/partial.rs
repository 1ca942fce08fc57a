//! The hidden directory of a report in progress.
//!
//! Checks run below it, so an implementation can leave anything in it. Only what was written through
//! [`PartialDirectory::write`] becomes part of the report: nothing is written through a link or into a pipe, and
//! everything else is removed before the directory gets the name of a report.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    IoError, ReportError,
    limits::longest,
    lock::{StoreLock, lock_run},
    sums::sha256,
};
use crate::{
    fs_util::{entries, is_at, open_for_owner, remove_all, retried, write_below},
    harness::{
        record::{CHAIN, RESULTS, RunTimestamp, SUMS},
        work_place::WorkPlace,
    },
};

/// How often a directory is tried to be removed: a cancelled check may still be writing to it.
const REMOVALS: u32 = 50;
/// The time between two tries.
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// The directory of the checks in it.
const WORK: &str = "work";

/// The directory `.<stamp>.partial`, locked as long as the run is alive.
#[derive(Debug)]
pub(super) struct PartialDirectory {
    reports: PathBuf,
    stamp: RunTimestamp,
    path: PathBuf,
    lock: File,
    work: WorkPlace,
    /// The SHA-256 of each written file, by path.
    sums: BTreeMap<String, String>,
}

impl PartialDirectory {
    /// Creates the directory, with its work directory.
    pub(super) fn create(store: &StoreLock, stamp: RunTimestamp) -> Result<Self, ReportError> {
        let path = free(store, stamp)?;
        retried(|| fs::create_dir(&path)).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => ReportError::UnderWay(path.clone()),
            _ => IoError { doing: "make", path: path.clone(), source }.into(),
        })?;
        // The store is locked, so no audit mistakes this for the directory of a killed run.
        let begun = Self::begin(store, stamp, path.clone());
        if begun.is_err() {
            _ = remove_all(&path);
        }
        begun
    }

    fn begin(store: &StoreLock, stamp: RunTimestamp, path: PathBuf) -> Result<Self, ReportError> {
        let lock = lock_run(&path)?.ok_or_else(|| ReportError::UnderWay(path.clone()))?;
        let reports = store.path().to_owned();
        let work = path.join(WORK);
        let work = WorkPlace::create(&lock, WORK, work.clone()).map_err(IoError::when("make", &work))?;
        Ok(Self { reports, stamp, path, lock, work, sums: BTreeMap::new() })
    }

    /// Whether this path is that of the directory.
    pub(super) fn is_now(&self, path: &Path) -> bool {
        is_at(&self.lock, path)
    }

    /// The store is in another place, and the directory in it.
    pub(super) fn move_to(&mut self, reports: &Path) {
        self.path = reports.join(self.path.file_name().unwrap_or_default());
        reports.clone_into(&mut self.reports);
    }

    /// Takes another name, for the report with this timestamp.
    pub(super) fn rename(&mut self, store: &StoreLock, stamp: RunTimestamp) -> Result<(), ReportError> {
        let path = free(store, stamp)?;
        retried(|| fs::rename(&self.path, &path)).map_err(IoError::when("name", &path))?;
        (self.path, self.stamp) = (path, stamp);
        Ok(())
    }

    /// The directory below which checks run: another one, if something has taken its place and that can be helped.
    pub(super) fn work(&self) -> PathBuf {
        self.work.current().map_or_else(|_| self.path.join(WORK), |(path, _)| path)
    }

    /// The SHA-256 of each file that was written, by path.
    pub(super) fn sums(&self) -> &BTreeMap<String, String> {
        &self.sums
    }

    /// Makes sure that this is the directory that was created, and that it can be written to. An implementation may have
    /// put something in its place, moved it away or closed it. Then it is made again, empty, and this returns true: all
    /// must be written again.
    pub(super) fn reclaim(&mut self) -> Result<bool, IoError> {
        if self.is_now(&self.path) {
            open_for_owner(&self.lock).map_err(IoError::when("open", &self.path))?;
            return Ok(false);
        }
        remove_persistently(&self.path).map_err(IoError::when("remove", &self.path))?;
        retried(|| fs::create_dir(&self.path)).map_err(IoError::when("make", &self.path))?;
        let taken = || io::Error::from(ErrorKind::ResourceBusy);
        let lock = lock_run(&self.path)?.ok_or_else(taken).map_err(IoError::when("lock", &self.path))?;
        self.lock = lock;
        self.sums.clear();
        Ok(true)
    }

    /// Writes a file and waits until it is on disk. Whatever has its name is removed first, and never written to.
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        let (length, limit) = (bytes.len() as u64, longest(name));
        if length > limit {
            return Err(ReportError::TooLong { name: name.to_owned(), bytes: length, limit });
        }
        let path = self.path.join(name);
        let written = write_below(&self.lock, name, bytes).and_then(|file| file.sync_all());
        written.map_err(IoError::when("write", &path))?;
        self.sums.insert(name.to_owned(), sha256(bytes));
        Ok(())
    }

    /// Removes everything that was not written here. What cannot be deleted is moved to a directory like that of an
    /// interrupted run, which is returned.
    pub(super) fn sweep(&self) -> Result<Option<PathBuf>, IoError> {
        let mut left = None;
        self.sweep_below(&self.path, "", &mut left)?;
        Ok(left)
    }

    fn sweep_below(&self, directory: &Path, prefix: &str, left: &mut Option<PathBuf>) -> Result<(), IoError> {
        for entry in entries(directory).map_err(IoError::when("list", directory))? {
            let path = entry.path();
            let kind = entry.file_type().map_err(IoError::when("look at", &path))?;
            let name = entry.file_name().to_str().map(|name| format!("{prefix}{name}"));
            let below = name.as_ref().map(|name| format!("{name}/"));
            let has_files = |below: &String| {
                self.sums.range(below.clone()..).next().is_some_and(|(name, _)| name.starts_with(below))
            };
            if kind.is_file() && name.is_some_and(|name| self.sums.contains_key(&name)) {
                continue;
            }
            match below.filter(|below| kind.is_dir() && has_files(below)) {
                Some(below) => self.sweep_below(&path, &below, left)?,
                None => self.discard(&path, left)?,
            }
        }
        Ok(())
    }

    fn discard(&self, path: &Path, left: &mut Option<PathBuf>) -> Result<(), IoError> {
        let Err(source) = remove_persistently(path) else { return Ok(()) };
        let aside = match left {
            Some(aside) => aside.clone(),
            None => {
                let aside = self.free_name();
                retried(|| fs::create_dir(&aside)).map_err(IoError::when("make", &aside))?;
                left.insert(aside).clone()
            }
        };
        let name = path.file_name().unwrap_or_default();
        retried(|| fs::rename(path, aside.join(name))).map_err(|_| IoError {
            doing: "remove",
            path: path.to_owned(),
            source,
        })
    }

    /// Gives the directory the name of its report, and waits until that is on disk.
    pub(super) fn publish(&self, store: &StoreLock, report: &Path) -> Result<(), IoError> {
        let mut directories: Vec<&Path> = self.sums.keys().flat_map(|name| parents(name)).collect();
        directories.sort();
        directories.dedup();
        for directory in directories {
            let path = self.path.join(directory);
            File::open(&path).and_then(|file| file.sync_all()).map_err(IoError::when("sync", &path))?;
        }
        self.lock.sync_all().map_err(IoError::when("sync", &self.path))?;
        retried(|| fs::rename(&self.path, report)).map_err(IoError::when("name", report))?;
        store.sync()
    }

    /// Keeps the directory as that of an interrupted run, without what the checks left, and returns its new path.
    pub(super) fn set_aside(&self) -> Result<PathBuf, IoError> {
        // What cannot be deleted stays: it is hidden, and the audit names it.
        _ = remove_persistently(&self.path.join(WORK));
        // Its number is given to another report, so it must not look like one that only needs its name.
        _ = remove_all(&self.path.join(SUMS)).and_then(|()| remove_all(&self.path.join(CHAIN)));
        let aside = self.free_name();
        retried(|| fs::rename(&self.path, &aside)).map_err(IoError::when("name", &aside))?;
        Ok(aside)
    }

    /// Removes the directory as a whole, as far as that is possible.
    pub(super) fn remove(&self) {
        _ = remove_persistently(&self.path);
    }

    /// Leaves the directory, with all that is in it, under a name like that of an interrupted run. What must be in the report
    /// is then written again, after [`reclaim`](Self::reclaim).
    pub(super) fn leave(&self) -> Result<PathBuf, IoError> {
        let aside = self.free_name();
        retried(|| fs::rename(&self.path, &aside)).map_err(IoError::when("name", &aside))?;
        // Those of the run are in the new directory.
        _ = remove_all(&aside.join(RESULTS));
        Ok(aside)
    }

    fn free_name(&self) -> PathBuf {
        let mut name = self.reports.join(format!(".{}.interrupted", self.stamp));
        let mut number = 2_u32;
        while is_there(&name) {
            name = self.reports.join(format!(".{}.interrupted-{number}", self.stamp));
            number = number.saturating_add(1);
        }
        name
    }
}

/// The error about what has the name of a report.
pub(super) fn taken(report: PathBuf) -> ReportError {
    if is_there(&report.join(SUMS)) { ReportError::Taken(report) } else { ReportError::NotAReport(report) }
}

/// The name of the directory of a report in progress, if neither that nor the one of the report is taken.
fn free(store: &StoreLock, stamp: RunTimestamp) -> Result<PathBuf, ReportError> {
    let report = store.path().join(stamp.to_string());
    let hidden = store.path().join(format!(".{stamp}.partial"));
    if is_there(&report) {
        Err(taken(report))
    } else if is_there(&hidden) {
        Err(ReportError::UnderWay(hidden))
    } else {
        Ok(hidden)
    }
}

/// The directories above a file, from the outermost: `a`, `a/b` for `a/b/c`.
fn parents(name: &str) -> impl Iterator<Item = &Path> {
    name.match_indices('/').filter_map(|(end, _)| Some(Path::new(name.get(..end)?)))
}

/// Whether the path exists, even as a broken symbolic link.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Removes like [`remove_all`], also what a process is still writing to.
pub(super) fn remove_persistently(path: &Path) -> io::Result<()> {
    let mut removed = remove_all(path);
    for _ in 0..REMOVALS {
        if removed.is_ok() {
            break;
        }
        thread::sleep(BETWEEN_REMOVALS);
        removed = remove_all(path);
    }
    removed
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rstest::rstest;

    use super::*;
    use crate::{
        fs_util::files_below,
        harness::{record::chain::MAX_CHAIN_BYTES, store::limits::MAX_SUMS_BYTES, test_helpers},
    };

    fn begun(reports: &Path) -> PartialDirectory {
        let store = StoreLock::acquire(reports).unwrap();
        PartialDirectory::create(&store, test_helpers::stamp("2025-10-17T112849Z")).unwrap()
    }

    fn pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[rstest]
    #[case::a_link(|place: &Path, outside: &Path| symlink(outside, place).unwrap())]
    #[case::a_broken_link(|place: &Path, _: &Path| symlink("nowhere", place).unwrap())]
    #[case::a_pipe(|place: &Path, _: &Path| pipe(place))]
    #[case::a_directory(|place: &Path, _: &Path| fs::create_dir_all(place.join("deep")).unwrap())]
    #[case::a_file(|place: &Path, _: &Path| fs::write(place, "planted").unwrap())]
    fn what_an_adapter_planted_is_replaced_and_not_written_to(#[case] plant: fn(&Path, &Path)) {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::write(&outside, "theirs").unwrap();
        let mut directory = begun(root.path());
        let place = directory.path.join("results.json");
        plant(&place, &outside);
        directory.write("results.json", b"ours").unwrap();
        assert!(place.symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(&place).unwrap(), b"ours");
        assert_eq!(fs::read(&outside).unwrap(), b"theirs");
        assert_eq!(directory.sums()["results.json"], sha256(b"ours"));
    }

    #[rstest]
    #[case::a_link(|place: &Path, outside: &Path| {
        fs::rename(place, place.with_extension("moved")).unwrap();
        symlink(outside, place).unwrap();
    })]
    #[case::another_directory(|place: &Path, _: &Path| {
        fs::rename(place, place.with_extension("moved")).unwrap();
        fs::create_dir(place).unwrap();
        fs::write(place.join("planted"), "").unwrap();
    })]
    #[case::nothing(|place: &Path, _: &Path| fs::rename(place, place.with_extension("moved")).unwrap())]
    fn a_directory_that_was_exchanged_is_made_again(#[case] exchange: fn(&Path, &Path)) {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let mut directory = begun(root.path());
        directory.write("before", b"1").unwrap();
        exchange(&directory.path, &outside);
        assert!(directory.reclaim().unwrap());
        assert!(directory.sums().is_empty());
        directory.write("after", b"2").unwrap();
        assert!(directory.path.symlink_metadata().unwrap().is_dir());
        assert_eq!(files_below(&directory.path).unwrap(), ["after"]);
        assert_eq!(files_below(&outside).unwrap(), [""; 0]);
    }

    #[test]
    fn a_directory_that_was_closed_is_opened() {
        let root = tempfile::tempdir().unwrap();
        let mut directory = begun(root.path());
        directory.write("before", b"1").unwrap();
        fs::set_permissions(&directory.path, fs::Permissions::from_mode(0o000)).unwrap();
        assert!(!directory.reclaim().unwrap());
        assert_eq!(directory.path.metadata().unwrap().permissions().mode() & 0o700, 0o700);
        assert_eq!(directory.sums().len(), 1);
    }

    #[test]
    fn a_planted_link_to_a_directory_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let mut directory = begun(root.path());
        symlink(&outside, directory.path.join("failed")).unwrap();
        directory.write("failed/a", b"1").unwrap();
        assert_eq!(files_below(&outside).unwrap(), [""; 0]);
        assert_eq!(files_below(&directory.path).unwrap(), ["failed/a"]);
    }

    #[test]
    fn only_what_was_written_is_left_after_a_sweep() {
        let root = tempfile::tempdir().unwrap();
        let mut directory = begun(root.path());
        directory.write("summary.md", b"1").unwrap();
        directory.write("failed/deep/a", b"1").unwrap();
        let plant = |name: &str| fs::write(directory.path.join(name), "planted").unwrap();
        ["more.txt", "failed/b", "failed/deep/c", "work/left"].into_iter().for_each(plant);
        symlink("/etc", directory.path.join("etc")).unwrap();
        pipe(&directory.path.join("pipe"));
        assert_eq!(directory.sweep().unwrap(), None);
        let mut left = files_below(&directory.path).unwrap();
        left.sort();
        assert_eq!(left, ["failed/deep/a", "summary.md"]);
        assert!(!directory.path.join(WORK).exists());
    }

    #[rstest]
    #[case::chain(CHAIN, MAX_CHAIN_BYTES)]
    #[case::sums(SUMS, MAX_SUMS_BYTES)]
    fn a_file_that_is_too_long_to_be_read_is_not_written(#[case] name: &str, #[case] limit: u64) {
        let root = tempfile::tempdir().unwrap();
        let mut directory = begun(root.path());
        let bytes = vec![b' '; limit as usize + 1];
        let error = directory.write(name, &bytes).unwrap_err();
        assert!(matches!(error, ReportError::TooLong { limit: most, .. } if most == limit), "{error}");
        assert!(!directory.path.join(name).exists());
        directory.write(name, &bytes[1..]).unwrap();
    }

    #[test]
    fn what_is_set_aside_has_no_number() {
        let root = tempfile::tempdir().unwrap();
        let mut directory = begun(root.path());
        ["results.json", CHAIN, SUMS].iter().for_each(|name| directory.write(name, b"{}").unwrap());
        assert_eq!(files_below(&directory.set_aside().unwrap()).unwrap(), ["results.json"]);
    }

    #[test]
    fn what_was_made_read_only_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let directory = begun(root.path());
        let deep = directory.work().join("deep");
        fs::create_dir(&deep).unwrap();
        fs::write(deep.join("x"), "").unwrap();
        for path in [&deep, &directory.work()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }
        assert_eq!(directory.sweep().unwrap(), None);
        assert!(!directory.path.join(WORK).exists());
    }
}
