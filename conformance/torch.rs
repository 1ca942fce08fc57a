//! With the feature `torch`: networks that are executed, and what is said where libtorch is not.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use assert_cmd::Command;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bundleproof");
const WITH_TORCH: &str = env!("CARGO_BIN_EXE_bundleproof-torch");

fn run(program: &Path, place: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program);
    let output = command.current_dir(place.path()).env_clear().args(arguments).output().expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A copy of both programs, of which the second does not find its libraries any more.
fn without_libtorch(place: &TempDir) -> std::path::PathBuf {
    let program = place.path().join("bundleproof");
    fs::copy(PROGRAM, &program).expect("a copy");
    let mut bytes = fs::read(WITH_TORCH).expect("the program");
    // Where the loader looks for a library stands in the program as text.
    let name = b"/libtorch/lib";
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!places.is_empty(), "the program does not say where libtorch is");
    for at in places {
        bytes[at..at + name.len()].copy_from_slice(b"/nothing/here");
    }
    let with_torch = place.path().join("bundleproof-torch");
    fs::write(&with_torch, bytes).expect("a copy");
    fs::set_permissions(&with_torch, fs::Permissions::from_mode(0o755)).expect("a copy");
    program
}

#[test]
fn a_missing_libtorch_is_told_and_the_rest_runs() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = without_libtorch(&place);
    let arguments =
        ["run", "--case", "execution/output_survives_a_load*", "--case", "roundtrip/networks_come_back*"];
    let (code, text, error) = run(&program, &place, &arguments);
    assert_eq!(code, Some(0), "{text}\n{error}");
    assert!(text.contains("execution       0/6 passed (6 unsupported)"), "{text}");
    assert!(text.contains("roundtrip       3/3 passed"), "{text}");
    assert!(error.contains("so cases that need torch are skipped"), "{error}");
    assert!(error.contains("libtorch_cpu.so") && error.contains("LD_LIBRARY_PATH"), "{error}");

    let (code, _, error) = run(&program, &place, &["interop", "reference+torch"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("libtorch_cpu.so"), "{error}");
}

#[test]
fn networks_are_executed_and_give_the_same_everywhere() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (code, text, error) = run(Path::new(PROGRAM), &place, &["interop", "reference", "reference+torch"]);
    assert_eq!(code, Some(0), "{text}\n{error}");
    let matrix = fs::read_dir(place.path().join("interop")).expect("a matrix").next().expect("one");
    let page = fs::read_to_string(matrix.expect("one").path().join("matrix.md")).expect("a page");
    let executed = "| reference+torch | reference+torch | gridsize2 | same | 60 tensors and 63 params, outputs of 2 models |";
    assert!(page.contains(executed), "{page}");
}

#[test]
fn the_cases_that_need_torch_are_run() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["run", "--area", "execution", "--max-unsupported", "0"];
    let (code, text, error) = run(Path::new(PROGRAM), &place, &arguments);
    assert_eq!(code, Some(0), "{text}\n{error}");
    assert!(text.contains("green  14/14 passed on reference"), "{text}");
    assert!(!error.contains("skipped"), "{error}");
}
