//! Exit codes.

use std::process::{ExitCode, Termination};

/// The exit codes. When several apply, the first in this order wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 70: internal error in the program, or in the harness during a check.
    Internal,
    /// 130: interrupted.
    Interrupted,
    /// 2: invalid arguments, a name that does not exist, or a file that cannot be read or written.
    Usage,
    /// 3: the suite is invalid.
    InvalidSuite,
    /// 4: everything that was named exists, and nothing is selected.
    NothingSelected,
    /// 7: the adapter does not start, or fails a probe.
    AdapterUnusable,
    /// 8: a report is damaged.
    EvidenceBroken,
    /// 1: an implementation or bundle does not conform, or two compared bundles differ.
    DoesNotConform,
    /// 5: a run has regressed from the run that it is compared with.
    Regression,
    /// 6: a red run did not fail as expected, a case is unproven, or a run did not notice its negative control.
    NotProven,
    /// 0: success.
    Success,
}

impl Exit {
    /// The number returned to the caller's shell.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::DoesNotConform => 1,
            Self::Usage => 2,
            Self::InvalidSuite => 3,
            Self::NothingSelected => 4,
            Self::Regression => 5,
            Self::NotProven => 6,
            Self::AdapterUnusable => 7,
            Self::EvidenceBroken => 8,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// The table at the end of `--help`.
pub(super) const HELP: &str = "\
Exit codes:
    0  success
    1  an implementation or bundle does not conform, or two compared bundles differ
    2  invalid arguments, a name that does not exist, or a file that cannot be read or written
    3  the suite is invalid
    4  every name exists, and nothing is selected
    5  a run has regressed from the run that it is compared with
    6  a red run did not fail as expected, a case is unproven, or the negative control passed
    7  the adapter does not start, or fails a probe
    8  a report is damaged
   70  internal error
  130  interrupted";
