//! One unexpected result, with all that is needed to understand and to rerun it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::text_diff::TextDifference;
use crate::{
    harness::{
        ledger::row_index::RowIndex,
        record::RunRecord,
        report::{
            area,
            log::log_names,
            messages::{describe_step, other_ending},
            rerun_command,
            shown_step::ShownStep,
            state::{State, States},
        },
        runner::{ExpectationOutcome, Failure, Outcome},
    },
    text::{self, line, truncated},
};

/// The most unexpected results that are explained on the page; the others are in `results.json` and in the logs.
const MAX_FAILURES: usize = 400;
/// The most steps of one result that are listed.
const MAX_STEPS: usize = 60;
/// The most failed expectations of one result, and the most expectations of one step, that are listed.
const MAX_EXPECTATIONS: usize = 60;
/// The most tracebacks of one result that are shown.
const MAX_TRACEBACKS: usize = 10;
/// The most files of one result that are listed.
const MAX_FILES: usize = 40;
/// The longest traceback that is shown: its last 16 KiB. The exception is at the end.
const MAX_TRACEBACK_BYTES: usize = 16 * 1024;
/// The longest message next to the name of a check, in characters.
const MAX_MESSAGE_CHARS: usize = 160;
/// The lines of a case before and after the one that failed.
const LINES_AROUND: usize = 3;

/// The unexpected results that are explained, and how many are not.
#[derive(Debug, Serialize)]
pub(super) struct Failures<'a> {
    list: Vec<FailureView<'a>>,
    left_out: usize,
    /// The numbers of the explained results, by their index in the run.
    #[serde(skip)]
    pub(super) numbers: BTreeMap<usize, usize>,
}

#[derive(Debug, Serialize)]
struct FailureView<'a> {
    number: usize,
    check: &'a str,
    title: &'a str,
    area: &'a str,
    implementation: &'a str,
    phase: &'static str,
    result: &'static str,
    state: State,
    file: &'a str,
    requirements: String,
    /// In one line: what the first expectation wanted, or how the check ended.
    message: String,
    ending: Option<String>,
    remarks: Vec<String>,
    /// The refusal of the failing step, and what was asked.
    refused: Option<String>,
    asked: Option<&'a str>,
    /// The expectation that had to fail, and the reason.
    must_fail: Option<String>,
    expectations: Vec<FailedView<'a>>,
    expectations_left_out: usize,
    /// Why expectations were not reached, and a line for each.
    not_reached: Option<(&'static str, Vec<String>)>,
    excerpt: Option<Excerpt<'a>>,
    steps: Vec<StepView<'a>>,
    steps_left_out: usize,
    tracebacks: Vec<(&'a str, String)>,
    tracebacks_left_out: usize,
    files: Vec<String>,
    files_left_out: usize,
    logs: BTreeSet<String>,
    rerun: String,
}

#[derive(Debug, Serialize)]
struct FailedView<'a> {
    name: &'a str,
    line: usize,
    because: &'a str,
    about: String,
    difference: Option<TextDifference>,
    details: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StepView<'a> {
    text: String,
    expectations: Vec<(&'a str, &'static str, &'a str)>,
    expectations_left_out: usize,
}

/// Some lines of a case.
#[derive(Debug, Serialize)]
struct Excerpt<'a> {
    /// The number of the case on the page.
    case: usize,
    lines: Vec<CaseLine<'a>>,
}

/// A line of a case.
#[derive(Debug, Serialize)]
pub(super) struct CaseLine<'a> {
    number: usize,
    text: &'a str,
    /// Whether a result on the page failed here.
    failed: bool,
}

impl<'a> Failures<'a> {
    pub(super) fn of(run: &'a RunRecord, states: &States) -> Self {
        let is_failure = |outcome: &Outcome| matches!(states.state(outcome), State::Bad | State::Known);
        let cases: BTreeMap<&str, usize> =
            run.cases.keys().enumerate().map(|(number, file)| (file.as_str(), number + 1)).collect();
        let mut all: Vec<(usize, &Outcome)> =
            run.outcomes.iter().enumerate().filter(|(_, outcome)| is_failure(outcome)).collect();
        // Known failures come last: they need no attention.
        all.sort_by_key(|(_, outcome)| states.state(outcome) == State::Known);
        let left_out = all.len().saturating_sub(MAX_FAILURES);
        all.truncate(MAX_FAILURES);
        let numbers = all.iter().enumerate().map(|(number, (index, _))| (*index, number + 1)).collect();
        let rows = RowIndex::of(run.plan.as_ref());
        let list = all.iter().enumerate();
        let list = list.map(|(number, (_, outcome))| FailureView {
            state: states.state(outcome),
            ..FailureView::of(number + 1, outcome, run, &cases, &rows)
        });
        Self { list: list.collect(), left_out, numbers }
    }
}

impl<'a> FailureView<'a> {
    fn of(
        number: usize,
        outcome: &'a Outcome,
        run: &'a RunRecord,
        cases: &BTreeMap<&str, usize>,
        rows: &RowIndex<'_>,
    ) -> Self {
        // A run ends a check at its first failing step.
        let shown = ShownStep::all(outcome).into_iter().next();
        let failed = shown.as_ref().map(|shown| shown.failed.clone()).unwrap_or_default();
        let asked = shown.as_ref().filter(|shown| shown.refused.is_some()).and_then(ShownStep::asked);
        let (refused, not_reached) = shown.map_or((None, None), |shown| {
            (shown.refused, shown.not_reached.map(|own| (own.why, own.lines())))
        });
        let how_it_ended = other_ending(outcome);
        let first = failed.first().map(|expectation| expectation.because.as_str()).or(refused.as_deref());
        let reason = outcome.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let natives = || outcome.steps.iter().filter_map(|step| step.refused.as_ref()?.native.as_deref());
        let tracebacks = natives().take(MAX_TRACEBACKS).map(|native| {
            (native.type_name.as_str(), text::ending(native.traceback.clone(), MAX_TRACEBACK_BYTES))
        });
        let files = outcome.written.iter().take(MAX_FILES);
        Self {
            number,
            check: &outcome.check,
            title: &outcome.title,
            area: area(&outcome.check),
            implementation: &outcome.implementation,
            phase: outcome.phase.as_str(),
            result: outcome.result_name(),
            state: State::Bad,
            file: &outcome.file,
            requirements: outcome.requires.join(" "),
            message: truncated(
                &first.map(line).or_else(|| how_it_ended.clone()).unwrap_or_default(),
                MAX_MESSAGE_CHARS,
            ),
            ending: how_it_ended,
            remarks: outcome.remarks().collect(),
            asked,
            must_fail: outcome.must_fail.as_ref().map(|must_fail| format!("{must_fail}{reason}")),
            expectations: failed.iter().take(MAX_EXPECTATIONS).map(|failed| FailedView::of(failed)).collect(),
            expectations_left_out: failed.len().saturating_sub(MAX_EXPECTATIONS),
            refused,
            not_reached,
            excerpt: Excerpt::of(outcome, run, cases),
            steps: outcome
                .steps
                .iter()
                .take(MAX_STEPS)
                .map(|step| StepView {
                    text: describe_step(step),
                    expectations: step.expectations.iter().take(MAX_EXPECTATIONS).map(expectation).collect(),
                    expectations_left_out: step.expectations.len().saturating_sub(MAX_EXPECTATIONS),
                })
                .collect(),
            steps_left_out: outcome.steps.len().saturating_sub(MAX_STEPS),
            tracebacks: tracebacks.collect(),
            tracebacks_left_out: natives().count().saturating_sub(MAX_TRACEBACKS),
            files: files
                .map(|file| format!("{} ({} bytes, SHA-256 {})", file.path, file.bytes, file.sha256))
                .collect(),
            files_left_out: outcome.written.len().saturating_sub(MAX_FILES),
            logs: log_names(rows, outcome),
            rerun: rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation),
        }
    }
}

/// The name of an expectation, how it was judged, and why it must hold.
fn expectation(outcome: &ExpectationOutcome) -> (&str, &'static str, &str) {
    let judged = match (&outcome.failure, &outcome.skipped) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "skipped",
        (None, None) => "held",
    };
    (&outcome.name, judged, &outcome.because)
}

impl<'a> FailedView<'a> {
    fn of(failed: &'a ExpectationOutcome) -> Self {
        let difference = |failure: &Failure| TextDifference::of(&failure.expected, &failure.actual);
        Self {
            name: &failed.name,
            line: failed.line,
            because: &failed.because,
            about: failed.about.join(", "),
            difference: failed.failure.as_ref().map(difference),
            details: failed.failure.iter().flat_map(Failure::shown_details).collect(),
        }
    }
}

impl<'a> Excerpt<'a> {
    /// The lines around the first failed expectation, or around the step at which the check ended.
    fn of(outcome: &Outcome, run: &'a RunRecord, cases: &BTreeMap<&str, usize>) -> Option<Self> {
        let (file, text) = run.cases.get_key_value(&outcome.file)?;
        let failed: BTreeSet<usize> = failed_lines(outcome).collect();
        let at = failed.first().copied().or_else(|| Some(outcome.steps.last()?.line))?;
        let first = at.saturating_sub(LINES_AROUND).max(1);
        let lines = text.lines().enumerate().skip(first - 1).take(2 * LINES_AROUND + 1);
        let lines = lines.map(|(index, text)| CaseLine {
            number: index + 1,
            text,
            failed: failed.contains(&(index + 1)),
        });
        Some(Self { case: *cases.get(file.as_str())?, lines: lines.collect() })
    }
}

fn failed_lines(outcome: &Outcome) -> impl Iterator<Item = usize> {
    outcome.failed().map(|(_, failed)| failed.line).chain(outcome.stopped_at().map(|step| step.line))
}

/// The text of a case with unexpected results.
#[derive(Debug, Serialize)]
pub(super) struct CaseView<'a> {
    number: usize,
    file: &'a str,
    lines: Vec<CaseLine<'a>>,
}

/// The case files that the record has, in the order of their names.
pub(super) fn cases<'a>(run: &'a RunRecord) -> Vec<CaseView<'a>> {
    let mut failed: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for outcome in run.outcomes.iter().filter(|outcome| !outcome.met_expectation()) {
        failed.entry(&outcome.file).or_default().extend(failed_lines(outcome));
    }
    let view = |(index, (file, text)): (usize, (&'a String, &'a String))| {
        let is_failed =
            |number: usize| failed.get(file.as_str()).is_some_and(|lines| lines.contains(&number));
        let lines = text.lines().enumerate();
        let lines = lines
            .map(|(index, text)| CaseLine { number: index + 1, text, failed: is_failed(index + 1) })
            .collect();
        CaseView { number: index + 1, file, lines }
    };
    run.cases.iter().enumerate().map(view).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        contract::{Native, Refusal, RefusalKind},
        runner::Phase,
        test_helpers,
    };

    #[test]
    fn more_failures_than_fit_are_counted() {
        let mut run = test_helpers::run();
        let fails = |number: usize| test_helpers::unexpected(&format!("a/{number}"), Phase::Green);
        run.outcomes = (0..MAX_FAILURES + 3).map(fails).collect();
        let failures = Failures::of(&run, &States::of(&run));
        assert_eq!((failures.list.len(), failures.left_out), (MAX_FAILURES, 3));
        assert_eq!(failures.numbers.len(), MAX_FAILURES);
    }

    #[test]
    fn a_long_traceback_keeps_its_end_where_the_exception_is() {
        let mut run = test_helpers::run();
        let mut outcome = test_helpers::unexpected("a/one", Phase::Green);
        let traceback = "  File \"t.py\", line 3\n".repeat(2_000) + "ValueError: the cause";
        let native = Native { type_name: "ValueError".into(), traceback };
        let refusal = Refusal { native: Some(Box::new(native)), ..Refusal::new(RefusalKind::Malformed, "m") };
        outcome.steps[0].refused = Some(refusal);
        run.outcomes = vec![outcome];
        let failures = Failures::of(&run, &States::of(&run));
        let (type_name, text) = &failures.list[0].tracebacks[0];
        assert_eq!(*type_name, "ValueError");
        assert!(text.starts_with("[cut] ") && text.ends_with("\nValueError: the cause"), "{text}");
        assert!(text.len() <= MAX_TRACEBACK_BYTES + "[cut] ".len());
    }

    #[test]
    fn more_expectations_and_tracebacks_than_fit_are_counted() {
        let mut run = test_helpers::run();
        let mut outcome = test_helpers::unexpected("a/one", Phase::Green);
        let mut step = outcome.steps.last().unwrap().clone();
        let mut failed = step.expectations.iter().find(|own| own.failure.is_some()).unwrap().clone();
        failed.failure.as_mut().unwrap().not_reached = None;
        step.expectations = vec![failed; MAX_EXPECTATIONS + 3];
        let native = Box::new(Native { type_name: "KeyError".into(), traceback: String::new() });
        let refusal = Refusal { native: Some(native), ..Refusal::new(RefusalKind::Malformed, "m") };
        let mut raises = step.clone();
        (raises.refused, raises.expectations) = (Some(refusal), Vec::new());
        outcome.steps = vec![raises; MAX_TRACEBACKS + 2];
        outcome.steps.insert(0, step);
        run.outcomes = vec![outcome];
        let failures = Failures::of(&run, &States::of(&run));
        let view = &failures.list[0];
        assert_eq!((view.expectations.len(), view.expectations_left_out), (MAX_EXPECTATIONS, 3));
        let step = &view.steps[0];
        assert_eq!((step.expectations.len(), step.expectations_left_out), (MAX_EXPECTATIONS, 3));
        assert_eq!((view.tracebacks.len(), view.tracebacks_left_out), (MAX_TRACEBACKS, 2));
    }

    #[test]
    fn the_excerpt_shows_the_line_that_failed() {
        let mut run = test_helpers::run();
        let text = (1..=20).map(|number| format!("line {number}\n")).collect();
        run.cases = [("cases/persistence/params.toml".to_owned(), text)].into();
        let failures = Failures::of(&run, &States::of(&run));
        let view = failures.list.last().unwrap();
        let lines = &view.excerpt.as_ref().unwrap().lines;
        let failed: Vec<(usize, &str)> =
            lines.iter().filter(|line| line.failed).map(|line| (line.number, line.text)).collect();
        assert_eq!((lines.len(), failed), (7, vec![(11, "line 11")]));
    }
}
