//! `bundleproof survey`.

use std::path::PathBuf;

use clap::Parser;

use super::{Exit, console::Console, report_argument};
use crate::harness::report::{Surveyed, survey};

/// Compare several implementations, or several revisions of one, on one page of Markdown
///
/// Each report must be verified and about a third-party implementation (`run --impl FILE`). The page has the totals,
/// the causes of failures with the implementations on which they were seen, crashes, and skipped checks with reasons.
#[derive(Debug, Parser)]
pub(super) struct Survey {
    /// Directories of reports, in the order of the columns
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<PathBuf>,

    /// Title of the page
    #[arg(long, value_name = "TEXT", default_value = "Results")]
    title: String,
}

impl Survey {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let reports = self
            .reports
            .iter()
            .map(|path| report_argument::read(path, console))
            .collect::<Result<Vec<_>, _>>()?;
        let surveyed = reports.iter().map(|report| Surveyed::new(&report.run));
        let surveyed = surveyed.collect::<Result<Vec<_>, _>>().map_err(|error| {
            console.error(&error.to_string());
            Exit::Usage
        })?;
        console.print(&survey(&self.title, &surveyed));
        Ok(Exit::Success)
    }
}
