//! Errors in suite files, with their position.

use std::{fmt, ops::Range, sync::Arc};

use super::position;

/// The longest word for which a known one is suggested, in bytes: the time to compare two words grows with both.
const MAX_WORD_BYTES: usize = 200;

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

/// Suggests the known word that is closest to a mistyped one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if word.len() > MAX_WORD_BYTES {
        return None;
    }
    let known = known.into_iter().filter(|known| known.len() <= MAX_WORD_BYTES);
    let close = known.map(|known| (strsim::damerau_levenshtein(word, known), known));
    // At most a third of the characters may be wrong; more is a different word.
    let allowed = (word.chars().count() / 3).max(1);
    let best = close.min().filter(|(distance, _)| *distance <= allowed);
    best.map(|(_, known)| format!("did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_close_word_is_suggested() {
        assert_eq!(nearest("eqal", ["equal", "subset"]).as_deref(), Some("did you mean `equal`?"));
        assert_eq!(nearest("banana", ["equal", "subset"]), None);
        let long = "e".repeat(MAX_WORD_BYTES);
        let (longer, longest) = (format!("{long}e"), format!("{long}ee"));
        assert!(nearest(&long, [long.as_str()]).is_some());
        assert_eq!(nearest(&longer, [long.as_str()]), None);
        assert_eq!(nearest(&long, [longest.as_str()]), None);
    }
}
