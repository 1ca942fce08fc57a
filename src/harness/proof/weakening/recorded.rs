//! The mechanical faults that parts are needed for, as a proof records them: a changed case must still fail on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    NeededBy, Parts,
    aim::Aim,
    breaker::{Breaker, Breakers},
    search::{failures_that_count, job},
};
use crate::harness::{
    proof::observation::{ObservationFault, Search},
    runner,
};

/// Of each case, the faults on which each expectation fails.
type KillsByCase = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The faults that parts of each case are needed for.
pub fn needed_observations(parts: &Parts) -> KillsByCase {
    let mut all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for part in parts.all() {
        if let Some(NeededBy::Observation(fault)) = &part.needed_by {
            let case = all.entry(part.case.clone()).or_default();
            case.entry(part.expectation.clone()).or_default().insert(fault.clone());
        }
    }
    sorted(all)
}

/// Runs the recorded checks of these cases again on the faults that are recorded for them. A fault that no longer exists,
/// because the case no longer shows what it changes, is not among the results.
pub fn rerun(recorded: &KillsByCase, faults: &[ObservationFault], how: &Search<'_>) -> KillsByCase {
    let mut jobs = Vec::new();
    let mut case_of: BTreeMap<&str, &str> = BTreeMap::new();
    for (index, recording) in how.recordings.iter().enumerate() {
        let check = &recording.check;
        let Some(kills) = recorded.get(&check.case.id) else { continue };
        case_of.insert(&check.id, &check.case.id);
        let breakers = Breakers::of(recording, index, faults);
        let names: BTreeSet<&str> = kills.values().flatten().map(String::as_str).collect();
        let mut aimed: Option<BTreeMap<String, Breaker>> = None;
        let own = names.into_iter().filter_map(|name| {
            let of_parts = || {
                let all = Aim::of(recording, how.contract).at_all(check);
                all.into_iter().map(|breaker| (breaker.name.clone(), breaker)).collect()
            };
            breakers.named(name).or_else(|| aimed.get_or_insert_with(of_parts).remove(name))
        });
        jobs.extend(own.map(|breaker| job(check, breaker, how)));
    }
    let work = how.work.join("again");
    if std::fs::create_dir_all(&work).is_err() {
        return KillsByCase::new();
    }
    let outcomes = run(&jobs, &work, how);
    let mut all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (check, expectation, on) in failures_that_count(&outcomes) {
        if let Some(case) = case_of.get(check) {
            let case = all.entry((*case).to_owned()).or_default();
            case.entry(expectation.to_owned()).or_default().insert(on.to_owned());
        }
    }
    sorted(all)
}

fn run(jobs: &[runner::Job], work: &Path, how: &Search<'_>) -> Vec<runner::Outcome> {
    let outcomes = runner::run(jobs, how.suite, work, how.options, how.interrupted, &|_| {});
    // What is left is removed with the directory of the report.
    let _ = std::fs::remove_dir_all(work);
    outcomes
}

fn sorted(all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>) -> KillsByCase {
    let lists = |kills: BTreeMap<String, BTreeSet<String>>| {
        kills.into_iter().map(|(name, on)| (name, on.into_iter().collect())).collect()
    };
    all.into_iter().map(|(case, kills)| (case, lists(kills))).collect()
}
