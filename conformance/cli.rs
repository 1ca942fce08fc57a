//! The program as a person or a CI job uses it: in an empty directory, from the embedded suite.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/one_case.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod one_case;
#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command as Program, Stdio},
    thread,
    time::{Duration, Instant},
};

use assert_cmd::Command;
use bundleproof::value::Digest;
use place::{Place, err, out};
use rstest::rstest;

const STAMP: &str = "2025-10-17T112849Z";

/// A generous time limit, for a busy machine.
const UNHURRIED: Duration = Duration::from_secs(120);

impl Place {
    /// Every file below the directory, with its digest.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        walk(&self.path(""), &self.path(""), &mut found);
        found
    }
}

fn walk(top: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(top, &path, found);
        } else {
            let name = path.strip_prefix(top).expect("a path below").display().to_string();
            found.insert(name, Digest::of(&fs::read(&path).expect("a file")).to_string());
        }
    }
}

#[test]
fn the_main_job_goes_red_then_green_and_leaves_one_checkable_report() {
    let place = Place::new();
    let assert = place.run(&["run"]).code(0);
    let text = out(&assert);
    assert!(text.contains("failed as expected on the stub and"), "{text}");
    assert!(text.contains("passed on reference"), "{text}");
    let report = text.lines().find_map(|line| line.strip_prefix("Report: ")).expect("the report's path");
    let files = place.files();
    assert!(files.keys().all(|name| name.starts_with(report)), "{files:?}");
    let sums = fs::read_to_string(place.path(report).join("SHA256SUMS")).expect("SHA256SUMS");
    let mut checked = 0;
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").expect("digest and name");
        assert_eq!(files.get(&format!("{report}/{name}")).map(String::as_str), Some(digest), "{name}");
        checked += 1;
    }
    assert_eq!(checked, files.len() - 1, "every file but SHA256SUMS is listed");
}

#[test]
fn a_red_phase_of_a_plan_writes_exactly_the_expected_files() {
    let place = Place::new();
    place.run(&["run", "--plan", "phase_d4", "--phase", "red", "--reports", "OUT", "--stamp", STAMP]).code(0);
    let names: Vec<String> = place.files().into_keys().collect();
    let expected = [
        "SHA256SUMS",
        "chain.json",
        "durations.json",
        "environment.json",
        "inventory.json",
        "junit.xml",
        "phase_d4_red_persistence.log",
        "phase_d4_red_summary.md",
        "phase_d4_red_workflows.log",
        "report.html",
        "results.json",
        "summary.md",
    ]
    .map(|name| format!("OUT/{STAMP}/{name}"));
    assert_eq!(names, expected);
    let hidden = fs::read_dir(place.path("OUT")).expect("a folder").count();
    assert_eq!(hidden, 1, "one directory and nothing else");

    let log = fs::read_to_string(place.path("OUT").join(STAMP).join("phase_d4_red_persistence.log"))
        .expect("a log");
    for expected in [
        "load_torch_bundle should return the saved models",
        "expected:",
        "actual:      load_torch_bundle was refused: not_implemented",
        "cases/roundtrip/sentinel_models_come_back.toml:15",
        "CUDA_VISIBLE_DEVICES=\"\"",
        "MLFLOW_TRACKING_URI=\"memory\"",
    ] {
        assert!(log.contains(expected), "the log does not say {expected}:\n{log}");
    }
}

#[test]
fn a_stamp_that_is_taken_is_refused_and_changes_nothing() {
    let place = Place::new();
    let arguments = ["run", "--plan", "phase_d4", "--phase", "red", "--reports", "OUT", "--stamp", STAMP];
    place.run(&arguments).code(0);
    let before = place.files();
    let assert = place.run(&arguments).code(2);
    assert!(err(&assert).contains("already exists; rerun to get a new timestamp"), "{}", err(&assert));
    assert_eq!(place.files(), before);
}

#[test]
fn the_ledger_goes_from_nothing_to_red_to_green_by_evidence_alone() {
    let place = Place::new();
    // A directory that is named must exist.
    fs::create_dir(place.path("OUT")).expect("a folder");
    let states = || {
        let text = out(&place.run(&["ledger", "--plan", "phase_d4", "--reports", "OUT", "--json"]).code(0));
        let ledger: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let rows = ledger["rows"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["state"].as_str().expect("a state").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["[ ]"; 5]);
    place.run(&["run", "--plan", "phase_d4", "--phase", "green", "--reports", "OUT"]).code(0);
    assert_ne!(states(), ["[x]"; 5], "green without a red run proves nothing");
    let stamped = |stamp: &str, phase: &str| {
        place
            .run(&["run", "--plan", "phase_d4", "--phase", phase, "--reports", "OUT", "--stamp", stamp])
            .code(0);
    };
    stamped(STAMP, "red");
    assert!(states().iter().all(|state| state != "[ ]"), "{:?}", states());
    stamped("2025-10-17T150000Z", "green");
    assert_eq!(states(), ["[x]"; 5]);
    let text = out(&place.run(&["ledger", "--plan", "phase_d4", "--reports", "OUT"]).code(0));
    assert!(text.contains(&format!("{STAMP}/phase_d4_red_persistence.log")), "{text}");
}

#[test]
fn an_edited_report_is_not_evidence() {
    let place = Place::new();
    place.run(&["run", "--plan", "phase_d4", "--reports", "OUT", "--stamp", STAMP]).code(0);
    let results = place.path("OUT").join(STAMP).join("results.json");
    let edited = fs::read_to_string(&results).expect("results").replace("\"title\"", "\"title\" ");
    fs::write(&results, edited).expect("a file");
    let assert = place.run(&["ledger", "--plan", "phase_d4", "--reports", "OUT"]).code(8);
    assert!(!out(&assert).contains("[x] D4"), "{}", out(&assert));
    assert!(out(&assert).contains("results.json"), "{}", out(&assert));
}

#[rstest]
#[case::restores_late(
    "restores_params_after_rebuild",
    "params",
    "params should be restored before the networks are built"
)]
#[case::skips_the_archive(
    "never_persists",
    "orchestration",
    "run_cdi_example_torch should persist the models as wts.h5.zip"
)]
#[case::fresh_network(
    "loads_a_fresh_network",
    "roundtrip",
    "load_torch_bundle should return the saved models"
)]
#[case::the_stub("stub", "roundtrip", "load_torch_bundle should return the saved models")]
fn a_broken_implementation_fails_with_the_message_of_the_cases_author(
    #[case] name: &str,
    #[case] area: &str,
    #[case] message: &str,
) {
    let place = Place::new();
    let assert = place.run(&["run", "--impl", name, "--area", area]).code(1);
    let logs: String = place
        .files()
        .into_keys()
        .filter(|file| file.ends_with(".log"))
        .map(|file| fs::read_to_string(place.path(&file)).expect("a log"))
        .collect();
    assert!(logs.contains(message), "{}", out(&assert));
}

#[rstest]
#[case::unknown_case(&["run", "--case", "roundtrip/networks_come_bak"], 2, "did you mean `roundtrip/networks_come_back`?")]
#[case::unknown_requirement(&["run", "--requirement", "NOT-001"], 2, "NOT-001")]
#[case::untested_requirement(&["run", "--requirement", "BUN-018"], 4, "no case tests the requirement BUN-018")]
#[case::unknown_area(&["run", "--area", "lodaer"], 2, "did you mean `loader`?")]
#[case::unknown_plan(&["run", "--plan", "phase_d5"], 2, "did you mean `phase_d4`?")]
#[case::unknown_implementation(&["run", "--impl", "refrence"], 2, "did you mean `reference`?")]
#[case::nothing_in_common(&["run", "--area", "config", "--requirement", "LOD-003"], 4, "no check matches all of LOD-003 with config")]
#[case::no_red_there(&["run", "--area", "config", "--phase", "red", "--impl", "stub"], 4, "nothing to run")]
#[case::not_a_stamp(&["run", "--stamp", "yesterday"], 2, "invalid timestamp")]
#[case::escaping_stamp(&["run", "--stamp", "../x"], 2, "invalid timestamp")]
#[case::no_workers(&["run", "--workers", "0"], 2, "0")]
#[case::unknown_option(&["run", "--cases", "x"], 2, "--case")]
#[case::no_report(&["survey", "reports/2025-10-17T112849Z"], 2, "cannot use report reports/2025-10-17T112849Z")]
#[case::no_suite(&["run", "--suite", "nowhere"], 2, "nowhere")]
#[case::unknown_explained(&["explain", "LOD-OO2"], 2, "did you mean `LOD-002`?")]
#[case::unknown_case_explained(&["explain", "loader/altered_fields_are_refusd"], 2, "did you mean `loader/altered_fields_are_refused`?")]
#[case::area_explained(&["explain", "loader"], 2, "`bundleproof list cases loader/` lists its cases")]
#[case::no_such_word(&["list", "cases", "loader/", "xyzzy"], 2, "nothing in this list has the word \"xyzzy\"")]
#[case::no_such_words_together(&["list", "cases", "loader/", "params/"], 4, "nothing in this list has all of these words: loader/ params/")]
#[case::unknown_glob(&["run", "--case", "lodaer/*"], 2, "unknown case \"lodaer/*\"")]
#[case::unknown_proven(&["prove", "--case", "nothing"], 2, "unknown case \"nothing\"")]
#[case::unknown_plan_of_a_ledger(&["ledger", "--plan", "phase_d5"], 2, "did you mean `phase_d4`?")]
#[case::cases_of_two_areas(&["run", "--area", "params", "--case", "loader/*"], 4, "no check matches all of loader/* with params")]
fn invalid_arguments_are_reported_with_their_exit_code_and_leave_nothing(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] says: &str,
) {
    let place = Place::new();
    let assert = place.run(arguments).code(code);
    assert!(err(&assert).contains(says), "{}", err(&assert));
    assert_eq!(out(&assert), "");
    assert_eq!(fs::read_dir(place.path("")).expect("a folder").count(), 0, "something was left behind");
}

#[test]
fn a_reports_directory_that_cannot_be_created_is_reported_and_leaves_nothing() {
    let place = Place::new();
    fs::write(place.path("file"), "").expect("a file");
    let assert = place.run(&["run", "--reports", "file/reports"]).code(2);
    assert!(err(&assert).contains("file/reports"), "{}", err(&assert));
    assert_eq!(place.files().len(), 1);
}

/// A suite on disk with this one case, and the directory it is in.
fn suite_with(case: &str, copies: usize) -> Place {
    let place = Place::new();
    let write = |name: &str, text: &str| {
        let path = place.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let requirements =
        fs::read_to_string(own.join("conformance/bundle/requirements/loader.toml")).expect("requirements");
    write("suite/requirements/loader.toml", &requirements);
    write(
        "suite/configs.toml",
        &fs::read_to_string(own.join("conformance/bundle/configs.toml")).expect("configs"),
    );
    for number in 0..copies {
        write(&format!("suite/cases/loader/case_{number}.toml"), case);
    }
    place
}

const SET_UP_FAILS: &str = r#"
title    = "A case whose set-up does not work"
requires = ["LOD-004"]

[[steps]]
do.load_torch_bundle = { base_path = "$work/never_saved/wts.h5", as = "earlier" }

[[steps]]
do.load_torch_bundle = { base_path = "$work/never_saved/wts.h5", as = "loaded" }
expect.returns_models = { equal = ["$loaded.models", "$earlier.models"], because = "the same bundle loads the same twice" }

[[red]]
on = "stub"
fails = "returns_models"
"#;

#[test]
fn a_case_that_fails_in_its_set_up_is_not_counted_as_red() {
    let place = suite_with(SET_UP_FAILS, 1);
    let assert = place.run(&["run", "--suite", "suite", "--phase", "red"]).code(6);
    let text = out(&assert);
    assert!(text.contains("set_up_error loader/case_0 on stub"), "{text}");
    assert!(
        text.contains(
            "failed during setup; does not count as a red result; load_torch_bundle (line 6), refused: not_found"
        ),
        "{text}"
    );
    assert!(text.contains("0/1 failed as expected"), "{text}");
}

#[rstest]
#[case::not_toml("title    = ", "title    = =", "case_0.toml:2:")]
#[case::unknown_key("requires", "requiers", "did you mean `requires`?")]
#[case::unknown_expectation("equal =", "eqaul =", "did you mean `equal`?")]
fn a_malformed_case_is_shown_at_its_line(#[case] right: &str, #[case] wrong: &str, #[case] says: &str) {
    assert!(SET_UP_FAILS.contains(right), "the table is out of date: {right}");
    let place = suite_with(&SET_UP_FAILS.replacen(right, wrong, 1), 1);
    let assert = place.run(&["run", "--suite", "suite"]).code(3);
    let text = err(&assert);
    assert!(text.contains("cases/loader/case_0.toml:"), "{text}");
    assert!(text.contains(says), "{text}");
    assert!(!place.path("reports").exists(), "a run that could not begin left a reports directory");
}

/// Far longer than a test waits before it interrupts, and always writing: one step trains a while, then many save.
fn slow_and_writing() -> Place {
    let head = r#"
title    = "A case that takes a while and writes"
requires = ["LOD-004"]

[[steps]]
do.create_models = { config = "n128", seed = 1, as = "saved" }
"#;
    let save = r#"
[[steps]]
do.save_torch_bundle = { models = "$saved", base_path = "$work/NUMBER/wts.h5", config = "n128" }
"#;
    let tail = r#"
[[steps]]
do.reset = {}
expect.resets = { missing_keys = ["$params", ["n_groups"]], because = "a new process has no groups" }

[[red]]
on = "stub"
fails = "resets"
"#;
    let saves: String = (0..6000).map(|number| save.replace("NUMBER", &number.to_string())).collect();
    suite_with(&format!("{head}{saves}{tail}"), 2)
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_stops_soon_and_leaves_no_report() {
    let place = slow_and_writing();
    let mut child = Program::new(program::path())
        .current_dir(place.path(""))
        .args(["run", "--suite", "suite", "--impl", "reference", "--stamp", STAMP])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let work = place.path(&format!("reports/.{STAMP}.partial/work/00000"));
    let started = Instant::now();
    while !work.exists() {
        assert!(started.elapsed() < UNHURRIED, "the run did not begin");
        thread::sleep(Duration::from_millis(5));
    }
    // A moment for the first check to be in the middle of its saves.
    thread::sleep(Duration::from_millis(100));
    let sent = Program::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let ended = child.wait_with_output_within(UNHURRIED);
    assert_eq!(ended.0, Some(130), "{}", ended.1);
    assert!(ended.1.contains("interrupted after 0 of 2"), "{}", ended.1);
    let left: Vec<String> = place.files().into_keys().filter(|name| name.starts_with("reports")).collect();
    assert_eq!(left, [format!("reports/.{STAMP}.interrupted/inventory.json")]);
}

#[test]
fn a_check_past_its_deadline_affects_no_other_check() {
    let place = slow_and_writing();
    let arguments = ["run", "--suite", "suite", "--impl", "reference", "--deadline", "1", "--stamp", STAMP];
    let text = out(&place.run(&arguments).code(1));
    assert!(text.contains("timed out after 1000 ms in "), "{text}");
    assert!(
        text.contains("rerun: bundleproof run --suite suite --case 'loader/case_0' --impl reference"),
        "{text}"
    );
    let reports: Vec<_> = fs::read_dir(place.path("reports")).expect("a folder").collect();
    assert_eq!(reports.len(), 1, "the report and nothing else");
    assert!(place.path("reports").join(STAMP).join("results.json").exists());
}

trait Within {
    fn wait_with_output_within(&mut self, limit: Duration) -> (Option<i32>, String);
}

impl Within for std::process::Child {
    fn wait_with_output_within(&mut self, limit: Duration) -> (Option<i32>, String) {
        let started = Instant::now();
        while self.try_wait().expect("a child").is_none() {
            if started.elapsed() > limit {
                self.kill().expect("a child");
                panic!("it did not end within {limit:?}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        let mut pipe = self.stderr.take().expect("a pipe");
        std::io::Read::read_to_string(&mut pipe, &mut text).expect("text");
        (self.wait().expect("a child").code(), text)
    }
}

#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let place = Place::new();
    let mut child = Program::new(program::path())
        .current_dir(place.path(""))
        .args(["list", "requirements"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    drop(child.stdout.take());
    let ended = child.wait_with_output_within(UNHURRIED);
    assert_eq!(ended, (Some(0), String::new()));
}

#[test]
fn the_same_run_with_another_stamp_gives_the_same_results_apart_from_times() {
    let place = Place::new();
    let results = |stamp: &str| {
        place.run(&["run", "--area", "roundtrip", "--stamp", stamp]).code(0);
        let text =
            fs::read_to_string(place.path("reports").join(stamp).join("results.json")).expect("results");
        let mut results: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        results["stamp"] = serde_json::Value::Null;
        results
    };
    assert_eq!(results(STAMP), results("2025-10-17T112850Z"));
}

#[test]
fn a_new_adapter_is_a_program_and_its_implementation_file() {
    let place = Place::new();
    let assert = place.run(&["new-adapter", "my_saver", "--python"]).success();
    assert_eq!(out(&assert), "wrote my_saver.py and my_saver.toml\n");
    let program = fs::read_to_string(place.path("my_saver.py")).expect("a program");
    assert!(program.contains("class MySaver(Adapter):") && !program.contains("my_adapter"), "{program}");
    // The file starts the program next to it; a stand-in for Python records its arguments.
    fs::create_dir(place.path("bin")).expect("a folder");
    let stand_in = "#!/bin/sh\ntest -f \"$1\" && echo \"$0 $1\" >> started\n";
    fs::write(place.path("bin/python3"), stand_in).expect("a file");
    let executable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(place.path("bin/python3"), executable).expect("a file");
    let mut run = Command::new(program::path());
    run.current_dir("/")
        .env("PATH", place.path("bin"))
        .args(["run", "--impl"])
        .arg(place.path("my_saver.toml"));
    run.assert().code(7);
    let started = fs::read_to_string(place.path("started")).expect("what was started");
    assert!(started.ends_with("bin/python3 my_saver.py\n"), "{started}");
}

#[rstest]
#[case::there_already(&["new-adapter", "taken", "--python"], "taken.toml: already exists")]
#[case::no_name(&["new-adapter", "Mine", "--python"], "expected a lowercase letter")]
#[case::a_path(&["new-adapter", "../mine", "--python"], "expected a lowercase letter")]
#[case::one_of_the_suite(&["new-adapter", "stub", "--python"], "built-in implementation")]
#[case::no_language(&["new-adapter", "mine"], "--python")]
#[case::nowhere(&["new-adapter", "mine", "--python", "--out", "none"], "none/mine.py: ")]
fn a_new_adapter_that_cannot_be_written_leaves_nothing(#[case] arguments: &[&str], #[case] says: &str) {
    let place = Place::new();
    fs::write(place.path("taken.toml"), "mine").expect("a file");
    let before = place.files();
    let assert = place.run(arguments).code(2);
    assert!(err(&assert).contains(says), "{}", err(&assert));
    assert_eq!(place.files(), before);
}

#[test]
#[cfg(not(feature = "torch"))]
fn the_program_needs_no_other_files_and_reports_skipped_checks() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut program = Command::new(program::path());
        program.current_dir(place.path("")).env_clear().arg("run").args(arguments).assert()
    };
    let text = out(&run(&["--area", "execution", "--area", "roundtrip", "--stamp", STAMP]).code(0));
    assert!(text.contains("14 checks skipped: requires torch"), "{text}");
    assert!(text.contains("execution       0/14 passed (14 unsupported)"), "{text}");
    assert!(text.contains("roundtrip       19/19 passed"), "{text}");
    // Skipped checks are not a success if there are no others.
    let assert = run(&["--area", "execution"]).code(1);
    assert!(err(&assert).contains("nothing was tested"), "{}", err(&assert));
    let assert = run(&["--area", "execution", "--area", "roundtrip", "--max-unsupported", "13"]).code(1);
    assert!(err(&assert).contains("more than --max-unsupported"), "{}", err(&assert));
}

#[test]
fn an_escape_sequence_in_a_suite_is_escaped() {
    let odd = |text: &str| text.replace("A load restores params", "A \\u001b[31mload\\u202e restores params");
    let (suite, read) = one_case::suite_with(&odd(one_case::GOOD), &odd(one_case::REQUIREMENTS));
    read.expect("a valid suite");
    let suite = suite.path().display().to_string();
    for arguments in [
        &["list"][..],
        &["list", "requirements"],
        &["list", "--coverage"],
        &["list", "--coverage", "--markdown"],
        &["explain", "LOD-004"],
        &["explain", "loader/it"],
    ] {
        let text = out(&Place::new().run(&[arguments, &["--suite", &suite]].concat()).code(&[0, 6][..]));
        assert!(
            text.contains("[31mload") && !text.contains(['\u{1b}', '\u{202e}']),
            "{arguments:?}: {text:?}"
        );
    }
}

#[test]
fn an_escape_sequence_in_a_name_is_escaped() {
    let place = Place::new();
    let text = err(&place.run(&["run", "--impl", "odd\u{1b}[31m\nerror: faked.toml"]).code(2));
    assert!(!text.contains('\u{1b}') && text.contains("odd\\u{1b}[31m"), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: faked")), "{text:?}");
}

#[test]
fn help_and_completions_are_complete() {
    let place = Place::new();
    let help = out(&place.run(&["--help"]).code(0));
    for expected in ["run", "ledger", "list", "explain", "completions", "Exit codes:", "130  interrupted"] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
    }
    let script = out(&place.run(&["completions", "bash"]).code(0));
    assert!(script.contains("_bundleproof"), "{script}");
    for shell in ["bash", "fish", "zsh"] {
        let script = out(&place.run(&["completions", shell]).code(0));
        for name in ["roundtrip/networks_come_back", "LOD-003", "never_persists", "plain_torch", "phase_d4"] {
            assert!(script.contains(name), "{name} is not in the script for {shell}");
        }
    }
    let zsh = out(&place.run(&["completions", "zsh"]).code(0));
    let explained = zsh.lines().find(|line| line.contains(":id -- ")).expect("the argument of explain");
    assert!(explained.contains("LOD-003 ") && explained.contains("never_persists "), "{explained}");
    place.run(&[]).code(2);
    let version = out(&place.run(&["--version"]).code(0));
    assert!(
        version.contains(env!("CARGO_PKG_VERSION")) && version.contains("adapter protocol 1"),
        "{version}"
    );
    // Every command has a page, which names it as it is called.
    let page = out(&place.run(&["man"]).code(0));
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()) {
        if command != "help" && !command.is_empty() {
            let own = out(&place.run(&["man", command]).code(0));
            assert!(own.contains(&format!(".TH bundleproof-{command}")), "{own}");
            assert!(page.contains(&command.replace('-', "\\-")), "{command} is not in\n{page}");
        }
    }
    place.run(&["man", "rum"]).code(2);
}
