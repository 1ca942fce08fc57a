//! Runs many checks side by side, each within its deadline.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Ended, Job, Outcome, StepOutcome, WrittenFile, execute, sandbox::Sandbox};
use crate::harness::{adapter::client::Deadline, suite::Suite};

/// How long a worker waits before it looks whether the run was interrupted.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a worker waits for a check that it has given up to come to the end of its step.
const GRACE: Duration = Duration::from_secs(2);

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many checks run at once.
    pub workers: usize,
    /// How long one check may take.
    pub deadline: Duration,
    /// Whether the directories are kept, each under a name that says what was run in it.
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 2, deadline: Duration::from_secs(60), keep: false }
    }
}

/// Runs the jobs, each in a fresh directory below `work`, and tells each outcome as it comes.
///
/// The outcomes are in the order of the jobs. When `interrupted` is set, what has not ended is `NotRun`.
/// A check that exceeds its deadline does no further step. A step that never ends is left behind: its
/// thread cannot be ended from outside, and ends with the process.
pub fn run(
    jobs: &[Job],
    suite: &Arc<Suite>,
    work: &Path,
    options: Options,
    interrupted: &AtomicBool,
    tell: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..options.workers.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let outcome = if interrupted.load(Ordering::Relaxed) {
                        PartialOutcome::default().outcome(job, Ended::NotRun { detail: None })
                    } else {
                        watch(job, suite, work.join(directory(index, job, options)), options, interrupted)
                    };
                    tell(&outcome);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What the thread of a check tells the worker that watches it.
enum WorkerEvent {
    Step(StepOutcome),
    Ended(Ended, Vec<WrittenFile>),
}

/// What a worker has heard of a check.
#[derive(Default)]
struct PartialOutcome {
    steps: Vec<StepOutcome>,
    written: Vec<WrittenFile>,
    took: Duration,
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
            steps: self.steps,
            ended,
            written: self.written,
            milliseconds: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The name of a directory: short, unless a person will look for it.
fn directory(index: usize, job: &Job, options: Options) -> String {
    if !options.keep {
        return format!("{index:05}");
    }
    let name = format!("{index:05}.{}.{}.{}", job.phase.word(), job.implementation.name(), job.check.id);
    name.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), ".")
}

fn watch(
    job: &Job,
    suite: &Arc<Suite>,
    root: PathBuf,
    options: Options,
    interrupted: &AtomicBool,
) -> Outcome {
    let mut watched = PartialOutcome::default();
    let started = Instant::now();
    let deadline = options.deadline;
    let sandbox = match Sandbox::create(root, options.keep) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let detail = format!("no directory to run in: {error}");
            return watched.outcome(job, Ended::HarnessError { detail });
        }
    };
    let (tell, news) = channel();
    let (own, suite) = (job.clone(), Arc::clone(suite));
    let until = Deadline::after(deadline);
    let cancelled = Arc::new(AtomicBool::new(false));
    let heeded = Arc::clone(&cancelled);
    let spawned =
        thread::Builder::new().spawn(move || attempt(&own, &suite, sandbox, (&heeded, until), &tell));
    let ended = match spawned {
        Err(error) => Ended::HarnessError { detail: format!("no thread to run in: {error}") },
        Ok(_) => listen(&news, &mut watched, started, deadline, interrupted),
    };
    if matches!(ended, Ended::Timeout { .. } | Ended::NotRun { .. }) {
        // What it still writes goes where the report is being made, so it is given time to stop.
        cancelled.store(true, Ordering::Relaxed);
        let until = Instant::now() + GRACE;
        while news.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
    }
    watched.took = started.elapsed();
    watched.outcome(job, ended)
}

fn listen(
    news: &Receiver<WorkerEvent>,
    watched: &mut PartialOutcome,
    started: Instant,
    deadline: Duration,
    interrupted: &AtomicBool,
) -> Ended {
    loop {
        match news.recv_timeout(POLL_INTERVAL) {
            Ok(WorkerEvent::Step(step)) => watched.steps.push(step),
            Ok(WorkerEvent::Ended(ended, written)) => {
                watched.written = written;
                return ended;
            }
            // Only a panic that could not be caught ends the thread without a word.
            Err(RecvTimeoutError::Disconnected) => {
                return Ended::Crash { detail: "it ended without a word".to_owned() };
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ended::NotRun { detail: None };
        }
        if started.elapsed() > deadline {
            return Ended::Timeout { milliseconds: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) };
        }
    }
}

/// Runs the check in this thread. A send fails only when nobody listens any more, and then nobody misses it.
fn attempt(
    job: &Job,
    suite: &Suite,
    sandbox: Sandbox,
    (cancelled, until): (&AtomicBool, Deadline),
    news: &Sender<WorkerEvent>,
) {
    let environment = suite.contract().environment_map();
    let tell = |step| {
        let _ = news.send(WorkerEvent::Step(step));
    };
    let run = || {
        let env = execute::CheckEnv { suite, environment: &environment, until, cancelled, tell: &tell };
        execute::run(&job.check, job.implementation.as_ref(), sandbox, &env)
    };
    let (ended, written) = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(finished) => (finished.ended, finished.context.sandbox.written()),
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            let detail = format!("panicked: {}", said.unwrap_or_else(|| "without a text".to_owned()));
            (Ended::Crash { detail }, Vec::new())
        }
    };
    let _ = news.send(WorkerEvent::Ended(ended, written));
}
