//! The tests that a plan names, as outcomes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::{JunitTest, test_id::TestId};
use crate::harness::{
    runner::{Ended, ExpectationOutcome, Failure, Outcome, Phase, ReportedResult, ReportedTest, StepOutcome},
    suite::{PASSES, Plan, PlannedCheck, nearest},
};

/// Number of errors with which a similar test is offered: each is compared with all tests of the files.
const MAX_OFFERS: usize = 5;
/// The longest test id that is compared or offered, in characters.
const MAX_OFFER_CHARS: usize = 300;

/// Why the tests of a plan cannot be taken from these files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The plan names no tests.
    #[error(
        "plan {0} names no tests; add `tests = [{{ selector = \"...\", reason = {{ kind = \"...\" }} }}]` to a row"
    )]
    NoTests(String),
    /// A selector matches nothing.
    #[error("{row}: no test matches {selector}{}", offer.as_ref().map(|offer| format!("; {offer}")).unwrap_or_default())]
    Missing {
        /// The row.
        row: String,
        /// The selector.
        selector: String,
        /// A similar test of the files; only the first errors have one.
        offer: Option<String>,
    },
    /// Two entries have the id of a selected test.
    #[error(
        "{row}: duplicate test {test} in {}; keep one result (pytest writes a second entry when the teardown of a failed \
         test fails)",
        files.join(" and ")
    )]
    Duplicate {
        /// The row.
        row: String,
        /// The test.
        test: String,
        /// The files with an entry of it, each once.
        files: Vec<String>,
    },
}

/// Makes an outcome of each test that the rows of a plan select, on this implementation. Blocked rows may lack tests.
///
/// # Errors
/// Every selector without a test, and every duplicate test.
pub fn select(
    plan: &Plan,
    phase: Phase,
    implementation: &str,
    files: &[(String, Vec<JunitTest>)],
) -> Result<Vec<Outcome>, Vec<SelectError>> {
    let mut by_id: BTreeMap<TestId, Vec<(&str, &JunitTest)>> = BTreeMap::new();
    for (file, tests) in files {
        for test in tests {
            by_id.entry(TestId::of_junit(&test.class, &test.name)).or_default().push((file, test));
        }
    }
    let (mut outcomes, mut errors, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for row in &plan.rows {
        for planned in row.tests() {
            let id = TestId::of_selector(&planned.id);
            let start = id.with_parameter();
            let parameters = by_id.range((Bound::Included(&start), Bound::Unbounded));
            let parameters = parameters.take_while(|(other, _)| other.starts_with(&start));
            let mut found = by_id.get_key_value(&id).into_iter().chain(parameters).peekable();
            if found.peek().is_none() && row.blocked.is_none() {
                let short = |id: &&TestId| id.as_str().chars().nth(MAX_OFFER_CHARS).is_none();
                let offer = Some(&id).filter(|id| errors.len() < MAX_OFFERS && short(id));
                let offer =
                    offer.and_then(|id| nearest(id.as_str(), by_id.keys().filter(short).map(TestId::as_str)));
                let (row, selector) = (row.id.clone(), planned.id.clone());
                errors.push(SelectError::Missing { row, selector, offer });
            }
            for (other, tests) in found {
                let check = format!("{}{}", planned.id, other.rest(&id));
                match tests.as_slice() {
                    [(_, test)] => {
                        if known.insert((check.clone(), &planned.reason)) {
                            outcomes.push(outcome(check, planned, phase, implementation, test));
                        }
                    }
                    several => {
                        // Once per file, which may have thousands of such entries.
                        let files: BTreeSet<&str> = several.iter().map(|(file, _)| *file).collect();
                        let files = files.into_iter().map(str::to_owned).collect();
                        errors.push(SelectError::Duplicate { row: row.id.clone(), test: check, files });
                    }
                }
            }
        }
    }
    if plan.rows.iter().all(|row| row.tests().is_empty()) {
        errors.push(SelectError::NoTests(plan.name.clone()));
    }
    if errors.is_empty() { Ok(outcomes) } else { Err(errors) }
}

fn outcome(
    check: String,
    planned: &PlannedCheck,
    phase: Phase,
    implementation: &str,
    test: &JunitTest,
) -> Outcome {
    let red = phase == Phase::Red;
    let title = check.split_once("::").map_or(check.as_str(), |(_, name)| name).to_owned();
    Outcome {
        check,
        title,
        digest: planned.digest.clone(),
        file: planned.file.clone(),
        requires: Vec::new(),
        implementation: implementation.to_owned(),
        phase,
        must_fail: red.then(|| PASSES.to_owned()),
        reason: red.then(|| planned.reason.clone()),
        steps: step(&test.reported).into_iter().collect(),
        ended: Ended::Reported(test.reported.clone()),
        written: Vec::new(),
        leak: None,
        flaky: None,
        milliseconds: test.milliseconds,
    }
}

/// The body of a test as a step, so that a failed assertion is shown as that of a case is. A test that did not run to the
/// end has none.
fn step(test: &ReportedTest) -> Option<StepOutcome> {
    let failure = match test.result {
        ReportedResult::Passed => None,
        ReportedResult::Failed => Some(Failure::new("the test passes", test.to_string())),
        ReportedResult::Error
        | ReportedResult::Skipped
        | ReportedResult::Xfail
        | ReportedResult::Xpass
        | ReportedResult::Flaky => return None,
    };
    let line = test.raised_at.as_ref().and_then(|place| usize::try_from(place.line).ok()).unwrap_or(1);
    let because = "the test should pass".to_owned();
    let (name, about) = (PASSES.to_owned(), Vec::new());
    let expectation = ExpectationOutcome { name, line, because, about, failure, skipped: None };
    let operation = "test".to_owned();
    Some(StepOutcome {
        operation,
        line,
        may_be_refused: false,
        refused: None,
        asked: None,
        expectations: vec![expectation],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        import::read_junit,
        runner::RedResult,
        suite::{Decision, FailureKind, Reason, Row},
        test_helpers,
    };

    fn plan(selectors: &[&str]) -> Plan {
        let test = |selector: &&str| PlannedCheck {
            id: (*selector).to_owned(),
            digest: "d".into(),
            file: selector.split("::").next().unwrap().to_owned(),
            fails: vec![PASSES.into()],
            reason: Reason { kind: FailureKind::WrongResult, exception: None, mentions: Vec::new() },
        };
        let tests = selectors.iter().map(test).collect();
        let decided_by = Decision::Checks { log: "l".into(), checks: Vec::new(), tests };
        let row = Row { decided_by, ..test_helpers::row("R", "l", &[]) };
        Plan { rows: vec![row], ..test_helpers::plan() }
    }

    fn file(name: &str, cases: &str) -> (String, Vec<JunitTest>) {
        let text = format!("<testsuite>{cases}</testsuite>");
        (name.to_owned(), read_junit(text.as_bytes()).unwrap())
    }

    const FAILS: &str = "<failure message='assert 1 == 2'>\nt/test_io.py:3: AssertionError</failure>";

    fn case(name: &str, inside: &str) -> String {
        format!("<testcase classname='t.test_io' name='{name}'>{inside}</testcase>")
    }

    #[test]
    fn a_selected_test_is_an_outcome_and_others_are_left_out() {
        let files = [file("a.xml", &(case("x", FAILS) + &case("y", "") + &case("xx", "")))];
        let outcomes = select(&plan(&["t/test_io.py::x"]), Phase::Red, "seed", &files).unwrap();
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].red_result(), RedResult::Proven);
        assert_eq!(outcomes[0].failed().next().unwrap().1.line, 3);
        assert_eq!(outcomes[0].title, "x");
    }

    #[test]
    fn a_selector_without_a_parameter_selects_all_of_them() {
        let files = [file("a.xml", &(case("x[1]", FAILS) + &case("x[2]", "")))];
        let outcomes = select(&plan(&["t/test_io.py::x"]), Phase::Red, "seed", &files).unwrap();
        let results = outcomes.iter().map(|own| (own.check.as_str(), own.red_result()));
        let expected =
            [("t/test_io.py::x[1]", RedResult::Proven), ("t/test_io.py::x[2]", RedResult::UnexpectedPass)];
        assert_eq!(results.collect::<Vec<_>>(), expected);
        let one = select(&plan(&["t/test_io.py::x[2]"]), Phase::Red, "seed", &files).unwrap();
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn duplicate_and_missing_tests_are_named() {
        let files = [file("a.xml", &case("x", FAILS)), file("b.xml", &case("x", ""))];
        let plan = plan(&["t/test_io.py::x", "t/test_io.py::z"]);
        let errors = select(&plan, Phase::Red, "seed", &files).unwrap_err();
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(said[0].starts_with("R: duplicate test t/test_io.py::x in a.xml and b.xml"), "{said:?}");
        assert!(said[1].starts_with("R: no test matches t/test_io.py::z"), "{said:?}");
    }

    #[test]
    fn only_the_first_errors_offer_a_test_and_none_that_is_very_long() {
        let long = "n".repeat(MAX_OFFER_CHARS);
        let files = [file("a.xml", &(case("load_all", "") + &case(&long, "")))];
        let selectors: Vec<String> = (0..=MAX_OFFERS).map(|n| format!("t/test_io.py::load_al{n}")).collect();
        let selectors: Vec<&str> = selectors.iter().map(String::as_str).collect();
        let offers = |selectors: &[&str]| -> Vec<bool> {
            let errors = select(&plan(selectors), Phase::Red, "seed", &files).unwrap_err();
            errors.iter().map(|error| error.to_string().contains("did you mean")).collect()
        };
        assert_eq!(offers(&selectors), [true, true, true, true, true, false]);
        // Both are close to the long test: one is too long itself, the other is not.
        assert_eq!(offers(&[&format!("t/test_io.py::{long}n")]), [false]);
        assert_eq!(offers(&[&format!("t/test_io.py::{}", &long[20..])]), [false]);
    }

    #[test]
    fn a_file_with_many_entries_of_a_test_is_named_once() {
        let files = [file("b.xml", &case("x", FAILS).repeat(9)), file("a.xml", &case("x", ""))];
        let errors = select(&plan(&["t/test_io.py::x"]), Phase::Red, "seed", &files).unwrap_err();
        let said = errors[0].to_string();
        assert!(said.contains(" in a.xml and b.xml; keep one result (pytest writes"), "{said}");
    }

    #[test]
    fn a_blocked_row_may_lack_its_tests_and_a_plan_without_tests_is_an_error() {
        let mut blocked = plan(&["t/test_io.py::x"]);
        blocked.rows[0].blocked = Some("later".into());
        assert_eq!(select(&blocked, Phase::Red, "seed", &[]).unwrap(), Vec::new());
        let errors = select(&plan(&[]), Phase::Red, "seed", &[]).unwrap_err();
        assert!(errors[0].to_string().starts_with("plan phase_d4 names no tests; add"), "{errors:?}");
    }
}
