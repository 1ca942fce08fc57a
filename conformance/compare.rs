//! `bundleproof compare` on reports that the program makes, as a CI job uses it.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{fs, path::Path};

use place::{Place, err, out};
use rstest::rstest;
use serde_json::Value as Json;

const FIRST: &str = "2025-10-17T112849Z";
const SECOND: &str = "2025-10-17T150000Z";

/// A check of this case fails on the stub.
const CASE: &str = "params/networks_are_built_from_the_archive[smaller_size]";

/// The number of checks of the area `params` that need more than the stub has.
const REGRESSED: usize = 5;

impl Place {
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Makes a report of the area `params`, or of what these options select.
    fn report(&self, store: &str, stamp: &str, implementation: &str, options: &[&str]) {
        let all = ["run", "--impl", implementation, "--reports", store, "--stamp", stamp];
        let options = if options.is_empty() { &["--area", "params"] } else { options };
        let assert = self.run(&[&all, options].concat());
        assert!(self.path(store).join(stamp).is_dir(), "{}", err(&assert));
    }

    /// The number of checks of a report.
    fn checks(&self, report: &str) -> usize {
        let results: Json =
            serde_json::from_str(&self.text(&format!("{report}/results.json"))).expect("JSON");
        results["outcomes"].as_array().expect("outcomes").len()
    }

    fn json(&self, base: &str, new: &str, code: i32) -> Json {
        let assert = self.run(&["compare", base, new, "--json"]).code(code);
        serde_json::from_str(&out(&assert)).expect("JSON")
    }
}

/// A store with a report of the reference and a later one of the stub.
fn regressed() -> Place {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &[]);
    place.report("reports", SECOND, "stub", &[]);
    place
}

fn in_store(stamp: &str) -> String {
    format!("reports/{stamp}")
}

#[test]
fn a_regression_is_shown_with_expected_actual_and_rerun_and_exits_with_5() {
    let place = regressed();
    let assert = place.run(&["compare", &in_store(FIRST), &in_store(SECOND)]).code(5);
    let text = out(&assert);
    assert!(text.starts_with("regressed params/"), "{text}");
    for expected in [
        &format!("regressed {CASE} on stub (green)\n"),
        "load_torch_bundle was refused: not_implemented",
        "    asked:    load_torch_bundle(base_path = ",
        "  not reached, because the operation was refused:\n",
        "params should be restored before the networks are built",
        &format!("  rerun: bundleproof run --case '{CASE}' --impl stub\n"),
        "  result: pass -> fail\n",
        "green phases compared by check: reference -> stub",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let last = format!(
        "regression: {REGRESSED} checks count against reports/{SECOND} compared with reports/{FIRST}\n"
    );
    assert!(text.ends_with(&last), "{text}");
    assert_eq!(err(&assert), "");
}

#[test]
fn the_rerun_of_a_regression_fails() {
    let place = regressed();
    let json = place.json(&in_store(FIRST), &in_store(SECOND), 5);
    let rerun = json["checks"][0]["rerun"].as_str().expect("a command");
    let words = shell_words::split(rerun).expect("a command line");
    let words: Vec<&str> = words.iter().map(String::as_str).skip(1).collect();
    place.run(&words).code(1);
}

#[test]
fn markdown_has_a_table_and_json_has_all() {
    let place = regressed();
    let arguments = ["compare", &in_store(FIRST), &in_store(SECOND), "--markdown"];
    let text = out(&place.run(&arguments).code(5));
    assert!(text.starts_with(&format!("### Regression: {REGRESSED} checks\n")), "{text}");
    assert!(
        text.contains(&format!(
            "| **regressed** | `{CASE}` | stub (green) | pass → fail | first bad 2025-10-17T150000Z |"
        )),
        "{text}"
    );
    assert!(text.contains("<details><summary>Failures, with expected and actual</summary>"), "{text}");

    let json = place.json(&in_store(FIRST), &in_store(SECOND), 5);
    assert_eq!((&json["regression"], &json["counts"]["regressed"]), (&true.into(), &REGRESSED.into()));
    let checks = json["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["check"] == CASE).expect("the check");
    assert_eq!((&check["change"], &check["counts"]), (&"regressed".into(), &true.into()));
    assert_eq!((&check["before"]["result"], &check["after"]["result"]), (&"pass".into(), &"fail".into()));
    assert!(check["failures"][0]["actual"].as_str().expect("actual").contains("not_implemented"), "{check}");
}

#[test]
fn a_page_for_a_browser_is_written_besides_the_output() {
    let place = regressed();
    let arguments = ["compare", &in_store(FIRST), &in_store(SECOND), "--html", "page.html"];
    let assert = place.run(&arguments).code(5);
    assert!(out(&assert).contains(&format!("regression: {REGRESSED} checks count")), "{}", out(&assert));
    let page = place.text("page.html");
    assert!(
        page.starts_with("<!doctype html>") && page.contains(&format!("Regression: {REGRESSED} checks</h1>")),
        "{page}"
    );
    assert!(!page.contains("http://") && !page.contains("https://"), "a request");
    let arguments = ["compare", &in_store(FIRST), &in_store(FIRST), "--html", "no/page.html"];
    assert!(err(&place.run(&arguments).code(2)).contains("cannot write no/page.html: "));
}

#[test]
fn what_was_fixed_and_what_still_fails_is_no_regression() {
    let place = regressed();
    let fixed = place.json(&in_store(SECOND), &in_store(FIRST), 0);
    assert_eq!(fixed["counts"]["fixed"], REGRESSED);
    let same = place.json(&in_store(SECOND), &in_store(SECOND), 0);
    assert_eq!(
        (&same["counts"]["still_failing"], &same["counts"]["unchanged"]),
        (&REGRESSED.into(), &(place.checks(&in_store(FIRST)) - REGRESSED).into())
    );
}

#[test]
fn checks_that_the_new_run_did_not_select_are_not_compared_and_checks_that_it_adds_do_not_count() {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &[]);
    place.report("reports", SECOND, "reference", &["--case", CASE]);
    let others = place.checks(&in_store(FIRST)) - 1;
    let fewer = place.json(&in_store(FIRST), &in_store(SECOND), 0);
    assert_eq!((&fewer["not_selected"], &fewer["selection_changed"]), (&others.into(), &true.into()));
    assert_eq!((&fewer["counts"]["removed"], &fewer["counts"]["unchanged"]), (&0.into(), &1.into()));
    let text = out(&place.run(&["compare", &in_store(FIRST), &in_store(SECOND)]).code(0));
    let says = format!("not compared: {others} checks, which the options of the newer run did not select\n");
    assert!(text.contains(&says), "{text}");
    let more = place.json(&in_store(SECOND), &in_store(FIRST), 0);
    assert_eq!(more["counts"]["added"], others);
}

#[test]
fn checks_that_the_same_options_no_longer_find_count() {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &[]);
    place.run(&["compare", "--write-baseline", "base.json", &in_store(FIRST)]).code(0);
    let entry = place.text("base.json").lines().find(|line| line.contains(CASE)).expect("a line").to_owned();
    let gone = entry.replace(CASE, "params/gone").replace("\"digest\":\"", "\"digest\":\"0");
    let with = place.text("base.json").replace(&entry, &format!("{gone}\n{entry}"));
    place.write("base.json", &with);
    let fewer = place.json("base.json", &in_store(FIRST), 5);
    assert_eq!((&fewer["counts"]["removed"], &fewer["not_selected"]), (&1.into(), &0.into()));
}

#[test]
fn a_rerun_of_what_failed_is_compared_where_both_have_a_result() {
    let place = regressed();
    let third = "2025-10-17T160000Z";
    place.report("reports", third, "stub", &["--rerun-failed", &in_store(SECOND)]);
    let json = place.json(&in_store(FIRST), "reports", 5);
    assert_eq!((&json["counts"]["regressed"], &json["counts"]["removed"]), (&REGRESSED.into(), &0.into()));
    assert_eq!(json["not_selected"], place.checks(&in_store(FIRST)) - REGRESSED);
    // A part of the run is compared in the same way.
    let parts = ["1/2", "2/2"].map(|part| {
        let store = format!("part{}", &part[..1]);
        place.report(&store, FIRST, "reference", &["--area", "params", "--partition", part]);
        let json = place.json(&in_store(FIRST), &store, 0);
        json["not_selected"].as_u64().expect("a number")
    });
    assert_eq!(parts.iter().sum::<u64>(), place.checks(&in_store(FIRST)) as u64);
}

#[test]
fn runs_without_a_common_check_are_not_compared() {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &[]);
    place.report("reports", SECOND, "reference", &["--case", "config/bridge_skips_none"]);
    let assert = place.run(&["compare", &in_store(FIRST), &in_store(SECOND)]).code(4);
    assert_eq!(out(&assert), "");
    assert!(err(&assert).contains("nothing was compared: no check of "), "{}", err(&assert));
}

#[test]
fn a_new_check_that_fails_is_shown_and_does_not_count() {
    let place = Place::new();
    place.report("reports", FIRST, "stub", &["--case", "params/default*"]);
    place.report("reports", SECOND, "stub", &[]);
    let assert = place.run(&["compare", &in_store(FIRST), &in_store(SECOND)]).code(0);
    assert!(out(&assert).contains(&format!("new and failing {CASE} on stub (green)\n")), "{}", out(&assert));
}

#[test]
fn red_phases_are_compared_by_their_red_results() {
    let place = Place::new();
    let red = |stamp| place.report("reports", stamp, "stub", &["--phase", "red", "--case", CASE]);
    red(FIRST);
    red(SECOND);
    let same = place.json(&in_store(FIRST), &in_store(SECOND), 0);
    assert_eq!((&same["counts"]["unchanged"], &same["environment"]), (&1.into(), &Json::Array(vec![])));
    place.run(&["compare", "--write-baseline", "base.json", &in_store(FIRST)]).code(0);
    let edited = place.text("base.json").replace("\"result\":\"proven\"", "\"result\":\"set_up_error\"");
    place.write("edited.json", &edited);
    let fixed = place.json("edited.json", &in_store(SECOND), 0);
    assert_eq!(fixed["checks"][0]["before"]["result"], "set_up_error");
    assert_eq!(fixed["counts"]["fixed"], 1);
    let regressed = place.json("base.json", "edited.json", 5);
    assert_eq!(regressed["checks"][0]["after"]["result"], "set_up_error");
}

#[test]
fn a_baseline_file_says_what_its_report_says_and_the_same_for_the_same_results() {
    let place = regressed();
    place.report("again", SECOND, "reference", &[]);
    let all = place.checks(&in_store(FIRST));
    for (file, report) in [("a.json", in_store(FIRST)), ("b.json", format!("again/{SECOND}"))] {
        let assert = place.run(&["compare", "--write-baseline", file, &report]).code(0);
        assert_eq!(err(&assert), format!("wrote {all} checks of {report} to {file}\n"));
    }
    assert_eq!(place.text("a.json"), place.text("b.json"), "no times and no stamps");
    assert!(!place.text("a.json").contains("2025-10-17"), "{}", place.text("a.json"));
    let same = place.json("a.json", &format!("again/{SECOND}"), 0);
    assert_eq!((&same["counts"]["unchanged"], &same["environment"]), (&all.into(), &Json::Array(vec![])));
    let regressed = place.json("a.json", &in_store(SECOND), 5);
    assert_eq!(regressed["counts"]["regressed"], REGRESSED);

    // Writing it again accepts what changed.
    place.run(&["compare", "--write-baseline", "a.json", &in_store(SECOND)]).code(0);
    assert_eq!(place.json("a.json", &in_store(SECOND), 0)["counts"]["still_failing"], REGRESSED);
}

#[test]
fn a_baseline_replaces_nothing_but_a_baseline() {
    let place = regressed();
    place.write("Cargo.toml", "[package]\n");
    let assert = place.run(&["compare", "--write-baseline", "Cargo.toml", &in_store(FIRST)]).code(2);
    assert!(err(&assert).contains("it exists, and is not a baseline file"), "{}", err(&assert));
    assert_eq!(place.text("Cargo.toml"), "[package]\n");
    let assert = place.run(&["compare", "--write-baseline", "no/such/folder.json", &in_store(FIRST)]).code(2);
    assert!(err(&assert).contains("cannot write baseline no/such/folder.json"), "{}", err(&assert));
}

#[rstest]
#[case::newer("\"format\": 1", "\"format\": 2", "has format 2; expected format 1")]
#[case::no_json("{\n", "", "is not a baseline file")]
#[case::unknown_result("\"result\":\"pass\"", "\"result\":\"good\"", "unknown result \"good\"")]
#[case::hidden("\"result\":\"pass\"", "\"result\":\"a\\u001b[31m\"", r"unknown result")]
fn an_invalid_baseline_is_named_with_what_is_wrong(
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] says: &str,
) {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &["--case", CASE]);
    place.run(&["compare", "--write-baseline", "base.json", &in_store(FIRST)]).code(0);
    place.write("base.json", &place.text("base.json").replacen(right, wrong, 1));
    let assert = place.run(&["compare", "base.json", &in_store(FIRST)]).code(2);
    assert!(err(&assert).contains("cannot use baseline base.json: "), "{}", err(&assert));
    assert!(err(&assert).contains(says) && !err(&assert).contains('\u{1b}'), "{}", err(&assert));
    assert_eq!(out(&assert), "");
}

#[test]
fn a_baseline_with_a_check_twice_is_invalid() {
    let place = regressed();
    place.run(&["compare", "--write-baseline", "base.json", &in_store(FIRST)]).code(0);
    let text = place.text("base.json");
    let line = text.lines().find(|line| line.contains("\"check\":")).expect("a check");
    place.write("base.json", &text.replacen(line, &format!("{line}\n{line}"), 1));
    let assert = place.run(&["compare", "base.json", &in_store(FIRST)]).code(2);
    assert!(err(&assert).contains("duplicate check params/"), "{}", err(&assert));
}

#[test]
fn hostile_text_of_a_baseline_is_inert_in_each_format() {
    let place = Place::new();
    place.report("reports", FIRST, "reference", &["--case", CASE]);
    place.run(&["compare", "--write-baseline", "base.json", &in_store(FIRST)]).code(0);
    let hostile = r"a/\u001b[31m<img src=x onerror=alert(1)>|`\u202e\nno regression";
    place.write(
        "base.json",
        &place.text("base.json").replacen(
            &format!("\"check\":\"{CASE}"),
            &format!("\"check\":\"{hostile}"),
            1,
        ),
    );
    for format in ["--markdown", "--json"] {
        let text = out(&place.run(&["compare", "base.json", &in_store(FIRST), format]).code(0));
        assert!(!text.contains('\u{1b}'), "{format}: {text:?}");
        assert!(format == "--json" || !text.contains("<img"), "{format}: {text}");
    }
    let text = out(&place.run(&["compare", "base.json", &in_store(FIRST)]).code(0));
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert!(text.contains(r"renamed a/\u{1b}[31m<img"), "{text}");
}

#[test]
fn a_corrupt_report_is_no_side_of_a_comparison() {
    let place = regressed();
    let results = format!("reports/{SECOND}/results.json");
    place.write(&results, &place.text(&results).replacen("\"fail", "\"pass", 1).replacen(' ', "  ", 1));
    for (base, new) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let assert = place.run(&["compare", &in_store(base), &in_store(new)]).code(8);
        assert!(
            err(&assert).contains(&format!("cannot use report reports/{SECOND}: results.json")),
            "{}",
            err(&assert)
        );
        assert_eq!(out(&assert), "");
    }
}

#[test]
fn a_store_is_its_newest_report_and_says_which() {
    let place = Place::new();
    // The newest is the last one that was written, whatever its stamp says.
    place.report("old", FIRST, "stub", &[]);
    place.report("old", "2024-01-01T000000Z", "reference", &[]);
    place.report("new", FIRST, "stub", &[]);
    let assert = place.run(&["compare", "old", "new"]).code(5);
    let notes = format!("newest report: old/2024-01-01T000000Z\nnewest report: new/{FIRST}\n");
    assert_eq!(err(&assert), notes);
    assert!(out(&assert).contains(&format!("regressed   {REGRESSED}\n")), "{}", out(&assert));
}

/// An implementation file `mine.toml`, whose program is this command.
fn mine(place: &Place, command: &[&str]) {
    place.write("mine.toml", &format!("[launch]\ncommand = {command:?}\n"));
}

/// The command of an adapter that behaves as this built-in implementation.
fn served(implementation: &str) -> [String; 4] {
    let program = program::path().display().to_string();
    [program, "serve".to_owned(), "--impl".to_owned(), implementation.to_owned()]
}

#[test]
fn a_regression_in_a_store_has_its_last_good_and_its_first_bad_report() {
    let place = Place::new();
    let faulty = "restores_params_after_rebuild";
    let stamps = ["2025-10-17", "2025-10-18", "2025-10-19", "2025-10-20", "2025-10-21"];
    let stamps = stamps.map(|day| format!("{day}T000000Z"));
    for (stamp, implementation) in stamps.iter().zip(["reference", "reference", faulty, faulty, "reference"])
    {
        mine(&place, &served(implementation).each_ref().map(String::as_str));
        place.report("reports", stamp, "mine.toml", &["--case", CASE]);
    }
    let [first, good, bad, still_bad, fixed] = stamps.each_ref().map(|stamp| in_store(stamp));
    let json = place.json(&first, &still_bad, 5);
    let check = &json["checks"][0];
    assert_eq!(
        (&check["last_good"], &check["first_bad"]),
        (&stamps[1].as_str().into(), &stamps[2].as_str().into())
    );
    assert_eq!(check["flaky"], false, "the implementation file is another one");
    assert_eq!(json["environment"][0]["name"], "implementations/mine/files/1 mine.toml");
    let text = out(&place.run(&["compare", &good, &bad]).code(5));
    let line = format!("  last good report: {}; first bad report: {}\n", stamps[1], stamps[2]);
    assert!(text.contains(&line), "{text}");
    place.run(&["compare", &bad, &still_bad]).code(0);
    place.run(&["compare", &bad, &fixed]).code(0);
    // A damaged report is neither: the index knows its results, and does not verify the rest.
    for (damaged, good, first_bad) in [(&bad, &stamps[1], &stamps[3]), (&good, &stamps[0], &stamps[3])] {
        place.write(&format!("{damaged}/summary.md"), "All is well.\n");
        let assert = place.run(&["compare", &first, &still_bad]).code(8);
        let line = format!("  last good report: {good}; first bad report: {first_bad}\n");
        assert!(out(&assert).contains(&line), "{}", out(&assert));
        let says = format!("left damaged report {damaged} out of the search");
        let said = err(&assert)
            .replace(&format!("{}/", place.path("").canonicalize().expect("a path").display()), "");
        assert!(said.contains(&says), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn another_result_of_the_same_program_is_flaky() {
    let place = Place::new();
    let [program, ..] = served("");
    // Without its name, which is in its version.
    let script = "which=$(cat \"$(dirname \"$0\")/which\")\nPROGRAM serve --impl \"$which\" | sed -u \"s/$which/it/\"\n";
    place.write("adapter.sh", &script.replace("PROGRAM", &format!("'{program}'")));
    mine(&place, &["sh", place.path("adapter.sh").to_str().expect("a path")]);
    for (stamp, implementation) in [(FIRST, "reference"), (SECOND, "restores_params_after_rebuild")] {
        place.write("which", implementation);
        place.report("reports", stamp, "mine.toml", &["--case", CASE]);
    }
    let worse = place.json(&in_store(FIRST), &in_store(SECOND), 5);
    assert_eq!((&worse["checks"][0]["flaky"], &worse["environment"]), (&true.into(), &Json::Array(vec![])));
    let better = out(&place.run(&["compare", &in_store(SECOND), &in_store(FIRST)]).code(0));
    assert!(
        better.contains(&format!(
            "flaky {CASE} on mine (green): fail -> pass; different results on equal recorded inputs\n"
        )),
        "{better}"
    );
}

#[test]
fn a_damaged_report_of_a_store_is_ignored_and_named() {
    let place = regressed();
    place.report("base", FIRST, "reference", &[]);
    place.write(&format!("reports/{SECOND}/summary.md"), "all good\n");
    let assert = place.run(&["compare", "base", "reports"]).code(8);
    let named = format!("ignored damaged report reports/{SECOND}: summary.md has changed");
    assert!(err(&assert).contains(&named), "{}", err(&assert));
    assert!(err(&assert).contains(&format!("newest report: reports/{FIRST}")), "{}", err(&assert));
    assert!(out(&assert).contains("no regression: "), "{}", out(&assert));
}

#[test]
fn renamed_and_changed_cases_and_suites_are_named() {
    let place = Place::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle");
    let read = |name: &str| fs::read_to_string(own.join(name)).expect("a file");
    for name in ["requirements/loader.toml", "configs.toml"] {
        place.write(&format!("suite/{name}"), &read(name));
    }
    let case = |folder: &str| CASE_TEXT.replace("never_saved", folder);
    place.write("suite/cases/loader/one.toml", &case("never_saved"));
    place.write("suite/cases/loader/two.toml", &case("not_there"));
    let suite = ["--suite", "suite", "--case", "loader/*"];
    place.report("reports", FIRST, "stub", &suite);
    fs::rename(place.path("suite/cases/loader/one.toml"), place.path("suite/cases/loader/three.toml"))
        .expect("a case");
    place.write("suite/cases/loader/two.toml", &case("not_there_either"));
    place.report("reports", SECOND, "stub", &suite);
    let json = place.json(&in_store(FIRST), &in_store(SECOND), 0);
    assert_eq!(json["suite_changed"], true);
    let checks = json["checks"].as_array().expect("checks");
    let named = |name: &str| checks.iter().find(|check| check["check"] == name).expect("the check");
    assert_eq!(named("loader/three")["renamed_from"], "loader/one");
    assert_eq!(
        (&named("loader/two")["case_changed"], &named("loader/two")["renamed_from"]),
        (&true.into(), &Json::Null)
    );
}

/// A case that fails on the stub.
const CASE_TEXT: &str = r#"
title    = "A bundle that was never saved"
requires = ["LOD-004"]

[[steps]]
do.load_torch_bundle = { base_path = "$work/never_saved/wts.h5", as = "loaded" }
expect.loads = { equal = ["$loaded.models", "x"], because = "a bundle loads" }

[[red]]
on = "stub"
fails = "loads"
"#;

#[rstest]
#[case::nothing(&["compare"], 2, "<BASE>")]
#[case::one_run(&["compare", "reports"], 2, "<NEW>")]
#[case::two_formats(&["compare", "a", "b", "--json", "--markdown"], 2, "cannot be used with")]
#[case::two_runs_for_a_baseline(&["compare", "a", "b", "--write-baseline", "c"], 2, "cannot be used with")]
#[case::no_such_file(&["compare", "nowhere", "reports"], 2, "nowhere does not exist: expected a report, a directory of reports, or a baseline file")]
#[case::no_reports(&["compare", "empty", "empty"], 2, "no usable report in empty: expected a report, a directory of reports, or a baseline file")]
fn invalid_arguments_are_reported_and_leave_nothing(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] says: &str,
) {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("a folder");
    let assert = place.run(arguments).code(code);
    assert!(err(&assert).contains(says), "{}", err(&assert));
    assert_eq!(out(&assert), "");
    assert_eq!(fs::read_dir(place.path("")).expect("a folder").count(), 1, "something was left behind");
}

#[test]
fn a_baseline_without_checks_is_nothing_to_compare_with() {
    let place = Place::new();
    place.report("R", FIRST, "reference", &[]);
    place.run(&["compare", "--write-baseline", "base.json", &format!("R/{FIRST}")]).code(0);
    let mut baseline: Json = serde_json::from_str(&place.text("base.json")).expect("JSON");
    baseline["checks"] = Json::Array(Vec::new());
    place.write("base.json", &baseline.to_string());
    let said = err(&place.run(&["compare", "base.json", "R"]).code(4));
    assert!(said.contains("base.json has no checks"), "{said}");
}

#[test]
fn the_newest_report_is_the_one_with_the_highest_number_whatever_the_index_says() {
    let place = Place::new();
    place.report("R", FIRST, "reference", &["--phase", "green", "--case", CASE]);
    place.report("R", SECOND, "stub", &["--phase", "green", "--case", CASE]);
    place.run(&["render", "--index", "R"]).code(0);
    let mut index: Json = serde_json::from_str(&place.text("R/.index.json")).expect("JSON");
    index["tables"]["reports"].as_array_mut().expect("reports").reverse();
    place.write("R/.index.json", &index.to_string());
    place.run(&["compare", &format!("R/{FIRST}"), "R"]).code(5);
}

#[test]
fn a_page_replaces_nothing_but_a_comparison() {
    let place = Place::new();
    place.report("R", FIRST, "reference", &[]);
    let report = format!("R/{FIRST}");
    let summary = format!("{report}/summary.md");
    let readme = "Run `bundleproof compare BASE NEW --html page.html`.\n";
    place.write("README.md", readme);
    let page = format!("{report}/report.html");
    for other in [summary.as_str(), page.as_str(), "README.md"] {
        let said = err(&place.run(&["compare", &report, &report, "--html", other]).code(2));
        assert!(said.contains("it exists and is not a comparison"), "{said}");
    }
    assert_eq!(place.text("README.md"), readme);
    for _ in 0..2 {
        place.run(&["compare", &report, &report, "--html", "page.html"]).code(0);
    }
    place.pipe("pipe.html");
    std::os::unix::fs::symlink(place.path("page.html"), place.path("link.html")).expect("a link");
    for other in ["pipe.html", "link.html"] {
        let said = err(&place.run(&["compare", &report, &report, "--html", other]).code(2));
        assert!(said.contains("it exists and is not a comparison"), "{said}");
    }
    assert!(place.path("link.html").is_symlink());
}
