//! The state of one row, report after report.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    LedgerRow, RowAttempt, RowResult, RowStatus, State, Transition,
    report_view::ReportView,
    row_result::{is_of, planned},
};
use crate::harness::{
    record::plan_file,
    report::{
        ending,
        log::{log_names, row_log},
    },
    runner::{Outcome, Phase},
    suite::{Decision, Row},
};

/// The most messages of one result of a blocked row.
const MAX_ERRORS: usize = 5;

/// The state of a row after the reports so far.
pub(super) struct Walk<'a> {
    row: &'a Row,
    attempts: Vec<RowAttempt>,
    transitions: Vec<Transition>,
    stale: BTreeMap<(Source, Phase), String>,
    proofs: BTreeMap<Source, Proof>,
    /// The newest result that decided something, and the newest of all, as indices of `attempts`.
    deciding: BTreeMap<(Source, Phase), usize>,
    newest: BTreeMap<(Source, Phase), usize>,
    ever_done: bool,
    /// Why the newest report of the plan blocks the row.
    blocked: Option<&'a str>,
    state: State,
}

/// What a result was obtained from. The suite and imported tests prove a row separately, and each must go red before its
/// green counts; where a row has results of both, both must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Suite,
    Import,
}

/// What one source has decided.
#[derive(Clone, Copy, Debug, Default)]
struct Proof {
    /// Whether the newest decisive red result is a proof; None before the first.
    red: Option<bool>,
    ever_red: bool,
    /// Whether the newest decisive green result passed; a pass without an earlier or simultaneous red proof decides
    /// nothing.
    green: Option<bool>,
}

impl Proof {
    /// Takes a result into account; false if it decides nothing.
    fn learn(&mut self, phase: Phase, status: RowStatus) -> bool {
        match (phase, status) {
            (_, RowStatus::Neither) => return false,
            (Phase::Red, RowStatus::Proves) => (self.red, self.ever_red) = (Some(true), true),
            (Phase::Red, RowStatus::Contradicts) => self.red = Some(false),
            (Phase::Green, RowStatus::Proves) => self.green = self.ever_red.then_some(true),
            (Phase::Green, RowStatus::Contradicts) => self.green = Some(false),
        }
        phase == Phase::Red || self.green.is_some()
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(row: &'a Row) -> Self {
        Self {
            row,
            attempts: Vec::new(),
            transitions: Vec::new(),
            stale: BTreeMap::new(),
            proofs: BTreeMap::new(),
            deciding: BTreeMap::new(),
            newest: BTreeMap::new(),
            ever_done: false,
            blocked: row.blocked.as_deref(),
            state: State::Open,
        }
    }

    /// Adds what a report contains about the row.
    pub(super) fn take(&mut self, view: &ReportView<'a>) {
        let blocks = view.blocks(self.row);
        for phase in [Phase::Red, Phase::Green] {
            self.take_phase(view, phase, blocks.flatten().is_some());
        }
        if let Some(why) = blocks {
            self.blocked = self.row.blocked.as_deref().or(why);
        }
        let (from, to) = (self.state, self.computed_state());
        if from != to {
            let (stamp, number) = (view.report.stamp(), view.number());
            self.transitions.push(Transition { stamp, number, from, to });
            self.state = to;
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// `D4.B1: wire the loader`.
    pub(super) fn next_step(&self) -> String {
        format!("{}: {}", self.row.id, self.row.guidance)
    }

    pub(super) fn end(mut self) -> LedgerRow<'a> {
        let shown = if self.blocked.is_some() { &self.newest } else { &self.deciding };
        for index in shown.values() {
            if let Some(attempt) = self.attempts.get_mut(*index) {
                attempt.decides = true;
            }
        }
        let deciding = self.attempts.iter().filter(|attempt| attempt.decides);
        let mut evidence: Vec<String> = deciding.flat_map(|attempt| attempt.files.iter().cloned()).collect();
        evidence.sort();
        evidence.dedup();
        let Row { id, task, red, green, guidance, .. } = self.row;
        LedgerRow {
            id,
            task,
            state: self.state,
            red,
            green,
            evidence,
            transitions: self.transitions,
            attempts: self.attempts,
            stale: self.stale.into_values().collect(),
            guidance: (self.state != State::Done).then_some(guidance),
            blocked: self.blocked,
        }
    }

    fn take_phase(&mut self, view: &ReportView<'a>, phase: Phase, is_blocked: bool) {
        let report = view.report;
        let stamp = report.stamp();
        let mut source = Source::Suite;
        let (status, result) = match &self.row.decided_by {
            Decision::Artifact { artifact } => {
                let name = plan_file(&view.plan.name, phase, artifact, "md");
                if !view.ran(self.row, phase) || !report.files.contains_key(&name) {
                    return;
                }
                (RowStatus::Proves, format!("{name} exists"))
            }
            Decision::Checks { .. } => {
                let Some(attempt) = RowResult::of(self.row, phase, &view.outcomes) else { return };
                if view.outcomes.is_imported() {
                    source = Source::Import;
                }
                match attempt.staleness() {
                    Some(why) => _ = self.stale.insert((source, phase), format!("evidence of {stamp} {why}")),
                    None if attempt.status() == RowStatus::Neither => {}
                    None => _ = self.stale.remove(&(source, phase)),
                }
                (attempt.status(), attempt.to_string())
            }
        };
        if !is_blocked {
            if self.proofs.entry(source).or_default().learn(phase, status) {
                self.deciding.insert((source, phase), self.attempts.len());
            }
            self.ever_done |= self.holds(Phase::Red) && self.holds(Phase::Green);
        }
        self.newest.insert((source, phase), self.attempts.len());
        let result = match source {
            Source::Suite => result,
            Source::Import => format!("{result} (imported)"),
        };
        let blocked = is_blocked || self.row.blocked.is_some();
        self.attempts.push(RowAttempt {
            number: view.number(),
            stamp,
            phase,
            result: if is_blocked { format!("{result}, which decides nothing: blocked") } else { result },
            decides: false,
            files: self.files(view, phase),
            errors: if blocked { self.errors(view, phase) } else { Vec::new() },
        });
    }

    /// Whether every source with a decisive result in this phase proves the row, and there is one.
    fn holds(&self, phase: Phase) -> bool {
        let mut results = self.proofs.values().filter_map(|proof| match phase {
            Phase::Red => proof.red,
            Phase::Green => proof.green,
        });
        results.next().is_some_and(|first| first && results.all(|result| result))
    }

    fn computed_state(&self) -> State {
        match (self.holds(Phase::Red), self.holds(Phase::Green)) {
            _ if self.blocked.is_some() => State::Open,
            (true, true) => State::Done,
            _ if self.ever_done => State::Regressed,
            (true, false) => State::Proven,
            (false, _) => State::Open,
        }
    }

    /// The outcomes of the row.
    fn outcomes<'v>(&self, view: &'v ReportView<'a>, phase: Phase) -> impl Iterator<Item = &'a Outcome> + 'v
    where
        'a: 'v,
    {
        let row = self.row;
        let checks = planned(row, &view.report.run).iter();
        checks.flat_map(move |check| {
            view.outcomes.of_check(check).filter(move |outcome| is_of(outcome, row, check, phase))
        })
    }

    fn errors(&self, view: &ReportView<'a>, phase: Phase) -> Vec<String> {
        let errors = self.outcomes(view, phase).filter_map(|outcome| {
            let failed = outcome.failed().find_map(|(_, failed)| failed.failure.as_ref());
            let why =
                outcome.seen_reason().or_else(|| Some(failed?.actual.clone())).or_else(|| ending(outcome));
            Some(format!("{}: {}", outcome.check, why?))
        });
        errors.take(MAX_ERRORS).collect()
    }

    fn files(&self, view: &ReportView<'a>, phase: Phase) -> Vec<String> {
        let report = view.report;
        let own = match &self.row.decided_by {
            Decision::Artifact { artifact } => Some(plan_file(&view.plan.name, phase, artifact, "md")),
            Decision::Checks { .. } => {
                row_log(view.plan, self.row, phase).filter(|_| view.ran(self.row, phase))
            }
        };
        let names: BTreeSet<String> = match own.filter(|name| report.files.contains_key(name)) {
            Some(name) => BTreeSet::from([name]),
            None => self.outcomes(view, phase).flat_map(|outcome| log_names(&view.asking, outcome)).collect(),
        };
        let imported = report.run.imported.iter().flat_map(|imported| imported.files());
        let imported = imported.map(|file| file.name.clone());
        let there = names.into_iter().chain(imported).filter(|name| report.files.contains_key(name));
        there.map(|name| format!("{}/{name}", report.stamp())).collect()
    }
}
