//! Results of other test runners in a report.

use serde::{Deserialize, Serialize};

/// The folder of a report that holds copies of imported files.
const IMPORTED: &str = "imported";

/// The files from which the outcomes of a run were imported, in the order of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The JUnit files.
    pub junit: Vec<ImportedFile>,
    /// The logs that belong to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<ImportedFile>,
}

/// A file that was copied into the report. Its digest is in `SHA256SUMS`, as that of every file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportedFile {
    /// The copy, relative to the report: `imported/junit.xml`.
    pub name: String,
    /// The name of the original, without its directory.
    pub original: String,
}

impl Imported {
    /// All copies.
    pub fn files(&self) -> impl Iterator<Item = &ImportedFile> {
        self.junit.iter().chain(&self.logs)
    }
}

/// The name of the copy of the n-th file, from 1, which no other copy has: `imported/2_junit.xml`.
pub fn copy_name(number: usize, original: &str) -> String {
    const MAX_NAME_CHARS: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = original.chars().take(MAX_NAME_CHARS).map(|c| if plain(c) { c } else { '_' });
    format!("{IMPORTED}/{number}_{}", name.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_distinct_names_inside_of_their_folder() {
        assert_eq!(copy_name(1, "junit.xml"), "imported/1_junit.xml");
        assert_eq!(copy_name(2, "../j\u{1b} x.xml"), "imported/2_.._j__x.xml");
        assert_eq!(copy_name(3, &"a".repeat(300)).len(), "imported/3_".len() + 100);
    }
}
