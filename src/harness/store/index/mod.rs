//! The index of a store: what changed from report to report, without reading the reports again.
//!
//! It is a cache, in `.index.json` next to the reports, and never evidence. It is made of the results of reports that
//! list those with the right digest, and nothing else of a report is verified for it: that is what the audit is for. A
//! report with a known `SHA256SUMS` is not read again, one that vanished is dropped, and one that changed is read again.
//! Where the cache is missing, invalid or of another version, the index is built from all reports; where it cannot be
//! written, it is built every time.

mod build;
mod cache;
mod entry;
mod listing;
mod query;
mod tables;

pub use query::{FlakyCheck, Regression, Transition};
pub use tables::{CheckKey, IndexedReport, PhaseCounts};

use std::path::Path;

use self::tables::Tables;
use super::{CorruptReport, StoreError};
use crate::harness::record::RunTimestamp;

/// The index of a store.
#[derive(Debug, Default)]
pub struct Index {
    tables: Tables,
    problems: Vec<CorruptReport>,
}

impl Index {
    /// Reads the index of a store, and adds what is missing in it. It is then written for the next time, if that is
    /// possible.
    ///
    /// # Errors
    /// When the directory does not exist or cannot be listed. Reports that cannot be read are in [`Index::problems`].
    pub fn open(reports: &Path) -> Result<Self, StoreError> {
        let cached = cache::read(reports);
        let listing = listing::list(reports, cached.as_ref())?;
        let is_current = cached.as_ref().is_some_and(|cached| listing.is_all_of(cached));
        let mut problems = listing.problems;
        let tables = match cached {
            Some(cached) if is_current => cached,
            cached => {
                let tables = build::build(reports, cached, listing.sources, &mut problems);
                // Best effort: without it the next call builds the index again.
                _ = cache::write(reports, &tables);
                tables
            }
        };
        problems.sort_by_key(|problem| problem.stamp);
        Ok(Self { tables, problems })
    }

    /// The index of the same store, as if these reports were not in it.
    pub fn without(self, leaves_out: impl Fn(RunTimestamp) -> bool) -> Self {
        Self { tables: build::without(&self.tables, leaves_out), problems: self.problems }
    }

    /// The reports, in the order of their numbers.
    pub fn reports(&self) -> &[IndexedReport] {
        &self.tables.reports
    }

    /// The reports whose results cannot be used, and why.
    pub fn problems(&self) -> &[CorruptReport] {
        &self.problems
    }
}

#[cfg(test)]
mod tests;
