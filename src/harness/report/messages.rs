//! Messages about outcomes: how a check ended, how to rerun it, and which outcomes belong together.

use std::{collections::BTreeMap, fmt};

use crate::{
    harness::runner::{Ended, Outcome, PendingStep, Phase, RedResult, ReportedTest, StateLeak, StepOutcome},
    text::line,
};

use super::cause::Cause;

/// Unexpected outcomes with a common cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a> {
    /// Their phase.
    pub phase: Phase,
    /// What happened, as a predicate: `stopped because save was refused (malformed): no manifest`. Without the values
    /// that differ between the outcomes.
    pub root: String,
    /// The root without any values, equal for equal causes in all reports.
    pub key: String,
    /// The outcomes, in the order of the run.
    pub outcomes: Vec<&'a Outcome>,
}

/// `12 checks stopped because load_torch_bundle was refused (not_implemented): no loader yet`.
impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.outcomes.len();
        write!(f, "{count} {} {}", if count == 1 { "check" } else { "checks" }, self.root)
    }
}

/// Groups the unexpected outcomes by cause; within each phase, the largest group comes first.
pub fn groups<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Group<'a>> {
    let mut by_key: BTreeMap<(Phase, String), Group<'_>> = BTreeMap::new();
    for outcome in outcomes {
        if outcome.met_expectation() {
            continue;
        }
        let (phase, Cause { key, text }) = (outcome.phase, root(outcome));
        let group = by_key.entry((phase, key.clone())).or_insert_with(|| Group {
            phase,
            root: text.clone(),
            key,
            outcomes: Vec::new(),
        });
        if group.root != text {
            group.root.clone_from(&group.key);
        }
        group.outcomes.push(outcome);
    }
    let mut groups: Vec<Group<'_>> = by_key.into_values().collect();
    groups.sort_by_key(|group| (group.phase, std::cmp::Reverse(group.outcomes.len())));
    groups
}

/// The area of a check: its id up to the first `/`.
pub fn area(check: &str) -> &str {
    check.split('/').next().unwrap_or(check)
}

/// How the check ended, unless a failed expectation already explains it.
pub fn ending(outcome: &Outcome) -> Option<String> {
    if let Some(need) = outcome.lacking() {
        return Some(line(&format!("skipped: requires {need}")));
    }
    let message = match &outcome.ended {
        Ended::Completed if outcome.failed().next().is_some() => {
            let stated = outcome.must_fail.as_ref()?;
            if outcome.met_expectation() {
                return None;
            }
            match outcome.failed().find(|(_, failed)| failed.name == *stated) {
                None => format!(
                    "expected {stated} to fail, but another expectation failed; does not count as a red result"
                ),
                Some(_) if outcome.red_result() == RedResult::WrongReason => wrong_reason(outcome, stated),
                Some((step, _)) => format!(
                    "{stated} failed only because the request was invalid; does not count as a red result; {}",
                    describe_step(step)
                ),
            }
        }
        Ended::Completed if outcome.steps.iter().all(|step| step.expectations.is_empty()) => {
            "no expectation was checked".to_owned()
        }
        Ended::Completed => match outcome.phase {
            Phase::Green => return None,
            Phase::Red => "passed, but a failure was expected".to_owned(),
        },
        Ended::Stopped => {
            let at = outcome.stopped_at().map(describe_step).unwrap_or_default();
            match outcome.phase {
                Phase::Red => format!("failed during setup; does not count as a red result; {at}"),
                Phase::Green => format!("unexpected refusal; {at}"),
            }
        }
        Ended::Unsupported { need } => format!("skipped: requires {need}"),
        Ended::Timeout { milliseconds, method, step } => {
            timed_out(*milliseconds, method.as_deref(), step.as_ref())
        }
        Ended::Crash { detail } => format!("the implementation crashed: {detail}"),
        Ended::ProtocolError { detail } => format!("adapter error: {detail}"),
        Ended::HarnessError { detail } => format!("the harness failed, not the implementation: {detail}"),
        Ended::NotRun { detail: Some(detail) } => format!("not run: {detail}"),
        Ended::NotRun { detail: None } => "not run: the run was interrupted".to_owned(),
        Ended::Reported(_) if outcome.met_expectation() => return None,
        Ended::Reported(test) => reported(outcome, test),
    };
    Some(line(&message))
}

/// `timed out: no response to get_param (line 12) within 60000 ms`. A request can be another one than the step: `reset`
/// before it, or what is observed after it.
fn timed_out(milliseconds: u64, method: Option<&str>, step: Option<&PendingStep>) -> String {
    match (method, step) {
        (None, None) => format!("timed out after {milliseconds} ms"),
        (None, Some(PendingStep { operation, line })) => {
            format!("timed out after {milliseconds} ms in {operation} (line {line})")
        }
        (Some(method), None) => format!("timed out: no response to {method} within {milliseconds} ms"),
        (Some(method), Some(PendingStep { operation, line })) if method == operation => {
            format!("timed out: no response to {method} (line {line}) within {milliseconds} ms")
        }
        (Some(method), Some(PendingStep { operation, line })) => {
            format!(
                "timed out: no response to {method} within {milliseconds} ms, at {operation} (line {line})"
            )
        }
    }
}

/// How the check ended, unless its failing steps show that.
pub(super) fn other_ending(outcome: &Outcome) -> Option<String> {
    let is_shown = outcome.phase == Phase::Green && outcome.ended == Ended::Stopped;
    ending(outcome).filter(|_| !is_shown)
}

/// `returns_models failed for another reason than not_implemented; does not count as a red result; mismatch: gridsize`.
fn wrong_reason(outcome: &Outcome, stated: &str) -> String {
    let expected = match &outcome.reason {
        Some(reason) => format!("for another reason than {reason}"),
        None => "because the operation is not implemented, which is not the stated reason".to_owned(),
    };
    let seen = outcome.seen_reason().unwrap_or_default();
    format!("{stated} failed {expected}; does not count as a red result; {seen}")
}

/// What another runner reported, and what was expected: `AttributeError: ...; expected AssertionError; does not count as
/// a red result`.
fn reported(outcome: &Outcome, test: &ReportedTest) -> String {
    match (outcome.phase, &outcome.reason) {
        (Phase::Green, _) => test.to_string(),
        (Phase::Red, None) => format!("{test}; does not count as a red result"),
        (Phase::Red, Some(reason)) => {
            format!("{test}; expected {reason}; does not count as a red result")
        }
    }
}

/// A step: `load_torch_bundle (line 12), refused: not_implemented: no loader yet`.
pub(super) fn describe_step(step: &StepOutcome) -> String {
    let refused = step.refused.as_ref().map(|refusal| format!(", refused: {refusal}")).unwrap_or_default();
    line(&format!("{} (line {}){refused}", step.operation, step.line))
}

/// The cause of an unexpected outcome.
fn root(outcome: &Outcome) -> Cause {
    let cause = root_of_failure(outcome);
    if outcome.flaky.is_none() {
        return cause;
    }
    let [key, text] = [cause.key, cause.text].map(|cause| format!("{cause} (flaky)"));
    Cause { key, text }
}

fn root_of_failure(outcome: &Outcome) -> Cause {
    if let Some(leak) = &outcome.leak {
        return Cause::plain(match leak {
            StateLeak::After { check } => format!("failed only after {} (state leak)", line(check)),
            StateLeak::AfterSeveral { .. } => {
                "failed only after several other checks (state leak)".to_owned()
            }
            StateLeak::NotRepeated => "failed only among other checks (state leak)".to_owned(),
        });
    }
    if let Some(need) = outcome.lacking() {
        return Cause::plain(format!("skipped: requires {}", line(need)));
    }
    Cause::plain(match &outcome.ended {
        Ended::Stopped | Ended::Completed => {
            if let Some(cause) = outcome.failing_steps().find_map(|failing| Cause::first_of(&failing)) {
                return cause;
            }
            match (&outcome.ended, outcome.phase) {
                (Ended::Stopped, _) => "stopped before the first step".to_owned(),
                (_, Phase::Red) => "passed, but a failure was expected".to_owned(),
                (_, Phase::Green) => "checked no expectation".to_owned(),
            }
        }
        Ended::Unsupported { need } => format!("skipped: requires {}", line(need)),
        Ended::Timeout { method, step, .. } => {
            match method.as_ref().or(step.as_ref().map(|step| &step.operation)) {
                Some(at) => format!("timed out in {}", line(at)),
                None => "timed out".to_owned(),
            }
        }
        Ended::Crash { .. } => match outcome.crashed_at() {
            Some((step, refusal)) => {
                let native = refusal.native.as_ref().map(|native| format!(" ({})", line(&native.type_name)));
                format!("crashed in {}{}", line(&step.operation), native.unwrap_or_default())
            }
            None => "crashed".to_owned(),
        },
        Ended::ProtocolError { .. } => "ended with an error of the adapter".to_owned(),
        Ended::HarnessError { .. } => "ended with a failure of the harness".to_owned(),
        Ended::NotRun { detail: Some(detail) } => format!("not run: {}", line(detail)),
        Ended::NotRun { detail: None } => "not run: the run was interrupted".to_owned(),
        Ended::Reported(test) => match &test.exception {
            Some(exception) => format!("ended with {} ({})", line(exception), outcome.result_name()),
            None => format!("ended as {}", outcome.result_name()),
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::contract::{Refusal, RefusalKind};
    use crate::harness::test_helpers;

    #[test]
    fn failures_are_grouped_by_cause() {
        let stopped = |check: &str, kind| {
            let mut outcome = test_helpers::stopped(check, Phase::Green);
            outcome.steps.last_mut().unwrap().refused = Some(Refusal::new(kind, format!("in {check}")));
            outcome
        };
        let outcomes = [
            stopped("a/one", RefusalKind::Internal),
            stopped("a/two", RefusalKind::NotImplemented),
            stopped("b/three", RefusalKind::NotImplemented),
            test_helpers::as_expected("b/four", Phase::Green),
        ];
        let said: Vec<String> = groups(&outcomes).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "2 checks stopped because load_torch_bundle was refused (not_implemented): in PATH",
                "1 check stopped because load_torch_bundle was refused (internal): in a/one",
            ]
        );
    }

    #[test]
    fn a_failed_expectation_is_grouped_with_its_refusal() {
        let run = test_helpers::run();
        let said: Vec<String> = groups(&run.outcomes).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "1 check passed, but a failure was expected",
                "1 check stopped because load_torch_bundle was refused (not_implemented): no loader yet",
                r"1 check stopped because load_torch_bundle was refused (malformed): entry \u{1b}[31m`x`",
            ]
        );
    }

    #[test]
    fn a_failed_setup_does_not_count_as_a_red_result() {
        let said = ending(&test_helpers::stopped("a/b", Phase::Red)).unwrap();
        assert!(said.starts_with(
            "failed during setup; does not count as a red result; load_torch_bundle (line 9), "
        ));
        assert!(said.ends_with("refused: not_implemented: no loader yet"), "{said}");
    }

    #[test]
    fn a_timeout_names_the_request_and_the_step() {
        let said = |method: Option<&str>, step: Option<&str>| {
            let step = step.map(|operation| PendingStep { operation: operation.to_owned(), line: 12 });
            let ended = Ended::Timeout { milliseconds: 9, method: method.map(str::to_owned), step };
            let outcome = Outcome { ended, ..test_helpers::as_expected("a/b", Phase::Green) };
            (ending(&outcome).unwrap(), root(&outcome).text)
        };
        let pairs = [
            (None, None, "timed out after 9 ms", "timed out"),
            (None, Some("save"), "timed out after 9 ms in save (line 12)", "timed out in save"),
            (Some("save"), None, "timed out: no response to save within 9 ms", "timed out in save"),
            (
                Some("save"),
                Some("save"),
                "timed out: no response to save (line 12) within 9 ms",
                "timed out in save",
            ),
            (
                Some("params"),
                Some("save"),
                "timed out: no response to params within 9 ms, at save (line 12)",
                "timed out in params",
            ),
        ];
        for (method, step, ending, root) in pairs {
            assert_eq!(said(method, step), (ending.to_owned(), root.to_owned()));
        }
    }

    #[test]
    fn an_expected_outcome_needs_no_message() {
        assert_eq!(ending(&test_helpers::as_expected("a/b", Phase::Red)), None);
        assert_eq!(ending(&test_helpers::as_expected("a/b", Phase::Green)), None);
    }
}
