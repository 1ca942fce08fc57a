//! A comparison for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Change, CheckResult, ComparedCheck, Comparison, Snapshot, Standing, new_reasons};
use crate::harness::{
    record::RunTimestamp,
    report::ending,
    runner::{Outcome, Phase},
};

/// What changed between two runs. Texts are as the reports have them.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComparisonJson<'a> {
    /// Whether a check counts as regressed.
    regression: bool,
    /// The run that is compared with.
    base: SideJson<'a>,
    /// The run that is compared.
    new: SideJson<'a>,
    /// The number of checks of each change.
    counts: BTreeMap<Change, usize>,
    /// Whether the suites of the two runs differ.
    suite_changed: bool,
    /// Whether the options that selected the checks differ.
    selection_changed: bool,
    /// The implementations of the green phases, if they are compared check by check.
    implementations: Option<(&'a str, &'a str)>,
    /// The number of red checks that are not compared, because the newer run has no red phase.
    red_not_run: usize,
    /// The number of checks that are not compared, because the options of the newer run did not select them.
    not_selected: usize,
    /// The inputs that differ.
    environment: Vec<InputJson<'a>>,
    /// All checks but those that are as before in every respect.
    checks: Vec<CheckJson<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SideJson<'a> {
    name: &'a str,
    suite_digest: &'a str,
    selection: &'a [String],
    checks: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InputJson<'a> {
    name: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckJson<'a> {
    check: &'a str,
    implementation: &'a str,
    phase: Phase,
    must_fail: Option<&'a str>,
    change: Change,
    counts: bool,
    flaky: bool,
    case_changed: bool,
    renamed_from: Option<&'a str>,
    before: Option<ResultJson<'a>>,
    after: Option<ResultJson<'a>>,
    /// Of a check that fails in both runs.
    new_reasons: Vec<&'a str>,
    /// How it ended, if no failed expectation says so.
    ending: Option<String>,
    failures: Vec<FailureJson<'a>>,
    rerun: Option<&'a str>,
    last_good: Option<RunTimestamp>,
    first_bad: Option<RunTimestamp>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ResultJson<'a> {
    result: &'static str,
    implementation: &'a str,
    digest: &'a str,
    reasons: &'a [String],
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureJson<'a> {
    file: &'a str,
    line: usize,
    expectation: &'a str,
    because: &'a str,
    expected: &'a str,
    actual: &'a str,
}

impl Comparison<'_> {
    /// All that changed, for programs.
    pub fn for_json(&self) -> ComparisonJson<'_> {
        let environment = self.environment.iter();
        ComparisonJson {
            regression: self.is_regression(),
            base: SideJson::of(self.base),
            new: SideJson::of(self.new),
            counts: self.counts(),
            suite_changed: self.suite_changed(),
            selection_changed: self.selection_changed(),
            implementations: self.implementations,
            red_not_run: self.red_not_run,
            not_selected: self.not_selected,
            environment: environment
                .map(|own| InputJson { name: own.name, before: own.before, after: own.after })
                .collect(),
            checks: self.checks.iter().filter(|own| own.is_notable()).map(CheckJson::of).collect(),
        }
    }
}

impl<'a> SideJson<'a> {
    fn of(side: &'a Snapshot) -> Self {
        let Snapshot { name, suite_digest, selection, checks, .. } = side;
        Self { name, suite_digest, selection, checks: checks.len() }
    }
}

impl<'a> CheckJson<'a> {
    fn of(own: &ComparedCheck<'a>) -> Self {
        let (key, before, after) = (own.key(), own.sides.before(), own.sides.after());
        let seen = after.and_then(|after| after.seen.as_ref());
        let fails = |own: &&CheckResult| own.standing() == Standing::Failing;
        let both = before.filter(fails).zip(after.filter(fails));
        Self {
            check: &key.check,
            implementation: &key.implementation,
            phase: key.phase,
            must_fail: key.must_fail.as_deref(),
            change: own.change,
            counts: own.change.counts(),
            flaky: own.flaky,
            case_changed: own.case_changed(),
            renamed_from: own.renamed_from(),
            before: before.map(ResultJson::of),
            after: after.map(ResultJson::of),
            new_reasons: both.map(|(before, after)| new_reasons(before, after)).unwrap_or_default(),
            ending: seen.and_then(|seen| ending(&seen.outcome)),
            failures: seen.map(|seen| failures(&seen.outcome)).unwrap_or_default(),
            rerun: seen.map(|seen| seen.rerun.as_str()),
            last_good: own.history.and_then(|history| history.last_good),
            first_bad: own.history.map(|history| history.first_bad),
        }
    }
}

impl<'a> ResultJson<'a> {
    fn of(own: &'a CheckResult) -> Self {
        Self {
            result: own.result.as_str(),
            implementation: &own.key.implementation,
            digest: &own.digest,
            reasons: &own.reasons,
        }
    }
}

fn failures(outcome: &Outcome) -> Vec<FailureJson<'_>> {
    let failed = outcome.failed().filter_map(|(_, failed)| {
        let failure = failed.failure.as_ref()?;
        Some(FailureJson {
            file: &outcome.file,
            line: failed.line,
            expectation: &failed.name,
            because: &failed.because,
            expected: &failure.expected,
            actual: &failure.actual,
        })
    });
    failed.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::compare::test_sides;

    #[test]
    fn keys_stay_the_same_and_every_change_is_counted() {
        let (base, new) = test_sides::hostile();
        let mut comparison = Comparison::of(&base, &new);
        comparison.add_history(|_| Some(test_sides::history()));
        insta::assert_snapshot!("json", serde_json::to_string_pretty(&comparison.for_json()).unwrap());
    }

    #[test]
    fn nothing_is_left_out() {
        let (base, new) = test_sides::many(2_000);
        let json = serde_json::to_value(Comparison::of(&base, &new).for_json()).unwrap();
        assert_eq!(json["checks"].as_array().map(Vec::len), Some(2_000));
        assert_eq!(json["counts"]["regressed"], 2_000);
    }
}
