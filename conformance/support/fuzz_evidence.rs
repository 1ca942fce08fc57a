//! What must hold of any text that an implementation file, a proof or a JUnit file consists of.

#![allow(clippy::expect_used, reason = "a body stops where something does not hold")]

use std::{collections::BTreeSet, fs};

use bundleproof::{
    cli::ImplementationFile,
    harness::{
        KnownFailure,
        import::{JunitError, JunitTest, read_junit, select},
        proof::Proven,
        read_known_failures,
        record::{JUNIT, RunRecord},
        report,
        runner::{Phase, ReportedResult, Verdict},
        suite::{Decision, FailureKind, PASSES, Plan, PlannedCheck, Reason, Row},
    },
    value::Digest,
};

use crate::fuzz_documents::{a_run, refused, renders};

/// The name of the file in messages.
const FILE: &str = "fuzzed.toml";

/// The longest name, message and text of a test that is kept, in bytes, with the mark of what was cut.
const MAX_NAME_BYTES: usize = 4 << 10;
const MAX_KEPT_BYTES: usize = (64 << 10) + 16;

/// The most tests that a plan selects here.
const MAX_SELECTORS: usize = 8;

/// An implementation file, or one of known failures, is read or refused by name; another spelling of the same TOML means
/// the same. Returns whether it was read.
///
/// The first byte says which of the two the rest is.
pub(crate) fn implementation(input: &[u8]) -> bool {
    let Some((which, bytes)) = input.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    if which % 2 == 1 { known_failures(text) } else { implementation_file(text) }
}

fn implementation_file(text: &str) -> bool {
    let file = match ImplementationFile::from_toml(FILE, text) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.contains(FILE), "{error}");
            return refused(&error);
        }
    };
    let same = respelled(text);
    let again = ImplementationFile::from_toml(FILE, &same).expect("another spelling is read");
    // The digest is that of the text.
    let [text, other] = [text, &same].map(|text| Digest::of(text.as_bytes()).to_string());
    let read = format!("{file:?}");
    assert!(read.contains(&text), "{read}");
    assert_eq!(format!("{again:?}").replace(&other, &text), read, "{same}");
    true
}

fn known_failures(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join(FILE);
    // Where an entry was read is no part of what is written.
    let read = |text: &str| {
        fs::write(&path, text).expect("a file of known failures");
        let entries = read_known_failures(&path)?;
        Ok(entries.into_iter().map(|entry| KnownFailure { place: None, ..entry }).collect::<Vec<_>>())
    };
    let entries = match read(text) {
        Ok(entries) => entries,
        Err(error) => {
            let error: String = error;
            assert!(error.contains(FILE), "{error}");
            return refused(&error);
        }
    };
    #[derive(serde::Serialize)]
    struct Written<'a> {
        known: &'a [KnownFailure],
    }
    let written = toml::to_string(&Written { known: &entries }).expect("what was read can be written");
    assert_eq!(read(&written).expect("what was written can be read"), entries, "{written}");
    true
}

/// The same TOML as the library writes it.
fn respelled(text: &str) -> String {
    let table: toml::Table = toml::from_str(text).expect("what was read is TOML");
    toml::to_string(&table).expect("a table can be written")
}

/// A proof survives being written and read. Returns whether it was read.
pub(crate) fn proven(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    match Proven::from_toml(text) {
        Ok(proven) => {
            let written = proven.to_toml().expect("what was read can be written");
            let back = Proven::from_toml(&written).expect("what was written can be read");
            assert_eq!(back, proven, "{written}");
            assert_eq!(back.to_toml().expect("it was written before"), written);
            true
        }
        Err(error) => refused(&error),
    }
}

/// A JUnit file is read within its limits, or refused. What a plan selects of it makes a report that is read again, and
/// whose own JUnit file has the same results. Returns whether it was read.
///
/// The first line names a test that a plan selects, in addition to tests of the file.
pub(crate) fn junit(input: &[u8]) -> bool {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (selector, file) = input.split_at(end);
    let tests = match read_junit(file) {
        Ok(tests) => tests,
        Err(error) => return refused(&error),
    };
    for JunitTest { class, name, reported, .. } in &tests {
        assert!(!name.is_empty() && name.len().max(class.len()) <= MAX_NAME_BYTES, "{name:?} in {class:?}");
        assert!(
            reported.message.len().max(reported.details.len()) <= MAX_KEPT_BYTES,
            "{}",
            reported.message.len()
        );
    }
    let by_name = tests.iter().map(|test| format!("{}::{}", test.class, test.name));
    let selectors: BTreeSet<String> = by_name.take(MAX_SELECTORS).collect();
    let files = [("fuzzed.xml".to_owned(), tests)];
    let named = String::from_utf8_lossy(selector).into_owned();
    for phase in [Phase::Red, Phase::Green] {
        _ = imported(&plan([named.clone()].into()), phase, &files);
        if !files[0].1.is_empty() {
            _ = imported(&plan(selectors.clone()), phase, &files);
        }
    }
    true
}

/// Makes a report of what a plan selects, if that is possible.
fn imported(plan: &Plan, phase: Phase, files: &[(String, Vec<JunitTest>)]) -> bool {
    let outcomes = match select(plan, phase, "seed", files) {
        Ok(outcomes) => outcomes,
        Err(errors) => {
            assert!(!errors.is_empty(), "nothing was selected, without a reason");
            return errors.iter().all(refused);
        }
    };
    assert!(!outcomes.is_empty(), "nothing was selected of {} tests", files[0].1.len());
    let run = RunRecord { phases: vec![phase], plan: Some(plan.clone()), outcomes, ..a_run() };
    renders(&run);
    let written = &report::files(&run, None).expect("it was rendered before")[JUNIT];
    let again = match read_junit(written) {
        Ok(again) => again,
        // What is escaped is longer.
        Err(JunitError::TooMuch(_)) => return true,
        Err(error) => unreachable!("{error} in {}", String::from_utf8_lossy(written)),
    };
    assert_eq!(again.len(), run.outcomes.len(), "{}", String::from_utf8_lossy(written));
    if phase == Phase::Green {
        let passed = again.iter().filter(|test| test.reported.result == ReportedResult::Passed).count();
        let expected = run.outcomes.iter().filter(|outcome| outcome.verdict() == Verdict::Pass).count();
        assert_eq!(passed, expected, "{}", String::from_utf8_lossy(written));
    }
    true
}

/// A plan with one row that these tests decide.
fn plan(selectors: BTreeSet<String>) -> Plan {
    let test = |selector: String| PlannedCheck {
        digest: Digest::of(selector.as_bytes()).to_string(),
        file: selector.split("::").next().unwrap_or_default().to_owned(),
        id: selector,
        fails: vec![PASSES.to_owned()],
        reason: Reason { kind: FailureKind::WrongResult, exception: None, mentions: Vec::new() },
    };
    let tests = selectors.into_iter().map(test).collect();
    let row = Row {
        id: "R".to_owned(),
        task: "a task".to_owned(),
        decided_by: Decision::Checks { log: "log".to_owned(), checks: Vec::new(), tests },
        red: "seed".to_owned(),
        green: "seed".to_owned(),
        guidance: "a step".to_owned(),
        blocked: None,
    };
    Plan {
        name: "fuzzed".to_owned(),
        title: "A plan".to_owned(),
        first_attempt: 1,
        protected: Vec::new(),
        rows: vec![row],
    }
}
