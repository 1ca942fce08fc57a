//! One check on one adversary.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{kind::Adversary, wrapped::observed};
use crate::harness::{
    contract::{Contract, Implementation},
    runner::{Job, Outcome, Phase, Verdict},
    suite::Check,
};

/// One check on one adversary. To be run once.
pub struct Trial {
    /// The adversary.
    pub adversary: Adversary,
    /// What to run.
    pub job: Job,
    affected: Arc<AtomicBool>,
}

/// What a trial shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialResult {
    /// The adversary gave the answers of the implementation that it is around.
    Unaffected,
    /// It gave others, and the check failed.
    Noticed,
    /// It gave others, and the check passed.
    Passed,
    /// The check has no result.
    Undecided,
}

impl Trial {
    /// The check on the adversary around an implementation.
    pub fn new(
        adversary: Adversary,
        check: &Arc<Check>,
        inner: &Arc<dyn Implementation>,
        contract: &'static dyn Contract,
    ) -> Self {
        let affected: Arc<AtomicBool> = Arc::default();
        let implementation = observed(adversary, inner, contract, Arc::clone(&affected));
        let job = Job::new(check, implementation, Phase::Red);
        Self { adversary, job, affected }
    }

    /// The result, given the outcome of its job.
    pub fn result(&self, outcome: &Outcome) -> TrialResult {
        match outcome.verdict() {
            Verdict::Fail if self.affected.load(Ordering::Relaxed) => TrialResult::Noticed,
            Verdict::Pass if self.affected.load(Ordering::Relaxed) => TrialResult::Passed,
            Verdict::Pass => TrialResult::Unaffected,
            Verdict::Fail
            | Verdict::Unsupported
            | Verdict::Timeout
            | Verdict::Crash
            | Verdict::ProtocolError
            | Verdict::HarnessError
            | Verdict::NotRun => TrialResult::Undecided,
        }
    }
}
