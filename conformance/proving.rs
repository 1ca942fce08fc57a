//! `prove` on suites that are not as good as they look.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};
use rstest::rstest;
use tempfile::TempDir;

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/bundle");

/// A copy of the suite with this one case, and an empty directory around it.
struct Copy(TempDir);

impl Copy {
    fn of(case: &str) -> Self {
        let copy = Self(tempfile::tempdir().expect("a temporary directory"));
        let suite = copy.suite();
        let folder = suite.join("cases").join(case).parent().expect("an area").to_owned();
        fs::create_dir_all(folder).expect("a folder");
        for folder in ["requirements", "mutants"] {
            fs::create_dir(suite.join(folder)).expect("a folder");
            for file in fs::read_dir(Path::new(SUITE).join(folder)).expect("a folder of the suite") {
                let file = file.expect("a file");
                fs::copy(file.path(), suite.join(folder).join(file.file_name())).expect("a copy");
            }
        }
        for file in ["configs.toml", "variants.toml", "proven.toml", &format!("cases/{case}.toml")] {
            fs::copy(Path::new(SUITE).join(file), suite.join(file)).expect("a copy");
        }
        let fixtures = Path::new(SUITE).join("../../fixtures");
        std::os::unix::fs::symlink(fixtures, copy.0.path().join("fixtures")).expect("a link");
        copy
    }

    fn suite(&self) -> PathBuf {
        self.0.path().join("suite")
    }

    /// Changes the text of a case, which must have it.
    fn edit(&self, case: &str, from: &str, to: &str) {
        let file = self.suite().join(format!("cases/{case}.toml"));
        let text = fs::read_to_string(&file).expect("a case");
        assert!(text.contains(from), "{case} does not say {from}");
        fs::write(&file, text.replacen(from, to, 1)).expect("a file");
    }

    /// Removes the red entries of an expectation, but for the first of the case if all are about it.
    fn trim_red_entries(&self, case: &str, expectation: &str) {
        let file = self.suite().join(format!("cases/{case}.toml"));
        let text = fs::read_to_string(&file).expect("a case");
        let is_about = |entry: &&str| entry.contains(&format!("fails = \"{expectation}\""));
        let mut parts = text.split("[[red]]");
        let head = parts.next().expect("a head").to_owned();
        let kept: Vec<&str> = parts.filter(|entry| !is_about(entry)).collect();
        assert!(!kept.is_empty(), "{case} has no other red entries than those of {expectation}");
        fs::write(&file, kept.iter().fold(head, |text, entry| text + "[[red]]" + entry)).expect("a file");
    }

    fn prove(&self, arguments: &[&str]) -> Assert {
        let mut program = Command::new(program::path());
        program.current_dir(self.0.path()).args(["prove", "--suite", "suite"]).args(arguments).assert()
    }
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

#[test]
fn a_case_that_is_as_it_was_proven_is_proven_again_and_the_matrix_says_by_what() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let text = out(&copy.prove(&["--case", case, "--check"]).code(0));
    assert!(text.contains("\nproven: 1 check of 1 case with "), "{text}");
    assert!(text.contains("proven.toml: no differences\n"), "{text}");
    let report = text.lines().find_map(|line| line.strip_prefix("Report: ")).expect("a report");
    let report = copy.0.path().join(report);
    let matrix = fs::read_to_string(report.join("matrix.md")).expect("the matrix");
    let row = matrix.lines().find(|line| line.starts_with("| `bundle/save_tags_the_backend` | `tagged` | "));
    assert!(row.is_some_and(|row| row.contains("`writes_no_backend_tag`")), "{matrix}");
    let matrix: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(report.join("matrix.json")).expect("the matrix"))
            .expect("JSON");
    let fails_on = matrix["checks"][0]["expectations"][0]["fails_on"].as_array().expect("names");
    assert!(fails_on.iter().any(|name| name == "writes_no_backend_tag"), "{fails_on:?}");
    let sums = fs::read_to_string(report.join("SHA256SUMS")).expect("SHA256SUMS");
    assert!(sums.contains("  matrix.json\n") && sums.contains("  results.json\n"), "{sums}");
}

/// Each of these makes an expectation weaker than it was, so that it holds whatever an implementation does, or
/// does not fail any more where its case says that it fails.
#[rstest]
#[case(
    "bundle/save_tags_the_backend",
    r#"equal = ["$archive.backend", "pytorch"]"#,
    r#"not_equal = ["$archive.backend", "jax"]"#,
    "expected tagged to fail on writes_no_backend_tag, found unexpected_pass"
)]
#[case(
    "bundle/save_writes_one_archive",
    r#"files = { under = "$work", are = ["${file}"] }"#,
    r#"not_equal = ["${file}", "$archive.backend"]"#,
    "only_the_archive no longer fails on leaves_a_backup, leaves_a_file_in_its_directory, leaves_a_temporary_file"
)]
#[case(
    "bundle/refused_save_keeps_the_old_archive",
    r#"bytes = ["$work/out/wts.h5.zip", "$work/before.zip"]"#,
    r#"exists = "$work/out/wts.h5.zip""#,
    "archive_intact of bundle/refused_save_keeps_the_old_archive[one_role] never failed on any mutant"
)]
#[case(
    "loader/missing_archive_is_named",
    r#"refused = { kind = "not_found" }"#,
    "refused = {}",
    "expected is_refused to fail on calls_a_missing_archive_malformed, found unexpected_pass"
)]
#[case(
    "loader/missing_archive_is_named",
    r#"mentions = ["nowhere/wts.h5.zip"]"#,
    r#"matches = "f""#,
    "expected names_the_archive to fail on hides_which_archive_is_missing, found unexpected_pass"
)]
#[case(
    "loader/missing_archive_is_named",
    r#"unchanged = "$params""#,
    r#"missing_keys = ["$params", ["my_key"]]"#,
    "expectation params_unchanged of loader/missing_archive_is_named never failed on any mutant"
)]
#[case(
    "loader/lost_entries_are_refused",
    r#"mentions = "${mentions}""#,
    r#"mentions = ["wts"]"#,
    "the example"
)]
#[case(
    "loader/params_are_restored",
    r#"equal = ["$params.my_key", "kept"]"#,
    r#"not_equal = ["$params.gridsize", 99]"#,
    "unrelated_keys_survive"
)]
#[case(
    "roundtrip/networks_come_back",
    r#"equal = ["$loaded.models", "$saved"]"#,
    r#"not_equal = ["$loaded.models", {}]"#,
    "expected returns_saved_models to fail on loads_a_fresh_network, found wrong_expectation"
)]
#[case(
    "orchestration/workflow_persists_models",
    r#"equal = ["$archive.models", "$run.models"]"#,
    r#"exists = "$work/out/wts.h5.zip""#,
    "expected archive_holds_trained_models to fail on saves_the_untrained_state, found wrong_expectation"
)]
#[case(
    "params/odd_values_are_refused",
    r#"unchanged = "$params""#,
    r#"not_equal = ["$params", {}]"#,
    "keeps_nothing"
)]
#[case(
    "config/bridge_skips_none",
    r#"subset = [{ n_subsample = 5, my_key"#,
    r#"subset = [{ my_key"#,
    "expected old_value_survives to fail on"
)]
#[case(
    "dataset/arrays_are_read_as_numpy_wrote_them",
    r#"subset = ["$data.arrays", "$sidecar.arrays"]"#,
    r#"not_equal = ["$data.arrays", {}]"#,
    "expected reads_what_is_there to fail on swaps_the_coordinates, found wrong_expectation"
)]
fn a_weakened_expectation_is_named(
    #[case] case: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &str,
) {
    let copy = Copy::of(case);
    copy.edit(case, from, to);
    let assert = copy.prove(&["--case", case]);
    // An example whose field is used nowhere any more is found when the case is read.
    if says == "the example" {
        let error = String::from_utf8_lossy(&assert.code(3).get_output().stderr).into_owned();
        assert!(error.contains("unused example field \"mentions\""), "{error}");
        return;
    }
    let text = out(&assert.code(6));
    assert!(text.contains(says) && text.contains(case), "{text}");
    assert!(text.contains("not proven: "), "{text}");
}

/// Each of these drops a part that a mutant needs, and every red entry that would show it.
#[rstest]
#[case(
    "loader/params_are_restored",
    r#"equal = ["$params.my_key", "kept"]"#,
    r#"missing_keys = ["$params", ["your_key"]]"#,
    "unrelated_keys_survive"
)]
#[case(
    "orchestration/workflow_persists_models",
    r#"equal = ["$archive.models", "$run.models"]"#,
    r#"not_equal = ["$archive.models", 1]"#,
    "archive_holds_trained_models"
)]
fn a_weakened_expectation_without_its_red_entries_is_named_by_what_it_lost(
    #[case] case: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] expectation: &str,
) {
    let copy = Copy::of(case);
    copy.edit(case, from, to);
    copy.trim_red_entries(case, expectation);
    let text = out(&copy.prove(&["--case", case]).code(6));
    let lost = format!("lost: case {case} has changed: {expectation} no longer fails on ");
    assert!(text.contains(&lost) && text.contains("accept it with --accept-lost"), "{text}");
    let accepted = out(&copy.prove(&["--case", case, "--accept-lost"]));
    assert!(accepted.contains(&lost) && !accepted.contains("accept it with"), "{accepted}");
    let json = out(&copy.prove(&["--case", case, "--json"]).code(6));
    let told: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(told["lost"][0]["loss"], "case_changed", "{json}");
    assert_eq!(told["lost"][0]["expectation"], expectation, "{json}");
}

#[test]
fn a_renamed_case_and_a_renamed_expectation_have_lost_nothing() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let folder = copy.suite().join("cases/bundle");
    fs::rename(folder.join("save_tags_the_backend.toml"), folder.join("the_tag_is_there.toml"))
        .expect("a move");
    let other = "bundle/the_tag_is_there";
    let text = out(&copy.prove(&["--case", other]).code(0));
    assert!(text.contains(&format!("renamed: case {case} was renamed to {other}\n")), "{text}");
    assert!(!text.contains("lost"), "{text}");
    copy.edit(other, "expect.tagged", "expect.has_a_tag");
    let file = folder.join("the_tag_is_there.toml");
    let renamed = fs::read_to_string(&file).expect("a case").replace("\"tagged\"", "\"has_a_tag\"");
    fs::write(&file, renamed).expect("a file");
    let text = out(&copy.prove(&["--case", other]).code(0));
    assert!(text.contains(&format!("case {case} was changed and renamed to {other}")), "{text}");
    assert!(text.contains(&format!("expectation tagged of {other} was renamed to has_a_tag")), "{text}");
}

#[test]
fn a_part_of_an_expectation_that_nothing_needs_is_named_with_its_place() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let text = out(&copy.prove(&["--case", case, "--weaken"]).code(0));
    assert!(text.contains(" parts of expectations are needed, "), "{text}");
    // A second side that is the same by construction, so nothing can tell that it is there.
    copy.edit(
        case,
        r#"equal = ["$archive.backend", "pytorch"]"#,
        r#"equal = [{ tag = "$archive.backend", own = 1 }, { tag = "pytorch", own = 1 }]"#,
    );
    let text = out(&copy.prove(&["--case", case, "--weaken"]).code(6));
    let named = |part: &str| {
        text.lines().any(|line| {
            line.starts_with(&format!("cases/{case}.toml:"))
                && line.ends_with(&format!("tagged finds as much without {part}"))
        })
    };
    assert!(named("equal[1].own") && !named("equal[1].tag"), "{text}");
    let json = out(&copy.prove(&["--case", case, "--weaken", "--json"]).code(6));
    let told: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let unneeded = told["weakened"]["unneeded"].as_array().expect("parts");
    assert!(unneeded.iter().any(|part| part["weaker"] == "without equal[1].own"), "{json}");
}

/// The part needs a fault that no mutant has: `prove --weaken` finds one, and the proof keeps it.
#[test]
fn a_changed_case_must_still_fail_on_the_observations_that_it_was_needed_for() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let file = copy.suite().join("proven.toml");
    let text = fs::read_to_string(&file).expect("proven.toml");
    let recorded = |fault: &str| format!("[cases.\"{case}\".observations]\ntagged = [\"{fault}\"]");
    let (found, other) = ("save_torch_bundle: file */backend changed", "save_torch_bundle: no such fault");
    assert!(text.contains(&recorded(found)), "{text}");
    fs::write(&file, text.replace(&recorded(found), &recorded(other))).expect("a file");
    out(&copy.prove(&["--case", case]).code(0));
    copy.edit(case, "seed = 1", "seed = 2");
    let text = out(&copy.prove(&["--case", case]).code(6));
    let lost =
        format!("lost: case {case} has changed: tagged no longer fails on save_torch_bundle: no such fault");
    assert!(text.contains(&lost), "{text}");
}

/// Of a list only one item at a time may be wrong, and a process may begin otherwise: no mutant does either.
#[rstest]
#[case::items("params/padded_size_is_derived")]
#[case::start("params/new_process_has_defaults")]
#[case::file("bundle/every_model_has_its_params")]
fn a_part_is_needed_by_a_fault_of_what_it_is_compared_with(#[case] case: &str) {
    let text = out(&Copy::of(case).prove(&["--case", case, "--weaken"]).code(0));
    let parts =
        text.lines().find(|line| line.contains(" parts of expectations are needed, ")).expect("parts");
    assert!(!parts.ends_with(" and 0 by observations"), "{parts}");
}

#[test]
fn a_proof_that_cannot_be_read_is_not_passed_over() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    fs::write(copy.suite().join("proven.toml"), "[cases]\n[cases]\n").expect("a file");
    let text = out(&copy.prove(&["--case", case]).code(6));
    assert!(text.contains("cannot read proven.toml: "), "{text}");
}

#[test]
fn a_case_whose_set_up_fails_on_everything_proves_nothing() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    copy.edit(case, "[[steps]]", "[[steps]]\ndo.load_torch_bundle = { base_path = \"$work/nowhere/wts.h5\", as = \"nothing\" }\n\n[[steps]]");
    let text = out(&copy.prove(&["--case", case]).code(6));
    assert!(text.contains("does not pass on the reference: fail"), "{text}");
    assert!(text.contains("expected tagged to fail on writes_no_backend_tag, found set_up_error"), "{text}");
    assert!(
        text.contains("expectation tagged of bundle/save_tags_the_backend never failed on any mutant"),
        "{text}"
    );
}

#[test]
fn a_case_about_another_requirement_than_it_kills_is_named() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    copy.edit(case, "BUN-004", "BUN-009");
    let text = out(&copy.prove(&["--case", case]).code(6));
    assert!(text.contains("bundle/save_tags_the_backend kills no mutant that breaks BUN-009"), "{text}");
}

#[test]
fn a_suite_without_most_of_its_cases_names_mutants_that_survive_and_requirements_without_a_case() {
    let copy = Copy::of("bundle/save_tags_the_backend");
    let text = out(&copy.prove(&[]).code(6));
    for says in [
        "mutant never_restores_params, which breaks LOD-004, survives",
        " more in matrix.md of the report",
        "not proven: 1 check of 1 case",
    ] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
    let report = text.lines().find_map(|line| line.strip_prefix("Report: ")).expect("a report");
    let page = fs::read_to_string(copy.0.path().join(report).join("matrix.md")).expect("the matrix");
    let only_others = "mutant writes_another_version, which breaks BUN-003, is killed only by checks about other requirements";
    assert!(page.contains(only_others), "{page}");
    let json = out(&copy.prove(&["--json"]).code(6));
    let told: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let problems = told["problems"].as_array().expect("problems");
    let unproven = |problem: &&serde_json::Value| {
        problem["problem"] == "unproven" && problem["requirement"] == "ORC-001"
    };
    assert!(problems.iter().any(|problem| unproven(&problem)), "{json}");
    assert_eq!(told["proven"], false);
}

#[test]
fn a_proof_that_is_out_of_date_is_told_by_the_case_that_changed() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    // The case is as good as before, and it is another one.
    copy.edit(case, "seed = 1", "seed = 2");
    let told = out(&copy.prove(&["--case", case, "--check"]).code(6));
    assert!(told.contains(&format!("proven.toml is out of date: case {case} has changed")), "{told}");
    let told = out(&copy.prove(&["--case", case]).code(0));
    assert!(!told.contains("out of date"), "{told}");
}

#[test]
fn a_mutant_that_changed_is_told_by_what_it_does_otherwise() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let file = copy.suite().join("proven.toml");
    let text = fs::read_to_string(&file).expect("proven.toml");
    let other = text.replacen("\"writes_no_backend_tag\"]", "\"keeps_the_old_archive\"]", 1);
    assert_ne!(text, other);
    fs::write(&file, other).expect("a file");
    let told = out(&copy.prove(&["--case", case, "--check"]).code(6));
    let lost = format!(
        "lost: tagged of {case} no longer fails on keeps_the_old_archive, and the case has not changed"
    );
    assert!(told.contains("mutant writes_no_backend_tag changed: tagged of"), "{told}");
    assert!(told.contains(&lost), "{told}");
    let told = out(&copy.prove(&["--case", case, "--recorded"]).code(6));
    assert!(told.contains(&lost), "{told}");
}

#[test]
fn the_recorded_runs_prove_what_all_of_them_prove() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let counts = |arguments: &[&str], code: i32| -> serde_json::Value {
        let told = out(&copy.prove(&[&["--case", case, "--json"], arguments].concat()).code(code));
        serde_json::from_str::<serde_json::Value>(&told).expect("JSON")["counts"].take()
    };
    let runs = |counts: &mut serde_json::Value| counts["runs"].take().as_u64().expect("a number");
    let mut all = counts(&["--check"], 0);
    let mut recorded = counts(&["--recorded"], 0);
    let (of_all, of_recorded) = (runs(&mut all), runs(&mut recorded));
    assert!(of_recorded * 4 < of_all, "{of_recorded} of {of_all}");
    assert_eq!(recorded, all);
    // Of a case that has changed, nothing is recorded.
    copy.edit(case, "seed = 1", "seed = 2");
    assert_eq!(counts(&["--recorded"], 6)["runs"], of_all);
    // Nor is it of a mutant that breaks something else.
    copy.edit(case, "seed = 2", "seed = 1");
    let file = copy.suite().join("proven.toml");
    let text = fs::read_to_string(&file).expect("proven.toml");
    let other = text.replacen("\nwarns_once = \"CFG-023\"", "\nwarns_once = \"CFG-006\"", 1);
    assert_ne!(text, other);
    fs::write(&file, other).expect("a file");
    assert_eq!(counts(&["--recorded"], 6)["runs"], of_recorded + 1);
    // The file is never written.
    assert_ne!(fs::read_to_string(&file).expect("proven.toml"), text);
}

#[test]
fn a_run_marks_the_cases_that_are_not_proven_as_they_are() {
    let case = "bundle/save_tags_the_backend";
    let copy = Copy::of(case);
    let run = || {
        let mut program = Command::new(program::path());
        program.current_dir(copy.0.path()).args(["run", "--suite", "suite", "--impl", "reference"]).assert()
    };
    let text = out(&run().code(0));
    assert!(!text.contains("unproven"), "{text}");
    copy.edit(case, "seed = 1", "seed = 2");
    let text = out(&run().code(6));
    assert!(
        text.contains(&format!("unproven: no current proof that these cases can fail: {case}")),
        "{text}"
    );
    let report = text.lines().find_map(|line| line.strip_prefix("Report: ")).expect("a report");
    let results = fs::read_to_string(copy.0.path().join(report).join("results.json")).expect("results");
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["unproven"][0], case);
}

#[test]
#[cfg(not(feature = "torch"))]
fn what_was_proven_of_a_case_that_needs_torch_stands_until_it_is_changed() {
    let (executed, other) = ("execution/inputs_must_fit", "bundle/save_tags_the_backend");
    let copy = Copy::of(executed);
    let folder = copy.suite().join("cases/bundle");
    fs::create_dir(&folder).expect("a folder");
    let from = Path::new(SUITE).join(format!("cases/{other}.toml"));
    fs::copy(from, copy.suite().join(format!("cases/{other}.toml"))).expect("a copy");
    let both = ["--case", executed, "--case", other, "--check"];

    let text = out(&copy.prove(&both).code(0));
    assert!(
        text.contains("\nskipped 2 checks: PyTorch is not available\nproven: 1 check of 1 case"),
        "{text}"
    );
    copy.edit(executed, "seed = 11", "seed = 12");
    let text = out(&copy.prove(&both).code(6));
    assert!(
        text.contains(&format!("case {executed} is new or changed; proving it requires PyTorch")),
        "{text}"
    );
    // Nothing to look at proves nothing.
    let assert = copy.prove(&both[..2]).code(6);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(text.contains("build bundleproof with `--features torch`"), "{text}");
}

#[test]
fn what_no_case_notices_is_named_unless_it_is_listed_with_a_reason() {
    let copy = Copy::of("bundle/save_tags_the_backend");
    let unnoticed = "start: params N dropped";
    let text = out(&copy.prove(&["--observations"]).code(6));
    assert!(text.contains(&format!("no check notices this fault: {unnoticed}; write a case")), "{text}");
    assert!(text.contains("blind spots: ") && text.contains("not noticed: start (observable)"), "{text}");

    let row = "[[blind_spot]]\nfaults = [\"*\"]\nreason = \"a suite of one case\"\n";
    fs::write(copy.suite().join("blind_spots.toml"), format!("{row}some_noticed = true\n")).expect("a file");
    let text = out(&copy.prove(&["--observations"]).code(6));
    assert!(text.contains("\nobserved: ") && !text.contains("no check notices"), "{text}");
    let report = text.lines().find_map(|line| line.strip_prefix("Report: ")).expect("a report");
    let report = copy.0.path().join(report);
    let page = fs::read_to_string(report.join("observations.md")).expect("the page");
    assert!(page.contains(&format!("| `{unnoticed}` | 1 | a suite of one case |")), "{page}");
    let found = fs::read_to_string(report.join("observations.json")).expect("the result");
    let found: serde_json::Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["problems"], serde_json::json!([]));
    let (all, noticed) = (found["faults"].as_u64(), found["noticed"].as_u64());
    assert!(noticed > Some(100) && noticed < all, "{all:?} {noticed:?}");
}

#[test]
fn a_list_of_blind_spots_that_cannot_be_read_is_an_error_of_the_suite() {
    let copy = Copy::of("bundle/save_tags_the_backend");
    fs::write(copy.suite().join("blind_spots.toml"), "[[blind_spot]]\nfaults = []\nreason = \"\"\n")
        .expect("a file");
    let assert = copy.prove(&["--observations", "--case", "bundle/*"]).code(3);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(text.contains("blind_spots.toml: expected faults and a reason"), "{text}");
}
