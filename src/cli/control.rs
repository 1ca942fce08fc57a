//! The negative control of a run on a third-party implementation.

use std::sync::Arc;

use super::target::RunTarget;
use crate::{
    bundle::{BUNDLE, implementations::reference},
    harness::{
        adversary::{self, Controlled},
        contract::Implementation,
        record::Control,
        runner::{Job, Outcome, Phase, Verdict},
        suite::Check,
    },
};

/// Tries adversaries around the target on checks that passed. `whole` says whether the run is that of a whole suite.
pub(super) fn control(
    target: &RunTarget,
    jobs: &[Job],
    outcomes: &[Outcome],
    whole: bool,
    run: &dyn Fn(&[Job]) -> Vec<Outcome>,
) -> Control {
    let green = || jobs.iter().zip(outcomes).filter(|(job, _)| job.phase == Phase::Green);
    let passed = green().filter(|(_, outcome)| outcome.verdict() == Verdict::Pass && !skips(outcome));
    let passed: Vec<(Arc<Check>, u64)> =
        passed.map(|(job, outcome)| (Arc::clone(&job.check), outcome.milliseconds)).collect();
    let reference: Arc<dyn Implementation> = reference();
    let controlled = Controlled {
        passed,
        took: green().map(|(_, outcome)| outcome.milliseconds).sum(),
        judged: &target.implementation,
        reference: &reference,
        contract: &BUNDLE,
        whole,
    };
    adversary::control(&controlled, run)
}

/// Whether an expectation was skipped: it might be the one that notices.
fn skips(outcome: &Outcome) -> bool {
    let mut judged = outcome.steps.iter().flat_map(|step| &step.expectations);
    judged.any(|expectation| expectation.skipped.is_some())
}
