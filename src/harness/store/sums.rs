//! Shared by the reader and the writer: directory listings, digests, bounded reads, `SHA256SUMS`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{fs_util::entries, value::Digest};

/// A failed operation on a file or directory.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing} {}: {source}", path.display())]
pub struct IoError {
    /// The operation, as a verb: `read`.
    pub doing: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

impl IoError {
    /// Adds the operation and the path to an error.
    pub(crate) fn when(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { doing, path: path.to_owned(), source }
    }

    /// A file that is longer than what is read of it.
    pub(super) fn too_long(path: &Path, limit: u64) -> Self {
        Self::invalid("read", path, format!("longer than the limit of {limit} bytes"))
    }

    fn invalid(doing: &'static str, path: &Path, why: impl Into<String>) -> Self {
        Self { doing, path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, why.into()) }
    }
}

/// The deepest nesting of directories; reports need less.
const MAX_DEPTH: usize = 16;

/// The files below a directory, by relative path with `/`. A symbolic link, a device, or a name that a line of
/// `SHA256SUMS` cannot represent is an error: reports contain none.
pub(crate) fn files_below(directory: &Path) -> Result<BTreeMap<String, PathBuf>, IoError> {
    let mut files = BTreeMap::new();
    collect(directory, "", MAX_DEPTH, &mut files)?;
    Ok(files)
}

fn collect(
    directory: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), IoError> {
    let list = "list";
    if depth == 0 {
        return Err(IoError::invalid(list, directory, "directories are nested too deep"));
    }
    for entry in entries(directory).map_err(IoError::when(list, directory))? {
        let path = entry.path();
        let kind = entry.file_type().map_err(IoError::when(list, &path))?;
        let name = entry.file_name().into_string().ok();
        let plain = name.filter(|name| !name.contains(|c: char| c.is_control() || c == '\\'));
        let Some(name) = plain.map(|name| format!("{prefix}{name}")) else {
            return Err(IoError::invalid(list, &path, "unsupported characters in the file name"));
        };
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), depth - 1, files)?;
        } else if kind.is_file() {
            files.insert(name, path);
        } else {
            return Err(IoError::invalid(list, &path, "neither a file nor a directory"));
        }
    }
    Ok(())
}

/// Reads a file of at most `limit` bytes. Only regular files are opened: a pipe would never end.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, IoError> {
    if !path.symlink_metadata().map_err(IoError::when("look at", path))?.is_file() {
        return Err(IoError::invalid("read", path, "not a regular file"));
    }
    let file = File::open(path).map_err(IoError::when("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(IoError::when("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(IoError::too_long(path, limit));
    }
    Ok(bytes)
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// The contents of `SHA256SUMS` for these files, from path to digest.
pub fn write_sums(sums: &BTreeMap<String, String>) -> String {
    sums.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}

/// Parses `SHA256SUMS`; accepts only the exact format of [`write_sums`].
pub(crate) fn read_sums(text: &str) -> Option<BTreeMap<String, String>> {
    let entry = |line: &str| line.split_once("  ").map(|(digest, path)| (path.to_owned(), digest.to_owned()));
    let sums: BTreeMap<String, String> = text.lines().map(entry).collect::<Option<_>>()?;
    let is_digest = |digest: &String| {
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    (sums.values().all(is_digest) && write_sums(&sums) == text).then_some(sums)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn digests_are_in_hexadecimal() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_file_longer_than_the_limit_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        let error = read_bounded(&path, 4).unwrap_err().to_string();
        assert!(error.ends_with("longer than the limit of 4 bytes"), "{error}");
        let error = read_bounded(directory.path(), 4).unwrap_err().to_string();
        assert!(error.ends_with("not a regular file"), "{error}");
    }

    #[test]
    fn sums_are_accepted_in_one_format_only() {
        let sums = BTreeMap::from([("a b".to_owned(), sha256(b"1")), ("c/d".to_owned(), sha256(b"2"))]);
        let text = write_sums(&sums);
        assert_eq!(read_sums(&text), Some(sums));
        let reversed: String = text.lines().rev().map(|line| format!("{line}\n")).collect();
        let twice = format!("{text}{text}");
        let cut = text.trim_end();
        let upper = text.to_uppercase();
        for other in [reversed.as_str(), twice.as_str(), upper.as_str(), cut, "no  digest\n", "\n"] {
            assert_eq!(read_sums(other), None, "{other:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_unprintable_names_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("failed")).unwrap();
        fs::write(directory.path().join("failed/x"), "").unwrap();
        assert_eq!(files_below(directory.path()).unwrap().into_keys().collect::<Vec<_>>(), ["failed/x"]);
        for name in ["new\nline", "back\\slash"] {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            assert!(files_below(directory.path()).is_err(), "{name}");
            fs::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink("failed/x", directory.path().join("link")).unwrap();
        let error = files_below(directory.path()).unwrap_err().to_string();
        assert!(error.ends_with("neither a file nor a directory"), "{error}");
    }
}
