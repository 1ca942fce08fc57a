//! Looks for a mechanical fault that needs each part that no mutant needs.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use super::{
    FailedExpectation, NeededBy, Part, Parts, PartsWitness,
    aim::Aim,
    breaker::{Breaker, Breakers},
};
use crate::harness::{
    fault::FaultyImplementation,
    proof::observation::{ObservationFault, Recording, Search},
    runner::{self, Job, Outcome, Phase, RedResult, Witness},
    suite::{Check, Step},
};

/// The number of faults that a check is tried on in the first round; it doubles with each round.
const FIRST: usize = 8;
/// The most faults of one check in a round.
const MAX_FAULTS: usize = 256;
/// The most faults that a check is tried on in general, besides those of what its parts are compared with: what the
/// likeliest of them do not need, hardly any other does.
const MAX_TRIED: usize = 512;

/// A check with parts that nothing needs so far.
struct Open<'a> {
    check: &'a Arc<Check>,
    recording: (usize, &'a Recording),
    /// For each of its parts, the faults of what it is compared with that were not tried, the likeliest last.
    aimed: Vec<(OfPart, Vec<Breaker>)>,
    /// All other faults that were not tried, the likeliest last, once those are tried.
    left: Option<Vec<Breaker>>,
    /// The names of those that were tried.
    tried: HashSet<String>,
    /// The rounds of other faults.
    rounds: u32,
}

/// An expectation, and how it is weaker without a part.
type OfPart = (String, String);

/// Runs each check with parts that nothing needs on the faults that it reaches, until every part is needed or no likely
/// fault is left. `how.on_progress` is called with the number of checks that are done.
pub fn search_parts(
    parts: &mut Parts,
    faults: &[ObservationFault],
    witness: &Arc<PartsWitness>,
    how: &Search<'_>,
) {
    let all = how.recordings.iter().enumerate();
    let mut open: Vec<Open<'_>> =
        all.map(|(index, recording)| Open::of(index, recording, parts, how)).collect();
    let (all, mut round) = (open.len(), 0);
    loop {
        open.retain_mut(|open| open.goes_on(parts, faults, how));
        (how.on_progress)(all - open.len());
        if open.is_empty() || how.interrupted.load(Ordering::Relaxed) {
            return;
        }
        let mut jobs = Vec::new();
        for open in &mut open {
            let next = open.next();
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

impl<'a> Open<'a> {
    fn of(index: usize, recording: &'a Recording, parts: &Parts, how: &Search<'_>) -> Self {
        let check = &recording.check;
        let aim = Aim::of(recording, how.contract);
        let of_part = |part: &Part| {
            let mut faults = aim.at(&part.expectation, &part.at);
            faults.reverse();
            ((part.expectation.clone(), part.weaker.clone()), faults)
        };
        let aimed = parts.unneeded(check).map(of_part).collect();
        Self { check, recording: (index, recording), aimed, left: None, tried: HashSet::new(), rounds: 0 }
    }

    /// Whether a part is unneeded and a fault left. Faults in general are tried once no part has a fault of its own left.
    fn goes_on(&mut self, parts: &Parts, faults: &[ObservationFault], how: &Search<'_>) -> bool {
        let unneeded: HashSet<OfPart> =
            parts.unneeded(self.check).map(|part| (part.expectation.clone(), part.weaker.clone())).collect();
        self.aimed.retain(|(part, left)| !left.is_empty() && unneeded.contains(part));
        if unneeded.is_empty() {
            return false;
        }
        if !self.aimed.is_empty() {
            return true;
        }
        let left = self.left.get_or_insert_with(|| {
            let (index, recording) = self.recording;
            let mut left = likeliest_last(&Breakers::of(recording, index, faults), self.check, parts, how);
            left.retain(|breaker| !self.tried.contains(&breaker.name));
            left.split_off(left.len().saturating_sub(MAX_TRIED))
        });
        !left.is_empty()
    }

    /// The faults to try next: one for each part, or the likeliest of all others.
    fn next(&mut self) -> Vec<Breaker> {
        let mut next = Vec::new();
        for (_, left) in &mut self.aimed {
            while let Some(breaker) = left.pop() {
                if self.tried.insert(breaker.name.clone()) {
                    next.push(breaker);
                    break;
                }
            }
        }
        if let Some(left) = self.left.as_mut().filter(|_| self.aimed.is_empty()) {
            let batch = (FIRST << u32::min(self.rounds, 8)).min(MAX_FAULTS);
            next = left.split_off(left.len().saturating_sub(batch));
            self.rounds += 1;
        }
        next
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
    Job::new(check, Arc::new(faulty), Phase::Red)
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
