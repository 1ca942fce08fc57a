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
        } else if self.bar.is_hidden() && counts.said.elapsed() >= INTERVAL {
            counts.said = Instant::now();
            let Counts { planned, done, unexpected, .. } = *counts;
            let found = if self.judges { format!(", {unexpected} unexpected") } else { String::new() };
            self.console.note(&format!("{done} of {}{found}", counted(planned, "check")));
        }
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
