//! What a run observed, and what it means.
//!
//! An outcome records facts; a verdict is folded from them each time it is asked for and never stored
//! as a judgment of its own. Everything here is what `results.json` holds.

use serde::{Deserialize, Serialize};

use crate::harness::contract::{Refusal, RefusalKind, SessionError};

/// Which of the two phases a check was run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// On something that breaks the requirement: the stated expectation must fail.
    Red,
    /// On what is to be judged: every expectation must hold.
    Green,
}

impl Phase {
    /// The word used in file names and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
        }
    }
}

/// One check on one implementation: what was run, and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The check: `area/case`, with `[example]` where the case has examples.
    pub check: String,
    /// The case's title.
    pub title: String,
    /// The case's digest: SHA-256 in hexadecimal.
    pub digest: String,
    /// The case's file, from the suite's root.
    pub file: String,
    /// The ids of the requirements the case is about.
    pub requires: Vec<String>,
    /// The implementation it was run on.
    pub implementation: String,
    /// Why it was run.
    pub phase: Phase,
    /// In a red phase, the expectation that must fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_fail: Option<String>,
    /// The steps that were reached, in order.
    pub steps: Vec<StepOutcome>,
    /// How it ended.
    pub ended: Ended,
    /// Files left under the work directory, in the order of their paths.
    pub written: Vec<WrittenFile>,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

/// How a check ended, apart from what its expectations say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Ended {
    /// It came to its end, or to the first step with a failed expectation.
    Completed,
    /// A step that states no expectation was refused, so that the rest could not be run.
    Stopped,
    /// The implementation cannot do what the case needs.
    Unsupported {
        /// What it cannot do.
        need: String,
    },
    /// No answer within the deadline.
    Timeout {
        /// The deadline in milliseconds.
        milliseconds: u64,
    },
    /// The implementation panicked or died.
    Crash {
        /// What was heard of it.
        detail: String,
    },
    /// The implementation's answer was not of the protocol.
    ProtocolError {
        /// What was wrong with it.
        detail: String,
    },
    /// The harness failed, not the implementation.
    HarnessError {
        /// What failed.
        detail: String,
    },
    /// It was not run, or not to its end: the run was interrupted before, or for the reason that is told.
    NotRun {
        /// Why not, when it was not an interruption.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
}

impl From<SessionError> for Ended {
    fn from(lost: SessionError) -> Self {
        match lost {
            SessionError::Timeout(milliseconds) => Self::Timeout { milliseconds },
            SessionError::Crash(detail) => Self::Crash { detail },
            SessionError::Protocol(detail) => Self::ProtocolError { detail },
            SessionError::Skipped(detail) => Self::NotRun { detail: Some(detail) },
        }
    }
}

/// One step that was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The operation's name.
    pub operation: String,
    /// The line of the case file where the step stands, from 1.
    pub line: usize,
    /// Whether the step's expectations speak of a refusal.
    pub may_be_refused: bool,
    /// The refusal, when the operation was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// What became of each expectation, in the order of the file.
    pub expectations: Vec<ExpectationOutcome>,
}

/// One expectation that was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpectationOutcome {
    /// Its name.
    pub name: String,
    /// The line of the case file where it stands, from 1.
    pub line: usize,
    /// Why it must hold, in its author's words.
    pub because: String,
    /// The requirements it is about.
    #[serde(default)]
    pub about: Vec<String>,
    /// What was found when it did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What a failed expectation wanted and what it found, for a person; bounded in length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What should have been.
    pub expected: String,
    /// What was.
    pub actual: String,
}

/// A file that was left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its path under the work directory, with `/`.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The closed set of what a check can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every expectation held.
    Pass,
    /// An expectation failed, or a step was refused that should not have been.
    Fail,
    /// The implementation cannot do what the case needs.
    Unsupported,
    /// No answer within the deadline.
    Timeout,
    /// The implementation panicked or died.
    Crash,
    /// The implementation's answer was not of the protocol.
    ProtocolError,
    /// The harness failed.
    HarnessError,
    /// It was not run.
    NotRun,
}

/// The closed set of what a red phase can come to. Only [`RedResult::Proven`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RedResult {
    /// The stated expectation is what failed.
    Proven,
    /// The step was reached and the stated expectation held; another one failed.
    WrongExpectation,
    /// An expectation of an earlier step failed, so that the stated one was never judged.
    WrongStep,
    /// A step was refused that no expectation speaks of: the case did not get as far as what it is about.
    SetUpError,
    /// The stated expectation failed, in a step that was refused for what the case itself asked: it would fail
    /// whatever the implementation does.
    MaskedFailure,
    /// Nothing was judged.
    ZeroExpectations,
    /// Nothing failed.
    UnexpectedPass,
    /// The implementation cannot do what the case needs.
    Unsupported,
    /// No answer within the deadline.
    Timeout,
    /// The implementation panicked or died.
    Crash,
    /// The implementation's answer was not of the protocol.
    ProtocolError,
    /// The harness failed.
    HarnessError,
    /// It was not run.
    NotRun,
}

impl RedResult {
    /// The word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::WrongExpectation => "wrong_expectation",
            Self::WrongStep => "wrong_step",
            Self::SetUpError => "set_up_error",
            Self::MaskedFailure => "masked_failure",
            Self::ZeroExpectations => "zero_expectations",
            Self::UnexpectedPass => "unexpected_pass",
            Self::Unsupported => Verdict::Unsupported.word(),
            Self::Timeout => Verdict::Timeout.word(),
            Self::Crash => Verdict::Crash.word(),
            Self::ProtocolError => Verdict::ProtocolError.word(),
            Self::HarnessError => Verdict::HarnessError.word(),
            Self::NotRun => Verdict::NotRun.word(),
        }
    }
}

impl Outcome {
    /// Every expectation that was judged and failed, with its step.
    pub fn failed(&self) -> impl Iterator<Item = (&StepOutcome, &ExpectationOutcome)> {
        let all = self
            .steps
            .iter()
            .flat_map(|step| step.expectations.iter().map(move |expectation| (step, expectation)));
        all.filter(|(_, expectation)| expectation.failure.is_some())
    }

    /// The step that was refused although nothing was expected of it, when that ended the check.
    pub fn stopped_at(&self) -> Option<&StepOutcome> {
        self.steps.last().filter(|_| self.ended == Ended::Stopped)
    }

    /// The verdict: a fold over what was seen. A check in which nothing was judged does not pass.
    pub fn verdict(&self) -> Verdict {
        match &self.ended {
            Ended::Unsupported { .. } => Verdict::Unsupported,
            Ended::Timeout { .. } => Verdict::Timeout,
            Ended::Crash { .. } => Verdict::Crash,
            Ended::ProtocolError { .. } => Verdict::ProtocolError,
            Ended::HarnessError { .. } => Verdict::HarnessError,
            Ended::NotRun { .. } => Verdict::NotRun,
            Ended::Stopped => Verdict::Fail,
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

    /// What the red phase came to: proven only when the stated expectation is what failed.
    pub fn red_result(&self) -> RedResult {
        let stated = self.must_fail.as_deref().unwrap_or_default();
        self.failure_of(stated)
    }

    /// What this outcome says of an expectation that was to fail.
    pub fn failure_of(&self, stated: &str) -> RedResult {
        match &self.ended {
            Ended::Unsupported { .. } => return RedResult::Unsupported,
            Ended::Timeout { .. } => return RedResult::Timeout,
            Ended::Crash { .. } => return RedResult::Crash,
            Ended::ProtocolError { .. } => return RedResult::ProtocolError,
            Ended::HarnessError { .. } => return RedResult::HarnessError,
            Ended::NotRun { .. } => return RedResult::NotRun,
            Ended::Stopped => return RedResult::SetUpError,
            Ended::Completed => {}
        }
        let mut judged =
            self.steps.iter().flat_map(|step| step.expectations.iter().map(move |own| (step, own)));
        match judged.clone().find(|(_, expectation)| expectation.name == stated) {
            Some((step, expectation)) if expectation.failure.is_some() => {
                if step.was_asked_wrongly() {
                    RedResult::MaskedFailure
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

    /// Whether the check came out as its phase wants it: red proven, or green passed.
    pub fn is_as_stated(&self) -> bool {
        match self.phase {
            Phase::Red => self.red_result() == RedResult::Proven,
            Phase::Green => self.verdict() == Verdict::Pass,
        }
    }

    /// The word for what it came to in its phase: `proven`, `wrong_step`, `pass`, `timeout`, ...
    pub fn word(&self) -> &'static str {
        match self.phase {
            Phase::Green => self.verdict().word(),
            Phase::Red => self.red_result().word(),
        }
    }
}

impl StepOutcome {
    /// Whether the operation was refused for what the case asked, in a step that expects no refusal: then
    /// the case is wrong, and its expectations fail whatever the implementation does.
    fn was_asked_wrongly(&self) -> bool {
        let refused = self.refused.as_ref().is_some_and(|refusal| refusal.kind == RefusalKind::InvalidValue);
        refused && !self.may_be_refused
    }
}

impl Verdict {
    /// The word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unsupported => "unsupported",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::ProtocolError => "protocol_error",
            Self::HarnessError => "harness_error",
            Self::NotRun => "not_run",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn step(refused: Option<RefusalKind>, expectations: &[(&str, bool)]) -> StepOutcome {
        let expectation = |(name, holds): &(&str, bool)| ExpectationOutcome {
            name: (*name).to_owned(),
            line: 1,
            because: String::new(),
            about: Vec::new(),
            failure: (!holds).then(|| Failure { expected: "a".to_owned(), actual: "b".to_owned() }),
        };
        StepOutcome {
            operation: "reset".to_owned(),
            line: 1,
            may_be_refused: false,
            refused: refused.map(|kind| Refusal::new(kind, "no")),
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
            steps,
            ended,
            written: Vec::new(),
            milliseconds: 0,
        }
    }

    #[rstest]
    #[case(vec![step(None, &[("stated", false)])], RedResult::Proven)]
    #[case(vec![step(None, &[("other", false), ("stated", false)])], RedResult::Proven)]
    #[case(vec![step(Some(RefusalKind::NotImplemented), &[("stated", false)])], RedResult::Proven)]
    #[case(vec![step(Some(RefusalKind::InvalidValue), &[("stated", false)])], RedResult::MaskedFailure)]
    #[case(vec![step(None, &[("other", false), ("stated", true)])], RedResult::WrongExpectation)]
    #[case(vec![step(None, &[("stated", true)]), step(None, &[("other", false)])], RedResult::WrongExpectation)]
    #[case(vec![step(None, &[("other", false)])], RedResult::WrongStep)]
    #[case(vec![step(None, &[("stated", true), ("other", true)])], RedResult::UnexpectedPass)]
    #[case(vec![step(None, &[])], RedResult::ZeroExpectations)]
    #[case(vec![], RedResult::ZeroExpectations)]
    fn what_failed_decides(#[case] steps: Vec<StepOutcome>, #[case] result: RedResult) {
        assert_eq!(outcome(steps, Ended::Completed).red_result(), result);
    }

    #[rstest]
    #[case(Ended::Stopped, RedResult::SetUpError)]
    #[case(Ended::Unsupported { need: String::new() }, RedResult::Unsupported)]
    #[case(Ended::Timeout { milliseconds: 1 }, RedResult::Timeout)]
    #[case(Ended::Crash { detail: String::new() }, RedResult::Crash)]
    #[case(Ended::ProtocolError { detail: String::new() }, RedResult::ProtocolError)]
    #[case(Ended::HarnessError { detail: String::new() }, RedResult::HarnessError)]
    #[case(Ended::NotRun { detail: None }, RedResult::NotRun)]
    fn what_did_not_come_to_its_end_proves_nothing(#[case] ended: Ended, #[case] result: RedResult) {
        let failed = outcome(vec![step(None, &[("stated", false)])], ended);
        assert_eq!((failed.red_result(), failed.word()), (result, result.word()));
        assert!(!failed.is_as_stated());
    }
}
