//! Locks on directories: one for all writers of a store, and one for each run in progress.
//!
//! A lock is on the directory itself, so no lock file is left behind. It ends with the process that holds it, however
//! that ends.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::IoError;
use crate::fs_util::retried;

/// A locked store. Names and numbers in it are given only while it is locked.
#[derive(Debug)]
pub(super) struct StoreLock {
    path: PathBuf,
    directory: File,
}

impl StoreLock {
    /// Waits until no other process holds the lock.
    pub(super) fn acquire(reports: &Path) -> Result<Self, IoError> {
        let directory = File::open(reports).map_err(IoError::when("open", reports))?;
        retried(|| directory.lock()).map_err(IoError::when("lock", reports))?;
        Ok(Self { path: reports.to_owned(), directory })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the names in the store are on disk.
    pub(super) fn sync(&self) -> Result<(), IoError> {
        self.directory.sync_all().map_err(IoError::when("sync", &self.path))
    }
}

/// Locks the directory of a run; None while another process holds the lock, which means that the run is alive.
pub(super) fn lock_run(directory: &Path) -> Result<Option<File>, IoError> {
    let file = File::open(directory).map_err(IoError::when("open", directory))?;
    let locked = loop {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            locked => break locked,
        }
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => {
            Err(IoError { doing: "lock", path: directory.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_run_is_locked_until_its_lock_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let held = lock_run(root.path()).unwrap();
        assert!(held.is_some() && lock_run(root.path()).unwrap().is_none());
        drop(held);
        assert!(lock_run(root.path()).unwrap().is_some());
    }
}
