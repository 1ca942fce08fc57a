//! The files of one report directory, as its `SHA256SUMS` lists them. What is parsed is what was listed.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    IntegrityError, IoError,
    limits::{MAX_SUMS_BYTES, longest},
    sums::{read_bounded, read_sums, sha256},
};
use crate::harness::{
    proof::KillMatrix,
    record::{
        CHAIN, Chain, DURATIONS, Durations, ENVIRONMENT, Environment, INVENTORY, Inventory, MATRIX_JSON,
        RESULTS, ReadError, RunRecord, RunTimestamp, SUMS,
    },
};
use crate::value::{Digest, digest::digest_of};

/// A report directory with a readable `SHA256SUMS`. Its other files may be missing or have changed.
#[derive(Debug)]
pub(super) struct ReportFiles {
    pub(super) directory: PathBuf,
    pub(super) stamp: RunTimestamp,
    /// The SHA-256 of `SHA256SUMS`.
    pub(super) head: String,
    /// The listed SHA-256 of each other file, by path.
    pub(super) listed: BTreeMap<String, String>,
    /// The contents of files that were checked, as far as they are small.
    kept: BTreeMap<String, Vec<u8>>,
    kept_bytes: u64,
}

/// The most bytes of one report that are kept in memory after they were checked: 64 MiB. The rest is read again.
const MAX_KEPT_BYTES: u64 = 64 * 1024 * 1024;

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
        let directory = directory.to_owned();
        Ok(Self { directory, stamp, head, listed, kept: BTreeMap::new(), kept_bytes: 0 })
    }

    /// Checks the digest of a listed file, and returns its length in bytes.
    pub(super) fn check(&mut self, name: &str, path: &Path) -> Result<u64, IntegrityError> {
        let file = File::open(path).map_err(IoError::when("open", path))?;
        let length = file.metadata().map_err(IoError::when("look at", path))?.len();
        let limit = longest(name);
        if length > limit {
            return Err(IoError::too_long(path, limit).into());
        }
        let (length, digest) = if self.kept_bytes.saturating_add(length) <= MAX_KEPT_BYTES {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            // A file that grows meanwhile has another digest.
            file.take(length).read_to_end(&mut bytes).map_err(IoError::when("read", path))?;
            let digest = Digest::of(&bytes);
            self.kept_bytes = self.kept_bytes.saturating_add(length);
            self.kept.insert(name.to_owned(), bytes);
            (length, digest)
        } else {
            // A file that grows meanwhile has another digest.
            digest_of(file.take(length)).map_err(IoError::when("read", path))?
        };
        if self.listed.get(name).is_some_and(|listed| *listed == digest.to_string()) {
            return Ok(length);
        }
        self.kept.remove(name);
        Err(IntegrityError::Altered(name.to_owned()))
    }

    /// The contents of a file whose digest was checked, if they were kept.
    pub(super) fn kept(&self, name: &str) -> Option<&[u8]> {
        self.kept.get(name).map(Vec::as_slice)
    }

    /// The run, with the durations of its checks.
    pub(super) fn run(&self) -> Result<RunRecord, IntegrityError> {
        let results = self.read(RESULTS)?;
        let mut run = RunRecord::from_json(&results).map_err(unreadable(RESULTS))?;
        self.belongs(RESULTS, run.stamp)?;
        let durations = self.read(DURATIONS)?;
        let durations = Durations::from_json(&durations).map_err(unreadable(DURATIONS))?;
        durations.add_to(&mut run).map_err(unreadable(DURATIONS))?;
        Ok(run)
    }

    /// Its position in the store.
    pub(super) fn chain(&self) -> Result<Chain, IntegrityError> {
        let chain = Chain::from_json(&self.read(CHAIN)?).map_err(unreadable(CHAIN))?;
        self.belongs(CHAIN, chain.stamp)?;
        Ok(chain)
    }

    /// Where and with what it was made.
    pub(super) fn environment(&self) -> Result<Environment, IntegrityError> {
        let bytes = self.read(ENVIRONMENT)?;
        serde_json::from_slice(&bytes).map_err(ReadError::from).map_err(unreadable(ENVIRONMENT))
    }

    /// The planned checks.
    pub(super) fn inventory(&self) -> Result<Inventory, IntegrityError> {
        Inventory::from_json(&self.read(INVENTORY)?).map_err(unreadable(INVENTORY))
    }

    /// The kill matrix of a proof.
    pub(super) fn matrix(&self) -> Result<KillMatrix, IntegrityError> {
        let bytes = self.read(MATRIX_JSON)?;
        serde_json::from_slice(&bytes).map_err(ReadError::from).map_err(unreadable(MATRIX_JSON))
    }

    fn belongs(&self, name: &'static str, found: RunTimestamp) -> Result<(), IntegrityError> {
        if found == self.stamp { Ok(()) } else { Err(IntegrityError::OtherStamp { name, found }) }
    }

    /// Reads a file and checks its digest, so that what is parsed is what was listed.
    fn read(&self, name: &'static str) -> Result<Cow<'_, [u8]>, IntegrityError> {
        let limit = longest(name);
        if let Some(kept) = self.kept(name).filter(|kept| kept.len() as u64 <= limit) {
            return Ok(Cow::Borrowed(kept));
        }
        let listed = self.listed.get(name).ok_or_else(|| IntegrityError::Missing(name.to_owned()))?;
        let bytes = read_bounded(&self.directory.join(name), limit)?;
        if *listed == sha256(&bytes) {
            Ok(Cow::Owned(bytes))
        } else {
            Err(IntegrityError::Altered(name.to_owned()))
        }
    }
}

fn unreadable(name: &'static str) -> impl FnOnce(ReadError) -> IntegrityError {
    move |source| IntegrityError::Unreadable { name, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::value::digest::READ_BYTES;

    #[test]
    fn files_are_checked_alike_whether_they_are_kept_or_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        let bytes = vec![7; 3 * READ_BYTES + 1];
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(root.path().join(SUMS), format!("{}  file\n", sha256(&bytes))).unwrap();
        let mut files = ReportFiles::open(root.path(), "2025-10-17T112849Z".parse().unwrap()).unwrap();
        assert_eq!(files.check("file", &path).unwrap(), bytes.len() as u64);
        assert_eq!(files.kept("file"), Some(bytes.as_slice()));
        files.kept.clear();
        files.kept_bytes = MAX_KEPT_BYTES;
        assert_eq!(files.check("file", &path).unwrap(), bytes.len() as u64);
        assert_eq!(files.kept("file"), None);
        std::fs::write(&path, "changed").unwrap();
        for kept in [0, MAX_KEPT_BYTES] {
            files.kept_bytes = kept;
            assert!(
                matches!(files.check("file", &path), Err(IntegrityError::Altered(name)) if name == "file")
            );
            assert_eq!(files.kept("file"), None);
        }
    }
}
