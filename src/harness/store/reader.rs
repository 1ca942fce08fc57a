//! Reads and verifies all reports of a directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{fs_util, harness::record::RunTimestamp};

use super::{
    CorruptReport, IntegrityError, IoError, Report, Unfinished,
    links::{Heads, broken_links},
    unfinished::unfinished,
    verify::verify,
};
use crate::harness::record::{CHAIN, Chain, RESULTS, RunRecord, SUMS};

/// The reports of a directory. Entries that are not named by a timestamp are ignored.
#[derive(Debug, Default)]
pub struct Store {
    /// The verified reports, ordered by number and not by timestamp.
    pub reports: Vec<Report>,
    /// The reports that failed verification; they do not count as evidence.
    pub damaged: Vec<CorruptReport>,
    /// The runs without a published report.
    pub unfinished: Vec<Unfinished>,
}

/// Why a store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory does not exist.
    #[error("no reports in {}: no run has written one yet, or --reports names another directory", .0.display())]
    Missing(PathBuf),
    /// It is a report itself.
    #[error("{} is a report; expected the directory that it is in: {}", .0.display(), parent(.0).display())]
    IsReport(PathBuf),
    /// It cannot be listed.
    #[error(transparent)]
    Disk(#[from] IoError),
}

/// Whether a directory is a report, also one that lacks some of its files. Nothing may be written into it.
pub fn is_report(directory: &Path) -> bool {
    let has = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok();
    has(CHAIN) || (has(SUMS) && has(RESULTS))
}

/// The directory that a report is in.
pub(super) fn parent(report: &Path) -> PathBuf {
    match (report.file_name(), report.parent()) {
        (Some(_), Some(parent)) if parent.as_os_str().is_empty() => PathBuf::from("."),
        (Some(_), Some(parent)) => parent.to_owned(),
        // A path such as `.` or `..`.
        (_, _) => report.join(".."),
    }
}

/// The entries of a store's directory.
pub(super) fn entries(reports: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    if is_report(reports) {
        return Err(StoreError::IsReport(reports.to_owned()));
    }
    fs_util::entries(reports).map_err(|source| match source.kind() {
        ErrorKind::NotFound => StoreError::Missing(reports.to_owned()),
        _ => IoError { doing: "list", path: reports.to_owned(), source }.into(),
    })
}

impl Store {
    /// Reads and verifies every report in a directory.
    ///
    /// # Errors
    /// When the directory does not exist or cannot be listed. Corrupt reports are no error; they are in
    /// [`Store::damaged`].
    pub fn open(reports: &Path) -> Result<Self, StoreError> {
        Self::open_and_keep(reports, |_| ())
    }

    /// Like [`open`](Self::open), and drops what is not needed of each run once it is verified. All reports are in memory
    /// at once, and a whole run takes some MiB.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_and_keep(reports: &Path, keep: impl Fn(&mut RunRecord)) -> Result<Self, StoreError> {
        let mut store = Self::default();
        let mut heads = Heads::new();
        for entry in entries(reports)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if let Ok(stamp) = name.parse::<RunTimestamp>() {
                let mut found = verify(&entry.path(), stamp);
                heads.insert(stamp, found.head);
                match (found.report, found.errors.is_empty()) {
                    (Some(mut report), true) => {
                        keep(&mut report.run);
                        store.reports.push(report);
                    }
                    (_, _) => store
                        .damaged
                        .extend(found.errors.drain(..).take(1).map(|why| CorruptReport { stamp, why })),
                }
            } else if let Some(run) = unfinished(&name) {
                store.unfinished.push(run);
            }
        }
        store.reports.sort_by_key(|report| (report.sequence(), report.stamp()));
        store.set_aside_broken_links(&heads);
        store.damaged.sort_by_key(|damaged| damaged.stamp);
        store.unfinished.sort_by(|a, b| a.directory.cmp(&b.directory));
        Ok(store)
    }

    /// The newest report. Recording its digest elsewhere makes a truncated store detectable.
    pub fn head(&self) -> Option<&Report> {
        self.reports.last()
    }

    fn set_aside_broken_links(&mut self, heads: &Heads) {
        let chains: Vec<&Chain> = self.reports.iter().map(|report| &report.chain).collect();
        let mut broken: BTreeMap<RunTimestamp, IntegrityError> = BTreeMap::new();
        for (stamp, why) in broken_links(&chains, heads) {
            broken.entry(stamp).or_insert(why);
        }
        self.reports.retain(|report| !broken.contains_key(&report.stamp()));
        // A report that was already corrupt keeps its first error.
        let damaged: BTreeSet<RunTimestamp> = self.damaged.iter().map(|damaged| damaged.stamp).collect();
        broken.retain(|stamp, _| !damaged.contains(stamp));
        self.damaged.extend(broken.into_iter().map(|(stamp, why)| CorruptReport { stamp, why }));
    }
}

/// Reads and verifies one report, without its place in a store.
///
/// # Errors
/// When it is corrupt, or its directory is not named by a timestamp.
pub fn read_report(path: &Path) -> Result<Report, IntegrityError> {
    let path = path.canonicalize().map_err(IoError::when("look at", path))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stamp = name.parse().map_err(|_| IntegrityError::NotAReport(name.to_owned()))?;
    let found = verify(&path, stamp);
    match (found.report, found.errors.into_iter().next()) {
        (_, Some(why)) => Err(why),
        (Some(report), None) => Ok(report),
        (None, None) => Err(IntegrityError::Missing(RESULTS.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;
    use crate::harness::{
        record::{CHAIN, FORMAT, INVENTORY, Predecessor, SUMS},
        store::{
            ReportWriter,
            sums::{files_below, sha256},
            write_sums,
        },
        test_helpers,
    };

    // The second is named by an earlier time than the first: order is not by stamp.
    const STAMPS: [&str; 3] = ["2025-10-17T112849Z", "2025-10-16T000000Z", "2025-10-18T000000Z"];

    fn publish(reports: &Path, stamp: &str) {
        let run = RunRecord { stamp: test_helpers::stamp(stamp), ..test_helpers::run() };
        let mut directory = ReportWriter::create(reports, run.stamp).unwrap();
        directory.write_inventory(test_helpers::inventory(&run)).unwrap();
        let times = test_helpers::times(run.stamp);
        directory.publish(&run, &test_helpers::environment(), times).unwrap();
    }

    fn three() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        STAMPS.iter().for_each(|stamp| publish(root.path(), stamp));
        root
    }

    /// The timestamps of verified reports, and the errors of the others.
    fn opened(root: &TempDir) -> (Vec<String>, Vec<String>) {
        let store = Store::open(root.path()).unwrap();
        let damaged = store.damaged.iter().map(|damaged| format!("{}: {}", damaged.stamp, damaged.why));
        (store.reports.iter().map(|report| report.stamp().to_string()).collect(), damaged.collect())
    }

    /// Updates `SHA256SUMS` to the current files.
    fn sum_again(report: &Path) {
        let mut files = files_below(report).unwrap();
        files.remove(SUMS);
        let sums = files.into_iter().map(|(name, path)| (name, sha256(&fs::read(&path).unwrap()))).collect();
        fs::write(report.join(SUMS), write_sums(&sums)).unwrap();
    }

    fn edit(path: &Path, from: &str, to: &str) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    #[test]
    fn reports_are_ordered_by_number_and_other_entries_are_ignored() {
        let root = three();
        fs::create_dir(root.path().join("baseline")).unwrap();
        fs::write(root.path().join("README.md"), "").unwrap();
        assert_eq!(opened(&root), (STAMPS.map(String::from).to_vec(), vec![]));
        let store = Store::open(root.path()).unwrap();
        let [first, second, _] = store.reports.as_slice() else { panic!("{store:?}") };
        assert_eq!((first.sequence(), first.chain.predecessor.clone()), (1, None));
        let before = Predecessor { stamp: first.stamp(), sequence: 1, digest: first.head.clone() };
        assert_eq!(second.chain.predecessor, Some(before));
        assert_eq!(store.head().unwrap().sequence(), 3);
    }

    #[rstest]
    #[case::altered("summary.md has changed", |report: &Path| {
        fs::write(report.join("summary.md"), "").unwrap();
    })]
    #[case::gone("junit.xml is missing", |report: &Path| fs::remove_file(report.join("junit.xml")).unwrap())]
    #[case::added("more.txt is not listed", |report: &Path| fs::write(report.join("more.txt"), "").unwrap())]
    #[case::no_sums("SHA256SUMS is missing", |report: &Path| fs::remove_file(report.join(SUMS)).unwrap())]
    #[case::odd_sums("SHA256SUMS is not a sorted", |report: &Path| {
        fs::write(report.join(SUMS), "x\n").unwrap();
    })]
    #[case::listed_out("results.json is missing", |report: &Path| {
        fs::remove_file(report.join(RESULTS)).unwrap();
        sum_again(report);
    })]
    #[case::newer("results.json has format 99", |report: &Path| {
        edit(&report.join(RESULTS), &format!("\"format\": {FORMAT}"), "\"format\": 99");
        sum_again(report);
    })]
    #[case::run_of_another("results.json belongs to report 2020-01-01T000000Z", |report: &Path| {
        edit(&report.join(RESULTS), STAMPS[2], "2020-01-01T000000Z");
        sum_again(report);
    })]
    #[case::chain_of_another("chain.json belongs to report 2020-01-01T000000Z", |report: &Path| {
        edit(&report.join(CHAIN), STAMPS[2], "2020-01-01T000000Z");
        sum_again(report);
    })]
    #[case::lost("planned check persistence/params on nothing", |report: &Path| {
        edit(&report.join(INVENTORY), "\"reference\"", "\"nothing\"");
        sum_again(report);
    })]
    #[case::no_longer_first("number 3 does not follow", |report: &Path| {
        let mut chain = Chain::from_json(&fs::read(report.join(CHAIN)).unwrap()).unwrap();
        chain.predecessor = None;
        fs::write(report.join(CHAIN), serde_json::to_vec(&chain).unwrap()).unwrap();
        sum_again(report);
    })]
    #[case::out_of_order("number 2 does not follow", |report: &Path| {
        edit(&report.join(CHAIN), "\"sequence\": 3", "\"sequence\": 2");
        edit(&report.join(CHAIN), STAMPS[1], STAMPS[0]);
        let first = fs::read(report.with_file_name(STAMPS[0]).join(SUMS)).unwrap();
        let second = fs::read(report.with_file_name(STAMPS[1]).join(SUMS)).unwrap();
        edit(&report.join(CHAIN), &sha256(&second), &sha256(&first));
        fs::remove_dir_all(report.with_file_name(STAMPS[1])).unwrap();
        sum_again(report);
    })]
    #[case::a_file("not a directory", |report: &Path| {
        fs::remove_dir_all(report).unwrap();
        fs::write(report, "").unwrap();
    })]
    fn corrupt_reports_are_reported_with_their_error(#[case] said: &str, #[case] damage: fn(&Path)) {
        let root = three();
        damage(&root.path().join(STAMPS[2]));
        let (left, damaged) = opened(&root);
        assert!(!left.contains(&STAMPS[2].to_owned()), "{left:?}");
        let [one] = damaged.as_slice() else { panic!("{damaged:?}") };
        assert!(one.starts_with(&format!("{}: {said}", STAMPS[2])), "{one}");
    }

    #[test]
    fn an_edit_with_new_sums_is_detected_by_the_next_report() {
        let root = three();
        fs::write(root.path().join(STAMPS[1]).join("summary.md"), "all fine").unwrap();
        sum_again(&root.path().join(STAMPS[1]));
        let (left, damaged) = opened(&root);
        assert_eq!(left, [STAMPS[0]]);
        assert_eq!(
            damaged,
            [
                format!("{}: report {} records a different digest for it", STAMPS[1], STAMPS[2]),
                format!("{}: predecessor {} has changed since this report was written", STAMPS[2], STAMPS[1]),
            ]
        );
    }

    #[test]
    fn an_edit_without_new_sums_corrupts_only_the_edited_report() {
        let root = three();
        fs::write(root.path().join(STAMPS[1]).join("summary.md"), "all fine").unwrap();
        let (left, damaged) = opened(&root);
        assert_eq!((left, damaged.len()), (vec![STAMPS[0].to_owned(), STAMPS[2].to_owned()], 1));
    }

    #[test]
    fn a_removed_report_is_detected_by_the_next_report() {
        let root = three();
        fs::remove_dir_all(root.path().join(STAMPS[0])).unwrap();
        let said = format!("{}: predecessor {} is missing", STAMPS[1], STAMPS[0]);
        assert_eq!(opened(&root), (vec![STAMPS[2].to_owned()], vec![said]));
    }

    #[test]
    fn two_reports_with_one_number_are_both_corrupt() {
        let (root, other) = (three(), three());
        let stamp = "2025-10-19T000000Z";
        fs::remove_dir_all(other.path().join(STAMPS[2])).unwrap();
        publish(other.path(), stamp);
        fs::rename(other.path().join(stamp), root.path().join(stamp)).unwrap();
        let (left, damaged) = opened(&root);
        assert_eq!(left, &STAMPS[..2]);
        let said = [
            format!("{}: duplicate number 3: report {stamp} has it too", STAMPS[2]),
            format!("{stamp}: duplicate number 3: report {} has it too", STAMPS[2]),
        ];
        assert_eq!(damaged, said);
    }

    #[test]
    fn a_run_without_a_report_is_listed_as_unfinished() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            ".2025-10-17T112849Z.partial",
            ".2025-10-17T112850Z.interrupted-2",
            ".other.partial",
            ".2025-10-17T112851Z.tmp",
        ] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let store = Store::open(root.path()).unwrap();
        let listed = store.unfinished.iter().map(|run| (run.directory.as_str(), run.interrupted));
        let expected = [(".2025-10-17T112849Z.partial", false), (".2025-10-17T112850Z.interrupted-2", true)];
        assert_eq!(listed.collect::<Vec<_>>(), expected);
        assert!(store.reports.is_empty() && store.damaged.is_empty());
    }

    #[test]
    fn a_report_is_not_a_store() {
        let root = three();
        let report = root.path().join(STAMPS[0]);
        let files = files_below(&report).unwrap();
        let said = Store::open(&report).unwrap_err().to_string();
        assert!(
            said.ends_with(&format!("expected the directory that it is in: {}", root.path().display())),
            "{said}"
        );
        let written = ReportWriter::create(&report, test_helpers::stamp("2025-10-19T000000Z"));
        assert!(written.unwrap_err().to_string().contains("is a report"));
        assert_eq!(files_below(&report).unwrap(), files);
        // Also one that is damaged.
        fs::remove_file(report.join(SUMS)).unwrap();
        assert!(matches!(Store::open(&report), Err(StoreError::IsReport(_))));
    }

    #[test]
    fn the_store_of_a_report_is_named_as_its_path_says() {
        let parents = ["S/R", "R", "R/", "..", "."].map(|path| parent(Path::new(path)));
        assert_eq!(parents, ["S", ".", ".", "../..", "./.."].map(PathBuf::from));
    }

    #[test]
    fn a_missing_store_is_not_an_empty_one() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(Store::open(&root.path().join("x")), Err(StoreError::Missing(_))));
    }

    #[test]
    fn the_next_report_follows_the_newest_readable_one() {
        let root = three();
        fs::write(root.path().join(STAMPS[2]).join(CHAIN), "{").unwrap();
        publish(root.path(), "2025-10-19T000000Z");
        let (left, damaged) = opened(&root);
        assert_eq!((left.len(), damaged.len()), (3, 1), "{damaged:?}");
    }
}
