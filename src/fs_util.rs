//! File helpers that several modules share. Depends on nothing else in the crate.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use tempfile::NamedTempFile;

/// The files below a directory: relative paths with `/`, in no order. Empty if the directory does not exist.
/// Symbolic links are listed and not followed.
pub(crate) fn files_below(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    walk(directory, "", &mut |path| found.push(path), &mut |_, error| Err(error))?;
    Ok(found)
}

/// The files below a directory, and those directories that cannot be listed, such as one with a path that is too long.
pub(crate) fn files_and_unlisted_below(directory: &Path) -> (Vec<String>, Vec<String>) {
    let (mut found, mut unlisted) = (Vec::new(), Vec::new());
    let mut keep = |prefix: &str, _| {
        unlisted.push(if prefix.is_empty() { "./" } else { prefix }.to_owned());
        Ok(())
    };
    // Every error is kept.
    _ = walk(directory, "", &mut |path| found.push(path), &mut keep);
    (found, unlisted)
}

/// Gives each file to `found`, and the errors of each directory to `failed`, with its path and a `/` at the end.
fn walk(
    directory: &Path,
    prefix: &str,
    found: &mut dyn FnMut(String),
    failed: &mut dyn FnMut(&str, io::Error) -> io::Result<()>,
) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return failed(prefix, error),
        Ok(entries) => entries,
    };
    for entry in entries {
        let read = entry.and_then(|entry| Ok((entry.file_type()?.is_dir(), entry)));
        let (is_directory, entry) = match read {
            Ok(read) => read,
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

/// Removes a file, a link or a directory with all that is below it, if it exists. Links are not followed.
///
/// A directory can be of any depth: what is below it is moved up and removed there, so that neither paths nor the stack
/// grow with it. What was made read-only is made writable first.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => retried(|| remove_directory(path)),
        Ok(_) => retried(|| fs::remove_file(path)),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn remove_directory(root: &Path) -> io::Result<()> {
    let mut moved = 0_u64;
    // What is moved up may or may not be listed in the same round.
    loop {
        make_writable(root);
        let mut is_empty = true;
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            is_empty = false;
            if entry.file_type()?.is_dir() {
                flatten(&entry.path(), root, &mut moved)?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if is_empty {
            return fs::remove_dir(root);
        }
    }
}

/// Removes a directory whose own directories are moved to another one.
fn flatten(directory: &Path, to: &Path, moved: &mut u64) -> io::Result<()> {
    make_writable(directory);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
            continue;
        }
        let mut place = to.join(format!("{SIBLING_PREFIX}{moved}"));
        while place.symlink_metadata().is_ok() {
            *moved += 1;
            place = to.join(format!("{SIBLING_PREFIX}{moved}"));
        }
        // Moving a directory changes an entry in it.
        make_writable(&entry.path());
        fs::rename(entry.path(), place)?;
        *moved += 1;
    }
    fs::remove_dir(directory)
}

/// Lets the entries of a directory be listed and changed, as far as that is possible.
fn make_writable(directory: &Path) {
    _ = fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700));
}

/// Repeats a call until no signal interrupts it. The standard library does so itself for reading, writing and syncing, but
/// not for names and locks, where file systems in user space or over a network can be interrupted.
pub(crate) fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            ended => return ended,
        }
    }
}

/// Makes a directory and those above it, as far as they do not exist, and waits until their names are on disk.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| is_missing(above)).collect();
    retried(|| fs::create_dir_all(path))?;
    // A name is in the directory above it.
    missing.iter().rev().try_for_each(|made| fs::File::open(parent(made))?.sync_all())
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
    fn a_directory_of_any_depth_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        // Built from the inside: a path to its end would be too long.
        let (inner, outer) = (place.path().join("inner"), place.path().join("outer"));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        for _ in 0..5_000 {
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("a")).unwrap();
            fs::rename(&outer, &inner).unwrap();
        }
        fs::rename(&inner, root.join("a")).unwrap();
        fs::write(root.join("kept-out"), "").unwrap();
        remove_all(&root).unwrap();
        assert!(!root.exists());
        remove_all(&root).unwrap();
    }

    #[test]
    fn a_link_is_removed_and_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (theirs, root) = (place.path().join("theirs"), place.path().join("root"));
        fs::create_dir_all(root.join("in")).unwrap();
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("file"), "").unwrap();
        #[cfg(unix)]
        for link in ["link", "in/link"] {
            std::os::unix::fs::symlink(&theirs, root.join(link)).unwrap();
        }
        remove_all(&root).unwrap();
        assert_eq!(files_below(place.path()).unwrap(), ["theirs/file"]);
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
