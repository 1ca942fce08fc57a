//! Verifies one report: every file, and that its parts fit together.

use std::{collections::BTreeSet, path::Path};

use super::{
    IntegrityError, Report,
    report_files::ReportFiles,
    sums::{files_below, sha256},
};
use crate::harness::{
    record::{
        CHAIN, Chain, DURATIONS, Discrepancy, ENVIRONMENT, INVENTORY, MATRIX_JSON, RESULTS, RunTimestamp,
        SUMS,
    },
    report,
};

/// Files that file managers leave in directories that they show. They are not part of a report and damage nothing.
const LITTER: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// The files without which a report says nothing.
const REQUIRED: [&str; 5] = [RESULTS, DURATIONS, CHAIN, INVENTORY, ENVIRONMENT];

/// What was found in one report directory.
#[derive(Debug, Default)]
pub(super) struct Verification {
    /// The SHA-256 of `SHA256SUMS`, if that can be read.
    pub(super) head: Option<String>,
    /// Its position in the store, if that can be read.
    pub(super) chain: Option<Chain>,
    /// Everything that is wrong, the most telling first.
    pub(super) errors: Vec<IntegrityError>,
    /// Files of a file manager.
    pub(super) litter: Vec<String>,
    /// The report, if all of its parts can be read.
    pub(super) report: Option<Report>,
    /// The number of its files.
    pub(super) files: u64,
    /// Their length, in bytes.
    pub(super) bytes: u64,
}

/// Whether a file manager leaves files of this name.
pub(super) fn is_litter(name: &str) -> bool {
    LITTER.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// Verifies a report, without its place in the store.
pub(super) fn verify(path: &Path, stamp: RunTimestamp) -> Verification {
    examine(path, stamp).1
}

/// Verifies a report, and that everything that is rendered from its results says what they say.
pub(super) fn verify_renderings(path: &Path, stamp: RunTimestamp) -> Verification {
    let (files, mut found) = examine(path, stamp);
    if let (Some(files), Some(report)) = (files, &found.report)
        && report.environment.binary.version == env!("CARGO_PKG_VERSION")
    {
        let differing = render_again(&files, report);
        found.errors.extend(differing);
    }
    found
}

fn examine(path: &Path, stamp: RunTimestamp) -> (Option<ReportFiles>, Verification) {
    let mut found = Verification::default();
    let (mut files, mut present) =
        match ReportFiles::open(path, stamp).and_then(|files| Ok((files, files_below(path)?))) {
            Ok(opened) => opened,
            Err(why) => {
                found.errors.push(why);
                return (None, found);
            }
        };
    found.head = Some(files.head.clone());
    present.remove(SUMS);
    let mut bad = BTreeSet::new();
    let required = REQUIRED.iter().copied().filter(|name| !files.listed.contains_key(*name));
    let gone = files.listed.keys().map(String::as_str).filter(|name| !present.contains_key(*name));
    for name in gone.chain(required) {
        bad.insert(name.to_owned());
        found.errors.push(IntegrityError::Missing(name.to_owned()));
    }
    for (name, path) in &present {
        if !files.listed.contains_key(name) {
            if is_litter(name) {
                found.litter.push(name.clone());
            } else {
                found.errors.push(IntegrityError::Unlisted(name.clone()));
            }
            continue;
        }
        match files.check(name, path) {
            Ok(length) => {
                found.files += 1;
                found.bytes = found.bytes.saturating_add(length);
            }
            Err(why) => {
                bad.insert(name.clone());
                found.errors.push(why);
            }
        }
    }
    let mut parts = Parts { bad: &bad, errors: &mut found.errors };
    found.chain = parts.read(&[CHAIN], || files.chain());
    let run = parts.read(&[RESULTS, DURATIONS], || files.run());
    let environment = parts.read(&[ENVIRONMENT], || files.environment());
    let inventory = parts.read(&[INVENTORY], || files.inventory());
    if let (Some(inventory), Some(run)) = (inventory, &run) {
        found.errors.extend(inventory.compare(run).into_iter().map(Discrepancy::into));
    }
    if let (Some(run), Some(environment), Some(chain)) = (run, environment, found.chain.clone()) {
        let (head, listed) = (files.head.clone(), files.listed.clone());
        found.report = Some(Report { run, environment, chain, head, files: listed });
    }
    (Some(files), found)
}

/// Reads parts of a report; those in files that are known to be bad are left out, so that no error is found twice.
struct Parts<'a> {
    bad: &'a BTreeSet<String>,
    errors: &'a mut Vec<IntegrityError>,
}

impl Parts<'_> {
    fn read<T>(&mut self, names: &[&str], read: impl FnOnce() -> Result<T, IntegrityError>) -> Option<T> {
        if names.iter().any(|name| self.bad.contains(*name)) {
            return None;
        }
        read().map_err(|why| self.errors.push(why)).ok()
    }
}

/// The files that are rendered from the results and say something else.
fn render_again(files: &ReportFiles, report: &Report) -> Vec<IntegrityError> {
    let matrix = files.listed.contains_key(MATRIX_JSON).then(|| files.matrix()).transpose();
    let rendered = match matrix {
        Ok(matrix) => report::files(&report.run, matrix.as_ref()),
        Err(why) => return vec![why],
    };
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return vec![IntegrityError::NotRendered(error.to_string())],
    };
    let differs = |(name, bytes): (String, Vec<u8>)| match files.listed.get(&name) {
        None => Some(IntegrityError::Missing(name)),
        Some(listed) => {
            let same = match files.kept(&name) {
                Some(kept) => kept == bytes,
                None => *listed == sha256(&bytes),
            };
            (!same).then_some(IntegrityError::OtherThanResults(name))
        }
    };
    rendered.into_iter().filter_map(differs).collect()
}
