//! The reports in `reports/baseline/`, made at a release: they are whole, and nothing has regressed since.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use bundleproof::harness::{
    record::RunRecord,
    runner::Phase,
    store::{Report, Store},
};
use rstest::rstest;

const MAKE: &str = "`.ci/baseline` makes the reports again";

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/baseline")
}

/// The red and the green report.
fn reports() -> [Report; 2] {
    let store = Store::open(&baseline()).expect(MAKE);
    assert!(store.damaged.is_empty(), "{:?}; {MAKE}", store.damaged);
    assert!(store.unfinished.is_empty(), "{:?}; {MAKE}", store.unfinished);
    store.reports.try_into().expect("one red and one green report")
}

#[test]
fn the_baseline_is_one_red_and_one_green_report_without_an_unexpected_result() {
    let [red, green] = reports();
    assert_eq!(
        (red.run.phases.as_slice(), green.run.phases.as_slice()),
        (&[Phase::Red][..], &[Phase::Green][..])
    );
    assert_eq!(red.run.counts(Phase::Red).unexpected(), 0);
    let others: Vec<&str> =
        green.run.outcomes.iter().map(|own| own.result_name()).filter(|own| *own != "pass").collect();
    assert!(others.iter().all(|result| *result == "unsupported"), "{others:?}");
    let is_of_reference = |run: &RunRecord| run.outcomes.iter().all(|own| own.implementation == "reference");
    assert!(is_of_reference(&green.run));
}

#[rstest]
#[case::red(0, &["--plan", "phase_d4", "--phase", "red"])]
#[case::green(1, &["--phase", "green"])]
fn nothing_has_regressed_since_the_baseline(#[case] number: usize, #[case] options: &[&str]) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let fresh = place.path().join("fresh").display().to_string();
    let program = || Command::new(program::path());
    _ = program().arg("run").args(options).args(["--reports", &fresh]).assert();
    let base = baseline().join(reports()[number].stamp().to_string());
    // Exits with 5 on a regression, and then shows it. A case that was removed needs a new baseline.
    program().arg("compare").arg(base).arg(&fresh).assert().success();
}
