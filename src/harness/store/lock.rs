//! Locks on directories: one for all writers of a store, and one for each run in progress.
//!
//! A lock is on the directory itself, so no lock file is left behind. It ends with the process that holds it, however
//! that ends.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::IoError;
use crate::fs_util::{is_same, open_directory, retried};

/// How long a writer waits for another one, which takes a moment to publish: anyone who can read a directory can lock it.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How often it looks whether the lock is free.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A locked store. Names and numbers in it are given only while it is locked.
#[derive(Debug)]
pub(super) struct StoreLock {
    path: PathBuf,
    directory: File,
}

impl StoreLock {
    /// Waits until no other process holds the lock, for a minute at most.
    pub(super) fn acquire(reports: &Path) -> Result<Self, IoError> {
        Self::acquire_within(reports, MAX_WAIT)
    }

    fn acquire_within(reports: &Path, wait: Duration) -> Result<Self, IoError> {
        let directory = File::open(reports).map_err(IoError::when("open", reports))?;
        let mut left = wait;
        while !try_lock(&directory).map_err(IoError::when("lock", reports))? {
            if left.is_zero() {
                let why = format!("another process has kept it locked for {} s", wait.as_secs());
                return Err(IoError::when("lock", reports)(io::Error::other(why)));
            }
            thread::sleep(POLL_INTERVAL);
            left = left.saturating_sub(POLL_INTERVAL);
        }
        Ok(Self { path: reports.to_owned(), directory })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the store in this directory.
    pub(super) fn is_of(&self, directory: &File) -> bool {
        is_same(directory, self.directory.metadata())
    }

    /// Waits until the names in the store are on disk.
    pub(super) fn sync(&self) -> Result<(), IoError> {
        self.directory.sync_all().map_err(IoError::when("sync", &self.path))
    }
}

/// Locks the directory of a run; None while another process holds the lock, which means that the run is alive.
pub(super) fn lock_run(directory: &Path) -> Result<Option<File>, IoError> {
    let file = open_directory(directory).map_err(IoError::when("open", directory))?;
    let is_locked = try_lock(&file).map_err(IoError::when("lock", directory))?;
    Ok(is_locked.then_some(file))
}

/// Locks a directory; false while another process holds the lock.
fn try_lock(directory: &File) -> io::Result<bool> {
    retried(|| match directory.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_store_that_stays_locked_is_given_up() {
        let root = tempfile::tempdir().unwrap();
        let held = StoreLock::acquire(root.path()).unwrap();
        let error = StoreLock::acquire_within(root.path(), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("another process has kept it locked"), "{error}");
        let free = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        assert!(StoreLock::acquire(root.path()).is_ok());
        free.join().unwrap();
    }

    #[test]
    fn a_run_is_locked_until_its_lock_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let held = lock_run(root.path()).unwrap();
        assert!(held.is_some() && lock_run(root.path()).unwrap().is_none());
        drop(held);
        assert!(lock_run(root.path()).unwrap().is_some());
    }
}
