//! Integrity errors of published reports.

use serde::{Serialize, Serializer};

use crate::harness::record::RunTimestamp;

use super::IoError;
use crate::harness::record::{CHAIN, DURATIONS, Discrepancy, DiscrepancyKind, RESULTS, ReadError, SUMS};
use crate::text::counted;

/// How far a stamp may be before the start or after the end of its run, unless it was given by hand: 10 minutes. Runs
/// that begin in the same second get the seconds after it, and clocks are set.
pub const STAMP_TOLERANCE_SECONDS: u64 = 10 * 60;

/// A report that has changed since it was written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CorruptReport {
    /// Its name.
    pub stamp: RunTimestamp,
    /// What is wrong.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub why: IntegrityError,
}

/// Why a report is corrupt.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// Its directory has another name than a report.
    #[error("{0:?} is not the timestamp of a report")]
    NotAReport(String),
    /// It is a symbolic link or a file.
    #[error("not a directory")]
    NotADirectory,
    /// `SHA256SUMS` is not in the exact format of this program.
    #[error("{SUMS} is not a sorted list of digests and files")]
    Sums,
    /// A required or listed file is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// A file was added.
    #[error("{0} is not listed in {SUMS}")]
    Unlisted(String),
    /// A file has changed.
    #[error("{0} has changed since the report was written: its digest differs from {SUMS}")]
    Altered(String),
    /// A file cannot be parsed.
    #[error("{name} {source}")]
    Unreadable {
        /// The file.
        name: &'static str,
        /// Why.
        source: ReadError,
    },
    /// A file belongs to another report.
    #[error("{name} belongs to report {found}")]
    OtherStamp {
        /// The file.
        name: &'static str,
        /// The stamp in it.
        found: RunTimestamp,
    },
    /// A planned check has no outcome.
    #[error("planned check {check} on {implementation} has no outcome")]
    Lost {
        /// The check.
        check: String,
        /// The implementation.
        implementation: String,
    },
    /// A planned check has several outcomes.
    #[error("planned check {check} on {implementation} has more than one outcome")]
    Duplicate {
        /// The check.
        check: String,
        /// The implementation.
        implementation: String,
    },
    /// A check without a plan has an outcome.
    #[error("check {check} on {implementation} has an outcome and was not planned")]
    Unplanned {
        /// The check.
        check: String,
        /// The implementation.
        implementation: String,
    },
    /// A check is planned several times.
    #[error("check {check} on {implementation} is planned more than once")]
    PlannedTwice {
        /// The check.
        check: String,
        /// The implementation.
        implementation: String,
    },
    /// The results cannot be rendered.
    #[error("{RESULTS} cannot be rendered again: {0}")]
    NotRendered(String),
    /// A rendered file says something else than the results.
    #[error("{0} differs from what is rendered from {RESULTS} and {DURATIONS}")]
    OtherThanResults(String),
    /// The time of the run cannot be read.
    #[error("`started` or `ended` in {CHAIN} is not an RFC 3339 time")]
    Times,
    /// The stamp is not that of the run, and was not given by hand.
    #[error(
        "the stamp is {} s {} of the run in {CHAIN}, and was not given by hand; expected at most \
         {STAMP_TOLERANCE_SECONDS} s",
        seconds.unsigned_abs(),
        if *seconds < 0 { "before the start" } else { "after the end" }
    )]
    StampTime {
        /// The seconds from the end of the run to the stamp; if negative, from its start.
        seconds: i64,
    },
    /// Another report has the same predecessor.
    #[error("report {other} has the same predecessor, {before}: one of the two was inserted")]
    Fork {
        /// The predecessor.
        before: RunTimestamp,
        /// The other report.
        other: RunTimestamp,
    },
    /// Another report has the same number.
    #[error("duplicate number {sequence}: report {other} has it too")]
    SameSequence {
        /// The number.
        sequence: u64,
        /// The other report.
        other: RunTimestamp,
    },
    /// Its number does not follow that of its predecessor.
    #[error("number {sequence} does not follow the number of its predecessor")]
    Sequence {
        /// The number.
        sequence: u64,
    },
    /// The numbers before it belong to no report.
    #[error(
        "{} before number {before} belong{} to no report: what had {} could not be read when this report was written, \
         and is gone",
        counted(usize::try_from(*skipped).unwrap_or(usize::MAX), "number"),
        if *skipped == 1 { "s" } else { "" },
        if *skipped == 1 { "it" } else { "them" }
    )]
    MissingNumbers {
        /// How many they are.
        skipped: u64,
        /// The number of this report.
        before: u64,
    },
    /// Its predecessor is missing.
    #[error("predecessor {0} is missing")]
    NoPredecessor(RunTimestamp),
    /// Its predecessor has changed.
    #[error("predecessor {0} has changed since this report was written")]
    AlteredPredecessor(RunTimestamp),
    /// The next report recorded another digest for it.
    #[error("report {0} records a different digest for it")]
    OtherThanSuccessorSaw(RunTimestamp),
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    /// Something is not as it was written.
    Integrity,
    /// Something is missing.
    Completeness,
}

impl IntegrityError {
    pub(super) fn aspect(&self) -> Aspect {
        match self {
            Self::Missing(_) | Self::Lost { .. } | Self::MissingNumbers { .. } | Self::NoPredecessor(_) => {
                Aspect::Completeness
            }
            Self::Disk(_)
            | Self::NotAReport(_)
            | Self::NotADirectory
            | Self::Sums
            | Self::Unlisted(_)
            | Self::Altered(_)
            | Self::Unreadable { .. }
            | Self::OtherStamp { .. }
            | Self::Duplicate { .. }
            | Self::Unplanned { .. }
            | Self::PlannedTwice { .. }
            | Self::NotRendered(_)
            | Self::OtherThanResults(_)
            | Self::Times
            | Self::StampTime { .. }
            | Self::Fork { .. }
            | Self::SameSequence { .. }
            | Self::Sequence { .. }
            | Self::AlteredPredecessor(_)
            | Self::OtherThanSuccessorSaw(_) => Aspect::Integrity,
        }
    }
}

impl From<Discrepancy> for IntegrityError {
    fn from(found: Discrepancy) -> Self {
        let Discrepancy { check, implementation, kind } = found;
        match kind {
            DiscrepancyKind::Lost => Self::Lost { check, implementation },
            DiscrepancyKind::Duplicate => Self::Duplicate { check, implementation },
            DiscrepancyKind::Unplanned => Self::Unplanned { check, implementation },
            DiscrepancyKind::PlannedTwice => Self::PlannedTwice { check, implementation },
        }
    }
}

fn as_text<S: Serializer>(why: &IntegrityError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}
