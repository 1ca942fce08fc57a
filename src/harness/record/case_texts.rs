//! The text of case files, for the reader of a report who does not have the suite.

use std::collections::BTreeMap;

use crate::{
    harness::runner::{Outcome, Verdict},
    text::beginning,
};

/// The longest text of one case file; the rest is cut: 64 KiB.
const MAX_CASE_TEXT_BYTES: usize = 64 * 1024;
/// The longest text of all case files in one report; a file that does not fit is left out: 2 MiB.
const MAX_CASE_TEXTS_BYTES: usize = 2 * 1024 * 1024;

/// The text of the case file of every outcome that needs an explanation, by file. `texts` are files with their texts,
/// cut or not.
///
/// A reader needs the case to understand its failure. The suite may have changed by then, so `results.json` keeps the
/// text as it was when the suite was loaded. Outcomes that meet their expectation and skipped checks do not need it, and
/// would make the file of a whole run several times as long.
pub fn case_texts<'a>(
    outcomes: &[Outcome],
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let texts: BTreeMap<&str, &str> = texts.into_iter().collect();
    let mut kept = BTreeMap::new();
    let mut bytes = 0_usize;
    for outcome in outcomes.iter().filter(|outcome| needs_explanation(outcome)) {
        let Some(text) = texts.get(outcome.file.as_str()) else { continue };
        if kept.contains_key(&outcome.file) {
            continue;
        }
        let text = beginning((*text).to_owned(), MAX_CASE_TEXT_BYTES);
        let with_text = bytes.saturating_add(text.len());
        if with_text <= MAX_CASE_TEXTS_BYTES {
            bytes = with_text;
            kept.insert(outcome.file.clone(), text);
        }
    }
    kept
}

fn needs_explanation(outcome: &Outcome) -> bool {
    !outcome.met_expectation() && outcome.verdict() != Verdict::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{
        runner::{Ended, Phase},
        test_helpers::{as_expected, unexpected},
    };

    #[test]
    fn only_cases_with_unexpected_outcomes_are_kept() {
        let unsupported = Ended::Unsupported { need: "torch".into() };
        let outcomes = [
            as_expected("a/passes", Phase::Green),
            unexpected("a/fails", Phase::Green),
            unexpected("a/fails", Phase::Green),
            Outcome { ended: unsupported, ..as_expected("a/skipped", Phase::Green) },
            unexpected("a/of_another_suite", Phase::Green),
        ];
        let files = ["cases/a/passes.toml", "cases/a/fails.toml", "cases/a/skipped.toml"];
        let kept = case_texts(&outcomes, files.map(|file| (file, "the text")));
        assert_eq!(kept, BTreeMap::from([("cases/a/fails.toml".into(), "the text".into())]));
    }

    #[test]
    fn texts_are_bounded() {
        let ids: Vec<String> = (0..40).map(|number| format!("a/{number}")).collect();
        let long = "x".repeat(MAX_CASE_TEXT_BYTES + 1);
        let outcomes: Vec<Outcome> = ids.iter().map(|id| unexpected(id, Phase::Green)).collect();
        let kept = case_texts(&outcomes, outcomes.iter().map(|own| (own.file.as_str(), long.as_str())));
        assert!(kept.values().all(|text| text.len() == MAX_CASE_TEXT_BYTES + " [cut]".len()));
        assert_eq!(kept.len(), 31);
        let again = case_texts(&outcomes, kept.iter().map(|(file, text)| (file.as_str(), text.as_str())));
        assert_eq!(again, kept);
    }
}
