//! Errors in suite files, with their position.

use std::{fmt, ops::Range, sync::Arc};

/// An error in a suite file, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteError {
    /// The file, relative to the suite.
    pub file: String,
    /// The file's text, from which an excerpt is shown.
    pub text: Arc<str>,
    /// The byte range of the error; empty at 0 for the whole file.
    pub span: Range<usize>,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

impl SuiteError {
    /// Line and column, both from 1; the column counts characters.
    pub fn position(&self) -> (usize, usize) {
        position(&self.text, self.span.start)
    }
}

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for SuiteError {}

/// Line and column, both from 1, of a byte offset.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

/// Suggests the known word that is closest to a mistyped one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let close = known.into_iter().map(|known| (strsim::damerau_levenshtein(word, known), known));
    // At most a third of the characters may be wrong; more is a different word.
    let allowed = (word.chars().count() / 3).max(1);
    let best = close.min().filter(|(distance, _)| *distance <= allowed);
    best.map(|(_, known)| format!("did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        assert_eq!(position("a\nüb\nc", 0), (1, 1));
        assert_eq!(position("a\nüb\nc", 4), (2, 2));
        assert_eq!(position("a\nüb\nc", 99), (3, 2));
    }

    #[test]
    fn only_a_close_word_is_suggested() {
        assert_eq!(nearest("eqal", ["equal", "subset"]).as_deref(), Some("did you mean `equal`?"));
        assert_eq!(nearest("banana", ["equal", "subset"]), None);
    }
}
