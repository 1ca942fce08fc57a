//! Mechanical faults of everything that an implementation shows, on a contract that is not the crate's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/toy/mod.rs"]
#[allow(dead_code, reason = "the tests of the engine use more of the contract")]
mod toy;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::harness::{
    contract::{Contract as _, Implementation},
    proof::observation::{
        BlindSpots, Kind, Noticed, Observations, Search, Settled, observation_faults, recorders, recordings,
        search,
    },
    runner::{self, Implementations, Options},
    suite::{Source, Suite},
};

use self::toy::{
    TOY,
    implementations::{KEEPER, built_ins},
};

/// The suite on disk; the same is embedded.
const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/support/toy/suite");

/// What the cases of the suite do not look at.
const UNNOTICED: &[&str] = &[
    "set: refused for invalid_value key_too_long long: with other words",
    "set: refused for invalid_value too_many_entries d: with other words",
    "reset: $work/bundleproof.left written",
    "snapshot: response entries/a changed, only call 2",
    "snapshot: the answer of the previous call",
];

fn load(source: Source) -> Arc<Suite> {
    let implementations = Implementations::of(&built_ins());
    Arc::new(Suite::load(&TOY, source, &implementations.names()).expect("the suite"))
}

/// Records the suite on the reference, and searches for a check that notices each fault.
fn searched(suite: &Arc<Suite>, workers: usize) -> Vec<Settled> {
    let inner: Arc<dyn Implementation> =
        Implementations::of(&built_ins()).get(KEEPER).expect("the reference");
    let work = tempfile::tempdir().expect("a temporary directory");
    let interrupted = AtomicBool::new(false);
    let options = Options { workers, ..Options::default() };
    let (recorders, jobs) = recorders(suite.checks(), &inner, &TOY);
    let outcomes = runner::run(&jobs, suite, work.path(), options, &interrupted, &|_| ());
    let recordings = recordings(suite.checks(), &recorders, &outcomes);
    assert_eq!(recordings.len(), suite.checks().len());
    let faults = observation_faults(&TOY, &recordings);
    let how = Search {
        suite,
        recordings: &recordings,
        inner: &inner,
        contract: &TOY,
        work: work.path(),
        options,
        interrupted: &interrupted,
        on_progress: &|_| (),
    };
    search(faults, &how)
}

fn of<'s>(all: &'s [Settled], name: &str) -> &'s Settled {
    let known = || all.iter().map(|one| one.fault.name.as_str()).collect::<Vec<_>>().join("\n");
    all.iter()
        .find(|one| one.fault.name == name)
        .unwrap_or_else(|| panic!("{name} is not among\n{}", known()))
}

#[test]
fn everything_that_an_implementation_shows_is_changed_and_noticed_or_named() {
    let all = searched(&load(Source::Embedded(TOY.suite())), 2);
    let kinds: BTreeSet<Kind> = all.iter().map(|one| one.fault.kind).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    let names: BTreeSet<&str> = all.iter().map(|one| one.fault.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    for noticed in [
        "get: response value changed",
        "get: response value retyped",
        "get: refused for not_found: with other words",
        "get: refused for not_found: of another kind",
        "get: refused for not_found: accepted",
        "set: not performed",
        "load: entries as earlier",
        "load: $file removed",
        "save: file entries/a changed",
        "save: file entries/a dropped",
        "save: file as before",
        "save: $file.tmp written",
        "reset: not performed",
    ] {
        assert!(matches!(of(&all, noticed).noticed, Noticed::By(_)), "{noticed}");
    }
    let found = Observations::of(&all, &BlindSpots::default(), true);
    let counted: usize = found.kinds.iter().map(|kind| kind.faults).sum();
    assert_eq!(counted, found.faults);
    assert_eq!(found.problems.len(), found.unnoticed.len());
    let unnoticed: Vec<&str> = found.unnoticed.iter().map(|fault| fault.fault.as_str()).collect();
    assert_eq!(unnoticed, UNNOTICED);
    assert!(Observations::of(&all, &BlindSpots::default(), false).problems.is_empty());
}

#[test]
fn what_a_removed_case_noticed_is_a_blind_spot() {
    let name = "get: refused for not_found: with other words";
    let place = tempfile::tempdir().expect("a temporary directory");
    let suite = place.path().join("suite");
    copied(Path::new(SUITE), &suite);
    let file = suite.join("cases/entries/missing_key_is_refused.toml");
    let text = fs::read_to_string(&file).expect("the case");
    let without: String =
        text.lines().filter(|line| !line.contains("names_the_key =")).fold(String::new(), joined);
    let (head, _) = without.split_once("[[red]]\non = \"hides").expect("its second red entry");
    fs::write(&file, head).expect("a file");
    let all = searched(&load(Source::disk(&suite)), 2);
    assert_eq!(of(&all, name).noticed, Noticed::Not);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_workers() {
    let suite = load(Source::Embedded(TOY.suite()));
    assert_eq!(searched(&suite, 1), searched(&suite, 4));
}

fn joined(text: String, line: &str) -> String {
    text + line + "\n"
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn copied(from: &Path, to: &Path) {
    for file in walk(from) {
        let target = to.join(file.strip_prefix(from).expect("below"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, target).expect("a copy");
    }
}
