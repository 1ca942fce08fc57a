//! What the Finder of macOS adds to an archive that it packs.

use super::Finding;

/// The directory of what a file has on macOS in addition to its content, and how the names in it begin.
const DIRECTORY: &str = "__MACOSX/";
const PREFIX: &str = "._";

/// The entry with the looks of a directory.
const LOOKS: &str = ".DS_Store";

/// What to do with an archive that has such entries.
pub(super) const ADVICE: &str =
    "the Finder of macOS left it, and no loader needs it; remove it: `zip -d FILE '__MACOSX/*' '*.DS_Store'`";

/// Whether the Finder adds an entry with this name.
pub(super) fn is_from_finder(entry: &str) -> bool {
    let name = entry.rsplit('/').next().unwrap_or_default();
    name == LOOKS || entry.starts_with(DIRECTORY) && name.starts_with(PREFIX)
}

/// A finding about an entry that nothing reads, with what to do if it is from the Finder.
pub(super) fn explained(finding: Finding) -> Finding {
    if finding.entry.as_deref().is_some_and(is_from_finder) { finding.advice(ADVICE) } else { finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_that_the_finder_gives_are_its_own() {
        for name in ["__MACOSX/._manifest.dill", "__MACOSX/ok/._data.pkl", ".DS_Store", "ok/.DS_Store"] {
            assert!(is_from_finder(name), "{name}");
        }
        for name in ["__MACOSX/data.pkl", "._data.pkl", "ok/__MACOSX/._a", "x.DS_Store", ""] {
            assert!(!is_from_finder(name), "{name}");
        }
    }
}
