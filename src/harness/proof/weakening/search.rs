//! Looks for a mechanical fault that needs each part that no mutant needs.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use super::{
    FailedExpectation, NeededBy, Part, Parts, PartsWitness,
    breaker::{Breaker, Breakers},
};
use crate::harness::{
    contract::Implementation,
    fault::FaultyImplementation,
    proof::observation::{ObservationFault, Search},
    runner::{self, Job, Outcome, Phase, RedResult, Witness},
    suite::{Check, Step},
};

/// The number of faults that a check is tried on in the first round; it doubles with each round.
const FIRST: usize = 8;
/// The most faults of one check in a round.
const MAX_FAULTS: usize = 256;

/// A check with parts that nothing needs so far.
struct Open<'a> {
    check: &'a Arc<Check>,
    /// The faults that were not tried, the likeliest last.
    left: Vec<Breaker>,
}

/// Runs each check with parts that nothing needs on the faults that it reaches, until every part is needed or no fault is
/// left. `how.on_progress` is called with the number of checks that are done.
pub fn search_parts(
    parts: &mut Parts,
    faults: &[ObservationFault],
    witness: &Arc<PartsWitness>,
    how: &Search<'_>,
) {
    let mut open: Vec<Open<'_>> = how
        .recordings
        .iter()
        .enumerate()
        .map(|(index, recording)| Open {
            check: &recording.check,
            left: likeliest_last(&Breakers::of(recording, index, faults), &recording.check, parts, how),
        })
        .collect();
    let (all, mut round) = (open.len(), 0);
    loop {
        open.retain(|open| !open.left.is_empty() && parts.unneeded(open.check).next().is_some());
        (how.on_progress)(all - open.len());
        if open.is_empty() || how.interrupted.load(Ordering::Relaxed) {
            return;
        }
        let batch = (FIRST << u32::min(round, 8)).min(MAX_FAULTS);
        let mut jobs = Vec::new();
        for open in &mut open {
            let next = open.left.split_off(open.left.len().saturating_sub(batch));
            jobs.extend(next.into_iter().map(|breaker| job(open.check, breaker, how)));
        }
        let work = how.work.join(format!("weaken{round}"));
        if std::fs::create_dir_all(&work).is_err() {
            return;
        }
        let shown = Arc::clone(witness) as Arc<dyn Witness>;
        let where_and_how = (work.as_path(), how.options);
        let outcomes =
            runner::run_with_witness(&jobs, how.suite, where_and_how, how.interrupted, &|_| {}, Some(&shown));
        // What is left is removed with the directory of the report.
        let _ = std::fs::remove_dir_all(&work);
        let failed = witness.take_failed();
        let counted = failures_that_count(&outcomes);
        let counts = |failed: &FailedExpectation| {
            counted.contains(&(failed.check.as_str(), failed.expectation.as_str(), failed.on.as_str()))
        };
        parts.add(&failed, &counts, &|on| NeededBy::Observation(on.to_owned()));
        round += 1;
    }
}

/// Each expectation that failed for a reason that counts: the check, the expectation and the implementation.
pub(super) fn failures_that_count(outcomes: &[Outcome]) -> HashSet<(&str, &str, &str)> {
    let all = outcomes
        .iter()
        .flat_map(|outcome| outcome.failed().map(move |(_, failed)| (outcome, failed.name.as_str())));
    let counted = all.filter(|(outcome, name)| outcome.failure_of(name, None) == RedResult::Proven);
    counted.map(|(outcome, name)| (outcome.check.as_str(), name, outcome.implementation.as_str())).collect()
}

/// A run of a check on the recorded implementation with a fault.
pub(super) fn job(check: &Arc<Check>, breaker: Breaker, how: &Search<'_>) -> Job {
    let inner = Arc::clone(how.inner);
    let faulty = FaultyImplementation::new(breaker.name, inner, how.contract, [breaker.fault]);
    Job {
        check: Arc::clone(check),
        implementation: Arc::new(faulty) as Arc<dyn Implementation>,
        phase: Phase::Red,
        must_fail: None,
        reason: None,
    }
}

/// The faults that a check is tried on: last those that name what its unneeded parts name, before them those of the same
/// operations.
fn likeliest_last(breakers: &Breakers<'_>, check: &Check, parts: &Parts, how: &Search<'_>) -> Vec<Breaker> {
    let unneeded: Vec<&Part> = parts.unneeded(check).collect();
    if unneeded.is_empty() {
        return Vec::new();
    }
    let words: Vec<&str> = unneeded.iter().flat_map(|part| words(&part.weaker)).collect();
    let is_about = |step: &&Step| {
        step.expectations.iter().any(|named| unneeded.iter().any(|part| part.expectation == named.name))
    };
    let operations: Vec<&str> = check.steps.iter().filter(is_about).map(|step| step.action.name()).collect();
    let texts: Vec<&str> = unneeded.iter().filter_map(|part| part.text.as_deref()).collect();
    let mut all = breakers.all(&texts, how.contract);
    all.sort_by_key(|breaker| {
        let is_named = words.iter().any(|word| breaker.name.contains(*word));
        (is_named, operations.contains(&breaker.operation.as_str()))
    });
    all
}

/// The names in a path or a text, without those of the kind of expectation.
fn words(weaker: &str) -> impl Iterator<Item = &str> {
    let all = weaker.split(|c: char| !c.is_alphanumeric() && c != '_');
    all.filter(|word| word.len() > 2 && !["without", "accepted", "the"].contains(word))
}
