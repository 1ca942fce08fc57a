//! What a person is told about an outcome: how it ended, how to run it again, and what it has in common with
//! others.

use std::collections::BTreeMap;

use crate::{
    harness::runner::{Ended, Outcome, Phase, StepOutcome},
    text::{line, shell_argument, shell_word},
};

use crate::harness::record::RunRecord;

/// Outcomes that are not as stated and share a root.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a> {
    /// The phase they are of.
    pub phase: Phase,
    /// What happened to them, to be read after their number: `stopped where save was refused (internal)`.
    pub root: String,
    /// The outcomes, in the order of the run.
    pub outcomes: Vec<&'a Outcome>,
}

impl Group<'_> {
    /// The group in words: `12 checks stopped where load_torch_bundle was refused (not_implemented)`.
    pub fn in_words(&self) -> String {
        let count = self.outcomes.len();
        format!("{count} {} {}", if count == 1 { "check" } else { "checks" }, self.root)
    }
}

/// The outcomes that are not as stated by their roots; of each phase, the largest group first.
pub fn groups<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Group<'a>> {
    let mut by_root: BTreeMap<(Phase, String), Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        if !outcome.is_as_stated() {
            by_root.entry((outcome.phase, root(outcome))).or_default().push(outcome);
        }
    }
    let groups = by_root.into_iter().map(|((phase, root), outcomes)| Group { phase, root, outcomes });
    let mut groups: Vec<Group<'_>> = groups.collect();
    groups.sort_by_key(|group| (group.phase, std::cmp::Reverse(group.outcomes.len())));
    groups
}

/// A check's area: its id up to the first `/`.
pub fn area(check: &str) -> &str {
    check.split('/').next().unwrap_or(check)
}

/// The command that runs just this check in this phase again.
pub fn rerun_command(run: &RunRecord, check: &str, phase: Phase, implementation: &str) -> String {
    let suite =
        run.suite.as_ref().map(|suite| format!(" --suite {}", shell_argument(suite))).unwrap_or_default();
    let red = match phase {
        Phase::Red => " --phase red",
        Phase::Green => "",
    };
    let (check, implementation) = (shell_word(check), run.option(implementation));
    format!("bundleproof run{suite} --case {check}{red} {implementation}")
}

/// How the check ended, when that is not told by a failed expectation.
pub fn ending(outcome: &Outcome) -> Option<String> {
    let said = match &outcome.ended {
        Ended::Completed if outcome.failed().next().is_some() => {
            let stated = outcome.must_fail.as_ref()?;
            if outcome.is_as_stated() {
                return None;
            }
            match outcome.failed().find(|(_, failed)| failed.name == *stated) {
                None => format!("{stated} was to fail and did not: not counted as red"),
                Some((step, _)) => format!(
                    "the case asked for what cannot be, and {stated} failed for that: not counted as red; {}",
                    step_in_words(step)
                ),
            }
        }
        Ended::Completed if outcome.steps.iter().all(|step| step.expectations.is_empty()) => {
            "no expectation was reached: nothing was judged".to_owned()
        }
        Ended::Completed => match outcome.phase {
            Phase::Green => return None,
            Phase::Red => "nothing failed, so nothing is proven".to_owned(),
        },
        Ended::Stopped => {
            let at = outcome.stopped_at().map(step_in_words).unwrap_or_default();
            match outcome.phase {
                Phase::Red => format!("stopped in its set-up: not counted as red; {at}"),
                Phase::Green => format!("stopped where no expectation allows for it; {at}"),
            }
        }
        Ended::Unsupported { need } => format!("not run, because {need} is not supported"),
        Ended::Timeout { milliseconds } => format!("no answer within {milliseconds} ms"),
        Ended::Crash { detail } => format!("the implementation crashed: {detail}"),
        Ended::ProtocolError { detail } => format!("the answer was not of the protocol: {detail}"),
        Ended::HarnessError { detail } => format!("the harness failed, not the implementation: {detail}"),
        Ended::NotRun { detail: Some(detail) } => format!("not run: {detail}"),
        Ended::NotRun { detail: None } => "not run: the run ended before".to_owned(),
    };
    Some(line(&said))
}

/// A step: `load_torch_bundle (line 12), refused: not_implemented: no loader yet`.
pub(super) fn step_in_words(step: &StepOutcome) -> String {
    let refused = step.refused.as_ref().map(|refusal| format!(", refused: {refusal}")).unwrap_or_default();
    line(&format!("{} (line {}){refused}", step.operation, step.line))
}

fn root(outcome: &Outcome) -> String {
    let kind = |step: &StepOutcome| step.refused.as_ref().map(|refusal| refusal.kind);
    match &outcome.ended {
        Ended::Stopped => match outcome.stopped_at() {
            Some(step) => {
                let kind = kind(step).map(|kind| format!(" ({kind})")).unwrap_or_default();
                format!("stopped where {} was refused{kind}", line(&step.operation))
            }
            None => "stopped before the first step".to_owned(),
        },
        Ended::Completed => match outcome.failed().next() {
            Some((step, expectation)) => {
                let after = kind(step).map(|kind| format!(", {} refused ({kind})", line(&step.operation)));
                format!("failed {}{}", line(&expectation.name), after.unwrap_or_default())
            }
            None if outcome.phase == Phase::Red => {
                "failed nothing, though a failure was to be seen".to_owned()
            }
            None => "judged nothing".to_owned(),
        },
        Ended::Unsupported { need } => format!("not run for want of {}", line(need)),
        Ended::Timeout { .. } => "without an answer within the deadline".to_owned(),
        Ended::Crash { .. } => "in which the implementation crashed".to_owned(),
        Ended::ProtocolError { .. } => "answered outside of the protocol".to_owned(),
        Ended::HarnessError { .. } => "in which the harness failed".to_owned(),
        Ended::NotRun { detail: Some(detail) } => format!("not run: {detail}"),
        Ended::NotRun { detail: None } => "not run: the run ended before".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::contract::{Refusal, RefusalKind};
    use crate::harness::test_helpers;

    #[test]
    fn failures_are_grouped_by_where_they_began() {
        let stopped = |check: &str, kind| {
            let mut outcome = test_helpers::stopped(check, Phase::Green);
            outcome.steps.last_mut().unwrap().refused = Some(Refusal::new(kind, format!("in {check}")));
            outcome
        };
        let outcomes = [
            stopped("a/one", RefusalKind::Internal),
            stopped("a/two", RefusalKind::NotImplemented),
            stopped("b/three", RefusalKind::NotImplemented),
            test_helpers::as_stated("b/four", Phase::Green),
        ];
        let said: Vec<String> = groups(&outcomes).iter().map(Group::in_words).collect();
        assert_eq!(
            said,
            [
                "2 checks stopped where load_torch_bundle was refused (not_implemented)",
                "1 check stopped where load_torch_bundle was refused (internal)",
            ]
        );
    }

    #[test]
    fn a_failed_expectation_is_grouped_with_the_refusal_behind_it() {
        let run = test_helpers::run();
        let said: Vec<String> = groups(&run.outcomes).iter().map(Group::in_words).collect();
        assert_eq!(
            said,
            [
                "1 check failed nothing, though a failure was to be seen",
                "1 check stopped where load_torch_bundle was refused (not_implemented)",
                "1 check failed restores_params, load_torch_bundle refused (malformed)",
            ]
        );
    }

    #[test]
    fn a_program_is_named_as_it_was() {
        let run = RunRecord { judged: Some(test_helpers::judged()), ..test_helpers::run() };
        let command = rerun_command(&run, "a/b", Phase::Green, "reference");
        assert_eq!(command, "bundleproof run --case 'a/b' --impl ./odd.toml");
    }

    #[rstest]
    #[case(
        "persistence/a[b c]",
        Phase::Red,
        "stub",
        "bundleproof run --case 'persistence/a[b c]' --phase red --impl stub"
    )]
    #[case(
        "persistence/a",
        Phase::Green,
        "reference",
        "bundleproof run --case 'persistence/a' --impl reference"
    )]
    #[case("it's", Phase::Green, "a;b", r"bundleproof run --case 'it'\''s' --impl 'a;b'")]
    fn a_command_runs_just_this_check(
        #[case] check: &str,
        #[case] phase: Phase,
        #[case] implementation: &str,
        #[case] command: &str,
    ) {
        let mut run = test_helpers::run();
        assert_eq!(rerun_command(&run, check, phase, implementation), command);
        run.suite = Some("my suite".into());
        let elsewhere = rerun_command(&run, check, phase, implementation);
        assert_eq!(elsewhere, command.replacen(" run", " run --suite 'my suite'", 1));
    }

    #[test]
    fn a_stop_in_the_set_up_says_that_it_is_not_red() {
        let said = ending(&test_helpers::stopped("a/b", Phase::Red)).unwrap();
        assert!(said.starts_with("stopped in its set-up: not counted as red; load_torch_bundle (line 9), "));
        assert!(said.ends_with("refused: not_implemented: no loader yet"), "{said}");
    }

    #[test]
    fn what_needs_no_words_has_none() {
        assert_eq!(ending(&test_helpers::as_stated("a/b", Phase::Red)), None);
        assert_eq!(ending(&test_helpers::as_stated("a/b", Phase::Green)), None);
    }
}
