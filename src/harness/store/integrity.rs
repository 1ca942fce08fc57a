//! Integrity errors of published reports.

use serde::{Serialize, Serializer};

use crate::harness::record::RunTimestamp;

use super::IoError;
use crate::harness::record::{ReadError, SUMS};

/// A report that has changed since it was written.
#[derive(Debug, Serialize)]
pub struct CorruptReport {
    /// Its name.
    pub stamp: RunTimestamp,
    /// The first error that was found.
    #[serde(serialize_with = "as_text")]
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

fn as_text<S: Serializer>(why: &IntegrityError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}
