//! Jobs: one check on one implementation, in one phase.

use std::sync::Arc;

use super::Phase;
use crate::harness::{
    contract::{BuiltIn, Implementation},
    suite::{Check, PlannedCheck, Reason},
};

/// The available implementations, by name.
#[derive(Clone)]
pub struct Implementations(Vec<Arc<dyn Implementation>>);

/// One check on one implementation.
#[derive(Clone)]
pub struct Job {
    /// The check.
    pub check: Arc<Check>,
    /// The implementation.
    pub implementation: Arc<dyn Implementation>,
    /// The phase.
    pub phase: Phase,
    /// The expectation that must fail in a red phase.
    pub must_fail: Option<String>,
    /// Why it must fail, if that is stated.
    pub reason: Option<Reason>,
    /// The first step, from 0, that is judged. Those before it are performed only: a proof knows from the run on the
    /// reference what they lead to.
    pub judged_from: usize,
    /// Whether its failure is known, so that it is no reason to stop a run.
    pub may_fail: bool,
}

impl Job {
    /// A job that nothing is stated about.
    pub fn new(check: &Arc<Check>, implementation: Arc<dyn Implementation>, phase: Phase) -> Self {
        let check = Arc::clone(check);
        Self { check, implementation, phase, must_fail: None, reason: None, judged_from: 0, may_fail: false }
    }
}

impl Implementations {
    /// All given implementations.
    pub fn new(all: Vec<Arc<dyn Implementation>>) -> Self {
        Self(all)
    }

    /// The built-in implementations of a contract.
    pub fn of(built_ins: &[BuiltIn]) -> Self {
        Self(built_ins.iter().map(|built_in| Arc::clone(&built_in.implementation)).collect())
    }

    /// The implementation with this name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Implementation>> {
        self.0.iter().find(|implementation| implementation.name() == name).cloned()
    }

    /// The given ones, and these where no given one has the name.
    pub fn with<'a>(&self, more: impl Iterator<Item = &'a Arc<dyn Implementation>>) -> Self {
        Self(more.cloned().chain(self.0.iter().cloned()).collect())
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|implementation| implementation.name()).collect()
    }
}

/// A job for every red entry of the checks, or only for those on one implementation.
///
/// Entries on an unknown implementation are skipped; a valid suite has none, because it is validated against the
/// same names.
pub fn red(checks: &[Arc<Check>], implementations: &Implementations, on: Option<&str>) -> Vec<Job> {
    let mut jobs = Vec::new();
    for check in checks {
        for entry in check.red.iter().filter(|entry| on.is_none_or(|on| on == entry.on)) {
            if let Some(implementation) = implementations.get(&entry.on) {
                let (must_fail, reason) = (Some(entry.fails.clone()), entry.reason.clone());
                jobs.push(Job { must_fail, reason, ..Job::new(check, implementation, Phase::Red) });
            }
        }
    }
    jobs
}

/// A job for every expectation of a planned check that must fail, on any implementation.
pub fn planned_red(
    check: &Arc<Check>,
    planned: &PlannedCheck,
    implementation: &Arc<dyn Implementation>,
) -> Vec<Job> {
    let job = |fails: &String| Job {
        must_fail: Some(fails.clone()),
        reason: Some(planned.reason.clone()),
        ..Job::new(check, Arc::clone(implementation), Phase::Red)
    };
    planned.fails.iter().map(job).collect()
}

/// A job for every check on one implementation.
pub fn green(checks: &[Arc<Check>], implementation: &Arc<dyn Implementation>) -> Vec<Job> {
    let job = |check: &Arc<Check>| Job::new(check, Arc::clone(implementation), Phase::Green);
    checks.iter().map(job).collect()
}
