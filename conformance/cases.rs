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
    implementation::{Reference, built_in},
    runner::{self, Implementations, Options, Outcome, Phase},
    suite::{Check, Source, Suite},
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let implementations = Implementations::new(built_in());
    let suite = match Suite::load(Source::disk(&root), &implementations.names()) {
        Ok(suite) => Arc::new(suite),
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("error: {error}"));
            return ExitCode::from(3);
        }
    };
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
        Trial::test(case, move || red_and_green(&checks, &suite, &implementations))
    };
    let trials = cases.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn red_and_green(checks: &[Arc<Check>], suite: &Arc<Suite>, known: &Implementations) -> Result<(), Failed> {
    let reference = Arc::new(Reference::CONTRACT) as Arc<_>;
    let mut jobs = runner::red(checks, known, None);
    jobs.extend(runner::green(checks, &reference));
    let work = tempfile::tempdir()?;
    let root: PathBuf = work.path().to_owned();
    let options = Options { workers: 1, ..Options::default() };
    let outcomes = runner::run(&jobs, suite, &root, options, &AtomicBool::new(false), &|_| ());
    let wrong: Vec<String> = outcomes.iter().filter(|outcome| !outcome.is_as_stated()).map(told).collect();
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
        outcome.word(),
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
