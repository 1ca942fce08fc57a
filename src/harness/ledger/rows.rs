//! The ledger: what the reports of a store say about the rows of a plan. It is computed and never typed.

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

use super::{RowResult, RowStatus, row_result::is_of};
use crate::harness::{
    record::plan_file,
    report::log::{log_names, row_log},
    store::{CorruptReport, Report, Store, Unfinished},
};

/// A plan's rows with their states, as the reports of one store have them.
#[derive(Debug, Serialize)]
pub struct Ledger<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// What the plan is.
    pub title: &'a str,
    /// The rows, in the order of the plan.
    pub rows: Vec<LedgerRow<'a>>,
    /// The reports that are no evidence because they are not as they were written.
    pub damaged: &'a [CorruptReport],
    /// The runs that came to no report.
    pub unfinished: &'a [Unfinished],
}

/// One row with its state and how it came to it.
#[derive(Debug, Serialize)]
pub struct LedgerRow<'a> {
    /// The row's id.
    pub id: &'a str,
    /// What is to be done.
    pub task: &'a str,
    /// The state.
    pub state: State,
    /// The implementation it must be seen red on.
    pub red: &'a str,
    /// The implementation it must turn green on.
    pub green: &'a str,
    /// Every attempt on it, in the order of the reports, red before green.
    pub attempts: Vec<RowAttempt>,
    /// What evidence does not count, and why, where none of the cases as they are now has followed it.
    pub stale: Vec<String>,
    /// What to do next, while the row is not done.
    pub guidance: Option<&'a str>,
    /// Why the row cannot be worked on.
    pub blocked: Option<&'a str>,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `[ ]`: nothing that counts, or the row is blocked.
    Open,
    /// `[P]`: red is proven.
    Proven,
    /// `[x]`: red is proven, and in the same report or a later one green passed.
    Done,
    /// `[!]`: it was done, and the newest evidence says otherwise.
    Regressed,
}

/// What one report holds about a row in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowAttempt {
    /// The attempt's number among those on the plan, from 1: the same for all that one report holds.
    pub number: usize,
    /// The report.
    pub stamp: RunTimestamp,
    /// The phase.
    pub phase: Phase,
    /// What it came to, in words.
    pub result: String,
    /// Where to read about it, from the directory of the reports.
    pub files: Vec<String>,
}

impl<'a> Ledger<'a> {
    /// Walks over the reports by their numbers. A report of whatever selection is an attempt on each row whose
    /// checks it holds on the implementation that the row names; what counts of it is only what was seen of
    /// the cases as the plan has them now.
    pub fn compute(plan: &'a Plan, store: &'a Store) -> Self {
        let mut rows: Vec<Walk<'a>> = plan.rows.iter().map(Walk::new).collect();
        let mut number = 0;
        for report in &store.reports {
            let mut any = is_of_plan(report, plan);
            for row in &mut rows {
                for phase in [Phase::Red, Phase::Green] {
                    any |= row.take(plan, phase, report, number + 1);
                }
            }
            number += usize::from(any);
        }
        let rows = rows.into_iter().map(Walk::end).collect();
        let (damaged, unfinished) = (store.damaged.as_slice(), store.unfinished.as_slice());
        Self { plan: &plan.name, title: &plan.title, rows, damaged, unfinished }
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

/// What the walk over the reports has learned of a row so far.
struct Walk<'a> {
    row: &'a Row,
    attempts: Vec<RowAttempt>,
    stale: BTreeMap<Phase, String>,
    /// Whether the newest red attempt that decides anything is a proof.
    red: bool,
    ever_red: bool,
    /// Whether the newest green attempt that decides anything passed, with a proof of red before or beside it.
    green: bool,
    ever_done: bool,
}

impl<'a> Walk<'a> {
    fn new(row: &'a Row) -> Self {
        let (attempts, stale) = (Vec::new(), BTreeMap::new());
        Self { row, attempts, stale, red: false, ever_red: false, green: false, ever_done: false }
    }

    /// Takes what a report holds about the row in a phase; false when that is nothing.
    fn take(&mut self, plan: &Plan, phase: Phase, report: &Report, number: usize) -> bool {
        let stamp = report.stamp();
        let (meaning, result) = match &self.row.decided_by {
            Decision::Artifact { artifact } => {
                let name = plan_file(&plan.name, phase, artifact, "md");
                let held = is_of_plan(report, plan) && report.run.phases.contains(&phase);
                if !held || !report.files.contains_key(&name) {
                    return false;
                }
                (RowStatus::Proves, format!("{name} is there"))
            }
            Decision::Checks { .. } => {
                let Some(attempt) = RowResult::of(self.row, phase, &report.run) else { return false };
                match attempt.staleness() {
                    Some(why) => _ = self.stale.insert(phase, format!("evidence of {stamp} {why}")),
                    None if attempt.meaning() == RowStatus::Neither => {}
                    None => _ = self.stale.remove(&phase),
                }
                (attempt.meaning(), attempt.in_words())
            }
        };
        self.learn(phase, meaning);
        let files = self.files(plan, phase, report);
        self.attempts.push(RowAttempt { number, stamp, phase, result, files });
        true
    }

    fn learn(&mut self, phase: Phase, meaning: RowStatus) {
        match (phase, meaning) {
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
            Decision::Checks { .. } => row_log(plan, self.row, phase).filter(|_| is_of_plan(report, plan)),
        };
        let names = match own.filter(|name| report.files.contains_key(name)) {
            Some(name) => BTreeSet::from([name]),
            None => {
                let checks = self.row.checks();
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

fn is_of_plan(report: &Report, plan: &Plan) -> bool {
    report.run.plan.as_ref().is_some_and(|of| of.name == plan.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        record::{Chain, FORMAT, RunRecord},
        report::files,
        test_helpers,
    };
    use State::{Done, Open, Proven, Regressed};

    const CHECK: &str = "persistence/round_trip";

    /// A store of reports with these outcomes, in this order; the stamps go the other way.
    fn store(runs: Vec<Vec<Outcome>>) -> Store {
        let reports = runs.into_iter().enumerate().map(|(index, outcomes)| {
            let stamp = test_helpers::stamp(&format!("2025-10-17T1128{:02}Z", 59 - index));
            let run = RunRecord { stamp, outcomes, ..test_helpers::planned_run() };
            let (sequence, times) = (index as u64 + 1, stamp.rfc3339());
            let chain = Chain {
                format: FORMAT,
                sequence,
                stamp,
                predecessor: None,
                started: times.clone(),
                ended: times,
            };
            let files = files(&run).unwrap().into_keys().map(|name| (name, String::new())).collect();
            Report { run, chain, head: String::new(), files }
        });
        Store { reports: reports.collect(), ..Store::default() }
    }

    /// The states of the row of one check after each of these reports.
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
        test_helpers::as_stated(CHECK, Phase::Red)
    }

    fn green() -> Outcome {
        test_helpers::as_stated(CHECK, Phase::Green)
    }

    fn not_red() -> Outcome {
        test_helpers::otherwise(CHECK, Phase::Red)
    }

    fn not_green() -> Outcome {
        test_helpers::otherwise(CHECK, Phase::Green)
    }

    #[test]
    fn a_row_is_open_then_proven_then_done() {
        assert_eq!(states(&[&[], &[red()], &[green()]]), [Open, Proven, Done]);
        assert_eq!(states(&[&[red(), green()]]), [Done]);
        assert_eq!(states(&[&[green(), red()]]), [Done], "the order within a report means nothing");
    }

    #[test]
    fn green_before_red_is_proven_is_nothing() {
        assert_eq!(states(&[&[green()], &[red()], &[green()]]), [Open, Proven, Done]);
        assert_eq!(states(&[&[not_red(), green()], &[red()]]), [Open, Proven]);
    }

    #[test]
    fn a_row_that_was_done_regresses_and_comes_back() {
        assert_eq!(states(&[&[red(), green()], &[not_green()], &[green()]]), [Done, Regressed, Done]);
        assert_eq!(states(&[&[red(), green()], &[not_red()], &[red()]]), [Done, Regressed, Done]);
    }

    #[test]
    fn green_does_not_bring_back_a_row_whose_red_is_no_longer_proven() {
        let again = [not_red(), green()];
        assert_eq!(states(&[&[red(), green()], &again, &[red(), green()]]), [Done, Regressed, Done]);
    }

    #[test]
    fn a_failure_before_a_row_was_done_is_no_regression() {
        assert_eq!(states(&[&[red()], &[not_green()], &[green()]]), [Proven, Proven, Done]);
        assert_eq!(states(&[&[red()], &[not_red()], &[red()]]), [Proven, Open, Proven]);
    }

    #[test]
    fn a_stop_in_the_set_up_is_not_red() {
        assert_eq!(states(&[&[test_helpers::stopped(CHECK, Phase::Red)], &[green()]]), [Open, Open]);
    }

    #[test]
    fn a_part_of_a_row_proves_nothing_and_breaks_nothing_unless_it_failed() {
        let plan = Plan { rows: vec![test_helpers::row("R", "l", &["a/1", "a/2"])], ..test_helpers::plan() };
        let all = |phase| vec![test_helpers::as_stated("a/1", phase), test_helpers::as_stated("a/2", phase)];
        let state = |runs: Vec<Vec<Outcome>>| Ledger::compute(&plan, &store(runs)).rows[0].state;
        let part = |phase| vec![test_helpers::as_stated("a/1", phase)];
        assert_eq!(state(vec![part(Phase::Red)]), Open);
        assert_eq!(state(vec![all(Phase::Red), part(Phase::Green)]), Proven);
        assert_eq!(state(vec![all(Phase::Red), all(Phase::Green), part(Phase::Green)]), Done);
        let failed = vec![test_helpers::otherwise("a/2", Phase::Green)];
        assert_eq!(state(vec![all(Phase::Red), all(Phase::Green), failed]), Regressed);
        let halves = vec![part(Phase::Red), vec![test_helpers::as_stated("a/2", Phase::Red)]];
        assert_eq!(state(halves), Open, "two halves of two runs are not one proof");
    }

    #[test]
    fn evidence_for_an_earlier_version_of_a_case_does_not_count_and_says_so() {
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
    fn a_file_that_is_asked_for_counts_by_phase_in_reports_of_this_plan() {
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
    fn a_blocked_row_stays_open_whatever_was_run() {
        let plan = test_helpers::plan();
        let outcomes =
            [Phase::Red, Phase::Green].map(|phase| test_helpers::as_stated("interop/python", phase));
        let store = store(vec![outcomes.to_vec()]);
        let row = Ledger::compute(&plan, &store).rows.remove(4);
        assert_eq!((row.state, row.blocked, row.attempts.len()), (Open, Some("no | fixture yet"), 2));
    }

    #[test]
    fn attempts_are_numbered_by_the_order_of_the_reports_and_say_where_to_read() {
        let mut store = store(vec![
            vec![red()],
            vec![],
            vec![test_helpers::as_stated("other/x", Phase::Red)],
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
