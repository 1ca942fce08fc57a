//! Workflow commands of GitHub Actions: lines such as `::error title=T::message`, which the runner takes from standard
//! output and standard error.

use std::{borrow::Cow, fmt};

/// Whether this program runs in a step of GitHub Actions.
pub(super) fn is_active() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// An annotation of a run or of a line of a file.
pub(super) struct Annotation {
    pub(super) level: Level,
    /// The file, relative to the top of the repository, and the line from 1.
    pub(super) place: Option<(String, usize)>,
    pub(super) title: String,
    pub(super) message: String,
}

/// How an annotation is shown.
#[derive(Clone, Copy)]
pub(super) enum Level {
    Error,
    Notice,
}

/// One line, without a line break.
impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Notice => "notice",
        };
        write!(f, "::{level} ")?;
        if let Some((file, line)) = &self.place {
            write!(f, "file={},line={line},", property(file))?;
        }
        write!(f, "title={}::{}", property(&self.title), data(&self.message))
    }
}

/// A text that the runner takes for no command. It recognizes `::` at the start of a line, after spaces, and `##[`
/// anywhere. What replaces them means the same inside of a JSON string.
pub(super) fn inert(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    // The runner may end a line at any of these.
    if !text.split(['\n', '\r']).any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut inert = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive(['\n', '\r']) {
        let line = line.replace("##[", r"#\u0023[");
        let start = line.trim_start();
        match start.strip_prefix("::") {
            Some(rest) => {
                inert.push_str(line.strip_suffix(start).unwrap_or_default());
                inert.push_str(r"\u003a:");
                inert.push_str(rest);
            }
            None => inert.push_str(&line),
        }
    }
    Cow::Owned(inert)
}

/// The message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn shown(place: Option<(&str, usize)>, title: &str, message: &str) -> String {
        let place = place.map(|(file, line)| (file.to_owned(), line));
        let (title, message) = (title.to_owned(), message.to_owned());
        Annotation { level: Level::Error, place, title, message }.to_string()
    }

    #[test]
    fn an_annotation_is_one_command_whatever_its_text() {
        assert_eq!(shown(Some(("a/b.toml", 9)), "t", "m"), "::error file=a/b.toml,line=9,title=t::m");
        let hostile = "x::error::y\n::error::z\r,line=1%0A";
        assert_eq!(
            shown(Some((hostile, 1)), hostile, hostile),
            "::error file=x%3A%3Aerror%3A%3Ay%0A%3A%3Aerror%3A%3Az%0D%2Cline=1%250A,line=1,\
             title=x%3A%3Aerror%3A%3Ay%0A%3A%3Aerror%3A%3Az%0D%2Cline=1%250A::\
             x::error::y%0A::error::z%0D,line=1%250A"
        );
    }

    #[rstest]
    #[case::plain("a::b\n  c: d\n", "a::b\n  c: d\n")]
    #[case::first("::error::x", r"\u003a:error::x")]
    #[case::indented("a\n \t::add-mask::x\nb", "a\n \t\\u003a:add-mask::x\nb")]
    #[case::carriage_return("a\r::error::x", "a\r\\u003a:error::x")]
    #[case::older("a ##[error]x", r"a #\u0023[error]x")]
    #[case::three("###[error]", r"##\u0023[error]")]
    #[case::both("::a\n##[b]", "\\u003a:a\n#\\u0023[b]")]
    fn no_line_of_an_inert_text_is_a_command(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(inert(text), expected);
        assert_eq!(inert(expected), expected);
    }
}
