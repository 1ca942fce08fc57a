//! The store as `run` leaves it and `audit` judges it, with the program in processes of its own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The shortest run there is.
const RUN: [&str; 3] = ["run", "--case", "params/missing_key_is_refused"];

/// A generous time limit, for a busy machine.
const UNHURRIED: Duration = Duration::from_secs(120);

fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn program(place: &Path, arguments: &[&str]) -> Command {
    let mut program = Command::new(program::path());
    program.current_dir(place).args(arguments);
    program
}

fn run(place: &Path, arguments: &[&str]) -> Output {
    program(place, arguments).output().expect("the program")
}

fn ran(place: &Path, arguments: &[&str]) {
    let output = run(place, arguments);
    assert!(output.status.success(), "{output:?}");
}

fn audited(place: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = run(place, &[&["audit", "--json"], arguments].concat());
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (json, output.status.code())
}

/// The names in a directory that begin like this.
fn names(directory: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

#[cfg(unix)]
#[test]
fn a_pipe_with_the_name_of_a_run_is_named_and_not_opened() {
    let place = place();
    ran(place.path(), &RUN);
    let pipe = place.path().join("reports/.2025-10-17T112849Z.partial");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let (audit, exit) = audited(place.path(), &["--clean"]);
    assert_eq!((exit, &audit["unfinished"]), (Some(0), &Value::Array(vec![])), "{audit}");
    assert!(audit.to_string().contains(".2025-10-17T112849Z.partial"), "{audit}");
    assert!(pipe.exists());
}

#[test]
fn runs_at_once_get_names_of_their_own_and_one_chain() {
    let place = place();
    let runs: Vec<_> = (0..8)
        .map(|_| program(place.path(), &RUN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn())
        .collect();
    for run in runs {
        let output = run.expect("the program").wait_with_output().expect("its end");
        assert!(output.status.success(), "{output:?}");
    }
    let (audit, exit) = audited(place.path(), &[]);
    assert_eq!(
        (exit, &audit["reports"], &audit["newest"]["sequence"]),
        (Some(0), &8.into(), &8.into()),
        "{audit}"
    );
    assert_eq!(audit["unfinished"], Value::Array(vec![]));
}

#[test]
fn damage_ends_with_8_and_names_the_file() {
    let place = place();
    ran(place.path(), &RUN);
    ran(place.path(), &RUN);
    let text = run(place.path(), &["audit"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("integrity     intact") && text.contains("completeness  complete"), "{text}");
    let (audit, exit) = audited(place.path(), &[]);
    let head = audit["newest"]["head"].as_str().expect("a head").to_owned();
    assert_eq!(exit, Some(0));
    let stamp = audit["newest"]["stamp"].as_str().expect("a stamp").to_owned();
    let summary = place.path().join("reports").join(&stamp).join("summary.md");
    let mut bytes = fs::read(&summary).expect("a summary");
    bytes.push(b' ');
    fs::write(&summary, bytes).expect("a summary");
    let output = run(place.path(), &["audit"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("integrity     broken: 1 error"), "{text}");
    assert!(text.contains(&format!("  {stamp}: summary.md has changed")), "{text}");
    assert_eq!(output.status.code(), Some(8));
    fs::remove_dir_all(place.path().join("reports").join(&stamp)).expect("a report");
    let (audit, exit) = audited(place.path(), &[]);
    assert_eq!((exit, &audit["completeness"]["complete"]), (Some(0), &true.into()));
    let (audit, exit) = audited(place.path(), &["--expected-head", &head]);
    assert_eq!((exit, &audit["completeness"]["newest_end"]["is"]), (Some(8), &"missing".into()));
    assert_eq!(run(place.path(), &["audit", "--expected-head", "xy"]).status.code(), Some(2));
    assert_eq!(run(place.path(), &["audit", "nowhere"]).status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_mounted_below_a_directory_is_not_removed_with_it() {
    let place = place();
    let script = |then: &str| {
        let mount =
            format!("mount --bind theirs reports/.2025-10-17T112849Z.partial/work/in/mounted && {then}");
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &mount, "sh"]).arg(program::path()).current_dir(place.path());
        command.output()
    };
    let hidden = place.path().join("reports/.2025-10-17T112849Z.partial");
    fs::create_dir_all(hidden.join("work/in/mounted")).expect("a directory");
    fs::create_dir(place.path().join("theirs")).expect("a directory");
    fs::write(place.path().join("theirs/file"), "").expect("a file");
    if !script("true").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this system lets no user mount a directory");
        return;
    }
    let cleaned = script("exec \"$1\" audit --clean").expect("the program");
    let said = String::from_utf8_lossy(&cleaned.stdout).into_owned();
    assert_eq!(cleaned.status.code(), Some(2), "{cleaned:?}");
    assert!(said.contains("a file system is mounted there; unmount it first"), "{said}");
    assert!(place.path().join("theirs/file").exists(), "{said}");
    // Without the mount nothing is in the way.
    assert_eq!(run(place.path(), &["audit", "--clean"]).status.code(), Some(0));
    assert!(!hidden.exists() && place.path().join("theirs/file").exists());
}

#[test]
fn a_killed_run_is_explained_and_cleaned_and_a_living_one_is_not() {
    let place = place();
    ran(place.path(), &RUN);
    let reports = place.path().join("reports");
    let mut running = program(place.path(), &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let running = running.as_mut().expect("the program");
    let start = Instant::now();
    let partial = loop {
        let found = names(&reports, ".").into_iter().find(|name| name.ends_with(".partial"));
        if let Some(found) = found.filter(|name| reports.join(name).join("inventory.json").exists()) {
            break found;
        }
        assert!(start.elapsed() < UNHURRIED, "the run does not begin");
        thread::sleep(Duration::from_millis(1));
    };
    let (audit, _) = audited(place.path(), &["--clean"]);
    let seen = |audit: &Value| {
        let run = &audit["unfinished"][0];
        (run["directory"].clone(), run["state"].clone())
    };
    // It can have ended in the meantime, and is then a report.
    let alive = running.try_wait().expect("its state").is_none();
    if alive {
        assert_eq!(seen(&audit), (partial.as_str().into(), "running".into()), "{audit}");
        assert!(reports.join(&partial).exists());
    }
    running.kill().expect("an end");
    running.wait().expect("its end");
    if reports.join(&partial).exists() {
        let (audit, exit) = audited(place.path(), &[]);
        assert_eq!((exit, seen(&audit)), (Some(0), (partial.as_str().into(), "killed".into())), "{audit}");
        assert!(audit["unfinished"][0]["planned"]["checks"].as_u64().is_some_and(|checks| checks > 100));
        let (audit, exit) = audited(place.path(), &["--clean"]);
        assert_eq!((exit, audit["removed"].as_array().map(Vec::len)), (Some(0), Some(1)), "{audit}");
    }
    let left = run(place.path(), &["audit"]);
    // The run may have been over before it was killed.
    let is_empty = names(&reports, "2").is_empty();
    assert_eq!(left.status.code(), Some(if is_empty { 2 } else { 0 }), "{left:?}");
    assert_eq!(text(&left.stderr).contains("nothing was verified"), is_empty, "{left:?}");
    assert_eq!(names(&reports, "."), [""; 0]);
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_not() {
    let place = place();
    ran(place.path(), &RUN);
    let commands: [&[&str]; 8] = [
        &RUN,
        &["audit"],
        &["ledger", "--plan", "phase_d4"],
        &["list"],
        &["explain", "LOD-003"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ];
    for command in commands {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = program(place.path(), command).stdout(full).output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("cannot write to standard output"), "{command:?}: {said}");
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = program(place.path(), command).stdout(writer).output().expect("the program");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{command:?}");
    }
}

/// A program that is not run by root, who may read and write everything.
#[cfg(unix)]
fn unprivileged(place: &Path, arguments: &[&str]) -> Output {
    use std::os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    };
    /// The ids of the user and the group without privileges.
    const UNPRIVILEGED: u32 = 65_534;
    let mut program = program(place, arguments);
    if fs::metadata("/proc/self").expect("this process").uid() == 0 {
        // The program may be in a directory that only root may enter.
        let copy = std::env::temp_dir().join(format!("bundleproof-unprivileged-{}", std::process::id()));
        fs::copy(program.get_program(), &copy).expect("a copy of the program");
        fs::set_permissions(place, fs::Permissions::from_mode(0o777)).expect("an open directory");
        chown(place.join("reports"), Some(UNPRIVILEGED), None).expect("a new owner of the store");
        let mut unprivileged = Command::new(&copy);
        unprivileged
            .current_dir(place)
            .args(arguments)
            .uid(UNPRIVILEGED)
            .gid(UNPRIVILEGED)
            .env("HOME", place);
        let output = unprivileged.output().expect("the program");
        fs::remove_file(copy).expect("a copy of the program");
        return output;
    }
    program.output().expect("the program")
}

#[cfg(unix)]
#[test]
fn a_chain_that_cannot_be_read_stops_the_next_run_before_it_begins() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    ran(place.path(), &RUN);
    let reports = place.path().join("reports");
    let [first] = names(&reports, "2").try_into().expect("one report");
    let chain = reports.join(&first).join("chain.json");
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o000)).expect("a locked file");
    let output = unprivileged(place.path(), &RUN);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("{first}/chain.json")), "{said}");
    assert_eq!(names(&reports, ""), [first]);
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o644)).expect("an open file");
    ran(place.path(), &RUN);
    assert_eq!(audited(place.path(), &[]).0["newest"]["sequence"], 2);
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    ran(place.path(), &RUN);
    let reports = place.path().join("reports");
    let before = names(&reports, "");
    let protect =
        |mode| fs::set_permissions(&reports, fs::Permissions::from_mode(mode)).expect("permissions");
    protect(0o555);
    let output = unprivileged(place.path(), &RUN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let audit = unprivileged(place.path(), &["audit"]);
    protect(0o755);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot write the report: failed to make"), "{said}");
    assert_eq!((names(&reports, ""), audit.status.code()), (before, Some(0)));
}

/// Every file below a directory, with its contents.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let files = names(directory, "").into_iter();
    files.map(|name| (name.clone(), fs::read(directory.join(name)).expect("a file"))).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_report_is_not_taken_for_a_store_and_nothing_is_written_into_it() {
    let place = place();
    ran(place.path(), &[&RUN[..], &["--stamp", "2025-10-17T112849Z"]].concat());
    let report = place.path().join("reports/2025-10-17T112849Z");
    let sealed = contents(&report);
    let path = "reports/2025-10-17T112849Z";
    for command in [
        &["audit", path][..],
        &["audit", path, "--clean"],
        &["render", "--index", path],
        &["ledger", "--plan", "phase_d4", "--reports", path],
        &[&RUN[..], &["--reports", path]].concat(),
    ] {
        let output = run(place.path(), command);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("{path} is a report")) && said.contains(" is in: reports"), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(contents(&report), sealed, "{command:?}");
    }
    assert_eq!(run(place.path(), &["audit"]).status.code(), Some(0));
    // Also a report that lost the list of its files.
    fs::remove_file(report.join("SHA256SUMS")).expect("a file");
    assert_eq!(run(place.path(), &["render", "--index", path]).status.code(), Some(2));
    assert!(!report.join("index.html").exists() && !report.join(".index.json").exists());
}

#[test]
fn a_directory_without_reports_is_not_intact() {
    let place = place();
    fs::create_dir(place.path().join("empty")).expect("a directory");
    for arguments in [&["audit", "empty"][..], &["audit", "empty", "--json"]] {
        let output = run(place.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{output:?}");
        assert!(
            text(&output.stderr).contains("no reports in empty: nothing was verified; expected"),
            "{output:?}"
        );
    }
    let cleaned = text(&run(place.path(), &["audit", "empty", "--clean"]).stdout);
    assert!(cleaned.contains("nothing verified") && !cleaned.contains("intact"), "{cleaned}");
}

#[test]
fn a_store_is_not_taken_for_a_report() {
    let place = place();
    ran(place.path(), &[&RUN[..], &["--stamp", "2025-10-17T112849Z"]].concat());
    for command in [&["merge", "reports"][..], &["survey", "reports"], &["render", "reports", "--check"]] {
        let output = run(place.path(), command);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let says = "it is a directory of reports; name a report in it, such as reports/2025-10-17T112849Z";
        assert!(text(&output.stderr).contains(says), "{output:?}");
    }
}
