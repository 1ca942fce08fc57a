//! A plan on any implementation: red on the code as it stands, green on the code that mends it, and no red where the
//! code crashed or failed for another reason.
//!
//! The program of these tests is itself each adapter that fails, when a variable says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/chaos.rs"]
mod chaos;
#[path = "support/program.rs"]
mod program;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode, Output, Stdio},
};

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use tempfile::TempDir;

const STAMP: &str = "2025-10-17T112849Z";

fn main() -> ExitCode {
    if let Ok(way) = env::var(chaos::VARIABLE) {
        chaos::answer(&way);
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![
        Trial::test("a_phase_goes_red_and_green_on_any_two_implementations", || test(any_pair)),
        Trial::test("attempts_of_different_pairs_do_not_mix", || test(pairs_do_not_mix)),
        Trial::test("a_red_summary_has_the_expected_and_the_seen_reason", || test(reasons)),
        Trial::test("unsupported_checks_decide_no_row", || test(unsupported)),
        Trial::test("a_survey_compares_what_was_run", || test(surveyed)),
        Trial::test("a_crash_is_charged_to_no_requirement_of_its_check", || test(crashes_are_one_failure)),
    ];
    for failing in FAILING {
        let name = format!("what_fails_for_another_reason_is_not_red::{}", failing.way);
        trials.push(Trial::test(name, || test(|| not_red(failing))));
    }
    for usage in USAGE {
        let name = format!("what_cannot_be_combined_is_an_error::{}", usage.arguments.join(" "));
        trials.push(Trial::test(name, || test(|| refused(usage))));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Runs a test, which panics where it fails.
fn test(run: impl FnOnce()) -> Result<(), libtest_mimic::Failed> {
    run();
    Ok(())
}

/// An empty directory with implementation files: `seed.toml` is the stub and `mended.toml` the reference, both behind
/// the protocol.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary directory"));
        for (name, served) in [("seed", "stub"), ("mended", "reference")] {
            let program = program::path().display().to_string();
            place.write(name, &format!("command = [{program:?}, \"serve\", \"--impl\", \"{served}\"]"));
        }
        place
    }

    /// An adapter that fails in this way.
    fn with(way: &str) -> Self {
        let place = Self::new();
        let program = env::current_exe().expect("the program of these tests").display().to_string();
        let variable = chaos::VARIABLE;
        place.write("odd", &format!("command = [{program:?}]\nenvironment = {{ {variable} = {way:?} }}"));
        place
    }

    fn write(&self, name: &str, launch: &str) {
        fs::write(self.0.path().join(format!("{name}.toml")), format!("[launch]\n{launch}\n"))
            .expect("a file");
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program::path());
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.output().expect("the program")
    }

    fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(&[&["run", "--plan", "phase_d4"], arguments].concat());
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    }

    fn report(&self, name: &str) -> PathBuf {
        self.0.path().join("reports").join(name)
    }

    fn outcomes(&self, stamp: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.report(stamp).join("results.json")).expect("results.json");
        let results: Value = serde_json::from_str(&text).expect("JSON");
        results["outcomes"].as_array().expect("outcomes").clone()
    }

    /// The state of each row and the number of its attempts, for these implementations.
    fn ledger(&self, pair: &[&str]) -> Vec<(String, usize)> {
        let output = self.command(&[&["ledger", "--plan", "phase_d4", "--json"], pair].concat());
        let ledger: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let row = |row: &Value| {
            let attempts = row["attempts"].as_array().expect("attempts").len();
            (row["state"].as_str().expect("a state").to_owned(), attempts)
        };
        ledger["rows"].as_array().expect("rows").iter().map(row).collect()
    }
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The same state for all rows of the plan.
fn all(state: &str, attempts: usize) -> Vec<(String, usize)> {
    vec![(state.to_owned(), attempts); 5]
}

fn any_pair() {
    let place = Place::new();
    let text = place.run(&["--phase", "red", "--impl", "seed.toml", "--stamp", STAMP], 0);
    assert!(text.contains("23/23 failed as expected on seed") && text.contains("D4.B1"), "{text}");
    let pair = ["--red", "seed", "--green", "mended"];
    assert_eq!(place.ledger(&pair), all("[P]", 1));
    let text = place.run(&["--green", "mended.toml"], 0);
    assert!(text.contains("23/23 passed on mended") && !text.contains("red "), "{text}");
    assert_eq!(place.ledger(&pair), all("[x]", 2));
    let page = shown(&place.command(&[&["ledger", "--plan", "phase_d4"], &pair[..]].concat()));
    assert!(page.contains("[x] D4.B1: red on seed, green on mended"), "{page}");
    let files = ["--red", "./seed.toml", "--green", "mended.toml"];
    assert_eq!(place.ledger(&files), all("[x]", 2), "a file is called by its name");
    // Each rerun command works as it is printed.
    let log = fs::read_to_string(place.report(STAMP).join("phase_d4_red_persistence.log")).expect("a log");
    let rerun = log.lines().find_map(|line| line.trim().strip_prefix("rerun:")).expect("a command");
    let words = shell_words::split(rerun).expect("words");
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let output = place.command(&words);
    assert_eq!(output.status.code(), Some(0), "{rerun}: {}", shown(&output));
}

fn pairs_do_not_mix() {
    let place = Place::new();
    place.run(&["--red", "seed.toml", "--green", "mended.toml", "--stamp", STAMP], 0);
    assert_eq!(place.ledger(&[]), all("[ ]", 0), "nothing is known of the stub and the reference");
    let page = shown(&place.command(&["ledger", "--plan", "phase_d4"]));
    for says in ["other red phases on seed: show them with --red NAME", "other green phases on mended"] {
        assert!(page.contains(says), "{page}");
    }
    place.run(&["--stamp", "2025-10-17T120000Z"], 0);
    assert_eq!(place.ledger(&[]), all("[x]", 2));
    assert_eq!(place.ledger(&["--red", "seed", "--green", "mended"]), all("[x]", 2));
    // A pair may share one of its two sides with another.
    assert_eq!(place.ledger(&["--red", "seed"]), all("[x]", 2));
    let output = place.command(&["ledger", "--plan", "phase_d4", "--red", "sead"]);
    assert!(shown(&output).contains("no report of phase_d4 has a red phase on sead"), "{}", shown(&output));
}

fn reasons() {
    let place = Place::new();
    place.run(&["--phase", "red", "--impl", "seed.toml", "--stamp", STAMP], 0);
    let page = fs::read_to_string(place.report(STAMP).join("phase_d4_red_summary.md")).expect("the summary");
    let row = |check: &str| {
        let start = format!("| `{check}` | ");
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{page}")).to_owned()
    };
    let sentinels = row("roundtrip/sentinel_models_come_back[bundle]");
    let expected =
        "| not_implemented, mentioning 'NotImplementedError' | not_implemented: NotImplementedError: ";
    assert!(sentinels.contains(expected) && sentinels.ends_with("| proven |"), "{sentinels}");
    let persists = row("orchestration/workflow_persists_models");
    let expected = "| wrong_result, mentioning 'no file' | wrong_result: no file | proven |";
    assert!(persists.ends_with(expected), "{persists}");
}

/// An adapter without the networks of the fixtures proves and passes what it can, and the rest decides nothing.
fn unsupported() {
    let place = Place::with("has_no_networks_of_the_fixtures");
    let text = place.run(&["--green", "odd.toml"], 0);
    assert!(text.contains("unsupported"), "{text}");
    place.run(&["--phase", "red", "--impl", "seed.toml"], 0);
    let pair = ["--red", "seed", "--green", "odd"];
    let states: Vec<String> = place.ledger(&pair).into_iter().map(|(state, _)| state).collect();
    assert!(!states.contains(&"[!]".to_owned()), "{states:?}");
    let page = shown(&place.command(&[&["ledger", "--plan", "phase_d4"], &pair[..]].concat()));
    assert!(page.contains("passed, ") && page.contains(" unsupported"), "{page}");
}

/// Failures that are no red, and what becomes of the check of a row.
struct Failing {
    way: &'static str,
    check: &'static str,
    result: &'static str,
    says: &'static str,
}

const FAILING: &[Failing] = &[
    Failing {
        way: "does_not_know_what_it_lists",
        check: "roundtrip/sentinel_models_come_back[bundle]",
        result: "protocol_error",
        says: "unknown method, although it is listed: \"NotImplementedError\"",
    },
    Failing {
        way: "crashes_in_save",
        check: "roundtrip/sentinel_models_come_back[bundle]",
        result: "crash",
        says: "save_torch_bundle (line 9) raised TypeError: missing argument 'probe', in File \"components.py\", line 7, in run",
    },
    Failing {
        way: "crashes_in_workflow",
        check: "orchestration/workflow_persists_models",
        result: "crash",
        says: "raised TypeError: missing argument 'probe', in File",
    },
    Failing {
        way: "fails_at_everything",
        check: "orchestration/workflow_persists_models",
        result: "crash",
        says: "raised TypeError",
    },
    Failing {
        way: "has_no_workflow_yet",
        check: "orchestration/workflow_persists_models",
        result: "wrong_reason",
        says: "archive_exists failed for another reason than wrong_result, mentioning 'no file'; does not count as a red result; not_implemented: missing argument 'probe'",
    },
];

fn not_red(failing: &Failing) {
    let place = Place::with(failing.way);
    let text = place.run(&["--phase", "red", "--impl", "odd.toml", "--stamp", STAMP], 6);
    let states = place.ledger(&["--red", "odd"]);
    // The third row asks only for a summary.
    for (row, (state, _)) in states.iter().enumerate().filter(|(row, _)| *row != 2) {
        assert_eq!(state, "[ ]", "row {row}: {text}");
    }
    let log = |name| fs::read_to_string(place.report(STAMP).join(name)).expect("a log");
    let logs = ["persistence", "workflows"].map(|name| log(format!("phase_d4_red_{name}.log"))).concat();
    let head = format!("== {}: {}\n", failing.check, failing.result);
    let entry = logs.split("\n== ").find(|entry| format!("== {entry}").starts_with(&head));
    let entry = entry.unwrap_or_else(|| panic!("{logs}"));
    assert!(entry.contains(failing.says), "{entry}");
    assert!(!logs.contains(": proven\n"), "{logs}");
    for outcome in place.outcomes(STAMP).iter().filter(|outcome| outcome["ended"]["how"] == "crash") {
        let steps = outcome["steps"].as_array().expect("steps");
        let failed = steps.iter().flat_map(|step| step["expectations"].as_array().expect("expectations"));
        assert_eq!(failed.filter(|expectation| !expectation["failure"].is_null()).count(), 0, "{outcome:#}");
    }
}

fn crashes_are_one_failure() {
    let place = Place::with("fails_at_everything");
    let output = place.command(&["run", "--impl", "odd.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let standing = &said["standing"];
    // What set_params and get_param alone can answer is judged as ever.
    assert_eq!(
        (&standing["violations"], &standing["differences"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    let crashes = standing["crashes"].as_array().expect("crashes");
    let crashed: u64 = crashes.iter().map(|group| group["checks"].as_u64().expect("a count")).sum();
    assert!(crashed > 100, "{standing:#}");
    assert!(crashes.iter().all(|group| group["why"].as_str().expect("a cause").ends_with(" (TypeError)")));
    let text = shown(&place.command(&["run", "--impl", "odd.toml"]));
    assert!(text.contains("crashes (LOD-017, ours)\n"), "{text}");
}

fn surveyed() {
    let place = Place::new();
    let stamps = ["2026-01-01T000000Z", "2026-01-02T000000Z"];
    for (name, stamp) in [("seed.toml", stamps[0]), ("mended.toml", stamps[1])] {
        place.command(&["run", "--impl", name, "--area", "roundtrip", "--stamp", stamp]);
    }
    let paths = stamps.map(|stamp| format!("reports/{stamp}"));
    let page = shown(&place.command(&["survey", &paths[0], &paths[1], "--title", "Both"]));
    assert!(page.starts_with("# Both\n\n|  | seed | mended |\n"), "{page}");
    let row = page.lines().find(|line| line.contains("load_torch_bundle was refused (not_implemented)"));
    assert!(row.is_some_and(|row| row.contains(" more: ") && row.ends_with("| - |")), "{page}");
    let results = place.report(stamps[0]).join("results.json");
    fs::write(&results, fs::read_to_string(&results).expect("results") + "\n").expect("a file");
    let output = place.command(&["survey", &paths[0]]);
    assert_eq!(output.status.code(), Some(8), "{}", shown(&output));
    place.command(&["run", "--area", "params", "--phase", "green", "--stamp", "2026-01-03T000000Z"]);
    let output = place.command(&["survey", "reports/2026-01-03T000000Z"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("no green runs on a third-party implementation"), "{}", shown(&output));
}

/// Options that cannot be combined.
struct Usage {
    arguments: &'static [&'static str],
    says: &'static str,
}

const USAGE: &[Usage] = &[
    Usage {
        arguments: &["--phase", "red", "--impl-cmd", "'PROGRAM' serve --impl stub"],
        says: "--phase red on adapter:stub requires --plan",
    },
    Usage {
        arguments: &["--phase", "red", "--impl", "seed.toml"],
        says: "--phase red on seed requires --plan",
    },
    Usage { arguments: &["--red", "seed.toml"], says: "--plan <NAME>" },
    Usage {
        arguments: &["--plan", "phase_d4", "--red", "seed.toml", "--impl", "stub"],
        says: "cannot be used with",
    },
    Usage {
        arguments: &["--plan", "phase_d4", "--red", "stub", "--phase", "red"],
        says: "cannot be used with",
    },
    Usage {
        arguments: &["--plan", "phase_d4", "--red", "stub", "--impl-cmd", "x"],
        says: "cannot be used with",
    },
    Usage { arguments: &["--fixtures", "own"], says: "--fixtures requires --impl or --impl-cmd" },
    Usage {
        arguments: &["--plan", "phase_d4", "--red", "seed.toml", "--fixtures", "own"],
        says: "cannot be used with",
    },
    Usage {
        arguments: &["--plan", "phase_d4", "--green", "seed.toml", "--write-known"],
        says: "cannot be used with",
    },
    Usage {
        arguments: &["--plan", "phase_d4", "--red", "seed.toml", "--green", "./seed.toml"],
        says: "--red and --green are both called seed",
    },
    Usage {
        arguments: &["--phase", "red", "--max-unsupported", "1"],
        says: "--max-unsupported requires a green phase",
    },
    Usage {
        arguments: &["--plan", "phase_d4", "--phase", "red", "--impl", "seed.toml", "--write-known"],
        says: "--write-known requires a green phase",
    },
    Usage { arguments: &["--impl", "stub", "--trace", "trace.jsonl"], says: "--trace requires an adapter" },
    Usage { arguments: &["--trace", "trace.jsonl"], says: "--trace requires an adapter" },
];

fn refused(usage: &Usage) {
    let place = Place::new();
    let program = program::path().display().to_string();
    let arguments: Vec<String> =
        usage.arguments.iter().map(|argument| argument.replace("PROGRAM", &program)).collect();
    let mut command = Command::new(&program);
    command.arg("run").args(&arguments).current_dir(place.0.path()).env_remove("CI").stdin(Stdio::null());
    let output = command.output().expect("the program");
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains(usage.says), "{}", shown(&output));
    assert_eq!(fs::read_dir(place.0.path()).expect("a folder").count(), 2, "something was left behind");
}
