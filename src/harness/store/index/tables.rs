//! The contents of an index, in memory and in its file. Everything that repeats is stored once and referred to by its
//! position.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::harness::{
    record::{Attempt, RunTimestamp},
    runner::Phase,
};

/// What an index keeps of one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexedReport {
    /// Its name.
    pub stamp: RunTimestamp,
    /// Its number in the store, from 1.
    pub sequence: u64,
    /// The SHA-256 of its `SHA256SUMS`.
    pub head: String,
    /// When the run started, as RFC 3339.
    pub started: String,
    /// The attempt that it was, for a run of a plan.
    pub attempt: Option<Attempt>,
    /// The results of each phase.
    pub phases: BTreeMap<Phase, PhaseCounts>,
    /// The digest of the suite.
    pub suite_digest: String,
    /// The version of the program.
    pub program_version: String,
    /// The SHA-256 of the program's file, if it is known.
    pub program_digest: Option<String>,
    /// The wall time of all checks together, in milliseconds.
    pub milliseconds: u64,
    /// The position of the list of checks that it ran.
    pub(super) selection: u32,
    /// The position of what is known about its implementations.
    pub(super) identities: u32,
}

/// Counts of the results of one phase of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseCounts {
    /// The number of checks.
    pub all: usize,
    /// The number of checks that met the expectation of the phase.
    pub as_expected: usize,
    /// The number of checks by result: `pass`, `proven`, `fail`, ...
    pub words: BTreeMap<String, usize>,
}

/// A check on one implementation in one phase, whose results are comparable from report to report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckKey {
    /// The check's id.
    pub check: String,
    /// The implementation.
    pub implementation: String,
    /// The phase.
    pub phase: Phase,
    /// In a red phase, the expectation that must fail.
    pub must_fail: Option<String>,
}

/// From the report on, the check had this digest and this result. Written as a list of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub(super) struct Point {
    /// The position of the report.
    pub(super) report: u32,
    /// The position of the digest of the case.
    pub(super) digest: u32,
    /// The position of the name of the result.
    pub(super) result: u32,
}

/// Versions and digests of implementations, by name.
pub(super) type Identities = BTreeMap<String, String>;

/// The tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    /// The reports, in the order of their numbers.
    pub(super) reports: Vec<IndexedReport>,
    /// Digests of cases and names of results.
    pub(super) texts: Vec<String>,
    /// The checks.
    pub(super) keys: Vec<CheckKey>,
    /// What reports ran: ascending positions of checks.
    pub(super) selections: Vec<Vec<u32>>,
    /// What reports say about their implementations.
    pub(super) identities: Vec<Identities>,
    /// For each check, where its digest or result changed: ascending positions of reports.
    pub(super) points: Vec<Vec<Point>>,
}

impl From<(u32, u32, u32)> for Point {
    fn from((report, digest, result): (u32, u32, u32)) -> Self {
        Self { report, digest, result }
    }
}

impl From<Point> for (u32, u32, u32) {
    fn from(point: Point) -> Self {
        (point.report, point.digest, point.result)
    }
}

/// The element at a position.
pub(super) fn at<T>(list: &[T], position: u32) -> Option<&T> {
    list.get(usize::try_from(position).ok()?)
}

/// A length as a position. An index of 2^32 reports or checks does not fit into memory.
pub(super) fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl IndexedReport {
    /// The positions of the checks that it ran.
    pub(super) fn ran<'t>(&self, tables: &'t Tables) -> &'t [u32] {
        at(&tables.selections, self.selection).map_or(&[], Vec::as_slice)
    }
}

impl Tables {
    /// The point that holds for a check at a report, which must have run it.
    pub(super) fn point(&self, key: u32, report: u32) -> Option<Point> {
        let points = at(&self.points, key)?;
        let after = points.partition_point(|point| point.report <= report);
        points.get(after.checked_sub(1)?).copied()
    }

    /// Whether every position is within its table, and what must ascend does.
    pub(super) fn is_consistent(&self) -> bool {
        let within = |position: u32, length: usize| u64::from(position) < length as u64;
        let reports = self.reports.iter().all(|report| {
            within(report.selection, self.selections.len())
                && within(report.identities, self.identities.len())
        });
        let ordered = self.reports.is_sorted_by(|a, b| (a.sequence, a.stamp) < (b.sequence, b.stamp));
        let selections = self.selections.iter().all(|keys| {
            keys.is_sorted_by(|a, b| a < b) && keys.iter().all(|key| within(*key, self.keys.len()))
        });
        let points = self.points.iter().all(|points| {
            points.is_sorted_by(|a, b| a.report < b.report)
                && points.iter().all(|point| {
                    within(point.report, self.reports.len())
                        && within(point.digest, self.texts.len())
                        && within(point.result, self.texts.len())
                })
        });
        reports && ordered && selections && points && self.points.len() == self.keys.len()
    }
}
