//! The negative control of a run: a few checks that passed, on each adversary around the implementation under test.
//!
//! Which checks show an adversary is found out on the reference, in this process and within milliseconds. The first of
//! them, the shortest by its steps, is then run on the adversary around the implementation; only if that does not
//! notice it, the next. The control takes a tenth of the time of the checks, or two seconds, so that a slow one is
//! not kept waiting.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    candidates::may_show,
    kind::Adversary,
    trial::{Trial, TrialResult},
};
use crate::harness::{
    contract::{Contract, Implementation},
    record::{Control, ControlResult, ControlVariant, NotTried},
    runner::{Job, Outcome},
    suite::Check,
};

/// The number of checks that an adversary is tried on, around the implementation under test.
const MAX_TRIED: usize = 3;

/// The number of checks that are tried on the reference, for each adversary.
const MAX_CANDIDATES: usize = 100;

/// The number of checks that are tried on the reference at once.
const CHUNK: usize = 8;

/// The share of the time of the checks that the control may take: one in ten.
const SHARE: u64 = 10;

/// The least and the most time of a control, in milliseconds: the sum over all of its checks.
const TIME: (u64, u64) = (2_000, 10_000);

/// What a control is about.
pub struct Controlled<'a> {
    /// The checks that passed on the implementation under test with every expectation, and how many milliseconds each
    /// took.
    pub passed: Vec<(Arc<Check>, u64)>,
    /// The time of all checks of the run, in milliseconds.
    pub took: u64,
    /// The implementation under test.
    pub judged: &'a Arc<dyn Implementation>,
    /// The reference of the contract.
    pub reference: &'a Arc<dyn Implementation>,
    /// The contract.
    pub contract: &'static dyn Contract,
    /// Whether the run is that of a whole suite, which should notice every adversary.
    pub whole: bool,
}

/// Runs the control; `run` runs jobs and returns their outcomes in order.
pub fn control(controlled: &Controlled<'_>, run: &dyn Fn(&[Job]) -> Vec<Outcome>) -> Control {
    let mut passed: Vec<&(Arc<Check>, u64)> = controlled.passed.iter().collect();
    passed.sort_by_key(|(check, _)| (check.steps.len(), check.id.clone()));
    let mut left = (controlled.took / SHARE).clamp(TIME.0, TIME.1);
    let mut candidates: BTreeMap<Adversary, Vec<&(Arc<Check>, u64)>> = BTreeMap::new();
    let mut results: BTreeMap<Adversary, ControlResult> = BTreeMap::new();
    for adversary in Adversary::ALL {
        candidates.insert(adversary, showing(adversary, &passed, controlled, run));
        results.insert(adversary, ControlResult::NotTried(NotTried::NoCheck));
    }
    for round in 0..MAX_TRIED {
        let mut trials = Vec::new();
        for (adversary, showing) in &candidates {
            let done = matches!(results.get(adversary), Some(ControlResult::Noticed(_)));
            let Some((check, took)) = showing.get(round).filter(|_| !done) else { continue };
            match left.checked_sub(*took) {
                Some(rest) => {
                    left = rest;
                    trials.push(Trial::new(*adversary, check, controlled.judged, controlled.contract));
                }
                None => note(&mut results, *adversary, NotTried::NoTime),
            }
        }
        for (trial, result) in tried(&trials, run) {
            let check = trial.job.check.id.clone();
            match result {
                TrialResult::Noticed => {
                    results.insert(trial.adversary, ControlResult::Noticed(check));
                }
                TrialResult::Passed => {
                    if let Some(ControlResult::Passed(checks)) = results.get_mut(&trial.adversary) {
                        checks.push(check);
                    } else {
                        results.insert(trial.adversary, ControlResult::Passed(vec![check]));
                    }
                }
                TrialResult::Unaffected => note(&mut results, trial.adversary, NotTried::NoCheck),
                TrialResult::Undecided => note(&mut results, trial.adversary, NotTried::NoResult),
            }
        }
    }
    let variant = |(adversary, result): (Adversary, ControlResult)| ControlVariant {
        name: adversary.name().to_owned(),
        result,
    };
    Control { variants: results.into_iter().map(variant).collect() }
}

/// States why an adversary was not tried, unless it was.
fn note(results: &mut BTreeMap<Adversary, ControlResult>, adversary: Adversary, why: NotTried) {
    if let Some(ControlResult::NotTried(known)) = results.get_mut(&adversary) {
        *known = why;
    }
}

/// The first checks that notice an adversary around the reference. If none does in a whole suite, the first that it
/// affects: they should.
fn showing<'c>(
    adversary: Adversary,
    passed: &[&'c (Arc<Check>, u64)],
    controlled: &Controlled<'_>,
    run: &dyn Fn(&[Job]) -> Vec<Outcome>,
) -> Vec<&'c (Arc<Check>, u64)> {
    let on_reference = |check: &Check| check.needs().all(|need| controlled.reference.supports(need));
    let may = passed.iter().filter(|(check, _)| may_show(adversary, check) && on_reference(check));
    let may: Vec<&(Arc<Check>, u64)> = may.take(MAX_CANDIDATES).copied().collect();
    let (mut noticing, mut blind) = (Vec::new(), Vec::new());
    for chunk in may.chunks(CHUNK) {
        let trial = |(check, _): &&(Arc<Check>, u64)| {
            Trial::new(adversary, check, controlled.reference, controlled.contract)
        };
        let trials: Vec<Trial> = chunk.iter().map(trial).collect();
        for ((_, result), candidate) in tried(&trials, run).zip(chunk) {
            match result {
                TrialResult::Noticed => noticing.push(*candidate),
                TrialResult::Passed => blind.push(*candidate),
                TrialResult::Unaffected | TrialResult::Undecided => {}
            }
        }
        if noticing.len() >= MAX_TRIED {
            break;
        }
    }
    if noticing.is_empty() && controlled.whole { blind } else { noticing }
}

/// Runs trials, and returns the result of each.
fn tried<'t>(
    trials: &'t [Trial],
    run: &dyn Fn(&[Job]) -> Vec<Outcome>,
) -> impl Iterator<Item = (&'t Trial, TrialResult)> {
    let jobs: Vec<Job> = trials.iter().map(|trial| trial.job.clone()).collect();
    let outcomes = if jobs.is_empty() { Vec::new() } else { run(&jobs) };
    trials.iter().zip(outcomes).map(|(trial, outcome)| (trial, trial.result(&outcome)))
}
