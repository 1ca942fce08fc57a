//! What must hold of a directory of reports, whatever was done to their files.

#![allow(clippy::expect_used, reason = "a body stops where something does not hold")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::OnceLock,
};

use bundleproof::{
    harness::{
        record::{
            Binary, Environment, FORMAT, Inventory, InventoryEntry, Platform, RunRecord, RunTimes,
            RunTimestamp, SUMS,
        },
        store::{Audit, ReportWriter, Store, write_sums},
    },
    value::Digest,
};

use crate::fuzz_documents::{a_run, refused};

/// The reports of the store, and one that is written afterwards.
const STAMPS: [&str; 3] = ["2026-11-26T210406Z", "2026-11-26T210407Z", "2026-11-26T210408Z"];
const NEXT: &str = "2026-11-26T210409Z";

/// The most changes of one input.
const MAX_EDITS: usize = 8;

/// The outcomes of each report.
const OUTCOMES: usize = 2;

/// What a link in the place of a file leads to.
const LINKS: [&str; 5] = ["chain.json", "..", "missing", "/dev/null", "/dev/zero"];

type Files = BTreeMap<String, Vec<u8>>;

/// One change of the store.
struct Edit<'i> {
    report: usize,
    /// The index of the file; one beyond the last is a file of its own.
    file: usize,
    kind: u8,
    /// Whether `SHA256SUMS` is written again afterwards.
    again: bool,
    bytes: &'i [u8],
}

/// Three reports are written and changed. Every report is then verified or named as damaged, by the store as by an audit;
/// without new checksums those that changed are damaged, and no others; and a further report is written, or nothing changes. Returns
/// whether any report is sound.
///
/// An input is a sequence of changes: report, file, kind (the highest bit: new checksums), length (two bytes), and bytes.
pub(crate) fn store(input: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let reports = folder.path();
    for (stamp, files) in sound() {
        let write = |(name, bytes): (&String, &Vec<u8>)| {
            let path = reports.join(stamp).join(name);
            path.parent().map_or(Ok(()), fs::create_dir_all).expect("the directory of a report");
            fs::write(path, bytes).expect("a file of a report");
        };
        files.iter().for_each(write);
    }
    let edits = edits(input);
    edits.iter().for_each(|edit| apply(edit, reports));

    let store = Store::open(reports).expect("the store can be listed");
    let verified: BTreeSet<String> = store.reports.iter().map(|report| report.stamp().to_string()).collect();
    let damaged: BTreeSet<String> = store.damaged.iter().map(|report| report.stamp.to_string()).collect();
    assert!(verified.is_disjoint(&damaged), "{verified:?} and {damaged:?}");
    assert_eq!(&verified | &damaged, stamps(reports));
    store.damaged.iter().for_each(|report| _ = refused(&report.why));

    let audit = Audit::of(reports, None, &|| ()).expect("the store can be listed");
    let errors = || audit.integrity.errors.iter().chain(&audit.completeness.errors);
    errors().for_each(|report| _ = refused(&report.why));
    let named: BTreeSet<String> = errors().map(|report| report.stamp.to_string()).collect();
    assert!(damaged.is_subset(&named), "the audit names {named:?}, and not {damaged:?}");

    let keeps_sums = |edit: &Edit<'_>| !edit.again && name_of(edit).is_some_and(|name| name != SUMS);
    if edits.iter().all(keeps_sums) {
        let changed: BTreeSet<&str> = edits.iter().map(|edit| STAMPS[edit.report]).collect();
        let others = STAMPS.into_iter().filter(|stamp| !changed.contains(stamp));
        assert!(
            others.clone().all(|stamp| verified.contains(stamp)),
            "{damaged:?}, and only {changed:?} changed"
        );
        assert!(!changed.is_empty() || audit.is_sound(), "{named:?}");
        // Several changes can undo each other.
        let differs = |(stamp, files): &&(&str, Files)| files_of(&reports.join(stamp)) != *files;
        for (stamp, _) in sound().iter().filter(differs) {
            assert!(!verified.contains(*stamp), "{stamp} is not as it was written, and counts as intact");
        }
    }
    goes_on(reports, &verified, &damaged);
    !verified.is_empty()
}

/// A further report is complete, and damages none; or it is refused, and nothing has changed.
fn goes_on(reports: &Path, verified: &BTreeSet<String>, damaged: &BTreeSet<String>) {
    let is_taken = stamps(reports).contains(NEXT);
    let published = publish(reports, NEXT);
    let store = Store::open(reports).expect("the store can be listed");
    let now: BTreeSet<String> = store.reports.iter().map(|report| report.stamp().to_string()).collect();
    match published {
        Ok(()) => {
            assert!(now.contains(NEXT), "the new report is damaged: {:?}", store.damaged);
            assert!(verified.is_subset(&now), "a new report damages others: {:?}", store.damaged);
        }
        Err(error) => {
            refused(&error);
            let bad: BTreeSet<String> = store.damaged.iter().map(|report| report.stamp.to_string()).collect();
            assert_eq!((&now, &bad), (verified, damaged), "{error}");
            assert!(is_taken || !reports.join(NEXT).exists(), "{error}");
        }
    }
}

/// The files of the reports before any change.
fn sound() -> &'static [(&'static str, Files)] {
    static SOUND: OnceLock<Vec<(&'static str, Files)>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let written = STAMPS.map(|stamp| {
            publish(folder.path(), stamp).expect("a report");
            (stamp, files_of(&folder.path().join(stamp)))
        });
        written.into()
    })
}

fn publish(reports: &Path, stamp: &str) -> Result<(), String> {
    let stamp: RunTimestamp = stamp.parse().expect("a timestamp");
    let mut run = RunRecord { stamp, ..a_run() };
    run.outcomes.truncate(OUTCOMES);
    let inventory =
        Inventory { format: FORMAT, checks: run.outcomes.iter().map(InventoryEntry::from).collect() };
    let environment = Environment {
        platform: Platform { os: "linux".to_owned(), arch: "x86_64".to_owned() },
        binary: Binary { version: version().to_owned(), sha256: None },
        variables: BTreeMap::new(),
    };
    let times = RunTimes { started: stamp.rfc3339(), ended: stamp.rfc3339(), stamp_given: false };
    let mut writer = ReportWriter::create(reports, stamp).map_err(|error| error.to_string())?;
    writer.write_inventory(inventory).map_err(|error| error.to_string())?;
    writer.publish(&run, &environment, times).map_err(|error| error.to_string())?;
    Ok(())
}

/// The version of the program: an audit renders its reports again.
fn version() -> &'static str {
    let manifest = include_str!("../../Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    version.and_then(|version| version.strip_suffix('"')).expect("the version of the package")
}

/// The regular files of a report, at its top.
fn files_of(report: &Path) -> Files {
    let entries = fs::read_dir(report).expect("the directory of a report");
    let paths = entries.map(|entry| entry.expect("an entry of a report").path());
    let is_file =
        |path: &std::path::PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("a file of a report"))
    };
    paths.filter(is_file).map(file).collect()
}

/// The names of the directory that are those of reports.
fn stamps(reports: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(reports).expect("the store");
    let names = entries.map(|entry| entry.expect("an entry of the store").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.parse::<RunTimestamp>().is_ok()).collect()
}

fn edits(mut input: &[u8]) -> Vec<Edit<'_>> {
    let mut edits = Vec::new();
    while let [report, file, kind, low, high, rest @ ..] = input
        && edits.len() < MAX_EDITS
    {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        let report = usize::from(*report) % STAMPS.len();
        let names = sound()[report].1.len();
        let (again, kind) = (*kind >= 0x80, *kind & 0x7f);
        edits.push(Edit { report, file: usize::from(*file) % (names + 1), kind, again, bytes });
        input = rest;
    }
    edits
}

/// The name of the file that an edit changes; `None` when it changes the report as a whole.
fn name_of(edit: &Edit<'_>) -> Option<&'static str> {
    let names = sound()[edit.report].1.keys();
    (edit.kind % KINDS < WHOLE).then(|| names.map(String::as_str).nth(edit.file).unwrap_or("added.txt"))
}

/// The number of kinds of edits, and the first that is about a report as a whole.
const KINDS: u8 = 9;
const WHOLE: u8 = 7;

fn apply(edit: &Edit<'_>, reports: &Path) {
    let report = reports.join(STAMPS[edit.report]);
    if !report.is_dir() {
        return;
    }
    let Some(name) = name_of(edit) else {
        if edit.kind % KINDS == WHOLE {
            fs::remove_dir_all(report).expect("a report can be removed");
        } else {
            // The same report with another name.
            let copy = reports.join(format!("2026-11-26T2105{:02}Z", edit.bytes.len() % 60));
            fs::create_dir_all(&copy).expect("a directory");
            let write = |(name, bytes): (String, Vec<u8>)| fs::write(copy.join(name), bytes).expect("a copy");
            files_of(&report).into_iter().for_each(write);
        }
        return;
    };
    let path = report.join(name);
    let old = files_of(&report).remove(name).unwrap_or_default();
    // What was there may be a directory or a link.
    _ = fs::remove_file(&path);
    _ = fs::remove_dir(&path);
    let new = match edit.kind % KINDS {
        0 => Some(edit.bytes.to_vec()),
        1 => Some([old.as_slice(), edit.bytes].concat()),
        2 => Some(replaced(&old, edit.bytes)),
        3 => Some(old[..edit.bytes.len().min(old.len())].to_vec()),
        4 => None,
        5 => {
            fs::create_dir(&path).expect("a directory in the place of a file");
            None
        }
        _ => {
            let target = LINKS[edit.bytes.len() % LINKS.len()];
            std::os::unix::fs::symlink(target, &path).expect("a link in the place of a file");
            None
        }
    };
    if let Some(new) = new {
        fs::write(&path, new).expect("a file of a report");
    }
    if edit.again {
        let mut files = files_of(&report);
        files.remove(SUMS);
        let sums = files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes).to_string())).collect();
        _ = fs::remove_dir(report.join(SUMS));
        _ = fs::remove_file(report.join(SUMS));
        fs::write(report.join(SUMS), write_sums(&sums)).expect("the checksums");
    }
}

/// The text with all occurrences of what is before a zero byte replaced by what is behind it.
fn replaced(text: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (from, to) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (Ok(text), Ok(from), Ok(to)) =
        (std::str::from_utf8(text), std::str::from_utf8(from), std::str::from_utf8(to))
    else {
        return text.to_vec();
    };
    if from.is_empty() { text.as_bytes().to_vec() } else { text.replacen(from, to, MAX_EDITS).into_bytes() }
}
