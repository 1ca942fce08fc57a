//! Which checks need not run on which faulty implementation: those in which it cannot differ from the reference.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    harness::{
        contract::{
            CallLog, Implementation, LoggedCall, Notices, Refusal, Session, SessionContext, SessionError,
            SessionLog, Wrapper,
        },
        runner::{Job, Outcome, Phase, Verdict},
        suite::Check,
    },
    value::Map,
};

/// The checks that passed on the reference, each with the calls that it made.
pub struct Reached(HashMap<String, Calls>);

/// The most steps of a check from which its runs may be judged. Each takes a copy of the calls before it.
const MAX_STARTS: usize = 16;

/// The calls of a check.
struct Calls {
    all: CallLog,
    /// Some steps, in order, with the calls before each.
    before: Vec<(usize, CallLog)>,
}

impl Calls {
    fn of(all: CallLog) -> Self {
        let steps = all.step() + 1;
        let starts = (1..steps).step_by(steps.div_ceil(MAX_STARTS));
        Self { before: starts.map(|step| (step, all.before(step))).collect(), all }
    }
}

/// The reference, which keeps the calls of one check.
pub struct CallLogger {
    inner: Arc<dyn Implementation>,
    log: Arc<Mutex<CallLog>>,
}

/// A green job for each check, on a logger of its own around the reference.
pub fn logged(
    checks: &[Arc<Check>],
    reference: &Arc<dyn Implementation>,
) -> (Vec<Arc<CallLogger>>, Vec<Job>) {
    let logger = |_| Arc::new(CallLogger { inner: Arc::clone(reference), log: Arc::default() });
    let loggers: Vec<Arc<CallLogger>> = checks.iter().map(logger).collect();
    let job = |(check, logger): (&Arc<Check>, &Arc<CallLogger>)| {
        Job::new(check, Arc::clone(logger) as Arc<dyn Implementation>, Phase::Green)
    };
    let jobs = checks.iter().zip(&loggers).map(job).collect();
    (loggers, jobs)
}

impl Reached {
    /// What was logged in these runs.
    pub fn of(loggers: &[Arc<CallLogger>], outcomes: &[Outcome]) -> Self {
        let passed = loggers.iter().zip(outcomes).filter(|(_, outcome)| outcome.verdict() == Verdict::Pass);
        let log = |(logger, outcome): (&Arc<CallLogger>, &Outcome)| {
            (outcome.check.clone(), Calls::of(std::mem::take(&mut *lock(&logger.log))))
        };
        Self(passed.map(log).collect())
    }

    /// The run of a check on an implementation, if it can end otherwise than on the reference. It is judged from a step
    /// until which it cannot. A check whose red entries name the implementation is always run, because the claim is shown
    /// in the report.
    pub fn to_run(&self, job: &Job) -> Option<Job> {
        let Some(calls) = self.0.get(&job.check.id) else { return Some(job.clone()) };
        if !job.implementation.may_differ(&calls.all) {
            let is_claimed = job.check.red.iter().any(|claim| claim.on == job.implementation.name());
            return is_claimed.then(|| job.clone());
        }
        let same = calls.before.iter().take_while(|(_, before)| !job.implementation.may_differ(before));
        let judged_from = same.last().map_or(0, |(step, _)| *step);
        Some(Job { judged_from, ..job.clone() })
    }
}

impl Wrapper for CallLogger {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let environment = context.environment().clone();
        lock(&self.log).sessions.push(SessionLog { environment, ..SessionLog::default() });
        Box::new(LoggingSession { inner: self.inner.start(context), log: Arc::clone(&self.log) })
    }
}

/// A session whose calls are kept.
struct LoggingSession {
    inner: Box<dyn Session>,
    log: Arc<Mutex<CallLog>>,
}

impl LoggingSession {
    /// A check has one session at a time, which is the latest.
    fn keep(&self, keep: impl FnOnce(&mut SessionLog)) {
        if let Some(session) = lock(&self.log).sessions.last_mut() {
            keep(session);
        }
    }
}

impl Session for LoggingSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let answer = self.inner.call(operation, fields);
        let (request, refusal) = (fields.clone(), answer.as_ref().err().cloned());
        let step = lock(&self.log).step();
        let call = LoggedCall { operation: operation.to_owned(), request, refusal, step };
        self.keep(|session| session.calls.push(call));
        answer
    }

    fn outside(&self) -> Option<&Path> {
        self.inner.outside()
    }

    fn notices(&mut self) -> Notices {
        let notices = self.inner.notices();
        self.keep(|session| session.notices.push(notices.clone()));
        notices
    }

    fn lost(&self) -> Option<SessionError> {
        self.inner.lost()
    }

    fn process(&self) -> Option<u32> {
        self.inner.process()
    }

    fn finish(&mut self) -> Option<SessionError> {
        self.inner.finish()
    }
}

fn lock(log: &Mutex<CallLog>) -> std::sync::MutexGuard<'_, CallLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
