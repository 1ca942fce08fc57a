//! The place that the next report of a store gets: its number, its predecessor, and the number of its attempt.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    IoError,
    sums::{MAX_SUMS_BYTES, read_bounded, read_sums, sha256},
};
use crate::harness::{
    record::{Attempt, CHAIN, Chain, MAX_NUMBER, Predecessor, RunTimestamp, SUMS, chain::MAX_CHAIN_BYTES},
    suite::Plan,
};

/// The place of the next report. It holds as long as the store is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) predecessor: Option<Predecessor>,
    pub(super) attempt: Option<Attempt>,
}

/// Why the store cannot take another report.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPlace {
    #[error(transparent)]
    Disk(#[from] IoError),
    #[error(
        "{} has the number {MAX_NUMBER}, which is the last one: write to another directory with --reports",
        .0.display()
    )]
    Full(PathBuf),
}

/// Finds the place after all reports of the store.
pub(super) fn next_place(reports: &Path, plan: Option<&Plan>) -> Result<Place, NoPlace> {
    let chains = chains(reports)?;
    let full = |chain: &Chain| NoPlace::Full(reports.join(chain.stamp.to_string()).join(CHAIN));
    let mut last_attempt = None;
    for chain in &chains {
        let of_plan = |attempt: &&Attempt| plan.is_some_and(|plan| plan.name == attempt.plan);
        if let Some(Attempt { number, .. }) = chain.attempt.as_ref().filter(of_plan) {
            if *number == MAX_NUMBER {
                return Err(full(chain));
            }
            last_attempt = last_attempt.max(Some(*number));
        }
    }
    let sequence = match chains.last() {
        Some(chain) if chain.sequence == MAX_NUMBER => return Err(full(chain)),
        Some(chain) => chain.sequence + 1,
        None => 1,
    };
    let attempt = plan.map(|plan| Attempt {
        plan: plan.name.clone(),
        number: last_attempt.map_or(plan.first_attempt, |last| last + 1),
    });
    Ok(Place { sequence, predecessor: newest(reports, &chains)?, attempt })
}

/// The chains of a store, by number. Nothing is verified but that each belongs to its directory and is listed there.
///
/// A chain that is missing, invalid or not the one in `SHA256SUMS` is ignored, because it says nothing reliable: the audit
/// names it. A file that exists and cannot be read is an error, because its numbers would be given a second time.
///
/// # Errors
/// When the store cannot be listed, or an existing file cannot be read.
pub fn chains(reports: &Path) -> Result<Vec<Chain>, IoError> {
    let mut chains = Vec::new();
    for entry in fs::read_dir(reports).map_err(IoError::when("list", reports))? {
        let entry = entry.map_err(IoError::when("list", reports))?;
        let name = entry.file_name();
        let Some(stamp) = name.to_str().and_then(|name| name.parse::<RunTimestamp>().ok()) else { continue };
        // A link or a file is never a report.
        if !entry.file_type().map_err(IoError::when("inspect", &entry.path()))?.is_dir() {
            continue;
        }
        let Some(bytes) = readable(&entry.path().join(CHAIN), MAX_CHAIN_BYTES)? else { continue };
        let Some(chain) = Chain::from_json(&bytes).ok().filter(|chain| chain.stamp == stamp) else {
            continue;
        };
        let sums = readable(&entry.path().join(SUMS), MAX_SUMS_BYTES)?.unwrap_or_default();
        let listed = std::str::from_utf8(&sums).ok().and_then(read_sums);
        if listed.is_some_and(|listed| listed.get(CHAIN) == Some(&sha256(&bytes))) {
            chains.push(chain);
        }
    }
    chains.sort_by_key(|chain| (chain.sequence, chain.stamp));
    Ok(chains)
}

/// The report with the highest number among those that have a `SHA256SUMS` to refer to.
fn newest(reports: &Path, chains: &[Chain]) -> Result<Option<Predecessor>, IoError> {
    for Chain { sequence, stamp, .. } in chains.iter().rev() {
        let (sequence, stamp) = (*sequence, *stamp);
        if let Some(sums) = readable(&reports.join(stamp.to_string()).join(SUMS), MAX_SUMS_BYTES)? {
            return Ok(Some(Predecessor { stamp, sequence, digest: sha256(&sums) }));
        }
    }
    Ok(None)
}

/// The contents of a file; None if it does not exist, or is not a regular file of a permitted length.
fn readable(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, IoError> {
    match read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if says_nothing(error.source.kind()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether this error means that the file is missing or invalid; otherwise it may be valid and unreadable right now.
fn says_nothing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    fn plant(reports: &Path, stamp: &str, sequence: u64, attempt: Option<(&str, u64)>) -> PathBuf {
        let attempt = attempt.map(|(plan, number)| Attempt { plan: plan.into(), number });
        let chain = Chain { attempt, ..test_helpers::chain(sequence, test_helpers::stamp(stamp)) };
        test_helpers::plant_chain(reports, chain)
    }

    fn numbers(reports: &Path, plan: Option<&Plan>) -> (u64, Option<u64>, Option<u64>) {
        let place = next_place(reports, plan).unwrap();
        let before = place.predecessor.map(|before| before.sequence);
        (place.sequence, before, place.attempt.map(|attempt| attempt.number))
    }

    #[test]
    fn attempts_are_numbered_for_each_plan_and_begin_where_the_plan_says() {
        let root = tempfile::tempdir().unwrap();
        let plan = Plan { first_attempt: 55, ..test_helpers::plan() };
        assert_eq!(numbers(root.path(), None), (1, None, None));
        assert_eq!(numbers(root.path(), Some(&plan)), (1, None, Some(55)));
        plant(root.path(), "2025-10-17T112849Z", 1, Some((&plan.name, 55)));
        plant(root.path(), "2025-10-16T112849Z", 2, Some(("another", 900)));
        plant(root.path(), "2025-10-15T112849Z", 3, None);
        assert_eq!(numbers(root.path(), Some(&plan)), (4, Some(3), Some(56)));
    }

    #[test]
    fn a_planted_number_above_the_maximum_does_not_use_up_the_numbers() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), "2025-10-17T112849Z", 1, None);
        plant(root.path(), "2025-10-18T112849Z", u64::MAX, None);
        assert_eq!(numbers(root.path(), None), (2, Some(1), None));
        plant(root.path(), "2025-10-19T112849Z", MAX_NUMBER, None);
        let error = next_place(root.path(), None).unwrap_err().to_string();
        assert!(error.contains("2025-10-19T112849Z/chain.json has the number 9007199254740992"), "{error}");
    }

    #[test]
    fn a_missing_or_invalid_chain_is_ignored() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), "2025-10-17T112849Z", 1, None);
        fs::remove_file(plant(root.path(), "2025-10-18T112849Z", 5, None).join(CHAIN)).unwrap();
        fs::write(plant(root.path(), "2025-10-19T112849Z", 5, None).join(CHAIN), "{").unwrap();
        fs::write(root.path().join("2025-10-20T112849Z"), "a file").unwrap();
        fs::create_dir_all(root.path().join("2025-10-21T112849Z").join(CHAIN)).unwrap();
        fs::remove_file(plant(root.path(), "2025-10-22T112849Z", 7, None).join(SUMS)).unwrap();
        let unlisted = plant(root.path(), "2025-10-23T112849Z", 8, None);
        let chain = test_helpers::chain(MAX_NUMBER, test_helpers::stamp("2025-10-23T112849Z"));
        fs::write(unlisted.join(CHAIN), serde_json::to_vec(&chain).unwrap()).unwrap();
        assert_eq!(numbers(root.path(), None), (2, Some(1), None));
    }

    #[test]
    fn a_link_is_never_a_report() {
        let root = tempfile::tempdir().unwrap();
        let report = plant(root.path(), "2025-10-17T112849Z", 4, None);
        let elsewhere = root.path().join("elsewhere");
        fs::rename(report, &elsewhere).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&elsewhere, root.path().join("2025-10-17T112849Z")).unwrap();
        assert_eq!(numbers(root.path(), None), (1, None, None));
    }

    #[test]
    fn a_file_that_may_be_valid_and_cannot_be_read_is_not_ignored() {
        let ignored = [ErrorKind::NotFound, ErrorKind::NotADirectory, ErrorKind::InvalidData];
        assert!(ignored.into_iter().all(says_nothing));
        let errors = [ErrorKind::PermissionDenied, ErrorKind::TimedOut, ErrorKind::Other];
        assert!(!errors.into_iter().any(says_nothing));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_missing() {
        // Permissions do not stop every user, so the error is one of the path.
        assert!(readable(Path::new("chain\0.json"), 10).is_err());
        assert_eq!(readable(Path::new("missing/chain.json"), 10).unwrap(), None);
    }
}
