//! The outputs in the README are what the program prints.
//!
//! Runs every line `$ ...` of the blocks marked `console`, from top to bottom, in one directory that contains only a
//! link to the fixtures and a file of test results. Timestamps and times may differ, and a line `...` stands for any number of lines. Commands
//! that need the test suite or the network are in blocks marked `sh`, which are not run. Blocks marked `console python`
//! run only if `BUNDLEPROOF_PYTHON` is the path of a Python. `BUNDLEPROOF_BLESS=1 cargo test --test readme` writes the
//! current outputs into the README; review the diff.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{fs, path::Path, process::Command};

use bundleproof::harness::record::RunTimestamp;

struct Example {
    line: usize,
    command: String,
    shown: Vec<String>,
    /// Whether it starts Python, with the kit.
    needs_python: bool,
}

/// The variable with the path of a Python that can run the adapters.
const PYTHON: &str = "BUNDLEPROOF_PYTHON";

fn examples(readme: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let (mut inside, mut needs_python) = (false, false);
    for (index, line) in readme.lines().enumerate() {
        match (inside, line) {
            (false, "```console" | "```console python") => {
                (inside, needs_python) = (true, line.ends_with("python"));
            }
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => {
                    let (command, shown) = (command.to_owned(), Vec::new());
                    found.push(Example { line: index + 1, command, shown, needs_python });
                }
                None => found.last_mut().expect("a command before its output").shown.push(line.to_owned()),
            },
            _ => {}
        }
    }
    found
}

/// Runs the command with the program that was built for the tests.
fn run(command: &str, place: &Path) -> String {
    let program = program::path();
    let command = command.replace("cargo run --release -- ", "bundleproof ");
    let own = program.parent().expect("a folder").display();
    let python = std::env::var_os(PYTHON);
    let python = python.as_deref().and_then(|python| Path::new(python).parent());
    // The folder of Python may have an installed program, which is not the one that is tested.
    let path = match python {
        Some(python) => format!("{own}:{}:{}", python.display(), env!("PATH")),
        None => format!("{own}:{}", env!("PATH")),
    };
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/adapters/python/src");
    let output = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(place)
        .env("PATH", path)
        .env("PYTHONPATH", kit)
        .output()
        .expect("a shell");
    String::from_utf8(output.stdout).expect("text")
}

/// Replaces timestamps and times, which differ between runs.
fn comparable(line: &str) -> String {
    let word = |word: &str| match word.parse::<RunTimestamp>() {
        Ok(stamp) if stamp > "2026-01-01T000000Z".parse().expect("a stamp") => "STAMP".to_owned(),
        _ => word.to_owned(),
    };
    let words: Vec<String> = line.trim_end().split('/').map(word).collect();
    let line = words.join("/");
    if let Some((before, _)) = line.split_once("time:") {
        return format!("{before}time: some");
    }
    match line.strip_prefix("proven: ").and_then(|line| line.rsplit_once(" runs, ")) {
        Some((before, _)) => format!("proven: {before} runs, some seconds"),
        None => line,
    }
}

fn matches(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first.trim() == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((printed, others))) => {
            comparable(first) == comparable(printed) && matches(rest, others)
        }
        _ => false,
    }
}

/// The README with `printed` instead of the output below the command of `line`.
fn shown_instead(readme: &str, line: usize, shown: usize, printed: &[&str]) -> String {
    let lines: Vec<&str> = readme.lines().collect();
    [&lines[..line], printed, &lines[line + shown..], &[""]].concat().join("\n")
}

#[test]
fn the_readme_shows_the_actual_outputs() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut text = fs::read_to_string(&readme).expect("README.md");
    let bless = std::env::var_os("BUNDLEPROOF_BLESS").is_some();
    let examples = examples(&text);
    assert!(examples.len() > 4, "the README shows too little to be tested");
    let place = tempfile::tempdir().expect("a temporary directory");
    // Some commands read the fixtures of a clone.
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::os::unix::fs::symlink(fixtures, place.path().join("fixtures")).expect("a link");
    let junit = "pytest_2025_10_17.xml";
    fs::copy(readme.with_file_name("conformance/junit").join(junit), place.path().join(junit))
        .expect("a copy");
    // The number of lines by which updates have moved the rest of the README.
    let mut moved = 0_isize;
    let has_python = std::env::var_os(PYTHON).is_some();
    for Example { line, command, shown, needs_python } in examples {
        if needs_python && !has_python {
            continue;
        }
        let printed = run(&command, place.path());
        let lines: Vec<&str> = printed.lines().collect();
        if bless && !matches(&shown, &lines) && !shown.iter().any(|line| line == "...") {
            text = shown_instead(&text, line.strict_add_signed(moved), shown.len(), &lines);
            moved += lines.len().cast_signed() - shown.len().cast_signed();
            fs::write(&readme, &text).expect("README.md");
            continue;
        }
        assert!(
            matches(&shown, &lines),
            "README.md:{line}: `{command}` prints\n{printed}\nand the README shows\n{}",
            shown.join("\n")
        );
    }
}
