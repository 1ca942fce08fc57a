//! What an audit finds: every kind of damage to a store, one at a time.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use rstest::rstest;
use tempfile::TempDir;

use super::{report_files::ReportFiles, sums::files_below, verify::verify, *};
use crate::harness::{
    record::{CHAIN, Chain, ENVIRONMENT, Predecessor, RunRecord, RunTimes, SUMMARY, SUMS},
    test_helpers,
};

const STAMPS: [&str; 4] =
    ["2025-10-17T112849Z", "2025-10-16T000000Z", "2025-10-18T000000Z", "2025-10-19T000000Z"];

fn publish(reports: &Path, stamp: &str, change: fn(&mut RunTimes)) {
    let run = RunRecord { stamp: test_helpers::stamp(stamp), ..test_helpers::planned_run() };
    let mut writer = ReportWriter::create(reports, run.stamp).unwrap();
    writer.write_inventory(test_helpers::inventory(&run)).unwrap();
    writer.add("failed/a b.zip", b"x").unwrap();
    let mut times = test_helpers::times(run.stamp);
    change(&mut times);
    writer.publish(&run, &test_helpers::environment(), times).unwrap();
}

fn store(reports: usize) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    STAMPS.iter().take(reports).for_each(|stamp| publish(root.path(), stamp, |_| ()));
    root
}

fn audit(root: &TempDir) -> Audit {
    Audit::of(root.path(), None, &|| ()).unwrap()
}

/// Everything that an audit finds wrong, integrity first.
fn errors(audit: &Audit) -> Vec<String> {
    let all = audit.integrity.errors.iter().chain(&audit.completeness.errors);
    all.map(|error| format!("{}: {}", error.stamp, error.why)).collect()
}

/// Updates `SHA256SUMS` to the current files.
fn sum_again(report: &Path) {
    let mut files = files_below(report).unwrap();
    files.remove(SUMS);
    let sums: BTreeMap<String, String> =
        files.into_iter().map(|(name, path)| (name, sums::sha256(&fs::read(path).unwrap()))).collect();
    fs::write(report.join(SUMS), write_sums(&sums)).unwrap();
}

fn edit_chain(report: &Path, change: impl FnOnce(&mut Chain)) {
    let mut chain = Chain::from_json(&fs::read(report.join(CHAIN)).unwrap()).unwrap();
    change(&mut chain);
    fs::write(report.join(CHAIN), serde_json::to_vec_pretty(&chain).unwrap()).unwrap();
    sum_again(report);
}

#[test]
fn an_untouched_store_is_intact_and_complete() {
    let root = store(3);
    let audit = audit(&root);
    assert_eq!(errors(&audit), [""; 0]);
    assert!(audit.is_sound() && audit.integrity.intact && audit.completeness.complete);
    assert_eq!((audit.reports, audit.completeness.newest_end), (3, NewestEnd::NotChecked));
    let newest = audit.newest.unwrap();
    assert_eq!((newest.stamp.to_string(), newest.sequence), (STAMPS[2].to_owned(), 3));
    let listed = files_below(&root.path().join(STAMPS[0])).unwrap().len() as u64 - 1;
    assert_eq!(audit.files, 3 * listed);
}

#[test]
fn every_changed_byte_of_every_file_is_found_and_the_file_is_named() {
    let root = store(1);
    let path = root.path().join(STAMPS[0]);
    let stamp = test_helpers::stamp(STAMPS[0]);
    let mut files = ReportFiles::open(&path, stamp).unwrap();
    for (name, place) in files_below(&path).unwrap() {
        let bytes = fs::read(&place).unwrap();
        let mut file = OpenOptions::new().write(true).open(&place).unwrap();
        let mut put = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for (at, byte) in bytes.iter().enumerate() {
            put(at, byte ^ 1);
            if name == SUMS {
                // Any line of it can be the wrong one, so the message names both the list and the file.
                let found = verify(&path, stamp).errors;
                assert!(found.iter().any(|error| error.to_string().contains(SUMS)), "{at}: {found:?}");
            } else {
                let found = files.check(&name, &place).unwrap_err();
                assert!(matches!(&found, IntegrityError::Altered(named) if *named == name), "{name} {at}");
            }
            put(at, *byte);
        }
        assert!(name == SUMS || files.check(&name, &place).is_ok());
    }
    assert_eq!(errors(&audit(&root)), [""; 0]);
}

#[test]
fn every_deleted_renamed_and_swapped_file_is_named() {
    let root = store(1);
    let path = root.path().join(STAMPS[0]);
    let names: Vec<String> = files_below(&path).unwrap().into_keys().collect();
    let aside = root.path().join("aside");
    for (index, name) in names.iter().enumerate() {
        let place = path.join(name);
        fs::rename(&place, &aside).unwrap();
        let missing = format!("{}: {name} is missing", STAMPS[0]);
        let deleted = errors(&audit(&root));
        assert_eq!(deleted, [missing.as_str()]);
        let renamed = path.join(format!("{name}.old"));
        fs::rename(&aside, &renamed).unwrap();
        let found = errors(&audit(&root));
        assert!(found.contains(&missing), "{found:?}");
        let added = format!("{name}.old is not listed in SHA256SUMS");
        assert!(name == SUMS || found.iter().any(|error| error.ends_with(&added)), "{found:?}");
        let Some(other) = names.get(index + 1) else {
            fs::rename(&renamed, &place).unwrap();
            continue;
        };
        fs::rename(path.join(other), &place).unwrap();
        fs::rename(&renamed, path.join(other)).unwrap();
        let found = errors(&audit(&root)).join("\n");
        let both = [name, other].into_iter().all(|name| found.contains(&format!("{name} has changed")));
        assert!(both || found.contains("SHA256SUMS is not a sorted list"), "{found}");
        fs::rename(path.join(other), &aside).unwrap();
        fs::rename(&place, path.join(other)).unwrap();
        fs::rename(&aside, &place).unwrap();
    }
    assert_eq!(errors(&audit(&root)), [""; 0]);
    fs::write(path.join("failed/more"), "").unwrap();
    let found = errors(&audit(&root));
    assert_eq!(found, [format!("{}: failed/more is not listed in SHA256SUMS", STAMPS[0])]);
}

type Damage = fn(&Path);

#[rstest]
#[case::a_number_in_the_summary("summary.md differs from what is rendered", |report: &Path| {
    let text = fs::read_to_string(report.join(SUMMARY)).unwrap();
    fs::write(report.join(SUMMARY), text.replace("1/3", "3/3")).unwrap();
})]
#[case::a_log_that_is_not_there("phase_d4_red_persistence.log is missing", |report: &Path| {
    fs::remove_file(report.join("phase_d4_red_persistence.log")).unwrap();
})]
#[case::an_outcome_removed("persistence/round_trip on stub has no outcome", |report: &Path| {
    change_run(report, |run| _ = run.outcomes.remove(0));
})]
#[case::an_outcome_twice("persistence/round_trip on stub has more than one outcome", |report: &Path| {
    change_run(report, |run| run.outcomes.extend_from_within(..1));
})]
#[case::an_outcome_invented("invented on stub has an outcome and was not planned", |report: &Path| {
    change_run(report, |run| {
        run.outcomes.extend_from_within(..1);
        run.outcomes.last_mut().unwrap().check = "invented".into();
    });
})]
#[case::a_stamp_from_another_day("the stamp is 86400 s before the start of the run", |report: &Path| {
    edit_chain(report, |chain| chain.started = "2025-10-18T11:28:49Z".into());
})]
#[case::a_stamp_after_the_run("the stamp is 86400 s after the end of the run", |report: &Path| {
    edit_chain(report, |chain| {
        chain.started = "2025-10-16T10:28:49Z".into();
        chain.ended = "2025-10-16T11:28:49Z".into();
    });
})]
#[case::no_time("`started` or `ended` in chain.json is not an RFC 3339 time", |report: &Path| {
    edit_chain(report, |chain| chain.started = "noon".into());
})]
#[case::no_chain("chain.json is invalid", |report: &Path| fs::write(report.join(CHAIN), "{}").unwrap())]
#[case::no_environment("environment.json is invalid", |report: &Path| {
    fs::write(report.join(ENVIRONMENT), "{}").unwrap();
})]
fn damage_with_new_sums_is_found_in_the_contents(#[case] said: &str, #[case] damage: Damage) {
    let root = store(1);
    let report = root.path().join(STAMPS[0]);
    damage(&report);
    sum_again(&report);
    let found = errors(&audit(&root));
    assert!(found.iter().any(|error| error.contains(said)), "{found:?}");
}

/// Replaces the run of a report, with everything that is rendered from it.
fn change_run(report: &Path, change: fn(&mut RunRecord)) {
    let stamp = test_helpers::stamp(STAMPS[0]);
    let mut run = ReportFiles::open(report, stamp).unwrap().run().unwrap();
    change(&mut run);
    for (name, bytes) in crate::harness::report::files(&run, None).unwrap() {
        fs::write(report.join(name), bytes).unwrap();
    }
}

#[test]
fn a_stamp_near_the_start_or_given_by_hand_is_right() {
    let root = tempfile::tempdir().unwrap();
    publish(root.path(), STAMPS[0], |times| times.started = "2025-10-17T11:20:00Z".into());
    publish(root.path(), STAMPS[1], |times| {
        times.started = "2026-10-17T11:20:00Z".into();
        times.stamp_given = true;
    });
    let audit = audit(&root);
    assert_eq!(errors(&audit), [""; 0]);
    assert_eq!(audit.given_stamps, [test_helpers::stamp(STAMPS[1])]);
}

#[test]
fn a_report_deleted_from_the_middle_is_named() {
    let root = store(3);
    fs::remove_dir_all(root.path().join(STAMPS[1])).unwrap();
    let audit = audit(&root);
    assert!(audit.integrity.intact && !audit.completeness.complete);
    assert_eq!(errors(&audit), [format!("{}: predecessor {} is missing", STAMPS[2], STAMPS[1])]);
}

#[test]
fn the_number_of_a_report_that_cannot_be_read_is_not_given_again() {
    let root = store(2);
    let unreadable = root.path().join(STAMPS[1]);
    fs::write(unreadable.join(CHAIN), "{").unwrap();
    publish(root.path(), STAMPS[2], |_| ());
    let found = audit(&root);
    assert_eq!(found.newest.as_ref().unwrap().sequence, 3);
    assert!(errors(&found).iter().all(|error| error.starts_with(STAMPS[1])), "{found:?}");
    // What had the number is gone, and no report refers to it.
    fs::remove_dir_all(unreadable).unwrap();
    let found = audit(&root);
    let gap = "1 number before number 3 belongs to no report";
    assert!(errors(&found).concat().starts_with(&format!("{}: {gap}", STAMPS[2])), "{found:?}");
    assert!(found.integrity.intact && !found.completeness.complete);
    // That damages no other report.
    assert_eq!(Store::open(root.path()).unwrap().reports.len(), 2);
}

#[test]
fn a_report_after_a_first_one_that_cannot_be_read_is_intact() {
    let root = store(1);
    fs::write(root.path().join(STAMPS[0]).join(CHAIN), "{").unwrap();
    publish(root.path(), STAMPS[1], |_| ());
    let found = audit(&root);
    assert_eq!(found.newest.as_ref().unwrap().sequence, 2);
    assert!(errors(&found).iter().all(|error| error.starts_with(STAMPS[0])), "{found:?}");
    assert_eq!(Store::open(root.path()).unwrap().reports.len(), 1);
}

#[test]
fn a_listed_file_that_is_too_long_is_named_and_not_read() {
    let root = store(1);
    let file =
        OpenOptions::new().write(true).open(root.path().join(STAMPS[0]).join("failed/a b.zip")).unwrap();
    file.set_len(1 << 50).unwrap_or_else(|_| file.set_len(MAX_RESULTS_BYTES + 1).unwrap());
    let found = errors(&audit(&root));
    assert!(found.concat().contains("failed/a b.zip: longer than the limit of 268435456 bytes"), "{found:?}");
}

#[test]
fn reports_with_each_others_names_are_named() {
    let root = store(3);
    let path = |stamp: &str| root.path().join(stamp);
    fs::rename(path(STAMPS[1]), path("aside")).unwrap();
    fs::rename(path(STAMPS[2]), path(STAMPS[1])).unwrap();
    fs::rename(path("aside"), path(STAMPS[2])).unwrap();
    let found = errors(&audit(&root));
    for (stamp, other) in [(STAMPS[1], STAMPS[2]), (STAMPS[2], STAMPS[1])] {
        assert!(found.contains(&format!("{stamp}: chain.json belongs to report {other}")), "{found:?}");
    }
}

#[test]
fn reports_with_each_others_numbers_are_named() {
    let root = store(4);
    edit_chain(&root.path().join(STAMPS[1]), |chain| chain.sequence = 3);
    edit_chain(&root.path().join(STAMPS[2]), |chain| chain.sequence = 2);
    let found = errors(&audit(&root));
    for stamp in [STAMPS[1], STAMPS[2]] {
        assert!(found.iter().any(|error| error.starts_with(stamp)), "{found:?}");
    }
}

#[test]
fn an_inserted_report_is_named() {
    let (root, other) = (store(3), store(1));
    publish(other.path(), STAMPS[3], |_| ());
    let inserted = root.path().join(STAMPS[3]);
    fs::rename(other.path().join(STAMPS[3]), &inserted).unwrap();
    let found = errors(&audit(&root));
    assert!(found.contains(&format!("{}: duplicate number 2: report {} has it too", STAMPS[3], STAMPS[1])));
    // With a number that is free, and the right digest of its predecessor.
    let newest = audit(&store(1)).newest.unwrap();
    let digest = sums::sha256(&fs::read(root.path().join(STAMPS[0]).join(SUMS)).unwrap());
    edit_chain(&inserted, |chain| {
        chain.sequence = 9;
        chain.predecessor = Some(Predecessor { stamp: newest.stamp, sequence: 1, digest });
    });
    let found = errors(&audit(&root));
    let fork = format!("{}: report {} has the same predecessor, {}", STAMPS[3], STAMPS[1], STAMPS[0]);
    assert!(found.iter().any(|error| error.starts_with(&fork)), "{found:?}");
}

#[test]
fn a_cut_off_end_is_seen_with_the_expected_head() {
    let root = store(3);
    let head = audit(&root).newest.unwrap().head;
    let end = |head: &str| Audit::of(root.path(), Some(head), &|| ()).unwrap();
    assert_eq!(end(&head).completeness.newest_end, NewestEnd::Expected { newer: 0 });
    publish(root.path(), STAMPS[3], |_| ());
    assert_eq!(end(&head).completeness.newest_end, NewestEnd::Expected { newer: 1 });
    for stamp in &STAMPS[2..] {
        fs::remove_dir_all(root.path().join(stamp)).unwrap();
    }
    let cut = end(&head);
    assert_eq!(cut.completeness.newest_end, NewestEnd::Missing);
    assert!(cut.integrity.intact && !cut.completeness.complete && !cut.is_sound());
    assert!(audit(&root).is_sound(), "without the head, nothing is missing");
}

#[test]
fn litter_of_a_file_manager_is_named_and_damages_nothing() {
    let root = store(2);
    let report = root.path().join(STAMPS[0]);
    for path in [root.path().join("Thumbs.db"), report.join(".DS_Store"), report.join("failed/desktop.ini")] {
        fs::write(path, "x").unwrap();
    }
    let audit = audit(&root);
    assert_eq!(errors(&audit), [""; 0]);
    let names = [".DS_Store", "failed/desktop.ini"].map(|name| format!("{}/{name}", STAMPS[0]));
    assert_eq!(audit.litter, [&names[..], &["Thumbs.db".to_owned()]].concat());
    let store = Store::open(root.path()).unwrap();
    assert_eq!((store.reports.len(), store.damaged.len()), (2, 0));
    fs::write(report.join("Desktop.ini"), "x").unwrap();
    assert_eq!(errors(&self::audit(&root)).len(), 1);
}

#[test]
fn a_report_of_another_version_is_not_rendered_again() {
    let root = store(1);
    let report = root.path().join(STAMPS[0]);
    let environment = fs::read_to_string(report.join(ENVIRONMENT)).unwrap();
    fs::write(report.join(ENVIRONMENT), environment.replace(env!("CARGO_PKG_VERSION"), "0.0.9")).unwrap();
    fs::write(report.join(SUMMARY), "what an earlier version wrote").unwrap();
    sum_again(&report);
    let audit = audit(&root);
    assert_eq!(errors(&audit), [""; 0]);
    assert_eq!(audit.not_rendered, [test_helpers::stamp(STAMPS[0])]);
}

#[test]
fn a_store_without_reports_is_sound_unless_one_is_expected() {
    let root = tempfile::tempdir().unwrap();
    assert!(audit(&root).is_sound());
    let expected = Audit::of(root.path(), Some("00"), &|| ()).unwrap();
    assert!(!expected.is_sound());
    assert!(matches!(Audit::of(&root.path().join("x"), None, &|| ()), Err(StoreError::Missing(_))));
}
