//! Outcomes of checks, and the verdicts derived from them.
//!
//! An outcome records facts; the verdict is derived from them on demand and never stored. These types are the contents
//! of `results.json`.

use serde::{Deserialize, Serialize};

use super::{Flaky, RedResult, ReportedResult, ReportedTest, StateLeak, Verdict};
use crate::{
    harness::{
        contract::{Refusal, RefusalKind, SessionError},
        suite::{FailureKind, Reason},
    },
    text::counted,
};

/// The phase in which a check is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// On an implementation that violates the requirement: the named expectation must fail.
    Red,
    /// On the implementation under test: every expectation must hold.
    Green,
}

impl Phase {
    /// The name in file names and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
        }
    }
}

/// The outcome of one check on one implementation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The check: `area/case`, with `[example]` where the case has examples.
    pub check: String,
    /// The case's title.
    pub title: String,
    /// The case's digest: SHA-256 in hexadecimal.
    pub digest: String,
    /// The case's file, relative to the suite.
    pub file: String,
    /// The ids of the requirements that the case tests.
    pub requires: Vec<String>,
    /// The implementation.
    pub implementation: String,
    /// The phase.
    pub phase: Phase,
    /// The expectation that must fail in a red phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_fail: Option<String>,
    /// Why it must fail, if that is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The executed steps, in order.
    pub steps: Vec<StepOutcome>,
    /// How it ended.
    pub ended: Ended,
    /// Files that the implementation left in the work directory, by path.
    pub written: Vec<WrittenFile>,
    /// What an earlier check has to do with the failure, if the check is as expected when it runs alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak: Option<StateLeak>,
    /// How often it was not as expected, if it ran several times with different results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaky: Option<Flaky>,
    /// Wall time in milliseconds; in a report it is in `durations.json`.
    #[serde(skip)]
    pub milliseconds: u64,
}

/// How a check ended, independent of its expectations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Ended {
    /// It ran to the end, or to the first step with a failed expectation.
    Completed,
    /// A step without expectations was refused, so the rest could not run.
    Stopped,
    /// The implementation does not support what the case needs.
    Unsupported {
        /// The unsupported operation or capability.
        need: String,
    },
    /// The deadline was exceeded.
    Timeout {
        /// The deadline in milliseconds.
        milliseconds: u64,
        /// The request without a response; absent for the deadline of the whole check.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// The step that did not end; absent before the first and after the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<PendingStep>,
    },
    /// The implementation panicked, its process ended, or a step failed with an internal error.
    Crash {
        /// How it ended.
        detail: String,
    },
    /// The adapter violated the protocol, or says itself that it made a mistake. This says nothing about the
    /// implementation.
    ProtocolError {
        /// What was wrong.
        detail: String,
    },
    /// The harness failed, not the implementation.
    HarnessError {
        /// What failed.
        detail: String,
    },
    /// It did not run, or not to the end: the run was interrupted, or for the given reason.
    NotRun {
        /// The reason, unless it was an interruption.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Another test runner ran it and reported a result.
    Reported(ReportedTest),
}

/// A step that did not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PendingStep {
    /// The operation's name.
    pub operation: String,
    /// The line of the step in the case file, from 1.
    pub line: usize,
}

impl From<SessionError> for Ended {
    fn from(lost: SessionError) -> Self {
        match lost {
            SessionError::Timeout { method, milliseconds } => {
                Self::Timeout { milliseconds, method: Some(method), step: None }
            }
            SessionError::Crash(detail) => Self::Crash { detail },
            SessionError::Protocol(detail) => Self::ProtocolError { detail },
            SessionError::Skipped(detail) => Self::NotRun { detail: Some(detail) },
        }
    }
}

/// An executed step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StepOutcome {
    /// The operation's name.
    pub operation: String,
    /// The line of the step in the case file, from 1.
    pub line: usize,
    /// Whether the step has expectations about a refusal.
    pub may_be_refused: bool,
    /// The refusal, if the operation was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// What was asked, if that explains a failure: the operation with its fields, without the values that are defaults
    /// anyway; limited in length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The expectations that were checked, in the order of the file.
    pub expectations: Vec<ExpectationOutcome>,
}

/// An expectation that was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExpectationOutcome {
    /// Its name.
    pub name: String,
    /// The line of the expectation in the case file, from 1.
    pub line: usize,
    /// Why it must hold.
    pub because: String,
    /// The requirements that it tests.
    #[serde(default)]
    pub about: Vec<String>,
    /// Expected and actual, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it requires instead of the era of the implementation, if it was not judged: `era 2025-10 or main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Expected and actual of a failed expectation, for people; limited in length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// More about the difference, one sentence each: how two tensors differ, or what a wrong one equals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Why there was nothing to judge, if so. The failure then only follows from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_reached: Option<NotReached>,
    /// Whether it says that the file of the step is missing or invalid. When later steps cannot use the file, that follows
    /// from this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spoils_file: bool,
}

/// Why an expectation had nothing to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotReached {
    /// The operation was refused, and nothing allows that.
    Refused,
    /// The file that it is about cannot be read.
    UnreadableFile,
}

/// The number of details that people are shown: what a contract knows of a difference comes first.
const MAX_SHOWN_DETAILS: usize = 4;

impl Failure {
    /// The details for people, and where the others are.
    pub fn shown_details(&self) -> impl Iterator<Item = String> {
        let more = self.details.len().saturating_sub(MAX_SHOWN_DETAILS);
        let rest = (more > 0).then(|| format!("{} in results.json", counted(more, "further difference")));
        self.details.iter().take(MAX_SHOWN_DETAILS).cloned().chain(rest)
    }

    /// A failure without details.
    pub fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            actual: actual.into(),
            details: Vec::new(),
            not_reached: None,
            spoils_file: false,
        }
    }
}

/// A file that the implementation left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WrittenFile {
    /// Its path relative to the work directory, with `/`.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal; for what has none, what it is or why it cannot be read.
    pub sha256: String,
}

impl Outcome {
    /// Every failed expectation, with its step.
    pub fn failed(&self) -> impl Iterator<Item = (&StepOutcome, &ExpectationOutcome)> {
        let all = self
            .steps
            .iter()
            .flat_map(|step| step.expectations.iter().map(move |expectation| (step, expectation)));
        all.filter(|(_, expectation)| expectation.failure.is_some())
    }

    /// The step without expectations whose refusal ended the check.
    pub fn stopped_at(&self) -> Option<&StepOutcome> {
        self.steps.last().filter(|_| self.ended == Ended::Stopped)
    }

    /// The step that failed with an internal error, and that error.
    pub fn crashed_at(&self) -> Option<(&StepOutcome, &Refusal)> {
        let last = self.steps.last().filter(|_| matches!(self.ended, Ended::Crash { .. }))?;
        let refusal = last.refused.as_ref().filter(|refusal| refusal.kind == RefusalKind::Internal)?;
        Some((last, refusal))
    }

    /// What the check requires and the implementation does not have, if that is why it has no result: a capability, a field
    /// or an era that states what it is about.
    pub fn lacking(&self) -> Option<&str> {
        let judged = || self.steps.iter().flat_map(|step| &step.expectations);
        match &self.ended {
            Ended::Unsupported { need } => Some(need),
            Ended::Completed => {
                let must_fail = judged().find(|own| self.must_fail.as_ref() == Some(&own.name));
                let skipped = must_fail.and_then(|own| own.skipped.as_deref());
                let nothing_judged = judged().all(|own| own.skipped.is_some());
                skipped.or_else(|| judged().next().filter(|_| nothing_judged)?.skipped.as_deref())
            }
            Ended::Stopped
            | Ended::Timeout { .. }
            | Ended::Crash { .. }
            | Ended::ProtocolError { .. }
            | Ended::HarnessError { .. }
            | Ended::NotRun { .. }
            | Ended::Reported(_) => None,
        }
    }

    /// The verdict. A check without checked expectations does not pass.
    pub fn verdict(&self) -> Verdict {
        match &self.ended {
            Ended::Unsupported { .. } => Verdict::Unsupported,
            Ended::Timeout { .. } => Verdict::Timeout,
            Ended::Crash { .. } => Verdict::Crash,
            Ended::ProtocolError { .. } => Verdict::ProtocolError,
            Ended::HarnessError { .. } => Verdict::HarnessError,
            Ended::NotRun { .. } => Verdict::NotRun,
            Ended::Stopped => Verdict::Fail,
            Ended::Reported(test) => match test.result {
                ReportedResult::Passed => Verdict::Pass,
                ReportedResult::Skipped => Verdict::Unsupported,
                ReportedResult::Failed
                | ReportedResult::Error
                | ReportedResult::Xfail
                | ReportedResult::Xpass
                | ReportedResult::Flaky => Verdict::Fail,
            },
            Ended::Completed if self.lacking().is_some() => Verdict::Unsupported,
            Ended::Completed => {
                let mut judged = self.steps.iter().flat_map(|step| &step.expectations).peekable();
                if judged.peek().is_none() {
                    return Verdict::HarnessError;
                }
                if judged.all(|expectation| expectation.failure.is_none()) {
                    Verdict::Pass
                } else {
                    Verdict::Fail
                }
            }
        }
    }

    /// The result in a red phase: proven only if the required expectation failed for the stated reason.
    pub fn red_result(&self) -> RedResult {
        if self.flaky.is_some() {
            return RedResult::Flaky;
        }
        let stated = self.must_fail.as_deref().unwrap_or_default();
        self.failure_of(stated, self.reason.as_ref())
    }

    /// The result if this expectation is required to fail for this reason; without a reason, for any but
    /// `not_implemented`.
    pub fn failure_of(&self, stated: &str, reason: Option<&Reason>) -> RedResult {
        match &self.ended {
            Ended::Unsupported { .. } => return RedResult::Unsupported,
            Ended::Timeout { .. } => return RedResult::Timeout,
            Ended::Crash { .. } => return RedResult::Crash,
            Ended::ProtocolError { .. } => return RedResult::ProtocolError,
            Ended::HarnessError { .. } => return RedResult::HarnessError,
            Ended::NotRun { .. } => return RedResult::NotRun,
            Ended::Stopped => return RedResult::SetUpError,
            Ended::Reported(test) => return reported_red(test, &self.file, reason),
            Ended::Completed if self.lacking().is_some() => return RedResult::Unsupported,
            Ended::Completed => {}
        }
        let mut judged =
            self.steps.iter().flat_map(|step| step.expectations.iter().map(move |own| (step, own)));
        // A step that is performed several times is judged each time.
        let named = judged.clone().filter(|(_, expectation)| expectation.name == stated);
        let failed = named.clone().find(|(_, expectation)| expectation.failure.is_some());
        match failed.or_else(|| named.clone().next()) {
            Some((_, expectation)) if expectation.skipped.is_some() => RedResult::Unsupported,
            Some((step, expectation)) if expectation.failure.is_some() => {
                if step.was_asked_wrongly() {
                    RedResult::MaskedFailure
                } else if !step.failed_because_of(expectation, reason) {
                    RedResult::WrongReason
                } else {
                    RedResult::Proven
                }
            }
            Some(_) if self.failed().next().is_some() => RedResult::WrongExpectation,
            None if self.failed().next().is_some() => RedResult::WrongStep,
            _ if judged.next().is_none() => RedResult::ZeroExpectations,
            _ => RedResult::UnexpectedPass,
        }
    }

    /// Why the required expectation failed, or how the check ended instead: `not_implemented: no loader yet`.
    pub fn seen_reason(&self) -> Option<String> {
        if let Ended::Reported(test) = &self.ended {
            return Some(test.to_string());
        }
        let stated = self.must_fail.as_deref()?;
        let (step, expectation) = self.failed().find(|(_, expectation)| expectation.name == stated)?;
        let actual = expectation.failure.as_ref().map(|failure| failure.actual.as_str()).unwrap_or_default();
        Some(match &step.refused {
            Some(refusal) => refusal.to_string(),
            None => format!("{}: {actual}", FailureKind::WrongResult.as_str()),
        })
    }

    /// Whether the outcome is what its phase expects: proven in a red phase, passed in a green phase.
    pub fn met_expectation(&self) -> bool {
        match self.phase {
            Phase::Red => self.red_result() == RedResult::Proven,
            Phase::Green => self.verdict() == Verdict::Pass,
        }
    }

    /// Whether it has a result, and that is not what its phase expects.
    pub fn has_failed(&self) -> bool {
        !self.met_expectation() && self.lacking().is_none() && self.verdict() != Verdict::NotRun
    }

    /// What else is known about its result, each in a sentence: a state leak, and that other runs ended otherwise.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let flaky = self.flaky.as_ref().map(ToString::to_string);
        self.leak.as_ref().map(ToString::to_string).into_iter().chain(flaky)
    }

    /// The name of its result in its phase: `proven`, `wrong_step`, `pass`, `timeout`, ...
    pub fn result_name(&self) -> &'static str {
        match (self.phase, &self.ended) {
            (Phase::Red, _) => self.red_result().as_str(),
            (Phase::Green, _) if self.flaky.is_some() => ReportedResult::Flaky.as_str(),
            (Phase::Green, Ended::Reported(test)) if test.result.has_own_name() => test.result.as_str(),
            (Phase::Green, _) => self.verdict().as_str(),
        }
    }
}

/// The red result of a test of another runner: proven only if its body failed for the stated reason.
fn reported_red(test: &ReportedTest, file: &str, reason: Option<&Reason>) -> RedResult {
    match test.result {
        ReportedResult::Passed => RedResult::UnexpectedPass,
        ReportedResult::Error => RedResult::Error,
        ReportedResult::Skipped => RedResult::Skipped,
        ReportedResult::Xfail => RedResult::Xfail,
        ReportedResult::Xpass => RedResult::Xpass,
        ReportedResult::Flaky => RedResult::Flaky,
        ReportedResult::Failed if !test.ended_as(reason) => RedResult::WrongException,
        ReportedResult::Failed if !test.failed_for(file, reason) => RedResult::WrongReason,
        ReportedResult::Failed => RedResult::Proven,
    }
}

impl StepOutcome {
    /// Whether the request was refused as invalid in a step that expects no refusal. The case itself is then wrong, and
    /// its expectations fail on every implementation.
    fn was_asked_wrongly(&self) -> bool {
        let refused = self.refused.as_ref().is_some_and(|refusal| refusal.kind == RefusalKind::InvalidValue);
        refused && !self.may_be_refused
    }

    /// Whether this expectation of the step failed for the stated reason.
    fn failed_because_of(&self, expectation: &ExpectationOutcome, reason: Option<&Reason>) -> bool {
        let kind = FailureKind::of(self.refused.as_ref().map(|refusal| refusal.kind));
        let Some(reason) = reason else {
            return kind != FailureKind::Refused(RefusalKind::NotImplemented);
        };
        let refused = self.refused.iter().flat_map(|refusal| {
            let native = refusal.native.as_ref().map(|native| native.type_name.as_str());
            [Some(refusal.message.as_str()), native].into_iter().flatten()
        });
        let actual = expectation.failure.iter().map(|failure| failure.actual.as_str());
        let seen: Vec<&str> = refused.chain(actual).collect();
        let is_mentioned = |text: &String| seen.iter().any(|seen| seen.contains(text));
        kind == reason.kind && reason.mentions.iter().all(is_mentioned)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::harness::contract::Native;

    fn step(refused: Option<RefusalKind>, expectations: &[(&str, bool)]) -> StepOutcome {
        let expectation = |(name, holds): &(&str, bool)| ExpectationOutcome {
            name: (*name).to_owned(),
            line: 1,
            because: String::new(),
            about: Vec::new(),
            failure: (!holds).then(|| Failure::new("a", "b")),
            skipped: None,
        };
        StepOutcome {
            operation: "reset".to_owned(),
            line: 1,
            may_be_refused: false,
            refused: refused.map(|kind| Refusal::new(kind, "no")),
            asked: None,
            expectations: expectations.iter().map(expectation).collect(),
        }
    }

    fn outcome(steps: Vec<StepOutcome>, ended: Ended) -> Outcome {
        let text = String::new;
        Outcome {
            check: text(),
            title: text(),
            digest: text(),
            file: text(),
            requires: Vec::new(),
            implementation: text(),
            phase: Phase::Red,
            must_fail: Some("stated".to_owned()),
            reason: None,
            steps,
            ended,
            written: Vec::new(),
            leak: None,
            flaky: None,
            milliseconds: 0,
        }
    }

    #[rstest]
    #[case(vec![step(None, &[("stated", false)])], RedResult::Proven)]
    #[case(vec![step(None, &[("other", false), ("stated", false)])], RedResult::Proven)]
    #[case(vec![step(Some(RefusalKind::Mismatch), &[("stated", false)])], RedResult::Proven)]
    #[case(vec![step(Some(RefusalKind::NotImplemented), &[("stated", false)])], RedResult::WrongReason)]
    #[case(vec![step(Some(RefusalKind::InvalidValue), &[("stated", false)])], RedResult::MaskedFailure)]
    #[case(vec![step(None, &[("other", false), ("stated", true)])], RedResult::WrongExpectation)]
    #[case(vec![step(None, &[("stated", true)]), step(None, &[("other", false)])], RedResult::WrongExpectation)]
    #[case(vec![step(None, &[("other", false)])], RedResult::WrongStep)]
    #[case(vec![step(None, &[("stated", true), ("other", true)])], RedResult::UnexpectedPass)]
    #[case(vec![step(None, &[])], RedResult::ZeroExpectations)]
    #[case(vec![], RedResult::ZeroExpectations)]
    fn the_failed_expectation_decides_the_red_result(
        #[case] steps: Vec<StepOutcome>,
        #[case] result: RedResult,
    ) {
        assert_eq!(outcome(steps, Ended::Completed).red_result(), result);
    }

    #[rstest]
    #[case(Ended::Stopped, RedResult::SetUpError)]
    #[case(Ended::Unsupported { need: String::new() }, RedResult::Unsupported)]
    #[case(Ended::Timeout { milliseconds: 1, method: None, step: None }, RedResult::Timeout)]
    #[case(Ended::Crash { detail: String::new() }, RedResult::Crash)]
    #[case(Ended::ProtocolError { detail: String::new() }, RedResult::ProtocolError)]
    #[case(Ended::HarnessError { detail: String::new() }, RedResult::HarnessError)]
    #[case(Ended::NotRun { detail: None }, RedResult::NotRun)]
    fn incomplete_checks_prove_nothing(#[case] ended: Ended, #[case] result: RedResult) {
        let failed = outcome(vec![step(None, &[("stated", false)])], ended);
        assert_eq!((failed.red_result(), failed.result_name()), (result, result.as_str()));
        assert!(!failed.met_expectation());
    }

    const NOT_IMPLEMENTED: FailureKind = FailureKind::Refused(RefusalKind::NotImplemented);

    #[rstest]
    #[case(Some(RefusalKind::NotImplemented), NOT_IMPLEMENTED, &[], RedResult::Proven)]
    #[case(Some(RefusalKind::NotImplemented), NOT_IMPLEMENTED, &["no", "NoLoaderYet"], RedResult::Proven)]
    #[case(Some(RefusalKind::NotImplemented), NOT_IMPLEMENTED, &["yes"], RedResult::WrongReason)]
    #[case(Some(RefusalKind::Mismatch), NOT_IMPLEMENTED, &[], RedResult::WrongReason)]
    #[case(None, NOT_IMPLEMENTED, &[], RedResult::WrongReason)]
    #[case(None, FailureKind::WrongResult, &["b"], RedResult::Proven)]
    #[case(None, FailureKind::WrongResult, &["a"], RedResult::WrongReason)]
    #[case(Some(RefusalKind::Mismatch), FailureKind::WrongResult, &[], RedResult::WrongReason)]
    fn a_failure_counts_for_the_stated_reason_only(
        #[case] refused: Option<RefusalKind>,
        #[case] kind: FailureKind,
        #[case] mentions: &[&str],
        #[case] result: RedResult,
    ) {
        let mut step = step(refused, &[("stated", false)]);
        if let Some(refusal) = &mut step.refused {
            let native = Native { type_name: "NoLoaderYet".to_owned(), traceback: String::new() };
            refusal.native = Some(Box::new(native));
        }
        let mentions = mentions.iter().map(|text| (*text).to_owned()).collect();
        let reason = Some(Reason { kind, exception: None, mentions });
        let seen = Outcome { reason, ..outcome(vec![step], Ended::Completed) };
        assert_eq!(seen.red_result(), result);
    }
}
