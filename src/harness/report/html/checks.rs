//! The list of results by area, and what it can be filtered by.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::harness::{
    record::{Counts, RunRecord},
    report::{
        area,
        state::{State, States},
    },
    runner::{Outcome, Phase},
};

/// The most results in the list. Those that need attention come first when it is full.
const MAX_ROWS: usize = 5000;

/// The results by area, and the choices of the filter.
#[derive(Debug, Serialize)]
pub(super) struct Checks<'a> {
    areas: Vec<AreaView<'a>>,
    /// The number of results in the list.
    shown: usize,
    /// The number of results that are in `results.json` only.
    left_out: usize,
    results: BTreeSet<&'static str>,
    phases: BTreeSet<&'static str>,
    implementations: BTreeSet<&'a str>,
    requirements: BTreeSet<&'a str>,
}

#[derive(Debug, Serialize)]
struct AreaView<'a> {
    name: &'a str,
    /// A sentence for each phase.
    counts: Vec<(&'static str, String)>,
    /// Whether an outcome needs attention.
    state: State,
    rows: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    check: &'a str,
    title: &'a str,
    implementation: &'a str,
    phase: &'static str,
    result: &'static str,
    state: State,
    requirements: String,
    /// The number of the failure that explains it, if it is on the page.
    failure: Option<usize>,
}

impl<'a> Checks<'a> {
    /// `failures` are the numbers of the outcomes that the page explains, by their index in the run.
    pub(super) fn of(run: &'a RunRecord, states: &States, failures: &BTreeMap<usize, usize>) -> Self {
        let mut indices: Vec<usize> = (0..run.outcomes.len()).collect();
        if indices.len() > MAX_ROWS {
            let needs_attention = |index: &usize| {
                run.outcomes.get(*index).is_none_or(|outcome| states.state(outcome) == State::Good)
            };
            indices.sort_by_key(needs_attention);
        }
        let left_out = indices.len().saturating_sub(MAX_ROWS);
        indices.truncate(MAX_ROWS);
        indices.sort_unstable();
        let mut rows: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
        for index in indices {
            let Some(outcome) = run.outcomes.get(index) else { continue };
            rows.entry(area(&outcome.check)).or_default().push(Row {
                check: &outcome.check,
                title: &outcome.title,
                implementation: &outcome.implementation,
                phase: outcome.phase.as_str(),
                result: outcome.result_name(),
                state: states.state(outcome),
                requirements: outcome.requires.join(" "),
                failure: failures.get(&index).copied(),
            });
        }
        let mut counts: BTreeMap<(&str, Phase), Vec<&Outcome>> = BTreeMap::new();
        for outcome in &run.outcomes {
            counts.entry((area(&outcome.check), outcome.phase)).or_default().push(outcome);
        }
        let areas = rows.into_iter().map(|(name, rows)| AreaView {
            name,
            counts: [Phase::Red, Phase::Green]
                .into_iter()
                .filter_map(|phase| Some((phase.as_str(), sentence(counts.get(&(name, phase))?))))
                .collect(),
            state: overall(rows.iter().map(|row| row.state)),
            rows,
        });
        let areas: Vec<AreaView<'_>> = areas.collect();
        let of_each = || areas.iter().flat_map(|area| &area.rows);
        Self {
            shown: of_each().count(),
            left_out,
            results: of_each().map(|row| row.result).collect(),
            phases: of_each().map(|row| row.phase).collect(),
            implementations: of_each().map(|row| row.implementation).collect(),
            requirements: run.outcomes.iter().flat_map(|own| &own.requires).map(String::as_str).collect(),
            areas,
        }
    }
}

fn sentence(outcomes: &[&Outcome]) -> String {
    Counts::of(outcomes.iter().copied()).to_string()
}

/// What a group of outcomes is marked with. Skipped checks do not count where others have a result.
pub(super) fn overall(states: impl Iterator<Item = State>) -> State {
    let rank = |state: &State| match state {
        State::Skipped => 0,
        State::Good => 1,
        State::Known => 2,
        State::Bad => 3,
    };
    states.max_by_key(rank).unwrap_or(State::Skipped)
}

/// The requirements of the outcomes, each with what was seen of it.
pub(super) fn requirements(run: &RunRecord, states: &States) -> Vec<RequirementView> {
    let mut seen: BTreeMap<&str, Vec<State>> = BTreeMap::new();
    for outcome in &run.outcomes {
        for id in &outcome.requires {
            seen.entry(id).or_default().push(states.state(outcome));
        }
    }
    let statement = |id: &str| {
        let known = run.judged.as_ref()?.requirements.get(id)?;
        Some(format!("{} ({}, {})", known.statement, known.level, known.authority))
    };
    let view = |(id, states): (&str, Vec<State>)| {
        let count = |wanted| states.iter().filter(|state| **state == wanted).count();
        let parts = [
            (State::Good, "as expected"),
            (State::Bad, "unexpected"),
            (State::Known, "known to fail"),
            (State::Skipped, "skipped"),
        ];
        let seen: Vec<String> = parts
            .into_iter()
            .filter_map(|(state, word)| Some(format!("{} {word}", Some(count(state)).filter(|n| *n > 0)?)))
            .collect();
        RequirementView {
            id: id.to_owned(),
            statement: statement(id),
            seen: seen.join(", "),
            state: overall(states.iter().copied()),
        }
    };
    seen.into_iter().map(view).collect()
}

/// A requirement and what was seen of it.
#[derive(Debug, Serialize)]
pub(super) struct RequirementView {
    id: String,
    statement: Option<String>,
    seen: String,
    state: State,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn a_long_list_is_cut_and_keeps_what_needs_attention() {
        let mut run = test_helpers::run();
        let last = run.outcomes.pop();
        run.outcomes = (0..MAX_ROWS + 10)
            .map(|number| test_helpers::as_expected(&format!("a/{number}"), Phase::Green))
            .chain(last)
            .collect();
        let checks = Checks::of(&run, &States::of(&run), &BTreeMap::new());
        assert_eq!((checks.shown, checks.left_out), (MAX_ROWS, 11));
        let bad: Vec<&str> = checks
            .areas
            .iter()
            .flat_map(|area| &area.rows)
            .filter(|row| row.state == State::Bad)
            .map(|row| row.check)
            .collect();
        assert_eq!(bad, ["persistence/params"]);
    }

    #[test]
    fn a_requirement_is_marked_with_its_worst_result() {
        let run = test_helpers::run();
        let views = requirements(&run, &States::of(&run));
        let said: Vec<(&str, State, &str)> =
            views.iter().map(|view| (view.id.as_str(), view.state, view.seen.as_str())).collect();
        assert_eq!(
            said,
            [("LOD-004", State::Bad, "1 unexpected"), ("RTP-001", State::Bad, "3 as expected, 3 unexpected")]
        );
    }
}
