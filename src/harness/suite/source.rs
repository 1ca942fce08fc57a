//! Sources of a suite: embedded in the binary, or a folder on disk.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use include_dir::{Dir, DirEntry};

use crate::fs_util::files_below;

/// The files of a suite that is embedded in a program.
#[derive(Debug)]
pub struct EmbeddedSuite {
    /// The folders `requirements`, `mutants`, `cases`, `plans` and `implementations`, by name.
    pub folders: &'static [(&'static str, Dir<'static>)],
    /// Single files by name, such as `configs.toml`.
    pub files: &'static [(&'static str, &'static str)],
    /// The fixtures of its cases.
    pub fixtures: Dir<'static>,
}

/// The largest suite file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Where suite files and fixtures are read from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A suite embedded in the program.
    Embedded(&'static EmbeddedSuite),
    /// A suite on disk.
    Disk {
        /// The folder with `requirements`, `mutants`, `cases`, `plans`, `implementations` and `configs.toml`.
        suite: PathBuf,
        /// The folder with the fixtures; if none exists, the folders that were searched.
        fixtures: Result<PathBuf, Vec<PathBuf>>,
    },
}

impl Source {
    /// A suite on disk. Its fixtures are in `fixtures`, `../fixtures` or `../../fixtures`, relative to the suite.
    pub fn disk(suite: &Path) -> Self {
        let tried: Vec<PathBuf> =
            ["fixtures", "../fixtures", "../../fixtures"].map(|path| suite.join(path)).into();
        let found = tried.iter().find(|folder| folder.is_dir()).cloned();
        Self::Disk { suite: suite.to_owned(), fixtures: found.ok_or(tried) }
    }

    /// The text of a suite file.
    ///
    /// # Errors
    /// When it cannot be read, is too large or is not UTF-8.
    pub fn text(&self, path: &str) -> io::Result<String> {
        let bytes = match self {
            Self::Embedded(own) => match path.split_once('/') {
                None => own.file(path).ok_or(io::ErrorKind::NotFound)?.as_bytes().to_vec(),
                Some((folder, file)) => embedded(own.folder(folder).ok_or(io::ErrorKind::NotFound)?, file)?,
            },
            Self::Disk { suite, .. } => read(&suite.join(path))?,
        };
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The `.toml` files below a folder of the suite, sorted by path; empty if the folder does not exist.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        match self {
            Self::Embedded(own) => {
                if let Some(tree) = own.folder(folder) {
                    walk_embedded(tree, folder, &mut files);
                }
            }
            Self::Disk { suite, .. } => {
                let found = files_below(&suite.join(folder))?;
                files.extend(found.into_iter().map(|path| format!("{folder}/{path}")));
            }
        }
        files.retain(|path| path.ends_with(".toml"));
        files.sort();
        Ok(files)
    }

    /// The bytes of a fixture.
    ///
    /// # Errors
    /// When it is missing, outside the fixtures, or unreadable. The message names the fixture and the folders that were
    /// searched.
    pub fn fixture(&self, path: &str) -> io::Result<Vec<u8>> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\\') {
            let message = format!("invalid fixture path {path:?}: expected a path below the fixtures");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (found, places) = match self {
            Self::Embedded(own) => (embedded(&own.fixtures, path), String::new()),
            Self::Disk { fixtures: Ok(folder), .. } => {
                (read(&folder.join(path)), format!(" (looked in {})", folder.display()))
            }
            Self::Disk { fixtures: Err(tried), .. } => {
                let tried: Vec<String> = tried.iter().map(|folder| folder.display().to_string()).collect();
                (Err(io::ErrorKind::NotFound.into()), format!(" (looked in {})", tried.join(", ")))
            }
        };
        found.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read fixture {path:?}{places}: {error}"))
        })
    }
}

impl EmbeddedSuite {
    fn file(&self, name: &str) -> Option<&'static str> {
        self.files.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
    }

    fn folder(&self, name: &str) -> Option<&'static Dir<'static>> {
        self.folders.iter().find(|(folder, _)| *folder == name).map(|(_, tree)| tree)
    }
}

fn embedded(tree: &Dir<'static>, path: &str) -> io::Result<Vec<u8>> {
    let file = tree.get_file(path).ok_or(io::ErrorKind::NotFound)?;
    Ok(file.contents().to_vec())
}

/// Reads a regular file up to the limit, regardless of its reported length: a pipe would never end, and a device
/// has no length.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("longer than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn walk_embedded(tree: &Dir<'static>, name: &str, files: &mut Vec<String>) {
    for entry in tree.entries() {
        match entry {
            DirEntry::Dir(inner) => walk_embedded(inner, name, files),
            DirEntry::File(file) => {
                let path = file.path().to_str().map(|path| format!("{name}/{}", path.replace('\\', "/")));
                files.extend(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_neither(&[], "nowhere.zip", "(looked in DIR/fixtures, DIR/../fixtures, DIR/../../fixtures): entity not found")]
    #[case::in_its_own(&["suite/fixtures", "fixtures"], "nowhere.zip", "(looked in DIR/fixtures): No such file")]
    #[case::in_the_parent(&["fixtures"], "nowhere.zip", "(looked in DIR/../fixtures): No such file")]
    #[case::two_folders_up(&["../fixtures"], "nowhere.zip", "(looked in DIR/../../fixtures): No such file")]
    #[case::outside(&["fixtures"], "../x", "invalid fixture path \"../x\"")]
    fn an_unreadable_fixture_is_named_with_the_searched_folders(
        #[case] folders: &[&str],
        #[case] fixture: &str,
        #[case] says: &str,
    ) {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("parent");
        let suite = parent.join("suite");
        fs::create_dir_all(&suite).unwrap();
        folders.iter().for_each(|folder| fs::create_dir(parent.join(folder)).unwrap());
        let error = Source::disk(&suite).fixture(fixture).unwrap_err().to_string();
        assert!(error.contains(&format!("{fixture:?}")), "{error}");
        assert!(error.contains(&says.replace("DIR", &suite.display().to_string())), "{error}");
    }
}
