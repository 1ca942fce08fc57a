//! The ledger on the command line: blocked rows, protected files, and copies that a team keeps.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::fs;

use assert_cmd::assert::Assert;
use place::{Place, err, out};
use rstest::rstest;
use serde_json::Value;

const STAMPS: [&str; 3] = ["2025-10-17T112849Z", "2025-10-17T120000Z", "2025-10-17T130000Z"];

impl Place {
    fn run_plan(&self, stamp: &str, arguments: &[&str]) -> Assert {
        let plan = ["run", "--plan", "phase_d4", "--stamp", stamp];
        self.run(&[&plan[..], arguments].concat())
    }

    fn ledger(&self, arguments: &[&str]) -> Assert {
        self.run(&[&["ledger", "--plan", "phase_d4"], arguments].concat())
    }

    fn summary(&self, stamp: &str) -> String {
        fs::read_to_string(self.path("reports").join(stamp).join("summary.md")).expect("the summary")
    }

    fn rows(&self) -> Vec<Value> {
        let ledger: Value =
            serde_json::from_slice(&self.ledger(&["--json"]).get_output().stdout).expect("JSON");
        ledger["rows"].as_array().expect("rows").clone()
    }
}

#[test]
fn a_blocked_row_stays_open_with_its_reason_and_its_errors_until_a_report_does_not_block_it() {
    let place = Place::new();
    let why = "D4.B2=no disk | on this machine";
    let text = out(&place.run_plan(STAMPS[0], &["--phase", "red", "--blocked", why]).code(0));
    assert!(text.contains("D4.B2           blocked (no disk | on this machine): proven: 2/2"), "{text}");
    let rows = place.rows();
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_str().expect("a state")).collect();
    assert_eq!(states, ["[P]", "[ ]", "[P]", "[P]", "[P]"]);
    assert_eq!(rows[1]["blocked"], "no disk | on this machine");
    let errors = rows[1]["attempts"][0]["errors"].as_array().expect("errors");
    assert!(errors[0].as_str().expect("text").contains("no file"), "{errors:?}");
    assert!(out(&place.ledger(&[])).contains("! orchestration/workflow_persists_models: "));
    // What fails in a blocked row alone does not fail the run.
    let green = ["--phase", "green", "--impl", "never_persists"];
    place.run_plan(STAMPS[1], &[&green[..], &["--blocked", why]].concat()).code(1);
    let only = ["--blocked", why, "--blocked", "D4.C1=later", "--blocked", "D4.C2=later"];
    place.run_plan(STAMPS[2], &[&green[..], &only].concat()).code(0);
    place.run_plan("2025-10-17T140000Z", &["--phase", "red"]).code(0);
    assert_eq!(place.rows()[1]["state"], "[P]");
}

#[rstest]
#[case::unknown(&["--plan", "phase_d4", "--blocked", "D4.B9=x"], "unknown row \"D4.B9\" of phase_d4")]
#[case::without_why(&["--plan", "phase_d4", "--blocked", "D4.B1="], "expected a row and a reason")]
#[case::twice(&["--plan", "phase_d4", "--blocked", "D4.B1=x", "--blocked", "D4.B1=y"], "names D4.B1 twice")]
#[case::without_plan(&["--blocked", "D4.B1=x"], "--plan <NAME>")]
#[case::protect_without_plan(&["--protect", "src"], "--plan <NAME>")]
#[case::protect_elsewhere(&["--plan", "phase_d4", "--protect", "../src"], "invalid path \"../src\"")]
fn options_that_fit_no_row_are_usage_errors(#[case] arguments: &[&str], #[case] says: &str) {
    let place = Place::new();
    let assert = place.run(&[&["run"], arguments].concat()).code(2);
    assert!(err(&assert).contains(says), "{}", err(&assert));
    assert!(!place.path("reports").exists());
}

#[test]
fn a_red_phase_names_the_protected_files_that_changed() {
    let place = Place::new();
    place.write("src/store.py", "1");
    place.write("src/load.py", "1");
    let red = ["--phase", "red", "--protect", "src/*.py", "--protect", "gone.py"];
    let first = place.run_plan(STAMPS[0], &red).code(0);
    assert!(!out(&first).contains("warning"), "{}", out(&first));
    // A mistyped path would protect nothing.
    let said = err(&first);
    assert!(said.contains("warning: gone.py is protected and does not exist"), "{said}");
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    place.write("src/store.py", "2");
    let text = out(&place.run_plan(STAMPS[1], &red).code(0));
    let says = format!("protected files changed since {}: src/store.py", STAMPS[0]);
    assert!(text.contains(&format!("warning: {says}; a red phase changes tests only")), "{text}");
    assert!(place.summary(STAMPS[1]).contains(&says));
    assert!(out(&place.ledger(&[])).contains("! attempt #56"), "{}", out(&place.ledger(&[])));
    assert!(out(&place.ledger(&["--attempts"])).contains(&says));
    // A green phase may change them, and then they are as in the attempt before.
    place.write("src/load.py", "2");
    let green = ["--phase", "green", "--protect", "src/*.py", "--protect", "gone.py"];
    assert!(!out(&place.run_plan(STAMPS[2], &green).code(0)).contains("warning"));
    let text = out(&place.run_plan("2025-10-17T140000Z", &red).code(0));
    assert!(!text.contains("warning"), "{text}");
    let results = fs::read(place.path("reports").join(STAMPS[0]).join("results.json")).expect("results");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    assert_eq!(results["protected"]["files"]["gone.py"], "missing");
}

#[test]
fn attempts_have_the_form_of_the_plan() {
    let place = Place::new();
    place.run_plan(STAMPS[0], &["--phase", "red"]).code(0);
    place.run_plan(STAMPS[1], &["--phase", "green"]).code(0);
    let text = out(&place.ledger(&["--attempts", "--markdown"]).code(0));
    let first = format!("- [{}] Attempt #55 - red on stub: 4/4 rows proven\n", STAMPS[0]);
    assert!(text.contains(&first), "{text}");
    for says in
        ["Attempt #56 - green on reference: 4/4 rows passed", "  - metrics: 23/23 passed", "  - next: "]
    {
        assert!(text.contains(says), "{text}");
    }
    let attempts: Value =
        serde_json::from_slice(&place.ledger(&["--attempts", "--json"]).get_output().stdout).expect("JSON");
    assert_eq!(attempts["attempts"][1]["number"], 56);
    assert_eq!(attempts["attempts"][1]["counts"]["pass"], 23);
    let row = &place.rows()[0];
    assert_eq!(row["transitions"][0]["from"], "[ ]");
    assert_eq!(row["transitions"][1]["to"], "[x]");
    assert_eq!(row["evidence"][1], format!("{}/phase_d4_green_persistence.log", STAMPS[1]));
}

#[test]
fn a_copy_of_the_ledger_is_verified_and_a_row_ticked_by_hand_is_caught() {
    let place = Place::new();
    place.run_plan(STAMPS[0], &["--phase", "red"]).code(0);
    let ledger = out(&place.ledger(&["--markdown"]).code(0));
    place.write("plan.md", &format!("# What we do\n\nWords.\n\n{ledger}\n- [ ] exit checklist\n"));
    let assert = place.ledger(&["--verify", "plan.md"]).code(0);
    assert_eq!(out(&assert), "plan.md: 5 rows match the reports\n");
    let ticked = ledger.replacen("| `[P]` |", "| `[x]` |", 1);
    place.write("plan.md", &ticked);
    let text = err(&place.ledger(&["--verify", "plan.md"]).code(8));
    assert!(text.contains("plan.md: line 9: D4.B1: state is `[x]`, expected `[P]`"), "{text}");
    let history = "Attempt #55 - red proven";
    assert!(ledger.contains(history), "{ledger}");
    place.write("plan.md", &ledger.replace(history, "Attempt #55 - green passed"));
    let text = err(&place.ledger(&["--verify", "plan.md"]).code(8));
    assert!(text.contains("the reports do not say: "), "{text}");
    // The reports go on, and the copy is out of date.
    place.write("plan.md", &ledger);
    place.run_plan(STAMPS[1], &["--phase", "green"]).code(0);
    let text = err(&place.ledger(&["--verify", "plan.md"]).code(8));
    assert!(text.contains("D4.C2: state is `[P]`, expected `[x]`"), "{text}");
    place.pipe("pipe.md");
    let text = err(&place.ledger(&["--verify", "pipe.md"]).code(2));
    assert!(text.contains("cannot verify pipe.md: not a regular file"), "{text}");
    let text = err(&place.ledger(&["--verify", "gone.md"]).code(2));
    assert!(text.contains("cannot verify gone.md: No such file"), "{text}");
}

#[test]
fn a_directory_that_is_named_must_have_the_reports() {
    let place = Place::new();
    let started = place.ledger(&[]).code(0);
    assert!(err(&started).contains("note: no reports in reports"), "{}", err(&started));
    let missing = place.ledger(&["--reports", "nowhere"]).code(2);
    assert_eq!(out(&missing), "");
    assert!(err(&missing).contains("no reports in nowhere"), "{}", err(&missing));
}

#[test]
fn the_next_step_of_an_attempt_that_failed_is_not_nothing() {
    let place = Place::new();
    place.run_plan(STAMPS[0], &["--phase", "red"]).code(0);
    place.run_plan(STAMPS[1], &["--phase", "green"]).code(0);
    place.run_plan(STAMPS[2], &["--phase", "green", "--impl", "never_persists"]).code(1);
    let attempts = out(&place.ledger(&["--attempts"]).code(0));
    let (before, failed) = attempts.split_once("green on never_persists").expect("the attempt");
    assert!(!failed.contains("every row is done") && failed.contains("- next: D4."), "{failed}");
    assert!(before.contains("green on reference"), "{before}");
}
