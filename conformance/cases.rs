//! Every case file is a test of its own: red on each of its red entries, green on the reference.
//!
//! The files are read when the tests start, so that a new or edited case needs no rebuild.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::{BuiltIn, Contract as _},
        runner::{self, Implementations, Options, Outcome, Phase},
        suite::{Check, Source, Suite},
    },
};
use libtest_mimic::{Arguments, Failed, Trial};

#[cfg(feature = "torch")]
use bundleproof::bundle::implementations::{TorchProgram, with_torch};

const REFERENCE: &str = "reference";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle");
    let built_ins = implementations();
    let names = Implementations::of(&built_ins);
    let suite = match Suite::load(&BUNDLE, Source::disk(&root), &names.names()) {
        Ok(suite) => Arc::new(suite),
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("error: {error}"));
            return ExitCode::from(3);
        }
    };
    let implementations = Implementations::of(&suite.with_mutants(built_ins));
    let mut cases: Vec<(String, Vec<Arc<Check>>)> = Vec::new();
    for check in suite.checks() {
        match cases.last_mut() {
            Some((case, checks)) if *case == check.case.id => checks.push(Arc::clone(check)),
            _ => cases.push((check.case.id.clone(), vec![Arc::clone(check)])),
        }
    }
    if cases.is_empty() {
        eprintln!("error: no case file below {}: there is nothing to test", root.join("cases").display());
        return ExitCode::from(4);
    }
    let trial = |(case, checks): (String, Vec<Arc<Check>>)| {
        let (suite, implementations) = (Arc::clone(&suite), implementations.clone());
        let missing = !checks.iter().all(|check| is_supported(check, &implementations));
        Trial::test(case, move || red_and_green(&checks, &suite, &implementations)).with_ignored_flag(missing)
    };
    let trials = cases.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Those of the suite, and with the feature `torch` also what runs the cases that need it.
fn implementations() -> Vec<BuiltIn> {
    #[cfg(feature = "torch")]
    {
        let program = TorchProgram::new(env!("CARGO_BIN_EXE_bundleproof-torch").into());
        with_torch(BUNDLE.built_ins(), &Arc::new(program))
    }
    #[cfg(not(feature = "torch"))]
    BUNDLE.built_ins()
}

/// A case that needs what is not there is reported as ignored; with the feature `torch` there is none.
fn is_supported(check: &Check, known: &Implementations) -> bool {
    let reference = known.get(REFERENCE);
    cfg!(feature = "torch")
        || reference.is_some_and(|reference| check.needs().all(|need| reference.supports(need)))
}

fn red_and_green(checks: &[Arc<Check>], suite: &Arc<Suite>, known: &Implementations) -> Result<(), Failed> {
    let reference = known.get(REFERENCE).ok_or("there is no reference")?;
    let mut jobs = runner::red(checks, known, None);
    jobs.extend(runner::green(checks, &reference));
    let work = tempfile::tempdir()?;
    let root: PathBuf = work.path().to_owned();
    let options = Options { workers: 1, ..Options::default() };
    let outcomes = runner::run(&jobs, suite, &root, options, &AtomicBool::new(false), &|_| ());
    let wrong: Vec<String> = outcomes.iter().filter(|outcome| !outcome.met_expectation()).map(told).collect();
    if wrong.is_empty() && outcomes.len() == jobs.len() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn told(outcome: &Outcome) -> String {
    let phase = match outcome.phase {
        Phase::Red => format!("red, {} must fail", outcome.must_fail.as_deref().unwrap_or_default()),
        Phase::Green => "green".to_owned(),
    };
    let mut text = format!(
        "{} on {} ({phase}): {}, {:?}",
        outcome.check,
        outcome.implementation,
        outcome.result_name(),
        outcome.ended
    );
    if let Some(step) = outcome.stopped_at() {
        text.push_str(&format!(
            "\n  {}:{}: {} was refused: {:?}",
            outcome.file, step.line, step.operation, step.refused
        ));
    }
    for (_, failed) in outcome.failed() {
        text.push_str(&format!("\n  {}:{}: {}: {}", outcome.file, failed.line, failed.name, failed.because));
        if let Some(failure) = &failed.failure {
            text.push_str(&format!("\n    expected: {}\n    actual:   {}", failure.expected, failure.actual));
        }
    }
    text
}
