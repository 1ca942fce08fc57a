//! Options that make a run shorter, quieter or other, and what says whether a run can begin.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/one_case.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod one_case;
#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{collections::BTreeSet, fs};

use place::{Place, err, out};
use rstest::rstest;
use serde_json::Value;

/// The command of an adapter that is this built-in implementation.
fn served(name: &str) -> String {
    format!("'{}' serve --impl {name}", program::path().display())
}

/// The outcomes of a report: the ids of the checks, and how each ended.
fn outcomes(place: &Place, stamp: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(place.path("reports").join(stamp).join("results.json")).expect("results");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let outcomes = results["outcomes"].as_array().expect("outcomes").iter();
    outcomes.map(|outcome| (text(&outcome["check"]), text(&outcome["ended"]["how"]))).collect()
}

#[test]
fn only_the_failed_checks_of_a_report_run_again() {
    let place = Place::new();
    let ids = |stamp: &str| -> Vec<String> {
        outcomes(&place, stamp).into_iter().map(|(check, _)| check).collect()
    };
    let run = |arguments: &[&str], stamp: &str| place.run(&[&["run", "--stamp", stamp], arguments].concat());
    let cases =
        ["--case", "orchestration/workflow_persists_models", "--case", "params/missing_key_is_refused"];
    let [first, second, third] = ["2025-10-17T112849Z", "2025-10-17T112850Z", "2025-10-17T112851Z"];
    run(&[&cases[..], &["--impl", "never_persists"]].concat(), first).code(1);
    let failed: Vec<String> = ids(first).into_iter().filter(|id| id.starts_with("orch")).collect();
    assert!(failed.len() < ids(first).len(), "{failed:?}");
    run(&["--rerun-failed", "--impl", "never_persists"], second).code(1);
    assert_eq!(ids(second), failed);
    run(&["--rerun-failed", &format!("reports/{first}"), "--impl", "reference"], third).code(0);
    assert_eq!(ids(third), failed);
    for (arguments, says) in [
        (&["--rerun-failed", "--reports", "nowhere"][..], "--rerun-failed: nowhere does not exist: no run"),
        (&["--rerun-failed", "nowhere"], "--rerun-failed: nowhere does not exist: expected a report"),
    ] {
        let said = err(&run(&[arguments, &["--impl", "reference"]].concat(), "2025-10-17T112853Z").code(2));
        assert!(said.contains(says), "{said}");
    }
    let none = run(&["--rerun-failed", "--impl", "reference"], "2025-10-17T112852Z").code(4);
    assert!(
        err(&none).contains(&format!("none of the selected checks failed in reports/{third}")),
        "{}",
        err(&none)
    );
    assert_eq!(
        fs::read_dir(place.path("reports")).expect("reports").count(),
        3 + usize::from(place.path("reports/.index.json").exists())
    );
}

#[test]
fn colors_and_the_length_of_the_output_are_chosen() {
    let place = Place::new();
    let run = |options: &[&str], stamp: &str| {
        let all = [
            &["run", "--case", "params/missing_key_is_refused", "--impl", "reference", "--stamp", stamp],
            options,
        ];
        out(&place.run(&all.concat()).code(0))
    };
    let long = run(&[], "2025-10-17T112849Z");
    assert!(long.lines().count() > 4 && !long.contains('\u{1b}'), "{long}");
    let short = run(&["--quiet"], "2025-10-17T112850Z");
    assert_eq!(
        short,
        "reference conforms in the selected checks: 1 of 1 check passed.\nReport: reports/2025-10-17T112850Z\n"
    );
    let colored = run(&["-q", "--color", "always"], "2025-10-17T112851Z");
    assert!(colored.starts_with("\u{1b}[1m\u{1b}[32mreference conforms"), "{colored:?}");
}

#[rstest]
#[case::one(&["--fail-fast"], 1)]
#[case::three(&["--max-fail", "3"], 3)]
fn a_run_stops_after_some_failures(#[case] option: &[&str], #[case] most: usize) {
    let (place, stamp) = (Place::new(), "2025-10-17T112849Z");
    let run =
        ["run", "--impl", "never_persists", "--area", "orchestration", "--workers", "1", "--stamp", stamp];
    let text = out(&place.run(&[&run, option].concat()).code(1));
    let ended = outcomes(&place, stamp);
    let not_run = ended.iter().filter(|(_, how)| how == "not_run").count();
    assert!(ended.len() > 50 && not_run >= ended.len() - most - 1, "{not_run} of {}", ended.len());
    assert!(text.contains(&format!("({not_run} not run)")), "{text}");
    let because = "when the checks that had begun were over";
    assert!(text.contains(because), "{text}");
    let whole = "2025-10-17T112850Z";
    place.run(&["run", "--impl", "never_persists", "--area", "orchestration", "--stamp", whole]).code(1);
    let all = outcomes(&place, whole);
    assert!(all.iter().all(|(_, how)| how != "not_run"), "{all:?}");
}

#[test]
fn each_check_is_printed_when_it_ends() {
    let place = Place::new();
    let run = ["run", "--impl", "never_persists", "--case", "orchestration/workflow_persists_models"];
    let said = err(&place.run(&[&run[..], &["-v"]].concat()).code(1));
    let expected = "fail orchestration/workflow_persists_models on never_persists (green, ";
    assert!(said.lines().any(|line| line.starts_with(expected) && line.ends_with(" ms)")), "{said}");
    assert_eq!(err(&place.run(&run).code(1)), "");
}

#[test]
fn known_failures_do_not_stop_a_run() {
    let (place, stamp) = (Place::new(), "2025-10-17T112849Z");
    let run = ["run", "--impl", "mine.toml", "--area", "orchestration", "--stamp", stamp, "--workers", "1"];
    let launch = format!("[launch]\ncommand = ['sh', '-c', \"exec {}\"]\n", served("never_persists"));
    let known = "[[known]]\ncase = 'orchestration/*'\nreason = 'file'\nwhy = 'w'\nowner = 'o'\nexpires = '2999-01-01'\n";
    place.write("mine.toml", &format!("{launch}{known}"));
    place.run(&[&run[..], &["--fail-fast"]].concat());
    let ended = outcomes(&place, stamp);
    assert!(ended.len() > 50 && ended.iter().all(|(_, how)| how != "not_run"), "{ended:?}");
}

#[test]
fn a_check_whose_results_differ_is_flaky() {
    let (place, stamp) = (Place::new(), "2025-10-17T112849Z");
    // The first process is that of the probes, the second that of the first run of the check.
    let count = place.path("count").display().to_string();
    let (good, bad) = (served("reference"), served("never_persists"));
    place.write(
        "start.sh",
        &format!(
            "echo >> '{count}'\nif [ $(wc -l < '{count}') -gt 2 ]; then exec {bad}; else exec {good}; fi\n"
        ),
    );
    let script = place.path("start.sh").display().to_string();
    place.write(
        "mine.toml",
        &format!("[launch]\ncommand = ['sh', '{script}']\nprocess = 'per_case'\ninherit = ['PATH']\n"),
    );
    let case = "orchestration/workflow_persists_models";
    let run = ["run", "--impl", "mine.toml", "--case", case, "--workers", "1", "--stamp", stamp];
    let text = out(&place.run(&[&run[..], &["--repeat", "3"]].concat()).code(1));
    assert!(text.contains("flaky: not as expected in 2 of 3 runs"), "{text}");
    assert!(text.contains("did not pass (1 flaky)"), "{text}");
    let report = place.path("reports").join(stamp);
    let results: Value =
        serde_json::from_str(&fs::read_to_string(report.join("results.json")).expect("results"))
            .expect("JSON");
    assert_eq!(results["outcomes"].as_array().expect("outcomes").len(), 1);
    assert_eq!(results["outcomes"][0]["flaky"], serde_json::json!({ "runs": 3, "unexpected": 2 }));
    for (name, says) in
        [("summary.md", "1 flaky"), ("junit.xml", "in 2 of 3 runs"), ("report.html", "in 2 of 3 runs")]
    {
        let text = fs::read_to_string(report.join(name)).expect(name);
        assert!(text.contains(says), "{name}");
    }
    // The same result in all runs is not flaky.
    fs::remove_file(&count).expect("the counter");
    place.write("start.sh", &format!("exec {good}\n"));
    let steady = ["run", "--impl", "mine.toml", "--case", case, "--repeat", "3", "--quiet"];
    assert!(!out(&place.run(&steady).code(0)).contains("flaky"));
    place.run(&["run", "--repeat", "0"]).code(2);
}

#[test]
fn a_report_keeps_every_difference_and_people_see_the_first() {
    let (place, stamp) = (Place::new(), "2025-10-17T112849Z");
    let case = "roundtrip/networks_come_back[gridsize1]";
    let run = ["run", "--impl", "loads_a_fresh_network", "--case", case, "--stamp", stamp];
    let text = out(&place.run(&run).code(1));
    let results =
        fs::read_to_string(place.path("reports").join(stamp).join("results.json")).expect("results");
    let results: Value = serde_json::from_str(&results).expect("JSON");
    let steps = results["outcomes"][0]["steps"].as_array().expect("steps");
    let expectations = steps.iter().filter_map(|step| step["expectations"].as_array()).flatten();
    let failure =
        expectations.map(|own| &own["failure"]).find(|failure| failure.is_object()).expect("a failure");
    let details = failure["details"].as_array().expect("details");
    let actual = failure["actual"].as_str().expect("text");
    let counted = actual.split("; and ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
    assert_eq!(details.len(), counted.parse::<usize>().expect("a number"), "{details:?}");
    let shown = |detail: &&Value| text.contains(detail.as_str().expect("text"));
    assert_eq!(details.iter().filter(shown).count(), 4, "{text}");
    assert!(text.contains(&format!("{} further differences in results.json", details.len() - 4)), "{text}");
}

#[test]
fn checks_run_in_another_order_and_are_reported_in_that_of_the_suite() {
    let place = Place::new();
    let [plain, shuffled, again] = ["2025-10-17T112849Z", "2025-10-17T112850Z", "2025-10-17T112851Z"];
    // The keys that the adapter was asked for, in the order of the requests.
    let keys = |more: &[&str], stamp: &str| -> Vec<Value> {
        let run = ["run", "--area", "params", "--stamp", stamp, "--trace", stamp, "--workers", "1"];
        place.run(&[&run[..], &["--impl-cmd", &served("reference")], more].concat()).code(0);
        let trace = fs::read_to_string(place.path(stamp)).expect("a trace");
        let messages = trace.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            serde_json::from_str(line["line"].as_str().expect("a message")).expect("JSON")
        });
        let asked = messages.filter(|message: &Value| message["method"] == "get_param");
        asked.map(|message| message["params"]["key"].clone()).collect()
    };
    let in_order = keys(&[], plain);
    let another = keys(&["--shuffle", "7"], shuffled);
    let sorted = |keys: &[Value]| -> Vec<String> {
        let mut keys: Vec<String> = keys.iter().map(Value::to_string).collect();
        keys.sort();
        keys
    };
    assert!(in_order != another && sorted(&in_order) == sorted(&another), "{in_order:?} {another:?}");
    assert_eq!(keys(&["--shuffle", "7"], again), another);
    assert_eq!(outcomes(&place, plain), outcomes(&place, shuffled));
}

#[test]
fn a_project_sets_options_and_the_command_line_wins() {
    let place = Place::new();
    place.write("bundleproof.toml", "impl = 'never_persists'\nreports = 'kept'\n");
    place.write("below/x", "");
    let case = ["run", "--case", "orchestration/workflow_persists_models"];
    let below = |more: &[&str]| {
        let all = [&case[..], more].concat();
        place.program().current_dir(place.path("below")).args(all).assert()
    };
    let said = err(&below(&["--stamp", "2025-10-17T112849Z"]).code(1));
    assert!(said.contains("../bundleproof.toml: --impl never_persists --reports ../kept"), "{said}");
    assert!(place.path("kept/2025-10-17T112849Z").is_dir());
    let said = err(&below(&["--impl", "reference", "--reports", "own"]).code(0));
    assert!(!said.contains("bundleproof.toml"), "{said}");
    assert!(place.path("below/own").is_dir());
    // A plan names its implementations.
    for more in [&["--plan", "phase_d4"][..], &["--phase", "red"]] {
        let said = err(&below(more));
        assert!(!said.contains("--impl") && said.contains("--reports"), "{said}");
    }
    // What a file says does not depend on settings.
    place.write("bundleproof.toml", "impl = [");
    below(&[]).code(2);
    place.run(&["list", "areas-do-not-matter"]).code(2);
    place.run(&["list", "plans"]).code(0);
}

#[rstest]
#[case::not_toml("impl = [", "bundleproof.toml")]
#[case::unknown("imp = 'x'", "unknown field `imp`")]
#[case::of_another_type("deadline = 'soon'", "expected a whole number from 0 to 4294967295, found \"soon\"")]
#[case::too_large("workers = 70000", "expected a whole number from 0 to 65535, found 70000")]
#[case::negative("max-unsupported = -1", "expected a whole number from 0 to 4294967295, found -1")]
#[case::out_of_range("workers = 0", "0 is not in 1..")]
fn invalid_settings_are_named(#[case] text: &str, #[case] says: &str) {
    let place = Place::new();
    place.write("bundleproof.toml", text);
    let said = err(&place.run(&["run", "--case", "params/missing_key_is_refused"]).code(2));
    assert!(said.contains(says), "{said}");
    assert!(!place.path("reports").exists());
}

#[test]
fn a_doctor_tries_each_operation_that_is_offered() {
    let place = Place::new();
    let json = |arguments: &[&str], code: i32| -> Value {
        serde_json::from_str(&out(&place.run(&[&["doctor", "--json"], arguments].concat()).code(code)))
            .expect("JSON")
    };
    let states = |found: &Value, state: &str| -> BTreeSet<String> {
        let operations = found["operations"].as_array().expect("operations").iter();
        let own = operations.filter(|own| own["state"] == state);
        own.map(|own| own["name"].as_str().expect("a name").to_owned()).collect()
    };
    let good = json(&["--impl-cmd", &served("reference")], 0);
    assert!(states(&good, "answers").len() >= 12 && states(&good, "fails").is_empty(), "{good}");
    assert_eq!(good["format"], 1);
    let stub = json(&["--impl", "stub"], 1);
    assert!(states(&stub, "fails").contains("load_torch_bundle"), "{stub}");
    assert!(states(&stub, "answers").contains("set_params"), "{stub}");
    let text = out(&place.run(&["doctor", "--impl", "stub"]).code(1));
    assert!(text.contains("load_torch_bundle") && text.contains("not_implemented"), "{text}");
    place.run(&["doctor", "--impl-cmd", "no-such-program"]).code(7);
    place.run(&["doctor"]).code(2);
    assert!(!place.path("reports").exists());
}

#[rstest]
#[case::unknown_command(&["lis", "--json"], 2, "unrecognized subcommand")]
#[case::unreadable_report(&["run", "--json", "--impl", "no_such"], 2, "unknown implementation")]
#[case::unknown_word(&["list", "cases", "no-such-word", "--json"], 2, "no-such-word")]
fn errors_are_json_if_the_result_is(#[case] arguments: &[&str], #[case] code: i32, #[case] says: &str) {
    let said = err(&Place::new().run(arguments).code(code));
    let json: Value = serde_json::from_str(&said).expect("one line of JSON");
    assert_eq!(json["format"], 1);
    assert!(json["error"].as_str().expect("a message").contains(says), "{said}");
}

#[test]
fn an_error_of_a_suite_is_json_with_its_place() {
    let place = Place::new();
    place.write("suite/requirements/a.toml", "requirements = 1\n");
    let said = err(&place.run(&["list", "--json", "--suite", "suite"]).code(3));
    let first: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["line"], first["file"].as_str()), (&1.into(), Some("requirements/a.toml")), "{said}");
}

#[test]
fn a_file_can_come_from_standard_input() {
    let place = Place::new();
    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bundles/gs1/wts.h5.zip");
    let bytes = fs::read(bundle).expect("a bundle");
    let piped =
        |arguments: &[&str], bytes: &[u8]| place.program().args(arguments).write_stdin(bytes).assert();
    for command in ["check", "inspect"] {
        let named = out(&place.run(&[command, bundle]).code(0));
        let text = out(&piped(&[command, "-"], &bytes).code(0));
        assert_eq!(text, named.replace(bundle, "-"));
    }
    let cut = &bytes[..bytes.len() / 2];
    let text = out(&piped(&["check", "-"], cut).code(1));
    assert!(text.starts_with("-: error LOD-015"), "{text}");
    let said = err(&piped(&["inspect", "-"], cut).code(1));
    assert!(said.starts_with("error: -: "), "{said}");
}
