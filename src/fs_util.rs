//! File helpers that several modules share. Depends on nothing else in the crate.

mod owner;
mod real_directory;
mod removal;
mod retrying;
mod writing;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use tempfile::NamedTempFile;

pub(crate) use self::{
    owner::is_of_this_user,
    real_directory::{create_directory_in, is_at, is_same, open_directory, open_for_owner, path_now},
    removal::{remove_all, remove_at, remove_file_below},
    retrying::retried,
    writing::write_below,
};

/// The files below a directory: relative paths with `/`, in no order. Empty if the directory does not exist.
/// Symbolic links are listed and not followed.
pub(crate) fn files_below(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut keep = |path: String| {
        // The path of a directory ends with a slash.
        if !path.ends_with('/') {
            found.push(path);
        }
    };
    walk(directory, "", &mut keep, &mut |_, error| Err(error))?;
    Ok(found)
}

/// What is below a directory: relative paths with `/`, in no order. Symbolic links are files and not followed.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<String>,
    /// Directories without anything in them, each with a `/` at the end.
    pub(crate) empty: Vec<String>,
    /// Directories that cannot be listed, such as one with a path that is too long, each with a `/` at the end.
    pub(crate) unlisted: Vec<String>,
}

impl Tree {
    /// What is below this directory. Nothing if it does not exist.
    pub(crate) fn below(directory: &Path) -> Self {
        let mut tree = Self::default();
        let mut found = |path: String| {
            if path.ends_with('/') { tree.empty.push(path) } else { tree.files.push(path) }
        };
        let mut keep = |prefix: &str, _| {
            tree.unlisted.push(if prefix.is_empty() { "./" } else { prefix }.to_owned());
            Ok(())
        };
        // Every error is kept.
        _ = walk(directory, "", &mut found, &mut keep);
        tree
    }
}

/// Gives each file and each empty directory to `found`, the latter with a `/` at the end, and the errors of each directory to `failed`, with its path and a `/` at the end.
fn walk(
    directory: &Path,
    prefix: &str,
    found: &mut dyn FnMut(String),
    failed: &mut dyn FnMut(&str, io::Error) -> io::Result<()>,
) -> io::Result<()> {
    let entries = match entries(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return failed(prefix, error),
        Ok(entries) => entries,
    };
    if entries.is_empty() && !prefix.is_empty() {
        found(prefix.to_owned());
    }
    for entry in entries {
        let is_directory = match entry.file_type() {
            Ok(kind) => kind.is_dir(),
            Err(error) => return failed(prefix, error),
        };
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if is_directory {
            walk(&entry.path(), &format!("{path}/"), found, failed)?;
        } else {
            found(path);
        }
    }
    Ok(())
}

/// The entries of a directory. It is listed again when a signal interrupts that.
pub(crate) fn entries(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    retried(|| fs::read_dir(directory)?.collect())
}

/// Makes a directory and those above it, as far as they do not exist, and waits until their names are on disk.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    make_and_sync(path, |directory| fs::File::open(directory)?.sync_all())
}

fn make_and_sync(path: &Path, sync: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| is_missing(above)).collect();
    retried(|| fs::create_dir_all(path))?;
    // A name is in the directory above it.
    missing.iter().rev().try_for_each(|made| sync(parent(made)))
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && !path.exists()
}

/// The directory that a path is in, as a path that can be opened.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How the names of temporary files begin. One is left behind only by a process that was killed.
pub(crate) const SIBLING_PREFIX: &str = ".bundleproof-";

/// The metadata of a regular file, or of the target of a link. Asked before a file is opened: opening a pipe blocks until
/// a writer appears, and a device has no end.
pub(crate) fn regular(path: &Path) -> io::Result<fs::Metadata> {
    let metadata = path.metadata()?;
    if metadata.is_file() { Ok(metadata) } else { Err(not_regular()) }
}

/// The error about a pipe, a device or a directory in the place of a file.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Reads a regular file, or the target of a link, of at most `limit` bytes.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    regular(path)?;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let longer = format!("longer than the limit of {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, longer));
    }
    Ok(bytes)
}

/// A temporary file next to `path`, to be written and then renamed to it, so that readers see all of it or nothing.
/// It has the permissions of an ordinary new file, and is deleted unless it is renamed.
pub(crate) fn sibling(path: &Path) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new();
    file.prefix(SIBLING_PREFIX);
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    file.tempfile_in(parent(path))
}

/// Replaces a file in one step, so that readers see the old text or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = sibling(path)?;
    fs::write(temporary.path(), bytes)?;
    temporary.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn files_are_listed_at_every_depth_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        assert_eq!(files_below(&at("nowhere")).unwrap(), [""; 0]);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/c"), "").unwrap();
        fs::write(at("d"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path(), at("e")).unwrap();
        let mut found = files_below(place.path()).unwrap();
        found.sort();
        let expected = if cfg!(unix) { &["a/b/c", "d", "e"][..] } else { &["a/b/c", "d"] };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_interrupted_call_is_repeated_and_a_failed_one_is_not() {
        let mut results = vec![Ok(1), Err(io::ErrorKind::Interrupted), Err(io::ErrorKind::Interrupted)];
        assert_eq!(retried(|| results.pop().unwrap().map_err(io::Error::from)).unwrap(), 1);
        let mut calls = 0;
        let failed = retried(|| {
            calls += 1;
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!((failed.unwrap_err().kind(), calls), (io::ErrorKind::StorageFull, 1));
    }

    #[test]
    fn the_name_of_each_directory_that_is_made_is_synced() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("a")).unwrap();
        let synced = |path: &Path| {
            let synced = std::cell::RefCell::new(Vec::new());
            make_and_sync(path, |directory| {
                synced.borrow_mut().push(directory.to_owned());
                Ok(())
            })
            .unwrap();
            synced.into_inner()
        };
        assert_eq!(synced(&at("a/b/c/d")), [at("a"), at("a/b"), at("a/b/c")]);
        assert_eq!(synced(&at("a/b/c/d")), [""; 0].map(std::path::PathBuf::from));
        let failed = make_and_sync(&at("e"), |_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn missing_directories_are_made_at_every_depth() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b/c");
        make_directory(&deep).unwrap();
        make_directory(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(place.path().join("file"), "").unwrap();
        assert!(make_directory(&place.path().join("file/below")).is_err());
        assert_eq!(parent(Path::new("reports")), Path::new("."));
        assert!(is_missing(Path::new("nowhere/reports")) && !is_missing(Path::new("")));
    }

    #[test]
    fn a_sibling_replaces_the_path_or_is_deleted() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("kept");
        fs::write(&path, "old").unwrap();
        drop(sibling(&path).unwrap());
        assert_eq!(files_below(place.path()).unwrap(), ["kept"]);
        let file = sibling(&path).unwrap();
        fs::write(file.path(), "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.persist(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(files_below(place.path()).unwrap(), ["kept"]);
    }
}
