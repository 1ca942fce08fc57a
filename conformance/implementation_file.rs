//! What an implementation's file says: what is known of it, what it may do, and fixtures of its own.
//!
//! The program of these tests is itself each adapter, when a variable says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/chaos.rs"]
mod chaos;
#[path = "support/one_adapter.rs"]
mod one_adapter;
#[path = "support/program.rs"]
mod program;

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

use self::one_adapter::{Adapter, LOADING, ended, expect, run_in, served, shown};

fn main() -> ExitCode {
    if let Ok(way) = env::var(chaos::VARIABLE) {
        chaos::answer(&way);
        return ExitCode::SUCCESS;
    }
    let trials = vec![
        Trial::test("what_is_known_fails_nothing_as_long_as_it_is_so", known),
        Trial::test("what_is_not_known_is_proposed_and_not_in_ci", write_known),
        Trial::test("a_file_that_is_left_is_a_violation_unless_it_is_allowed", allowed),
        Trial::test("a_stranger_is_told_violations_differences_and_what_was_not_seen", standing),
        Trial::test("what_it_does_not_have_can_be_too_much", unsupported),
        Trial::test("what_an_adapter_states_is_bounded_and_shown", stated),
        Trial::test("fixtures_of_its_own_stand_in_for_those_of_the_suite", own_fixtures),
        Trial::test("fixtures_of_an_adapter_that_dies_are_not_made", no_fixtures),
        Trial::test("fixtures_are_not_made_without_the_operations_for_it", cannot_make_fixtures),
        Trial::test("what_may_be_meant_by_an_unknown_name_is_said", unknown_names),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

const ONE: [&str; 4] = ["--case", "roundtrip/networks_come_back", "--case", "bundle/save_tags_the_backend"];

fn entry(case: &str, reason: &str, expires: &str) -> String {
    format!(
        "\n[[known]]\ncase = {case:?}\nreason = {reason:?}\nwhy = \"an old bug\"\nowner = \"https://example.org/7\"\n\
         expires = {expires:?}\n"
    )
}

fn known() -> Result<(), Failed> {
    let mutant = |known: String| served("writes_no_backend_tag", &known);
    let case = "bundle/save_tags_the_backend";
    expect(run_in(&mutant(String::new()), &ONE, true), 1, &["BUN-004"])?;
    let good = mutant(entry(case, "None", "2999-01-01"));
    expect(run_in(&good, &ONE, true), 0, &["1 check with known failures only"])?;
    let summary =
        fs::read_dir(good.path().join("reports"))?.next().ok_or("no report")??.path().join("summary.md");
    if !fs::read_to_string(&summary)?.contains("an old bug (https://example.org/7, until 2999-01-01)") {
        return Err(fs::read_to_string(summary)?.into());
    }
    expect(
        run_in(&mutant(entry(case, "a bus error", "2999-01-01")), &ONE, true),
        1,
        &["no failure contains"],
    )?;
    expect(
        run_in(&mutant(entry(case, "None", "2020-01-01")), &ONE, true),
        1,
        &["mine.toml:", "expired on 2020-01-01"],
    )?;
    expect(run_in(&mutant(entry("*/*", "None", "2999-01-01")), &ONE, true), 1, &["now pass"])?;
    let unused = "\n[[allowed]]\neffect = \"load_torch_bundle.files\"\nreason = \"a lock\"\n";
    let stale = entry(case, "None", "2999-01-01") + &entry("gone/case", "None", "2999-01-01") + unused;
    let says = ["it matches no check", "unused [[allowed]] entry for load_torch_bundle.files (a lock)"];
    expect(run_in(&mutant(stale), &[], true), 1, &says)
}

fn allowed() -> Result<(), Failed> {
    let run = |more: &str| {
        let adapter = Adapter::new("leaves_files", more);
        let output = adapter
            .run(&["bundle/save_tags_the_backend", "bundle/save_writes_one_archive"], &["--workers", "1"]);
        (adapter, (output.status.code(), shown(&output)))
    };
    let (adapter, ended) = run("");
    expect(ended, 1, &["BUN-001 (spec)", "ENV-003 (ours)"])?;
    let first = adapter.results().remove(0).to_string();
    for says in ["save_torch_bundle.files", ".lock", "save_torch_bundle.outside", "written home/cache"] {
        assert!(first.contains(says), "{says}: {first}");
    }
    let entry = |effect: &str, path: &str| {
        format!("\n[[allowed]]\neffect = {effect:?}\npaths = [{path:?}]\nreason = \"so that others wait\"\n")
    };
    let files = entry("save_torch_bundle.files", "*.lock");
    expect(run(&files).1, 1, &["ENV-003 (ours)"])?;
    let both = files + &entry("save_torch_bundle.outside", "home/*");
    expect(run(&both).1, 0, &["so that others wait"])?;
    let unknown = entry("save_torch_bundle.file", "*");
    expect(run(&unknown).1, 2, &["did you mean `save_torch_bundle.files`?"])
}

fn write_known() -> Result<(), Failed> {
    let place = served("writes_no_backend_tag", "");
    let file = place.path().join("mine.toml");
    let before = fs::read_to_string(&file)?;
    let asked: Vec<&str> = ONE.into_iter().chain(["--write-known"]).collect();
    expect(run_in(&place, &asked, true), 2, &["not allowed in CI"])?;
    if fs::read_to_string(&file)? != before || place.path().join("reports").exists() {
        return Err("it did something all the same".into());
    }
    expect(run_in(&place, &asked, false), 1, &["+[[known]]", "+case = \"bundle/save_tags_the_backend\""])?;
    if !fs::read_to_string(&file)?.starts_with(&before) {
        return Err("what was there is lost".into());
    }
    expect(run_in(&place, &ONE, true), 0, &["with known failures only"])
}

fn standing() -> Result<(), Failed> {
    let place = served("swaps_the_models", "");
    expect(
        run_in(&place, &ONE, true),
        1,
        &["violations of the specification", "RTP-001 (spec): roundtrip/networks"],
    )?;
    let place = served("leaves_params_of_a_refused_load", "");
    let cases = ["--case", "loader/lost_entries_are_refused"];
    expect(run_in(&place, &cases, true), 1, &["differences from decisions of this suite", "LOD-007 (ours)"])?;
    let command = run_in(&place, &cases, true).1;
    expect(
        (Some(1), command),
        1,
        &["rerun: bundleproof run --case 'loader/lost_entries_are_refused[weights,bundle]' --impl mine.toml"],
    )
}

fn unsupported() -> Result<(), Failed> {
    let adapter = Adapter::new("has_no_networks_of_the_fixtures", "");
    let fixtures = ["roundtrip/pytorch_bundle_loads_exactly[sentinels]", "bundle/save_tags_the_backend"];
    expect(ended(&adapter.run(&fixtures, &[])), 0, &["1 check skipped: requires fixture_networks"])?;
    let none = ["--max-unsupported", "0", "--reports", "others"];
    expect(ended(&adapter.run(&fixtures, &none)), 1, &["more than --max-unsupported"])?;
    let only = adapter.run(&fixtures[..1], &["--reports", "more"]);
    expect(ended(&only), 1, &["nothing was tested"])
}

fn stated() -> Result<(), Failed> {
    let adapter = Adapter::new("states_too_much", "");
    let output = adapter.run(&[LOADING], &["--stamp", "2025-10-17T112849Z"]);
    let says = [" p_00 1_2, p_01 1_2", "p_19 1_2\n  reads\\u{1b}[2J the dataset"];
    expect(ended(&output), 0, &says)?;
    let path = adapter.place.path().join("reports/2025-10-17T112849Z/results.json");
    let results: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let Some(details) = results["implementations"]
        .as_object()
        .and_then(|all| all.values().find_map(|own| own.get("details")))
    else {
        return Err(format!("no details in {}", results["implementations"]).into());
    };
    let notes: Vec<&str> =
        details["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let versions = details["versions"].as_object().map_or(0, serde_json::Map::len);
    let longest = notes.iter().map(|note| note.chars().count()).max();
    if (versions, notes.len(), longest) != (20, 20, Some(200)) || notes.concat().contains('\u{1b}') {
        return Err(
            format!("{versions} versions, {} notes of up to {longest:?} characters", notes.len()).into()
        );
    }
    Ok(())
}

/// An adapter without the networks of the fixtures is asked about fixtures that it made itself.
fn own_fixtures() -> Result<(), Failed> {
    let adapter = Adapter::new("has_no_networks_of_the_fixtures", "");
    let make = |out: &str| {
        let mut command = Command::new(program::path());
        command.args(["make-fixtures", "--impl", "odd.toml", "--out", out]).current_dir(adapter.place.path());
        command.output().expect("the program")
    };
    expect(ended(&make("own")), 0, &["wrote 5 bundles of odd to own", "run --impl odd.toml --fixtures own"])?;
    let cases = ["roundtrip/pytorch_bundle_loads_exactly", "bundle/snapshot_is_the_whole_configuration"];
    let run = adapter.run(&cases, &["--fixtures", "own", "--max-unsupported", "0"]);
    expect(ended(&run), 0, &["7/7 passed"])?;
    expect(ended(&make("own")), 2, &["own already exists; choose another directory; nothing was written"])?;
    let with = |fixtures: &str| ended(&adapter.run(&cases, &["--fixtures", fixtures, "--reports", "others"]));
    expect(with("nowhere"), 2, &["cannot use the fixtures in nowhere: not a directory"])?;
    fs::create_dir(adapter.place.path().join("empty"))?;
    expect(with("empty"), 2, &["missing fixtures.json; make them with `bundleproof make-fixtures`"])?;
    let sidecar = adapter.place.path().join("own/bundles/gs2/sidecar.json");
    fs::write(&sidecar, fs::read_to_string(&sidecar)?.replace("float32", "float64"))?;
    expect(with("own"), 2, &["bundles/gs2/sidecar.json has changed since it was made"])?;
    // One bundle was refused when the fixtures were made: only the check that needs it is skipped.
    let index = adapter.place.path().join("own/fixtures.json");
    let mut made: Value = serde_json::from_str(&fs::read_to_string(&index)?)?;
    made["bundles"]["gs2"] = json!({ "refused": "unsupported: no gridsize 2" });
    fs::write(&index, made.to_string())?;
    expect(
        with("own"),
        0,
        &["requires bundles/gs2 of its own fixtures: unsupported: no gridsize 2", "6/7 passed"],
    )?;
    made["made_by"] = json!("another");
    fs::write(&index, made.to_string())?;
    expect(with("own"), 2, &["they were made by another, expected odd"])
}

/// An adapter that dies leaves nothing behind.
fn no_fixtures() -> Result<(), Failed> {
    let adapter = Adapter::new("dies_when_it_saves", "");
    let mut command = Command::new(program::path());
    command.args(["make-fixtures", "--impl", "odd.toml", "--out", "own"]).current_dir(adapter.place.path());
    let made = command.output()?;
    expect(ended(&made), 7, &["the implementation failed while gs1 was made", "nothing was written"])?;
    let left: Vec<_> = fs::read_dir(adapter.place.path())?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    if left == ["odd.toml"] { Ok(()) } else { Err(format!("left behind: {left:?}").into()) }
}

/// What is not offered is said before anything is called.
fn cannot_make_fixtures() -> Result<(), Failed> {
    let adapter = Adapter::new("makes_no_models", "");
    let mut command = Command::new(program::path());
    command.args(["make-fixtures", "--impl", "odd.toml", "--out", "own"]).current_dir(adapter.place.path());
    let says = "odd does not offer create_models and save_torch_bundle, which make-fixtures needs";
    expect(ended(&command.output()?), 2, &[says, "nothing was written"])
}

fn unknown_names() -> Result<(), Failed> {
    let adapter = Adapter::new("leaves_files", "");
    fs::write(adapter.place.path().join("mine.py"), "")?;
    let run = |name: &str| {
        let mut command = Command::new(program::path());
        command.args(["run", "--impl", name]).current_dir(adapter.place.path());
        command.output().map(|output| ended(&output))
    };
    expect(run("odd")?, 2, &["unknown implementation \"odd\"; did you mean odd.toml?"])?;
    expect(run("mine.py")?, 2, &["start a program with --impl-cmd 'python mine.py'", "new-adapter"])?;
    expect(run("nothing_like_it")?, 2, &["see `bundleproof list implementations`"])
}
