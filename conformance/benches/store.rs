//! A large store: how long its index takes to build and to open, and how fast it is verified next to `sha256sum`.
//!
//! It writes 10,000 reports of 400 checks below the directory for temporary files (several GiB, deleted at the end) and
//! measures each step in a process of its own, with the memory that it took. `BUNDLEPROOF_BENCH_REPORTS` and
//! `BUNDLEPROOF_BENCH_CHECKS` make the store smaller. Not a `divan` benchmark: each step runs once, because what it
//! measures takes seconds.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark may stop where it cannot go on")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use bundleproof::{
    harness::{
        record::{
            Binary, CHAIN, Chain, ENVIRONMENT, Environment, FORMAT, INVENTORY, ImplementationRecord,
            Inventory, InventoryEntry, Platform, Predecessor, RunRecord, RunTimestamp, SUMS,
        },
        report,
        runner::{Ended, ExpectationOutcome, Failure, Outcome, Phase, StepOutcome},
        store::{Audit, Index, read_report, write_sums},
    },
    value::Digest,
};

const DEFAULT_REPORTS: usize = 10_000;
const DEFAULT_CHECKS: usize = 400;

/// One in this many reports has a check that fails.
const FAILING: usize = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["step", step, store] => run_step(step, Path::new(store)),
        _ => measure(),
    }
    ExitCode::SUCCESS
}

fn measure() {
    let number =
        |name: &str, default| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let reports = number("BUNDLEPROOF_BENCH_REPORTS", DEFAULT_REPORTS);
    let checks = number("BUNDLEPROOF_BENCH_CHECKS", DEFAULT_CHECKS);
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path();
    let start = Instant::now();
    let bytes = generate(store, reports, checks);
    let mib = |bytes: u64| bytes >> 20;
    let seconds = start.elapsed().as_secs_f64();
    println!("generated {reports} reports of {checks} checks, {} MiB, in {seconds:.1} s", mib(bytes));
    for (what, step) in [
        ("index, built", "index"),
        ("index, opened", "index"),
        ("sha256sum", "sha256sum"),
        ("reports, verified and read", "read"),
        ("audit, with every file rendered again", "audit"),
    ] {
        let start = Instant::now();
        let output = Command::new(env::current_exe().expect("this program"))
            .args(["step", step])
            .arg(store)
            .stderr(Stdio::inherit())
            .output()
            .expect("a step");
        assert!(output.status.success(), "{what}");
        let seconds = start.elapsed().as_secs_f64();
        let rate = bytes as f64 / (1 << 20) as f64 / seconds;
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{what}: {seconds:.2} s, {rate:.0} MiB/s, {}", said.trim());
    }
}

fn run_step(step: &str, store: &Path) {
    let said = match step {
        "index" => {
            let index = Index::open(store).expect("the index");
            let asked = Instant::now();
            let (regressions, flaky) = (index.regressions().len(), index.flaky().len());
            format!(
                "{} reports, {} problems; {regressions} regressions and {flaky} flaky checks found in {:.2} s",
                index.reports().len(),
                index.problems().len(),
                asked.elapsed().as_secs_f64()
            )
        }
        "sha256sum" => {
            let script = "find \"$0\" -type f -print0 | xargs -0 sha256sum > /dev/null";
            assert!(
                Command::new("sh").args(["-c", script]).arg(store).status().expect("sha256sum").success()
            );
            String::new()
        }
        "read" => {
            let mut read = 0;
            for entry in fs::read_dir(store).expect("the store") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    read_report(&path).expect("a report");
                    read += 1;
                }
            }
            format!("{read} reports")
        }
        "audit" => {
            let audit = Audit::of(store, None, &|| ()).expect("an audit");
            assert!(audit.is_sound(), "{:?}", audit.integrity.errors.first());
            format!("{} files", audit.files)
        }
        other => panic!("unknown step {other}"),
    };
    println!("{said}; {} MiB of memory at most", peak_memory() >> 10);
}

/// The most memory that this process had, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// Writes a store and returns its length in bytes. The files of a report do not depend on the report before it, so they
/// are rendered side by side; the chain is written at the end.
fn generate(store: &Path, reports: usize, checks: usize) -> u64 {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = reports.div_ceil(threads).max(1);
    thread::scope(|scope| {
        for first in (0..reports).step_by(share) {
            let last = reports.min(first + share);
            scope.spawn(move || (first..last).for_each(|index| write_files(store, index, checks)));
        }
    });
    let mut predecessor = None;
    (0..reports)
        .map(|index| {
            let (head, bytes) = write_chain(store, index, predecessor.take());
            predecessor = Some(head);
            bytes
        })
        .sum()
}

fn stamp(index: usize) -> RunTimestamp {
    let (second, minute, hour, day) = (index % 60, index / 60 % 60, index / 3600 % 24, index / 86_400 + 1);
    format!("2026-01-{day:02}T{hour:02}{minute:02}{second:02}Z").parse().expect("a timestamp")
}

fn write_files(store: &Path, index: usize, checks: usize) {
    let stamp = stamp(index);
    let directory = store.join(stamp.to_string());
    fs::create_dir(&directory).expect("a directory");
    let outcomes = (0..checks).map(|check| outcome(check, (index % FAILING == 7) && check == index % checks));
    let run = RunRecord { stamp, outcomes: outcomes.collect(), ..empty_run(stamp) };
    let mut files = report::files(&run, None).expect("the files of a report");
    let planned = run.outcomes.iter().map(InventoryEntry::from).collect();
    files.insert(INVENTORY.to_owned(), json(&Inventory { format: FORMAT, checks: planned }));
    files.insert(ENVIRONMENT.to_owned(), json(&environment()));
    files.into_iter().for_each(|(name, bytes)| fs::write(directory.join(name), bytes).expect("a file"));
}

fn empty_run(stamp: RunTimestamp) -> RunRecord {
    RunRecord {
        format: FORMAT,
        stamp,
        phases: vec![Phase::Green],
        plan: None,
        selection: vec![],
        environment: BTreeMap::new(),
        suite_digest: "cd".repeat(32),
        suite: None,
        unproven: vec![],
        options: BTreeMap::new(),
        judged: None,
        cases: BTreeMap::new(),
        implementations: BTreeMap::from([("mine".to_owned(), ImplementationRecord::default())]),
        imported: None,
        protected: None,
        control: None,
        skipped_red: 0,
        partition: None,
        outcomes: vec![],
    }
}

fn write_chain(store: &Path, index: usize, predecessor: Option<Predecessor>) -> (Predecessor, u64) {
    let stamp = stamp(index);
    let directory = store.join(stamp.to_string());
    let sequence = index as u64 + 1;
    let (started, ended) = (stamp.rfc3339(), stamp.rfc3339());
    let (stamp_given, attempt) = (false, None);
    let chain = Chain { format: FORMAT, sequence, stamp, stamp_given, predecessor, attempt, started, ended };
    fs::write(directory.join(CHAIN), json(&chain)).expect("a file");
    let mut sums = BTreeMap::new();
    let mut length = 0;
    for entry in fs::read_dir(&directory).expect("the files of a report") {
        let entry = entry.expect("a file");
        let bytes = fs::read(entry.path()).expect("a file");
        length += bytes.len() as u64;
        sums.insert(entry.file_name().into_string().expect("a name"), Digest::of(&bytes).to_string());
    }
    let sums = write_sums(&sums);
    fs::write(directory.join(SUMS), &sums).expect("a file");
    let digest = Digest::of(sums.as_bytes()).to_string();
    (Predecessor { stamp, sequence, digest }, length + sums.len() as u64)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("JSON");
    bytes.push(b'\n');
    bytes
}

fn environment() -> Environment {
    Environment {
        platform: Platform { os: env::consts::OS.into(), arch: env::consts::ARCH.into() },
        binary: Binary { version: env!("CARGO_PKG_VERSION").into(), sha256: Some("ef".repeat(32)) },
        variables: BTreeMap::new(),
    }
}

fn outcome(check: usize, fails: bool) -> Outcome {
    let failure = fails.then(|| Failure::new("64", "128"));
    let expectation = |name: &str, failure| ExpectationOutcome {
        name: name.into(),
        line: 12,
        because: "a load should restore the params that were saved".into(),
        about: vec!["LOD-004".into()],
        failure,
        skipped: None,
    };
    let step = |operation: &str, expectations| StepOutcome {
        operation: operation.into(),
        line: 9,
        may_be_refused: false,
        refused: None,
        asked: None,
        expectations,
    };
    Outcome {
        check: format!("area{}/case_{check}", check % 8),
        title: format!("What was saved is loaded back, number {check}"),
        digest: Digest::of(&check.to_le_bytes()).to_string(),
        file: format!("cases/area{}/case_{check}.toml", check % 8),
        requires: vec!["LOD-004".into(), "RTP-001".into()],
        implementation: "mine".into(),
        phase: Phase::Green,
        must_fail: None,
        reason: None,
        steps: vec![
            step("save", vec![]),
            step("load", vec![expectation("restores_params", failure), expectation("returns_models", None)]),
        ],
        ended: Ended::Completed,
        written: vec![],
        leak: None,
        flaky: None,
        milliseconds: 3,
    }
}
