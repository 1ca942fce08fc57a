//! The work directory of one check.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{WrittenFile, file_states::MAX_READ_BYTES};
use crate::{
    fs_util::{files_below, remove_all, retried},
    harness::{
        outside::Outside,
        suite::{WORK, work_path},
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
    /// Next to it: the home and the temporary directory of the check.
    outside: Outside,
    keep: bool,
    /// Files that the harness put here or changed; they do not count as written by the implementation.
    placed: Vec<String>,
}

impl Sandbox {
    /// Creates the directory, which must not exist. Its parent is absolute and without links, as programs see it.
    pub(super) fn create(root: PathBuf, keep: bool) -> io::Result<Self> {
        retried(|| fs::create_dir(&root))?;
        let mut outside = root.clone().into_os_string();
        outside.push(".outside");
        let outside = Outside::create(outside.into())?;
        Ok(Self { root, outside, keep, placed: Vec::new() })
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
        let path = self.path(at)?;
        let directory = path.parent().unwrap_or(&self.root);
        let written = fs::create_dir_all(directory).and_then(|()| fs::write(&path, bytes));
        written.map_err(|error| format!("failed to write {at}: {error}"))?;
        self.claim(at)
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

    /// The files written by the implementation.
    pub(super) fn written(&self) -> Vec<WrittenFile> {
        let all = self.files(WORK).unwrap_or_default();
        let own = all.into_iter().filter(|path| !self.placed.contains(path));
        let described = own.filter_map(|path| {
            let (bytes, sha256) = describe(&self.root.join(&path)).ok()?;
            Some(WrittenFile { path, bytes, sha256 })
        });
        described.collect()
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
            let _ = self.outside.remove();
        }
        if !self.keep {
            let _ = remove_all(&self.root);
        }
    }
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
        let mut sandbox = Sandbox::create(root.clone(), false).unwrap();
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
}
