//! The verdict on a run, as one sentence.

use std::collections::BTreeSet;

use super::state::{State, States};
use crate::{
    harness::{
        record::{ConformanceSummary, RunRecord, Target},
        runner::{Outcome, Phase, Verdict},
        suite::Authority,
    },
    text::counted,
};

/// What a run says about the implementation under test, or about the red phase if none was tested.
#[derive(Debug, PartialEq, Eq)]
pub struct RunVerdict {
    /// Whether the sentence is good news.
    pub state: State,
    /// One sentence.
    pub sentence: String,
}

impl RunVerdict {
    /// The verdict on these outcomes, their known failures, proofs and negative control.
    pub fn of(run: &RunRecord) -> Self {
        let states = States::of(run);
        let green = StateCounts::of(run.outcomes_of(Phase::Green), &states);
        let red = StateCounts::of(run.outcomes_of(Phase::Red), &states);
        let (state, sentence) = of_run(run, green, red);
        Self { state, sentence }
    }
}

/// The number of outcomes in each state.
#[derive(Clone, Copy, Default)]
pub(super) struct StateCounts {
    good: usize,
    bad: usize,
    known: usize,
    skipped: usize,
}

impl StateCounts {
    pub(super) fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>, states: &States) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *counts.of_state(states.state(outcome)) += 1;
        }
        counts
    }

    pub(super) fn of_state(&mut self, state: State) -> &mut usize {
        match state {
            State::Good => &mut self.good,
            State::Bad => &mut self.bad,
            State::Known => &mut self.known,
            State::Skipped => &mut self.skipped,
        }
    }

    fn all(self) -> usize {
        self.good + self.bad + self.known + self.skipped
    }
}

/// The sentence for a run: about the implementation under test if there is one, otherwise about the red phase.
fn of_run(run: &RunRecord, green: StateCounts, red: StateCounts) -> (State, String) {
    if run.partition.is_some() && run.outcomes.is_empty() {
        return (State::Skipped, "This part has no checks.".to_owned());
    }
    if green.all() == 0 {
        return of_red(red);
    }
    let names: BTreeSet<&str> =
        run.outcomes_of(Phase::Green).map(|outcome| outcome.implementation.as_str()).collect();
    let name = names.into_iter().collect::<Vec<_>>().join(", ");
    let all = green.all();
    let standing = run.conformance();
    if green.bad > 0 {
        let broken = standing.map(|(target, standing)| broken(target, &standing)).unwrap_or_default();
        let failed = format!("{} of {} did not pass", green.bad, counted(all, "check"));
        return (State::Bad, format!("{name} does not conform: {failed}{}{broken}.", unfinished(run)));
    }
    if green.good == 0 {
        return (State::Skipped, format!("Nothing was tested on {name}: all checks were skipped."));
    }
    let mut parts = vec![format!("{} of {} passed", green.good, counted(all, "check"))];
    parts.extend((green.skipped > 0).then(|| format!("{} skipped{}", green.skipped, shared_need(run))));
    parts.extend((green.known > 0).then(|| format!("{} known to fail", green.known)));
    let parts = parts.join(", ");
    let problems = standing.map_or(0, |(_, standing)| standing.known.problems.len());
    if problems > 0 {
        let problems = counted(problems, "problem");
        return (State::Bad, format!("The list of known failures of {name} has {problems}: {parts}."));
    }
    if let Some(unproven) = unproven(run, red) {
        return (State::Bad, format!("{name} passes, but {unproven}: {parts}."));
    }
    let (state, except) =
        if green.known > 0 { (State::Known, " except for known failures") } else { (State::Good, "") };
    let of = if is_partial(run) { " in the selected checks" } else { "" };
    (state, format!("{name} conforms{of}{except}: {parts}."))
}

/// The requirements that a third-party implementation breaks, and how many of them were not decided by the suite.
fn broken(target: &Target, standing: &ConformanceSummary<'_>) -> String {
    let all = standing.violations.iter().chain(&standing.differences).flat_map(|broken| &broken.ids);
    let ids: BTreeSet<&str> = all.map(String::as_str).collect();
    if ids.is_empty() {
        return String::new();
    }
    let is_ours =
        |id: &&&str| target.requirements.get(**id).is_some_and(|own| own.authority == Authority::Ours);
    let ours = ids.iter().filter(is_ours).count();
    let (all, others) = (counted(ids.len(), "requirement"), ids.len() - ours);
    format!("; {all} broken, {others} of them specified or observed, {ours} decided by the suite")
}

/// How many checks crashed, ran out of time, did not run, and failed in some runs only.
fn unfinished(run: &RunRecord) -> String {
    let number =
        |of: Verdict| run.outcomes_of(Phase::Green).filter(|outcome| outcome.verdict() == of).count();
    let all = [(Verdict::Crash, "crashed"), (Verdict::Timeout, "timed out"), (Verdict::NotRun, "not run")];
    let parts = all.map(|(of, word)| {
        let count = number(of);
        (count > 0).then(|| format!("{count} {word}"))
    });
    let flaky = run.outcomes_of(Phase::Green).filter(|outcome| outcome.flaky.is_some()).count();
    let flaky = (flaky > 0).then(|| format!("{flaky} flaky"));
    let parts: Vec<String> = parts.into_iter().flatten().chain(flaky).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// What all skipped checks need, if it is the same.
fn shared_need(run: &RunRecord) -> String {
    let needs: BTreeSet<&str> = run.outcomes_of(Phase::Green).filter_map(Outcome::lacking).collect();
    match needs.first() {
        Some(need) if needs.len() == 1 => format!(" (requires {need})"),
        _ => String::new(),
    }
}

/// Why passing proves nothing yet.
fn unproven(run: &RunRecord, red: StateCounts) -> Option<String> {
    if red.bad > 0 {
        return Some(format!("{} did not fail as expected", counted(red.bad, "red run")));
    }
    if !run.unproven.is_empty() {
        let cases = counted(run.unproven.len(), "case");
        return Some(format!("nothing shows that {cases} can fail"));
    }
    let is_fooled = run.control.as_ref().is_some_and(|control| control.unnoticed().next().is_some());
    is_fooled.then(|| "so does the negative control".to_owned())
}

fn of_red(red: StateCounts) -> (State, String) {
    let all = counted(red.all(), "red run");
    match (red.bad, red.good) {
        (0, 0) => (State::Skipped, "Nothing was tested: all checks were skipped.".to_owned()),
        (0, good) if red.skipped + red.known == 0 => (
            State::Good,
            format!("{} failed as expected.", if good == 1 { all } else { format!("All {all}") }),
        ),
        (0, good) => (State::Good, format!("{good} of {all} failed as expected, {} skipped.", red.skipped)),
        (bad, _) => (State::Bad, format!("Not proven: {bad} of {all} did not fail as expected.")),
    }
}

/// Whether options limited the checks, so that the result of the whole suite may differ.
pub(super) fn is_partial(run: &RunRecord) -> bool {
    run.partition.is_some() || run.selection.iter().any(|option| restricts(option))
}

/// The options that limit the checks of a run.
const RESTRICTING: [&str; 6] =
    ["--case ", "--requirement ", "--area ", "--plan ", "--rerun-failed ", "--partition "];

/// Whether an option of a run, with its value, limits its checks.
pub fn restricts(option: &str) -> bool {
    RESTRICTING.iter().any(|prefix| option.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::harness::{runner::Ended, test_helpers};

    fn sentence(outcomes: Vec<Outcome>) -> (State, String) {
        let run = RunRecord { outcomes, selection: Vec::new(), unproven: Vec::new(), ..test_helpers::run() };
        let verdict = RunVerdict::of(&run);
        (verdict.state, verdict.sentence)
    }

    fn green(check: &str) -> Outcome {
        test_helpers::as_expected(check, Phase::Green)
    }

    fn skipped() -> Outcome {
        Outcome { ended: Ended::Unsupported { need: "torch".into() }, ..green("a/skipped") }
    }

    fn red(check: &str) -> Outcome {
        test_helpers::as_expected(check, Phase::Red)
    }

    #[rstest]
    #[case(vec![green("a/b")], State::Good, "reference conforms: 1 of 1 check passed.")]
    #[case(vec![green("a/b"), skipped()], State::Good, "reference conforms: 1 of 2 checks passed, 1 skipped (requires torch).")]
    #[case(vec![skipped()], State::Skipped, "Nothing was tested on reference: all checks were skipped.")]
    #[case(
        vec![green("a/b"), test_helpers::unexpected("a/c", Phase::Green), skipped()],
        State::Bad,
        "reference does not conform: 1 of 3 checks did not pass."
    )]
    #[case(
        vec![test_helpers::unexpected("a/b", Phase::Red), green("a/b")],
        State::Bad,
        "reference passes, but 1 red run did not fail as expected: 1 of 1 check passed."
    )]
    #[case(vec![red("a/b"), red("a/c")], State::Good, "All 2 red runs failed as expected.")]
    #[case(
        vec![red("a/b"), test_helpers::stopped("a/c", Phase::Red)],
        State::Bad,
        "Not proven: 1 of 2 red runs did not fail as expected."
    )]
    #[case(vec![], State::Skipped, "Nothing was tested: all checks were skipped.")]
    fn the_sentence_is_about_the_worst_result(
        #[case] outcomes: Vec<Outcome>,
        #[case] state: State,
        #[case] said: &str,
    ) {
        assert_eq!(sentence(outcomes), (state, said.to_owned()));
    }
}
