//! Patterns of protected files: the implementation that a red phase must not change.

use globset::{Glob, GlobBuilder, GlobMatcher};

/// A path or glob of protected files, relative to the current directory.
#[derive(Clone, Debug)]
pub struct ProtectedPattern {
    /// The pattern as given.
    pub text: String,
    /// The part before the first component with a wildcard: the file or directory to look at.
    pub base: String,
    /// Which of the files below `base` are meant; None for a path, which means that file or all files of that directory.
    pub glob: Option<GlobMatcher>,
}

/// Reads a pattern such as `src/store.py`, `src` or `src/**/*.py`.
///
/// # Errors
/// When it is empty, is not below the current directory, or is not a valid glob.
pub fn protected_pattern(text: &str) -> Result<ProtectedPattern, String> {
    let expected = "expected a path or glob below the current directory, such as src/**/*.py";
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if text.contains(|c: char| c.is_control() || c == '\\') || !text.split('/').all(is_plain) {
        return Err(format!("invalid path {text:?}: {expected}"));
    }
    let is_wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let parts: Vec<&str> = text.split('/').collect();
    let fixed = parts.iter().take_while(|part| !is_wild(part)).count();
    let base = parts.get(..fixed).unwrap_or_default().join("/");
    let glob = (fixed < parts.len()).then(|| glob(text)).transpose();
    let glob = glob.map_err(|error| format!("invalid glob {text:?}: {error}"))?;
    Ok(ProtectedPattern { text: text.to_owned(), base, glob: glob.map(|glob| glob.compile_matcher()) })
}

fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("src/store.py", "src/store.py", false)]
    #[case("src", "src", false)]
    #[case("src/**/*.py", "src", true)]
    #[case("*.py", "", true)]
    fn a_pattern_is_a_path_or_a_glob(#[case] text: &str, #[case] base: &str, #[case] is_glob: bool) {
        let pattern = protected_pattern(text).unwrap();
        assert_eq!((pattern.base.as_str(), pattern.glob.is_some()), (base, is_glob));
    }

    #[rstest]
    #[case("")]
    #[case("/etc/passwd")]
    #[case("../other")]
    #[case("src/../../other")]
    #[case("./src")]
    #[case("src/")]
    #[case("a\\b")]
    #[case("src/[a")]
    fn anything_else_is_refused(#[case] text: &str) {
        let error = protected_pattern(text).unwrap_err();
        assert!(error.starts_with("invalid "), "{error}");
    }
}
