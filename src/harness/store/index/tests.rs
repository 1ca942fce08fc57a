//! What an index keeps of a store, and when it reads a report again.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;

use super::{
    cache::INDEX,
    tables::{CheckKey, Point},
    *,
};
use crate::harness::{
    record::{RESULTS, RunRecord},
    runner::{Ended, Outcome, Phase},
    store::ReportWriter,
    test_helpers,
};

const CHECK: &str = "persistence/params";

fn stamp(second: usize) -> String {
    format!("2025-10-17T1128{second:02}Z")
}

fn publish(reports: &Path, second: usize, outcomes: Vec<Outcome>, change: fn(&mut RunRecord)) {
    let stamp = test_helpers::stamp(&stamp(second));
    let mut run = RunRecord { stamp, outcomes, ..test_helpers::run() };
    change(&mut run);
    let mut writer = ReportWriter::create(reports, run.stamp).unwrap();
    writer.write_inventory(test_helpers::inventory(&run)).unwrap();
    writer.publish(&run, &test_helpers::environment(), test_helpers::times(run.stamp)).unwrap();
}

fn outcome(good: bool) -> Outcome {
    let phase = Phase::Green;
    if good { test_helpers::as_expected(CHECK, phase) } else { test_helpers::unexpected(CHECK, phase) }
}

/// A store with one report for each letter: `p` passed, `f` failed, `-` did not run the check.
fn store(results: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    add(root.path(), 0, results);
    root
}

fn add(reports: &Path, first: usize, results: &str) {
    for (second, result) in results.chars().enumerate() {
        let other = test_helpers::as_expected("workflows/load", Phase::Red);
        let outcomes = if result == '-' { vec![other] } else { vec![other, outcome(result == 'p')] };
        publish(reports, first + second, outcomes, |_| ());
    }
}

fn key() -> CheckKey {
    let (check, implementation) = (CHECK.to_owned(), "reference".to_owned());
    CheckKey { check, implementation, phase: Phase::Green, must_fail: None }
}

/// The number of each report from which on a result holds, with the result.
fn history(index: &Index) -> Vec<(u64, &str)> {
    let own = index.histories().filter(|(known, _)| **known == key()).flat_map(|(_, history)| history);
    own.map(|own| (own.report.sequence, own.result)).collect()
}

#[test]
fn only_changes_are_kept() {
    let root = store("ppp-fffp");
    let index = Index::open(root.path()).unwrap();
    assert_eq!(history(&index), [(1, "pass"), (5, "fail"), (8, "pass")]);
    assert_eq!(index.histories().count(), 2);
    let report = &index.reports()[4];
    assert_eq!((report.stamp.to_string(), report.sequence, report.milliseconds), (stamp(4), 5, 14));
    let counts = |all, as_expected, word: &str| PhaseCounts {
        all,
        as_expected,
        words: BTreeMap::from([(word.to_owned(), all)]),
    };
    let expected = [(Phase::Red, counts(1, 1, "proven")), (Phase::Green, counts(1, 0, "fail"))];
    assert_eq!(report.phases, BTreeMap::from(expected));
}

#[test]
fn a_regression_has_its_last_good_and_first_bad_report() {
    let turn = |results: &str| {
        let root = store(results);
        let index = Index::open(root.path()).unwrap();
        let found = index.regressions();
        assert!(found.len() <= 1 && found.iter().all(|own| *own.key == key()), "{found:?}");
        found.first().map(|own| (own.last_good.map(|report| report.sequence), own.first_bad.sequence))
    };
    assert_eq!(turn("pp-f"), Some((Some(2), 4)), "a report without the check is neither");
    assert_eq!(turn("pfpff-"), Some((Some(3), 4)));
    assert_eq!(turn("-ff"), Some((None, 2)));
    assert_eq!(turn("pfp"), None);
    assert_eq!(turn("--"), None);
}

#[test]
fn a_regression_until_a_report_ignores_later_reports() {
    let root = store("pfpff");
    let index = Index::open(root.path()).unwrap();
    let turns = |newest: usize| {
        let found = index.regressions_until(test_helpers::stamp(&stamp(newest)));
        let turns: Vec<_> = found
            .iter()
            .map(|own| (own.last_good.map(|report| report.sequence), own.first_bad.sequence))
            .collect();
        turns
    };
    assert_eq!(turns(0), []);
    assert_eq!(turns(1), [(Some(1), 2)]);
    assert_eq!(turns(2), []);
    assert_eq!(turns(4), [(Some(3), 4)]);
    assert_eq!(index.regressions_until(test_helpers::stamp("2001-01-01T000000Z")), []);
}

#[test]
fn different_results_on_equal_inputs_are_flaky_and_on_other_inputs_are_not() {
    let root = store("ppf");
    let index = Index::open(root.path()).unwrap();
    let found = index.flaky();
    let [flaky] = found.as_slice() else { unreachable!("{found:?}") };
    let [before, after] = flaky.last_flip;
    assert_eq!((before.0.sequence, before.1, after.0.sequence, after.1), (2, "pass", 3, "fail"));
    assert_eq!((flaky.key, flaky.flips), (&key(), 1));

    let changes: [fn(&mut RunRecord); 4] = [
        |run| run.outcomes[0].digest = "edited".into(),
        |run| run.suite_digest = "00".repeat(32),
        |run| run.implementations.get_mut("reference").unwrap().files.clear(),
        |run| run.outcomes[0].ended = Ended::NotRun { detail: None },
    ];
    for change in changes {
        let root = store("pp");
        publish(root.path(), 9, vec![outcome(false)], change);
        assert!(Index::open(root.path()).unwrap().flaky().is_empty());
    }
}

#[test]
fn a_check_that_did_not_run_on_some_inputs_is_not_flaky_there() {
    let root = store("p");
    let elsewhere: fn(&mut RunRecord) = |run| run.suite_digest = "00".repeat(32);
    // The check is not in this report, so its earlier result says nothing about this suite.
    publish(root.path(), 1, vec![test_helpers::as_expected("workflows/load", Phase::Green)], elsewhere);
    publish(root.path(), 2, vec![outcome(false)], elsewhere);
    assert!(Index::open(root.path()).unwrap().flaky().is_empty());
}

#[test]
fn an_indexed_report_is_not_read_again() {
    let root = store("pf");
    let first = Index::open(root.path()).unwrap();
    let written = fs::read(root.path().join(INDEX)).unwrap();
    // Reading it would fail now. That is damage for the audit, and the index does not look.
    fs::remove_file(root.path().join(stamp(0)).join(RESULTS)).unwrap();
    add(root.path(), 2, "p");
    let second = Index::open(root.path()).unwrap();
    assert!(second.problems().is_empty(), "{:?}", second.problems());
    assert_eq!(history(&second), [(1, "pass"), (2, "fail"), (3, "pass")]);
    assert_eq!(second.reports()[..2], first.reports()[..]);
    assert_ne!(fs::read(root.path().join(INDEX)).unwrap(), written);
}

#[test]
fn reports_that_vanished_are_dropped_and_changed_ones_are_read_again() {
    let root = store("pffpp");
    Index::open(root.path()).unwrap();
    fs::remove_dir_all(root.path().join(stamp(1))).unwrap();
    let index = Index::open(root.path()).unwrap();
    assert_eq!(history(&index), [(1, "pass"), (3, "fail"), (4, "pass")]);
    fs::remove_dir_all(root.path().join(stamp(2))).unwrap();
    assert_eq!(history(&Index::open(root.path()).unwrap()), [(1, "pass")]);
    // Another report with the name and the number of the first: only its digest is different.
    let other = store("f");
    fs::remove_dir_all(root.path().join(stamp(0))).unwrap();
    fs::rename(other.path().join(stamp(0)), root.path().join(stamp(0))).unwrap();
    assert_eq!(history(&Index::open(root.path()).unwrap()), [(1, "fail"), (4, "pass")]);
    assert_eq!(Index::open(root.path()).unwrap().reports().len(), 3);
}

#[test]
fn an_index_that_grew_is_the_same_as_a_new_one() {
    let root = store("pfp");
    Index::open(root.path()).unwrap();
    fs::remove_dir_all(root.path().join(stamp(0))).unwrap();
    add(root.path(), 3, "f-");
    let grown = Index::open(root.path()).unwrap();
    fs::remove_file(root.path().join(INDEX)).unwrap();
    assert_eq!(grown.tables, Index::open(root.path()).unwrap().tables);
}

#[test]
fn an_invalid_index_is_built_again() {
    let root = store("pf");
    let expected = Index::open(root.path()).unwrap().tables;
    let path = root.path().join(INDEX);
    let good = fs::read_to_string(&path).unwrap();
    let other_version = good.replacen("\"version\":1", "\"version\":0", 1);
    let other_program = good.replacen(env!("CARGO_PKG_VERSION"), "0.0.0", 1);
    let outside = good.replacen("\"selection\":0", "\"selection\":7", 1);
    for text in ["", "{", &other_version, &other_program, &outside] {
        fs::write(&path, text).unwrap();
        assert_eq!(Index::open(root.path()).unwrap().tables, expected, "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), good);
    }
    // Another index that would be consistent is used as it is: this is a cache, not evidence.
    fs::write(&path, good.replace("\"pass\"", "\"oops\"")).unwrap();
    assert_eq!(history(&Index::open(root.path()).unwrap()), [(1, "oops"), (2, "fail")]);
}

#[test]
fn positions_outside_of_their_tables_are_inconsistent() {
    let root = store("pf");
    let good = Index::open(root.path()).unwrap().tables;
    assert!(good.is_consistent());
    let changes: [fn(&mut Tables); 8] = [
        |tables| tables.reports[0].selection = 9,
        |tables| tables.reports[0].identities = 9,
        |tables| tables.reports.swap(0, 1),
        |tables| tables.selections[0].reverse(),
        |tables| tables.selections[0].push(9),
        |tables| tables.points[0].push(Point { report: 9, digest: 0, result: 0 }),
        |tables| tables.points[0][0].result = 9,
        |tables| _ = tables.points.pop(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut tables = good.clone();
        change(&mut tables);
        assert!(!tables.is_consistent(), "{number}");
    }
}

#[test]
fn a_report_whose_results_changed_is_a_problem() {
    let root = store("pf");
    let results = root.path().join(stamp(1)).join(RESULTS);
    fs::write(&results, fs::read_to_string(&results).unwrap().replace("N = 64", "N = 65") + " ").unwrap();
    fs::write(root.path().join(stamp(7)), "a file").unwrap();
    let index = Index::open(root.path()).unwrap();
    let problems = index.problems().iter().map(|problem| format!("{}: {}", problem.stamp, problem.why));
    let expected = [
        format!(
            "{}: results.json has changed since the report was written: its digest differs from SHA256SUMS",
            stamp(1)
        ),
        format!("{}: not a directory", stamp(7)),
    ];
    assert_eq!(problems.collect::<Vec<_>>(), expected);
    assert_eq!(index.reports().len(), 1);
}

#[cfg(unix)]
#[test]
fn an_index_that_cannot_be_written_is_still_answered() {
    let root = store("pf");
    // A directory with the name of the index can be neither read as a file nor replaced by one.
    fs::create_dir(root.path().join(INDEX)).unwrap();
    fs::write(root.path().join(INDEX).join("x"), "").unwrap();
    assert_eq!(history(&Index::open(root.path()).unwrap()), [(1, "pass"), (2, "fail")]);
}
