//! What `run` and `merge` show in GitHub Actions, whose variables are set by hand.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{fs, path::Path};

use assert_cmd::assert::Assert;
use place::Place;

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/bundle");
const CASE: &str = "orchestration/workflow_persists_models";
const FAILING: [&str; 5] = ["run", "--case", CASE, "--impl", "never_persists"];

impl Place {
    /// The program with these variables of GitHub Actions, and no others.
    fn run_with(&self, directory: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Assert {
        let mut program = self.program();
        program.current_dir(self.path(directory)).args(arguments).envs(variables.iter().copied()).assert()
    }

    fn in_actions(&self, arguments: &[&str]) -> Assert {
        self.run_with(".", arguments, &[("GITHUB_ACTIONS", "true")])
    }

    /// A copy of the suite at `repository/tests/suite` with one case.
    fn suite(&self, edit: impl Fn(&str) -> String) {
        let suite = self.path("repository/tests/suite");
        let case = format!("cases/{CASE}.toml");
        fs::create_dir_all(suite.join(&case).parent().expect("a folder")).expect("a folder");
        fs::create_dir(suite.join("requirements")).expect("a folder");
        for file in fs::read_dir(Path::new(SUITE).join("requirements")).expect("requirements") {
            let file = file.expect("a file");
            fs::copy(file.path(), suite.join("requirements").join(file.file_name())).expect("a copy");
        }
        for file in ["configs.toml", "variants.toml", "proven.toml"] {
            fs::copy(Path::new(SUITE).join(file), suite.join(file)).expect("a copy");
        }
        let text = fs::read_to_string(Path::new(SUITE).join(&case)).expect("a case");
        fs::write(suite.join(&case), edit(&text)).expect("a case");
        let fixtures = Path::new(SUITE).join("../../fixtures");
        std::os::unix::fs::symlink(fixtures, self.path("repository/tests/fixtures")).expect("a link");
    }
}

/// Standard error and then standard output: the runner reads both.
fn printed(assert: &Assert) -> String {
    let output = assert.get_output();
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

/// The lines that the runner takes for commands.
fn commands(assert: &Assert) -> Vec<String> {
    let printed = printed(assert);
    let lines = printed.split(['\n', '\r']);
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    lines.filter(is_command).map(str::to_owned).collect()
}

#[test]
fn a_failing_check_is_annotated_in_actions_only() {
    let place = Place::new();
    let annotated = commands(&place.in_actions(&FAILING).code(1));
    let [command] = annotated.as_slice() else { panic!("{annotated:#?}") };
    let title =
        format!("::error title={CASE} on never_persists%3A fail::fail {CASE} on never_persists (green)%0A");
    assert!(command.starts_with(&title), "{command}");
    assert!(command.contains("%0A    expected: a file at $work/out/wts.h5.zip%0A"), "{command}");
    // Without the variable, or with another value, nothing is.
    assert_eq!(commands(&place.run_with(".", &FAILING, &[]).code(1)), [""; 0]);
    assert_eq!(commands(&place.run_with(".", &FAILING, &[("GITHUB_ACTIONS", "false")]).code(1)), [""; 0]);
    let green = ["run", "--case", CASE, "--impl", "reference"];
    assert_eq!(commands(&place.in_actions(&green).code(0)), [""; 0]);
}

#[test]
fn json_on_standard_output_stays_json() {
    let place = Place::new();
    let assert = place.in_actions(&[&FAILING[..], &["--json"]].concat()).code(1);
    let value: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!((value["exit"].as_u64(), commands(&assert).len()), (Some(1), 1));
}

#[test]
fn ten_failing_checks_are_annotated_and_the_others_counted() {
    let place = Place::new();
    let many = ["run", "--area", "loader", "--impl", "stub", "--phase", "green"];
    let annotated = commands(&place.in_actions(&many).code(1));
    assert_eq!(annotated.iter().filter(|line| line.starts_with("::error ")).count(), 10, "{annotated:#?}");
    let [.., last] = annotated.as_slice() else { panic!("{annotated:#?}") };
    let more = last.strip_prefix("::notice title=bundleproof::").and_then(|rest| rest.split(' ').next());
    assert!(more.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 100), "{last}");
    assert_eq!(annotated.len(), 11);
}

#[test]
fn an_annotation_names_the_file_of_a_suite_in_the_repository() {
    let place = Place::new();
    place.suite(str::to_owned);
    let failing: Vec<&str> = FAILING.iter().chain(&["--suite", "suite"]).copied().collect();
    let annotated = || {
        let assert = place.run_with("repository/tests", &failing, &[("GITHUB_ACTIONS", "true")]).code(1);
        commands(&assert).remove(0)
    };
    assert!(annotated().starts_with("::error title="), "no repository, no file: {}", annotated());
    fs::create_dir(place.path("repository/.git")).expect("a folder");
    let place_of_file = format!("::error file=tests/suite/cases/{CASE}.toml,line=9,title=");
    assert!(annotated().starts_with(&place_of_file), "{}", annotated());
    // The suite is outside of the repository that the program runs in.
    fs::remove_dir(place.path("repository/.git")).expect("a folder");
    fs::create_dir_all(place.path("other/.git")).expect("a folder");
    let failing: Vec<&str> =
        FAILING.iter().chain(&["--suite", "../repository/tests/suite"]).copied().collect();
    let outside = place.run_with("other", &failing, &[("GITHUB_ACTIONS", "true")]).code(1);
    assert!(commands(&outside).remove(0).starts_with("::error title="), "{}", printed(&outside));
}

#[test]
fn no_text_of_a_case_is_a_command() {
    let place = Place::new();
    let hostile = r"%0A::warning::a\n::error::b\r::add-mask::c ##[error]d, line=1";
    place.suite(|text| text.replacen("run_cdi_example_torch should", &format!("{hostile} should"), 1));
    let failing: Vec<&str> = FAILING.iter().chain(&["--suite", "tests/suite"]).copied().collect();
    let assert = place.run_with("repository", &failing, &[("GITHUB_ACTIONS", "true")]).code(1);
    let annotated = commands(&assert);
    let [command] = annotated.as_slice() else { panic!("{annotated:#?}") };
    assert!(command.starts_with("::error title="), "{command}");
    // Its own percent sign is escaped, so the text does not begin a line of the annotation either.
    assert!(command.contains("%250A::warning::a") && !command.contains("%0A::"), "{command}");
    assert!(printed(&assert).contains(r"#\u0023[error]d"), "{}", printed(&assert));
}

#[test]
fn the_summary_is_appended_to_that_of_the_step() {
    let place = Place::new();
    let file = place.path("step.md");
    fs::write(&file, "# Before\n").expect("a file");
    let path = file.display().to_string();
    let variables = [("GITHUB_STEP_SUMMARY", path.as_str())];
    for part in ["1/2", "2/2"] {
        let run = [&FAILING[..], &["--partition", part, "--reports", "parts"]].concat();
        place.run_with(".", &run, &[]);
    }
    let parts = fs::read_dir(place.path("parts")).expect("a store");
    let mut merge = vec!["merge".to_owned()];
    merge.extend(parts.map(|entry| entry.expect("a report").path().display().to_string()));
    let merge: Vec<&str> = merge.iter().map(String::as_str).collect();
    for arguments in [&FAILING[..], &merge] {
        let before = fs::read_to_string(&file).expect("a file");
        let said =
            String::from_utf8_lossy(&place.run_with(".", arguments, &variables).code(1).get_output().stdout)
                .into_owned();
        let report = said.lines().find_map(|line| line.strip_prefix("Report: ")).expect("a report");
        let summary = fs::read_to_string(place.path(report).join("summary.md")).expect("summary.md");
        let after = fs::read_to_string(&file).expect("a file");
        assert_eq!(after, format!("{before}\n{summary}\n"));
    }
}

/// GitHub drops a summary of more than 1 MiB as a whole.
#[test]
fn the_summary_of_a_step_stays_within_its_limit() {
    let place = Place::new();
    let file = place.path("step.md");
    let variables = [("GITHUB_STEP_SUMMARY", file.to_str().expect("a path"))];
    let limit = 1024 * 1024;
    fs::write(&file, "x".repeat(limit - 400)).expect("a file");
    place.run_with(".", &FAILING, &variables).code(1);
    let text = fs::read_to_string(&file).expect("a file");
    assert!(text.len() > limit - 400 && text.len() <= limit, "{}", text.len());
    assert!(text.ends_with(" bytes, more than GitHub shows._\n"), "{}", &text[limit - 400..]);
    place.run_with(".", &FAILING, &variables).code(1);
    assert!(fs::metadata(&file).expect("a file").len() <= limit as u64);
}

#[test]
fn a_step_summary_that_cannot_be_written_is_named_and_changes_nothing() {
    let place = Place::new();
    let assert = place.run_with(".", &FAILING, &[("GITHUB_STEP_SUMMARY", "nowhere/step.md")]).code(1);
    let said = printed(&assert);
    assert!(
        said.contains("error: cannot append the summary to nowhere/step.md (GITHUB_STEP_SUMMARY): "),
        "{said}"
    );
    place.pipe("pipe.md");
    let said = printed(&place.run_with(".", &FAILING, &[("GITHUB_STEP_SUMMARY", "pipe.md")]).code(1));
    assert!(said.contains("pipe.md (GITHUB_STEP_SUMMARY): not a regular file"), "{said}");
    let none = printed(&place.run_with(".", &FAILING, &[("GITHUB_STEP_SUMMARY", "")]).code(1));
    assert!(!none.contains("cannot append"), "{none}");
}
