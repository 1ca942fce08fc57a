//! The work directory of one check.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{WrittenFile, file_states::MAX_READ_BYTES};
use crate::{
    fs_util::{Tree, create_directory_in, files_below, is_at, remove_at, remove_file_below, write_below},
    harness::{
        contract::{Refusal, RefusalKind},
        outside::Outside,
        suite::{WORK, work_path},
        work_place::WorkPlace,
    },
    value::digest::digest_of,
};

/// A directory for one check, removed when dropped unless it is kept.
///
/// An implementation receives paths relative to it, like a program in its working directory, so nothing that it saves
/// depends on where the run takes place.
#[derive(Debug)]
pub(super) struct Sandbox {
    root: PathBuf,
    /// The directory itself, also where its path leads elsewhere by now.
    directory: File,
    name: String,
    /// The directory that it is in.
    above: Arc<File>,
    /// Next to it: the home and the temporary directory of the check.
    outside: Outside,
    keep: bool,
    /// Files that the harness put here or changed; they do not count as written by the implementation.
    placed: Vec<String>,
}

impl Sandbox {
    /// Creates the directory with this name, which must not exist.
    pub(super) fn create(work: &WorkPlace, name: &str, keep: bool) -> io::Result<Self> {
        let (path, above) = work.current()?;
        let directory = create_directory_in(&above, name)?;
        let outside_name = outside(name);
        let outside =
            Outside::create_in(&create_directory_in(&above, &outside_name)?, path.join(outside_name))?;
        let (root, name) = (path.join(name), name.to_owned());
        Ok(Self { root, directory, name, above, outside, keep, placed: Vec::new() })
    }

    /// Whether its path still leads to the directory, and not to what has taken its place.
    pub(super) fn is_in_place(&self) -> bool {
        is_at(&self.directory, &self.root)
    }

    /// The home and the temporary directory of the check.
    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `$work/...`.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, String> {
        work_path(text).map(|given| if given == "." { self.root.clone() } else { self.root.join(given) })
    }

    /// Writes a file of the harness at `$work/...`.
    pub(super) fn place(&mut self, at: &str, bytes: &[u8]) -> Result<(), String> {
        let written = write_below(&self.directory, &work_path(at)?, bytes);
        written.map_err(|error| format!("failed to write {at}: {error}"))?;
        self.claim(at)
    }

    /// Removes the file at `$work/...`, refused if there is none: the implementation did not write it.
    pub(super) fn remove(&self, at: &str) -> Result<(), Refusal> {
        let own = work_path(at).map_err(|message| Refusal::new(RefusalKind::Internal, message))?;
        remove_file_below(&self.directory, &own)
            .map_err(|error| Refusal::new(RefusalKind::NotFound, format!("failed to remove {at}: {error}")))
    }

    /// States that the file at `$work/...` is the harness's from now on: it was placed or changed.
    pub(super) fn claim(&mut self, at: &str) -> Result<(), String> {
        self.placed.push(work_path(at)?);
        Ok(())
    }

    /// The files below a directory: relative paths, sorted; empty if it does not exist. Symbolic links are listed and not
    /// followed.
    pub(super) fn files(&self, text: &str) -> Result<Vec<String>, String> {
        let mut found =
            files_below(&self.path(text)?).map_err(|error| format!("failed to list {text}: {error}"))?;
        found.sort();
        Ok(found)
    }

    /// The digest of a file; None if it does not exist.
    pub(super) fn digest(&self, text: &str) -> Result<Option<String>, String> {
        match describe(&self.path(text)?) {
            Ok((_, digest)) => Ok(Some(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("failed to read {text}: {error}")),
        }
    }

    /// The files written by the implementation, and the directories of it that cannot be listed.
    pub(super) fn written(&self) -> Vec<WrittenFile> {
        // What has taken its place was not written by the implementation.
        let tree = if self.is_in_place() { Tree::below(&self.root) } else { Tree::default() };
        let Tree { mut files, unlisted, .. } = tree;
        files.sort();
        let own = files.into_iter().filter(|path| !self.placed.contains(path));
        let described = own.map(|path| {
            let unread = |error: io::Error| (0, format!("cannot be read: {}", error.kind()));
            let (bytes, sha256) = describe(&self.root.join(&path)).unwrap_or_else(unread);
            WrittenFile { path, bytes, sha256 }
        });
        let unlisted = unlisted.into_iter().map(|path| {
            let sha256 = "cannot be listed, so files in it are missing here".to_owned();
            WrittenFile { path, bytes: 0, sha256 }
        });
        described.chain(unlisted).collect()
    }

    /// Replaces the path of the directory with `$work` in a text.
    pub(super) fn shown(&self, text: &str) -> String {
        match self.root.to_str() {
            Some(root) => text.replace(root, WORK),
            None => text.to_owned(),
        }
    }
}

impl Drop for Sandbox {
    /// What cannot be removed here is removed later, with the hidden directory of the report.
    fn drop(&mut self) {
        let is_empty = || files_below(self.outside.path()).is_ok_and(|files| files.is_empty());
        if !self.keep || is_empty() {
            let _ = remove_at(self.above.as_fd(), outside(&self.name).as_str());
        }
        if !self.keep {
            let _ = remove_at(self.above.as_fd(), self.name.as_str());
        }
    }
}

/// The name of the directory that contains the home and the temporary directory of a check.
fn outside(name: &str) -> String {
    format!("{name}.outside")
}

/// The length and digest of a file. Anything else has no digest: the implementation may have created a pipe or a link
/// to something endless, so it is not opened.
fn describe(path: &Path) -> io::Result<(u64, String)> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Ok((0, "directory".to_owned()));
    }
    if !kind.is_file() {
        return Ok((0, "special file".to_owned()));
    }
    if metadata.len() > MAX_READ_BYTES {
        return Ok((metadata.len(), format!("longer than {MAX_READ_BYTES} bytes")));
    }
    let (length, digest) = digest_of(fs::File::open(path)?.take(MAX_READ_BYTES))?;
    Ok((length, digest.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_placed_file_is_not_counted_as_written_and_the_directory_goes() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("check");
        let work = WorkPlace::open(directory.path());
        let mut sandbox = Sandbox::create(&work, "check", false).unwrap();
        sandbox.place("$work/in/data", b"1").unwrap();
        fs::write(sandbox.path("$work/altered").unwrap(), b"333").unwrap();
        sandbox.claim("$work/altered").unwrap();
        fs::write(sandbox.path("$work/out").unwrap(), b"22").unwrap();
        let written: Vec<_> = sandbox.written().into_iter().map(|file| (file.path, file.bytes)).collect();
        assert_eq!(written, [("out".to_owned(), 2)]);
        assert_eq!(sandbox.files("$work").unwrap(), ["altered", "in/data", "out"]);
        drop(sandbox);
        assert!(!root.exists());
    }

    #[test]
    fn a_file_is_removed_from_its_own_directory_only() {
        let (directory, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut sandbox = Sandbox::create(&WorkPlace::open(directory.path()), "check", false).unwrap();
        sandbox.place("$work/in/data", b"1").unwrap();
        sandbox.remove("$work/in/data").unwrap();
        assert_eq!(sandbox.files("$work").unwrap(), <[&str; 0]>::default());
        let refused = sandbox.remove("$work/in/data").unwrap_err();
        assert_eq!(refused.kind, RefusalKind::NotFound);
        fs::write(theirs.path().join("data"), b"2").unwrap();
        std::os::unix::fs::symlink(theirs.path(), sandbox.path("$work/out").unwrap()).unwrap();
        assert!(sandbox.remove("$work/out/data").is_err() && theirs.path().join("data").exists());
    }

    #[test]
    fn what_cannot_be_listed_or_read_is_written_too() {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::create(&WorkPlace::open(directory.path()), "check", false).unwrap();
        // Longer than a path can be.
        let name = "d".repeat(200);
        let mut last = sandbox.directory.try_clone().unwrap();
        for _ in 0..25 {
            last = create_directory_in(&last, &name).unwrap();
        }
        fs::write(sandbox.path("$work/out").unwrap(), b"22").unwrap();
        let written = sandbox.written();
        assert_eq!((written[0].path.as_str(), written[0].bytes, written.len()), ("out", 2, 2), "{written:?}");
        assert!(written[1].path.starts_with(&name) && written[1].path.ends_with('/'), "{written:?}");
        assert!(written[1].sha256.starts_with("cannot be listed"), "{written:?}");
        drop(sandbox);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
