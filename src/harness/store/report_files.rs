//! The files of one report directory, as its `SHA256SUMS` lists them. What is parsed is what was listed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    IntegrityError, IoError, MAX_RESULTS_BYTES,
    sums::{MAX_SUMS_BYTES, read_bounded, read_sums, sha256},
};
use crate::harness::record::{
    CHAIN, Chain, DURATIONS, Durations, ENVIRONMENT, Environment, INVENTORY, Inventory, RESULTS, ReadError,
    RunRecord, RunTimestamp, SUMS, chain::MAX_CHAIN_BYTES,
};

/// The longest `environment.json`: 1 MiB. Implementations state what is in it.
const MAX_ENVIRONMENT_BYTES: u64 = 1024 * 1024;

/// A report directory with a readable `SHA256SUMS`. Its other files may be missing or have changed.
#[derive(Debug)]
pub(super) struct ReportFiles {
    pub(super) directory: PathBuf,
    pub(super) stamp: RunTimestamp,
    /// The SHA-256 of `SHA256SUMS`.
    pub(super) head: String,
    /// The listed SHA-256 of each other file, by path.
    pub(super) listed: BTreeMap<String, String>,
}

impl ReportFiles {
    /// Reads `SHA256SUMS`.
    pub(super) fn open(directory: &Path, stamp: RunTimestamp) -> Result<Self, IntegrityError> {
        let found = directory.symlink_metadata().map_err(IoError::when("look at", directory))?;
        if !found.is_dir() {
            return Err(IntegrityError::NotADirectory);
        }
        let sums = directory.join(SUMS);
        if sums.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Err(IntegrityError::Missing(SUMS.to_owned()));
        }
        let sums = read_bounded(&sums, MAX_SUMS_BYTES)?;
        let head = sha256(&sums);
        let listed =
            String::from_utf8(sums).ok().and_then(|text| read_sums(&text)).ok_or(IntegrityError::Sums)?;
        Ok(Self { directory: directory.to_owned(), stamp, head, listed })
    }

    /// The run, with the durations of its checks.
    pub(super) fn run(&self) -> Result<RunRecord, IntegrityError> {
        let results = self.read(RESULTS, MAX_RESULTS_BYTES)?;
        let mut run = RunRecord::from_json(&results).map_err(unreadable(RESULTS))?;
        self.belongs(RESULTS, run.stamp)?;
        let durations = self.read(DURATIONS, MAX_RESULTS_BYTES)?;
        let durations = Durations::from_json(&durations).map_err(unreadable(DURATIONS))?;
        durations.add_to(&mut run).map_err(unreadable(DURATIONS))?;
        Ok(run)
    }

    /// Its position in the store.
    pub(super) fn chain(&self) -> Result<Chain, IntegrityError> {
        let chain = Chain::from_json(&self.read(CHAIN, MAX_CHAIN_BYTES)?).map_err(unreadable(CHAIN))?;
        self.belongs(CHAIN, chain.stamp)?;
        Ok(chain)
    }

    /// Where and with what it was made.
    pub(super) fn environment(&self) -> Result<Environment, IntegrityError> {
        let bytes = self.read(ENVIRONMENT, MAX_ENVIRONMENT_BYTES)?;
        serde_json::from_slice(&bytes).map_err(ReadError::from).map_err(unreadable(ENVIRONMENT))
    }

    /// The planned checks.
    pub(super) fn inventory(&self) -> Result<Inventory, IntegrityError> {
        Inventory::from_json(&self.read(INVENTORY, MAX_RESULTS_BYTES)?).map_err(unreadable(INVENTORY))
    }

    fn belongs(&self, name: &'static str, found: RunTimestamp) -> Result<(), IntegrityError> {
        if found == self.stamp { Ok(()) } else { Err(IntegrityError::OtherStamp { name, found }) }
    }

    /// Reads a file and checks its digest, so that what is parsed is what was listed.
    pub(super) fn read(&self, name: &'static str, limit: u64) -> Result<Vec<u8>, IntegrityError> {
        let listed = self.listed.get(name).ok_or_else(|| IntegrityError::Missing(name.to_owned()))?;
        let bytes = read_bounded(&self.directory.join(name), limit)?;
        if *listed == sha256(&bytes) { Ok(bytes) } else { Err(IntegrityError::Altered(name.to_owned())) }
    }
}

pub(super) fn unreadable(name: &'static str) -> impl FnOnce(ReadError) -> IntegrityError {
    move |source| IntegrityError::Unreadable { name, source }
}
