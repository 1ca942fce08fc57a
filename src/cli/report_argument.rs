//! A report that is named on the command line.

use std::{fs, path::Path};

use super::{Exit, console::Console};
use crate::harness::{
    record::RunTimestamp,
    store::{IntegrityError, Report, read_report},
};

/// Reads and verifies a report, or prints why it cannot be used.
pub(super) fn read(path: &Path, console: &Console) -> Result<Report, Exit> {
    read_report(path).map_err(|error| {
        console.error(&format!("cannot use report {}: {}", path.display(), reason(path, &error)));
        exit_of(path, &error)
    })
}

/// Why a report cannot be used. A directory of reports is named as such.
pub(super) fn reason(path: &Path, error: &IntegrityError) -> String {
    match (error, newest_in(path)) {
        (IntegrityError::NotAReport(_), Some(newest)) => {
            let newest = path.join(newest.to_string());
            format!("it is a directory of reports; name a report in it, such as {}", newest.display())
        }
        (_, _) => error.to_string(),
    }
}

/// The exit code for a report that cannot be used: a path that names no report is not a damaged one.
pub(super) fn exit_of(path: &Path, error: &IntegrityError) -> Exit {
    if matches!(error, IntegrityError::NotAReport(_)) || !path.is_dir() {
        Exit::Usage
    } else {
        Exit::EvidenceBroken
    }
}

/// The newest name of a report in a directory.
fn newest_in(path: &Path) -> Option<RunTimestamp> {
    let names = fs::read_dir(path).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).max()
}
