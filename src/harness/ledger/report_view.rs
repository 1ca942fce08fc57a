//! A report as the ledger of a plan reads it.

use std::collections::BTreeMap;

use super::{OutcomeIndex, row_index::RowIndex, row_result::row_implementation};
use crate::harness::{
    runner::Phase,
    store::Report,
    suite::{Plan, Row},
};

/// A report with what is looked up in it once for each row.
pub(super) struct ReportView<'a> {
    pub(super) report: &'a Report,
    pub(super) plan: &'a Plan,
    pub(super) outcomes: OutcomeIndex<'a>,
    /// The rows of the plan that the report was made with, which may be another.
    pub(super) asking: RowIndex<'a>,
    /// The recorded rows by id, if the report was made with the plan.
    rows: BTreeMap<&'a str, &'a Row>,
    /// Whether it ran a phase of the plan on the implementation that the plan names for any of its rows.
    is_of_pair: bool,
}

impl<'a> ReportView<'a> {
    pub(super) fn new(report: &'a Report, plan: &'a Plan) -> Self {
        let of_plan = report.run.plan.as_ref().filter(|of| of.name == plan.name);
        let rows = of_plan.iter().flat_map(|of| &of.rows).map(|row| (row.id.as_str(), row)).collect();
        let mut view = Self {
            report,
            plan,
            outcomes: OutcomeIndex::of(&report.run),
            asking: RowIndex::of(report.run.plan.as_ref()),
            rows,
            is_of_pair: false,
        };
        let phases = [Phase::Red, Phase::Green];
        view.is_of_pair = plan.rows.iter().any(|row| phases.iter().any(|phase| view.ran(row, *phase)));
        view
    }

    /// Whether it ran this phase of a row, on the implementation that the row names.
    pub(super) fn ran(&self, row: &Row, phase: Phase) -> bool {
        self.report.run.phases.contains(&phase)
            && self
                .rows
                .get(row.id.as_str())
                .is_some_and(|own| row_implementation(own, phase) == row_implementation(row, phase))
    }

    /// Whether and why it blocked a row: None if it says nothing about the row, because it was not made with the plan on
    /// these implementations.
    pub(super) fn blocks(&self, row: &Row) -> Option<Option<&'a str>> {
        let own = self.rows.get(row.id.as_str()).filter(|_| self.is_of_pair)?;
        Some(own.blocked.as_deref())
    }

    /// The number of the attempt at the plan.
    pub(super) fn number(&self) -> Option<u64> {
        let attempt = self.report.chain.attempt.as_ref();
        attempt.filter(|attempt| attempt.plan == self.plan.name).map(|attempt| attempt.number)
    }
}
