//! What a ledger needs of a run, so that its memory does not grow with what the reports of a store say besides.

use std::collections::BTreeSet;

use crate::harness::{
    record::RunRecord,
    suite::{Plan, selectors_of},
};

/// Drops everything that does not change the ledger of this plan: texts of cases, and outcomes of other checks in runs
/// that are no attempts at the plan.
pub fn keep_evidence(plan: &Plan, run: &mut RunRecord) {
    run.cases.clear();
    if run.plan.as_ref().is_some_and(|of| of.name == plan.name) {
        return;
    }
    let rows = plan.rows.iter().flat_map(|row| row.checks().iter().chain(row.tests()));
    let ids: BTreeSet<&str> = rows.map(|check| check.id.as_str()).collect();
    // A selector stands for a test with any parameter.
    run.outcomes.retain(|outcome| selectors_of(&outcome.check).any(|id| ids.contains(id)));
    run.outcomes.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        ledger::Ledger,
        report::files,
        runner::Phase,
        store::{Report, Store},
        test_helpers,
    };

    fn store(runs: Vec<RunRecord>) -> Store {
        let reports = runs.into_iter().zip(1..).map(|(run, number)| {
            let files = files(&run, None).unwrap().into_keys().map(|name| (name, String::new())).collect();
            let chain = test_helpers::chain(number, run.stamp);
            Report { run, environment: test_helpers::environment(), chain, head: String::new(), files }
        });
        Store { reports: reports.collect(), ..Store::default() }
    }

    #[test]
    fn a_ledger_does_not_depend_on_what_is_dropped() {
        let plan = test_helpers::plan();
        let mut whole = test_helpers::run();
        let others = [Phase::Red, Phase::Green].map(|phase| test_helpers::as_expected("loader/other", phase));
        whole.outcomes.extend(others.clone());
        let mut of_another = test_helpers::planned_run();
        of_another.plan.as_mut().unwrap().name = "another".into();
        of_another.outcomes.extend(others.clone());
        let mut attempt = test_helpers::planned_run();
        attempt.outcomes.extend(others);
        let runs = vec![whole, of_another, attempt];
        let mut kept = runs.clone();
        kept.iter_mut().for_each(|run| keep_evidence(&plan, run));
        let lengths = |runs: &[RunRecord]| runs.iter().map(|run| run.outcomes.len()).collect::<Vec<_>>();
        assert_eq!((lengths(&runs), lengths(&kept)), (vec![8, 8, 8], vec![6, 6, 8]));
        assert!(kept.iter().all(|run| run.cases.is_empty()));
        let (all, kept) = (store(runs), store(kept));
        let shown = |store: &Store| serde_json::to_string(&Ledger::compute(&plan, store)).unwrap();
        assert_eq!(shown(&kept), shown(&all));
    }
}
