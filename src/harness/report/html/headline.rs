//! The first screen: whether it conforms, what failed, what was skipped and what to do next.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    harness::{
        proof::KillMatrix,
        record::{RunRecord, SUMS},
        report::{
            Group, groups,
            rerun::suite_option,
            rerun_command,
            state::{State, States},
            verdict::{RunVerdict, StateCounts, is_partial},
        },
        runner::{Outcome, Phase, Verdict},
    },
    text::{counted, shell_argument},
};

/// The most causes that are named on the first screen; the others are in the list of results.
const MAX_CAUSES: usize = 6;
/// The most steps of one kind that are listed under what to do next.
const MAX_STEPS: usize = 20;

/// The first screen.
#[derive(Debug, Serialize)]
pub(super) struct Headline {
    /// Whether the sentence is good news.
    state: State,
    sentence: String,
    phases: Vec<PhaseView>,
    /// What failed, by cause.
    failed: Causes,
    /// What was skipped, by what it needs.
    skipped: Causes,
    /// The red runs that did not take place.
    skipped_red: Option<String>,
    next: Vec<Step>,
}

/// The outcomes of a phase, counted.
#[derive(Debug, Serialize)]
struct PhaseView {
    name: &'static str,
    text: String,
    segments: Vec<Segment>,
}

/// A share of a bar, in percent of its width.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Segment {
    state: State,
    label: &'static str,
    count: usize,
    x: f64,
    width: f64,
}

#[derive(Debug, Serialize)]
struct Causes {
    list: Vec<Cause>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Cause {
    phase: &'static str,
    text: String,
    /// The first check, and the number of the failure on the page that explains it.
    check: String,
    failure: Option<usize>,
}

/// Something to do next.
#[derive(Debug, Serialize)]
struct Step {
    text: String,
    command: Option<String>,
}

impl Headline {
    /// `failures` are the numbers of the outcomes that the page explains, by their index in the run.
    pub(super) fn of(
        run: &RunRecord,
        states: &States,
        matrix: Option<&KillMatrix>,
        failures: &BTreeMap<usize, usize>,
    ) -> Self {
        let problems = run.conformance().into_iter().flat_map(|(_, standing)| standing.known.problems);
        let problems: Vec<String> = problems.collect();
        let RunVerdict { state, sentence } = match matrix {
            Some(matrix) => of_proof(matrix, is_partial(run)),
            None => RunVerdict::of(run),
        };
        let of_state = |wanted: State| {
            groups(run.outcomes.iter().filter(move |outcome| states.state(outcome) == wanted))
        };
        let (failed, skipped) = (of_state(State::Bad), of_state(State::Skipped));
        let first = most_common(&failed);
        Self {
            state,
            sentence,
            phases: run.phases.iter().map(|phase| PhaseView::of(run, *phase, states)).collect(),
            next: next(run, first, matrix, problems),
            failed: Causes::of(run, &failed, failures),
            skipped: Causes::of(run, &skipped, failures),
            skipped_red: (run.skipped_red > 0)
                .then(|| format!("{}: PyTorch is not available", counted(run.skipped_red, "red run"))),
        }
    }
}

fn of_proof(matrix: &KillMatrix, partial: bool) -> RunVerdict {
    let counts = matrix.counts;
    let (state, said) = match matrix.problems.len() {
        0 if partial => {
            let expectations = counts.expectations;
            let said = format!(
                "The selected checks are proven: all {expectations} expectations fail where they should."
            );
            (State::Good, said)
        }
        0 => {
            let (expectations, killed, mutants) = (counts.expectations, counts.killed, counts.mutants);
            let said = format!(
                "The suite is proven: all {expectations} expectations fail where they should, and {killed} of {mutants} \
                 mutants are killed."
            );
            (State::Good, said)
        }
        problems => (State::Bad, format!("The suite is not proven: {}.", counted(problems, "problem"))),
    };
    let sentence = match counts.skipped {
        0 => said,
        skipped => format!("{said} Skipped: {}.", counted(skipped, "check")),
    };
    RunVerdict { state, sentence }
}

impl PhaseView {
    fn of(run: &RunRecord, phase: Phase, states: &States) -> Self {
        let mut counts = StateCounts::of(run.outcomes_of(phase), states);
        let of_each = State::ALL.map(|state| (state, *counts.of_state(state)));
        let label = |state| match (state, phase) {
            (State::Good, Phase::Red) => "failed as expected",
            (State::Good, Phase::Green) => "passed",
            (State::Bad, Phase::Red) => "did not fail as expected",
            (State::Bad, Phase::Green) => "did not pass",
            (State::Known, _) => "known to fail",
            (State::Skipped, _) => "skipped",
        };
        Self {
            name: phase.as_str(),
            text: run.counts(phase).to_string(),
            segments: segments(&of_each, label),
        }
    }
}

/// The shares of a bar. A share is at least wide enough to be seen, which the others pay for.
pub(super) fn segments(counts: &[(State, usize)], label: impl Fn(State) -> &'static str) -> Vec<Segment> {
    const MIN_PERCENT: f64 = 0.8;
    let shown = || counts.iter().filter(|(_, count)| *count > 0);
    let all = shown().map(|(_, count)| *count).sum::<usize>().max(1);
    #[allow(clippy::cast_precision_loss, reason = "a count of checks is far below 2^52")]
    let width = |count: usize| (count as f64 / all as f64 * 100.0).max(MIN_PERCENT);
    let total: f64 = shown().map(|(_, count)| width(*count)).sum();
    let mut x = 0.0;
    let mut segments = Vec::new();
    for (state, count) in shown() {
        let width = rounded(width(*count) * 100.0 / total);
        segments.push(Segment { state: *state, label: label(*state), count: *count, x: rounded(x), width });
        x += width;
    }
    segments
}

/// Two decimals, so that every machine writes the same digits.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

impl Causes {
    fn of(run: &RunRecord, groups: &[Group<'_>], failures: &BTreeMap<usize, usize>) -> Self {
        let list = groups.iter().take(MAX_CAUSES).filter_map(|group| {
            let first = *group.outcomes.first()?;
            let index = run.outcomes.iter().position(|outcome| std::ptr::eq(outcome, first))?;
            Some(Cause {
                phase: group.phase.as_str(),
                text: group.to_string(),
                check: first.check.clone(),
                failure: failures.get(&index).copied(),
            })
        });
        Self { list: list.collect(), left_out: groups.len().saturating_sub(MAX_CAUSES) }
    }
}

/// The first outcome with the most common cause; one of the green phase, if any failed there.
fn most_common<'a>(groups: &[Group<'a>]) -> Option<&'a Outcome> {
    let rank = |group: &&Group<'_>| (group.phase == Phase::Green, group.outcomes.len());
    // Of equals, the first.
    groups.iter().rev().max_by_key(rank)?.outcomes.first().copied()
}

fn next(
    run: &RunRecord,
    first: Option<&Outcome>,
    matrix: Option<&KillMatrix>,
    problems: Vec<String>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(first) = first {
        steps.push(Step {
            text: format!("Fix the most common cause; {} shows it:", first.check),
            command: Some(rerun_command(run, &first.check, first.phase, &first.implementation)),
        });
    }
    if let Some(problem) = matrix.and_then(|matrix| matrix.problems.first()) {
        let text = format!("Fix the first problem of the suite, then prove it again: {problem}");
        steps.push(Step { text, command: None });
    }
    let more_problems = problems.len().saturating_sub(MAX_STEPS);
    steps.extend(problems.into_iter().take(MAX_STEPS).map(|text| Step { text, command: None }));
    if more_problems > 0 {
        let text = format!("Fix {} of the lists of known failures.", counted(more_problems, "more problem"));
        steps.push(Step { text, command: None });
    }
    let mut needs: BTreeMap<&str, usize> = BTreeMap::new();
    let skipped = run.outcomes_of(Phase::Green).filter(|outcome| outcome.verdict() == Verdict::Unsupported);
    skipped.filter_map(Outcome::lacking).for_each(|need| *needs.entry(need).or_default() += 1);
    let more_needs = needs.len().saturating_sub(MAX_STEPS);
    for (need, count) in needs.into_iter().take(MAX_STEPS) {
        let text = format!("Support {need}, so that {} can run.", counted(count, "skipped check"));
        steps.push(Step { text, command: None });
    }
    if more_needs > 0 {
        let text = format!("Support {} of skipped checks.", counted(more_needs, "more need"));
        steps.push(Step { text, command: None });
    }
    if !run.unproven.is_empty() {
        let text = format!(
            "Prove {} that can pass without a current proof that they can fail:",
            counted(run.unproven.len(), "case")
        );
        steps.push(Step { text, command: Some(format!("bundleproof prove{}", suite_option(run))) });
    }
    if let Some(plan) = &run.plan {
        let command =
            format!("bundleproof ledger{} --plan {}", suite_option(run), shell_argument(&plan.name));
        steps.push(Step {
            text: "See what this report means for the plan:".to_owned(),
            command: Some(command),
        });
    }
    if steps.is_empty() {
        let text =
            "Nothing is left to do. To check that no file of this report has changed, in its directory:";
        let command = Some(format!("sha256sum -c {SUMS}"));
        steps.push(Step { text: text.to_owned(), command });
    }
    steps
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]
mod tests {
    use super::*;
    use crate::harness::{runner::Ended, test_helpers};

    fn green(check: &str) -> Outcome {
        test_helpers::as_expected(check, Phase::Green)
    }

    #[test]
    fn a_share_is_wide_enough_to_be_seen_and_all_fit() {
        let segments = segments(&[(State::Good, 4999), (State::Bad, 1), (State::Known, 0)], |_| "");
        let widths: Vec<f64> = segments.iter().map(|segment| segment.width).collect();
        assert_eq!(segments.len(), 2);
        assert!(widths[1] > 0.7 && (widths.iter().sum::<f64>() - 100.0).abs() < 0.05, "{widths:?}");
    }

    #[test]
    fn more_needs_than_fit_are_counted() {
        let needs = |number: usize| Outcome {
            ended: Ended::Unsupported { need: format!("need {number}") },
            ..green(&format!("a/{number}"))
        };
        let outcomes = (0..MAX_STEPS + 3).map(needs).collect();
        let run = RunRecord { outcomes, ..test_helpers::run() };
        let headline = Headline::of(&run, &States::of(&run), None, &BTreeMap::new());
        let support = headline.next.iter().filter(|step| step.text.starts_with("Support need ")).count();
        assert_eq!(support, MAX_STEPS);
        assert!(headline.next.iter().any(|step| step.text == "Support 3 more needs of skipped checks."));
    }

    #[test]
    fn skipped_red_runs_are_on_the_page() {
        let page = |skipped_red| {
            let run = RunRecord { skipped_red, ..test_helpers::run() };
            super::super::html(&run, None).expect("a page")
        };
        assert!(page(2).contains("<p>2 red runs: PyTorch is not available</p>"), "{}", page(2));
        assert!(!page(0).contains("PyTorch is not available"));
    }

    #[test]
    fn a_run_with_failures_says_what_to_run_again() {
        let run = test_helpers::run();
        let headline = Headline::of(&run, &States::of(&run), None, &BTreeMap::new());
        let commands: Vec<&str> = headline.next.iter().filter_map(|step| step.command.as_deref()).collect();
        assert_eq!(
            commands,
            ["bundleproof run --case 'persistence/params' --impl reference", "bundleproof prove"]
        );
    }
}
