//! Adversaries: what each of them does, that both suites notice them, and that a run uses them as its control.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;
#[path = "support/toy/mod.rs"]
#[allow(dead_code, reason = "the toy has more than these tests use")]
mod toy;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::{
    bundle::{BUNDLE, implementations::reference},
    harness::{
        adversary::{self, Adversary, Controlled, Trial},
        contract::{Contract, Implementation, Refusal, RefusalKind, Session, SessionContext},
        proof::AdversaryProof,
        record::{Control, ControlResult, NotTried},
        runner::{self, Implementations, Job, Options, Outcome},
        suite::{Source, Suite},
    },
    value::{Map, Value},
};
use tempfile::TempDir;

use self::{
    place::{Place, err, out},
    toy::{TOY, implementations::KEEPER},
};

/// The suite of bundles is tried on one of so many checks: each run on another implementation tries it on those that
/// passed.
const ONE_OF: usize = 5;

fn suite(contract: &'static dyn Contract) -> Arc<Suite> {
    let implementations = Implementations::of(&contract.built_ins());
    let source = Source::Embedded(contract.suite());
    Arc::new(Suite::load(contract, source, &implementations.names()).expect("the suite"))
}

fn run(jobs: &[Job], suite: &Arc<Suite>) -> Vec<Outcome> {
    let work = tempfile::tempdir().expect("a temporary directory");
    runner::run(jobs, suite, work.path(), Options::default(), &AtomicBool::new(false), &|_| ())
}

/// The trials of each adversary on one of so many checks.
fn proofs(
    contract: &'static dyn Contract,
    judged: &Arc<dyn Implementation>,
    one_of: usize,
) -> Vec<AdversaryProof> {
    let suite = suite(contract);
    let on = |adversary| {
        let checks = suite.checks().iter().step_by(one_of);
        checks.map(move |check| Trial::new(adversary, check, judged, contract)).collect()
    };
    let trials: Vec<Trial> =
        Adversary::ALL.into_iter().flat_map(|adversary| -> Vec<Trial> { on(adversary) }).collect();
    let jobs: Vec<Job> = trials.iter().map(|trial| trial.job.clone()).collect();
    AdversaryProof::all(&trials, &run(&jobs, &suite))
}

fn keeper() -> Arc<dyn Implementation> {
    Implementations::of(&TOY.built_ins()).get(KEEPER).expect("the reference")
}

#[test]
fn the_suite_of_bundles_notices_every_adversary() {
    for proof in proofs(&BUNDLE, &reference(), ONE_OF) {
        println!("{proof:#?}");
        assert!(proof.noticed > 0, "{proof:#?}");
        assert_eq!(proof.affected, proof.noticed + proof.passed.len());
    }
}

#[test]
fn the_suite_of_a_toy_notices_every_adversary() {
    for proof in proofs(&TOY, &keeper(), 1) {
        println!("{proof:#?}");
        assert!(proof.noticed > 0, "{proof:#?}");
    }
}

/// A session of an adversary around the key-value store, in a directory of its own.
struct Around {
    session: Box<dyn Session>,
    place: TempDir,
}

impl Around {
    fn keeper(adversary: Adversary) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let context = SessionContext::new(place.path().to_owned(), BTreeMap::new());
        let session = adversary::wrapped(adversary, &keeper(), &TOY).start(context);
        Self { session, place }
    }

    fn ask<const N: usize>(&mut self, operation: &str, fields: [(&str, Value); N]) -> Result<Map, Refusal> {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.session.call(operation, &fields)
    }

    fn set(&mut self, key: &str, value: i64) {
        self.ask("set", [("key", Value::from(key)), ("value", Value::Int(value))])
            .expect("a value that is set");
    }

    fn get(&mut self, key: &str) -> Result<Map, Refusal> {
        self.ask("get", [("key", Value::from(key)), ("as", Value::from("found"))])
    }

    fn in_directory(&mut self, operation: &str) -> Result<Map, Refusal> {
        self.ask(operation, [("directory", Value::from("out"))])
    }

    fn entries(&mut self) -> Value {
        self.session.observe("entries").expect("entries")
    }

    fn file(&self) -> std::path::PathBuf {
        self.place.path().join("out/store.json")
    }
}

fn value(value: i64) -> Map {
    Map::from_iter([("value".to_owned(), Value::Int(value))])
}

fn entries(entries: &[(&str, i64)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), Value::Int(*value))).collect())
}

#[test]
fn everything_is_refused_with_the_words_of_requests_answers_and_operations() {
    let mut around = Around::keeper(Adversary::RefusesEverything);
    let fields = [("key", Value::from("apples")), ("value", Value::Int(5))];
    let refusal = around.ask("set", fields).expect_err("a refusal");
    for word in ["apples", "5", "max_length", "directory", "restore"] {
        assert!(refusal.message.split([' ', ',']).any(|own| own == word), "{word}: {refusal}");
    }
    assert!(refusal.kind.is_about_the_input(), "{refusal}");
    let missing = around.get("pears").expect_err("a refusal");
    assert_eq!(missing.kind, RefusalKind::NotFound, "a refusal that is due keeps its kind");
}

#[test]
fn everything_is_answered_from_earlier_answers_and_the_request() {
    let mut around = Around::keeper(Adversary::AnswersEverything);
    assert_eq!(around.get("pears"), Ok(Map::from_iter([("value".to_owned(), Value::None)])));
    around.set("apples", 5);
    assert_eq!(around.get("apples"), Ok(value(5)));
    assert_eq!(around.get("pears"), Ok(value(5)));
    assert_eq!(around.in_directory("load"), Ok(Map::new()));
}

#[test]
fn memory_answers_for_a_file_that_was_changed_and_leaves_the_change() {
    let mut around = Around::keeper(Adversary::AnswersFromMemory);
    around.set("apples", 5);
    around.in_directory("save").expect("a file");
    fs::write(around.file(), r#"{"entries": {}}"#).expect("a changed file");
    around.set("apples", 6);
    around.in_directory("load").expect("the saved entries");
    assert_eq!(around.entries(), entries(&[("apples", 5)]));
    assert_eq!(fs::read_to_string(around.file()).expect("the file"), r#"{"entries": {}}"#);
    fs::remove_file(around.file()).expect("a file");
    around.in_directory("load").expect("the saved entries");
    assert!(!around.file().exists());
}

#[test]
fn side_effects_are_forgotten_but_answers_are_right_until_a_reset() {
    let mut around = Around::keeper(Adversary::ForgetsSideEffects);
    around.set("apples", 5);
    around.in_directory("save").expect("a file");
    assert!(!around.file().exists(), "the file is not kept");
    around.set("apples", 6);
    around.in_directory("load").expect("the file, which is there as far as the store knows");
    assert_eq!(around.get("apples"), Ok(value(5)));
    assert_eq!(around.entries(), entries(&[("apples", 6)]), "what is loaded is not shown");
    around.session.reset().expect("a reset");
    assert_eq!(around.entries(), entries(&[]));
    let missing = around.in_directory("load").expect_err("no file");
    assert_eq!(missing.kind, RefusalKind::NotFound);
}

#[test]
fn the_first_answer_is_repeated_even_after_a_reset() {
    let mut around = Around::keeper(Adversary::RightOnce);
    around.set("apples", 5);
    assert_eq!(around.get("apples"), Ok(value(5)));
    around.set("apples", 6);
    assert_eq!(around.entries(), entries(&[("apples", 6)]), "the operation is performed");
    around.session.reset().expect("a reset");
    assert_eq!(around.get("apples"), Ok(value(5)));
}

/// The control of the whole suite on the reference, if each check took this many milliseconds, and the number of jobs
/// that it ran on the implementation under test.
fn controlled(milliseconds: u64, whole: bool) -> (Control, usize) {
    let suite = suite(&BUNDLE);
    let (judged, reference): (Arc<dyn Implementation>, Arc<dyn Implementation>) = (reference(), reference());
    let supported = suite.checks().iter().filter(|check| check.needs().all(|need| judged.supports(need)));
    let passed: Vec<_> = supported.map(|check| (Arc::clone(check), milliseconds)).collect();
    let took = milliseconds * u64::try_from(passed.len()).expect("a few");
    let jobs = RefCell::new(0);
    let counting = |own: &[Job]| {
        *jobs.borrow_mut() += own.len();
        run(own, &suite)
    };
    let controlled =
        Controlled { passed, took, judged: &judged, reference: &reference, contract: &BUNDLE, whole };
    (adversary::control(&controlled, &counting), jobs.into_inner())
}

#[test]
fn the_control_of_a_quick_implementation_tries_one_check_on_each_adversary() {
    let (control, jobs) = controlled(1, true);
    assert_eq!(control.to_string(), "5 of 5 faulty variants noticed");
    assert!(jobs < 150, "{jobs} runs of checks, nearly all of them on the reference");
}

#[test]
fn the_control_of_a_slow_implementation_takes_a_few_seconds_and_says_what_it_left_out() {
    let (control, _) = controlled(4_000, true);
    assert_eq!(control.tried(), 2, "two checks of 4 s fit into 10 s: {control}");
    let left_out =
        control.variants.iter().filter(|own| own.result == ControlResult::NotTried(NotTried::NoTime));
    assert_eq!(left_out.count(), 3);
    assert!(control.to_string().contains("right_once not tried: the checks take too long"), "{control}");
    let (control, _) = controlled(60_000, true);
    assert_eq!(control.tried(), 0, "{control}");
}

/// An implementation file that serves the reference over the protocol.
fn adapter(place: &Place) {
    let program = program::path().display().to_string();
    place.write("mine.toml", &format!("[launch]\ncommand = [{program:?}, \"serve\"]\n"));
}

#[test]
fn a_run_on_an_adapter_states_its_control() {
    let place = Place::new();
    adapter(&place);
    let ran =
        place.run(&["run", "--impl", "mine.toml", "--reports", "reports", "--stamp", "2025-10-17T112849Z"]);
    let text = out(&ran);
    assert!(text.contains("\ncontrol: 5 of 5 faulty variants noticed\n"), "{text}");
    let report = place.path("reports/2025-10-17T112849Z");
    let summary = fs::read_to_string(report.join("summary.md")).expect("the summary");
    assert!(summary.contains("- Control: 5 of 5 faulty variants noticed\n"), "{summary}");
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(report.join("results.json")).expect("results")).expect("JSON");
    assert_eq!(results["control"]["variants"].as_array().map(Vec::len), Some(5), "{}", results["control"]);
}

#[test]
fn a_run_of_one_check_tries_the_adversaries_that_the_check_shows() {
    let place = Place::new();
    adapter(&place);
    let case = "config/bridge_skips_none";
    let text = out(&place.run(&["run", "--impl", "mine.toml", "--case", case]).code(0));
    let control = text.lines().find(|line| line.starts_with("control: ")).expect("a control");
    assert!(control.contains("2 of 2 faulty variants noticed"), "{control}");
    assert!(
        control.contains(
            "answers_everything, answers_from_memory, right_once not tried: no passed check would notice"
        ),
        "{control}"
    );
}

/// A suite whose only case cannot tell whether a bridge changes the params.
fn blind_suite(place: &Place) {
    place.write(
        "suite/requirements/config.toml",
        "[[requirements]]\nid = \"CFG-010\"\nlevel = \"MUST\"\nstatement = \"A bridge writes the configuration.\"\n\
         source = \"test\"\nauthority = \"ours\"\n",
    );
    place.write(
        "suite/cases/config/bridge.toml",
        r#"title = "A bridge"
requires = ["CFG-010"]

[[steps]]
do.update_legacy_dict = { config = { kind = "model", N = 128 } }
expect.size = { not_equal = ["$params.N", 32], because = "nothing says 32" }

[[red]]
on = "forgets_keys_it_does_not_know"
fails = "size"
"#,
    );
}

#[test]
fn a_suite_that_does_not_notice_an_adversary_proves_nothing() {
    let place = Place::new();
    adapter(&place);
    blind_suite(&place);
    let ran = place.run(&["run", "--suite", "suite", "--impl", "mine.toml"]).code(6);
    let text = out(&ran);
    let says = "forgets_side_effects passes config/bridge: a pass in this run proves nothing";
    assert!(text.contains(says), "{text}");
    let text = out(&place.run(&["prove", "--suite", "suite"]).code(6));
    let says = "no check notices adversary forgets_side_effects, whose answers are wrong in 1 of them";
    assert!(text.contains(says), "{text}");
}

#[test]
fn adversaries_are_listed_and_can_be_run_by_name_but_no_case_names_one() {
    let place = Place::new();
    let text = out(&place.run(&["list", "implementations"]).code(0));
    for adversary in Adversary::ALL {
        let line = text.lines().find(|line| line.starts_with(adversary.name())).expect("a line");
        assert!(line.contains("adversary") && line.ends_with(adversary.does()), "{line}");
    }
    let text =
        out(&place.run(&["run", "--impl", "right_once", "--case", "bundle/save_tags_the_backend"]).code(0));
    assert!(text.contains("1/1 passed on right_once"), "{text}");
    assert!(!text.contains("control:"), "an adversary is no implementation under test: {text}");
    blind_suite(&place);
    let case = place.path("suite/cases/config/bridge.toml");
    let text = fs::read_to_string(&case).expect("a case");
    fs::write(&case, text.replace("forgets_keys_it_does_not_know", "right_once")).expect("a case");
    let text = err(&place.run(&["list", "--suite", "suite"]).code(3));
    assert!(text.contains("unknown implementation \"right_once\""), "{text}");
}
