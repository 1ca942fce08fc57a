//! Which reports a store has, and which of them an index knows already.

use std::{collections::HashMap, path::Path};

use super::tables::{Tables, position};
use crate::harness::{
    record::{RunTimestamp, SUMS},
    store::{
        CorruptReport, IntegrityError, StoreError, limits::MAX_SUMS_BYTES, reader::entries,
        report_files::ReportFiles, sums,
    },
};

/// Where the results of a report come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From this position in the cached index.
    Cached(u32),
    /// From the report with this name.
    Report(RunTimestamp),
}

/// The reports of a store.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order of their numbers.
    pub(super) sources: Vec<Source>,
    /// The reports whose number is not known.
    pub(super) problems: Vec<CorruptReport>,
}

impl Listing {
    /// Whether these are the reports of the cached index and no others.
    pub(super) fn is_all_of(&self, cached: &Tables) -> bool {
        self.sources.len() == cached.reports.len() && cached_first(&self.sources) == self.sources.len()
    }
}

/// How many of the first reports are also the first of the cached index.
pub(super) fn cached_first(sources: &[Source]) -> usize {
    let same = |(index, source): &(usize, &Source)| **source == Source::Cached(position(*index));
    sources.iter().enumerate().take_while(same).count()
}

/// Lists a store. Of a report, `SHA256SUMS` is read, and the number if that is not known from the index.
pub(super) fn list(reports: &Path, cached: Option<&Tables>) -> Result<Listing, StoreError> {
    let known = cached.map(|cached| cached.reports.iter().enumerate()).into_iter().flatten();
    let known: HashMap<RunTimestamp, (usize, u64, &str)> =
        known.map(|(index, report)| (report.stamp, (index, report.sequence, report.head.as_str()))).collect();
    let mut ordered = Vec::new();
    let mut problems = Vec::new();
    for entry in entries(reports)? {
        let name = entry.file_name();
        let Some(stamp) = name.to_str().and_then(|name| name.parse::<RunTimestamp>().ok()) else { continue };
        let path = entry.path();
        if let Some((index, sequence, head)) = known.get(&stamp)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && sums::read_bounded(&path.join(SUMS), MAX_SUMS_BYTES)
                .is_ok_and(|bytes| sums::sha256(&bytes) == **head)
        {
            ordered.push((*sequence, stamp, Source::Cached(position(*index))));
            continue;
        }
        match number(&path, stamp) {
            Ok(sequence) => ordered.push((sequence, stamp, Source::Report(stamp))),
            Err(why) => problems.push(CorruptReport { stamp, why }),
        }
    }
    ordered.sort_by_key(|(sequence, stamp, _)| (*sequence, *stamp));
    let sources = ordered.into_iter().map(|(_, _, source)| source).collect();
    Ok(Listing { sources, problems })
}

fn number(path: &Path, stamp: RunTimestamp) -> Result<u64, IntegrityError> {
    Ok(ReportFiles::open(path, stamp)?.chain()?.sequence)
}
