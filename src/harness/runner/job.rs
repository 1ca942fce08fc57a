//! Jobs: one check on one implementation, in one phase.

use std::sync::Arc;

use super::Phase;
use crate::harness::{
    contract::{BuiltIn, Implementation},
    suite::Check,
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
