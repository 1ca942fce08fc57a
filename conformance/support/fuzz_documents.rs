//! What must hold of any text that a suite, an adapter or an old report consists of.

#![allow(clippy::expect_used, reason = "a body stops where something does not hold")]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        adapter,
        contract::{BuiltInRole, Contract, Implementation, Operation},
        proof::KillMatrix,
        record::{Chain, Durations, Inventory, JUNIT, RESULTS, RunRecord},
        report,
        suite::{Source, Suite},
    },
};
use quick_xml::events::Event;

/// Bytes of the longest message about a document.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The most checks of a suite of one file of a few KiB.
const MAX_CHECKS: usize = 100_000;

/// The files of a suite, by the first byte of an input. The others of the suite are good.
const SUITE_FILES: [&str; 5] = [
    "cases/a/fuzzed.toml",
    "requirements/fuzzed.toml",
    "mutants/fuzzed.toml",
    "plans/fuzzed.toml",
    "configs.toml",
];

/// The requirement that the cases and mutants of the corpus are about.
const REQUIREMENT: &str = r#"
[[requirements]]
id = "BUN-001"
level = "MUST"
statement = "A missing key is refused."
source = "the contract"
authority = "spec"
"#;

/// The configurations that they name.
const CONFIGS: &str = include_str!("../bundle/configs.toml");

/// A suite is read, or each of its errors names the file, a place inside it and what is wrong. Returns whether it was
/// read.
///
/// The first byte says which file of a suite the rest is.
pub(crate) fn suite(input: &[u8]) -> bool {
    let Some((which, text)) = input.split_first() else { return false };
    let name = SUITE_FILES[usize::from(*which) % SUITE_FILES.len()];
    let folder = tempfile::tempdir().expect("a temporary directory");
    write(folder.path(), "requirements/good.toml", REQUIREMENT.as_bytes());
    write(folder.path(), "configs.toml", CONFIGS.as_bytes());
    write(folder.path(), name, text);
    let source = Source::Disk { suite: folder.path().to_owned(), fixtures: Ok(folder.path().to_owned()) };
    match Suite::load(&BUNDLE, source, &["stub"]) {
        Ok(suite) => {
            assert!(suite.checks().len() <= MAX_CHECKS, "{} checks", suite.checks().len());
            for check in suite.checks() {
                assert!(!check.id.is_empty() && !check.steps.is_empty(), "{check:?}");
            }
            true
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "a suite was refused without a reason");
            for error in errors {
                assert!(!error.file.is_empty() && !error.message.trim().is_empty(), "{error:?}");
                assert!(
                    error.message.len() <= MAX_MESSAGE_BYTES,
                    "a message of {} bytes",
                    error.message.len()
                );
                assert!(
                    error.text.get(error.span.clone()).is_some(),
                    "{:?} is outside of {name}",
                    error.span
                );
                assert!(error.to_string().contains(&error.file), "{error}");
            }
            false
        }
    }
}

/// A request or a response of an operation survives being written and read; a server answers each line with one line.
/// Returns whether it was read.
///
/// The first byte says what the rest is: a request of an operation, a response of one, or the lines of a session.
pub(crate) fn message(input: &[u8]) -> bool {
    let Some((which, bytes)) = input.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let operations = BUNDLE.operations();
    let which = usize::from(*which) % (2 * operations.len() + 1);
    match operations.get(which / 2) {
        Some(operation) if which.is_multiple_of(2) => {
            survives(operation, operation.codec.request_from_json, text)
        }
        Some(operation) => survives(operation, operation.codec.response_from_json, text),
        None => is_answered(text),
    }
}

fn survives(
    operation: &Operation,
    read: fn(&str) -> Result<bundleproof::value::Map, serde_json::Error>,
    text: &str,
) -> bool {
    match read(text) {
        Ok(fields) => {
            let written = serde_json::to_string(&fields).expect("a message can be written");
            let back = read(&written).expect("what was written can be read");
            assert_eq!(back, fields, "{} as {written}", operation.name);
            true
        }
        Err(error) => refused(&error),
    }
}

/// The stub answers, which refuses every operation and does nothing to files.
fn is_answered(text: &str) -> bool {
    let stub = BUNDLE.built_ins().into_iter().find(|built_in| matches!(built_in.role, BuiltInRole::Stub));
    let stub: Arc<dyn Implementation> = stub.expect("a contract has a stub").implementation;
    let mut output = Vec::new();
    let ended = adapter::serve(&BUNDLE, stub.as_ref(), &BTreeMap::new(), text.as_bytes(), &mut output);
    let output = String::from_utf8(output).expect("text");
    let lines = text.matches('\n').count();
    assert!(output.lines().count() <= lines, "{lines} lines have {} answers", output.lines().count());
    if ended.is_ok() && !text.contains("shutdown") {
        assert_eq!(output.lines().count(), lines, "not every line was answered");
    }
    for line in output.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).expect("an answer is JSON");
        assert_ne!(answer.get("result").is_some(), answer.get("error").is_some(), "{line}");
    }
    output.contains("\"result\"")
}

/// A document of a report is read, or refused with a message; what was read renders to files that are well-formed, and
/// from which the same can be rendered again. Returns whether it was read.
///
/// The first byte says which document the rest is.
pub(crate) fn report(input: &[u8]) -> bool {
    let Some((which, bytes)) = input.split_first() else { return false };
    match which % 5 {
        0 => match RunRecord::from_json(bytes) {
            Ok(run) => {
                renders(&run);
                true
            }
            Err(error) => refused(&error),
        },
        1 => comes_back(Durations::from_json(bytes)),
        2 => comes_back(Chain::from_json(bytes)),
        3 => comes_back(Inventory::from_json(bytes)),
        _ => comes_back(serde_json::from_slice::<KillMatrix>(bytes)),
    }
}

/// The run of the corpus.
pub(crate) fn a_run() -> RunRecord {
    let results = include_bytes!("../fuzz/corpus/report/results");
    RunRecord::from_json(&results[1..]).expect("the run of the corpus")
}

/// A run renders to files that are well-formed, and from which the same can be rendered again.
pub(crate) fn renders(run: &RunRecord) {
    let files = report::files(run, None).expect("what was read can be rendered");
    let mut again = RunRecord::from_json(&files[RESULTS]).expect("what was rendered can be read");
    // The times are in a file of their own.
    for (again, run) in again.outcomes.iter_mut().zip(&run.outcomes) {
        again.milliseconds = run.milliseconds;
    }
    assert_eq!(report::files(&again, None).expect("it was rendered before"), files);
    let junit = std::str::from_utf8(&files[JUNIT]).expect("text");
    let allowed = |character: char| !character.is_control() || matches!(character, '\n' | '\t' | '\r');
    assert!(junit.chars().all(|character| allowed(character) || character >= '\u{7f}'), "{junit:?}");
    let mut reader = quick_xml::Reader::from_str(junit);
    while !matches!(reader.read_event().expect("well-formed XML"), Event::Eof) {}
}

fn comes_back<T, E>(read: Result<T, E>) -> bool
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
    E: std::fmt::Display,
{
    match read {
        Ok(document) => {
            let written = serde_json::to_vec(&document).expect("what was read can be written");
            let back: T = serde_json::from_slice(&written).expect("what was written can be read");
            assert_eq!(back, document);
            true
        }
        Err(error) => refused(&error),
    }
}

/// Not read, for a reason that can be read.
pub(crate) fn refused(error: &impl std::fmt::Display) -> bool {
    let message = error.to_string();
    assert!(!message.trim().is_empty(), "an error says nothing");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes", message.len());
    false
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    path.parent().map_or(Ok(()), fs::create_dir_all).expect("the directory of a suite");
    fs::write(path, bytes).expect("a file of a suite");
}
