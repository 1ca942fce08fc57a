//! A small hand-made run for the tests of the harness.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    contract::{Details, Refusal, RefusalKind},
    record::RunTimestamp,
    runner::{Ended, ExpectationOutcome, Failure, NotReached, Outcome, Phase, StepOutcome, WrittenFile},
    suite::{Authority, Decision, FailureKind, Level, Plan, PlannedCheck, Reason, Row},
};

use super::record::{
    Binary, CHAIN, Chain, Environment, FORMAT, FileDigest, ImplementationRecord, Inventory, InventoryEntry,
    Platform, RequirementRecord, RunRecord, RunTimes, SUMS, Target,
};
use super::store::write_sums;
use crate::value::Digest;

/// A report that has nothing but its chain.
pub(super) fn plant_chain(reports: &Path, chain: Chain) -> PathBuf {
    let directory = reports.join(chain.stamp.to_string());
    let bytes = serde_json::to_vec(&chain).unwrap();
    let sums = write_sums(&BTreeMap::from([(CHAIN.to_owned(), Digest::of(&bytes).to_string())]));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join(CHAIN), bytes).unwrap();
    fs::write(directory.join(SUMS), sums).unwrap();
    directory
}

pub(super) fn stamp(text: &str) -> RunTimestamp {
    text.parse().unwrap()
}

/// The reason why the checks of these runs must fail.
fn not_implemented() -> Reason {
    let kind = FailureKind::Refused(RefusalKind::NotImplemented);
    Reason { kind, exception: None, mentions: vec!["no loader".into()] }
}

/// An outcome that meets the expectation of its phase.
pub(super) fn as_expected(check: &str, phase: Phase) -> Outcome {
    let failure = Failure {
        not_reached: Some(NotReached::Refused),
        ..Failure::new("the saved models", "refused: not_implemented")
    };
    let refused = Refusal::new(RefusalKind::NotImplemented, "no loader yet");
    let red = phase == Phase::Red;
    Outcome {
        check: check.into(),
        title: "A saved bundle loads back".into(),
        digest: format!("digest of {check}"),
        file: format!("cases/{check}.toml"),
        requires: vec!["RTP-001".into()],
        implementation: if red { "stub".into() } else { "reference".into() },
        phase,
        must_fail: red.then(|| "returns_saved_models".into()),
        reason: red.then(not_implemented),
        steps: vec![
            StepOutcome {
                operation: "save_torch_bundle".into(),
                line: 5,
                may_be_refused: false,
                refused: None,
                asked: None,
                expectations: vec![],
            },
            StepOutcome {
                operation: "load_torch_bundle".into(),
                line: 9,
                may_be_refused: false,
                refused: red.then_some(refused),
                asked: red.then(|| "load_torch_bundle(base_path = \"out/wts.h5\")".into()),
                expectations: vec![ExpectationOutcome {
                    name: "returns_saved_models".into(),
                    line: 10,
                    because: "load_torch_bundle should return the saved models".into(),
                    about: vec!["RTP-001".into()],
                    failure: red.then_some(failure),
                    skipped: None,
                }],
            },
        ],
        ended: Ended::Completed,
        written: vec![WrittenFile { path: "wts.h5.zip".into(), bytes: 1234, sha256: "ab".repeat(32) }],
        leak: None,
        flaky: None,
        milliseconds: 7,
    }
}

/// A check that stopped at a refused step without expectations.
pub(super) fn stopped(check: &str, phase: Phase) -> Outcome {
    let mut outcome = as_expected(check, phase);
    let step = outcome.steps.last_mut().unwrap();
    step.refused = Some(Refusal::new(RefusalKind::NotImplemented, "no loader yet"));
    step.asked = Some("load_torch_bundle(base_path = \"out/wts.h5\")".into());
    step.expectations.clear();
    outcome.ended = Ended::Stopped;
    outcome
}

/// A check whose only expectation did the opposite of what its phase expects.
pub(crate) fn unexpected(check: &str, phase: Phase) -> Outcome {
    let other = if phase == Phase::Red { Phase::Green } else { Phase::Red };
    let steps = as_expected(check, other).steps;
    Outcome { steps, ..as_expected(check, phase) }
}

fn failed_with_hostile_text(check: &str) -> Outcome {
    let mut outcome = as_expected(check, Phase::Green);
    let actual = "N = 64\n\u{1b}]0;title\u{7}<b>|\u{202e}";
    outcome.requires.push("LOD-004".into());
    let step = outcome.steps.last_mut().unwrap();
    step.refused = Some(Refusal::new(RefusalKind::Malformed, "entry \u{1b}[31m`x`\nis | bad"));
    step.expectations = vec![ExpectationOutcome {
        name: "restores_params".into(),
        line: 11,
        because: "params must be back".into(),
        about: vec!["LOD-004".into()],
        failure: Some(Failure {
            details: vec!["N is <i>|half</i>".into()],
            ..Failure::new("N = 128", actual)
        }),
        skipped: None,
    }];
    outcome
}

/// Three checks in both phases: one as expected, one with an unexpected result, one that fails during setup.
pub(super) fn run() -> RunRecord {
    RunRecord {
        format: FORMAT,
        stamp: stamp("2025-10-17T112849Z"),
        phases: vec![Phase::Red, Phase::Green],
        plan: None,
        selection: vec!["--area persistence".into()],
        environment: BTreeMap::from([
            ("CUDA_VISIBLE_DEVICES".into(), String::new()),
            ("MLFLOW_TRACKING_URI".into(), "memory".into()),
        ]),
        suite_digest: "cd".repeat(32),
        suite: None,
        unproven: vec!["persistence/params".into()],
        options: BTreeMap::new(),
        judged: None,
        implementations: BTreeMap::from([("reference".into(), reference()), ("stub".into(), stub())]),
        cases: BTreeMap::from([(
            "cases/persistence/params.toml".into(),
            "title = \"Params come back\"\n\n[[steps]]\nload_torch_bundle = {}\n".into(),
        )]),
        imported: None,
        protected: None,
        control: None,
        skipped_red: 0,
        partition: None,
        outcomes: vec![
            as_expected("persistence/round_trip", Phase::Red),
            unexpected("persistence/params", Phase::Red),
            stopped("workflows/load", Phase::Red),
            as_expected("persistence/round_trip", Phase::Green),
            as_expected("workflows/load", Phase::Green),
            failed_with_hostile_text("persistence/params"),
        ],
    }
}

pub(super) fn row(id: &str, log: &str, checks: &[&str]) -> Row {
    let planned = checks.iter().map(|check| PlannedCheck {
        id: (*check).into(),
        digest: format!("digest of {check}"),
        file: format!("cases/{check}.toml"),
        fails: vec!["returns_saved_models".into()],
        reason: not_implemented(),
    });
    Row {
        id: id.into(),
        task: format!("Make {log} right"),
        decided_by: Decision::Checks { log: log.into(), checks: planned.collect(), tests: Vec::new() },
        red: "stub".into(),
        green: "reference".into(),
        guidance: format!("wire {log}"),
        blocked: None,
    }
}

/// Two rows that share a check and a log, one with a log of its own, one with an artifact, one blocked.
pub(super) fn plan() -> Plan {
    let artifact = Decision::Artifact { artifact: "summary".into() };
    let blocked = Some("no | fixture yet".into());
    Plan {
        name: "phase_d4".into(),
        title: "Saved bundles load".into(),
        first_attempt: 1,
        protected: Vec::new(),
        rows: vec![
            row("D4.B1", "persistence", &["persistence/round_trip"]),
            row("D4.B2", "persistence", &["persistence/round_trip", "persistence/params"]),
            row("D4.B3", "workflows", &["workflows/load"]),
            Row { decided_by: artifact, ..row("D4.B4", "summary", &[]) },
            Row { blocked, ..row("D4.B5", "interop", &["interop/python"]) },
        ],
    }
}

pub(super) fn planned_run() -> RunRecord {
    RunRecord { plan: Some(plan()), selection: vec!["--plan phase_d4".into()], ..run() }
}

pub(super) fn inventory(run: &RunRecord) -> Inventory {
    Inventory { format: FORMAT, checks: run.outcomes.iter().map(InventoryEntry::from).collect() }
}

/// The place of a report in a store, without a predecessor or an attempt.
pub(super) fn chain(sequence: u64, stamp: RunTimestamp) -> Chain {
    let RunTimes { started, ended, stamp_given } = times(stamp);
    Chain { format: FORMAT, sequence, stamp, stamp_given, predecessor: None, attempt: None, started, ended }
}

/// A run that began and ended at its stamp.
pub(super) fn times(stamp: RunTimestamp) -> RunTimes {
    RunTimes { started: stamp.rfc3339(), ended: stamp.rfc3339(), stamp_given: false }
}

pub(super) fn environment() -> Environment {
    Environment {
        platform: Platform { os: "linux".into(), arch: "x86_64".into() },
        binary: Binary { version: "0.1.0".into(), sha256: Some("ef".repeat(32)) },
        variables: BTreeMap::from([("LANG".into(), "C.UTF-8".into())]),
    }
}

/// An adapter that states what it depends on.
fn reference() -> ImplementationRecord {
    let details = Details {
        versions: BTreeMap::from([("torch".into(), "2.13.0".into())]),
        notes: vec!["reads the dataset".into()],
    };
    let files = vec![FileDigest { name: "adapter.py".into(), sha256: "12".repeat(32) }];
    ImplementationRecord { version: "1.2.3".into(), details, files }
}

fn stub() -> ImplementationRecord {
    ImplementationRecord { version: "0.1.0".into(), ..ImplementationRecord::default() }
}

/// The reference as a third-party implementation.
pub(super) fn judged() -> Target {
    let asked = |authority| RequirementRecord {
        level: Level::Must,
        authority,
        statement: "A load restores params.".into(),
    };
    Target {
        name: "reference".into(),
        requirements: BTreeMap::from([
            ("LOD-004".into(), asked(Authority::Spec)),
            ("RTP-001".into(), asked(Authority::Ours)),
        ]),
        era: None,
        crash_violates: None,
        refusal_violates: BTreeMap::from([("load_torch_bundle".into(), "LOD-004".into())]),
        known: Vec::new(),
        on: jiff::civil::date(2026, 12, 31),
        whole: true,
    }
}
