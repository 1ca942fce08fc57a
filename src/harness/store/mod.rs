//! harness/store.

mod integrity;
mod reader;
pub(crate) mod sums;
mod writer;

pub use integrity::{Damage, Damaged};
pub use reader::{MAX_RESULTS_BYTES, Report, Store, StoreError, Unfinished};
pub use sums::{DiskError, write_sums};
pub use writer::{ReportDirectory, ReportError};
