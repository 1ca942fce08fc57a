//! The names that a report could not get, and what is said if it gets none.

use std::path::{Path, PathBuf};

use super::ReportError;

/// The names that a report could not get.
pub(super) struct TakenNames<'a> {
    reports: &'a Path,
    seconds: u32,
    /// The first one that is not that of a report.
    first: Option<PathBuf>,
    /// The number of those that are not reports.
    not_reports: usize,
}

impl<'a> TakenNames<'a> {
    pub(super) fn new(reports: &'a Path, seconds: u32) -> Self {
        Self { reports, seconds, first: None, not_reports: 0 }
    }

    /// Whether this is about a name that is taken.
    pub(super) fn count(&mut self, error: &ReportError) -> bool {
        match error {
            ReportError::Taken(_) => true,
            ReportError::NotAReport(path) | ReportError::UnderWay(path) => {
                self.first.get_or_insert_with(|| path.clone());
                self.not_reports += 1;
                true
            }
            ReportError::NoFreeStamp { .. }
            | ReportError::StampsInTheWay { .. }
            | ReportError::OtherStamp { .. }
            | ReportError::NoInventory(_)
            | ReportError::Lost { .. }
            | ReportError::TooLong { .. }
            | ReportError::Disk(_)
            | ReportError::Render(_)
            | ReportError::InReport(_)
            | ReportError::StoreReplaced(_)
            | ReportError::NoNumber(_) => false,
        }
    }

    pub(super) fn error(self) -> ReportError {
        let Self { reports, seconds, first, not_reports } = self;
        match first {
            Some(first) => ReportError::StampsInTheWay { first, count: not_reports, seconds },
            None => ReportError::NoFreeStamp { reports: reports.to_owned(), seconds },
        }
    }
}
