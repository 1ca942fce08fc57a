//! Looks for a check that notices each fault.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Kind, ObservationFault, Recording};
use crate::harness::{
    contract::{Contract, Implementation},
    fault::FaultyImplementation,
    runner::{self, Job, Options, Outcome, Phase, Verdict},
    suite::Suite,
};

/// Where and how the search runs.
pub struct Search<'a> {
    /// The suite.
    pub suite: &'a Arc<Suite>,
    /// What was recorded; a fault is tried on the checks that reach it.
    pub recordings: &'a [Recording],
    /// The implementation that was recorded.
    pub inner: &'a Arc<dyn Implementation>,
    /// Its contract.
    pub contract: &'static dyn Contract,
    /// A directory for the cases.
    pub work: &'a Path,
    /// How checks run.
    pub options: Options,
    /// Set to end the search early.
    pub interrupted: &'a AtomicBool,
    /// Called with the number of faults that are settled.
    pub on_progress: &'a dyn Fn(usize),
}

/// A fault after the search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The fault.
    pub fault: ObservationFault,
    /// What was found.
    pub noticed: Noticed,
    /// How many checks were run on it.
    pub runs: usize,
}

/// Whether a check noticed a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// An expectation of this check failed, or one of its steps was refused.
    By(String),
    /// This check crashed, or ran into its time limit.
    ByACrash(String),
    /// Every check that reaches it passed.
    Not,
    /// It made no difference in any check.
    NeverActed,
}

/// The largest number of checks of one fault that run at once, after as many before did not notice it.
const MAX_BATCH: usize = 16;

/// A fault that no check has noticed yet.
struct Open {
    index: usize,
    implementation: Arc<FaultyImplementation>,
    /// The checks that were not tried, the likeliest to notice it first.
    left: Vec<usize>,
    runs: usize,
}

/// Tries each fault on the checks that reach it until one notices. Checks that noticed faults of the same operation and kind
/// come first, and then short ones. The result does not depend on the number of workers.
pub fn search(faults: Vec<ObservationFault>, how: &Search<'_>) -> Vec<Settled> {
    let mut settled: Vec<Option<(Noticed, usize)>> = vec![None; faults.len()];
    let mut open: Vec<Open> =
        faults.iter().enumerate().map(|(index, fault)| how.opened(index, fault)).collect();
    let mut noticed_by: HashMap<(&str, Kind), HashMap<usize, usize>> = HashMap::new();
    let (mut round, mut done) = (0, 0);
    while !open.is_empty() && !how.interrupted.load(Ordering::Relaxed) {
        let batch = (1_usize << round.min(8)).min(MAX_BATCH);
        let mut jobs = Vec::new();
        let mut of_jobs: Vec<(usize, usize)> = Vec::new();
        for (position, fault) in open.iter_mut().enumerate() {
            let next = fault.left.split_off(fault.left.len().saturating_sub(batch));
            for check in next.into_iter().rev() {
                if let Some(job) = how.job(check, fault) {
                    jobs.push(job);
                    of_jobs.push((position, check));
                }
            }
        }
        let outcomes = how.run(&jobs, round);
        let mut results: HashMap<usize, (Noticed, usize, usize)> = HashMap::new();
        for ((position, check), outcome) in of_jobs.iter().zip(&outcomes) {
            if let Some(fault) = open.get_mut(*position) {
                fault.runs += 1;
                if let Some(noticed) = noticed(outcome) {
                    results.entry(*position).or_insert((noticed, *check, fault.runs));
                }
            }
        }
        let mut still_open = Vec::new();
        for (position, fault) in open.into_iter().enumerate() {
            let own = faults.get(fault.index);
            let result = match results.remove(&position) {
                Some((noticed, check, runs)) => {
                    if let Some(own) = own {
                        let by = noticed_by.entry((&own.operation, own.kind)).or_default();
                        *by.entry(check).or_default() += 1;
                    }
                    (noticed, runs)
                }
                None if !fault.left.is_empty() => {
                    still_open.push(fault);
                    continue;
                }
                None if fault.implementation.acted() == 0 => (Noticed::NeverActed, fault.runs),
                None => (Noticed::Not, fault.runs),
            };
            done += 1;
            if let Some(slot) = settled.get_mut(fault.index) {
                *slot = Some(result);
            }
        }
        open = still_open;
        for fault in &mut open {
            let known =
                faults.get(fault.index).and_then(|own| noticed_by.get(&(own.operation.as_str(), own.kind)));
            if let Some(known) = known {
                // The last ones are tried next; the sort is stable.
                fault.left.sort_by_key(|check| known.get(check).copied().unwrap_or(0));
            }
        }
        (how.on_progress)(done);
        round += 1;
    }
    let all = faults.into_iter().zip(settled);
    all.filter_map(|(fault, settled)| {
        let (noticed, runs) = settled?;
        Some(Settled { fault, noticed, runs })
    })
    .collect()
}

impl Search<'_> {
    fn opened(&self, index: usize, fault: &ObservationFault) -> Open {
        let inner = Arc::clone(self.inner);
        let implementation = Arc::new(FaultyImplementation::new(
            fault.name.clone(),
            inner,
            self.contract,
            [fault.fault.clone()],
        ));
        let mut left = fault.checks.clone();
        let length = |check: &usize| {
            let recording = self.recordings.get(*check);
            recording.map_or(0, |recording| recording.check.steps.len())
        };
        left.sort_by_key(|check| std::cmp::Reverse((length(check), *check)));
        Open { index, implementation, left, runs: 0 }
    }

    fn job(&self, check: usize, fault: &Open) -> Option<Job> {
        let implementation = Arc::clone(&fault.implementation) as Arc<dyn Implementation>;
        Some(Job::new(&self.recordings.get(check)?.check, implementation, Phase::Red))
    }

    fn run(&self, jobs: &[Job], round: u32) -> Vec<Outcome> {
        // A check that does not end in time may still write to its directory, so each round has one of its own.
        let work = self.work.join(format!("round{round}"));
        match std::fs::create_dir_all(&work) {
            Ok(()) => {
                let outcomes = runner::run(jobs, self.suite, &work, self.options, self.interrupted, &|_| {});
                // What is left is removed with the directory of the report.
                let _ = std::fs::remove_dir_all(&work);
                outcomes
            }
            Err(_) => Vec::new(),
        }
    }
}

/// How an outcome shows the fault, if it does.
fn noticed(outcome: &Outcome) -> Option<Noticed> {
    match outcome.verdict() {
        Verdict::Fail => Some(Noticed::By(outcome.check.clone())),
        Verdict::Crash | Verdict::Timeout | Verdict::ProtocolError => {
            Some(Noticed::ByACrash(outcome.check.clone()))
        }
        Verdict::Pass | Verdict::Unsupported | Verdict::HarnessError | Verdict::NotRun => None,
    }
}
