//! The exit code of a run, for `run` and for `merge`.

use super::{
    Exit,
    console::{Console, counted},
};
use crate::harness::{
    ledger::BlockedChecks,
    record::{ConformanceSummary, RunRecord},
    runner::{Outcome, Phase, Verdict},
};

/// The exit code of a run. What only blocked rows ask for does not count: they stay open anyway.
/// `max_unsupported` is the limit of `--max-unsupported`. Prints why, where the outcomes do not show it.
pub(super) fn of(run: &RunRecord, max_unsupported: Option<usize>, console: &Console) -> Exit {
    if run.outcomes.iter().any(|outcome| outcome.verdict() == Verdict::HarnessError) {
        return Exit::Internal;
    }
    let rest = without_blocked(run);
    let run = rest.as_ref().unwrap_or(run);
    if run.outcomes.is_empty() && run.partition.is_none() {
        console.note("note: every check is of a blocked row, so nothing was decided");
        return Exit::Success;
    }
    let fails = too_many_unsupported(run, max_unsupported, console)
        || match run.conformance() {
            Some((_, standing)) => third_party_fails(run, &standing),
            None => built_in_fails(run),
        };
    if fails {
        Exit::DoesNotConform
    } else if run.counts(Phase::Red).unexpected() > 0
        || !run.unproven.is_empty()
        || run.control.as_ref().is_some_and(|control| control.unnoticed().next().is_some())
    {
        Exit::NotProven
    } else {
        Exit::Success
    }
}

/// The run without the outcomes that only blocked rows ask for; None if there are none.
pub(super) fn without_blocked(record: &RunRecord) -> Option<RunRecord> {
    let blocked = BlockedChecks::of(record);
    if blocked.is_empty() {
        return None;
    }
    let mut rest = record.clone();
    rest.outcomes = record.outcomes.iter().filter(|own| !blocked.contains(own)).cloned().collect();
    Some(rest)
}

/// Unsupported checks do not fail the run, unless there are no others or more than `--max-unsupported`.
fn too_many_unsupported(run: &RunRecord, max_unsupported: Option<usize>, console: &Console) -> bool {
    let green = run.outcomes_of(Phase::Green);
    let unsupported = green.filter(|outcome| outcome.verdict() == Verdict::Unsupported).count();
    if let Some(limit) = max_unsupported.filter(|limit| unsupported > *limit) {
        let checks = counted(unsupported, "check");
        console.error(&format!("{checks} unsupported: more than --max-unsupported {limit}"));
        return true;
    }
    let tested = match &run.judged {
        Some(_) => run.outcomes_of(Phase::Green).count(),
        None => run.outcomes.len(),
    };
    // Other parts may have checks that are supported.
    let nothing_tested = unsupported == tested && run.partition.is_none();
    if nothing_tested {
        console.error("all selected checks are unsupported: nothing was tested");
    }
    nothing_tested
}

fn built_in_fails(run: &RunRecord) -> bool {
    run.outcomes_of(Phase::Green).any(fails)
}

/// Known failures do not fail the run.
fn third_party_fails(run: &RunRecord, standing: &ConformanceSummary<'_>) -> bool {
    let known = standing.known_checks();
    run.outcomes_of(Phase::Green).any(|outcome| fails(outcome) && !known.contains(outcome.check.as_str()))
        || !standing.known.problems.is_empty()
}

fn fails(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict(), Verdict::Pass | Verdict::Unsupported)
}
