//! What `compare` and `run --rerun-failed` read: a report, a store, or a baseline file.

use std::path::{Path, PathBuf};

use super::{Exit, console::Console, report_argument};
use crate::harness::{
    compare::{Snapshot, read_baseline},
    record::RunTimestamp,
    store::{CorruptReport, Index, IntegrityError, chains, is_report, read_report},
};

/// What a side can be.
const EXPECTED: &str = "a report, a directory of reports, or a baseline file";

/// A side of a comparison.
pub(super) struct CompareInput {
    pub(super) snapshot: Snapshot,
    /// The store that the report is in, and its name there; `None` for a baseline file.
    pub(super) place: Option<(PathBuf, RunTimestamp)>,
    /// Whether a damaged report was ignored.
    pub(super) damaged: bool,
}

impl CompareInput {
    /// Reads and verifies a side.
    pub(super) fn read(path: &Path, console: &Console) -> Result<Self, Exit> {
        if !path.is_dir() {
            let snapshot = read_baseline(path).map_err(|error| {
                console.error(&if path.exists() {
                    format!("cannot use baseline {}: {error}", path.display())
                } else {
                    format!("{} does not exist: expected {EXPECTED}", path.display())
                });
                Exit::Usage
            })?;
            return Ok(Self { snapshot, place: None, damaged: false });
        }
        if !is_report(path) {
            return Self::newest_of(path, console);
        }
        Self::of_report(path).map_err(|error| {
            console.error(&format!("cannot use report {}: {error}", path.display()));
            report_argument::exit_of(path, &error)
        })
    }

    fn of_report(path: &Path) -> Result<Self, IntegrityError> {
        let report = read_report(path)?;
        let snapshot = Snapshot::of(path.display().to_string(), &report.run, &report.environment);
        let canonical = path.canonicalize().ok();
        let store = canonical.as_deref().and_then(Path::parent).map(Path::to_owned);
        let place = store.map(|store| (store, report.stamp()));
        Ok(Self { snapshot, place, damaged: false })
    }

    /// The newest report of a store that is not damaged. Only that one is verified as a whole.
    fn newest_of(store: &Path, console: &Console) -> Result<Self, Exit> {
        let index = Index::open(store).map_err(|error| {
            console.error(&error.to_string());
            Exit::Usage
        })?;
        let ignored = |stamp: RunTimestamp, why: &IntegrityError| {
            console
                .error(&format!("ignored damaged report {}: {why}", store.join(stamp.to_string()).display()));
        };
        for CorruptReport { stamp, why } in index.problems() {
            ignored(*stamp, why);
        }
        let mut damaged = !index.problems().is_empty();
        // The numbers are those of the reports: the index is a cache, which anything may have written.
        let chains = chains(store).map_err(|error| {
            console.error(&error.to_string());
            Exit::Usage
        })?;
        for chain in chains.iter().rev() {
            let path = store.join(chain.stamp.to_string());
            match Self::of_report(&path) {
                Ok(own) => {
                    console.note(&format!("newest report: {}", path.display()));
                    return Ok(Self { damaged, ..own });
                }
                Err(why) => {
                    ignored(chain.stamp, &why);
                    damaged = true;
                }
            }
        }
        console.error(&format!("no usable report in {}: expected {EXPECTED}", store.display()));
        Err(if damaged { Exit::EvidenceBroken } else { Exit::Usage })
    }
}
