//! File names of a report.

use crate::harness::runner::Phase;

/// The outcomes of a run; all rendered files are derived from it.
pub const RESULTS: &str = "results.json";
/// The results for programs that read JUnit.
pub const JUNIT: &str = "junit.xml";
/// The wall time of each check, kept apart from the results.
pub const DURATIONS: &str = "durations.json";
/// The results for a browser.
pub const REPORT: &str = "report.html";
/// The kill matrix of a proof.
pub const MATRIX_JSON: &str = "matrix.json";
/// The kill matrix of a proof, for people.
pub const MATRIX_MARKDOWN: &str = "matrix.md";
/// The overview for people.
pub const SUMMARY: &str = "summary.md";
/// The environment of the run.
pub const ENVIRONMENT: &str = "environment.json";
/// The planned checks.
pub const INVENTORY: &str = "inventory.json";
/// The position of the report in its store.
pub const CHAIN: &str = "chain.json";
/// The digest of every other file, in the format of `sha256sum`.
pub const SUMS: &str = "SHA256SUMS";

/// A file of a plan: `phase_d4_red_persistence.log`.
pub fn plan_file(plan: &str, phase: Phase, word: &str, extension: &str) -> String {
    format!("{}_{}_{}.{extension}", file_word(plan), phase.as_str(), file_word(word))
}

/// The log of an area, for outcomes outside of the plan: `red_persistence.log`.
pub(crate) fn area_log(phase: Phase, area: &str) -> String {
    format!("{}_{}.log", phase.as_str(), file_word(area))
}

/// Replaces every character that is not safe in a file name.
fn file_word(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    text.chars()
        .take(MAX_FILE_WORD_CHARS)
        .map(|character| if plain(character) { character } else { '_' })
        .collect()
}

/// Two parts and the text between them fit into the 255 bytes of a file name.
const MAX_FILE_WORD_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_its_files() {
        assert_eq!(plan_file("phase_d4", Phase::Red, "persistence", "log"), "phase_d4_red_persistence.log");
        assert_eq!(area_log(Phase::Green, "bundle-io"), "green_bundle-io.log");
    }

    #[test]
    fn file_names_cannot_leave_the_report() {
        assert_eq!(plan_file("../..", Phase::Red, "/etc/x\0", "md"), "______red__etc_x_.md");
        assert_eq!(area_log(Phase::Red, &"a".repeat(300)).len(), "red_.log".len() + MAX_FILE_WORD_CHARS);
    }
}
