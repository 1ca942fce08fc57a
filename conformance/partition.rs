//! A run in parts, put together again: `run --partition I/N` and `merge`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use assert_cmd::{Command, assert::Assert};
use bundleproof::harness::record::RunTimestamp;
use place::{Place, err, out};
use rstest::rstest;
use serde_json::Value;

const STAMP: &str = "2025-10-17T112849Z";

/// What may differ: what is about the machine, the time or the store.
const OF_THE_PLACE: [&str; 4] = ["SHA256SUMS", "chain.json", "durations.json", "environment.json"];

impl Place {
    /// Runs one part into a store of its own; the path of the report.
    fn part(&self, selection: &[&str], number: usize, of: usize) -> (i32, String) {
        let store = format!("part-{number}");
        let part = format!("{number}/{of}");
        let options = ["--partition", &part, "--reports", &store, "--stamp", STAMP];
        let code = code(&self.run(&[&["run"], selection, &options].concat()));
        (code, format!("{store}/{STAMP}"))
    }

    /// Runs all parts; their exit codes and reports.
    fn parts(&self, selection: &[&str], of: usize) -> (Vec<i32>, Vec<String>) {
        (1..=of).map(|number| self.part(selection, number, of)).unzip()
    }

    fn merge(&self, reports: &[String], options: &[&str]) -> Assert {
        let reports = reports.iter().map(String::as_str);
        let arguments: Vec<&str> =
            ["merge"].into_iter().chain(reports).chain(options.iter().copied()).collect();
        self.run(&arguments)
    }

    /// Runs a selection whole and in parts. The merged report must equal that of the whole run.
    fn whole_and_parts(&self, selection: &[&str], of: usize) -> Runs {
        let whole = self.run(&[&["run"], selection, &["--reports", "whole", "--stamp", STAMP]].concat());
        let (codes, reports) = self.parts(selection, of);
        let merged = self.merge(&reports, &["--reports", "merged", "--stamp", STAMP]);
        assert_eq!(code(&merged), code(&whole), "{}{}", out(&merged), err(&merged));
        // Except for the path of the report.
        assert_eq!(out(&merged).replace("merged/", "whole/"), out(&whole));
        same_files(&self.path("whole").join(STAMP), &self.path("merged").join(STAMP));
        Runs { code: code(&whole), codes }
    }
}

/// The exit codes of the whole run and of its parts.
struct Runs {
    code: i32,
    codes: Vec<i32>,
}

fn code(assert: &Assert) -> i32 {
    assert.get_output().status.code().expect("an exit code")
}

fn files(report: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(report).expect("a report").map(|entry| entry.expect("a file").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    entries.map(|path| (name(&path), fs::read(&path).expect("a file"))).collect()
}

/// `junit.xml` without the values of its attributes `time`.
fn without_times(xml: &[u8]) -> String {
    let text = String::from_utf8_lossy(xml);
    let mut parts = text.split(" time=\"");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(part.split_once('"').map_or(part, |(_, rest)| rest));
    }
    shown
}

fn same_files(whole: &Path, merged: &Path) {
    let (mut whole, mut merged) = (files(whole), files(merged));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&merged));
    for files in [&mut whole, &mut merged] {
        let junit = files.remove("junit.xml").expect("junit.xml");
        assert!(junit.windows(7).any(|window| window == b" time=\""));
        files.insert("junit.xml".to_owned(), without_times(&junit).into_bytes());
        let mut durations = json(&files["durations.json"]);
        for check in durations["checks"].as_array_mut().expect("checks") {
            check["milliseconds"] = Value::Null;
        }
        files.insert("durations.json".to_owned(), durations.to_string().into_bytes());
        // Each part tries the faulty variants on checks of its own.
        let mut results = json(&files["results.json"]);
        for variant in results["control"]["variants"].as_array_mut().into_iter().flatten() {
            if let Some(check) = variant["result"].get_mut("noticed") {
                assert!(check.take().is_string());
            }
        }
        files.insert("results.json".to_owned(), results.to_string().into_bytes());
    }
    for (name, bytes) in &whole {
        let is_of_the_place = OF_THE_PLACE.contains(&name.as_str()) && name != "durations.json";
        assert!(is_of_the_place || merged.get(name) == Some(bytes), "{name} differs");
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

const SELECTION: [&str; 4] = ["--area", "params", "--area", "roundtrip"];

#[rstest]
#[case::one(&SELECTION, 1)]
#[case::several(&SELECTION, 3)]
#[case::some_without_a_check(&["--case", "roundtrip/networks_come_back", "--phase", "green"], 6)]
fn the_parts_of_a_run_are_merged_into_the_report_of_the_whole(#[case] selection: &[&str], #[case] of: usize) {
    let runs = Place::new().whole_and_parts(selection, of);
    assert_eq!(runs.code, 0);
    assert_eq!(runs.codes, vec![0; of]);
}

#[test]
fn both_phases_of_a_plan_are_merged() {
    assert_eq!(Place::new().whole_and_parts(&["--plan", "phase_d4"], 3).code, 0);
}

#[test]
fn a_failing_check_fails_its_part_and_the_merged_run() {
    let selection = ["--impl", "lists_models_backwards", "--area", "bundle", "--area", "params"];
    let runs = Place::new().whole_and_parts(&selection, 5);
    assert_eq!(runs.code, 1);
    assert!(runs.codes.contains(&0) && runs.codes.contains(&1), "{:?}", runs.codes);
}

#[test]
fn a_limit_of_unsupported_checks_is_about_the_whole_run() {
    let selection =
        ["--area", "execution", "--area", "params", "--phase", "green", "--max-unsupported", "10"];
    let runs = Place::new().whole_and_parts(&selection, 3);
    assert_eq!((runs.code, runs.codes), (1, vec![0; 3]));
}

#[test]
fn a_part_of_unsupported_checks_alone_does_not_fail_and_the_whole_does() {
    let runs = Place::new().whole_and_parts(&["--area", "execution", "--phase", "green"], 3);
    assert_eq!((runs.code, runs.codes), (1, vec![0; 3]));
}

/// The file of a mutant behind the protocol, with these known failures.
fn adapter(place: &Place, known: &str) {
    let program = program::path().display().to_string();
    let launch =
        format!("[launch]\ncommand = [{program:?}, \"serve\", \"--impl\", \"lists_models_backwards\"]\n");
    fs::write(place.path("mine.toml"), launch + known).expect("a file");
}

fn known(what: &str, reason: &str) -> String {
    format!(
        "\n[[known]]\n{what}\nreason = {reason:?}\nwhy = \"an old bug\"\nowner = \"https://example.org/7\"\n\
         expires = \"2999-01-01\"\n"
    )
}

#[rstest]
#[case::nothing_known("", 1)]
#[case::all_known(&known("case = \"bundle/manifest_lists_the_models_in_order\"", "autoencoder"), 0)]
#[case::by_requirement(&known("requirement = \"BUN-003\"", "autoencoder"), 0)]
#[case::stale(
    &(known("case = \"bundle/manifest_lists_the_models_in_order\"", "autoencoder") + &known("case = \"gone/case\"", "autoencoder")),
    1
)]
#[case::no_longer_broken(
    &(known("case = \"bundle/manifest_lists_the_models_in_order\"", "autoencoder") + &known("requirement = \"BUN-004\"", "autoencoder")),
    1
)]
fn known_failures_of_an_adapter_are_judged_as_in_the_whole_run(#[case] file: &str, #[case] ends: i32) {
    let place = Place::new();
    adapter(&place, file);
    // All of a suite, so that an entry that matches no check is stale.
    small_suite(&place, &["bundle"]);
    let runs = place.whole_and_parts(&["--suite", "suite", "--impl", "mine.toml"], 3);
    assert_eq!(runs.code, ends);
    // Only the part of the failing check can fail: entries about other parts are no problem.
    let failing = runs.codes.iter().filter(|code| **code != 0).count();
    assert_eq!(failing, usize::from(file.is_empty()), "{:?}", runs.codes);
}

#[test]
fn unproven_cases_are_those_of_all_parts() {
    let place = Place::new();
    small_suite(&place, &["params", "execution"]);
    // Without it no case is proven.
    fs::remove_file(place.path("suite/proven.toml")).expect("a file");
    let selection = ["--suite", "suite", "--area", "params", "--impl", "reference"];
    assert_eq!(place.whole_and_parts(&selection, 3).code, 6);
    // The red runs of `execution` need PyTorch, so some parts have no red runs. The run has some.
    let selection = ["--suite", "suite", "--case", "execution/*", "--case", "params/missing_key_is_refused"];
    let runs = beside(&place).whole_and_parts(&selection, 3);
    assert_eq!((runs.code, runs.codes), (0, vec![0; 3]));
}

/// Copies the suite with the cases of these areas.
fn small_suite(place: &Place, areas: &[&str]) {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle");
    let is_of_areas = |file: &Path| {
        let mut areas = areas.iter().map(|area| Path::new("cases").join(area));
        !file.starts_with("cases") || areas.any(|area| file.starts_with(area))
    };
    for file in files_below(&suite).into_iter().filter(|file| is_of_areas(file) && !file.starts_with("plans"))
    {
        let to = place.path("suite").join(&file);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(suite.join(&file), to).expect("a copy");
    }
    std::os::unix::fs::symlink(suite.join("../../fixtures"), place.path("fixtures")).expect("a link");
}

/// Another directory with the same suite.
fn beside(place: &Place) -> Place {
    let other = Place::new();
    for name in ["suite", "fixtures"] {
        std::os::unix::fs::symlink(place.path(name), other.path(name)).expect("a link");
    }
    other
}

/// The files below a directory, by relative path.
fn files_below(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top.join(&folder)).expect("a folder") {
            let name = folder.join(entry.expect("an entry").file_name());
            if top.join(&name).is_dir() { folders.push(name) } else { found.push(name) }
        }
    }
    found
}

#[test]
fn an_empty_part_is_a_report_that_says_so() {
    let place = Place::new();
    let selection = ["--case", "params/missing_key_is_refused", "--phase", "green"];
    let (codes, reports) = place.parts(&selection, 3);
    assert_eq!(codes, [0; 3]);
    let planned = |report: &String| {
        let inventory = json(&fs::read(place.path(report).join("inventory.json")).expect("a file"));
        inventory["checks"].as_array().expect("checks").len()
    };
    let mut planned: Vec<usize> = reports.iter().map(planned).collect();
    planned.sort_unstable();
    assert_eq!(planned, [0, 0, 1]);
    let said = (1..=3).map(|number| {
        let part = format!("{number}/3");
        out(&place
            .run(&[&["run", "--partition", &part, "--reports", "again"], &selection[..]].concat())
            .code(0))
    });
    let empty = said.filter(|said| said.contains("\nThis part has no checks.\n")).count();
    assert_eq!(empty, 2);
    let empty = reports.iter().find(|report| !place.path(report).join("green_params.log").exists());
    let summary = fs::read_to_string(place.path(empty.expect("an empty part")).join("summary.md"));
    let summary = summary.expect("summary.md");
    assert!(summary.contains(": 0 of 1 planned check"), "{summary}");
    assert!(summary.contains("--partition "), "{summary}");
}

#[rstest]
#[case("0/3")]
#[case("4/3")]
#[case("x")]
fn a_part_that_cannot_be_is_a_usage_error(#[case] part: &str) {
    let place = Place::new();
    let said = err(&place.run(&["run", "--partition", part]).code(2));
    assert!(said.contains("expected I/N with I from 1 to N, such as 2/3"), "{said}");
    assert!(!place.path("reports").exists());
}

/// Reports that are not the parts of one run: options of the second part, and what is said.
#[rstest]
#[case::selection(&["--area", "roundtrip"], "selection [\"--area roundtrip\"]; expected [\"--area params\"]")]
#[case::implementation(&["--area", "params", "--impl", "stub"], "selection [\"--area params\",\"--impl stub\"]; expected [\"--area params\"]")]
#[case::limit(&["--area", "params", "--max-unsupported", "3"], "--max-unsupported 3; expected none")]
#[case::plan(&["--plan", "phase_d4"], "plan {")]
fn parts_of_different_runs_are_not_merged(#[case] other: &[&str], #[case] says: &str) {
    let place = Place::new();
    let reports = [place.part(&["--area", "params"], 1, 2).1, place.part(other, 2, 2).1];
    refused(&place, &reports, 2, &format!("cannot merge the reports: part-2/{STAMP}: {says}"));
}

#[test]
fn parts_with_another_suite_or_environment_are_not_merged() {
    let place = Place::new();
    let reports = place.parts(&["--area", "params"], 2).1;
    let store = ["--partition", "2/2", "--reports", "other", "--stamp", STAMP];
    let mut program = Command::new(program::path());
    let program = program.current_dir(place.path("")).args(["run", "--area", "params"]).args(store);
    program.env("TZ", "Antarctica/Troll").assert().code(0);
    let other = [reports[0].clone(), format!("other/{STAMP}")];
    refused(&place, &other, 2, "environment.json: variables {\"");
}

#[test]
fn each_part_is_merged_exactly_once() {
    let place = Place::new();
    let (_, reports) = place.parts(&["--area", "params"], 3);
    refused(&place, &reports[..2], 2, "missing part 3/3");
    refused(&place, &reports[1..2], 2, "missing parts 1/3, 3/3");
    let twice = [reports.clone(), vec![reports[1].clone()]].concat();
    let says = format!("part 2/3 is given twice: {0} and {0}", reports[1]);
    refused(&place, &twice, 2, &says);
    let of_four = place.part(&["--area", "params"], 4, 4).1;
    let says = format!("{of_four}: part 4/4; expected a part of 3, as {} is part 1/3", reports[0]);
    refused(&place, &[reports.clone(), vec![of_four]].concat(), 2, &says);
}

#[test]
fn a_report_that_is_not_a_part_is_not_merged() {
    let place = Place::new();
    place.run(&["run", "--area", "params", "--reports", "whole", "--stamp", STAMP]).code(0);
    let reports = [place.part(&["--area", "params"], 1, 2).1, format!("whole/{STAMP}")];
    let says = format!("whole/{STAMP}: not a partition; expected the report of `run --partition I/N`");
    refused(&place, &reports, 2, &says);
    refused(&place, &["nowhere".to_owned()], 2, "cannot use report nowhere");
}

#[test]
fn a_damaged_part_is_not_merged() {
    let place = Place::new();
    let (_, reports) = place.parts(&["--area", "params"], 2);
    let log = place.path(&reports[1]).join("summary.md");
    fs::write(&log, fs::read_to_string(&log).expect("a file") + "\n").expect("a file");
    refused(&place, &reports, 8, &format!("cannot use report part-2/{STAMP}: summary.md has changed"));
}

/// Nothing is left behind.
fn refused(place: &Place, reports: &[String], ends: i32, says: &str) {
    let said = err(&place.merge(reports, &["--reports", "refused"]).code(ends));
    assert!(said.contains(says), "{said}");
    assert!(!place.path("refused").exists());
}

#[test]
fn a_merged_report_is_verified_and_lasts_from_the_first_part_to_the_merge() {
    let place = Place::new();
    let selection = ["--plan", "phase_d4", "--phase", "red"];
    let (_, reports) = place.parts(&selection, 2);
    let chain = |report: &Path| json(&fs::read(report.join("chain.json")).expect("chain.json"));
    let parts: Vec<Value> = reports.iter().map(|report| chain(&place.path(report))).collect();
    let all = |key: &str| parts.iter().map(|part| part[key].as_str().expect("a time")).collect::<Vec<_>>();
    // Times are in seconds, so the merge begins in a second of its own.
    let merging = loop {
        let now = RunTimestamp::now().rfc3339();
        if all("ended").into_iter().all(|ended| ended < now.as_str()) {
            break now;
        }
        thread::sleep(Duration::from_millis(20));
    };
    place.merge(&reports, &["--reports", "merged"]).code(0);
    let merged_by = RunTimestamp::now().rfc3339();
    let ledger = out(&place.run(&["ledger", "--plan", "phase_d4", "--reports", "merged"]).code(0));
    assert!(ledger.contains("[P]"), "{ledger}");
    let merged = fs::read_dir(place.path("merged")).expect("a store").next().expect("a report");
    let merged = merged.expect("a report").path();
    let merged = chain(&merged);
    assert_eq!(merged["started"].as_str(), all("started").into_iter().min());
    let ended = merged["ended"].as_str().expect("a time");
    assert!((merging.as_str()..=merged_by.as_str()).contains(&ended), "{merging} {ended} {merged_by}");
    assert_eq!(merged["stamp_given"], false);
}

#[test]
fn a_merge_prints_json_with_the_exit_code_of_the_run() {
    let place = Place::new();
    let selection = ["--impl", "never_persists", "--case", "orchestration/workflow_persists_models"];
    let (_, reports) = place.parts(&selection, 2);
    let printed = out(&place.merge(&reports, &["--json"]).code(1));
    let printed = json(printed.as_bytes());
    assert_eq!((printed["exit"].as_u64(), printed["partition"].is_null()), (Some(1), true), "{printed:#}");
}
