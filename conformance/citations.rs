//! Every requirement that a source file, a document or a case names is one that `requirements/` has.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::Contract as _,
        runner::Implementations,
        suite::{Source, Suite},
    },
};

/// Where requirements are named.
const PLACES: [&str; 5] = ["src", "conformance", "fixtures", "docs", "README.md"];

/// Folders that hold no sources: what builds leave, and the inputs that fuzzing found.
const NO_SOURCES: [&str; 4] = ["target", "__pycache__", "corpus", "artifacts"];

#[test]
fn every_requirement_that_is_cited_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suite = Suite::load(
        &BUNDLE,
        Source::disk(&root.join("conformance/bundle")),
        &Implementations::of(&BUNDLE.built_ins()).names(),
    )
    .expect("a valid suite");
    let known: BTreeSet<&str> =
        suite.requirements().iter().map(|requirement| requirement.id.get_ref().as_str()).collect();
    let prefixes: BTreeSet<&str> =
        known.iter().filter_map(|id| id.rsplit_once('-')).map(|(prefix, _)| prefix).collect();

    let (mut cited, mut unknown) = (BTreeSet::new(), Vec::new());
    for path in PLACES.iter().flat_map(|place| files(&root.join(place))) {
        // What is not UTF-8 is an archive or an array.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            for id in citations(line, &prefixes) {
                if known.contains(id) {
                    cited.insert(id.to_owned());
                } else {
                    let path = path.strip_prefix(root).expect("a path below the root").display();
                    unknown.push(format!("{path}:{}: unknown requirement {id}", index + 1));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    // Each requirement is cited at least where it is stated.
    assert_eq!(cited.len(), known.len());
}

#[test]
fn a_requirement_is_held_by_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let source = Source::disk(&root.join("bundle"));
    let suite = Suite::load(&BUNDLE, source, &Implementations::of(&BUNDLE.built_ins()).names())
        .expect("a valid suite");
    let held: Vec<&str> =
        suite.requirements().iter().filter_map(|requirement| requirement.held_by.as_deref()).collect();
    assert!(!held.is_empty(), "LOD-017 is held by a test");
    for test in held {
        let (target, name) = test.split_once("::").expect("target::test");
        let text = fs::read_to_string(root.join(format!("{target}.rs"))).expect("a test target");
        assert!(text.contains(&format!("\nfn {name}(")), "no test {test}");
    }
}

#[test]
fn an_id_is_a_whole_word_of_a_known_prefix_and_digits() {
    let prefixes = BTreeSet::from(["ONE", "TWO"]);
    let found =
        citations("ONE-08, (TWO-001) to TWO-9; NO-ONE-1 XONE-1 ONE-O1 ONE-1a ONE- SIX-001 ONE-7", &prefixes);
    assert_eq!(found, ["ONE-08", "TWO-001", "TWO-9", "ONE-7"]);
}

/// The words of a line that look like an id: one of the prefixes, a hyphen and digits.
fn citations<'a>(line: &'a str, prefixes: &BTreeSet<&str>) -> Vec<&'a str> {
    let is_id = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(prefix, number)| {
            prefixes.contains(prefix)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    line.split(|character: char| !character.is_alphanumeric() && !"-_".contains(character))
        .filter(is_id)
        .collect()
}

/// The files at or below a path.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !name.starts_with('.') && !NO_SOURCES.contains(&name.as_str())
        })
        .flat_map(|entry| files(&entry.path()))
        .collect()
}
