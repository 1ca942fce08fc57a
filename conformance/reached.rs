//! What a proof leaves out: runs on faulty implementations that cannot differ from the run on the reference, and the
//! judging of the steps until which a run cannot differ.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::sync::{Arc, atomic::AtomicBool};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::{BuiltInRole, Contract as _},
        proof::{Reached, logged},
        runner::{self, Implementations, Job, Options, Outcome, Phase},
        suite::{Check, Source, Suite},
    },
};

/// One of so many checks is looked at.
const CHECKS: usize = 3;

/// One of so many of its runs that are left out is made; all of them take minutes.
const ONE_OF: usize = 103;

fn run(jobs: &[Job], suite: &Arc<Suite>) -> Vec<Outcome> {
    let work = tempfile::tempdir().expect("a temporary directory");
    runner::run(jobs, suite, work.path(), Options::default(), &AtomicBool::new(false), &|_| ())
}

#[test]
fn a_run_that_a_proof_leaves_out_is_the_run_on_the_reference() {
    let built_ins = BUNDLE.built_ins();
    let names = Implementations::of(&built_ins);
    let suite = Suite::load(&BUNDLE, Source::Embedded(BUNDLE.suite()), &names.names()).expect("the suite");
    let suite = Arc::new(suite);
    let all = suite.with_mutants(built_ins);
    let reference = all.iter().find(|own| own.role == BuiltInRole::Reference).expect("the reference");
    let is_supported =
        |check: &&Arc<Check>| check.needs().all(|need| reference.implementation.supports(need));
    let checks: Vec<Arc<Check>> =
        suite.checks().iter().filter(is_supported).step_by(CHECKS).cloned().collect();

    let (loggers, green) = logged(&checks, &reference.implementation);
    let on_reference = run(&green, &suite);
    let reached = Reached::of(&loggers, &on_reference);
    let (mut expected, mut jobs, mut cells) = (Vec::new(), Vec::new(), 0);
    let (mut judged_late, mut judged_whole, mut late) = (Vec::new(), Vec::new(), 0);
    for faulty in all.iter().filter(|own| own.role != BuiltInRole::Reference) {
        for (check, on_reference) in checks.iter().zip(&on_reference) {
            let job = Job::new(check, Arc::clone(&faulty.implementation), Phase::Red);
            if let Some(run) = reached.to_run(&job) {
                if run.judged_from > 0 {
                    late += 1;
                    if late % ONE_OF == 0 {
                        judged_late.push(run);
                        judged_whole.push(job);
                    }
                }
                continue;
            }
            cells += 1;
            if cells % ONE_OF == 0 {
                let implementation = faulty.implementation.name().to_owned();
                let like_it = on_reference.clone();
                expected.push(Outcome { implementation, phase: Phase::Red, milliseconds: 0, ..like_it });
                jobs.push(job);
            }
        }
    }
    let of_all = checks.len() * (all.len() - 1);
    assert!(cells > of_all / 2, "most of {of_all} runs are left out: {cells}");
    for (found, expected) in run(&jobs, &suite).into_iter().zip(expected) {
        assert_eq!(Outcome { milliseconds: 0, ..found }, expected);
    }
    assert!(
        late > (of_all - cells) / 2,
        "most of {} runs are not judged from the start: {late}",
        of_all - cells
    );
    for (found, expected) in run(&judged_late, &suite).into_iter().zip(run(&judged_whole, &suite)) {
        assert_eq!(Outcome { milliseconds: 0, ..found }, Outcome { milliseconds: 0, ..expected });
    }
}
