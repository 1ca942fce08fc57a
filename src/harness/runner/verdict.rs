//! The result of a check, in each phase.

use serde::{Deserialize, Serialize};

use super::ReportedResult;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every expectation held.
    Pass,
    /// An expectation failed, or a step was refused unexpectedly.
    Fail,
    /// The implementation does not support what the case needs.
    Unsupported,
    /// The deadline was exceeded.
    Timeout,
    /// The implementation panicked, its process ended, or a step failed with an internal error.
    Crash,
    /// The implementation violated the adapter protocol.
    ProtocolError,
    /// The harness failed.
    HarnessError,
    /// It was not run.
    NotRun,
}

/// The result of a check in a red phase. Only [`RedResult::Proven`] counts as a red result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedResult {
    /// The required expectation failed, for the stated reason.
    Proven,
    /// The required expectation failed for another reason than the stated one, or because the operation is not
    /// implemented while that is not the stated reason.
    WrongReason,
    /// The required expectation held, and another one failed.
    WrongExpectation,
    /// An expectation of an earlier step failed, so the required one was never checked.
    WrongStep,
    /// A step without expectations was refused during setup.
    SetUpError,
    /// The required expectation failed in a step whose request was invalid, so it would fail on every implementation.
    MaskedFailure,
    /// No expectation was checked.
    ZeroExpectations,
    /// Nothing failed.
    UnexpectedPass,
    /// A test of another runner ended with another exception than the stated one.
    WrongException,
    /// A test of another runner was marked as one that fails, and failed: the runner accepts any failure.
    Xfail,
    /// A test of another runner was marked as one that fails, and passed.
    Xpass,
    /// A test of another runner was skipped.
    Skipped,
    /// A test of another runner failed outside of its body: in its setup, its teardown or its collection.
    Error,
    /// It was proven in some runs of the same check only, or a test of another runner failed and then passed.
    Flaky,
    /// The implementation does not support what the case needs.
    Unsupported,
    /// The deadline was exceeded.
    Timeout,
    /// The implementation panicked, its process ended, or a step failed with an internal error.
    Crash,
    /// The implementation violated the adapter protocol.
    ProtocolError,
    /// The harness failed.
    HarnessError,
    /// It was not run.
    NotRun,
}

impl RedResult {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::WrongReason => "wrong_reason",
            Self::WrongExpectation => "wrong_expectation",
            Self::WrongStep => "wrong_step",
            Self::SetUpError => "set_up_error",
            Self::MaskedFailure => "masked_failure",
            Self::ZeroExpectations => "zero_expectations",
            Self::UnexpectedPass => "unexpected_pass",
            Self::WrongException => "wrong_exception",
            Self::Xfail => ReportedResult::Xfail.as_str(),
            Self::Xpass => ReportedResult::Xpass.as_str(),
            Self::Skipped => ReportedResult::Skipped.as_str(),
            Self::Error => ReportedResult::Error.as_str(),
            Self::Flaky => ReportedResult::Flaky.as_str(),
            Self::Unsupported => Verdict::Unsupported.as_str(),
            Self::Timeout => Verdict::Timeout.as_str(),
            Self::Crash => Verdict::Crash.as_str(),
            Self::ProtocolError => Verdict::ProtocolError.as_str(),
            Self::HarnessError => Verdict::HarnessError.as_str(),
            Self::NotRun => Verdict::NotRun.as_str(),
        }
    }
}

impl Verdict {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
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
