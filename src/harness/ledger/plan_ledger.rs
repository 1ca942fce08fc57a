//! The ledger: the state of each row of a plan, computed from the reports of a store.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    LedgerRow, PlanAttempt, State, history::History, report_view::ReportView, row_result::row_implementation,
    walk::Walk,
};
use crate::harness::{
    runner::Phase,
    store::{CorruptReport, Store, Unfinished},
    suite::Plan,
};

/// The rows of a plan with their states, from the reports of one store.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ledger<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// The title of the plan.
    pub title: &'a str,
    /// The rows, in the order of the plan.
    pub rows: Vec<LedgerRow<'a>>,
    /// The numbered attempts at the plan on any implementation, in the order of the reports.
    pub attempts: Vec<PlanAttempt>,
    /// The other implementations on which reports of this plan were made. They do not count for the rows.
    pub others: BTreeMap<Phase, BTreeSet<&'a str>>,
    /// The reports that do not count as evidence because they have changed.
    pub damaged: &'a [CorruptReport],
    /// The runs without a published report.
    pub unfinished: &'a [Unfinished],
}

impl<'a> Ledger<'a> {
    /// Goes through the reports by number, for the implementations in the rows of the plan.
    ///
    /// Any report is evidence on each row whose checks it contains on the implementation of the row, regardless of its
    /// selection. Only outcomes of the current versions of the cases count. A row that was blocked when a report was
    /// written learns nothing from it, and the newest report of the plan on these implementations says whether it still
    /// is.
    pub fn compute(plan: &'a Plan, store: &'a Store) -> Self {
        let mut rows: Vec<Walk<'a>> = plan.rows.iter().map(Walk::new).collect();
        let mut history = History::default();
        for report in &store.reports {
            let view = ReportView::new(report, plan);
            rows.iter_mut().for_each(|row| row.take(&view));
            let next = rows.iter().find(|row| row.state() != State::Done).map(Walk::next_step);
            history.take(&view, next);
        }
        let rows = rows.into_iter().map(Walk::end).collect();
        let (damaged, unfinished) = (store.damaged.as_slice(), store.unfinished.as_slice());
        let (attempts, others) = (history.end(), others(plan, store));
        Self { plan: &plan.name, title: &plan.title, rows, attempts, others, damaged, unfinished }
    }

    /// Whether any report has a result in this phase.
    pub fn has_attempts(&self, phase: Phase) -> bool {
        self.rows.iter().flat_map(|row| &row.attempts).any(|attempt| attempt.phase == phase)
    }
}

/// The implementations of reports of this plan that none of its rows names.
fn others<'a>(plan: &Plan, store: &'a Store) -> BTreeMap<Phase, BTreeSet<&'a str>> {
    let named =
        |phase| -> BTreeSet<&str> { plan.rows.iter().map(|row| row_implementation(row, phase)).collect() };
    let own = BTreeMap::from([Phase::Red, Phase::Green].map(|phase| (phase, named(phase))));
    let mut others: BTreeMap<Phase, BTreeSet<&'a str>> = BTreeMap::new();
    for run in store.reports.iter().map(|report| &report.run) {
        let rows = run.plan.iter().filter(|of| of.name == plan.name).flat_map(|of| &of.rows);
        for (row, phase) in rows.flat_map(|row| run.phases.iter().map(move |phase| (row, *phase))) {
            let name = row_implementation(row, phase);
            if own.get(&phase).is_none_or(|own| !own.contains(name)) {
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
    use crate::harness::{
        record::{Attempt, Imported, Protected, ProtectedFile, RunRecord},
        report::files,
        runner::{Ended, Outcome, ReportedResult, ReportedTest},
        store::Report,
        suite::{Decision, PlannedCheck},
        test_helpers,
    };
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

    fn numbered(mut store: Store, first: u64) -> Store {
        for (number, report) in (first..).zip(&mut store.reports) {
            report.chain.attempt = Some(Attempt { plan: "phase_d4".into(), number });
        }
        store
    }

    #[test]
    fn attempts_have_the_numbers_of_their_reports_and_reports_without_the_plan_have_none() {
        let runs = vec![vec![red()], vec![test_helpers::as_expected("other/x", Phase::Red)], vec![green()]];
        let mut store = numbered(store(runs), 55);
        let last = store.reports.last_mut().unwrap();
        (last.run.plan, last.chain.attempt) = (None, None);
        last.files.insert("green_persistence.log".into(), String::new());
        let plan = test_helpers::plan();
        let ledger = Ledger::compute(&plan, &store);
        let attempts = ledger.rows[0].attempts.iter().map(|own| (own.number, own.files.join(" ")));
        let expected = [
            (Some(55), "2025-10-17T112859Z/phase_d4_red_persistence.log".to_owned()),
            (None, "2025-10-17T112857Z/green_persistence.log".to_owned()),
        ];
        assert_eq!(attempts.collect::<Vec<_>>(), expected);
        let changes = ledger.rows[0].transitions.iter().map(|own| (own.number, own.from, own.to));
        assert_eq!(changes.collect::<Vec<_>>(), [(Some(55), Open, Proven), (None, Proven, Done)]);
        assert_eq!(ledger.rows[0].evidence.len(), 2);
        let numbers: Vec<_> = ledger.attempts.iter().map(|own| (own.number, own.phase)).collect();
        let both = |number| [(number, Phase::Red), (number, Phase::Green)];
        assert_eq!(numbers, [both(55), both(56)].concat());
    }

    #[test]
    fn an_attempt_has_counts_artifacts_and_the_next_step() {
        let store = numbered(store(vec![test_helpers::planned_run().outcomes]), 55);
        let plan = test_helpers::plan();
        let attempts = Ledger::compute(&plan, &store).attempts;
        let red = &attempts[0];
        assert_eq!(red.title(), "[2025-10-17T112859Z] Attempt #55 - red on stub: 1/3 rows proven");
        assert_eq!(red.unexpected[1], "D4.B3 not proven: workflows/load set_up_error");
        assert_eq!(red.metrics, "1/3 failed as expected (1 set_up_error, 1 unexpected_pass)");
        assert!(red.artifacts.contains(&"2025-10-17T112859Z/phase_d4_red_summary.md".to_owned()));
        assert!(!red.artifacts.iter().any(|file| file.contains("green")), "{:?}", red.artifacts);
        assert_eq!(red.next.as_deref(), Some("D4.B2: wire persistence"));
    }

    #[test]
    fn the_next_step_of_an_attempt_is_about_that_attempt() {
        let plan =
            Plan { rows: vec![test_helpers::row("R", "persistence", &[CHECK])], ..test_helpers::plan() };
        let failed = test_helpers::unexpected(CHECK, Phase::Green);
        let mut store = numbered(store(vec![vec![red(), green()], vec![failed], vec![red()]]), 1);
        store.reports.iter_mut().for_each(|report| report.run.plan = Some(plan.clone()));
        // Attempts on other implementations change no row of this ledger.
        let others = plan.on(Some("x"), Some("y"));
        for (report, phase) in store.reports.iter_mut().skip(1).zip([Phase::Green, Phase::Red]) {
            report.run.phases = vec![phase];
            report.run.plan = Some(others.clone());
            report.run.outcomes[0].implementation = if phase == Phase::Green { "y" } else { "x" }.to_owned();
        }
        let ledger = Ledger::compute(&plan, &store);
        let said = |at: usize| ledger.attempts[at].details().last().cloned().unwrap();
        assert_eq!(said(0), "next: nothing: every row is done");
        assert_eq!(ledger.attempts[2].title().rsplit_once(": ").unwrap().1, "0/1 rows passed");
        assert_eq!(said(2), format!("next: R: {}", plan.rows[0].guidance));
        assert_eq!(ledger.attempts[3].title().rsplit_once(": ").unwrap().1, "1/1 rows proven");
        assert!(!said(3).contains("next"), "{}", said(3));
    }

    #[test]
    fn a_row_that_a_report_blocks_learns_nothing_from_it_and_stays_open() {
        let plan =
            Plan { rows: vec![test_helpers::row("R", "persistence", &[CHECK])], ..test_helpers::plan() };
        let mut store = numbered(store(vec![vec![red(), green()], vec![red(), green()], vec![not_red()]]), 1);
        store.reports.iter_mut().for_each(|report| report.run.plan = Some(plan.clone()));
        let block = |report: &mut Report, why: Option<&str>| {
            report.run.plan.as_mut().unwrap().rows[0].blocked = why.map(str::to_owned);
        };
        block(&mut store.reports[0], Some("no disk"));
        block(&mut store.reports[2], Some("no GPU"));
        let states = |count: usize| {
            let store = Store { reports: store.reports[..count].to_vec(), ..Store::default() };
            let ledger = Ledger::compute(&plan, &store);
            (ledger.rows[0].state, ledger.rows[0].blocked.map(str::to_owned))
        };
        assert_eq!(states(1), (Open, Some("no disk".into())));
        assert_eq!(states(2), (Done, None), "the newest report decides whether it is blocked");
        assert_eq!(states(3), (Open, Some("no GPU".into())));
        block(&mut store.reports[2], None);
        let ledger = Ledger::compute(&plan, &store);
        assert_eq!(ledger.rows[0].state, Regressed, "without the block the same result counts");
        let errors = &ledger.rows[0].attempts[0].errors;
        assert_eq!(*errors, [format!("{CHECK}: not_implemented: no loader yet")]);
        assert_eq!(ledger.rows[0].attempts[4].errors, Vec::<String>::new());
    }

    const TEST: &str = "t/test_io.py::test_x";

    fn reported(phase: Phase, result: ReportedResult) -> Outcome {
        let message = "no loader".to_owned();
        let exception = Some("AssertionError".to_owned());
        let test = ReportedTest { result, exception, message, details: String::new(), raised_at: None };
        let fails = (phase == Phase::Red).then(|| "passes".to_owned());
        let as_expected = test_helpers::as_expected(TEST, phase);
        Outcome { must_fail: fails, reason: None, ended: Ended::Reported(test), ..as_expected }
    }

    /// A plan whose only row has a check and a test, and a store of one report for each of these outcomes.
    fn two_sources(outcomes: &[Outcome]) -> (Plan, Store) {
        let mut plan =
            Plan { rows: vec![test_helpers::row("R", "persistence", &[CHECK])], ..test_helpers::plan() };
        if let Decision::Checks { checks, tests, .. } = &mut plan.rows[0].decided_by {
            let mut reason = checks[0].reason.clone();
            (reason.kind, reason.mentions) = (crate::harness::suite::FailureKind::WrongResult, vec![]);
            let fails = vec!["passes".to_owned()];
            let (id, digest) = (TEST.to_owned(), format!("digest of {TEST}"));
            tests.push(PlannedCheck { id, digest, fails, reason, ..checks[0].clone() });
        }
        let mut store = store(outcomes.iter().map(|outcome| vec![outcome.clone()]).collect());
        for report in &mut store.reports {
            let is_test = report.run.outcomes[0].check == TEST;
            report.run.imported = is_test.then(|| Imported { junit: Vec::new(), logs: Vec::new() });
        }
        (plan, store)
    }

    fn last_state(outcomes: &[Outcome]) -> State {
        let (plan, store) = two_sources(outcomes);
        Ledger::compute(&plan, &store).rows[0].state
    }

    #[test]
    fn imported_tests_decide_a_row_by_the_same_rules() {
        use ReportedResult::{Failed, Passed, Xfail};
        let (red, green) = (|result| reported(Phase::Red, result), |result| reported(Phase::Green, result));
        assert_eq!(last_state(&[red(Failed)]), Proven);
        assert_eq!(last_state(&[red(Xfail)]), Open);
        assert_eq!(last_state(&[red(Failed), green(Passed)]), Done);
        assert_eq!(last_state(&[green(Passed), red(Failed)]), Proven);
        assert_eq!(last_state(&[red(Failed), green(Xfail)]), Proven);
        assert_eq!(last_state(&[red(Failed), green(Passed), green(Xfail)]), Regressed);
    }

    #[test]
    fn checks_and_imported_tests_of_a_row_must_agree() {
        use ReportedResult::{Failed, Passed, Xfail};
        let (test_red, test_green) = (reported(Phase::Red, Failed), reported(Phase::Green, Passed));
        assert_eq!(last_state(&[red(), reported(Phase::Red, Xfail)]), Open);
        assert_eq!(
            last_state(&[red(), test_green.clone()]),
            Proven,
            "a test that was never red does not count"
        );
        assert_eq!(last_state(&[red(), green(), test_green]), Done);
        assert_eq!(last_state(&[red(), green(), test_red.clone()]), Done);
        assert_eq!(last_state(&[red(), green(), test_red, reported(Phase::Green, Xfail)]), Regressed);
    }

    #[test]
    fn a_red_attempt_says_which_protected_files_changed() {
        let protected = |digest: &str| Protected {
            patterns: vec!["src".into()],
            files: [("src/a".to_owned(), ProtectedFile::Sha256(digest.into()))].into(),
            change: None,
        };
        let mut store = numbered(store(vec![vec![red()], vec![red()], vec![red()], vec![red()]]), 1);
        for (report, digest) in store.reports.iter_mut().zip([Some("1"), None, Some("1"), Some("2")]) {
            report.run.protected = digest.map(protected);
        }
        let plan = test_helpers::plan();
        let ledger = Ledger::compute(&plan, &store);
        let said =
            ledger.attempts.iter().filter_map(|own| Some((own.number, own.protected.as_ref()?.to_string())));
        let expected = "protected files changed since 2025-10-17T112857Z: src/a".to_owned();
        assert_eq!(said.collect::<Vec<_>>(), [(4, expected.clone())]);
        assert!(ledger.to_text(None).contains(&expected) && ledger.to_markdown().contains("src/a"));
    }
}
