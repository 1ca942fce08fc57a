//! How the program ends.

use std::process::{ExitCode, Termination};

/// The exit codes. When several apply, the first in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 70: the program itself failed, or the harness did in a check.
    Internal,
    /// 130: it was interrupted.
    Interrupted,
    /// 2: the call was wrong, or what it named cannot be read or written.
    Usage,
    /// 3: the suite is invalid.
    InvalidSuite,
    /// 4: nothing was selected.
    NothingSelected,
    /// 7: the adapter cannot be used: it does not start, or fails a probe.
    AdapterUnusable,
    /// 8: evidence is damaged.
    EvidenceBroken,
    /// 1: the implementation or a bundle does not conform, or two compared bundles differ.
    DoesNotConform,
    /// 6: a red phase did not come out as stated, or a case or the suite is not proven.
    NotProven,
    /// 0: as it should be.
    Success,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::DoesNotConform => 1,
            Self::Usage => 2,
            Self::InvalidSuite => 3,
            Self::NothingSelected => 4,
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

/// The table that `--help` ends with.
pub(super) const HELP: &str = "\
Exit codes:
    0  as it should be
    1  the implementation or a bundle does not conform; two compared bundles differ
    2  the call was wrong, or what it named cannot be read or written
    3  the suite is invalid
    4  nothing was selected
    6  a red phase did not come out as stated, or cases are not proven
    7  the adapter cannot be used: it does not start, or fails a probe
    8  evidence is damaged
   70  the program itself failed
  130  interrupted";
