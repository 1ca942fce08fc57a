//! What differs between an expected and an actual text.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::text::truncated;

/// The longest text that is compared word by word: 4 KiB. Comparing takes time with the square of it in the worst case.
const MAX_COMPARED_BYTES: usize = 4 * 1024;
/// The longest text that is shown, in characters; `results.json` has all of it.
const MAX_SHOWN_CHARS: usize = 8000;
/// The least share of common words for which differences are marked. Between texts with less in common, everything would
/// be marked.
const MIN_RATIO: f32 = 0.35;

/// Both texts in pieces that are in both or in one of them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct TextDifference {
    pub(super) expected: Vec<Piece>,
    pub(super) actual: Vec<Piece>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    /// Whether the other text does not have it.
    pub(super) changed: bool,
    pub(super) text: String,
}

impl TextDifference {
    /// Compares by words, and by lines where a text has several.
    pub(super) fn of(expected: &str, actual: &str) -> Self {
        // A carriage return would not be visible, although it may be all that differs.
        let [expected, actual] = [expected, actual].map(|text| text.replace('\r', "\\r"));
        let longest = expected.len().max(actual.len());
        if longest <= MAX_COMPARED_BYTES {
            let compared = TextDiff::from_words(&expected, &actual);
            if compared.ratio() >= MIN_RATIO {
                return Self::of_words(&compared);
            }
        }
        let whole = |text: &str| vec![Piece { changed: false, text: truncated(text, MAX_SHOWN_CHARS) }];
        Self { expected: whole(&expected), actual: whole(&actual) }
    }

    fn of_words<'t>(compared: &TextDiff<'t, 't, 't, str>) -> Self {
        let mut both = Self { expected: Vec::new(), actual: Vec::new() };
        for change in compared.iter_all_changes() {
            match change.tag() {
                ChangeTag::Equal => {
                    add(&mut both.expected, false, change.value());
                    add(&mut both.actual, false, change.value());
                }
                ChangeTag::Delete => add(&mut both.expected, true, change.value()),
                ChangeTag::Insert => add(&mut both.actual, true, change.value()),
            }
        }
        both
    }
}

/// Adds a word to a side, in one piece with what is before it where both are the same kind.
fn add(side: &mut Vec<Piece>, changed: bool, word: &str) {
    match side.last_mut() {
        Some(last) if last.changed == changed => last.text.push_str(word),
        Some(_) | None => side.push(Piece { changed, text: word.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(side: &[Piece]) -> String {
        side.iter()
            .map(|piece| if piece.changed { format!("[{}]", piece.text) } else { piece.text.clone() })
            .collect()
    }

    fn compared(expected: &str, actual: &str) -> (String, String) {
        let difference = TextDifference::of(expected, actual);
        (shown(&difference.expected), shown(&difference.actual))
    }

    #[test]
    fn words_that_one_side_lacks_are_marked() {
        assert_eq!(
            compared("params has N 64 and gridsize 2", "params has N 128 and gridsize 2"),
            ("params has N [64] and gridsize 2".into(), "params has N [128] and gridsize 2".into())
        );
    }

    #[test]
    fn texts_with_nothing_in_common_are_not_marked() {
        assert_eq!(compared("a file at $work", "nothing"), ("a file at $work".into(), "nothing".into()));
    }

    #[test]
    fn a_difference_in_line_ends_is_visible() {
        let (expected, actual) = compared("a b c d\n", "a b c d\r\n");
        assert_ne!(expected.trim(), actual.trim());
        assert!(actual.contains("\\r"), "{actual}");
    }

    #[test]
    fn long_texts_are_cut_and_not_compared() {
        let long = "word ".repeat(10_000);
        let difference = TextDifference::of(&long, &format!("{long}x"));
        assert_eq!(difference.expected.len(), 1);
        assert_eq!(shown(&difference.actual).chars().count(), MAX_SHOWN_CHARS);
    }
}
