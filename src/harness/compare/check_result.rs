//! The result of one check on one side of a comparison.

use crate::{
    harness::{
        runner::{Ended, Outcome, Phase, RedResult, ReportedResult, StepOutcome, Verdict},
        store::CheckKey,
    },
    text::{line, truncated},
};

/// The longest reason of a failure that is compared, in characters.
pub(super) const MAX_REASON_CHARS: usize = 300;

/// The result of a check in its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseResult {
    /// In a green phase, the verdict.
    Green(Verdict),
    /// In a red phase, whether the failure proves the case.
    Red(RedResult),
}

/// How a result counts: met, unsupported or failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Passed, or proven in a red phase.
    Met,
    /// The implementation does not support what the case needs.
    Unsupported,
    /// Everything else, including a check that could not run to its end.
    Failing,
}

/// A check on one side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    /// What identifies it.
    pub key: CheckKey,
    /// The digest of its case: SHA-256 in hexadecimal.
    pub digest: String,
    /// Its result; the worst, if it ran several times.
    pub result: PhaseResult,
    /// Why it fails in a green phase, in a form that stays the same from run to run: sorted and without duplicates.
    pub reasons: Vec<String>,
    /// Whether it ran several times in this run, on equal inputs, with different results, here or in another runner.
    pub flaky: bool,
    /// The outcome and the command that reruns it, if it is not as expected and the side is a report.
    pub seen: Option<Seen>,
}

/// An outcome that is not as expected, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The outcome.
    pub outcome: Outcome,
    /// The command that reruns it.
    pub rerun: String,
}

/// What identifies an outcome within its run.
pub(super) fn key_of(outcome: &Outcome) -> CheckKey {
    CheckKey {
        check: outcome.check.clone(),
        implementation: outcome.implementation.clone(),
        phase: outcome.phase,
        must_fail: outcome.must_fail.clone(),
    }
}

/// `loader/altered_fields on mine (green)`, escaped.
impl std::fmt::Display for CheckKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} ({}", line(&self.check), line(&self.implementation), self.phase.as_str())?;
        match &self.must_fail {
            Some(must_fail) => write!(f, ", {} must fail)", line(must_fail)),
            None => f.write_str(")"),
        }
    }
}

impl PhaseResult {
    /// The result of an outcome in its phase.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome.phase {
            Phase::Green => Self::Green(outcome.verdict()),
            Phase::Red => Self::Red(outcome.red_result()),
        }
    }

    /// The name in reports: `pass`, `timeout`, `wrong_step`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green(verdict) => verdict.as_str(),
            Self::Red(result) => result.as_str(),
        }
    }

    /// What it is worth. A check that was not run, or on which the harness failed, has no result that could count as a
    /// pass, and the implementation does not say that it lacks something: it fails.
    pub fn standing(self) -> Standing {
        match self {
            Self::Green(Verdict::Pass) | Self::Red(RedResult::Proven) => Standing::Met,
            Self::Green(Verdict::Unsupported) | Self::Red(RedResult::Unsupported | RedResult::Skipped) => {
                Standing::Unsupported
            }
            Self::Green(
                Verdict::Fail
                | Verdict::Timeout
                | Verdict::Crash
                | Verdict::ProtocolError
                | Verdict::HarnessError
                | Verdict::NotRun,
            )
            | Self::Red(
                RedResult::WrongReason
                | RedResult::WrongExpectation
                | RedResult::WrongStep
                | RedResult::SetUpError
                | RedResult::MaskedFailure
                | RedResult::ZeroExpectations
                | RedResult::UnexpectedPass
                | RedResult::WrongException
                | RedResult::Xfail
                | RedResult::Xpass
                | RedResult::Error
                | RedResult::Flaky
                | RedResult::Timeout
                | RedResult::Crash
                | RedResult::ProtocolError
                | RedResult::HarnessError
                | RedResult::NotRun,
            ) => Standing::Failing,
        }
    }
}

impl CheckResult {
    /// The result of an outcome. `rerun` is the command that reruns it.
    pub fn of(outcome: &Outcome, rerun: impl FnOnce() -> String) -> Self {
        let seen = (!outcome.met_expectation()).then(|| Seen { outcome: outcome.clone(), rerun: rerun() });
        Self {
            key: key_of(outcome),
            digest: outcome.digest.clone(),
            result: PhaseResult::of(outcome),
            reasons: reasons(outcome),
            flaky: outcome.result_name() == ReportedResult::Flaky.as_str(),
            seen,
        }
    }

    /// The part of the check's id that names its example: `[gs2]`, or nothing.
    pub(super) fn example(&self) -> &str {
        let check = &self.key.check;
        check.find('[').and_then(|start| check.get(start..)).unwrap_or_default()
    }

    /// What its result is worth.
    pub fn standing(&self) -> Standing {
        self.result.standing()
    }
}

/// Why a check fails in a green phase. The messages of failures are left out: they have addresses, numbers and paths
/// that change from run to run. Red outcomes have no reasons, because their results tell them apart.
fn reasons(outcome: &Outcome) -> Vec<String> {
    let result = PhaseResult::of(outcome);
    if outcome.phase == Phase::Red || result.standing() != Standing::Failing {
        return Vec::new();
    }
    let mut reasons: Vec<String> = match &outcome.ended {
        Ended::Completed => {
            outcome.failed().map(|(step, failed)| failed.name.clone() + &refusal(step)).collect()
        }
        Ended::Stopped => {
            outcome.stopped_at().map(|step| format!("stopped{}", refusal(step))).into_iter().collect()
        }
        Ended::Crash { .. } => {
            outcome.crashed_at().map(|(step, _)| format!("crash{}", refusal(step))).into_iter().collect()
        }
        Ended::Reported(test) => {
            let exception = test.exception.clone();
            vec![exception.unwrap_or_else(|| test.result.as_str().to_owned())]
        }
        Ended::Unsupported { .. }
        | Ended::Timeout { .. }
        | Ended::ProtocolError { .. }
        | Ended::HarnessError { .. }
        | Ended::NotRun { .. } => Vec::new(),
    };
    if reasons.is_empty() {
        reasons.push(result.as_str().to_owned());
    }
    for reason in &mut reasons {
        *reason = truncated(&line(reason), MAX_REASON_CHARS);
    }
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

/// ` after load_torch_bundle was refused (mismatch, ValueError)`.
fn refusal(step: &StepOutcome) -> String {
    let refused = step.refused.as_ref().map(|refusal| {
        let native = refusal.native.as_ref().map(|native| format!(", {}", native.type_name));
        format!(" after {} was refused ({}{})", step.operation, refusal.kind, native.unwrap_or_default())
    });
    refused.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::{
        contract::{Native, Refusal, RefusalKind},
        runner::ReportedTest,
        test_helpers,
    };

    fn reasons_of(outcome: &Outcome) -> Vec<String> {
        CheckResult::of(outcome, String::new).reasons
    }

    #[test]
    fn a_reason_names_the_expectation_and_the_kind_of_refusal_and_no_message() {
        let mut outcome = test_helpers::unexpected("a/b", Phase::Green);
        let step = outcome.steps.last_mut().unwrap();
        let mut refused = Refusal::new(RefusalKind::Mismatch, "object at 0x7f12");
        refused.native = Some(Box::new(Native { type_name: "ValueError".into(), traceback: String::new() }));
        step.refused = Some(refused);
        let expected = ["returns_saved_models after load_torch_bundle was refused (mismatch, ValueError)"];
        assert_eq!(reasons_of(&outcome), expected);
        outcome.steps.last_mut().unwrap().refused.as_mut().unwrap().message = "object at 0x8a77".into();
        assert_eq!(reasons_of(&outcome), expected);
    }

    #[rstest]
    #[case(Ended::Timeout { milliseconds: 9, method: None, step: None }, "timeout")]
    #[case(Ended::Crash { detail: "signal 11".into() }, "crash")]
    #[case(Ended::ProtocolError { detail: "two answers".into() }, "protocol_error")]
    #[case(Ended::HarnessError { detail: "no space".into() }, "harness_error")]
    #[case(Ended::NotRun { detail: None }, "not_run")]
    #[case(Ended::Stopped, "stopped after load_torch_bundle was refused (not_implemented)")]
    fn a_check_without_a_verdict_fails_for_how_it_ended(#[case] ended: Ended, #[case] reason: &str) {
        let mut outcome = test_helpers::stopped("a/b", Phase::Green);
        if ended != Ended::Stopped {
            outcome.steps.clear();
        }
        outcome.ended = ended;
        assert_eq!(reasons_of(&outcome), [reason]);
        assert_eq!(PhaseResult::of(&outcome).standing(), Standing::Failing);
    }

    #[rstest]
    #[case(ReportedResult::Failed, Some("ValueError"), Standing::Failing, &["ValueError"], false)]
    #[case(ReportedResult::Error, None, Standing::Failing, &["error"], false)]
    #[case(ReportedResult::Flaky, Some("ValueError"), Standing::Failing, &["ValueError"], true)]
    #[case(ReportedResult::Skipped, None, Standing::Unsupported, &[], false)]
    #[case(ReportedResult::Passed, None, Standing::Met, &[], false)]
    fn a_test_of_another_runner_fails_for_its_exception(
        #[case] result: ReportedResult,
        #[case] exception: Option<&str>,
        #[case] standing: Standing,
        #[case] reasons: &[&str],
        #[case] flaky: bool,
    ) {
        let exception = exception.map(str::to_owned);
        let test = ReportedTest {
            result,
            exception,
            message: "at 0x7f12".into(),
            details: String::new(),
            raised_at: None,
        };
        let outcome = Outcome {
            ended: Ended::Reported(test),
            steps: Vec::new(),
            ..test_helpers::as_expected("a/b", Phase::Green)
        };
        let read = CheckResult::of(&outcome, String::new);
        assert_eq!((read.standing(), read.flaky), (standing, flaky));
        assert_eq!(read.reasons, reasons);
    }

    #[test]
    fn only_what_is_not_as_expected_is_kept_for_people() {
        for phase in [Phase::Red, Phase::Green] {
            let met = CheckResult::of(&test_helpers::as_expected("a/b", phase), String::new);
            assert_eq!((met.standing(), met.seen, met.reasons), (Standing::Met, None, vec![]));
            let failed = CheckResult::of(&test_helpers::unexpected("a/b", phase), || "rerun".into());
            assert_eq!(failed.standing(), Standing::Failing);
            assert_eq!(failed.seen.unwrap().rerun, "rerun");
        }
    }

    #[test]
    fn a_reason_is_escaped_and_cut() {
        let mut outcome = test_helpers::unexpected("a/b", Phase::Green);
        let expectation = outcome.steps.last_mut().unwrap().expectations.last_mut().unwrap();
        expectation.name = format!("\u{1b}[31m{}", "x".repeat(400));
        let reasons = reasons_of(&outcome);
        assert!(reasons[0].starts_with(r"\u{1b}[31mxxx"), "{reasons:?}");
        assert_eq!(reasons[0].chars().count(), MAX_REASON_CHARS);
    }
}
