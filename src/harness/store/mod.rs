//! Report directories: written once, and verified on every read.

mod integrity;
mod place;
mod protected_files;
mod reader;
pub(crate) mod sums;
mod writer;

pub use integrity::{CorruptReport, IntegrityError};
pub use protected_files::{MAX_PROTECTED_FILES, ProtectedError, change_since_previous, read_protected};
pub use reader::{MAX_RESULTS_BYTES, Report, Store, StoreError, Unfinished, read_report};
pub use sums::{IoError, write_sums};
pub use writer::{PublishError, ReportError, ReportWriter};
