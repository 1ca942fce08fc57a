//! The audit of a store: is everything as it was written, and is everything there?

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::{
    CorruptReport, IntegrityError, IoError, StoreError, UnfinishedRun,
    integrity::{Aspect, STAMP_TOLERANCE_SECONDS},
    links::{Heads, broken_links, missing_numbers},
    reader::entries,
    unfinished::{explain, unfinished},
    verify::{is_litter, verify_renderings},
};
use crate::{
    fs_util::SIBLING_PREFIX,
    harness::record::{Chain, RunTimestamp},
    threads,
};

/// The number of reports that are verified side by side. Each is in memory as a whole.
const THREADS: usize = 2;

/// What an audit found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Audit {
    /// The number of reports.
    pub reports: usize,
    /// The number of their files that are as they were written.
    pub files: u64,
    /// The length of these files, in bytes.
    pub bytes: u64,
    /// Whether everything that is there is as it was written.
    pub integrity: Integrity,
    /// Whether everything is there.
    pub completeness: Completeness,
    /// The report with the highest number. Its head, recorded elsewhere, makes a cut-off end of the store detectable.
    pub newest: Option<NewestReport>,
    /// The reports whose stamp was given by hand, so that it may be far from the time of the run.
    pub given_stamps: Vec<RunTimestamp>,
    /// The intact reports of other versions of this program, which were not rendered again.
    pub not_rendered: Vec<RunTimestamp>,
    /// Files of file managers and left-over temporary files, which damage nothing.
    pub litter: Vec<String>,
    /// The runs without a report.
    pub unfinished: Vec<UnfinishedRun>,
}

/// Whether everything that is there is as it was written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Integrity {
    /// Whether it is.
    pub intact: bool,
    /// What is not, by stamp.
    pub errors: Vec<CorruptReport>,
}

/// Whether everything is there: reports, files and outcomes of planned checks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Completeness {
    /// Whether it is, as far as [`newest_end`](Self::newest_end) says.
    pub complete: bool,
    /// Whether the newest reports are there.
    pub newest_end: NewestEnd,
    /// What is missing, by the stamp of the report that misses it.
    pub errors: Vec<CorruptReport>,
}

/// Whether the newest reports of a store are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum NewestEnd {
    /// No expected head was given.
    NotChecked,
    /// The report with the expected head is there.
    Expected {
        /// The number of reports after it.
        newer: usize,
    },
    /// No report has the expected head.
    Missing,
}

/// The report with the highest number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NewestReport {
    /// Its name.
    pub stamp: RunTimestamp,
    /// Its number.
    pub sequence: u64,
    /// The SHA-256 of its `SHA256SUMS`, which covers this report and, through its chain, every one before it.
    pub head: String,
}

/// What is kept of one report.
struct Audited {
    stamp: RunTimestamp,
    head: Option<String>,
    chain: Option<Chain>,
    errors: Vec<IntegrityError>,
    litter: Vec<String>,
    files: u64,
    bytes: u64,
    other_program: bool,
}

/// The names in a store.
#[derive(Default)]
struct Names {
    reports: Vec<RunTimestamp>,
    litter: Vec<String>,
    unfinished: Vec<UnfinishedRun>,
}

impl Audit {
    /// Verifies every file of every report, one report after the other, and how the reports follow each other.
    ///
    /// `expected_head` is the head of a report that must be there. `on_report` is called after each report.
    ///
    /// # Errors
    /// When the directory does not exist or cannot be listed. What is wrong with reports is in the audit.
    pub fn of(
        reports: &Path,
        expected_head: Option<&str>,
        on_report: &(dyn Fn() + Sync),
    ) -> Result<Self, StoreError> {
        let Names { reports: mut stamps, mut litter, unfinished } = names(reports)?;
        stamps.sort();
        let audited = audit_all(reports, &stamps, on_report);
        let heads: Heads = audited.iter().map(|own| (own.stamp, own.head.clone())).collect();
        let mut chains: Vec<&Chain> = audited.iter().filter_map(|own| own.chain.as_ref()).collect();
        chains.sort_by_key(|chain| (chain.sequence, chain.stamp));
        let newest = chains.last().and_then(|chain| {
            let head = heads.get(&chain.stamp).cloned().flatten()?;
            Some(NewestReport { stamp: chain.stamp, sequence: chain.sequence, head })
        });
        let newest_end = match expected_head {
            None => NewestEnd::NotChecked,
            Some(expected) => {
                let is_it = |chain: &&Chain| {
                    heads.get(&chain.stamp).is_some_and(|head| head.as_deref() == Some(expected))
                };
                match chains.iter().position(is_it) {
                    Some(place) => NewestEnd::Expected { newer: chains.len() - place - 1 },
                    None => NewestEnd::Missing,
                }
            }
        };
        let mut errors: BTreeMap<RunTimestamp, Vec<IntegrityError>> = BTreeMap::new();
        for (stamp, why) in broken_links(&chains, &heads).into_iter().chain(missing_numbers(&chains, &heads))
        {
            errors.entry(stamp).or_default().push(why);
        }
        let given_stamps = chains.iter().filter(|chain| chain.stamp_given).map(|chain| chain.stamp).collect();
        let (mut files, mut bytes, mut not_rendered) = (0, 0_u64, Vec::new());
        for own in audited {
            files += own.files;
            bytes = bytes.saturating_add(own.bytes);
            litter.extend(own.litter);
            not_rendered.extend(Some(own.stamp).filter(|_| own.other_program));
            errors.entry(own.stamp).or_default().splice(0..0, own.errors);
        }
        litter.sort();
        let all = errors
            .into_iter()
            .flat_map(|(stamp, errors)| errors.into_iter().map(move |why| CorruptReport { stamp, why }));
        let (missing, broken): (Vec<_>, Vec<_>) =
            all.partition(|corrupt| corrupt.why.aspect() == Aspect::Completeness);
        let complete = missing.is_empty() && newest_end != NewestEnd::Missing;
        Ok(Self {
            reports: stamps.len(),
            files,
            bytes,
            integrity: Integrity { intact: broken.is_empty(), errors: broken },
            completeness: Completeness { complete, newest_end, errors: missing },
            newest,
            given_stamps,
            not_rendered,
            litter,
            unfinished,
        })
    }

    /// Whether both answers are yes.
    pub fn is_sound(&self) -> bool {
        self.integrity.intact && self.completeness.complete
    }
}

fn names(reports: &Path) -> Result<Names, StoreError> {
    let mut names = Names::default();
    for entry in entries(reports)? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_directory = entry.file_type().map_err(IoError::when("inspect", &entry.path()))?.is_dir();
        if let Ok(stamp) = name.parse() {
            names.reports.push(stamp);
        } else if let Some(run) = unfinished(&name).filter(|_| is_directory) {
            names.unfinished.push(explain(reports, run));
        } else if unfinished(&name).is_some() {
            // A file or a pipe with the name of a run, which opening could block.
            names.litter.push(name);
        } else if is_litter(&name) || name.starts_with(SIBLING_PREFIX) {
            names.litter.push(name);
        }
    }
    names.unfinished.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(names)
}

/// Verifies these reports on several threads; the results are in their order.
fn audit_all(reports: &Path, stamps: &[RunTimestamp], on_report: &(dyn Fn() + Sync)) -> Vec<Audited> {
    threads::each(
        stamps,
        THREADS,
        || (),
        |(), stamp| {
            let audited = audit_one(reports, *stamp);
            on_report();
            audited
        },
    )
}

fn audit_one(reports: &Path, stamp: RunTimestamp) -> Audited {
    let found = verify_renderings(&reports.join(stamp.to_string()), stamp);
    let mut errors = found.errors;
    errors.extend(found.chain.as_ref().and_then(stamp_error));
    let other = |version: &str| version != env!("CARGO_PKG_VERSION");
    Audited {
        stamp,
        head: found.head,
        chain: found.chain,
        errors,
        litter: found.litter.into_iter().map(|name| format!("{stamp}/{name}")).collect(),
        files: found.files,
        bytes: found.bytes,
        other_program: found.report.is_some_and(|report| other(&report.environment.binary.version)),
    }
}

/// What is wrong with a stamp that was not given by hand: it is not in the time from the start to the end of the run.
fn stamp_error(chain: &Chain) -> Option<IntegrityError> {
    let (started, ended) =
        (chain.stamp.seconds_since(&chain.started), chain.stamp.seconds_since(&chain.ended));
    let (Some(started), Some(ended)) = (started, ended) else { return Some(IntegrityError::Times) };
    // Negative before the start, positive after the end.
    let seconds = if started < 0 { started } else { ended.max(0) };
    let is_far = !chain.stamp_given && seconds.unsigned_abs() > STAMP_TOLERANCE_SECONDS;
    is_far.then_some(IntegrityError::StampTime { seconds })
}
