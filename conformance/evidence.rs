//! What a report contains: the same from every place, and nothing that its reader should not see.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

const STAMP: &str = "2026-01-01T000000Z";

/// The files that may differ between equal runs: the machine, the times, and what is computed from those.
const DIFFER: [&str; 4] = ["SHA256SUMS", "chain.json", "durations.json", "environment.json"];

/// A run in this directory, with these variables besides those that a program cannot do without.
fn run(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut program = Command::new(program::path());
    program.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    program.envs(variables.iter().copied()).current_dir(directory);
    program.args(["run", "--stamp", STAMP]).args(arguments).output().expect("the program starts")
}

/// The files of the report below a directory of reports.
fn report(reports: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(reports.join(STAMP)).expect("a report");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("a file"))
    };
    files.map(file).collect()
}

/// `junit.xml` without its times.
fn without_times(junit: &[u8]) -> String {
    let text = String::from_utf8_lossy(junit);
    let mut parts = text.split(" time=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('"').map_or("", |(_, rest)| rest))
}

#[test]
fn equal_runs_from_two_places_give_equal_files() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let selection = ["--area", "bundle", "--area", "dispatch", "--area", "roundtrip"];
    let mut here = selection.to_vec();
    here.extend(["--workers", "1"]);
    run(one.path(), &[("LANG", "C"), ("HOME", "/nonexistent")], &here);
    let elsewhere = other.path().join("deeper and deeper");
    fs::create_dir(&elsewhere).expect("a directory");
    let variables = [("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("TZ", "Asia/Kathmandu")];
    let mut there = selection.to_vec();
    there.extend(["--workers", "7"]);
    run(&elsewhere, &variables, &there);

    let (mut here, mut there) = (report(&one.path().join("reports")), report(&elsewhere.join("reports")));
    assert!(here.keys().eq(there.keys()));
    let [junit_here, junit_there] =
        [&mut here, &mut there].map(|files| without_times(&files.remove("junit.xml").expect("junit.xml")));
    assert!(junit_here == junit_there, "junit.xml differs in more than times");
    for (name, bytes) in here.iter().filter(|(name, _)| !DIFFER.contains(&name.as_str())) {
        assert!(*bytes == there[name], "{name} differs");
    }
    assert!(here.len() > DIFFER.len());
}

#[test]
fn secrets_of_the_caller_and_of_command_lines_are_not_recorded() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = program::path().display().to_string();
    let adapter =
        format!("env HF_TOKEN=s3cret-of-the-command {}/{program} serve --impl stub", place.path().display());
    let home = place.path().display().to_string();
    // The program is in the home directory of the caller.
    let link = place.path().join(program.trim_start_matches('/'));
    fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
    std::os::unix::fs::symlink(&program, &link).expect("a link");
    let variables =
        [("MY_PASSWORD", "cannot be rebuilt"), ("MY_SECRET", "completed"), ("HOME", home.as_str())];
    let selection = ["--case", "roundtrip/sentinel_models_come_back", "--impl-cmd", &adapter];
    let output = run(place.path(), &variables, &selection);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));

    let files = report(&place.path().join("reports"));
    for (name, bytes) in files.iter().filter(|(name, _)| name.as_str() != "environment.json") {
        let text = String::from_utf8_lossy(bytes);
        for secret in ["s3cret-of-the-command", "cannot be rebuilt", &format!("'{home}")] {
            assert!(!text.contains(secret), "{name} contains {secret}");
        }
    }
    let results = String::from_utf8_lossy(&files["results.json"]);
    assert!(results.contains("HF_TOKEN=REDACTED"), "{results}");
    assert!(results.contains("HOME"), "{results}");
}
