//! The progress of a run: a bar on a terminal, otherwise a line from time to time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::ProgressBar;

use super::console::{Console, counted};
use crate::{harness::runner::Outcome, text::line};

/// The time between two lines of progress, if standard error is not a terminal.
const INTERVAL: Duration = Duration::from_secs(60);

/// The progress of a run.
pub(super) struct RunProgress<'c> {
    console: &'c Console,
    bar: ProgressBar,
    /// Whether each check is printed.
    verbose: bool,
    /// Whether checks are expected to end as their phase says. On a mutant nearly none does.
    judges: bool,
    counts: Mutex<Counts>,
}

struct Counts {
    planned: usize,
    done: usize,
    unexpected: usize,
    said: Instant,
}

impl<'c> RunProgress<'c> {
    pub(super) fn new(console: &'c Console, planned: usize, verbose: bool, judges: bool) -> Self {
        let counts = Mutex::new(Counts { planned, done: 0, unexpected: 0, said: Instant::now() });
        Self { console, bar: console.progress(planned), verbose, judges, counts }
    }

    /// More checks are going to run.
    pub(super) fn add(&self, checks: usize) {
        self.bar.inc_length(checks as u64);
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).planned += checks;
    }

    /// A check has ended.
    pub(super) fn ended(&self, outcome: &Outcome) {
        self.bar.set_message(format!("{} {}", outcome.phase.as_str(), outcome.check));
        self.bar.inc(1);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.done += 1;
        counts.unexpected += usize::from(outcome.has_failed());
        if self.verbose {
            let (check, name) = (line(&outcome.check), line(&outcome.implementation));
            let (phase, took) = (outcome.phase.as_str(), outcome.milliseconds);
            let said = format!("{} {check} on {name} ({phase}, {took} ms)", outcome.result_name());
            self.bar.suspend(|| self.console.note(&said));
        } else {
            drop(counts);
            self.say();
        }
    }

    /// A check has ended whose result is not one of the run, such as that of a variant that must fail.
    pub(super) fn ended_elsewhere(&self) {
        self.bar.inc(1);
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).done += 1;
        self.say();
    }

    fn say(&self) {
        if self.bar.is_hidden()
            && let Some(line) = self.due()
        {
            self.console.note(&line);
        }
    }

    /// The line of progress, if it is time for one.
    fn due(&self) -> Option<String> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.said.elapsed() < INTERVAL {
            return None;
        }
        counts.said = Instant::now();
        let Counts { planned, done, unexpected, .. } = *counts;
        let found = if self.judges { format!(", {unexpected} unexpected") } else { String::new() };
        Some(format!("{done} of {}{found}", counted(planned, "check")))
    }

    /// A check runs again.
    pub(super) fn again(&self, check: &str) {
        self.bar.set_message(format!("again {check}"));
    }

    /// Nothing more is going to run.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The progress of work that is no run: a bar on a terminal, otherwise a line from time to time.
pub(super) struct Steps<'c> {
    console: &'c Console,
    bar: ProgressBar,
    all: usize,
    /// What is done in each step: `faults settled`.
    what: &'static str,
    said: Mutex<Instant>,
}

impl<'c> Steps<'c> {
    pub(super) fn new(console: &'c Console, all: usize, what: &'static str) -> Self {
        let bar = console.progress(all);
        bar.set_message(what);
        Self { console, bar, all, what, said: Mutex::new(Instant::now()) }
    }

    /// These many steps are done.
    pub(super) fn reached(&self, done: usize) {
        self.bar.set_position(done as u64);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bar.is_hidden() && said.elapsed() >= INTERVAL {
            *said = Instant::now();
            self.console.note(&format!("{done} of {} {}", self.all, self.what));
        }
    }

    /// Nothing more is going to be done.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        cli::console::Color,
        harness::{runner::Phase, test_helpers},
    };

    #[test]
    fn every_check_is_progress_and_only_those_of_the_run_can_be_unexpected() {
        let console = Console::new(Color::Never, false);
        let progress = RunProgress::new(&console, 1, false, true);
        progress.ended(&test_helpers::unexpected("a/b", Phase::Green));
        progress.add(2);
        progress.ended_elsewhere();
        assert_eq!(progress.due(), None, "it is too early");
        progress.counts.lock().unwrap().said = Instant::now().checked_sub(INTERVAL).unwrap();
        assert_eq!(progress.due().as_deref(), Some("2 of 3 checks, 1 unexpected"));
        assert_eq!(progress.due(), None, "it was just printed");
    }
}
