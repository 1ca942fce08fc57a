//! What another test runner reported of one test.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::harness::suite::{FailureKind, Reason};

/// The report of another runner on one test, as far as it decides anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReportedTest {
    /// The result.
    pub result: ReportedResult,
    /// The name of the exception that ended the test, if the runner said so: `AssertionError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// The message, limited in length.
    pub message: String,
    /// The text below the message, such as a traceback; limited in length.
    pub details: String,
    /// Where the exception was raised, if the runner said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_at: Option<SourceLine>,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SourceLine {
    /// The file, as the runner named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// How a test of another runner ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReportedResult {
    /// It passed.
    Passed,
    /// Its body failed.
    Failed,
    /// Its setup, its teardown or its collection failed.
    Error,
    /// It was skipped.
    Skipped,
    /// It was marked as one that fails, and failed.
    Xfail,
    /// It was marked as one that fails, and passed.
    Xpass,
    /// It failed and then passed.
    Flaky,
}

/// The names of a failed assertion in several languages, without their package.
const ASSERTIONS: [&str; 4] = ["AssertionError", "AssertionFailedError", "ComparisonFailure", "assertion"];

impl ReportedResult {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Xfail => "xfail",
            Self::Xpass => "xpass",
            Self::Flaky => "flaky",
        }
    }

    /// Whether no verdict says the same.
    pub fn has_own_name(self) -> bool {
        match self {
            Self::Error | Self::Xfail | Self::Xpass | Self::Flaky => true,
            Self::Passed | Self::Failed | Self::Skipped => false,
        }
    }
}

impl ReportedTest {
    /// Whether the exception is the stated one; without a reason, a failed assertion.
    pub fn ended_as(&self, reason: Option<&Reason>) -> bool {
        match reason.map(|reason| (reason.kind, reason.exception.as_deref())) {
            None | Some((FailureKind::WrongResult, _)) => self.is_assertion(),
            Some((FailureKind::Raised, stated)) => {
                let seen = self.exception.as_deref();
                stated.is_some() && (seen == stated || seen.map(simple_name) == stated)
            }
            Some((FailureKind::Refused(_), _)) => false,
        }
    }

    /// Whether a test of this file failed at the stated place and with the stated words. An assertion counts in the test
    /// itself only: one of the implementation is not what the test asks, and one at an unknown place may be that.
    pub fn failed_for(&self, test_file: &str, reason: Option<&Reason>) -> bool {
        let is_here = !self.is_assertion()
            || !test_file.ends_with(".py")
            || self.raised_at.as_ref().is_some_and(|place| is_same_file(&place.file, test_file));
        let mentions = reason.map(|reason| reason.mentions.as_slice()).unwrap_or_default();
        is_here && mentions.iter().all(|text| self.message.contains(text))
    }

    /// Whether an assertion failed.
    pub fn is_assertion(&self) -> bool {
        self.exception.as_deref().map(simple_name).is_some_and(|name| ASSERTIONS.contains(&name))
    }
}

/// `xfail: the loader is missing`, or `AttributeError: no attribute 'save' (test_io.py:5)`.
impl fmt::Display for ReportedTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = match (&self.result, &self.exception) {
            (ReportedResult::Failed, Some(exception)) => exception.as_str(),
            (result, _) => result.as_str(),
        };
        let message = self.message.trim();
        // pytest writes the exception into the message too.
        let rest = message.strip_prefix(named).and_then(|rest| rest.strip_prefix(':')).unwrap_or(message);
        match rest.trim() {
            "" => f.write_str(named)?,
            rest => write!(f, "{named}: {rest}")?,
        }
        self.raised_at.iter().try_for_each(|place| write!(f, " ({}:{})", place.file, place.line))
    }
}

/// The name without its package: `AssertionFailedError` of `org.opentest4j.AssertionFailedError`.
pub fn simple_name(exception: &str) -> &str {
    exception.rsplit(['.', '$', ':']).next().unwrap_or(exception)
}

/// Whether two paths end with the same file, whatever directory each begins in.
fn is_same_file(a: &str, b: &str) -> bool {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn failed(exception: &str, file: &str) -> ReportedTest {
        ReportedTest {
            result: ReportedResult::Failed,
            exception: Some(exception.into()),
            message: format!("{exception}: no file wts.h5.zip"),
            details: String::new(),
            raised_at: Some(SourceLine { file: file.into(), line: 7 }),
        }
    }

    fn reason(kind: FailureKind, exception: Option<&str>, mentions: &[&str]) -> Reason {
        let mentions = mentions.iter().map(|text| (*text).to_owned()).collect();
        Reason { kind, exception: exception.map(str::to_owned), mentions }
    }

    #[rstest]
    #[case::assertion("AssertionError", FailureKind::WrongResult, None, true)]
    #[case::of_java("org.opentest4j.AssertionFailedError", FailureKind::WrongResult, None, true)]
    #[case::another("AttributeError", FailureKind::WrongResult, None, false)]
    #[case::stated("NotImplementedError", FailureKind::Raised, Some("NotImplementedError"), true)]
    #[case::stated_without_package("errors.NotYet", FailureKind::Raised, Some("NotYet"), true)]
    #[case::part_of_a_name("NotImplementedErrors", FailureKind::Raised, Some("NotImplementedError"), false)]
    #[case::nothing_stated("KeyError", FailureKind::Raised, None, false)]
    fn only_the_stated_exception_counts(
        #[case] seen: &str,
        #[case] kind: FailureKind,
        #[case] stated: Option<&str>,
        #[case] counts: bool,
    ) {
        assert_eq!(failed(seen, "t.py").ended_as(Some(&reason(kind, stated, &[]))), counts);
    }

    #[rstest]
    #[case("tests/test_io.py", "tests/test_io.py", true)]
    #[case("project/tests/test_io.py", "tests/test_io.py", true)]
    #[case("other_tests/test_io.py", "tests/test_io.py", false)]
    #[case("components.py", "tests/test_io.py", false)]
    #[case("src/lib.rs", "tiny-store", true)]
    fn an_assertion_counts_in_the_file_of_its_test(
        #[case] raised: &str,
        #[case] test_file: &str,
        #[case] counts: bool,
    ) {
        assert_eq!(failed("AssertionError", raised).failed_for(test_file, None), counts);
        let elsewhere = failed("NotImplementedError", raised).failed_for(test_file, None);
        assert!(elsewhere, "an exception that is stated may come from anywhere");
    }

    #[test]
    fn an_assertion_of_python_at_an_unknown_place_does_not_count() {
        let test = ReportedTest { raised_at: None, ..failed("AssertionError", "t.py") };
        assert!(!test.failed_for("t.py", None));
        assert!(test.failed_for("tiny-store", None), "other runners do not say where");
        let stated = ReportedTest { raised_at: None, ..failed("NotImplementedError", "t.py") };
        assert!(stated.failed_for("t.py", None));
    }

    #[test]
    fn the_message_must_have_what_the_reason_mentions() {
        let test = failed("AssertionError", "t.py");
        let with =
            |words: &[&str]| test.failed_for("t.py", Some(&reason(FailureKind::WrongResult, None, words)));
        assert!(with(&["no file", "wts.h5.zip"]) && !with(&["no file", "params"]));
        assert_eq!(test.to_string(), "AssertionError: no file wts.h5.zip (t.py:7)");
    }
}
