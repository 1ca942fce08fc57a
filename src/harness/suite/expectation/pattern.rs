//! Regular expressions in case files.

use regex_lite::Regex;
use serde::Deserialize;

/// A regular expression that some texts do not match.
///
/// Matching takes time linear in the text, whatever the expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether it matches anywhere in this text.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As the case file spells it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let regex =
            Regex::new(&text).map_err(|error| format!("invalid regular expression {text:?}: {error}"))?;
        if regex.is_match("") && regex.is_match("-") {
            return Err(format!("the regular expression {text:?} matches every text, so this always holds"));
        }
        Ok(Self(regex))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_is_invalid_or_matches_every_text_is_refused() {
        let read = |text: &str| Pattern::try_from(text.to_owned());
        assert!(
            read("^N = [0-9]+$").is_ok_and(|pattern| pattern.is_in("N = 64") && !pattern.is_in("n = 64"))
        );
        assert!(read("^$").is_ok_and(|pattern| pattern.is_in("") && !pattern.is_in("a")));
        assert!(read("").is_err_and(|error| error.contains("matches every text")));
        assert!(read(".*").is_err_and(|error| error.contains("matches every text")));
        assert!(read("(").is_err_and(|error| error.contains("invalid regular expression")));
    }
}
