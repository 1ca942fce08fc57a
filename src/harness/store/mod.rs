//! Report directories: written once, and verified on every read.

mod attachments;
mod audit;
mod cleaning;
mod finish;
mod fitting;
mod index;
mod integrity;
mod limits;
mod links;
mod lock;
mod partial;
mod place;
mod protected_files;
mod reader;
mod rendering;
mod report;
mod report_error;
mod report_files;
mod store_directory;
pub(crate) mod sums;
mod taken_names;
mod unfinished;
mod verify;
mod writer;

pub use attachments::{AttachmentError, copy_attachments};
pub use audit::{Audit, Completeness, Integrity, NewestEnd, NewestReport};
pub use cleaning::{Cleaned, Cleaning, clean};
pub use index::{CheckKey, FlakyCheck, Index, IndexedReport, PhaseCounts, Regression, Transition};
pub use integrity::{CorruptReport, IntegrityError, STAMP_TOLERANCE_SECONDS};
pub use limits::MAX_RESULTS_BYTES;
pub use place::chains;
pub use protected_files::{MAX_PROTECTED_FILES, ProtectedError, change_since_previous, read_protected};
pub use reader::{Store, StoreError, is_report, read_report};
pub use rendering::{Rendering, RenderingError};
pub use report::Report;
pub use report_error::{PublishError, ReportError};
pub use sums::{IoError, write_sums};
pub use unfinished::{PlannedRun, RunState, Unfinished, UnfinishedRun};
pub use writer::{Published, ReportWriter};

#[cfg(test)]
mod audit_tests;
