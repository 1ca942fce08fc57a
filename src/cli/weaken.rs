//! What `bundleproof prove` needs mechanical faults for besides `--observations`: `--weaken`, and changed cases.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Exit,
    console::Console,
    run_progress::{RunProgress, Steps},
    run_session::{RecordingOptions, RunSession},
};
use crate::{
    bundle::{BUNDLE, implementations::reference},
    harness::{
        proof::{
            Parts, PartsWitness,
            observation::{Search, observation_faults, recorders, recordings},
            rerun, search_parts,
        },
        runner::{self, Outcome},
        suite::{Check, Suite},
    },
};

/// Of each case, the faults on which each expectation fails.
pub(super) type KillsByCase = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Looks for faults that need the `parts` that nothing needs so far, and runs the cases that have changed again on the faults
/// that are recorded for them. Returns where those still fail.
pub(super) fn search(
    recording: RunSession,
    (suite, checks): (&Arc<Suite>, &[Arc<Check>]),
    parts: Option<(&mut Parts, &Arc<PartsWitness>)>,
    changed: &KillsByCase,
    options: &RecordingOptions,
    console: &Console,
) -> Result<(RunSession, KillsByCase), Exit> {
    if parts.is_none() && changed.is_empty() {
        return Ok((recording, KillsByCase::new()));
    }
    // No network is executed, so the result is the same with and without PyTorch.
    let inner = reference();
    let is_wanted = |check: &&Arc<Check>| {
        (parts.is_some() || changed.contains_key(&check.case.id))
            && check.needs().all(|need| inner.supports(need))
    };
    let checks: Vec<Arc<Check>> = checks.iter().filter(is_wanted).cloned().collect();
    recording.run_more(
        options,
        |work, how, interrupted| {
            let (recorders, jobs) = recorders(&checks, &inner, &BUNDLE);
            let recorded = RunProgress::new(console, jobs.len(), false, false);
            let on_outcome = |_: &Outcome| recorded.ended_elsewhere();
            let outcomes = runner::run(&jobs, suite, work, how, interrupted, &on_outcome);
            recorded.finish();
            let recordings = recordings(&checks, &recorders, &outcomes);
            let faults = observation_faults(&BUNDLE, &recordings);
            let steps = Steps::new(console, recordings.len(), "checks weakened");
            let on_progress = |done: usize| steps.reached(done);
            let how = Search {
                suite,
                recordings: &recordings,
                inner: &inner,
                contract: &BUNDLE,
                work,
                options: how,
                interrupted,
                on_progress: &on_progress,
            };
            let still = rerun(changed, &faults, &how);
            if let Some((parts, witness)) = parts {
                search_parts(parts, &faults, witness, &how);
            }
            steps.finish();
            Ok((still, "the proof, while weakening".to_owned()))
        },
        console,
    )
}
