//! What a crate sees whose test target is `bundleproof::harness::libtest`.
//!
//! This program is such a target itself when the variable `LIBTEST_BACKEND` names a built-in implementation; each test here
//! starts it so, and compares what it prints.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use bundleproof::{
    bundle::BUNDLE,
    harness::{contract::Contract as _, libtest, runner::Implementations},
};
use libtest_mimic::{Arguments, Trial};
use tempfile::NamedTempFile;

/// The built-in implementation that is the backend under test.
const BACKEND: &str = "LIBTEST_BACKEND";

/// The area that is tested, when it is not the whole suite.
const AREA: &str = "LIBTEST_AREA";

/// The file of known failures, when there is one.
const KNOWN: &str = "LIBTEST_KNOWN";

/// A mutant, and a check that it fails.
const FAULTY: &str = "loads_a_fresh_network";
const CHECK: &str = "roundtrip/networks_come_back[gridsize1]";

/// A check that no built-in implementation supports without PyTorch.
const NEEDS_TORCH: &str = "execution/seed_decides_the_weights";

fn main() -> ExitCode {
    if let Ok(name) = env::var(BACKEND) {
        return target(&name);
    }
    let tests: [(&str, fn()); 9] = [
        ("a_failure_is_printed_as_run_prints_it", a_failure_is_printed_as_run_prints_it),
        ("a_backend_without_a_fault_passes", a_backend_without_a_fault_passes),
        ("a_known_failure_passes_with_a_note", a_known_failure_passes_with_a_note),
        ("a_known_failure_with_another_reason_fails", a_known_failure_with_another_reason_fails),
        ("a_known_failure_that_passes_fails", a_known_failure_that_passes_fails),
        ("an_entry_that_no_longer_holds_fails", an_entry_that_no_longer_holds_fails),
        ("what_the_backend_does_not_support_is_ignored", what_the_backend_does_not_support_is_ignored),
        ("names_are_the_ids_of_checks", names_are_the_ids_of_checks),
        ("what_cannot_be_run_is_an_error", what_cannot_be_run_is_an_error),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

fn target(name: &str) -> ExitCode {
    let backend = Implementations::of(&BUNDLE.built_ins()).get(name).expect("a built-in implementation");
    let mut suite = libtest::Suite::new(&BUNDLE, backend);
    if let Ok(area) = env::var(AREA) {
        suite = suite.areas([area]);
    }
    if let Ok(file) = env::var(KNOWN) {
        suite = suite.known_failures(file);
    }
    suite.run()
}

/// A run of a test target: whether it succeeded, and what it printed.
struct Seen {
    code: Option<i32>,
    out: String,
    err: String,
}

fn seen(backend: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Seen {
    let output = Command::new(env::current_exe().expect("this program"))
        .env(BACKEND, backend)
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .expect("a run");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Seen { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

fn entry(what: &str, reason: &str, expires: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    let text = format!(
        "[[known]]\n{what}\nreason = {reason:?}\nwhy = \"no reader yet\"\nowner = \"me\"\nexpires = \"{expires}\"\n"
    );
    fs::write(file.path(), text).expect("a written file");
    file
}

/// The faulty backend with these entries.
fn seen_with(entries: &NamedTempFile, arguments: &[&str]) -> Seen {
    seen(FAULTY, &[(KNOWN, entries.path().to_str().expect("a path"))], arguments)
}

const DAY: &str = "2999-12-31";

fn a_failure_is_printed_as_run_prints_it() {
    let seen = seen(FAULTY, &[], &["--exact", CHECK]);
    assert_eq!(seen.code, Some(101), "{}", seen.out);
    let place =
        "\n  cases/roundtrip/networks_come_back.toml:15: load_torch_bundle should return the saved models";
    assert_holds(
        &seen.out,
        &[
            &format!("---- {CHECK} ----\nfail {CHECK} on {FAULTY} (green)\n"),
            place,
            "\n    expected: ",
            "\n    actual:   ",
            &format!("\n  rerun: cargo test --test libtest -- --exact '{CHECK}'\n"),
            "0 passed; 1 failed; 0 ignored",
        ],
    );
    assert!(!seen.out.contains("Outcome {"), "{}", seen.out);
}

fn a_backend_without_a_fault_passes() {
    let seen = seen("reference", &[(AREA, "roundtrip")], &[]);
    assert_eq!(seen.code, Some(0), "{}", seen.out);
    assert_holds(&seen.out, &[CHECK, "19 passed; 0 failed; "]);
}

fn a_known_failure_passes_with_a_note() {
    let entries = entry("case = \"roundtrip/networks_come_back*\"", "sha256", DAY);
    let one = seen_with(&entries, &["--exact", CHECK]);
    assert_eq!(one.code, Some(0), "{}{}", one.out, one.err);
    assert_holds(&one.out, &["1 passed; 0 failed"]);
    assert_holds(&one.err, &[&format!("note: {CHECK} fails as expected: no reader yet (me, until {DAY})\n")]);
    let entry = seen_with(&entries, &["--exact", "known_failures"]);
    assert_eq!(entry.code, Some(0), "{}{}", entry.out, entry.err);
    assert_holds(&entry.out, &["1 passed; 0 failed"]);
}

fn a_known_failure_with_another_reason_fails() {
    let entries = entry("case = \"roundtrip/networks_come_back*\"", "a bus error", DAY);
    for test in [CHECK, "known_failures"] {
        let seen = seen_with(&entries, &["--exact", test]);
        assert_eq!(seen.code, Some(101), "{}", seen.out);
        assert_holds(&seen.out, &["no failure contains \"a bus error\""]);
    }
}

fn a_known_failure_that_passes_fails() {
    let passing = "loader/missing_archive_is_named";
    let entries = entry(&format!("case = {passing:?}"), "sha256", DAY);
    for test in [passing, "known_failures"] {
        let seen = seen_with(&entries, &["--exact", test]);
        assert_eq!(seen.code, Some(101), "{}", seen.out);
        assert_holds(&seen.out, &[&format!("{passing} now passes; remove")]);
    }
}

fn an_entry_that_no_longer_holds_fails() {
    let nothing = entry("case = \"roundtrip/gone\"", "sha256", DAY);
    let expired = entry("case = \"roundtrip/networks_come_back*\"", "sha256", "2020-01-31");
    let not_broken = entry("requirement = \"LOD-002\"", "sha256", DAY);
    for (entries, says) in [
        (nothing, ":1 (case = \"roundtrip/gone\"): it matches no check"),
        (expired, "expired on 2020-01-31: fix the failure"),
        (not_broken, "no expectation about it fails now; remove this entry"),
    ] {
        let seen = seen_with(&entries, &["--exact", "known_failures"]);
        assert_eq!(seen.code, Some(101), "{}", seen.out);
        assert_holds(&seen.out, &[says]);
    }
}

fn what_the_backend_does_not_support_is_ignored() {
    let seen = seen("reference", &[], &["--exact", NEEDS_TORCH]);
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    assert_holds(&seen.out, &["0 passed; 0 failed; 1 ignored"]);
}

fn names_are_the_ids_of_checks() {
    let all = seen("reference", &[], &["--list", "--format", "terse"]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    assert_holds(&all.out, &[&format!("{CHECK}: test\n")]);
    assert!(!all.out.contains("known_failures"), "{}", all.out);
    let ignored = seen("reference", &[], &["--list", "--format", "terse", "--ignored"]);
    assert!(!ignored.out.contains(CHECK), "{}", ignored.out);
    assert_holds(&ignored.out, &[&format!("{NEEDS_TORCH}: test\n")]);
}

fn what_cannot_be_run_is_an_error() {
    let area = seen("reference", &[(AREA, "loadr")], &[]);
    let file = seen("reference", &[(KNOWN, "nowhere.toml")], &[]);
    for (seen, says) in [
        (area, "error: unknown area \"loadr\"; did you mean `loader`?\n"),
        (file, "error: nowhere.toml: No such file or directory"),
    ] {
        assert_eq!((seen.code, seen.out.as_str()), (Some(1), ""), "{}", seen.err);
        assert!(seen.err.starts_with(says), "{}", seen.err);
    }
}
