//! The directory of a store during a run, wherever it is moved.
//!
//! An implementation can move it away, remove it, or put a link in its place. Nothing is written to what is there then.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{IoError, ReportError, lock::StoreLock};
use crate::fs_util::{is_same, path_now};

/// The directory, and its path: that which the user gave, or where the directory was moved.
#[derive(Debug)]
pub(super) struct StoreDirectory {
    path: PathBuf,
    directory: File,
}

impl StoreDirectory {
    /// Opens an existing directory, which the path may lead to through links.
    pub(super) fn open(path: &Path) -> Result<Self, IoError> {
        let directory = File::open(path).map_err(IoError::when("open", path))?;
        Ok(Self { path: path.to_owned(), directory })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that the path leads to the directory: the path of another place, if it was moved there. One that was
    /// removed is made again, if nothing has taken its place.
    pub(super) fn find(&mut self) -> Result<(), ReportError> {
        if is_same(&self.directory, self.path.metadata()) {
            return Ok(());
        }
        if let Some(path) = path_now(&self.directory) {
            self.path = path;
            return Ok(());
        }
        fs::create_dir(&self.path).map_err(|_| ReportError::StoreReplaced(self.path.clone()))?;
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// Locks the store in this directory.
    pub(super) fn lock(&mut self) -> Result<StoreLock, ReportError> {
        self.find()?;
        let store = StoreLock::acquire(&self.path)?;
        if store.is_of(&self.directory) {
            Ok(store)
        } else {
            Err(ReportError::StoreReplaced(self.path.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(|_: &Path, _: &Path| ())]
    #[case::a_file(|place: &Path, _: &Path| fs::write(place, "").unwrap())]
    #[case::a_link(|place: &Path, theirs: &Path| symlink(theirs, place).unwrap())]
    #[case::a_directory(|place: &Path, _: &Path| fs::create_dir(place).unwrap())]
    fn a_store_is_found_where_it_was_moved(#[case] plant: fn(&Path, &Path)) {
        let (root, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = root.path().canonicalize().unwrap();
        let path = root.join("reports");
        fs::create_dir(&path).unwrap();
        let mut store = StoreDirectory::open(&path).unwrap();
        store.find().unwrap();
        assert_eq!(store.path(), path);
        fs::rename(&path, root.join("moved")).unwrap();
        plant(&path, theirs.path());
        store.find().unwrap();
        assert_eq!(store.path(), root.join("moved"));
        assert!(store.lock().is_ok());
    }

    #[rstest]
    #[case::a_file(|place: &Path, _: &Path| fs::write(place, "").unwrap())]
    #[case::a_link(|place: &Path, theirs: &Path| symlink(theirs, place).unwrap())]
    #[case::a_directory(|place: &Path, _: &Path| fs::create_dir(place).unwrap())]
    fn what_is_in_the_place_of_a_removed_store_is_not_used(#[case] plant: fn(&Path, &Path)) {
        let (root, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = root.path().join("reports");
        fs::create_dir(&path).unwrap();
        let mut store = StoreDirectory::open(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        store.find().unwrap();
        assert!(path.is_dir(), "it was made again");
        fs::remove_dir(&path).unwrap();
        plant(&path, theirs.path());
        for error in [store.find().unwrap_err(), store.lock().unwrap_err()] {
            assert!(matches!(&error, ReportError::StoreReplaced(found) if *found == path), "{error}");
        }
        assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_that_the_user_made_leads_to_the_store() {
        let (root, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = root.path().join("reports");
        symlink(theirs.path(), &path).unwrap();
        let mut store = StoreDirectory::open(&path).unwrap();
        assert!(store.lock().is_ok());
        assert_eq!(store.path(), path);
    }
}
