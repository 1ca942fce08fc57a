//! `bundleproof ledger`.

use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Serialize;

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    run::find_plan,
    target::implementation_name,
};
use crate::{
    fs_util::read_regular,
    harness::{
        ledger::{Ledger as Computed, MAX_LEDGER_BYTES, PlanAttempt, keep_evidence},
        runner::Phase,
        store::{Store, StoreError},
    },
    text::line,
};

/// Show the state of each row of a plan, computed from the reports
///
/// States: [ ] no evidence, [P] failed as expected, [x] failed as expected and later passed with the same cases,
/// [!] regressed. No state is stored: every call computes the ledger from the reports. It follows one pair of
/// implementations, red and green, each known by its name in the reports; attempts on others do not count.
#[derive(Debug, Parser)]
pub(super) struct Ledger {
    /// Name of the plan (`bundleproof list plans`)
    #[arg(long, value_name = "NAME")]
    plan: String,

    /// Show red phases on this implementation, as named in reports [default: the one named in each row]
    #[arg(long, value_name = "NAME")]
    red: Option<String>,

    /// Show green phases on this implementation [default: the one named in each row]
    #[arg(long, value_name = "NAME")]
    green: Option<String>,

    /// Directory of the reports [default: reports]
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,

    /// Print the numbered attempts at the plan, on all implementations, instead of the rows
    #[arg(long)]
    attempts: bool,

    /// Compare a Markdown ledger, or a document that contains one, with the reports: every row that was edited, added or
    /// removed is named, and the exit code is 8
    #[arg(long, value_name = "FILE", conflicts_with_all = ["attempts", "markdown", "json"])]
    verify: Option<PathBuf>,

    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    suite: SuiteOption,
}

/// The numbered attempts at a plan.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedAttempts<'a> {
    /// The name of the plan.
    plan: &'a str,
    /// The attempts on any implementation, in the order of the reports.
    attempts: &'a [PlanAttempt],
}

/// The directory of the reports, if none is named.
const REPORTS: &str = "reports";

impl Ledger {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        let name = |given: &Option<String>| given.as_deref().map(implementation_name);
        let (red, green) = (name(&self.red), name(&self.green));
        let plan = find_plan(&self.plan, &suite, console)?.on(red.as_deref(), green.as_deref());
        let reports = self.reports.as_deref().unwrap_or(Path::new(REPORTS));
        let store = match Store::open_and_keep(reports, |run| keep_evidence(&plan, run)) {
            Ok(store) => store,
            // Not an error, unless a directory was named: a plan starts without reports.
            Err(error @ StoreError::Missing(_)) if self.reports.is_none() => {
                console.note(&format!("note: {error}"));
                Store::default()
            }
            Err(error @ (StoreError::Missing(_) | StoreError::IsReport(_) | StoreError::Disk(_))) => {
                console.error(&error.to_string());
                return Err(Exit::Usage);
            }
        };
        let ledger = Computed::compute(&plan, &store);
        for (phase, given) in [(Phase::Red, &red), (Phase::Green, &green)] {
            if let Some(name) = given.as_ref().filter(|_| !ledger.has_attempts(phase)) {
                let (plan, phase) = (&self.plan, phase.as_str());
                console.note(&format!("note: no report of {plan} has a {phase} phase on {name}"));
            }
        }
        let whole = if store.damaged.is_empty() { Exit::Success } else { Exit::EvidenceBroken };
        if let Some(file) = &self.verify {
            return verify(&ledger, file, console).map(|found| found.min(whole));
        }
        match (self.attempts, self.json, self.markdown) {
            (true, true, _) => {
                console.print_json(&PrintedAttempts { plan: ledger.plan, attempts: &ledger.attempts })?;
            }
            (false, true, _) => console.print_json(&ledger)?,
            (true, false, true) => console.print(&ledger.attempts_to_markdown()),
            (false, false, true) => console.print(&ledger.to_markdown()),
            (true, false, false) => console.print(&ledger.attempts_to_text(console.width())),
            (false, false, false) => console.print(&ledger.to_text(console.width())),
        }
        Ok(whole)
    }
}

/// Prints where the copy in a document differs from the ledger.
fn verify(ledger: &Computed<'_>, file: &Path, console: &Console) -> Result<Exit, Exit> {
    let unusable = |why: String| {
        console.error(&format!("cannot verify {}: {why}", file.display()));
        Exit::Usage
    };
    let bytes = read_regular(file, MAX_LEDGER_BYTES).map_err(|error| unusable(error.to_string()))?;
    let document = String::from_utf8(bytes).map_err(|_| unusable("expected UTF-8".to_owned()))?;
    match ledger.verify(&document) {
        Ok(()) => {
            let rows = counted(ledger.rows.len(), "row");
            console.print(&format!("{}: {rows} match the reports\n", line(&file.display().to_string())));
            Ok(Exit::Success)
        }
        Err(mismatches) => {
            for mismatch in &mismatches {
                console.error(&format!("{}: {mismatch}", file.display()));
            }
            let (count, plan) = (counted(mismatches.len(), "difference"), ledger.plan);
            console
                .note(&format!("{count}; write it again with `bundleproof ledger --plan {plan} --markdown`"));
            Ok(Exit::EvidenceBroken)
        }
    }
}
