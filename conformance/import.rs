//! JUnit files of other test runners as evidence for the rows of a plan.
//!
//! The files in `junit/` were written by pytest 8.4 and cargo-nextest 0.9. `pytest_2025_10_17.xml` has the three red results
//! that were claimed for phase D4 on that day, with tests of the same names that end in the same way: an xfail that hides
//! NotImplementedError, and two AttributeErrors raised while a spy is installed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{fs, path::Path};

use assert_cmd::assert::Assert;
use bundleproof::value::Digest;
use place::{Place, err, out};
use rstest::rstest;
use serde_json::Value;

const STAMP: &str = "2025-10-17T112849Z";

impl Place {
    /// An empty directory with a copy of the JUnit files.
    fn with_junit() -> Self {
        let place = Self::new();
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/junit");
        for entry in fs::read_dir(files).expect("a folder") {
            let path = entry.expect("an entry").path();
            fs::copy(&path, place.path(&path.file_name().expect("a name").to_string_lossy()))
                .expect("a copy");
        }
        place
    }

    fn import(&self, file: &str, phase: &str, name: &str) -> Assert {
        self.run(&["import", file, "--plan", "phase_d4", "--phase", phase, "--impl", name])
    }

    /// The states of the rows of phase D4 on `seed` and `mended`.
    fn states(&self) -> Vec<String> {
        let pair = ["ledger", "--plan", "phase_d4", "--red", "seed", "--green", "mended", "--json"];
        let ledger: Value = serde_json::from_slice(&self.run(&pair).get_output().stdout).expect("JSON");
        let rows = ledger["rows"].as_array().expect("rows").iter();
        rows.map(|row| row["state"].as_str().expect("a state").to_owned()).collect()
    }

    /// A suite whose plan `other` has one row with these tests.
    fn suite(&self, tests: &[(&str, &str)]) {
        let test = |(selector, reason): &(&str, &str)| {
            format!("{{ selector = {selector:?}, reason = {{ {reason} }} }}")
        };
        let tests = tests.iter().map(test).collect::<Vec<_>>().join(",\n");
        self.write(
            "suite/plans/other.toml",
            &format!(
                "title = \"Other\"\n[[rows]]\nid = \"R1\"\ntask = \"Save\"\ntests = [{tests}]\nlog = \"all\"\n\
                 red = \"stub\"\ngreen = \"reference\"\nguidance = \"save\"\n"
            ),
        );
        let requirement = "[[requirements]]\nid = \"LOD-004\"\nlevel = \"MUST\"\nstatement = \"It loads.\"\n\
                           source = \"x\"\nauthority = \"spec\"\n";
        self.write("suite/requirements/loader.toml", requirement);
        fs::create_dir_all(self.path("suite/cases")).expect("a folder");
    }

    /// Imports into the plan of [`Self::suite`] and returns the result of each test.
    fn results(&self, file: &str, phase: &str) -> Vec<(String, String)> {
        let arguments = ["import", file, "--suite", "suite", "--plan", "other", "--phase", phase];
        let assert = self.run(&[&arguments[..], &["--impl", "it", "--stamp", STAMP]].concat());
        assert!(self.path("reports").join(STAMP).exists(), "{}", err(&assert));
        let log = fs::read_to_string(self.path("reports").join(STAMP).join(format!("other_{phase}_all.log")));
        let log = log.expect("a log");
        let results = log.lines().filter_map(|line| line.strip_prefix("== ")?.rsplit_once(": "));
        results.map(|(test, result)| (test.to_owned(), result.to_owned())).collect()
    }
}

#[test]
fn the_three_red_results_of_2025_10_17_are_not_proven() {
    let place = Place::with_junit();
    let assert = place.import("pytest_2025_10_17.xml", "red", "seed").code(6);
    let text = out(&assert);
    for says in [
        "red    0/3 failed as expected on seed",
        "xfail tests/torch/test_model_manager.py::TestLoadTorchBundle::test_load_round_trip_returns_model_stub on seed",
        "xfail: the loader is not implemented yet; expected raised NotImplementedError; does not count as a red result",
        "wrong_exception tests/torch/test_workflows_components.py::TestWorkflowsComponentsRun::test_run_cdi_example_persists_models",
        "has no attribute 'save_torch_bundle' (tests/torch/test_workflows_components.py:6); expected wrong_result; does not count",
        "wrong_exception tests/torch/test_workflows_components.py::TestWorkflowsComponentsRun::test_load_inference_bundle_handles_bundle",
        "D4.B1           not proven: ",
        "D4.B2           not proven: ",
    ] {
        assert!(text.contains(says), "it does not say {says}:\n{text}");
    }
    assert_eq!(place.states(), ["[ ]", "[ ]", "[P]", "[ ]", "[ ]"]);
    // They cannot make a row done either.
    place.import("pytest_green.xml", "green", "mended").code(0);
    assert_eq!(place.states()[..2], ["[ ]", "[ ]"]);
}

#[test]
fn tests_that_fail_for_their_reason_prove_a_row_and_later_pass() {
    let place = Place::with_junit();
    let text = out(&place.import("pytest_red.xml", "red", "seed").code(0));
    assert!(text.contains("red    3/3 failed as expected on seed"), "{text}");
    assert_eq!(place.states(), ["[P]", "[P]", "[P]", "[ ]", "[ ]"]);
    // An xfail does not count as a pass: the original phase was closed with one.
    place.import("pytest_2025_10_17.xml", "green", "mended").code(1);
    assert_eq!(place.states()[..2], ["[P]", "[P]"]);
    place.import("pytest_green.xml", "green", "mended").code(0);
    assert_eq!(place.states(), ["[x]", "[x]", "[x]", "[ ]", "[ ]"]);
    let pair = ["ledger", "--plan", "phase_d4", "--red", "seed", "--green", "mended", "--attempts"];
    let text = out(&place.run(&pair).code(0));
    assert!(
        text.contains("Attempt #55 - red on seed, stub: ") || text.contains("Attempt #55 - red on seed"),
        "{text}"
    );
    assert!(text.contains("imported/1_pytest_red.xml"), "{text}");
}

#[test]
fn every_result_of_pytest_but_a_failure_for_the_reason_has_a_name_of_its_own() {
    let place = Place::with_junit();
    let assertion = "kind = \"wrong_result\"";
    let expected = [
        ("test_passes", assertion, "unexpected_pass", "pass"),
        ("test_fails", assertion, "proven", "fail"),
        ("test_fails_with_words", "kind = \"wrong_result\", mentions = [\"one is not\"]", "proven", "fail"),
        ("test_chained", "kind = \"wrong_result\", mentions = [\"other words\"]", "wrong_reason", "fail"),
        ("test_skipped", assertion, "skipped", "unsupported"),
        ("test_xfail", assertion, "xfail", "xfail"),
        // pytest reports an xpass that is not strict as any passed test.
        ("test_xpass", assertion, "unexpected_pass", "pass"),
        ("test_xpass_strict", assertion, "xpass", "xpass"),
        ("test_error", assertion, "error", "error"),
        ("test_torn_down", assertion, "error", "error"),
        ("test_raises", assertion, "wrong_exception", "fail"),
        ("test_raises_in_helper", "kind = \"raised\", exception = \"OSError\"", "proven", "fail"),
        ("test_pytest_fail", assertion, "wrong_exception", "fail"),
    ];
    let selectors: Vec<String> = expected.iter().map(|(name, ..)| format!("test_all.py::{name}")).collect();
    let tests: Vec<(&str, &str)> = selectors
        .iter()
        .zip(&expected)
        .map(|(selector, (_, reason, ..))| (selector.as_str(), *reason))
        .collect();
    place.suite(&tests);
    for (phase, index) in [("red", 0), ("green", 1)] {
        let results = place.results("pytest_every_result.xml", phase);
        let wanted = selectors
            .iter()
            .zip(&expected)
            .map(|(selector, (_, _, red, green))| (selector.clone(), [*red, *green][index].to_owned()));
        assert_eq!(results, wanted.collect::<Vec<_>>(), "{phase}");
        fs::remove_dir_all(place.path("reports")).expect("the reports");
    }
}

#[test]
fn a_collection_error_leaves_its_selectors_without_a_test() {
    let place = Place::with_junit();
    place.suite(&[("test_import.py::test_x", "kind = \"wrong_result\"")]);
    let arguments = ["import", "pytest_every_result.xml", "--suite", "suite", "--plan", "other"];
    let assert = place.run(&[&arguments[..], &["--phase", "red", "--impl", "it"]].concat()).code(4);
    assert!(err(&assert).contains("R1: no test matches test_import.py::test_x"), "{}", err(&assert));
    assert!(!place.path("reports").exists(), "nothing is written");
}

#[test]
fn panics_in_a_file_of_nextest_are_assertions_or_not() {
    let place = Place::with_junit();
    place.suite(&[
        ("tiny-store::tests::saves", "kind = \"wrong_result\", mentions = [\"no file wts.h5.zip\"]"),
        (
            "tiny-store::tests::loads",
            "kind = \"raised\", exception = \"panic\", mentions = [\"not yet implemented\"]",
        ),
        ("tiny-store::tests::unwraps", "kind = \"wrong_result\""),
        ("tiny-store::tests::passes", "kind = \"wrong_result\""),
    ]);
    let results = place.results("nextest.xml", "red");
    let words: Vec<&str> = results.iter().map(|(_, result)| result.as_str()).collect();
    assert_eq!(words, ["proven", "proven", "wrong_exception", "unexpected_pass"]);
}

#[test]
fn files_and_logs_are_kept_in_a_report_that_the_other_commands_read() {
    let place = Place::with_junit();
    place.write("run.log", "3 failed\n");
    let arguments = ["import", "pytest_red.xml", "--plan", "phase_d4", "--phase", "red", "--impl", "seed"];
    place.run(&[&arguments[..], &["--log", "run.log", "--stamp", STAMP]].concat()).code(0);
    let report = place.path("reports").join(STAMP);
    let sums = fs::read_to_string(report.join("SHA256SUMS")).expect("SHA256SUMS");
    for (copy, original) in
        [("imported/1_pytest_red.xml", "pytest_red.xml"), ("imported/2_run.log", "run.log")]
    {
        let bytes = fs::read(place.path(original)).expect("a file");
        assert_eq!(fs::read(report.join(copy)).expect("a copy"), bytes);
        assert!(sums.contains(&format!("{}  {copy}\n", Digest::of(&bytes))), "{sums}");
    }
    let page = fs::read_to_string(report.join("summary.md")).expect("the summary");
    assert!(page.contains("(imported/2_run.log)"), "{page}");
    let log = fs::read_to_string(report.join("phase_d4_red_workflows.log")).expect("a log");
    assert!(
        log.contains("no file wts.h5.zip in output_dir") && log.contains("   reported:       failed"),
        "{log}"
    );
    let results: Value =
        serde_json::from_slice(&fs::read(report.join("results.json")).expect("results")).expect("JSON");
    assert_eq!(results["environment"], serde_json::json!({}), "nothing is known of the variables");

    place.import("pytest_2025_10_17.xml", "red", "seed").code(6);
    let newest = fs::read_dir(place.path("reports")).expect("a folder");
    let mut names: Vec<String> =
        newest.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let [first, second] = names.as_slice() else { panic!("{names:?}") };
    let assert = place.run(&["compare", &format!("reports/{first}"), &format!("reports/{second}")]);
    assert!(
        out(&assert).contains("test_run_cdi_example_persists_models"),
        "{}{}",
        out(&assert),
        err(&assert)
    );
    fs::write(report.join("imported/2_run.log"), "3 passed\n").expect("a file");
    let assert = place.run(&["ledger", "--plan", "phase_d4"]).code(8);
    assert!(out(&assert).contains("imported/2_run.log has changed"), "{}", out(&assert));
}

const BOMB: &str = "<!DOCTYPE t [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]><testsuites>&b;</testsuites>";

#[rstest]
#[case::not_xml("not XML", 2, "cannot import odd.xml: not JUnit")]
#[case::other_xml("<html/>", 2, "expected <testsuites> or <testsuite>, found <html>")]
#[case::bomb(BOMB, 2, "a document type declaration (<!DOCTYPE) is refused")]
#[case::cut_off("<testsuites><testsuite>", 2, "not well-formed XML at byte 23")]
#[case::without_tests("<testsuites/>", 4, "1 JUnit file without a test")]
#[case::other_tests("<testsuite><testcase name='a'/></testsuite>", 4, "D4.B1: no test matches tests/torch/")]
fn a_file_that_cannot_be_imported_is_an_error_and_leaves_nothing(
    #[case] text: &str,
    #[case] code: i32,
    #[case] says: &str,
) {
    let place = Place::with_junit();
    place.write("odd.xml", text);
    let assert = place.import("odd.xml", "red", "seed").code(code);
    assert!(err(&assert).contains(says), "{}", err(&assert));
    assert!(!place.path("reports").exists());
}

#[test]
fn missing_huge_and_special_files_are_errors() {
    let place = Place::with_junit();
    let file = fs::File::create(place.path("huge.xml")).expect("a file");
    file.set_len((64 << 20) + 1).expect("a length");
    for (file, says) in [
        ("huge.xml", "cannot import huge.xml: longer than the limit of 67108864 bytes"),
        ("gone.xml", "cannot import gone.xml: No such file"),
        (".", "cannot import .: not a regular file"),
    ] {
        let assert = place.import(file, "red", "seed").code(2);
        assert!(err(&assert).contains(says), "{}", err(&assert));
    }
}

#[test]
fn a_test_in_two_files_is_an_error() {
    let place = Place::with_junit();
    fs::copy(place.path("pytest_red.xml"), place.path("again.xml")).expect("a copy");
    let arguments = ["import", "pytest_red.xml", "again.xml", "--plan", "phase_d4", "--phase", "red"];
    let assert = place.run(&[&arguments[..], &["--impl", "seed"]].concat()).code(4);
    let says = "test_load_round_trip_returns_model_stub in again.xml and pytest_red.xml; keep one result";
    assert!(err(&assert).contains(says), "{}", err(&assert));
}
