//! The numbered attempts at a plan, on any implementation.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{RowResult, RowStatus, report_view::ReportView, row_result::row_implementation};
use crate::harness::{
    record::{Protected, ProtectedChange, RunTimestamp, plan_file},
    runner::Phase,
};

/// One phase of one attempt at a plan, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlanAttempt {
    /// The number that was stored with the report.
    pub number: u64,
    /// The report.
    pub stamp: RunTimestamp,
    /// The phase.
    pub phase: Phase,
    /// The implementations of the phase, sorted.
    pub on: Vec<String>,
    /// Whether the results were imported from another test runner.
    pub imported: bool,
    /// The number of rows that were proven or passed.
    pub as_expected: usize,
    /// The number of rows with a result.
    pub rows: usize,
    /// The results of the other rows: `D4.B1 not proven: ...`.
    pub unexpected: Vec<String>,
    /// The counts of all checks of the phase: `16/17 failed as expected (1 crash)`.
    pub metrics: String,
    /// The number of checks by result.
    pub counts: BTreeMap<&'static str, usize>,
    /// The files of the phase, relative to the directory of the reports.
    pub artifacts: Vec<String>,
    /// The protected files that changed since the previous attempt, if this is a red phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected: Option<ProtectedChange>,
    /// The next step after the report: that of the first row that was not done. For an attempt on other implementations
    /// than those of the ledger, and for one that changed no row, that of the first row that was not as expected.
    pub next: Option<String>,
    /// Whether every row is done after the report, and the attempt was as expected.
    #[serde(skip)]
    pub all_done: bool,
}

/// The attempts so far.
#[derive(Default)]
pub(super) struct History<'a> {
    attempts: Vec<PlanAttempt>,
    /// The protected files of the previous attempt.
    protected: Option<(RunTimestamp, &'a Protected)>,
}

impl<'a> History<'a> {
    /// Adds a report, if it was an attempt at the plan. `next` is the step that the ledger names after it.
    pub(super) fn take(&mut self, view: &ReportView<'a>, next: Option<String>) {
        let (Some(number), Some(_)) = (view.number(), &view.report.run.plan) else { return };
        let run = &view.report.run;
        let change = self
            .protected
            .zip(run.protected.as_ref())
            .map(|((since, earlier), now)| ProtectedChange { since, files: now.changed_since(earlier) });
        for phase in &run.phases {
            let red = *phase == Phase::Red;
            let protected = change.clone().filter(|change| red && change.is_any());
            let attempt = attempt(view, number, *phase);
            let (next, all_done) = if is_of_ledger(view, *phase) {
                let all_done = next.is_none() && attempt.unexpected.is_empty();
                (next.clone().or(attempt.next), all_done)
            } else {
                (attempt.next, false)
            };
            self.attempts.push(PlanAttempt { protected, next, all_done, ..attempt });
        }
        self.protected = run.protected.as_ref().map(|now| (run.stamp, now)).or(self.protected);
    }

    pub(super) fn end(self) -> Vec<PlanAttempt> {
        self.attempts
    }
}

/// Whether a phase was on the implementations that the ledger is about.
fn is_of_ledger(view: &ReportView<'_>, phase: Phase) -> bool {
    let mut rows = view.report.run.plan.iter().flat_map(|plan| &plan.rows);
    rows.all(|row| {
        let own = view.plan.rows.iter().find(|own| own.id == row.id);
        own.is_none_or(|own| row_implementation(own, phase) == row_implementation(row, phase))
    })
}

/// An attempt whose next step is that of its first row that is not as expected.
fn attempt(view: &ReportView<'_>, number: u64, phase: Phase) -> PlanAttempt {
    let run = &view.report.run;
    let rows = run.plan.iter().flat_map(|plan| &plan.rows);
    let results = rows.filter_map(|row| Some((row, RowResult::of(row, phase, &view.outcomes)?)));
    let (mut as_expected, mut unexpected, mut on) = (0, Vec::new(), BTreeSet::new());
    let mut next = None;
    for (row, result) in results {
        on.insert(row_implementation(row, phase).to_owned());
        match (&row.blocked, result.status()) {
            (Some(why), _) => unexpected.push(format!("{} blocked ({why}): {result}", row.id)),
            (None, RowStatus::Proves) => as_expected += 1,
            (None, RowStatus::Contradicts | RowStatus::Neither) => {
                unexpected.push(format!("{} {result}", row.id));
                next.get_or_insert_with(|| format!("{}: {}", row.id, row.guidance));
            }
        }
    }
    let counts = run.counts(phase);
    let prefix = plan_file(&view.plan.name, phase, "", "");
    let prefix = prefix.trim_end_matches('.');
    let imported: BTreeSet<&str> =
        run.imported.iter().flat_map(|imported| imported.files()).map(|file| file.name.as_str()).collect();
    let of_phase = |name: &&String| name.starts_with(prefix) || imported.contains(name.as_str());
    let artifacts = view.report.files.keys().filter(of_phase);
    PlanAttempt {
        number,
        stamp: run.stamp,
        phase,
        on: on.into_iter().collect(),
        imported: run.imported.is_some(),
        as_expected,
        rows: as_expected + unexpected.len(),
        unexpected,
        metrics: counts.to_string(),
        counts: counts.words,
        artifacts: artifacts.map(|name| format!("{}/{name}", run.stamp)).collect(),
        protected: None,
        next,
        all_done: false,
    }
}
