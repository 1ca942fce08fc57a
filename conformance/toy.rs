//! The engine on a contract that is not the crate's own: suites, runs, proofs, adapters, reports and ledgers of a
//! key-value store. What the engine assumes of a contract beyond its trait would fail here.
//!
//! The program of these tests is itself the adapter, when a variable says which implementation it serves.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/toy/mod.rs"]
mod toy;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::{
    harness::{
        adapter::{
            client::{ConnectError, Launch, Remote},
            serve,
        },
        contract::{BuiltIn, BuiltInRole, Contract, Implementation},
        ledger::{Ledger, State},
        proof::{
            FailedExpectation, FaultyImplementation, KillMatrix, NeededBy, Parts, PartsWitness, Problem,
            Proven, Skipped, Weakened as WeakenedParts,
            observation::{Search, observation_faults, recorders, recordings},
            search_parts,
        },
        record::{
            Binary, DURATIONS, Durations, Environment, FORMAT, ImplementationRecord, Inventory,
            InventoryEntry, Platform, RESULTS, RunRecord, RunTimes, SUMS,
        },
        report,
        runner::{self, Implementations, Job, Options, Outcome, Phase, RedResult, Verdict, Witness},
        store::{ReportWriter, Store},
        suite::{Plan, Selection, Source, Suite},
    },
    value::Digest,
};
use libtest_mimic::{Arguments, Trial};
use tempfile::TempDir;

use self::toy::{
    TOY,
    implementations::{Behavior, KEEPER, Store as KeyValueStore, UNFINISHED, built_ins},
    slips::{SLIPS, Slip},
};

/// Which implementation this program serves, when it is started as an adapter.
const SERVES: &str = "TOY_SERVES";

/// The suite on disk; the same is embedded.
const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/support/toy/suite");

/// The mutant that a reset over the wire gives away.
const FORGETS_NOTHING: &str = "keeps_entries_over_a_reset";

fn main() -> ExitCode {
    if let Ok(name) = env::var(SERVES) {
        serve_built_in(&name);
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![
        Trial::test("a_suite_is_the_same_embedded_and_on_disk", || test(embedded_and_on_disk)),
        Trial::test("red_fails_as_stated_and_green_passes", || test(red_and_green)),
        Trial::test("every_mutant_is_killed", || test(proven)),
        Trial::test("a_violated_effect_is_named_by_operation_effect_and_requirement", || test(violations)),
        Trial::test("a_mutant_that_behaves_is_named", || test(behaving_mutant)),
        Trial::test("every_part_is_needed_but_one_that_says_nothing", || test(weakened_parts)),
        Trial::test("a_mutant_that_crashes_is_not_killed", || test(crashing_mutants)),
        Trial::test("an_adapter_that_does_not_reset_is_refused", || test(adapter_without_reset)),
        Trial::test("a_report_is_whole_and_renders_again", || test(report_renders_again)),
        Trial::test("the_ledger_follows_red_and_green", || test(ledger_follows)),
    ];
    for weakened in WEAKENED {
        let name = format!("a_weakened_expectation_is_named::{}", weakened.expectation);
        trials.push(Trial::test(name, || test(|| weakened_case(weakened))));
    }
    for slip in SLIPS {
        let name = format!("a_slip_is_shown_where_it_stands::{}", slip.name);
        trials.push(Trial::test(name, || test(|| slip_is_shown(slip))));
    }
    let names = built_ins().into_iter().map(|built_in| built_in.implementation.name().to_owned());
    for name in names.filter(|name| name != FORGETS_NOTHING) {
        let trial = format!("verdicts_are_the_same_across_the_protocol::{name}");
        trials.push(Trial::test(trial, move || test(|| same_verdicts(&name))));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test fails by a panic.
fn test(body: impl FnOnce()) -> Result<(), libtest_mimic::Failed> {
    body();
    Ok(())
}

/// Serves an implementation over the standard streams, in the environment of this process.
fn serve_built_in(name: &str) {
    let served = implementations().get(name).expect("a built-in implementation");
    let contract: &'static dyn Contract = &TOY;
    let variables = contract.environment().iter().filter_map(|(name, _)| {
        let value = env::var(name).ok()?;
        Some(((*name).to_owned(), value))
    });
    let environment: BTreeMap<String, String> = variables.collect();
    serve(contract, served.as_ref(), &environment, io::stdin().lock(), io::stdout().lock())
        .expect("a conversation");
}

fn implementations() -> Implementations {
    Implementations::of(&built_ins())
}

fn load(source: Source) -> Arc<Suite> {
    Arc::new(Suite::load(&TOY, source, &implementations().names()).expect("the suite"))
}

fn embedded() -> Arc<Suite> {
    load(Source::Embedded(TOY.suite()))
}

fn run(jobs: &[Job], suite: &Arc<Suite>) -> Vec<Outcome> {
    let work = tempfile::tempdir().expect("a temporary directory");
    runner::run(jobs, suite, work.path(), Options::default(), &AtomicBool::new(false), &|_| ())
}

/// The check and the verdict of each outcome, with the failures that a report shows.
fn verdicts(outcomes: &[Outcome]) -> Vec<(&str, Verdict, Vec<String>)> {
    let failures = |outcome: &Outcome| {
        let failed =
            outcome.failed().filter_map(|(_, failed)| Some((&failed.name, failed.failure.as_ref()?)));
        failed.map(|(name, failure)| format!("{name}: {} / {}", failure.expected, failure.actual)).collect()
    };
    outcomes.iter().map(|outcome| (outcome.check.as_str(), outcome.verdict(), failures(outcome))).collect()
}

fn embedded_and_on_disk() {
    let (embedded, disk) = (embedded(), load(Source::disk(Path::new(SUITE))));
    assert_eq!(embedded.digest(), disk.digest());
    assert_eq!(embedded.plans(), disk.plans());
    let areas: BTreeSet<&str> = embedded.checks().iter().map(|check| check.case.area.as_str()).collect();
    assert_eq!(areas, BTreeSet::from(["entries", "files", "limits", "process"]));
    let selection = Selection { areas: vec!["limits".to_owned()], ..Selection::default() };
    assert_eq!(selection.select(&embedded).expect("checks").len(), 5);
}

fn red_and_green() {
    let (suite, implementations) = (embedded(), implementations());
    let red = run(&runner::red(suite.checks(), &implementations, None), &suite);
    assert!(red.len() >= suite.checks().len(), "{}", red.len());
    for outcome in &red {
        assert_eq!(outcome.red_result(), RedResult::Proven, "{outcome:#?}");
    }
    let green = |name: &str| {
        let implementation = implementations.get(name).expect("an implementation");
        run(&runner::green(suite.checks(), &implementation), &suite)
    };
    for outcome in green(KEEPER) {
        assert_eq!(outcome.verdict(), Verdict::Pass, "{outcome:#?}");
    }
    let unfinished = green(UNFINISHED);
    let of = |verdict| {
        let with = unfinished.iter().filter(|outcome| outcome.verdict() == verdict);
        with.map(|outcome| outcome.check.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(Verdict::Unsupported), ["entries/keys_beyond_ascii_are_kept"]);
    // What loads in passing stops there; what is about a load fails at its expectation.
    let failed = [
        "files/damaged_file_is_refused[half]",
        "files/damaged_file_is_refused[nothing_left]",
        "files/load_leaves_the_file",
        "files/load_replaces_entries",
        "files/saved_again_is_the_same",
    ];
    let mut found = of(Verdict::Fail);
    found.sort_unstable();
    assert_eq!(found, failed);
}

/// The matrix of a suite on these implementations.
fn matrix(suite: &Arc<Suite>, built_ins: &[BuiltIn]) -> KillMatrix {
    let implementations = Implementations::of(built_ins);
    let reference = implementations.get(KEEPER).expect("the reference");
    let faulty = FaultyImplementation::among(built_ins);
    let green = run(&runner::green(suite.checks(), &reference), suite);
    let jobs: Vec<Job> = faulty
        .iter()
        .filter_map(|faulty| implementations.get(&faulty.name))
        .flat_map(|implementation| runner::green(suite.checks(), &implementation))
        .map(|job| Job { phase: Phase::Red, ..job })
        .collect();
    let red = run(&jobs, suite);
    KillMatrix::of(suite, suite.checks(), Skipped::NONE, &faulty, (&green, &red), true)
}

fn proven() {
    let suite = embedded();
    let matrix = matrix(&suite, &built_ins());
    assert!(matrix.problems.is_empty(), "{:#?}", matrix.problems);
    assert_eq!((matrix.counts.mutants, matrix.counts.killed), (14, 14));
    let with_cases = suite.requirements().iter().filter(|requirement| requirement.needs_cases());
    assert_eq!(matrix.requirements.len(), with_cases.count());
    let proven = Proven::of(&matrix);
    let read = Proven::from_toml(&proven.to_toml().expect("a text")).expect("the same");
    assert_eq!(read, proven);
    assert!(suite.checks().iter().all(|check| read.is_current(&check.case)));
}

/// What each faulty store does beyond its response, and where the runner finds it.
const VIOLATIONS: &[(Behavior, &str, &str)] = &[
    (Behavior::KeepsTheFirstValue, "set.entries", "KV-001"),
    (Behavior::SavesAllButTheLastEntry, "load.entries", ""),
    (Behavior::LeavesATemporaryFile, "save.files", "KV-003"),
    (Behavior::MergesOnLoad, "load.entries", "KV-004"),
    (Behavior::RemovesTheFileOnLoad, "load.files", "KV-010"),
    (Behavior::ClearsBeforeALoad, "load.refused_entries", "KV-005"),
    (Behavior::KeepsEntriesOverAReset, "reset.entries", "KV-007"),
    (Behavior::LeavesAFileAtHome, "save.outside", "KV-011"),
    (Behavior::ReadsDamageAsEmpty, "load.entries", ""),
    (Behavior::Correct, "load.entries", ""),
];

fn violations() {
    let suite = embedded();
    for (behavior, effect, about) in VIOLATIONS {
        let implementation = KeyValueStore::shared("store", *behavior);
        let outcomes = run(&runner::green(suite.checks(), &implementation), &suite);
        let found = outcomes.iter().flat_map(Outcome::failed).find(|(_, failed)| failed.name == *effect);
        let found = found.map(|(_, failed)| failed.about.clone());
        let expected = (!about.is_empty()).then(|| vec![(*about).to_owned()]);
        assert_eq!(found, expected, "{behavior:?}");
    }
}

/// A key that both sides have with the same value is the only part that no fault needs.
fn weakened_parts() {
    let unneeded = |suite: &Arc<Suite>| -> Vec<String> {
        WeakenedParts::of(&parts(suite)).unneeded.iter().map(ToString::to_string).collect()
    };
    let (file, from) = ("cases/entries/last_value_counts.toml", r#"equal = ["$found.value", 2.5]"#);
    let before = unneeded(&embedded());
    let copy = Copy::new().edited(
        file,
        from,
        r#"equal = [{ value = "$found.value", own = 1 }, { value = 2.5, own = 1 }]"#,
    );
    let added = unneeded(&load(copy.source())).into_iter().filter(|part| !before.contains(part));
    let added: Vec<String> = added.filter(|part| part.contains("without")).collect();
    assert!(
        matches!(added.as_slice(), [part] if part.ends_with("last_value finds as much without equal[1].own")),
        "{added:#?}"
    );
    assert!(before.is_empty(), "{before:#?}");
}

/// The parts of all expectations, with what needs them: a mutant, or a mechanical fault of the reference.
fn parts(suite: &Arc<Suite>) -> Parts {
    let (built_ins, checks) = (built_ins(), suite.checks());
    let implementations = Implementations::of(&built_ins);
    let witness = Arc::new(PartsWitness::new(checks, KEEPER));
    let shown = Arc::clone(&witness) as Arc<dyn Witness>;
    let jobs: Vec<Job> = implementations
        .names()
        .into_iter()
        .filter_map(|name| implementations.get(name))
        .flat_map(|implementation| runner::green(checks, &implementation))
        .collect();
    let (work, going) = (tempfile::tempdir().expect("a temporary directory"), AtomicBool::new(false));
    let options = Options::default();
    let quiet = |_: &Outcome| ();
    let outcomes =
        runner::run_with_witness(&jobs, suite, (work.path(), options), &going, &quiet, Some(&shown));
    let mut parts = Parts::of(checks, &witness);
    let counts = |failed: &FailedExpectation| {
        outcomes.iter().any(|outcome| {
            (&outcome.check, outcome.implementation.as_str()) == (&failed.check, failed.on.as_str())
                && outcome.failure_of(&failed.expectation, None) == RedResult::Proven
        })
    };
    parts.add(&witness.take_failed(), &counts, &|on| NeededBy::Mutant(on.to_owned()));

    let inner = implementations.get(KEEPER).expect("the reference");
    let (recorders, jobs) = recorders(checks, &inner, &TOY);
    let recordings = recordings(checks, &recorders, &run(&jobs, suite));
    let how = Search {
        suite,
        recordings: &recordings,
        inner: &inner,
        contract: &TOY,
        work: work.path(),
        options,
        interrupted: &going,
        on_progress: &|_| (),
    };
    search_parts(&mut parts, &observation_faults(&TOY, &recordings), &witness, &how);
    parts
}

fn behaving_mutant() {
    let name = "merges_on_load";
    let mut built_ins = built_ins();
    let mutant = built_ins.iter_mut().find(|built_in| built_in.implementation.name() == name);
    mutant.expect("the mutant").implementation = KeyValueStore::shared(name, Behavior::Correct);
    let problems = matrix(&embedded(), &built_ins).problems;
    let survives = Problem::Survives { mutant: name.to_owned(), breaks: "KV-004".to_owned() };
    assert!(problems.contains(&survives), "{problems:#?}");
    let claim = |problem: &Problem| matches!(problem, Problem::ClaimFails { on, word, .. } if on == name && *word == "unexpected_pass");
    assert!(problems.iter().any(claim), "{problems:#?}");
}

/// Whatever a mutant's crash leads to, it is no kill: each check says that it crashed, and nothing else.
fn crashing_mutants() {
    let mut built_ins = built_ins();
    for built_in in built_ins.iter_mut().filter(|built_in| built_in.role != BuiltInRole::Reference) {
        let (name, behavior) = (built_in.implementation.name().to_owned(), Behavior::Crashes);
        built_in.implementation = KeyValueStore::shared(Box::leak(name.into_boxed_str()), behavior);
    }
    let matrix = matrix(&embedded(), &built_ins);
    assert_eq!((matrix.counts.kills, matrix.counts.killed), (0, 0), "{:#?}", matrix.mutants);
    for check in &matrix.checks {
        assert!(check.expectations.iter().all(|expectation| expectation.fails_on.is_empty()), "{check:#?}");
        assert_eq!(check.no_kills.len(), built_ins.len() - 1, "{check:#?}");
        assert!(check.no_kills.values().all(|word| *word == "crash"), "{check:#?}");
    }
}

/// A copy of the suite on disk, to be edited.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().expect("a temporary directory"));
        copy_files(Path::new(SUITE), copy.0.path());
        copy
    }

    /// Replaces a text of a file, which must have it.
    fn edited(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{file} does not say {from}");
        fs::write(&path, text.replacen(from, to, 1)).expect("a file");
        self
    }

    fn source(&self) -> Source {
        Source::disk(self.0.path())
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy_files(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file");
        }
    }
}

/// An expectation that holds on everything once its text is another one.
struct Weakened {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    expectation: &'static str,
}

const WEAKENED: &[Weakened] = &[
    Weakened {
        file: "cases/entries/last_value_counts.toml",
        from: r#"equal = ["$found.value", 2.5]"#,
        to: r#"not_equal = ["$found.value", 99]"#,
        expectation: "last_value",
    },
    Weakened {
        file: "cases/files/save_writes_every_entry.toml",
        from: r#"files = { under = "$work", are = ["out/store.json"] }"#,
        to: r#"exists = "$work/out/store.json""#,
        expectation: "only_the_store",
    },
];

fn weakened_case(weakened: &Weakened) {
    let copy = Copy::new().edited(weakened.file, weakened.from, weakened.to);
    let problems = matrix(&load(copy.source()), &built_ins()).problems;
    let named = |problem: &Problem| match problem {
        Problem::Vacuous { file, expectation, .. } => {
            file == weakened.file && expectation == weakened.expectation
        }
        Problem::NotGreen { .. }
        | Problem::ClaimFails { .. }
        | Problem::KillsNothing { .. }
        | Problem::Survives { .. }
        | Problem::KilledByOthers { .. }
        | Problem::Unproven { .. }
        | Problem::AdversaryPasses { .. } => false,
    };
    assert!(problems.iter().any(named), "{problems:#?}");
}

fn slip_is_shown(slip: &Slip) {
    let copy = Copy::new().edited(slip.file, slip.from, slip.to);
    let names = implementations();
    let errors = Suite::load(&TOY, copy.source(), &names.names()).expect_err("a mistake");
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|error| error.contains(slip.says)), "{said:#?}");
}

/// This program as an adapter that serves the built-in implementation of this name.
fn adapter(name: &str) -> Result<Remote, ConnectError> {
    let program = env::current_exe().expect("the program of these tests");
    let mut launch = Launch::command(vec![program.to_string_lossy().into_owned()]);
    launch.environment.insert(SERVES.to_owned(), name.to_owned());
    let contract: &'static dyn Contract = &TOY;
    Remote::connect(contract, Some(name), launch, contract.environment_map(), None)
}

fn same_verdicts(name: &str) {
    let suite = embedded();
    let here = implementations().get(name).expect("a built-in implementation");
    let there: Arc<dyn Implementation> = Arc::new(adapter(name).expect("an adapter"));
    assert_eq!(there.version(), format!("{name} 1 (json)"));
    let run_on = |implementation: &Arc<dyn Implementation>| {
        run(&runner::green(suite.checks(), implementation), &suite)
    };
    let (here, there) = (run_on(&here), run_on(&there));
    assert_eq!(verdicts(&there), verdicts(&here));
    let passed = there.iter().all(|outcome| outcome.verdict() == Verdict::Pass);
    assert_eq!(passed, name == KEEPER, "{there:#?}");
}

fn adapter_without_reset() {
    let refused = adapter(FORGETS_NOTHING).map(|remote| remote.version().to_owned());
    let Err(ConnectError::Probe(said)) = refused else {
        panic!("expected a probe to fail, found {refused:?}")
    };
    assert!(said.contains("entries") && said.contains("probe"), "{said}");
}

/// Runs a phase of the plan and publishes its report.
fn publish(reports: &Path, stamp: &str, phase: Phase, implementations: &Implementations) -> PathBuf {
    let suite = embedded();
    let plan = suite.plans().first().expect("the plan");
    let jobs: Vec<Job> =
        plan.rows.iter().flat_map(|row| jobs_of(row, phase, &suite, implementations)).collect();
    let stamp = stamp.parse().expect("a timestamp");
    let mut writer = ReportWriter::create(reports, stamp).expect("a report");
    writer.write_inventory(inventory(&jobs)).expect("an inventory");
    let work = writer.work_dir();
    let interrupted = AtomicBool::new(false);
    let outcomes = runner::run(&jobs, &suite, &work, Options::default(), &interrupted, &|_| ());
    let keeper = ImplementationRecord { version: "1".to_owned(), ..ImplementationRecord::default() };
    let run = RunRecord {
        format: FORMAT,
        stamp,
        phases: vec![phase],
        plan: Some(Plan::clone(plan)),
        selection: vec!["--plan".to_owned(), plan.name.clone()],
        environment: (suite.contract()).environment_map(),
        suite_digest: suite.digest().to_owned(),
        suite: None,
        unproven: Vec::new(),
        options: BTreeMap::new(),
        judged: None,
        control: None,
        skipped_red: 0,
        implementations: BTreeMap::from([(KEEPER.to_owned(), keeper)]),
        partition: None,
        cases: BTreeMap::new(),
        imported: None,
        protected: None,
        outcomes,
    };
    let environment = Environment {
        platform: Platform { os: "any".to_owned(), arch: "any".to_owned() },
        binary: Binary { version: "1".to_owned(), sha256: Some(Digest::of(b"toy").to_string()) },
        variables: BTreeMap::new(),
    };
    let times = RunTimes { started: stamp.rfc3339(), ended: stamp.rfc3339(), stamp_given: true };
    writer.publish(&run, &environment, times).expect("a report").report
}

fn jobs_of(
    row: &bundleproof::harness::suite::Row,
    phase: Phase,
    suite: &Suite,
    implementations: &Implementations,
) -> Vec<Job> {
    let name = if phase == Phase::Red { &row.red } else { &row.green };
    let implementation = implementations.get(name).expect("an implementation");
    let jobs = row.checks().iter().flat_map(|planned| {
        let check = suite.checks().iter().find(|check| check.id == planned.id).expect("a check");
        match phase {
            Phase::Red => runner::planned_red(check, planned, &implementation),
            Phase::Green => runner::green(std::slice::from_ref(check), &implementation),
        }
    });
    jobs.collect()
}

fn inventory(jobs: &[Job]) -> Inventory {
    let entry = |job: &Job| InventoryEntry {
        check: job.check.id.clone(),
        digest: job.check.case.digest.clone(),
        implementation: job.implementation.name().to_owned(),
        phase: job.phase,
        must_fail: job.must_fail.clone(),
        reason: job.reason.clone(),
    };
    Inventory { format: FORMAT, checks: jobs.iter().map(entry).collect() }
}

fn report_renders_again() {
    let reports = tempfile::tempdir().expect("a temporary directory");
    let report = publish(reports.path(), "2026-01-02T030405Z", Phase::Red, &implementations());
    let read = |name| fs::read(report.join(name)).expect("a file");
    let mut run = RunRecord::from_json(&read(RESULTS)).expect("a run");
    Durations::from_json(&read(DURATIONS)).expect("durations").add_to(&mut run).expect("the same checks");
    let rendered = report::files(&run, None).expect("files");
    assert!(rendered.contains_key("first_red_limits.log"), "{:?}", rendered.keys());
    for (name, bytes) in &rendered {
        assert!(read(name) == *bytes, "{name} differs");
    }
    let log = String::from_utf8_lossy(&rendered["first_red_files.log"]);
    assert!(log.contains("== files/load_replaces_entries: proven\n"), "{log}");

    let sums = fs::read_to_string(report.join(SUMS)).expect("SHA256SUMS");
    let mut listed = BTreeSet::from([SUMS.to_owned()]);
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").expect("a digest and a name");
        assert_eq!(Digest::of(&fs::read(report.join(name)).expect("a file")).to_string(), digest, "{name}");
        listed.insert(name.to_owned());
    }
    let present = fs::read_dir(&report).expect("a report").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(listed, present.map(|name| name.to_string_lossy().into_owned()).collect());

    fs::write(report.join("first_red_files.log"), "nothing").expect("a file");
    let store = Store::open(reports.path()).expect("a store");
    let [corrupt] = store.damaged.as_slice() else { panic!("expected a corrupt report, found {store:?}") };
    assert!(corrupt.why.to_string().starts_with("first_red_files.log"), "{}", corrupt.why);
}

fn ledger_follows() {
    let reports = tempfile::tempdir().expect("a temporary directory");
    let suite = embedded();
    let plan = suite.plans().first().expect("the plan");
    let states = || {
        let store = Store::open(reports.path()).expect("a store");
        let ledger = Ledger::compute(plan, &store);
        let states: Vec<State> = ledger.rows.iter().map(|row| row.state).collect();
        (states, ledger.to_text(None))
    };
    publish(reports.path(), "2026-01-02T000000Z", Phase::Red, &implementations());
    assert_eq!(states().0, [State::Proven; 3], "{}", states().1);
    publish(reports.path(), "2026-01-03T000000Z", Phase::Green, &implementations());
    assert_eq!(states().0, [State::Done; 3], "{}", states().1);
    assert!(states().1.contains("[x] T2: red on ignores_the_limits, green on keeper"), "{}", states().1);

    // The same plan again, when the reference does not heed its limits any more.
    let mut broken = built_ins();
    for built_in in &mut broken {
        if built_in.implementation.name() == KEEPER {
            built_in.implementation = KeyValueStore::shared(KEEPER, Behavior::IgnoresTheLimits);
        }
    }
    publish(reports.path(), "2026-01-04T000000Z", Phase::Green, &Implementations::of(&broken));
    assert_eq!(states().0, [State::Done, State::Regressed, State::Done], "{}", states().1);
}
