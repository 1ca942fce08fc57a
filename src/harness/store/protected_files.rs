//! Reads the protected files of a plan, and finds those of its previous attempt.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use super::{IoError, place::chains, read_report, sums::sha256};
use crate::{
    harness::{
        record::{Chain, Protected, ProtectedChange, ProtectedFile, RunTimestamp},
        suite::{ProtectedPattern, protected_pattern},
    },
    value::digest::digest_of,
};

/// The most protected files of one run: 10,000.
pub const MAX_PROTECTED_FILES: usize = 10_000;
/// The most directory entries that a glob is compared with: 200,000.
const MAX_ENTRIES: usize = 200_000;
/// The most bytes of all protected files of one run: 1 GiB.
const MAX_PROTECTED_BYTES: u64 = 1024 * 1024 * 1024;
/// The deepest nesting of directories below a pattern.
const MAX_DEPTH: usize = 32;
/// Directories that are skipped: tests write to them, and people do not edit them.
const NOT_SOURCES: [&str; 2] = [".git", "__pycache__"];

/// Why protected files cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ProtectedError {
    /// A pattern is invalid.
    #[error("{0}")]
    Pattern(String),
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// A limit was reached.
    #[error("protected pattern {pattern:?} matches more than {limit}; use a narrower pattern")]
    TooMuch {
        /// The pattern.
        pattern: String,
        /// The limit, with its unit.
        limit: String,
    },
}

/// The digests of the files that these paths and globs mean, relative to `root`. Symbolic links are not followed.
///
/// # Errors
/// When a pattern is invalid, a file cannot be read, or a limit is reached.
pub fn read_protected(root: &Path, patterns: &[String]) -> Result<Protected, ProtectedError> {
    let mut found = Found { files: BTreeMap::new(), entries: 0, bytes: 0, matched: false };
    let mut sorted = patterns.to_vec();
    sorted.sort();
    sorted.dedup();
    for text in &sorted {
        let pattern = protected_pattern(text).map_err(ProtectedError::Pattern)?;
        found.matched = false;
        found.look(root, &pattern)?;
        if !found.matched {
            found.count(&pattern)?;
            found.files.insert(text.clone(), ProtectedFile::Missing);
        }
    }
    Ok(Protected { patterns: sorted, files: found.files, change: None })
}

/// What changed in these files since the previous attempt at a plan in a store; None if there is none, or it had no
/// protected files.
///
/// # Errors
/// When the store cannot be listed, or the report of that attempt is corrupt.
pub fn change_since_previous(
    reports: &Path,
    plan: &str,
    protected: &Protected,
) -> Result<Option<ProtectedChange>, String> {
    let Some(since) = newest_attempt(reports, plan).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let report = read_report(&reports.join(since.to_string()));
    let report = report.map_err(|why| format!("report {since} is corrupt: {why}"))?;
    let change = |earlier: Protected| ProtectedChange { since, files: protected.changed_since(&earlier) };
    Ok(report.run.protected.map(change))
}

/// The report of the newest attempt at a plan. Entries that are not reports are ignored: the reader of the store names
/// them.
fn newest_attempt(reports: &Path, plan: &str) -> Result<Option<RunTimestamp>, IoError> {
    if !reports.exists() {
        return Ok(None);
    }
    let of_plan = |chain: &&Chain| chain.attempt.as_ref().is_some_and(|own| own.plan == plan);
    Ok(chains(reports)?.iter().rev().find(of_plan).map(|chain| chain.stamp))
}

struct Found {
    files: BTreeMap<String, ProtectedFile>,
    entries: usize,
    bytes: u64,
    /// Whether the current pattern names any file, also one of an earlier pattern.
    matched: bool,
}

impl Found {
    fn look(&mut self, root: &Path, pattern: &ProtectedPattern) -> Result<(), ProtectedError> {
        // A link on the way is recorded instead of what is behind it.
        let mut so_far = String::new();
        for part in pattern.base.split('/').filter(|part| !part.is_empty()) {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(part);
            let path = root.join(&so_far);
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() || (so_far == pattern.base && pattern.glob.is_none()) => {
                    return self.add(root, &so_far, pattern);
                }
                // A file on the way has nothing below it.
                Ok(_) => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Ok(());
                }
                Err(source) => return Err(IoError { doing: "look at", path, source }.into()),
            }
        }
        self.walk(root, &so_far, pattern, MAX_DEPTH)
    }

    fn walk(
        &mut self,
        root: &Path,
        directory: &str,
        pattern: &ProtectedPattern,
        depth: usize,
    ) -> Result<(), ProtectedError> {
        if depth == 0 {
            return Err(too_much(pattern, format!("{MAX_DEPTH} nested directories")));
        }
        let place = root.join(directory);
        for entry in fs::read_dir(&place).map_err(IoError::when("list", &place))? {
            let entry = entry.map_err(IoError::when("list", &place))?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(too_much(pattern, format!("{MAX_ENTRIES} directory entries")));
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            let kind = entry.file_type().map_err(IoError::when("look at", &entry.path()))?;
            if kind.is_dir() {
                if !NOT_SOURCES.contains(&name.as_str()) {
                    self.walk(root, &path, pattern, depth - 1)?;
                }
            } else if pattern.glob.as_ref().is_none_or(|glob| glob.is_match(&path)) {
                self.add(root, &path, pattern)?;
            }
        }
        Ok(())
    }

    /// Whether another entry is within the limit.
    fn count(&self, pattern: &ProtectedPattern) -> Result<(), ProtectedError> {
        if self.files.len() >= MAX_PROTECTED_FILES {
            return Err(too_much(pattern, format!("{MAX_PROTECTED_FILES} files")));
        }
        Ok(())
    }

    fn add(&mut self, root: &Path, path: &str, pattern: &ProtectedPattern) -> Result<(), ProtectedError> {
        self.matched = true;
        if self.files.contains_key(path) {
            return Ok(());
        }
        self.count(pattern)?;
        let place = root.join(path);
        let found = place.symlink_metadata().map_err(IoError::when("look at", &place))?;
        let file = if found.is_symlink() {
            let target = place.read_link().map_err(IoError::when("read", &place))?;
            ProtectedFile::Link(sha256(target.to_string_lossy().as_bytes()))
        } else if found.is_file() {
            let left = MAX_PROTECTED_BYTES.saturating_sub(self.bytes);
            let (bytes, digest) = digest(&place, left).map_err(IoError::when("read", &place))?;
            self.bytes = self.bytes.saturating_add(bytes);
            if self.bytes > MAX_PROTECTED_BYTES {
                return Err(too_much(pattern, format!("{MAX_PROTECTED_BYTES} bytes")));
            }
            ProtectedFile::Sha256(digest)
        } else {
            ProtectedFile::Special
        };
        self.files.insert(path.to_owned(), file);
        Ok(())
    }
}

fn digest(path: &Path, limit: u64) -> io::Result<(u64, String)> {
    let (bytes, digest) = digest_of(fs::File::open(path)?.take(limit.saturating_add(1)))?;
    Ok((bytes, digest.to_string()))
}

fn too_much(pattern: &ProtectedPattern, limit: String) -> ProtectedError {
    ProtectedError::TooMuch { pattern: pattern.text.clone(), limit }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("src/a.py", "1"),
            ("src/sub/b.py", "2"),
            ("src/sub/c.txt", "3"),
            ("src/__pycache__/a.pyc", "4"),
            ("other.py", "5"),
        ] {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place
    }

    fn read(place: &tempfile::TempDir, patterns: &[&str]) -> BTreeMap<String, ProtectedFile> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        read_protected(place.path(), &patterns).unwrap().files
    }

    fn names(files: &BTreeMap<String, ProtectedFile>) -> Vec<&str> {
        files.keys().map(String::as_str).collect()
    }

    #[test]
    fn paths_directories_and_globs_name_files() {
        let place = place();
        assert_eq!(names(&read(&place, &["src"])), ["src/a.py", "src/sub/b.py", "src/sub/c.txt"]);
        assert_eq!(
            names(&read(&place, &["src/**/*.py", "other.py"])),
            ["other.py", "src/a.py", "src/sub/b.py"]
        );
        assert_eq!(names(&read(&place, &["*.py"])), ["other.py"]);
        assert_eq!(read(&place, &["src/a.py"])["src/a.py"], ProtectedFile::Sha256(sha256(b"1")));
    }

    #[test]
    fn what_does_not_exist_is_recorded_as_missing() {
        let place = place();
        for pattern in ["gone.py", "lib/*.py", "src/a.py/b", "src/a.py/*.py"] {
            assert_eq!(read(&place, &[pattern])[pattern], ProtectedFile::Missing, "{pattern}");
            let files = read(&place, &[pattern, "src"]);
            let missing = files.iter().filter(|(_, file)| **file == ProtectedFile::Missing);
            assert_eq!(missing.map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [pattern]);
            assert_eq!(read(&place, &[pattern]).len(), 1, "{pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_recorded_and_not_followed() {
        use std::os::unix::fs::symlink;
        let (place, elsewhere) = (place(), place());
        symlink(elsewhere.path().join("src"), place.path().join("link")).unwrap();
        symlink("a.py", place.path().join("src/linked.py")).unwrap();
        let files = read(&place, &["link/sub", "src/linked.py"]);
        assert_eq!(names(&files), ["link", "src/linked.py"]);
        assert!(files.values().all(|file| matches!(file, ProtectedFile::Link(_))), "{files:?}");
        let before = files["src/linked.py"].clone();
        fs::remove_file(place.path().join("src/linked.py")).unwrap();
        symlink("sub/b.py", place.path().join("src/linked.py")).unwrap();
        assert_ne!(read(&place, &["src/linked.py"])["src/linked.py"], before);
    }

    #[test]
    fn too_many_files_are_an_error() {
        let place = place();
        let folder = place.path().join("many");
        fs::create_dir(&folder).unwrap();
        (0..=MAX_PROTECTED_FILES).for_each(|number| fs::write(folder.join(number.to_string()), "").unwrap());
        let error = read_protected(place.path(), &["many".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "protected pattern \"many\" matches more than 10000 files; use a narrower pattern");
    }
}
