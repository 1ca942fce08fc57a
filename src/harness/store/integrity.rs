//! What can be wrong with a report that was written once.

use serde::{Serialize, Serializer};

use crate::harness::record::RunTimestamp;

use super::IoError;
use crate::harness::record::{ReadError, SUMS};

/// A report that is not as it was written.
#[derive(Debug, Serialize)]
pub struct CorruptReport {
    /// Its name.
    pub stamp: RunTimestamp,
    /// What was found first.
    #[serde(serialize_with = "in_words")]
    pub why: IntegrityError,
}

/// What can be wrong with a report.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// It is a link or a file.
    #[error("it is not a directory")]
    NotADirectory,
    /// `SHA256SUMS` is not as this program writes it.
    #[error("{SUMS} is not a sorted list of digests and files")]
    Sums,
    /// A file is gone, or a report is not one without it.
    #[error("{0} is missing")]
    Missing(String),
    /// A file was added.
    #[error("{0} is not listed in {SUMS}")]
    Unlisted(String),
    /// A file was altered.
    #[error("{0} is not as it was written: its digest differs from that in {SUMS}")]
    Altered(String),
    /// A file cannot be understood.
    #[error("{name} {source}")]
    Unreadable {
        /// The file.
        name: &'static str,
        /// Why.
        source: ReadError,
    },
    /// A file says that it belongs to another report.
    #[error("{name} is of {found}")]
    OtherStamp {
        /// The file.
        name: &'static str,
        /// The stamp in it.
        found: RunTimestamp,
    },
    /// Something was going to run and has no outcome.
    #[error("{check} was going to run on {implementation} and has no outcome")]
    Lost {
        /// The check.
        check: String,
        /// The implementation.
        implementation: String,
    },
    /// Another report has the same number.
    #[error("it is number {sequence}, and so is {other}")]
    SameSequence {
        /// The number.
        sequence: u64,
        /// The other report.
        other: RunTimestamp,
    },
    /// Its number and its predecessor do not fit together.
    #[error("it is number {sequence}, which does not follow from what it says was before it")]
    Sequence {
        /// The number.
        sequence: u64,
    },
    /// The report before it is gone.
    #[error("{0}, which it says was before it, is not there")]
    NoPredecessor(RunTimestamp),
    /// The report before it is not what it was.
    #[error("{0}, which it says was before it, is not as it was then")]
    AlteredPredecessor(RunTimestamp),
    /// The report after it saw something else.
    #[error("{0}, which came after it, saw it otherwise")]
    OtherThanSuccessorSaw(RunTimestamp),
}

fn in_words<S: Serializer>(why: &IntegrityError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}
