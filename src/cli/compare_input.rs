//! What `compare` reads: a report, a store, or a baseline file.

use std::path::Path;

use super::{Exit, console::Console};
use crate::harness::{
    compare::{Snapshot, read_baseline},
    record::SUMS,
    store::{Report, Store, StoreError, read_report},
};

/// A side of a comparison.
pub(super) struct CompareInput {
    pub(super) snapshot: Snapshot,
    /// Whether the store has a damaged report.
    pub(super) damaged: bool,
}

impl CompareInput {
    /// Reads and verifies a side.
    pub(super) fn read(path: &Path, console: &Console) -> Result<Self, Exit> {
        if !path.is_dir() {
            let snapshot = read_baseline(path).map_err(|error| {
                console.error(&format!("cannot use baseline {}: {error}", path.display()));
                Exit::Usage
            })?;
            return Ok(Self { snapshot, damaged: false });
        }
        if !path.join(SUMS).exists() {
            return Self::newest_of(path, console);
        }
        let report = read_report(path).map_err(|error| {
            console.error(&format!("cannot use report {}: {error}", path.display()));
            Exit::EvidenceBroken
        })?;
        Ok(Self { snapshot: snapshot(path, &report), damaged: false })
    }

    /// The newest report of a store that is not damaged.
    fn newest_of(path: &Path, console: &Console) -> Result<Self, Exit> {
        let store = Store::open(path).map_err(|error| {
            console.error(&match &error {
                StoreError::Missing(_) | StoreError::Disk(_) => error.to_string(),
            });
            Exit::Usage
        })?;
        for damaged in &store.damaged {
            let (place, stamp, why) = (path.display(), damaged.stamp, &damaged.why);
            console.error(&format!("ignored damaged report {place}/{stamp}: {why}"));
        }
        let Some(newest) = store.head() else {
            let place = path.display();
            console.error(&format!(
                "no usable report in {place}: expected a report, a directory of reports, or a baseline file"
            ));
            return Err(if store.damaged.is_empty() { Exit::Usage } else { Exit::EvidenceBroken });
        };
        let path = path.join(newest.stamp().to_string());
        console.note(&format!("newest report: {}", path.display()));
        let damaged = !store.damaged.is_empty();
        Ok(Self { snapshot: snapshot(&path, newest), damaged })
    }
}

fn snapshot(path: &Path, report: &Report) -> Snapshot {
    Snapshot::of(path.display().to_string(), &report.run, &report.environment)
}
