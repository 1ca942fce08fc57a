//! What is to be run: one check on one implementation, in one phase.

use std::sync::Arc;

use super::Phase;
use crate::harness::{
    contract::{BuiltIn, Implementation},
    suite::Check,
};

/// The implementations that a run may use, by name.
#[derive(Clone)]
pub struct Implementations(Vec<Arc<dyn Implementation>>);

/// One check to run on one implementation.
#[derive(Clone)]
pub struct Job {
    /// The check.
    pub check: Arc<Check>,
    /// What to run it on.
    pub implementation: Arc<dyn Implementation>,
    /// Why it is run.
    pub phase: Phase,
    /// In a red phase, the expectation that must fail.
    pub must_fail: Option<String>,
}

impl Implementations {
    /// These implementations.
    pub fn new(all: Vec<Arc<dyn Implementation>>) -> Self {
        Self(all)
    }

    /// Those that come with a contract.
    pub fn of(built_ins: &[BuiltIn]) -> Self {
        Self(built_ins.iter().map(|built_in| Arc::clone(&built_in.implementation)).collect())
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Implementation>> {
        self.0.iter().find(|implementation| implementation.name() == name).cloned()
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|implementation| implementation.name()).collect()
    }
}

/// A job for every red entry of the checks, or for those on one implementation.
///
/// Entries on an implementation that is not among these are left out; a suite names none such, since it
/// was held against the same names.
pub fn red(checks: &[Arc<Check>], implementations: &Implementations, on: Option<&str>) -> Vec<Job> {
    let mut jobs = Vec::new();
    for check in checks {
        for entry in check.red.iter().filter(|entry| on.is_none_or(|on| on == entry.on)) {
            if let Some(implementation) = implementations.get(&entry.on) {
                let (check, must_fail) = (Arc::clone(check), Some(entry.fails.clone()));
                jobs.push(Job { check, implementation, phase: Phase::Red, must_fail });
            }
        }
    }
    jobs
}

/// A job for every check on one implementation.
pub fn green(checks: &[Arc<Check>], implementation: &Arc<dyn Implementation>) -> Vec<Job> {
    let job = |check: &Arc<Check>| {
        let (check, implementation) = (Arc::clone(check), Arc::clone(implementation));
        Job { check, implementation, phase: Phase::Green, must_fail: None }
    };
    checks.iter().map(job).collect()
}
