//! `bundleproof ledger`.

use std::path::PathBuf;

use clap::Parser;

use super::{Exit, SuiteOption, console::Console, run::find_plan, target::implementation_name};
use crate::harness::{
    ledger::Ledger as Computed,
    runner::Phase,
    store::{Store, StoreError},
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

    /// Directory of the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,

    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    suite: SuiteOption,
}

impl Ledger {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        let name = |given: &Option<String>| given.as_deref().map(implementation_name);
        let (red, green) = (name(&self.red), name(&self.green));
        let plan = find_plan(&self.plan, &suite, console)?.on(red.as_deref(), green.as_deref());
        let store = match Store::open(&self.reports) {
            Ok(store) => store,
            // Not an error: a plan starts without reports.
            Err(error @ StoreError::Missing(_)) => {
                console.note(&format!("note: {error}"));
                Store::default()
            }
            Err(error @ StoreError::Disk(_)) => {
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
        let text = if self.json {
            let json = serde_json::to_string_pretty(&ledger).map_err(|error| {
                console.error(&format!("cannot write the ledger as JSON: {error}"));
                Exit::Internal
            })?;
            format!("{json}\n")
        } else if self.markdown {
            ledger.to_markdown()
        } else {
            ledger.to_text()
        };
        console.print(&text);
        Ok(if store.damaged.is_empty() { Exit::Success } else { Exit::EvidenceBroken })
    }
}
