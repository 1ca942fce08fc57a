//! Runs failed checks again, alone and after the checks before them, to find state that leaks from one into another.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    os::fd::AsFd as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Ended, Job, Options, Outcome, StateLeak, scheduler};
use crate::{
    fs_util::{create_directory_in, remove_at},
    harness::{suite::Suite, work_place::WorkPlace},
};

/// The most failed checks that are run again: the first ones.
const MAX_CHECKS: usize = 20;

/// How long failed checks may be run again after a short run. After a longer one: as long as the run itself took.
const MIN_BUDGET: Duration = Duration::from_secs(10);

/// The name of the directory in which checks are run again.
const AGAIN: &str = "again";

/// The same as [`run`](scheduler::run); then the first failed checks are run again, alone and after those before them, to find state that
/// leaks from one check into another. `on_again` is called with the id of each check that is run again.
pub(super) fn run_and_recheck(
    jobs: &[Job],
    suite: &Arc<Suite>,
    (work, options): (&Path, Options),
    interrupted: &AtomicBool,
    on_outcome: &(dyn Fn(&Outcome) + Sync),
    on_again: &(dyn Fn(&str) + Sync),
) -> Vec<Outcome> {
    let began = Instant::now();
    let work = &WorkPlace::open(work);
    let ran = scheduler::schedule(jobs, suite, (work, options), interrupted, on_outcome, None);
    let (mut outcomes, processes): (Vec<Outcome>, Vec<Option<u32>>) = ran.into_iter().unzip();
    let recheck = Recheck {
        jobs,
        suite,
        outcomes: &outcomes,
        processes: &processes,
        work,
        options,
        interrupted,
        on_again,
        budget: Cell::new(began.elapsed().max(MIN_BUDGET)),
    };
    for (at, leak) in recheck.leaks() {
        if let Some(outcome) = outcomes.get_mut(at) {
            outcome.leak = Some(leak);
        }
    }
    outcomes
}

/// A run that has ended, and what is needed to run its checks again.
struct Recheck<'a> {
    jobs: &'a [Job],
    suite: &'a Arc<Suite>,
    outcomes: &'a [Outcome],
    /// The process of each outcome; None for the process of this program.
    processes: &'a [Option<u32>],
    /// Where a directory for the work directories is created and removed.
    work: &'a WorkPlace,
    options: Options,
    interrupted: &'a AtomicBool,
    on_again: &'a (dyn Fn(&str) + Sync),
    /// The time that is left.
    budget: Cell<Duration>,
}

impl Recheck<'_> {
    /// The checks that failed and are as expected alone, by their place in the run.
    fn leaks(&self) -> BTreeMap<usize, StateLeak> {
        let suspects: Vec<usize> =
            (0..self.outcomes.len()).filter(|at| self.is_suspect(*at)).take(MAX_CHECKS).collect();
        let mut leaks = BTreeMap::new();
        let earlier = RefCell::new(Vec::new());
        for at in self.likely_first(&suspects) {
            let before = self.before(at);
            // Without a check before it, its result changes by itself, and it fails as any other check does.
            if !before.is_empty() && self.fails_after(&[], at) == Some(false) {
                leaks.insert(at, self.leak(at, &before, &earlier));
            }
        }
        leaks
    }

    /// Whether a check failed at what it tests. What timed out would take too long again.
    fn is_suspect(&self, at: usize) -> bool {
        let Some(outcome) = self.outcomes.get(at) else { return false };
        let ran = match &outcome.ended {
            Ended::Completed | Ended::Stopped | Ended::Crash { .. } => true,
            Ended::Unsupported { .. }
            | Ended::Timeout { .. }
            | Ended::ProtocolError { .. }
            | Ended::HarnessError { .. }
            | Ended::NotRun { .. }
            | Ended::Reported(_) => false,
        };
        ran && !outcome.met_expectation() && outcome.lacking().is_none()
    }

    /// The same checks, those first that are as expected in another order: all suspects of an implementation backwards, in
    /// one new process. That costs one process, and the time may not last for one for each check.
    fn likely_first(&self, suspects: &[usize]) -> Vec<usize> {
        let mut by_implementation: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in suspects.iter().rev() {
            if let Some(outcome) = self.outcomes.get(*at) {
                by_implementation.entry(&outcome.implementation).or_default().push(*at);
            }
        }
        let mut likely = Vec::new();
        for order in by_implementation.into_values().filter(|order| order.len() > 1) {
            let again = self.again(&order).unwrap_or_default();
            let as_expected = order.iter().zip(&again).filter(|(_, outcome)| outcome.met_expectation());
            likely.extend(as_expected.map(|(at, _)| *at));
        }
        likely.sort_unstable();
        let others = suspects.iter().filter(|at| likely.binary_search(at).is_err());
        likely.iter().chain(others).copied().collect()
    }

    /// Which of the checks before this one make it fail. `found` are those that were found for others: one check often
    /// leaks into many.
    fn leak(&self, at: usize, before: &[usize], found: &RefCell<Vec<usize>>) -> StateLeak {
        let after = |check: usize| {
            let check = self.outcomes.get(check).map(|outcome| outcome.check.clone()).unwrap_or_default();
            StateLeak::After { check }
        };
        for earlier in found.borrow().iter().filter(|earlier| before.binary_search(earlier).is_ok()) {
            if self.fails_after(&[*earlier], at) == Some(true) {
                return after(*earlier);
            }
        }
        if self.fails_after(before, at) != Some(true) {
            return StateLeak::NotRepeated;
        }
        let mut left = before;
        while left.len() > 1 {
            let (first, second) = left.split_at(left.len() / 2);
            // State is overwritten more often than it is kept, so the later half is tried first.
            let half = [second, first].into_iter().find(|half| self.fails_after(half, at) == Some(true));
            match half {
                Some(half) => left = half,
                None => return StateLeak::AfterSeveral { checks: left.len() },
            }
        }
        let [earlier] = left else { return StateLeak::NotRepeated };
        found.borrow_mut().push(*earlier);
        after(*earlier)
    }

    /// The checks that ran before this one in its process, in their order.
    fn before(&self, at: usize) -> Vec<usize> {
        let process =
            |at: usize| (self.outcomes.get(at).map(|own| &own.implementation), self.processes.get(at));
        let ran = |outcome: &Outcome| match &outcome.ended {
            Ended::Unsupported { .. } | Ended::NotRun { .. } | Ended::Reported(_) => false,
            Ended::Completed
            | Ended::Stopped
            | Ended::Timeout { .. }
            | Ended::Crash { .. }
            | Ended::ProtocolError { .. }
            | Ended::HarnessError { .. } => true,
        };
        (0..at)
            .filter(|own| process(*own) == process(at) && self.outcomes.get(*own).is_some_and(ran))
            .collect()
    }

    /// Whether a check fails in a new process after these checks; None if the time does not last for it.
    fn fails_after(&self, before: &[usize], at: usize) -> Option<bool> {
        let order: Vec<usize> = before.iter().copied().chain([at]).collect();
        self.again(&order)?.last().map(|outcome| !outcome.met_expectation())
    }

    /// Runs these checks of one implementation one after the other in one new process, where it has processes. None if it
    /// would take longer than the time that is left, as far as the run shows.
    fn again(&self, order: &[usize]) -> Option<Vec<Outcome>> {
        let milliseconds = order.iter().filter_map(|at| self.outcomes.get(*at)).map(|own| own.milliseconds);
        let expected = Duration::from_millis(milliseconds.fold(0, u64::saturating_add));
        let left = self.budget.get();
        if left.is_zero() || expected > left || self.interrupted.load(Ordering::Relaxed) {
            return None;
        }
        let began = Instant::now();
        let first = self.jobs.get(*order.first()?)?;
        let fresh = first.implementation.fresh();
        let implementation = fresh.as_ref().unwrap_or(&first.implementation);
        let jobs: Vec<Job> = order
            .iter()
            .filter_map(|at| {
                Some(Job { implementation: Arc::clone(implementation), ..self.jobs.get(*at)?.clone() })
            })
            .collect();
        self.jobs.get(*order.last()?).iter().for_each(|job| (self.on_again)(&job.check.id));
        let (path, above) = self.work.current().ok()?;
        create_directory_in(&above, AGAIN).ok()?;
        let options = Options { workers: 1, keep_work_dirs: false, max_failures: None, ..self.options };
        let outcomes =
            scheduler::run(&jobs, self.suite, &path.join(AGAIN), options, self.interrupted, &|_| {});
        fresh.iter().for_each(|fresh| fresh.end());
        // What cannot be removed would be mixed with the next attempt, which then does not take place.
        let _ = remove_at(above.as_fd(), AGAIN);
        self.budget.set(left.saturating_sub(began.elapsed()));
        let finished = !self.interrupted.load(Ordering::Relaxed);
        finished.then_some(outcomes)
    }
}
