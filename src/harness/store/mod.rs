//! Report directories: written once, and verified on every read.

mod attachments;
mod index;
mod integrity;
mod place;
mod protected_files;
mod reader;
mod rendering;
mod report_files;
pub(crate) mod sums;
mod writer;

pub use attachments::{AttachmentError, copy_attachments};
pub use index::{CheckKey, FlakyCheck, Index, IndexedReport, PhaseCounts, Regression, Transition};
pub use integrity::{CorruptReport, IntegrityError};
pub use protected_files::{MAX_PROTECTED_FILES, ProtectedError, change_since_previous, read_protected};
pub use reader::{Report, Store, StoreError, Unfinished, read_report};
pub use rendering::{Rendering, RenderingError};
pub use sums::{IoError, MAX_RESULTS_BYTES, write_sums};
pub use writer::{PublishError, ReportError, ReportWriter};
