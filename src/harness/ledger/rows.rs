//! The ledger: the state of each row of a plan, computed from the reports of a store.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Serialize, Serializer};

use crate::harness::{
    record::RunTimestamp,
    runner::{Outcome, Phase},
    suite::{Decision, Plan, Row},
};

use super::{
    RowResult, RowStatus,
    row_result::{is_of, planned, row_implementation},
};
use crate::harness::{
    record::plan_file,
    report::log::{log_names, row_log},
    store::{CorruptReport, Report, Store, Unfinished},
};

/// The rows of a plan with their states, from the reports of one store.
#[derive(Debug, Serialize)]
pub struct Ledger<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// The title of the plan.
    pub title: &'a str,
    /// The rows, in the order of the plan.
    pub rows: Vec<LedgerRow<'a>>,
    /// The other implementations on which reports of this plan were made. Their attempts are not included.
    pub others: BTreeMap<Phase, BTreeSet<&'a str>>,
    /// The reports that do not count as evidence because they have changed.
    pub damaged: &'a [CorruptReport],
    /// The runs without a published report.
    pub unfinished: &'a [Unfinished],
}

/// A row with its state and history.
#[derive(Debug, Serialize)]
pub struct LedgerRow<'a> {
    /// The row's id.
    pub id: &'a str,
    /// The task.
    pub task: &'a str,
    /// The state.
    pub state: State,
    /// The implementation on which its checks must fail in the red phase.
    pub red: &'a str,
    /// The implementation on which its checks must pass in the green phase.
    pub green: &'a str,
    /// All attempts, in the order of the reports, red before green.
    pub attempts: Vec<RowAttempt>,
    /// Evidence for earlier versions of cases that no newer evidence replaces, and why it does not count.
    pub stale: Vec<String>,
    /// The next step, unless the row is done.
    pub guidance: Option<&'a str>,
    /// Why the row is blocked, if it is.
    pub blocked: Option<&'a str>,
}

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `[ ]`: no evidence, or the row is blocked.
    Open,
    /// `[P]`: failed as expected in the red phase.
    Proven,
    /// `[x]`: failed as expected, and passed in the same report or a later one.
    Done,
    /// `[!]`: it was done, and the newest evidence contradicts that.
    Regressed,
}

/// The result of a row in one phase of one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowAttempt {
    /// The number of the attempt on the plan, from 1; the same for all results of one report.
    pub number: usize,
    /// The report.
    pub stamp: RunTimestamp,
    /// The phase.
    pub phase: Phase,
    /// A description of the result.
    pub result: String,
    /// The files with details, relative to the directory of the reports.
    pub files: Vec<String>,
}

impl<'a> Ledger<'a> {
    /// Goes through the reports by number, for the implementations in the rows of the plan. Any report counts as an attempt on each row whose checks it contains on the
    /// implementation of the row, regardless of its selection. Only outcomes of the current versions of the cases count.
    pub fn compute(plan: &'a Plan, store: &'a Store) -> Self {
        let mut rows: Vec<Walk<'a>> = plan.rows.iter().map(Walk::new).collect();
        let mut number = 0;
        for report in &store.reports {
            let mut any = [Phase::Red, Phase::Green].iter().any(|phase| is_of_pair(report, plan, *phase));
            for row in &mut rows {
                for phase in [Phase::Red, Phase::Green] {
                    any |= row.take(plan, phase, report, number + 1);
                }
            }
            number += usize::from(any);
        }
        let rows = rows.into_iter().map(Walk::end).collect();
        let (damaged, unfinished) = (store.damaged.as_slice(), store.unfinished.as_slice());
        Self { plan: &plan.name, title: &plan.title, rows, others: others(plan, store), damaged, unfinished }
    }
}

impl Ledger<'_> {
    /// Whether any report has an attempt in this phase.
    pub fn has_attempts(&self, phase: Phase) -> bool {
        self.rows.iter().flat_map(|row| &row.attempts).any(|attempt| attempt.phase == phase)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "[ ]",
            Self::Proven => "[P]",
            Self::Done => "[x]",
            Self::Regressed => "[!]",
        })
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The state of a row after the reports so far.
struct Walk<'a> {
    row: &'a Row,
    attempts: Vec<RowAttempt>,
    stale: BTreeMap<Phase, String>,
    /// Whether the newest decisive red attempt is a proof.
    red: bool,
    ever_red: bool,
    /// Whether the newest decisive green attempt passed, with a red proof before it or in the same report.
    green: bool,
    ever_done: bool,
}

impl<'a> Walk<'a> {
    fn new(row: &'a Row) -> Self {
        let (attempts, stale) = (Vec::new(), BTreeMap::new());
        Self { row, attempts, stale, red: false, ever_red: false, green: false, ever_done: false }
    }

    /// Adds what a report contains about the row in a phase; false if that is nothing.
    fn take(&mut self, plan: &Plan, phase: Phase, report: &Report, number: usize) -> bool {
        let stamp = report.stamp();
        let (status, result) = match &self.row.decided_by {
            Decision::Artifact { artifact } => {
                let name = plan_file(&plan.name, phase, artifact, "md");
                if !is_of_row(report, plan, self.row, phase) || !report.files.contains_key(&name) {
                    return false;
                }
                (RowStatus::Proves, format!("{name} exists"))
            }
            Decision::Checks { .. } => {
                let Some(attempt) = RowResult::of(self.row, phase, &super::OutcomeIndex::of(&report.run))
                else {
                    return false;
                };
                match attempt.staleness() {
                    Some(why) => _ = self.stale.insert(phase, format!("evidence of {stamp} {why}")),
                    None if attempt.status() == RowStatus::Neither => {}
                    None => _ = self.stale.remove(&phase),
                }
                (attempt.status(), attempt.to_string())
            }
        };
        self.learn(phase, status);
        let files = self.files(plan, phase, report);
        self.attempts.push(RowAttempt { number, stamp, phase, result, files });
        true
    }

    fn learn(&mut self, phase: Phase, status: RowStatus) {
        match (phase, status) {
            (_, RowStatus::Neither) => {}
            (Phase::Red, RowStatus::Proves) => (self.red, self.ever_red) = (true, true),
            (Phase::Red, RowStatus::Contradicts) => self.red = false,
            (Phase::Green, RowStatus::Proves) => self.green = self.ever_red,
            (Phase::Green, RowStatus::Contradicts) => self.green = false,
        }
        self.ever_done |= self.red && self.green;
    }

    fn files(&self, plan: &Plan, phase: Phase, report: &Report) -> Vec<String> {
        let own = match &self.row.decided_by {
            Decision::Artifact { artifact } => Some(plan_file(&plan.name, phase, artifact, "md")),
            Decision::Checks { .. } => {
                row_log(plan, self.row, phase).filter(|_| is_of_row(report, plan, self.row, phase))
            }
        };
        let names = match own.filter(|name| report.files.contains_key(name)) {
            Some(name) => BTreeSet::from([name]),
            None => {
                let checks = planned(self.row, &report.run);
                let of_row =
                    |outcome: &&Outcome| checks.iter().any(|check| is_of(outcome, self.row, check, phase));
                let outcomes = report.run.outcomes.iter().filter(of_row);
                outcomes.flat_map(|outcome| log_names(report.run.plan.as_ref(), outcome)).collect()
            }
        };
        let there = names.into_iter().filter(|name| report.files.contains_key(name));
        there.map(|name| format!("{}/{name}", report.stamp())).collect()
    }

    fn state(&self) -> State {
        match (self.red && self.green, self.ever_done) {
            _ if self.row.blocked.is_some() => State::Open,
            (true, _) => State::Done,
            (false, true) => State::Regressed,
            (false, false) if self.red => State::Proven,
            (false, false) => State::Open,
        }
    }

    fn end(self) -> LedgerRow<'a> {
        let state = self.state();
        let Row { id, task, red, green, guidance, blocked, .. } = self.row;
        LedgerRow {
            id,
            task,
            state,
            red,
            green,
            attempts: self.attempts,
            stale: self.stale.into_values().collect(),
            guidance: (state != State::Done).then_some(guidance),
            blocked: blocked.as_deref(),
        }
    }
}

/// Whether a report ran this phase of the plan on the implementation that the plan names for any of its rows.
fn is_of_pair(report: &Report, plan: &Plan, phase: Phase) -> bool {
    plan.rows.iter().any(|row| is_of_row(report, plan, row, phase))
}

/// Whether a report ran this phase of a row, on the implementation that the row names.
fn is_of_row(report: &Report, plan: &Plan, row: &Row, phase: Phase) -> bool {
    let of_plan = report.run.plan.as_ref().filter(|of| of.name == plan.name);
    let of_row = of_plan.and_then(|of| of.rows.iter().find(|own| own.id == row.id));
    report.run.phases.contains(&phase)
        && of_row.is_some_and(|own| row_implementation(own, phase) == row_implementation(row, phase))
}

/// The implementations of reports of this plan that none of its rows names.
fn others<'a>(plan: &Plan, store: &'a Store) -> BTreeMap<Phase, BTreeSet<&'a str>> {
    let mut others: BTreeMap<Phase, BTreeSet<&'a str>> = BTreeMap::new();
    for run in store.reports.iter().map(|report| &report.run) {
        let rows = run.plan.iter().filter(|of| of.name == plan.name).flat_map(|of| &of.rows);
        for (row, phase) in rows.flat_map(|row| run.phases.iter().map(move |phase| (row, *phase))) {
            let name = row_implementation(row, phase);
            if plan.rows.iter().all(|own| row_implementation(own, phase) != name) {
                others.entry(phase).or_default().insert(name);
            }
        }
    }
    others
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{record::RunRecord, report::files, test_helpers};
    use State::{Done, Open, Proven, Regressed};

    const CHECK: &str = "persistence/round_trip";

    /// A store of reports with these outcomes, in this order; the timestamps are in reverse order.
    fn store(runs: Vec<Vec<Outcome>>) -> Store {
        let reports = runs.into_iter().enumerate().map(|(index, outcomes)| {
            let stamp = test_helpers::stamp(&format!("2025-10-17T1128{:02}Z", 59 - index));
            let run = RunRecord { stamp, outcomes, ..test_helpers::planned_run() };
            let chain = test_helpers::chain(index as u64 + 1, stamp);
            let files = files(&run, None).unwrap().into_keys().map(|name| (name, String::new())).collect();
            Report { run, environment: test_helpers::environment(), chain, head: String::new(), files }
        });
        Store { reports: reports.collect(), ..Store::default() }
    }

    /// The states of a row with one check, after each of these reports.
    fn states(runs: &[&[Outcome]]) -> Vec<State> {
        let plan =
            Plan { rows: vec![test_helpers::row("R", "persistence", &[CHECK])], ..test_helpers::plan() };
        let after = |count: usize| {
            let store = store(runs[..count].iter().map(|run| run.to_vec()).collect());
            Ledger::compute(&plan, &store).rows[0].state
        };
        (1..=runs.len()).map(after).collect()
    }

    fn red() -> Outcome {
        test_helpers::as_expected(CHECK, Phase::Red)
    }

    fn green() -> Outcome {
        test_helpers::as_expected(CHECK, Phase::Green)
    }

    fn not_red() -> Outcome {
        test_helpers::unexpected(CHECK, Phase::Red)
    }

    fn not_green() -> Outcome {
        test_helpers::unexpected(CHECK, Phase::Green)
    }

    #[test]
    fn a_row_is_open_then_proven_then_done() {
        assert_eq!(states(&[&[], &[red()], &[green()]]), [Open, Proven, Done]);
        assert_eq!(states(&[&[red(), green()]]), [Done]);
        assert_eq!(states(&[&[green(), red()]]), [Done], "the order within a report does not matter");
    }

    #[test]
    fn green_before_red_does_not_count() {
        assert_eq!(states(&[&[green()], &[red()], &[green()]]), [Open, Proven, Done]);
        assert_eq!(states(&[&[not_red(), green()], &[red()]]), [Open, Proven]);
    }

    #[test]
    fn a_done_row_can_regress_and_recover() {
        assert_eq!(states(&[&[red(), green()], &[not_green()], &[green()]]), [Done, Regressed, Done]);
        assert_eq!(states(&[&[red(), green()], &[not_red()], &[red()]]), [Done, Regressed, Done]);
    }

    #[test]
    fn green_does_not_recover_a_row_whose_red_is_no_longer_proven() {
        let again = [not_red(), green()];
        assert_eq!(states(&[&[red(), green()], &again, &[red(), green()]]), [Done, Regressed, Done]);
    }

    #[test]
    fn a_failure_before_a_row_is_done_is_not_a_regression() {
        assert_eq!(states(&[&[red()], &[not_green()], &[green()]]), [Proven, Proven, Done]);
        assert_eq!(states(&[&[red()], &[not_red()], &[red()]]), [Proven, Open, Proven]);
    }

    #[test]
    fn a_failed_setup_is_not_red() {
        assert_eq!(states(&[&[test_helpers::stopped(CHECK, Phase::Red)], &[green()]]), [Open, Open]);
    }

    #[test]
    fn an_incomplete_row_decides_nothing_unless_a_check_failed() {
        let plan = Plan { rows: vec![test_helpers::row("R", "l", &["a/1", "a/2"])], ..test_helpers::plan() };
        let all =
            |phase| vec![test_helpers::as_expected("a/1", phase), test_helpers::as_expected("a/2", phase)];
        let state = |runs: Vec<Vec<Outcome>>| Ledger::compute(&plan, &store(runs)).rows[0].state;
        let part = |phase| vec![test_helpers::as_expected("a/1", phase)];
        assert_eq!(state(vec![part(Phase::Red)]), Open);
        assert_eq!(state(vec![all(Phase::Red), part(Phase::Green)]), Proven);
        assert_eq!(state(vec![all(Phase::Red), all(Phase::Green), part(Phase::Green)]), Done);
        let failed = vec![test_helpers::unexpected("a/2", Phase::Green)];
        assert_eq!(state(vec![all(Phase::Red), all(Phase::Green), failed]), Regressed);
        let halves = vec![part(Phase::Red), vec![test_helpers::as_expected("a/2", Phase::Red)]];
        assert_eq!(state(halves), Open, "two incomplete runs are not one proof");
    }

    #[test]
    fn evidence_for_an_earlier_version_of_a_case_does_not_count() {
        let mut plan =
            Plan { rows: vec![test_helpers::row("R", "persistence", &[CHECK])], ..test_helpers::plan() };
        let Decision::Checks { checks, .. } = &mut plan.rows[0].decided_by else { return };
        checks[0].digest = "new".into();
        let old = store(vec![vec![red(), green()]]);
        let row = Ledger::compute(&plan, &old).rows.remove(0);
        assert_eq!(row.state, Open);
        let said =
            "evidence of 2025-10-17T112859Z is for an earlier version of cases/persistence/round_trip.toml";
        assert_eq!(row.stale, [said, said]);
        let renewed = |outcome: Outcome| Outcome { digest: "new".into(), ..outcome };
        let later = store(vec![vec![red(), green()], vec![renewed(red()), renewed(green())]]);
        let row = Ledger::compute(&plan, &later).rows.remove(0);
        assert_eq!((row.state, row.stale.len(), row.attempts.len()), (Done, 0, 4));
    }

    #[test]
    fn an_artifact_counts_by_phase_in_reports_of_this_plan() {
        let plan = test_helpers::plan();
        let state = |store: &Store| Ledger::compute(&plan, store).rows[3].state;
        let mut reports = store(vec![vec![], vec![]]);
        reports.reports[0].run.phases = vec![Phase::Red];
        assert_eq!(state(&reports), Done);
        reports.reports[1].files.remove("phase_d4_green_summary.md");
        assert_eq!(state(&reports), Proven);
        reports.reports.iter_mut().for_each(|report| report.run.plan = None);
        assert_eq!(state(&reports), Open);
    }

    #[test]
    fn a_blocked_row_stays_open() {
        let plan = test_helpers::plan();
        let outcomes =
            [Phase::Red, Phase::Green].map(|phase| test_helpers::as_expected("interop/python", phase));
        let store = store(vec![outcomes.to_vec()]);
        let row = Ledger::compute(&plan, &store).rows.remove(4);
        assert_eq!((row.state, row.blocked, row.attempts.len()), (Open, Some("no | fixture yet"), 2));
    }

    #[test]
    fn attempts_are_numbered_by_the_order_of_the_reports() {
        let mut store = store(vec![
            vec![red()],
            vec![],
            vec![test_helpers::as_expected("other/x", Phase::Red)],
            vec![green()],
        ]);
        for report in store.reports.iter_mut().skip(2) {
            report.run.plan = None;
            report.files.insert("green_persistence.log".into(), String::new());
        }
        let plan = test_helpers::plan();
        let row = Ledger::compute(&plan, &store).rows.remove(0);
        let said = row.attempts.iter().map(|attempt| (attempt.number, attempt.files.join(" ")));
        let expected = [
            (1, "2025-10-17T112859Z/phase_d4_red_persistence.log".to_owned()),
            (3, "2025-10-17T112856Z/green_persistence.log".to_owned()),
        ];
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }
}
