//! The protected files of a plan, as they were when a run began.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::RunTimestamp;

/// The implementation's files, which a red phase must not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Protected {
    /// The paths and globs of the plan and of the command line, sorted.
    pub patterns: Vec<String>,
    /// The files that they mean, by path relative to the directory of the run. A pattern without a file is in it as
    /// missing.
    pub files: BTreeMap<String, ProtectedFile>,
    /// What changed since the previous attempt at the plan; None if there was none with protected files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ProtectedChange>,
}

/// One protected file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProtectedFile {
    /// A regular file, with its SHA-256 in hexadecimal.
    Sha256(String),
    /// A symbolic link, which is not followed, with the SHA-256 of its target's path.
    Link(String),
    /// Neither a file nor a link nor a directory.
    Special,
    /// It did not exist.
    Missing,
}

/// The protected files that changed between two attempts at a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProtectedChange {
    /// The report of the previous attempt.
    pub since: RunTimestamp,
    /// The paths of the files; empty if nothing changed.
    pub files: Vec<String>,
}

impl Protected {
    /// The paths of files that differ from those of an earlier attempt. If its patterns were others, only files that
    /// both name are compared.
    pub fn changed_since(&self, earlier: &Self) -> Vec<String> {
        let same_patterns = self.patterns == earlier.patterns;
        let is_changed = |path: &&String| match (self.files.get(*path), earlier.files.get(*path)) {
            (Some(now), Some(then)) => now != then,
            (Some(_) | None, None) | (None, Some(_)) => same_patterns,
        };
        let mut paths: Vec<&String> =
            self.files.keys().chain(earlier.files.keys()).filter(is_changed).collect();
        paths.sort();
        paths.dedup();
        // A pattern that had no file and has some now is not a file itself.
        let is_file = |path: &&String| {
            let was_file = |files: &BTreeMap<String, ProtectedFile>| {
                files.get(*path).is_some_and(|file| *file != ProtectedFile::Missing)
            };
            was_file(&self.files) || was_file(&earlier.files)
        };
        paths.into_iter().filter(is_file).cloned().collect()
    }
}

impl ProtectedChange {
    /// Whether any file changed.
    pub fn is_any(&self) -> bool {
        !self.files.is_empty()
    }
}

/// `protected files changed since 2025-10-17T112849Z: src/store.py, src/load.py`.
impl fmt::Display for ProtectedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let shown: Vec<&str> = self.files.iter().take(SHOWN).map(String::as_str).collect();
        write!(f, "protected files changed since {}: {}", self.since, shown.join(", "))?;
        match self.files.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProtectedFile::{Missing, Sha256};

    fn of(patterns: &[&str], files: &[(&str, ProtectedFile)]) -> Protected {
        Protected {
            patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
            files: files.iter().map(|(path, file)| ((*path).to_owned(), file.clone())).collect(),
            change: None,
        }
    }

    fn sha(text: &str) -> ProtectedFile {
        Sha256(text.to_owned())
    }

    #[test]
    fn changed_added_and_removed_files_are_named() {
        let then = of(&["src"], &[("src/a", sha("1")), ("src/b", sha("2")), ("src/c", sha("3"))]);
        let now = of(&["src"], &[("src/a", sha("1")), ("src/b", sha("9")), ("src/d", sha("4"))]);
        assert_eq!(now.changed_since(&then), ["src/b", "src/c", "src/d"]);
        assert_eq!(now.changed_since(&now), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_was_missing_and_is_there_has_changed() {
        let then = of(&["src/a"], &[("src/a", Missing)]);
        let now = of(&["src/a"], &[("src/a", sha("1"))]);
        assert_eq!(now.changed_since(&then), ["src/a"]);
        let then = of(&["*.py"], &[("*.py", Missing)]);
        let now = of(&["*.py"], &[("a.py", sha("1"))]);
        assert_eq!(now.changed_since(&then), ["a.py"], "the glob itself is not a file");
    }

    #[test]
    fn other_patterns_are_compared_where_both_look() {
        let then = of(&["src"], &[("src/a", sha("1")), ("src/b", sha("2"))]);
        let now = of(&["src/a", "lib"], &[("src/a", sha("9")), ("lib/c", sha("3"))]);
        assert_eq!(now.changed_since(&then), ["src/a"]);
    }

    #[test]
    fn many_files_are_counted() {
        let files: Vec<String> = (0..12).map(|number| format!("f{number}")).collect();
        let change =
            ProtectedChange { since: crate::harness::test_helpers::stamp("2025-10-17T112849Z"), files };
        assert!(change.to_string().ends_with("f8, f9 and 2 more"), "{change}");
    }
}
