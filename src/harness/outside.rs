//! A home and a directory for temporary files of an implementation's own, in which the runner sees what it leaves.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::fs_util::create_directory_in;

/// Both directories, in one.
#[derive(Clone, Debug)]
pub(crate) struct Outside(PathBuf);

/// The variables, and the directories that they name.
const DIRECTORIES: [(&str, &str); 2] = [("HOME", "home"), ("TMPDIR", "tmp")];

impl Outside {
    /// Creates both directories in this one, also where its path leads elsewhere by now.
    pub(crate) fn create_in(directory: &File, path: PathBuf) -> io::Result<Self> {
        for (_, name) in DIRECTORIES {
            create_directory_in(directory, name)?;
        }
        Ok(Self(path))
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
