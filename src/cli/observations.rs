//! `bundleproof prove --observations`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::{
    Exit,
    console::{Console, counted},
    run_progress::{RunProgress, Steps},
    run_session::{RecordingOptions, RunSession},
};
use crate::{
    bundle::{BUNDLE, implementations::reference},
    harness::{
        proof::observation::{
            BLIND_SPOTS, BlindSpots, KindCount, Observations, Search, observation_faults,
            observations_markdown, recorders, recordings, search,
        },
        runner::{self, Outcome},
        suite::{Check, Suite},
    },
    text::line,
};

/// Number of problems that are printed; the others are in observations.md.
const MAX_SHOWN: usize = 20;

/// What was found, and how long it took.
pub(super) struct Observed {
    pub(super) found: Observations,
    seconds: f64,
}

/// Searches for what the checks do not notice, and adds the result to the report. `whole` says whether these are all checks
/// of the suite, so that the list of blind spots must fit.
pub(super) fn observe(
    recording: RunSession,
    (suite, checks, whole): (&Arc<Suite>, &[Arc<Check>], bool),
    options: &RecordingOptions,
    console: &Console,
) -> Result<(RunSession, Observed), Exit> {
    let began = Instant::now();
    let spots = suite
        .file(BLIND_SPOTS)
        .map_or_else(|| Ok(BlindSpots::default()), |text| BlindSpots::from_toml(&text));
    let spots = spots.map_err(|error| {
        console.error(&error);
        Exit::InvalidSuite
    })?;
    // The result is the same with and without PyTorch: no network is executed.
    let inner = reference();
    let is_supported = |check: &&Arc<Check>| check.needs().all(|need| inner.supports(need));
    let checks: Vec<Arc<Check>> = checks.iter().filter(is_supported).cloned().collect();
    let (mut recording, found) = recording.run_more(
        options,
        |work, how, interrupted| {
            let (recorders, jobs) = recorders(&checks, &inner, &BUNDLE);
            let recorded = RunProgress::new(console, jobs.len(), false, false);
            let on_outcome = |_: &Outcome| recorded.ended_elsewhere();
            let outcomes = runner::run(&jobs, suite, work, how, interrupted, &on_outcome);
            recorded.finish();
            let recordings = recordings(&checks, &recorders, &outcomes);
            let faults = observation_faults(&BUNDLE, &recordings);
            let all = faults.len();
            let steps = Steps::new(console, all, "faults settled");
            let done = AtomicUsize::new(0);
            let on_progress = |settled: usize| {
                done.store(settled, Ordering::Relaxed);
                steps.reached(settled);
            };
            let settled = search(
                faults,
                &Search {
                    suite,
                    recordings: &recordings,
                    inner: &inner,
                    contract: &BUNDLE,
                    work,
                    options: how,
                    interrupted,
                    on_progress: &on_progress,
                },
            );
            steps.finish();
            let found = Observations::of(&settled, &spots, whole);
            Ok((found, format!("{} of {all} faults", done.load(Ordering::Relaxed))))
        },
        console,
    )?;
    let json = serde_json::to_vec_pretty(&found).map_err(|error| {
        console.error(&format!("cannot write observations.json: {error}"));
        Exit::Internal
    })?;
    recording.add("observations.json", &json, console)?;
    recording.add("observations.md", observations_markdown(&found).as_bytes(), console)?;
    Ok((recording, Observed { found, seconds: began.elapsed().as_secs_f64() }))
}

/// The result as text: the problems, and a line for each operation.
pub(super) fn text(Observed { found, seconds }: &Observed, console: &Console) -> String {
    let mut text = String::new();
    for problem in found.problems.iter().take(MAX_SHOWN) {
        text.push_str(&format!("{}\n", line(&problem.to_string())));
    }
    if let Some(more) = found.problems.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more in observations.md of the report\n"));
    }
    let unnoticed = found.unnoticed.len();
    let listed = found.unnoticed.iter().filter(|fault| fault.reason.is_some()).count();
    let verdict =
        if found.problems.is_empty() { console.good("observed") } else { console.bad("blind spots") };
    let [faults, runs] = [counted(found.faults, "fault"), counted(found.runs, "run")];
    let crashes = found.noticed_by_a_crash;
    text.push_str(&format!(
        "{verdict}: {faults}, {unnoticed} not noticed ({listed} listed in {BLIND_SPOTS}), {crashes} noticed by a crash \
         only; {runs}, {seconds:.1} s\n"
    ));
    for KindCount { operation, kind, faults, unnoticed } in
        found.kinds.iter().filter(|kind| kind.unnoticed > 0)
    {
        text.push_str(&format!("  {unnoticed} of {faults} not noticed: {} ({kind})\n", line(operation)));
    }
    text
}
