//! Temporary directories of a run, which the next one removes if their own could not.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use crate::fs_util::{is_at, open_directory, remove_all, retried};

/// How their names begin. What begins so and is not locked was left by a killed run.
const PREFIX: &str = "bundleproof-locked-";

/// How old a directory must be to be taken for left over: one that was created just now is not locked yet.
const MIN_AGE: Duration = Duration::from_secs(60);

/// A temporary directory that is locked as long as it is used, and removed with this.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    lock: File,
}

impl Temporary {
    /// Creates a directory with a new name among the temporary files of the system.
    pub(crate) fn create() -> io::Result<Self> {
        Self::create_in(tempfile::Builder::new().prefix(PREFIX).tempdir()?)
    }

    fn create_in(directory: TempDir) -> io::Result<Self> {
        let lock = open_directory(directory.path())?;
        retried(|| lock.lock_shared())?;
        // Its own removal would follow mounts.
        Ok(Self { path: directory.keep(), lock })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself, also where its path leads elsewhere by now.
    pub(crate) fn file(&self) -> &File {
        &self.lock
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is left to the next run.
        let _ = remove_all(self.path());
    }
}

/// Removes the directories that killed runs of this user left among the temporary files of the system.
pub(crate) fn remove_leftovers() {
    // Only to find out where that is.
    if let Ok(own) = tempfile::tempdir() {
        own.path().parent().into_iter().for_each(remove_leftovers_in);
    }
}

fn remove_leftovers_in(place: &Path) {
    // What cannot be listed or removed stays, and does no harm.
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    ours.map(|entry| entry.path())
        .filter(|path| is_left_over(path))
        .for_each(|path: PathBuf| _ = remove_all(&path));
}

/// Whether a directory is not new, and is locked by no process.
fn is_left_over(path: &Path) -> bool {
    let Ok(directory) = open_directory(path) else { return false };
    let changed = directory.metadata().and_then(|metadata| metadata.modified());
    let is_old = changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age >= MIN_AGE));
    is_old && directory.try_lock().is_ok() && is_at(&directory, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{os::unix::fs::symlink, time::SystemTime};

    use super::*;

    #[test]
    fn what_no_process_has_locked_is_removed_by_the_next_run() {
        let (place, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| place.path().join(name);
        let new = || tempfile::Builder::new().prefix(PREFIX).tempdir_in(place.path()).unwrap();
        let used = Temporary::create_in(new()).unwrap();
        let (left, young) = (new(), new());
        fs::create_dir_all(left.path().join("home/deep")).unwrap();
        fs::create_dir(at("bundleproof-other")).unwrap();
        symlink(theirs.path(), at("bundleproof-locked-link")).unwrap();
        fs::write(at("bundleproof-locked-file"), "").unwrap();
        let long_ago = SystemTime::now() - 2 * MIN_AGE;
        for path in [used.path(), left.path(), theirs.path(), &at("bundleproof-other")] {
            File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
        remove_leftovers_in(place.path());
        assert!(!left.path().exists());
        let names = ["bundleproof-other", "bundleproof-locked-link", "bundleproof-locked-file"];
        let kept =
            names.map(at).into_iter().chain([used.path(), young.path(), theirs.path()].map(Path::to_owned));
        kept.for_each(|path| assert!(path.symlink_metadata().is_ok(), "{}", path.display()));
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
