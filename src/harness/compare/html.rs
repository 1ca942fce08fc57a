//! A comparison as one page for a browser, without any request.

use serde::Serialize;

use super::{Change, ComparedCheck, Comparison, Seen};
use crate::{
    harness::report::{
        ending,
        html::{HtmlError, page},
        shown_step::ShownStep,
    },
    text::{counted, truncated},
};

/// The template. The layout and the escaping are those of all pages.
const TEMPLATES: [(&str, &str); 1] = [("comparison.html", include_str!("comparison.html"))];

/// The most checks that are listed; `--json` has all.
const MAX_CHECKS: usize = 2000;

/// The most failures that are explained.
const MAX_FAILURES: usize = 400;

/// The most inputs of the environment that are listed.
const MAX_INPUTS: usize = 200;

/// The longest value that is shown, in characters.
const MAX_VALUE_CHARS: usize = 8000;

/// The variables of the page.
#[derive(Debug, Serialize)]
struct ComparisonView<'a> {
    base: &'a str,
    new: &'a str,
    sentence: String,
    state: &'static str,
    counts: Vec<CountView>,
    failures: Vec<FailureView<'a>>,
    failures_left_out: usize,
    checks: Vec<RowView<'a>>,
    checks_left_out: usize,
    /// The name of each input that differs, and its values.
    inputs: Vec<(&'a str, String, String)>,
    inputs_left_out: usize,
}

#[derive(Debug, Serialize)]
struct CountView {
    state: &'static str,
    count: usize,
    label: &'static str,
}

#[derive(Debug, Serialize)]
struct RowView<'a> {
    state: &'static str,
    change: &'static str,
    check: &'a str,
    implementation: &'a str,
    phase: &'static str,
    result: String,
    remarks: String,
}

#[derive(Debug, Serialize)]
struct FailureView<'a> {
    row: RowView<'a>,
    message: String,
    ending: Option<String>,
    expectations: Vec<FailedView<'a>>,
    rerun: &'a str,
}

#[derive(Debug, Serialize)]
struct FailedView<'a> {
    name: &'a str,
    place: String,
    because: &'a str,
    expected: String,
    actual: String,
}

impl Comparison<'_> {
    /// The comparison as a self-contained page.
    ///
    /// # Errors
    /// When the template is wrong.
    pub fn to_html(&self) -> Result<String, HtmlError> {
        let sentence = match self.counting() {
            0 => "No regression".to_owned(),
            1 => "Regression: 1 check".to_owned(),
            count => format!("Regression: {count} checks"),
        };
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts =
            counts.map(|(change, count)| CountView { state: state(change), count, label: change.as_str() });
        let is_explained =
            |own: &&ComparedCheck<'_>| own.change.counts() || own.change == Change::NewAndFailing;
        let mut failures: Vec<FailureView<'_>> =
            self.checks.iter().filter(is_explained).filter_map(FailureView::of).collect();
        let failures_left_out = failures.len().saturating_sub(MAX_FAILURES);
        failures.truncate(MAX_FAILURES);
        let notable = || self.checks.iter().filter(|own| own.is_notable());
        let view = ComparisonView {
            base: &self.base.name,
            new: &self.new.name,
            sentence,
            state: if self.is_regression() { "bad" } else { "good" },
            counts: counts.collect(),
            failures,
            failures_left_out,
            checks: notable().take(MAX_CHECKS).map(RowView::of).collect(),
            checks_left_out: notable().count().saturating_sub(MAX_CHECKS),
            inputs: self.inputs_that_differ(),
            inputs_left_out: self.environment.len().saturating_sub(MAX_INPUTS),
        };
        page(&TEMPLATES, &view)
    }

    fn inputs_that_differ(&self) -> Vec<(&str, String, String)> {
        let mut inputs = Vec::new();
        let (base, new) = (self.base, self.new);
        if self.suite_changed() {
            inputs.push(("suite", cut(&base.suite_digest), cut(&new.suite_digest)));
        }
        if self.selection_changed() {
            inputs.push(("selection", cut(&base.selection.join(" ")), cut(&new.selection.join(" "))));
        }
        inputs
            .extend(self.implementations.map(|(before, after)| ("implementation", cut(before), cut(after))));
        if self.red_not_run > 0 {
            inputs.push(("red phase", format!("{} checks", self.red_not_run), "not run".to_owned()));
        }
        if self.not_selected > 0 {
            inputs.push(("other checks", counted(self.not_selected, "check"), "not selected".to_owned()));
        }
        let value = |value: Option<&str>| value.map_or("not recorded".to_owned(), cut);
        let environment = self.environment.iter().take(MAX_INPUTS);
        inputs.extend(environment.map(|own| (own.name, value(own.before), value(own.after))));
        inputs
    }
}

impl<'a> RowView<'a> {
    fn of(own: &ComparedCheck<'a>) -> Self {
        let key = own.key();
        let mut remarks = Vec::new();
        remarks.extend(own.flaky.then(|| "flaky: different results on equal recorded inputs".to_owned()));
        remarks.extend(own.renamed_from().map(|old| format!("was {old}")));
        remarks.extend(own.case_changed().then(|| "the case changed".to_owned()));
        if let Some(history) = own.history {
            remarks.extend(history.last_good.map(|stamp| format!("last good report {stamp}")));
            remarks.push(format!("first bad report {}", history.first_bad));
        }
        Self {
            state: state(own.change),
            change: own.change.as_str(),
            check: &key.check,
            implementation: &key.implementation,
            phase: key.phase.as_str(),
            result: own.transition(),
            remarks: remarks.join("; "),
        }
    }
}

impl<'a> FailureView<'a> {
    fn of(own: &ComparedCheck<'a>) -> Option<Self> {
        let Seen { outcome, rerun } = own.sides.after()?.seen.as_ref()?;
        let ending = ending(outcome);
        let shown = ShownStep::all(outcome);
        let expectations = shown.iter().flat_map(|shown| &shown.failed).filter_map(|failed| {
            let failure = failed.failure.as_ref()?;
            Some(FailedView {
                name: &failed.name,
                place: format!("{}:{}", outcome.file, failed.line),
                because: &failed.because,
                expected: cut(&failure.expected),
                actual: cut(&failure.actual),
            })
        });
        let expectations: Vec<FailedView<'_>> = expectations.collect();
        let first = expectations.first().map(|failed| failed.because.to_owned());
        let refused = shown.iter().find_map(|shown| shown.refused.clone());
        let message = first.or(refused).or_else(|| ending.clone()).unwrap_or_default();
        Some(Self { row: RowView::of(own), message, ending, expectations, rerun })
    }
}

/// The class of a change in the style of the pages.
fn state(change: Change) -> &'static str {
    match change {
        Change::Regressed | Change::FailingForANewReason | Change::NewlyUnsupported | Change::Removed => {
            "bad"
        }
        Change::NewAndFailing | Change::StillFailing => "known",
        Change::Fixed => "good",
        Change::Added | Change::Unchanged => "skipped",
    }
}

fn cut(text: &str) -> String {
    truncated(text, MAX_VALUE_CHARS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::compare::test_sides;

    #[test]
    fn a_page_shows_what_counts_with_expected_actual_and_rerun() {
        let (base, new) = test_sides::hostile();
        let mut comparison = Comparison::of(&base, &new);
        comparison.add_history(|_| Some(test_sides::history()));
        let html = comparison.to_html().unwrap();
        for text in [
            "<h1 id=\"sentence\" class=\"sentence bad\">Regression: 5 checks</h1>",
            "<li class=\"bad\">2 regressed</li>",
            "<dt>expected</dt><dd>the saved models</dd>",
            "<td>proven -&gt; unexpected_pass</td>",
            "last good report 2025-10-17T112849Z; first bad report 2025-10-17T150000Z",
            "bundleproof run --case &#x27;a&#x2f;red&#x27; --phase red --impl stub",
            "was a&#x2f;old",
            "the case changed",
        ] {
            assert!(html.contains(text), "{text} is not in\n{html}");
        }
    }

    #[test]
    fn hostile_text_is_inert() {
        let (base, new) = test_sides::hostile();
        let html = Comparison::of(&base, &new).to_html().unwrap();
        assert!(!html.contains("<img") && !html.contains(['\u{1b}', '\u{202e}']), "{html}");
        assert_eq!(html.matches("<script").count(), 1);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let (base, new) = test_sides::many(MAX_CHECKS + 3);
        let html = Comparison::of(&base, &new).to_html().unwrap();
        assert!(html.contains("3 more checks are not on this page"), "no number of checks");
        assert!(html.contains("1603 more failures are not on this page"), "no number of failures");
    }

    #[test]
    fn inputs_that_are_left_out_are_counted() {
        let (base, new) = test_sides::many_inputs(MAX_INPUTS + 3);
        let html = Comparison::of(&base, &new).to_html().unwrap();
        assert_eq!(html.matches("<th scope=\"row\">variables").count(), MAX_INPUTS);
        assert!(html.contains("3 more inputs are not on this page"), "no number of inputs");
    }

    #[test]
    fn equal_runs_are_good() {
        let (base, _) = test_sides::many(3);
        let html = Comparison::of(&base, &base).to_html().unwrap();
        assert!(html.contains("class=\"sentence good\">No regression</h1>"), "{html}");
        assert!(!html.contains("id=\"changes\"") && !html.contains("id=\"inputs\""), "{html}");
    }
}
