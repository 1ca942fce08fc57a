//! A report that is named on the command line.

use std::path::Path;

use super::{Exit, console::Console};
use crate::harness::store::{Report, read_report};

/// Reads and verifies a report, or prints why it cannot be used.
pub(super) fn read(path: &Path, console: &Console) -> Result<Report, Exit> {
    read_report(path).map_err(|error| {
        console.error(&format!("cannot use report {}: {error}", path.display()));
        if path.is_dir() { Exit::EvidenceBroken } else { Exit::Usage }
    })
}
