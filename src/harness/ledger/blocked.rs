//! Checks that only blocked rows of a plan ask for.

use std::collections::BTreeSet;

use crate::harness::{
    record::RunRecord,
    runner::{Ended, Outcome, Phase},
};

use super::row_result::{planned, row_implementation};

/// The checks of a run that only blocked rows ask for. They run and are shown, and decide nothing.
#[derive(Debug, Default)]
pub struct BlockedChecks<'r>(BTreeSet<(&'r str, Phase, &'r str)>);

impl<'r> BlockedChecks<'r> {
    /// Those of the plan of a run; none without a plan.
    pub fn of(run: &'r RunRecord) -> Self {
        let rows = || run.plan.iter().flat_map(|plan| &plan.rows);
        let asked = |is_blocked: bool| {
            let rows = rows().filter(move |row| row.blocked.is_some() == is_blocked);
            rows.flat_map(|row| planned(row, run).iter().map(move |check| (row, check))).flat_map(
                |(row, check)| {
                    [Phase::Red, Phase::Green]
                        .map(|phase| (check.id.as_str(), phase, row_implementation(row, phase)))
                },
            )
        };
        let mut blocked: BTreeSet<_> = asked(true).collect();
        asked(false).for_each(|other| _ = blocked.remove(&other));
        Self(blocked)
    }

    /// Whether only blocked rows ask for this outcome.
    pub fn contains(&self, outcome: &'r Outcome) -> bool {
        let has = |check| self.0.contains(&(check, outcome.phase, outcome.implementation.as_str()));
        let without_parameter = outcome.check.split_once('[').map(|(name, _)| name);
        let is_test = matches!(outcome.ended, Ended::Reported(_));
        has(&outcome.check) || without_parameter.filter(|_| is_test).is_some_and(has)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn a_check_that_another_row_asks_for_too_is_not_blocked() {
        let mut run = test_helpers::planned_run();
        assert!(!BlockedChecks::of(&run).contains(&run.outcomes[0]));
        let plan = run.plan.as_mut().unwrap();
        plan.rows[1].blocked = Some("later".into());
        let blocked = BlockedChecks::of(&run);
        let names = run.outcomes.iter().filter(|outcome| blocked.contains(outcome));
        let names: Vec<_> = names.map(|outcome| (outcome.check.as_str(), outcome.phase)).collect();
        assert_eq!(names, [("persistence/params", Phase::Red), ("persistence/params", Phase::Green)]);
    }
}
