//! The place that the next report of a store gets: its number, its predecessor, and the number of its attempt.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    IoError,
    limits::MAX_SUMS_BYTES,
    sums::{read_bounded, read_sums, sha256},
};
use crate::fs_util::entries;
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
///
/// A number is not given twice, also where the report that has it is damaged: for each report without a readable number,
/// one is skipped.
pub(super) fn next_place(reports: &Path, plan: Option<&Plan>) -> Result<Place, NoPlace> {
    let Listed { chains, mut unnumbered } = listed(reports)?;
    let full = |chain: &Chain| NoPlace::Full(reports.join(chain.stamp.to_string()).join(CHAIN));
    let mut attempts = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for chain in &chains {
        let of_plan = |attempt: &&Attempt| plan.is_some_and(|plan| plan.name == attempt.plan);
        if let Some(Attempt { number, .. }) = chain.attempt.as_ref().filter(of_plan) {
            if *number == MAX_NUMBER {
                return Err(full(chain));
            }
            attempts.insert(*number);
        }
        numbers.insert(chain.sequence);
        // The first report follows none; that of another is known, even if it is damaged or gone.
        let before = chain.predecessor.as_ref();
        numbers.insert(before.map_or(0, |before| before.sequence.min(chain.sequence)));
        before.inspect(|before| _ = unnumbered.remove(&before.stamp));
    }
    if let Some(last) = chains.last().filter(|chain| chain.sequence == MAX_NUMBER) {
        return Err(full(last));
    }
    let unnumbered = unnumbered.len() as u64;
    let attempt = plan.map(|plan| {
        let first = plan.first_attempt.saturating_sub(1);
        Attempt { plan: plan.name.clone(), number: number_after(&attempts, first, unnumbered) }
    });
    let sequence = number_after(&numbers, 0, unnumbered);
    Ok(Place { sequence, predecessor: newest(reports, &chains)?, attempt })
}

/// The first number that no report can have. `unnumbered` reports have one that cannot be read: each of them has one of
/// the gaps between the known numbers, or one after those. Without a known number, they follow `first`.
fn number_after(known: &BTreeSet<u64>, first: u64, unnumbered: u64) -> u64 {
    let last = known.last().copied().unwrap_or(first);
    let span = last - known.first().copied().unwrap_or(last) + 1;
    let gaps = span - (known.len() as u64).max(1);
    (last + 1).saturating_add(unnumbered.saturating_sub(gaps)).min(MAX_NUMBER)
}

/// The directories of a store that have the name of a report.
struct Listed {
    /// By number.
    chains: Vec<Chain>,
    /// Those whose number cannot be read.
    unnumbered: BTreeSet<RunTimestamp>,
}

/// The chains of a store, by number. Nothing is verified but that each belongs to its directory and is listed there.
///
/// A chain that is missing, invalid or not the one in `SHA256SUMS` is left out, because it says nothing reliable: the audit
/// names it. A file that exists and cannot be read is an error, because its numbers would be given a second time.
///
/// # Errors
/// When the store cannot be listed, or an existing file cannot be read.
pub fn chains(reports: &Path) -> Result<Vec<Chain>, IoError> {
    Ok(listed(reports)?.chains)
}

fn listed(reports: &Path) -> Result<Listed, IoError> {
    let mut chains = Vec::new();
    let mut unnumbered = BTreeSet::new();
    for entry in entries(reports).map_err(IoError::when("list", reports))? {
        let name = entry.file_name();
        let Some(stamp) = name.to_str().and_then(|name| name.parse::<RunTimestamp>().ok()) else { continue };
        // A link or a file is never a report.
        if !entry.file_type().map_err(IoError::when("inspect", &entry.path()))?.is_dir() {
            continue;
        }
        match chain_of(&entry.path(), stamp)? {
            Some(chain) => chains.push(chain),
            None => _ = unnumbered.insert(stamp),
        }
    }
    chains.sort_by_key(|chain| (chain.sequence, chain.stamp));
    Ok(Listed { chains, unnumbered })
}

/// The chain in a directory, if it is one of this report and is listed there.
pub(super) fn chain_of(directory: &Path, stamp: RunTimestamp) -> Result<Option<Chain>, IoError> {
    let Some(bytes) = readable(&directory.join(CHAIN), MAX_CHAIN_BYTES)? else { return Ok(None) };
    let Some(chain) = Chain::from_json(&bytes).ok().filter(|chain| chain.stamp == stamp) else {
        return Ok(None);
    };
    let sums = readable(&directory.join(SUMS), MAX_SUMS_BYTES)?.unwrap_or_default();
    let listed = std::str::from_utf8(&sums).ok().and_then(read_sums);
    let is_listed = listed.is_some_and(|listed| listed.get(CHAIN) == Some(&sha256(&bytes)));
    Ok(Some(chain).filter(|_| is_listed))
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

    use std::fs;

    use rstest::rstest;

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
        // It may have had another number before it was damaged.
        assert_eq!(numbers(root.path(), None), (3, Some(1), None));
        plant(root.path(), "2025-10-19T112849Z", MAX_NUMBER, None);
        let error = next_place(root.path(), None).unwrap_err().to_string();
        assert!(error.contains("2025-10-19T112849Z/chain.json has the number 9007199254740992"), "{error}");
    }

    #[rstest]
    #[case::empty(&[], 0, 0, 1)]
    #[case::begins_later(&[], 54, 0, 55)]
    #[case::nothing_is_known(&[], 0, 2, 3)]
    #[case::dense(&[1, 2, 3], 0, 0, 4)]
    #[case::a_gap_is_not_filled(&[1, 3], 0, 0, 4)]
    #[case::the_newest_cannot_be_read(&[1, 2, 3], 0, 1, 5)]
    #[case::it_was_skipped_before(&[1, 2, 3, 5], 0, 1, 6)]
    #[case::and_another_one(&[1, 2, 3, 5], 0, 2, 7)]
    #[case::older_reports_are_elsewhere(&[100, 101], 0, 1, 103)]
    #[case::the_last_number(&[MAX_NUMBER - 1], 0, 5, MAX_NUMBER)]
    fn no_number_is_given_that_a_report_may_have(
        #[case] known: &[u64],
        #[case] first: u64,
        #[case] unnumbered: u64,
        #[case] next: u64,
    ) {
        assert_eq!(number_after(&known.iter().copied().collect(), first, unnumbered), next);
    }

    #[test]
    fn numbers_of_damaged_reports_are_skipped_once() {
        let root = tempfile::tempdir().unwrap();
        let plan = Plan { first_attempt: 55, ..test_helpers::plan() };
        let damage = |report: PathBuf| fs::write(report.join(CHAIN), "{").unwrap();
        damage(plant(root.path(), "2025-10-17T112849Z", 1, Some((&plan.name, 55))));
        assert_eq!(numbers(root.path(), Some(&plan)), (2, None, Some(56)));
        plant(root.path(), "2025-10-18T112849Z", 2, Some((&plan.name, 56)));
        assert_eq!(numbers(root.path(), Some(&plan)), (3, Some(2), Some(58)));
        plant(root.path(), "2025-10-19T112849Z", 3, Some((&plan.name, 58)));
        assert_eq!(numbers(root.path(), Some(&plan)), (4, Some(3), Some(59)));
        damage(root.path().join("2025-10-19T112849Z"));
        assert_eq!(numbers(root.path(), Some(&plan)), (4, Some(2), Some(59)));
    }

    #[test]
    fn a_damaged_report_whose_number_the_next_one_names_is_not_skipped() {
        let root = tempfile::tempdir().unwrap();
        let first = plant(root.path(), "2025-10-17T112849Z", 1, None);
        let predecessor = Predecessor {
            stamp: test_helpers::stamp("2025-10-17T112849Z"),
            sequence: 1,
            digest: String::new(),
        };
        let second = test_helpers::chain(2, test_helpers::stamp("2025-10-18T112849Z"));
        test_helpers::plant_chain(root.path(), Chain { predecessor: Some(predecessor), ..second });
        fs::write(first.join(CHAIN), "{").unwrap();
        assert_eq!(numbers(root.path(), None), (3, Some(2), None));
    }

    #[test]
    fn a_missing_or_invalid_chain_is_ignored_and_its_number_skipped() {
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
        // Five directories, and a file, which is never a report.
        assert_eq!(numbers(root.path(), None), (7, Some(1), None));
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
