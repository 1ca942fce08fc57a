//! The mutants of `cargo mutants` that no test can kill stand in `survivors.toml`, each with the reason. An
//! entry must be about code that is there; and with `BUNDLEPROOF_MUTANTS`, the folder that a run has left, what
//! the run has missed must be what is listed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{env, fs, path::Path};

use rstest::rstest;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    survivors: Vec<Survivor>,
}

#[derive(Debug, Deserialize)]
struct Survivor {
    #[serde(flatten)]
    mutant: Mutant,
    reason: String,
}

/// A mutant by the line that it changes, so that it is found again wherever the line has moved.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Mutant {
    file: String,
    /// The line, without the space around it.
    code: String,
    /// What `cargo mutants` prints after the place.
    mutation: String,
}

/// What is wrong with an entry about a file of this text.
fn fault(survivor: &Survivor, text: &str) -> Option<&'static str> {
    let Mutant { code, mutation, .. } = &survivor.mutant;
    if !text.lines().any(|line| line.trim() == code) {
        return Some("the line is not there any more");
    }
    // Where the whole body or a constant is replaced, no function is named behind it.
    let path = mutation.rsplit_once(" in ").map(|(_, path)| path);
    let name = path.and_then(|path| path.rsplit("::").next());
    if name.is_some_and(|name| !text.contains(&format!("fn {name}"))) {
        return Some("the function is not there any more");
    }
    (!survivor.reason.ends_with('.')).then_some("the reason is not a sentence")
}

/// The mutants of a run's `missed.txt`, each a line of the form `file:line:column: mutation`.
fn missed(list: &str, source: impl Fn(&str) -> String) -> Vec<Mutant> {
    let mutant = |line: &str| {
        let [file, number, _, mutation] = line.splitn(4, ':').collect::<Vec<_>>()[..] else {
            panic!("not a mutant: {line}");
        };
        let number: usize = number.parse().expect("the number of a line");
        let code = source(file).lines().nth(number - 1).unwrap_or_default().trim().to_owned();
        Mutant { file: file.to_owned(), code, mutation: mutation.trim().to_owned() }
    };
    list.lines().map(mutant).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

fn survivors() -> Vec<Survivor> {
    let listed: Listed = toml::from_str(&read("conformance/survivors.toml")).expect("a list of survivors");
    listed.survivors
}

#[test]
fn every_entry_is_about_code_that_is_there_and_says_why_nothing_kills_it() {
    for survivor in survivors() {
        assert_eq!(fault(&survivor, &read(&survivor.mutant.file)), None, "{survivor:?}");
    }
}

#[test]
fn a_run_misses_what_is_listed_and_nothing_else() {
    // A run takes hours, so that it is not made here: without one there is nothing to compare.
    let Some(run) = env::var_os("BUNDLEPROOF_MUTANTS") else { return };
    let file = |name: &str| read(Path::new(&run).join(name));
    let outcomes: serde_json::Value =
        serde_json::from_str(&file("outcomes.json")).expect("outcomes of a run");
    assert!(outcomes["end_time"].is_string(), "the run did not come to its end");
    let mut missed = missed(&file("missed.txt"), |source| read(source));
    let mut listed: Vec<Mutant> = survivors().into_iter().map(|survivor| survivor.mutant).collect();
    missed.sort();
    listed.sort();
    assert_eq!(missed, listed);
}

const SOURCE: &str = "
const LIMIT: u64 = 1 << 20;

impl Counter {
    pub(crate) fn count(&mut self) -> bool {
        self.at += 1;
        self.at < LIMIT
    }
}
";

fn mutant(code: &str, mutation: &str) -> Mutant {
    let [file, code, mutation] = ["counter.rs", code, mutation].map(str::to_owned);
    Mutant { file, code, mutation }
}

#[rstest]
#[case::current("self.at += 1;", "replace += with -= in Counter::count", "It is so.", None)]
#[case::constant("const LIMIT: u64 = 1 << 20;", "replace << with >>", "It is so.", None)]
#[case::line("self.at += 2;", "replace += with -= in Counter::count", "It is so.", Some("line"))]
#[case::function("self.at += 1;", "replace += with -= in Counter::step", "It is so.", Some("function"))]
#[case::reason("self.at += 1;", "replace += with -= in Counter::count", "", Some("reason"))]
fn a_stale_entry_is_found(
    #[case] code: &str,
    #[case] mutation: &str,
    #[case] reason: &str,
    #[case] about: Option<&str>,
) {
    let survivor = Survivor { mutant: mutant(code, mutation), reason: reason.to_owned() };
    let found = fault(&survivor, SOURCE);
    assert_eq!(found.map(|found| found.split(' ').nth(1).unwrap_or_default()), about);
}

#[test]
fn what_a_run_has_missed_is_known_by_its_line() {
    let list = "counter.rs:2:22: replace << with >>\ncounter.rs:7:17: replace < with <= in Counter::count\n";
    let expected = [
        mutant("const LIMIT: u64 = 1 << 20;", "replace << with >>"),
        mutant("self.at < LIMIT", "replace < with <= in Counter::count"),
    ];
    assert_eq!(missed(list, |_| SOURCE.to_owned()), expected);
}
