//! Builds an index from a cached one and from reports, one report after the other.

use std::{collections::HashMap, hash::Hash, path::Path, thread};

use super::{
    entry::{self, Entry},
    listing::{Source, cached_first},
    tables::{CheckKey, Identities, IndexedReport, Point, Tables, at, position},
};
use crate::harness::{
    record::RunTimestamp,
    store::{CorruptReport, IntegrityError, report_files::ReportFiles},
};

/// The number of reports that are read side by side and kept until they are added.
const BATCH: usize = 64;

/// The most threads that read reports. Each has one report in memory.
const MAX_THREADS: usize = 4;

/// Builds the index of these reports, in this order. Reports that cannot be read are added to `problems`.
pub(super) fn build(
    reports: &Path,
    cached: Option<Tables>,
    sources: Vec<Source>,
    problems: &mut Vec<CorruptReport>,
) -> Tables {
    let cached = cached.unwrap_or_default();
    let same = cached_first(&sources);
    let (mut builder, old, rest) = if same == cached.reports.len() {
        // Only new reports follow: nothing that is there changes.
        (Builder::after(cached), Tables::default(), sources.get(same..).unwrap_or_default())
    } else {
        (Builder::default(), cached, sources.as_slice())
    };
    for batch in rest.chunks(BATCH) {
        let stamps: Vec<RunTimestamp> = batch
            .iter()
            .filter_map(|source| match source {
                Source::Cached(_) => None,
                Source::Report(stamp) => Some(*stamp),
            })
            .collect();
        let mut read = read_all(reports, &stamps).into_iter();
        for source in batch {
            match source {
                Source::Cached(index) => builder.add_cached(&old, *index),
                Source::Report(stamp) => match read.next() {
                    Some(Ok(entry)) => builder.add(entry),
                    Some(Err(why)) => problems.push(CorruptReport { stamp: *stamp, why }),
                    None => {}
                },
            }
        }
    }
    builder.tables
}

/// The tables as if these reports were not in the store.
pub(super) fn without(tables: &Tables, leaves_out: impl Fn(RunTimestamp) -> bool) -> Tables {
    let mut builder = Builder::default();
    for (index, report) in tables.reports.iter().enumerate() {
        if !leaves_out(report.stamp) {
            builder.add_cached(tables, position(index));
        }
    }
    builder.tables
}

/// Reads these reports on several threads; the results are in their order.
fn read_all(reports: &Path, stamps: &[RunTimestamp]) -> Vec<Result<Entry, IntegrityError>> {
    let read =
        |stamp: &RunTimestamp| entry::read(&ReportFiles::open(&reports.join(stamp.to_string()), *stamp)?);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = stamps.len().div_ceil(threads).max(1);
    if stamps.len() <= 1 {
        return stamps.iter().map(read).collect();
    }
    thread::scope(|scope| {
        let workers: Vec<_> = stamps
            .chunks(share)
            .map(|chunk| {
                let work = move || chunk.iter().map(read).collect::<Vec<_>>();
                (chunk, thread::Builder::new().spawn_scoped(scope, work).ok())
            })
            .collect();
        // Where the system has no more threads, the reports are read here. A worker does not panic; if it did, so are its.
        let joined = workers.into_iter().map(|(chunk, worker)| {
            worker.and_then(|worker| worker.join().ok()).unwrap_or_else(|| chunk.iter().map(read).collect())
        });
        joined.flatten().collect()
    })
}

/// Tables under construction.
#[derive(Default)]
struct Builder {
    tables: Tables,
    texts: Positions<String>,
    keys: Positions<CheckKey>,
    selections: Positions<Vec<u32>>,
    identities: Positions<Identities>,
}

impl Builder {
    /// Continues after the last report of these tables.
    fn after(tables: Tables) -> Self {
        Self {
            texts: Positions::of(&tables.texts),
            keys: Positions::of(&tables.keys),
            selections: Positions::of(&tables.selections),
            identities: Positions::of(&tables.identities),
            tables,
        }
    }

    fn add(&mut self, entry: Entry) {
        let Entry { report, identities, results } = entry;
        let results = results.into_iter().map(|(key, (digest, result))| (key, digest, result.to_owned()));
        self.add_report(report, identities, results);
    }

    /// Adds a report of other tables.
    fn add_cached(&mut self, old: &Tables, index: u32) {
        let Some(report) = at(&old.reports, index) else { return };
        let identities = at(&old.identities, report.identities).cloned().unwrap_or_default();
        let results = report.ran(old).iter().filter_map(|key| {
            let point = old.point(*key, index)?;
            let text = |position| at(&old.texts, position).cloned();
            Some((at(&old.keys, *key)?.clone(), text(point.digest)?, text(point.result)?))
        });
        self.add_report(report.clone(), identities, results);
    }

    fn add_report(
        &mut self,
        report: IndexedReport,
        identities: Identities,
        results: impl Iterator<Item = (CheckKey, String, String)>,
    ) {
        let number = position(self.tables.reports.len());
        let mut ran = Vec::new();
        for (key, digest, result) in results {
            let key = self.keys.position(&mut self.tables.keys, key);
            let digest = self.texts.position(&mut self.tables.texts, digest);
            let result = self.texts.position(&mut self.tables.texts, result);
            self.tables.points.resize_with(self.tables.keys.len(), Vec::new);
            ran.push(key);
            let Some(points) = usize::try_from(key).ok().and_then(|key| self.tables.points.get_mut(key))
            else {
                continue;
            };
            if points.last().is_none_or(|last| (last.digest, last.result) != (digest, result)) {
                points.push(Point { report: number, digest, result });
            }
        }
        ran.sort_unstable();
        let selection = self.selections.position(&mut self.tables.selections, ran);
        let identities = self.identities.position(&mut self.tables.identities, identities);
        self.tables.reports.push(IndexedReport { selection, identities, ..report });
    }
}

/// The positions of the elements of a list without duplicates.
struct Positions<T>(HashMap<T, u32>);

impl<T> Default for Positions<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Positions<T> {
    fn of(list: &[T]) -> Self {
        Self(list.iter().enumerate().map(|(index, element)| (element.clone(), position(index))).collect())
    }

    /// The position of an element, which is appended if it is new.
    fn position(&mut self, list: &mut Vec<T>, element: T) -> u32 {
        if let Some(known) = self.0.get(&element) {
            return *known;
        }
        let new = position(list.len());
        list.push(element.clone());
        self.0.insert(element, new);
        new
    }
}
