//! A home and a directory for temporary files of an implementation's own, in which the runner sees what it leaves.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::fs_util::retried;

/// Both directories, in one.
#[derive(Clone, Debug)]
pub(crate) struct Outside(PathBuf);

/// The variables, and the directories that they name.
const DIRECTORIES: [(&str, &str); 2] = [("HOME", "home"), ("TMPDIR", "tmp")];

impl Outside {
    /// Creates both directories in this one, which is created as well.
    pub(crate) fn create(directory: PathBuf) -> io::Result<Self> {
        // First, so that the others are made at once.
        retried(|| fs::create_dir_all(&directory))?;
        for (_, name) in DIRECTORIES {
            retried(|| fs::create_dir_all(directory.join(name)))?;
        }
        Ok(Self(directory))
    }

    /// The directory that contains both.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The variables that name them.
    pub(crate) fn variables(&self) -> [(String, String); 2] {
        DIRECTORIES
            .map(|(variable, name)| (variable.to_owned(), self.0.join(name).to_string_lossy().into_owned()))
    }
}
