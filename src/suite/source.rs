//! Where a suite comes from: the one in the binary, or a folder on disk.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use include_dir::{Dir, DirEntry, include_dir};

static CONFORMANCE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/conformance");
static FIXTURES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures");

/// The largest file of a suite, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A tree of suite files and a tree of fixtures, wherever they are.
#[derive(Clone, Debug)]
pub enum Source {
    /// The suite that the program was built with.
    Embedded,
    /// A suite on disk.
    Disk {
        /// The folder with `requirements`, `cases`, `plans` and `configs.toml`.
        suite: PathBuf,
        /// The folder with the fixtures that its cases name.
        fixtures: PathBuf,
    },
}

impl Source {
    /// A suite on disk. Its fixtures are in its own folder `fixtures`, or else in the one beside it.
    pub fn disk(suite: &Path) -> Self {
        let own = suite.join("fixtures");
        let beside = suite.join("..").join("fixtures");
        let fixtures = if own.is_dir() { own } else { beside };
        Self::Disk { suite: suite.to_owned(), fixtures }
    }

    /// The text of one suite file.
    ///
    /// # Errors
    /// When it cannot be read, is too large or is not UTF-8.
    pub fn text(&self, path: &str) -> io::Result<String> {
        let bytes = match self {
            Self::Embedded => embedded(&CONFORMANCE, path)?,
            Self::Disk { suite, .. } => read(&suite.join(path))?,
        };
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The `.toml` files below a folder of the suite, by path, in order; none when there is no such
    /// folder.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        match self {
            Self::Embedded => {
                if let Some(folder) = CONFORMANCE.get_dir(folder) {
                    walk_embedded(folder, &mut files);
                }
            }
            Self::Disk { suite, .. } => {
                let top = suite.join(folder);
                if top.is_dir() {
                    walk_disk(&top, folder, &mut files)?;
                }
            }
        }
        files.retain(|path| path.ends_with(".toml"));
        files.sort();
        Ok(files)
    }

    /// The bytes of one fixture.
    ///
    /// # Errors
    /// When it is absent, leads out of the fixtures, or cannot be read.
    pub fn fixture(&self, path: &str) -> io::Result<Vec<u8>> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\\') {
            let message = format!("{path:?} is not a path below the fixtures");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        match self {
            Self::Embedded => embedded(&FIXTURES, path),
            Self::Disk { fixtures, .. } => read(&fixtures.join(path)),
        }
    }
}

fn embedded(tree: &Dir<'static>, path: &str) -> io::Result<Vec<u8>> {
    let file = tree.get_file(path).ok_or(io::ErrorKind::NotFound)?;
    Ok(file.contents().to_vec())
}

/// Reads a regular file and no more than the limit, whatever its length is said to be: a pipe would never
/// end, and a device has no length.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("it is longer than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn walk_embedded(folder: &Dir<'static>, files: &mut Vec<String>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => walk_embedded(folder, files),
            DirEntry::File(file) => files.extend(file.path().to_str().map(|path| path.replace('\\', "/"))),
        }
    }
}

fn walk_disk(folder: &Path, name: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk_disk(&entry.path(), &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
