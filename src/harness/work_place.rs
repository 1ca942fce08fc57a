//! The directory below which checks run, and another one as soon as something has taken its place.
//!
//! An implementation that may write anywhere can move the directory away, remove it, or put a link or a pipe there. That
//! costs its own checks, and not those that come after.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::temporary::Temporary;
use crate::fs_util::{create_directory_in, is_at, open_directory, open_for_owner};

/// Where checks run.
#[derive(Debug)]
pub(crate) struct WorkPlace(Mutex<Place>);

#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// None if it could not be opened.
    directory: Option<Arc<File>>,
    /// The path again, if it is another directory than the first one: it is removed with this.
    _temporary: Option<Temporary>,
}

impl WorkPlace {
    /// Creates the directory with this path, which is in `above`.
    pub(crate) fn create(above: &File, name: &str, path: PathBuf) -> io::Result<Self> {
        let directory = Some(Arc::new(create_directory_in(above, name)?));
        Ok(Self(Mutex::new(Place { path, directory, _temporary: None })))
    }

    /// Opens an existing directory. Its path is then absolute and without links, as programs see it.
    pub(crate) fn open(path: &Path) -> Self {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let directory = open_directory(&path).ok().map(Arc::new);
        Self(Mutex::new(Place { path, directory, _temporary: None }))
    }

    /// The path of the directory, and the directory itself: the first one, unless its path leads elsewhere by now.
    pub(crate) fn current(&self) -> io::Result<(PathBuf, Arc<File>)> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = place.directory.as_ref().filter(|own| is_at(own, &place.path)) {
            // A check may have closed it for those that follow.
            open_for_owner(directory)?;
            return Ok((place.path.clone(), Arc::clone(directory)));
        }
        let temporary = Temporary::create()?;
        let path = temporary.path().canonicalize()?;
        let directory = Arc::new(temporary.file().try_clone()?);
        *place = Place {
            path: path.clone(),
            directory: Some(Arc::clone(&directory)),
            _temporary: Some(temporary),
        };
        Ok((path, directory))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use rstest::rstest;

    use super::*;

    #[test]
    fn a_directory_that_was_closed_is_opened_again() {
        let root = tempfile::tempdir().unwrap();
        let work = WorkPlace::open(root.path());
        for closed in [0o000, 0o555] {
            fs::set_permissions(root.path(), fs::Permissions::from_mode(closed)).unwrap();
            let (path, _) = work.current().unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, closed | 0o700);
            fs::create_dir(path.join(closed.to_string())).unwrap();
        }
    }

    #[rstest]
    #[case::nothing(|_: &Path, _: &Path| ())]
    #[case::a_file(|place: &Path, _: &Path| fs::write(place, "").unwrap())]
    #[case::a_link(|place: &Path, theirs: &Path| symlink(theirs, place).unwrap())]
    #[case::a_directory(|place: &Path, _: &Path| fs::create_dir(place).unwrap())]
    fn another_directory_follows_one_whose_place_was_taken(#[case] plant: fn(&Path, &Path)) {
        let (root, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = root.path().join("above/work");
        fs::create_dir_all(&path).unwrap();
        let work = WorkPlace::open(&path);
        let first = work.current().unwrap().0;
        assert_eq!((&first, &work.current().unwrap().0), (&path, &path));
        fs::rename(root.path().join("above"), root.path().join("moved")).unwrap();
        plant(&root.path().join("above"), theirs.path());
        let second = work.current().unwrap().0;
        assert!(!second.starts_with(root.path()) && !second.starts_with(theirs.path()));
        assert_eq!(work.current().unwrap().0, second);
        fs::remove_dir(&second).unwrap();
        plant(&second, theirs.path());
        let third = work.current().unwrap().0;
        assert!(third.is_dir() && third != second);
        drop(work);
        assert!(third.symlink_metadata().is_err() && second.symlink_metadata().is_err());
        assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
    }
}
