//! The outputs in README.md and the pages of `docs/` are what the program prints, and their links lead somewhere.
//!
//! Runs every line `$ ...` of the blocks marked `console`, from top to bottom, in a directory for each page that contains
//! only a link to the fixtures and a file of test results. Timestamps and times may differ, and a line `...` stands for any
//! number of lines. Commands that need the test suite or the network are in blocks marked `sh`, which are not run. Blocks
//! marked `console python` run only if `BUNDLEPROOF_PYTHON` is the path of a Python. `BUNDLEPROOF_BLESS=1 cargo test --test
//! readme` writes the current outputs into the pages; review the diff.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bundleproof::harness::record::RunTimestamp;
use rstest::rstest;

struct Example {
    line: usize,
    command: String,
    shown: Vec<String>,
    /// Whether it starts Python, with the kit.
    needs_python: bool,
}

/// The variable with the path of a Python that can run the adapters.
const PYTHON: &str = "BUNDLEPROOF_PYTHON";

fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let (mut inside, mut needs_python) = (false, false);
    for (index, line) in page.lines().enumerate() {
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
    let line = without_milliseconds(&words.join("/"));
    if let Some((before, _)) = line.split_once("time:") {
        return format!("{before}time: some");
    }
    match line.strip_prefix("proven: ").and_then(|line| line.rsplit_once(" runs, ")) {
        Some((before, _)) => format!("proven: {before} runs, some seconds"),
        None => line,
    }
}

/// The line with `some ms` in place of each number of milliseconds.
fn without_milliseconds(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        if words[at] == "ms" && words[at - 1].parse::<u64>().is_ok() {
            words[at - 1] = "some";
        }
    }
    words.join(" ")
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

/// The page with `printed` instead of the output below the command of `line`.
fn shown_instead(page: &str, line: usize, shown: usize, printed: &[&str]) -> String {
    let lines: Vec<&str> = page.lines().collect();
    [&lines[..line], printed, &lines[line + shown..], &[""]].concat().join("\n")
}

#[rstest]
fn a_page_shows_the_actual_outputs(
    #[files("README.md")]
    #[files("docs/*.md")]
    #[exclude("contract.md")]
    page: PathBuf,
) {
    let mut text = fs::read_to_string(&page).expect("a page");
    let bless = std::env::var_os("BUNDLEPROOF_BLESS").is_some();
    let examples = examples(&text);
    assert!(!examples.is_empty(), "{} shows nothing", page.display());
    let place = tempfile::tempdir().expect("a temporary directory");
    // Some commands read the fixtures of a clone.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(root.join("fixtures"), place.path().join("fixtures")).expect("a link");
    let junit = "pytest_2025_10_17.xml";
    fs::copy(root.join("conformance/junit").join(junit), place.path().join(junit)).expect("a copy");
    // The number of lines by which updates have moved the rest of the page.
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
            fs::write(&page, &text).expect("a page");
            continue;
        }
        assert!(
            matches(&shown, &lines),
            "{}:{line}: `{command}` prints\n{printed}\nand the page shows\n{}",
            page.display(),
            shown.join("\n")
        );
    }
}

/// `docs/contract.md` is a whole output, without a command above it.
#[test]
fn the_page_of_the_contract_is_what_the_program_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract.md");
    let printed = run("bundleproof contract", Path::new(env!("CARGO_MANIFEST_DIR")));
    if std::env::var_os("BUNDLEPROOF_BLESS").is_some() {
        fs::write(&page, &printed).expect("a page");
    }
    assert_eq!(fs::read_to_string(&page).expect("a page"), printed);
}

/// The links of a page to other files of the repository, without those in blocks of code.
fn links(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut text = String::new();
    for line in page.lines() {
        inside ^= line.trim_start().starts_with("```");
        if !inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The anchor that a heading has on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[rstest]
fn a_link_leads_to_a_file_and_a_heading(
    #[files("*.md")]
    #[files("docs/*.md")]
    #[files("conformance/*.md")]
    #[files("conformance/adapters/*.md")]
    #[files("conformance/fuzz/*.md")]
    #[files("fixtures/*.md")]
    page: PathBuf,
) {
    let text = fs::read_to_string(&page).expect("a page");
    for link in links(&text) {
        let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
        let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
        assert!(target.exists(), "{}: {link}", page.display());
        if !heading.is_empty() {
            let text = fs::read_to_string(&target).expect("a page");
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            let is_it = |line: &str| anchor(line.trim_start_matches('#').trim()) == heading;
            assert!(headings.any(is_it), "{}: {link}", page.display());
        }
    }
}
