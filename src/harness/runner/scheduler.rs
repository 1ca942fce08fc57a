//! Runs checks in parallel, each with a deadline.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Ended, Job, Outcome, PendingStep, Phase, StepOutcome, Witness, WrittenFile,
    execute::{self, Finished},
    first_process::FirstProcesses,
    sandbox::Sandbox,
};
use crate::{
    harness::{contract::Deadline, suite::Suite, work_place::WorkPlace},
    text::counted,
    threads,
};

/// How often a worker checks whether the run was interrupted.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a worker waits for a cancelled check to finish its current step.
const GRACE: Duration = Duration::from_secs(2);

/// How checks are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of checks that run in parallel.
    pub workers: usize,
    /// The time limit of one check.
    pub deadline: Duration,
    /// Whether to keep the work directories, each with a descriptive name.
    pub keep_work_dirs: bool,
    /// The number of the first work directory.
    pub first: usize,
    /// After this many unexpected outcomes, what has not begun is not run.
    pub max_failures: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 2,
            deadline: Duration::from_secs(60),
            keep_work_dirs: false,
            first: 0,
            max_failures: None,
        }
    }
}

/// Runs the jobs, each in a new directory below `work`, and reports each outcome as it becomes available.
///
/// The outcomes are in the order of the jobs. When `interrupted` is set, unfinished checks are `NotRun`. A check that
/// exceeds its deadline runs no further step. A step that never returns is abandoned: its thread cannot be stopped
/// and lasts until the process ends.
pub fn run(
    jobs: &[Job],
    suite: &Arc<Suite>,
    work: &Path,
    options: Options,
    interrupted: &AtomicBool,
    on_outcome: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    run_with_witness(jobs, suite, (work, options), interrupted, on_outcome, None)
}

/// The same, and shows the facts of every expectation that is judged to a witness.
pub fn run_with_witness(
    jobs: &[Job],
    suite: &Arc<Suite>,
    (work, options): (&Path, Options),
    interrupted: &AtomicBool,
    on_outcome: &(dyn Fn(&Outcome) + Sync),
    witness: Option<&Arc<dyn Witness>>,
) -> Vec<Outcome> {
    let work = &WorkPlace::open(work);
    let ran = schedule(jobs, suite, (work, options), interrupted, on_outcome, witness);
    ran.into_iter().map(|(outcome, _)| outcome).collect()
}

/// Runs the jobs; each outcome with the number of its process.
pub(super) fn schedule(
    jobs: &[Job],
    suite: &Arc<Suite>,
    (work, options): (&WorkPlace, Options),
    interrupted: &AtomicBool,
    on_outcome: &(dyn Fn(&Outcome) + Sync),
    witness: Option<&Arc<dyn Witness>>,
) -> Vec<Ran> {
    let failures = AtomicUsize::new(0);
    let first = Arc::new(FirstProcesses::default());
    let alone = RwLock::new(());
    let numbered: Vec<(usize, &Job)> = (options.first..).zip(jobs).collect();
    threads::each(
        &numbered,
        options.workers,
        || (),
        |(), &(number, job)| {
            let enough = options.max_failures.filter(|max| failures.load(Ordering::Relaxed) >= *max);
            let (outcome, process) = if interrupted.load(Ordering::Relaxed) {
                (PartialOutcome::default().outcome(job, Ended::NotRun { detail: None }), None)
            } else if let Some(max) = enough {
                let detail = Some(format!(
                    "the run stopped after {}, when the checks that had begun were over",
                    counted(max, "failure")
                ));
                (PartialOutcome::default().outcome(job, Ended::NotRun { detail }), None)
            } else {
                let name = directory(number, job, options);
                let run = |name: &str| {
                    run_watched(job, suite, (work, name, options), interrupted, (&first, witness))
                };
                run_undisturbed(&name, &alone, run)
            };
            on_outcome(&outcome);
            if !job.may_fail && outcome.has_failed() {
                failures.fetch_add(1, Ordering::Relaxed);
            }
            (outcome, process)
        },
    )
}

/// An outcome, and the number of its process; None for this process.
pub(super) type Ran = (Outcome, Option<u32>);

/// How a check ended, which its thread sends to its worker: the files that it wrote, and the number of its process.
struct CheckEnded {
    ended: Ended,
    written: Vec<WrittenFile>,
    process: Option<u32>,
    /// Whether its directory was still in its place.
    is_in_place: bool,
}

/// The steps of a check so far. Its worker takes them at the end, also if the check does not return: to be woken by every
/// step would cost more than most steps.
type StepsSoFar = Mutex<Vec<StepOutcome>>;

/// What a worker has received from a check so far.
#[derive(Default)]
struct PartialOutcome {
    steps: Vec<StepOutcome>,
    written: Vec<WrittenFile>,
    /// The number of its process.
    process: Option<u32>,
    took: Duration,
    /// Whether its directory was removed, or something else took its place.
    lost_directory: bool,
}

impl PartialOutcome {
    fn outcome(self, job: &Job, ended: Ended) -> Outcome {
        let case = &job.check.case;
        Outcome {
            check: job.check.id.clone(),
            title: case.title.clone(),
            digest: case.digest.clone(),
            file: case.file.clone(),
            requires: case.requires.clone(),
            implementation: job.implementation.name().to_owned(),
            phase: job.phase,
            must_fail: job.must_fail.clone(),
            reason: job.reason.clone(),
            steps: self.steps,
            ended,
            written: self.written,
            leak: None,
            flaky: None,
            milliseconds: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The name of a work directory: a number, with a description if it is kept.
fn directory(number: usize, job: &Job, options: Options) -> String {
    if !options.keep_work_dirs {
        return format!("{number:05}");
    }
    let name = format!("{number:05}.{}.{}.{}", job.phase.as_str(), job.implementation.name(), job.check.id);
    name.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), ".")
}

/// Runs a check, and again if it has lost its directory: another check may have taken that. The second time it runs alone,
/// and has lost it by itself.
fn run_undisturbed(name: &str, alone: &RwLock<()>, run: impl Fn(&str) -> (Ran, Place)) -> Ran {
    let (ran, place) = {
        let _others = alone.read().unwrap_or_else(PoisonError::into_inner);
        run(name)
    };
    if matches!(place, Place::Kept) {
        return ran;
    }
    let _no_others = alone.write().unwrap_or_else(PoisonError::into_inner);
    let ((mut outcome, process), place) = run(&format!("{name}.again"));
    if matches!(place, Place::Lost) {
        let detail = "the directory of the check was removed, or something else put in its place".to_owned();
        outcome.ended = Ended::Crash { detail };
    }
    (outcome, process)
}

/// What became of the directory of a check.
#[derive(Clone, Copy)]
enum Place {
    /// It was where it belongs to the end, or as long as its check was waited for.
    Kept,
    /// It was removed, or something else took its place.
    Lost,
    /// It could not be created.
    Failed,
}

/// Runs a check with a deadline.
fn run_watched(
    job: &Job,
    suite: &Arc<Suite>,
    (work, name, options): (&WorkPlace, &str, Options),
    interrupted: &AtomicBool,
    (first, witness): (&Arc<FirstProcesses>, Option<&Arc<dyn Witness>>),
) -> (Ran, Place) {
    let mut partial = PartialOutcome::default();
    let started = Instant::now();
    let deadline = options.deadline;
    let sandbox = match Sandbox::create(work, name, options.keep_work_dirs) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let detail = format!("failed to create the work directory: {error}");
            return ((partial.outcome(job, Ended::HarnessError { detail }), None), Place::Failed);
        }
    };
    let (sender, events) = channel();
    let (own, suite, witness) = (job.clone(), Arc::clone(suite), witness.cloned());
    let first = Arc::clone(first);
    let until = Deadline::after(deadline);
    let cancelled = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&cancelled);
    let steps = Arc::new(StepsSoFar::default());
    let own_steps = Arc::clone(&steps);
    // A thread per check, so that a step that never returns blocks neither the worker nor the run.
    let spawned = thread::Builder::new().spawn(move || {
        let events = (&*own_steps, &sender);
        run_in_thread(&own, &suite, sandbox, (&stop, until, &first, witness.as_deref()), events);
    });
    let mut ended = match spawned {
        Err(error) => Ended::HarnessError { detail: format!("failed to start a thread: {error}") },
        Ok(_) => listen(&events, &mut partial, started, deadline, interrupted),
    };
    partial.steps = std::mem::take(&mut *steps.lock().unwrap_or_else(PoisonError::into_inner));
    // Every step that ended is among them.
    let pending = job.check.steps.get(partial.steps.len());
    if matches!(ended, Ended::Timeout { .. } | Ended::NotRun { .. }) {
        // It may still write to the directory of the report, so it gets time to stop.
        cancelled.store(true, Ordering::Relaxed);
        let until = Instant::now() + GRACE;
        while let Ok(last) = events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            // A session has the same deadline, and knows which request has no response.
            if matches!((&ended, &last.ended), (Ended::Timeout { .. }, Ended::Timeout { .. })) {
                ended = last.ended;
            }
        }
    }
    if let Ended::Timeout { step, .. } = &mut ended {
        *step = pending.map(|step| PendingStep { operation: step.action.name().to_owned(), line: step.line });
    }
    partial.took = started.elapsed();
    let place = if partial.lost_directory { Place::Lost } else { Place::Kept };
    let process = partial.process;
    ((partial.outcome(job, ended), process), place)
}

fn listen(
    events: &Receiver<CheckEnded>,
    partial: &mut PartialOutcome,
    started: Instant,
    deadline: Duration,
    interrupted: &AtomicBool,
) -> Ended {
    loop {
        match events.recv_timeout(POLL_INTERVAL) {
            Ok(CheckEnded { ended, written, process, is_in_place }) => {
                (partial.written, partial.process, partial.lost_directory) = (written, process, !is_in_place);
                return ended;
            }
            // The thread ended without an event: only a panic that cannot be caught does this.
            Err(RecvTimeoutError::Disconnected) => {
                return Ended::Crash { detail: "the check ended without a result".to_owned() };
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ended::NotRun { detail: None };
        }
        if started.elapsed() > deadline {
            let milliseconds = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            return Ended::Timeout { milliseconds, method: None, step: None };
        }
    }
}

/// Runs the check in this thread. Sending fails only if the worker no longer listens, and is then ignored.
fn run_in_thread(
    job: &Job,
    suite: &Suite,
    sandbox: Sandbox,
    (cancelled, until, first, witness): (&AtomicBool, Deadline, &FirstProcesses, Option<&dyn Witness>),
    (steps, events): (&StepsSoFar, &Sender<CheckEnded>),
) {
    let environment = suite.contract().environment_map();
    let on_step = |step| steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    let run = || {
        let env = execute::CheckEnv {
            suite,
            environment: &environment,
            until,
            cancelled,
            judged_from: job.judged_from,
            explains: job.phase == Phase::Green,
            on_step: &on_step,
            first,
            witness,
        };
        execute::run(&job.check, job.implementation.as_ref(), sandbox, &env)
    };
    let end = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Finished { ended, context, process }) => CheckEnded {
            ended,
            written: context.sandbox.written(),
            process,
            is_in_place: context.sandbox.is_in_place(),
        },
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
            let detail = format!("panicked: {}", message.unwrap_or_else(|| "no message".to_owned()));
            CheckEnded {
                ended: Ended::Crash { detail },
                written: Vec::new(),
                process: None,
                is_in_place: true,
            }
        }
    };
    let _ = events.send(end);
}
