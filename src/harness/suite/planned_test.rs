//! Tests of other runners in a plan: how each is selected, and why it must fail.

use std::{collections::BTreeSet, iter, ops::Bound};

use serde::Deserialize;
use toml::Spanned;

use super::{FailureKind, PASSES, PlannedCheck, Reason, SuiteError, document::Document, reason::mentions};
use crate::value::Digest;

/// `{ selector = "tests/test_io.py::TestLoad::test_round_trip", reason = { kind = "wrong_result" } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestTable {
    selector: Spanned<String>,
    reason: Spanned<TestReasonTable>,
}

/// Why a test must fail in the red phase: a failed assertion (`wrong_result`), or a named exception (`raised`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestReasonTable {
    kind: FailureKind,
    exception: Option<String>,
    #[serde(default, deserialize_with = "mentions")]
    mentions: Vec<String>,
}

/// What Python raises for a name that does not exist or for any mistake at all. A misspelled test ends with the same.
const MISTAKES: [&str; 8] = [
    "AttributeError",
    "BaseException",
    "Exception",
    "ImportError",
    "IndentationError",
    "ModuleNotFoundError",
    "NameError",
    "SyntaxError",
];

/// The tests of a row.
pub(super) fn planned_tests(
    document: &Document,
    tables: &[Spanned<TestTable>],
) -> Result<Vec<PlannedCheck>, SuiteError> {
    let mut tests: Vec<PlannedCheck> = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for table in tables {
        let TestTable { selector, reason } = table.get_ref();
        let id = selector.get_ref().trim();
        let Some((file, name)) =
            id.split_once("::").filter(|(file, name)| !file.is_empty() && !name.is_empty())
        else {
            let message = "expected a selector such as `tests/test_io.py::TestLoad::test_round_trip`";
            return Err(document.error(selector.span(), message));
        };
        // The same test in another parameter is another test; a test and all of its parameters are not.
        let is_covered = selectors_of(id).any(|selector| known.contains(selector));
        if is_covered || has_parameter(&known, id) {
            return Err(document.error(selector.span(), format!("duplicate test {name}")));
        }
        known.insert(id);
        tests.push(PlannedCheck {
            id: id.to_owned(),
            digest: Digest::of(id.as_bytes()).to_string(),
            file: file.to_owned(),
            fails: vec![PASSES.to_owned()],
            reason: stated(document, reason)?,
        });
    }
    Ok(tests)
}

/// Whether a selector selects this test: it is the same, or the test with a parameter.
pub(crate) fn covers(selector: &str, test: &str) -> bool {
    test.strip_prefix(selector).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// The selectors that select this test: itself, and what precedes each of its brackets.
pub(crate) fn selectors_of(test: &str) -> impl Iterator<Item = &str> {
    let shorter = test.match_indices('[').filter_map(|(at, _)| test.get(..at));
    iter::once(test).chain(shorter)
}

/// Whether one of these selectors is this test with a parameter.
fn has_parameter(known: &BTreeSet<&str>, test: &str) -> bool {
    let start = format!("{test}[");
    let mut from_there = known.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
    from_there.next().is_some_and(|first| first.starts_with(&start))
}

fn stated(document: &Document, table: &Spanned<TestReasonTable>) -> Result<Reason, SuiteError> {
    let TestReasonTable { kind, exception, mentions } = table.get_ref();
    let exception = exception.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let message = match (kind, exception) {
        (FailureKind::WrongResult, None) => None,
        (FailureKind::Raised, Some(name)) if MISTAKES.contains(&name) => Some(format!(
            "{name} proves nothing: a misspelled test raises it too; state an assertion (`wrong_result`) or an \
             exception that only the missing behavior raises"
        )),
        (FailureKind::Raised, Some(_)) => None,
        (FailureKind::Raised, None) => Some("`raised` requires `exception = \"...\"`".to_owned()),
        (FailureKind::WrongResult, Some(_)) => {
            Some("`exception` requires the kind `raised`; `wrong_result` is a failed assertion".to_owned())
        }
        (FailureKind::Refused(kind), _) => Some(format!(
            "`{kind}` is a refusal of a case; a test states `wrong_result` (a failed assertion) or `raised`"
        )),
    };
    match message {
        Some(message) => Err(document.error(table.span(), message)),
        None => {
            Ok(Reason { kind: *kind, exception: exception.map(str::to_owned), mentions: mentions.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        tests: Vec<Spanned<TestTable>>,
    }

    fn read(text: &str) -> Result<Vec<PlannedCheck>, SuiteError> {
        let document = Document { file: "plans/p.toml".into(), text: text.into() };
        let file: File = document.typed(document.parse()?)?;
        planned_tests(&document, &file.tests)
    }

    fn one(test: &str) -> String {
        format!("tests = [{test}]")
    }

    #[test]
    fn a_test_has_a_selector_and_a_reason() {
        let text = r#"{ selector = "t/test_io.py::TestLoad::test_x", reason = { kind = "raised", exception = "KeyError", mentions = ["N"] } }"#;
        let tests = read(&one(text)).unwrap();
        assert_eq!(
            (tests[0].id.as_str(), tests[0].file.as_str()),
            ("t/test_io.py::TestLoad::test_x", "t/test_io.py")
        );
        assert_eq!(tests[0].reason.to_string(), "raised KeyError, mentioning 'N'");
        assert_eq!(tests[0].digest, Digest::of(tests[0].id.as_bytes()).to_string());
    }

    #[test]
    fn other_parameters_and_longer_names_are_other_tests() {
        let test =
            |name: &str| format!(r#"{{ selector = "t.py::{name}", reason = {{ kind = "wrong_result" }} }}"#);
        let names = ["x[1]", "xx", "x[2]", "x1", "x[1", "w"].map(test);
        assert_eq!(read(&one(&names.join(", "))).unwrap().len(), names.len());
    }

    #[rstest]
    #[case::no_name(r#"{ selector = "t.py", reason = { kind = "wrong_result" } }"#, "expected a selector")]
    #[case::no_reason(r#"{ selector = "t.py::x" }"#, "missing field `reason`")]
    #[case::refusal(r#"{ selector = "t.py::x", reason = { kind = "not_found" } }"#, "a refusal of a case")]
    #[case::unnamed(r#"{ selector = "t.py::x", reason = { kind = "raised" } }"#, "requires `exception")]
    #[case::needless(
        r#"{ selector = "t.py::x", reason = { kind = "wrong_result", exception = "KeyError" } }"#,
        "requires the kind `raised`"
    )]
    #[case::mistake(
        r#"{ selector = "t.py::x", reason = { kind = "raised", exception = "AttributeError" } }"#,
        "AttributeError proves nothing"
    )]
    #[case::blank(
        r#"{ selector = "t.py::x", reason = { kind = "wrong_result", mentions = [" "] } }"#,
        "blank"
    )]
    #[case::twice(
        r#"{ selector = "t.py::x", reason = { kind = "wrong_result" } }, { selector = "t.py::x[1]", reason = { kind = "wrong_result" } }"#,
        "duplicate test x[1]"
    )]
    #[case::twice_the_parameter_first(
        r#"{ selector = "t.py::x[1]", reason = { kind = "wrong_result" } }, { selector = "t.py::x", reason = { kind = "wrong_result" } }"#,
        "duplicate test x"
    )]
    #[case::twice_the_same(
        r#"{ selector = "t.py::x", reason = { kind = "wrong_result" } }, { selector = "t.py::x", reason = { kind = "wrong_result" } }"#,
        "duplicate test x"
    )]
    fn a_test_that_could_prove_anything_is_refused(#[case] test: &str, #[case] says: &str) {
        let error = read(&one(test)).unwrap_err();
        assert!(error.message.contains(says), "{}", error.message);
    }
}
