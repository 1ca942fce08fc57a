//! What commands print with `--json` that write the report of a run: `run`, `import` and `merge`.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::Exit;
use crate::harness::{
    contract::Details,
    record::{
        BrokenBy, BrokenRequirement, ConformanceSummary, Control, Counts, Part, RunRecord, RunTimestamp,
        Target,
    },
    report::Group,
    runner::{Outcome, Phase},
};

/// The outcome of a run, as in its report.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedRun<'a> {
    /// The timestamp that names the report.
    stamp: RunTimestamp,
    /// The path of the report.
    report: String,
    /// Totals of each phase.
    phases: BTreeMap<Phase, PrintedCounts>,
    /// The cases without a current proof that they can fail.
    unproven: &'a [String],
    /// Whether the checks notice faulty variants of the tested implementation, if that was asked.
    control: Option<&'a Control>,
    /// What the run says about a third-party implementation.
    standing: Option<PrintedStanding<'a>>,
    /// The outcomes that do not meet the expectation of their phase, including what was skipped.
    unexpected: Vec<PrintedOutcome<'a>>,
    /// What implementations state about themselves, by name.
    details: BTreeMap<&'a str, &'a Details>,
    /// The part of the run that this is.
    partition: Option<Part>,
    /// The number of red checks that were skipped because PyTorch is not available.
    skipped_red: usize,
    /// The exit code.
    exit: u8,
}

/// Totals of outcomes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedCounts {
    /// The number of outcomes.
    all: usize,
    /// The number of those that meet the expectation of their phase.
    as_expected: usize,
    /// The number of outcomes by result.
    words: BTreeMap<&'static str, usize>,
}

/// An outcome.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedOutcome<'a> {
    /// The check.
    check: &'a str,
    /// The implementation.
    implementation: &'a str,
    /// The phase.
    phase: Phase,
    /// The result.
    word: &'static str,
    /// The names of the expectations that failed.
    failed: Vec<&'a str>,
}

/// What a run says about a third-party implementation.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedStanding<'a> {
    /// Violations of the specification, or of behavior that both revisions share.
    violations: Vec<PrintedBroken<'a>>,
    /// Differences from what this suite decided.
    differences: Vec<PrintedBroken<'a>>,
    /// Checks in which it crashed.
    crashes: Vec<PrintedGroup<'a>>,
    /// Checks that fail only after other checks.
    leaks: Vec<PrintedGroup<'a>>,
    /// Checks without a result.
    skipped: Vec<PrintedGroup<'a>>,
    /// The checks whose failures are all known.
    known: Vec<&'a str>,
    /// Problems of the list of known failures.
    problems: &'a [String],
}

/// Requirements that are broken together.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedBroken<'a> {
    /// The requirements.
    requirements: &'a [String],
    /// Who decides them.
    authority: String,
    /// The checks that show it.
    checks: Vec<&'a str>,
    /// What happened.
    causes: Vec<PrintedCause<'a>>,
}

/// What happened in some checks.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedCause<'a> {
    /// A sentence.
    what: &'a str,
    /// The number of the checks.
    checks: usize,
}

/// Checks that ended for the same reason.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedGroup<'a> {
    /// The reason.
    why: &'a str,
    /// The number of the checks.
    checks: usize,
}

/// What is known of a run.
pub(super) struct RunOutput<'a> {
    run: &'a RunRecord,
    report: &'a Path,
    exit: Exit,
    standing: Option<(&'a Target, ConformanceSummary<'a>)>,
}

impl<'a> RunOutput<'a> {
    pub(super) fn of(run: &'a RunRecord, report: &'a Path, exit: Exit) -> Self {
        Self { run, report, exit, standing: run.conformance() }
    }

    pub(super) fn printed(&self) -> PrintedRun<'_> {
        let run = self.run;
        let wrong = run.outcomes.iter().filter(|outcome| !outcome.met_expectation());
        PrintedRun {
            stamp: run.stamp,
            report: self.report.display().to_string(),
            phases: run.phases.iter().map(|phase| (*phase, run.counts(*phase).into())).collect(),
            unproven: &run.unproven,
            control: run.control.as_ref(),
            standing: self.standing.as_ref().map(|(target, summary)| PrintedStanding::of(target, summary)),
            unexpected: wrong.map(PrintedOutcome::of).collect(),
            details: stated(run),
            partition: run.partition.as_ref().map(|partition| partition.part),
            skipped_red: run.skipped_red,
            exit: self.exit.code(),
        }
    }
}

/// What implementations state about themselves, by name.
pub(super) fn stated(run: &RunRecord) -> BTreeMap<&str, &Details> {
    let stated = run.implementations.iter().map(|(name, own)| (name.as_str(), &own.details));
    stated.filter(|(_, details)| !details.is_empty()).collect()
}

impl From<Counts> for PrintedCounts {
    fn from(Counts { all, as_expected, words, .. }: Counts) -> Self {
        Self { all, as_expected, words }
    }
}

impl<'a> PrintedOutcome<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Self {
            check: &outcome.check,
            implementation: &outcome.implementation,
            phase: outcome.phase,
            word: outcome.result_name(),
            failed: outcome.failed().map(|(_, expectation)| expectation.name.as_str()).collect(),
        }
    }
}

impl<'a> PrintedStanding<'a> {
    fn of(target: &Target, summary: &'a ConformanceSummary<'a>) -> Self {
        let broken = |all: &'a [BrokenRequirement<'a>]| {
            all.iter().map(|broken| PrintedBroken::of(target, broken)).collect()
        };
        let groups = |all: &'a [Group<'a>]| all.iter().map(PrintedGroup::of).collect();
        Self {
            violations: broken(&summary.violations),
            differences: broken(&summary.differences),
            crashes: groups(&summary.crashes),
            leaks: groups(&summary.leaks),
            skipped: groups(&summary.unseen),
            known: summary.known.known.iter().map(|(check, _)| check.as_str()).collect(),
            problems: &summary.known.problems,
        }
    }
}

impl<'a> PrintedBroken<'a> {
    fn of(target: &Target, broken: &'a BrokenRequirement<'a>) -> Self {
        let cause = |cause: &'a BrokenBy<'a>| PrintedCause { what: &cause.what, checks: cause.places.len() };
        Self {
            requirements: &broken.ids,
            authority: target.authorities(&broken.ids),
            checks: broken.checks(),
            causes: broken.causes.iter().map(cause).collect(),
        }
    }
}

impl<'a> PrintedGroup<'a> {
    fn of(group: &'a Group<'a>) -> Self {
        Self { why: &group.root, checks: group.outcomes.len() }
    }
}
