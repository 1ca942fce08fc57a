//! The names of a report's files.

use crate::harness::runner::Phase;

/// What was run and seen; everything rendered follows from it.
pub const RESULTS: &str = "results.json";
/// The same for programs that read JUnit.
pub const JUNIT: &str = "junit.xml";
/// The overview for a person.
pub const SUMMARY: &str = "summary.md";
/// What the run was made with.
pub const ENVIRONMENT: &str = "environment.json";
/// What was going to run.
pub const INVENTORY: &str = "inventory.json";
/// The report's place among the others.
pub const CHAIN: &str = "chain.json";
/// The digest of every other file, as `sha256sum` writes it.
pub const SUMS: &str = "SHA256SUMS";

/// The file that a plan names: `phase_d4_red_persistence.log`.
pub fn plan_file(plan: &str, phase: Phase, word: &str, extension: &str) -> String {
    format!("{}_{}_{}.{extension}", file_word(plan), phase.word(), file_word(word))
}

/// The log of an area that no plan names a log for: `red_persistence.log`.
pub(crate) fn area_log(phase: Phase, area: &str) -> String {
    format!("{}_{}.log", phase.word(), file_word(area))
}

/// A word that cannot lead out of its directory, whatever it was.
fn file_word(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    text.chars()
        .take(MAX_FILE_WORD_CHARS)
        .map(|character| if plain(character) { character } else { '_' })
        .collect()
}

/// Two words and what stands between them fit into the 255 bytes of a file name.
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
    fn no_name_leads_out_of_the_report() {
        assert_eq!(plan_file("../..", Phase::Red, "/etc/x\0", "md"), "______red__etc_x_.md");
        assert_eq!(area_log(Phase::Red, &"a".repeat(300)).len(), "red_.log".len() + MAX_FILE_WORD_CHARS);
    }
}
