//! What a failure in a JUnit file says: the exception, its message, and where it was raised.

use crate::harness::runner::{SourceLine, simple_name};

/// The parts of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) exception: Option<String>,
    pub(super) message: String,
    pub(super) raised_at: Option<SourceLine>,
}

/// Reads the attributes and the text of `<failure>`.
///
/// JUnit leaves open where the name of the exception is. Java writes it as the type. pytest writes no type, but ends its
/// text with `test_io.py:5: AssertionError`, and begins the message with the name unless an assertion has no message.
/// If the places disagree, the exception is unknown: a message may quote the failure of something else.
/// Rust has no exceptions: a panic is an `assertion` if its message is that of `assert!`, and otherwise a `panic`.
pub(super) fn parse(kind: Option<&str>, message: &str, text: &str) -> Failure {
    if let Some(panic) = panic(message, text) {
        return panic;
    }
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).and_then(place);
    let last = last.or_else(|| text.lines().rev().find_map(frame).map(|place| (place, String::new())));
    let from_kind = kind.filter(|kind| is_name(kind));
    let from_message = || message.split([':', '\n']).next().map(str::trim).filter(|name| is_name(name));
    let assertion = || message.trim_start().starts_with("assert ").then_some("AssertionError");
    let (raised_at, from_text) = last.map_or((None, None), |(place, name)| (Some(place), Some(name)));
    let from_text = from_text.filter(|name| !name.is_empty());
    let stated = from_kind.or_else(|| assertion().or_else(from_message));
    let disagree = matches!((stated, &from_text), (Some(a), Some(b)) if simple_name(a) != simple_name(b));
    let exception = stated.map(str::to_owned).or(from_text).filter(|_| !disagree);
    Failure { exception, message: message.to_owned(), raised_at: raised_at.filter(|_| !disagree) }
}

/// `thread 'tests::loads' (12) panicked at src/lib.rs:8:9`, with the message in the next lines of the text.
fn panic(message: &str, text: &str) -> Option<Failure> {
    let is_head = |line: &&str| line.starts_with("thread '") && line.contains(" panicked at ");
    let head = message.lines().find(is_head)?;
    let raised_at = head.split_once(" panicked at ").and_then(|(_, place)| {
        let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
        let line = parts.nth(1)?.parse().ok()?;
        Some(SourceLine { file: parts.next()?.to_owned(), line })
    });
    let said = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let said = said.take_while(|line| !line.starts_with("stack backtrace:") && !line.starts_with("note: "));
    let message = said.collect::<Vec<_>>().join("\n").trim().to_owned();
    let exception = if message.starts_with("assertion ") { "assertion" } else { "panic" };
    Some(Failure { exception: Some(exception.to_owned()), message, raised_at })
}

/// `test_io.py:5: AssertionError`.
fn place(line: &str) -> Option<(SourceLine, String)> {
    let (place, name) = line.trim().rsplit_once(": ")?;
    let (file, number) = place.rsplit_once(':')?;
    let line = number.parse().ok().filter(|_| is_name(name))?;
    Some((SourceLine { file: file.to_owned(), line }, name.to_owned()))
}

/// A line of a shorter traceback: `test_io.py:5: in test_x`, or `File "test_io.py", line 5, in test_x`.
fn frame(line: &str) -> Option<SourceLine> {
    let native = line.trim().strip_prefix("File \"").and_then(|rest| rest.split_once("\", line "));
    let (file, number) = match native {
        Some((file, rest)) => (file, rest.split(',').next()?),
        None => line.split_once(": in ")?.0.rsplit_once(':')?,
    };
    Some(SourceLine { file: file.to_owned(), line: number.parse().ok()? })
}

/// Whether a text could be the name of an exception.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::pytest(
        None, "AttributeError: no 'save'", "E   AttributeError\n\nt/test_io.py:6: AttributeError",
        Some("AttributeError"), Some(("t/test_io.py", 6))
    )]
    #[case::bare_assertion(None, "assert 1 == 2", "E\n\ntest_io.py:9: AssertionError\n", Some("AssertionError"), Some(("test_io.py", 9)))]
    #[case::short_traceback(
        None,
        "KeyError: 'N'",
        "t.py:6: in test_x\n    x['N']\nE   KeyError: 'N'",
        Some("KeyError"),
        Some(("t.py", 6))
    )]
    #[case::native_traceback(
        None,
        "AssertionError: no file",
        "  File \"/t/t.py\", line 6, in test_x\n    help()\n  File \"/t/h.py\", line 2, in help\nAssertionError: no file",
        Some("AssertionError"),
        Some(("/t/h.py", 2))
    )]
    #[case::a_quoted_failure(
        None,
        "RuntimeError: said\nloader.py:5: NotImplementedError",
        "RuntimeError: said\nloader.py:5: NotImplementedError",
        None,
        None
    )]
    #[case::a_quoted_failure_in_a_short_traceback(
        None,
        "RuntimeError: said\nloader.py:5: NotImplementedError",
        "t.py:6: in test_x\nE   RuntimeError: said\nE   loader.py:5: NotImplementedError",
        None,
        None
    )]
    #[case::a_type_that_the_text_contradicts(
        Some("NotImplementedError"),
        "AttributeError: no",
        "t.py:5: AttributeError",
        None,
        None
    )]
    #[case::short_assertion(None, "assert 1 == 2", "", Some("AssertionError"), None)]
    #[case::java(
        Some("org.x.AssertionFailedError"),
        "expected: 1",
        "at a.B(C.java:3)",
        Some("org.x.AssertionFailedError"),
        None
    )]
    #[case::a_type_that_is_a_sentence(Some("test failure with exit code 1"), "it failed", "", None, None)]
    #[case::nothing(None, "", "", None, None)]
    fn the_exception_and_its_place_are_found(
        #[case] kind: Option<&str>,
        #[case] message: &str,
        #[case] text: &str,
        #[case] exception: Option<&str>,
        #[case] raised: Option<(&str, u32)>,
    ) {
        let found = parse(kind, message, text);
        let place = found.raised_at.as_ref().map(|place| (place.file.as_str(), place.line));
        assert_eq!((found.exception.as_deref(), place), (exception, raised));
    }

    #[rstest]
    #[case("assertion `left == right` failed: no file\n  left: 2\n right: 3", "assertion")]
    #[case("not yet implemented: no loader", "panic")]
    fn a_panic_has_its_message_in_the_text(#[case] said: &str, #[case] exception: &str) {
        let head = "thread 'tests::x' (12) panicked at src/lib.rs:8:9";
        let text = format!("{head}:\n{said}\nstack backtrace:\n   0: panicking");
        let found = parse(Some("test failure with exit code 101"), head, &text);
        let place = SourceLine { file: "src/lib.rs".into(), line: 8 };
        let (exception, message) = (Some(exception.to_owned()), said.to_owned());
        assert_eq!(found, Failure { exception, message, raised_at: Some(place) });
    }
}
