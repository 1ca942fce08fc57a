//! What is left of a run for a person, a machine and an auditor: reports, and what follows from them.
//!
//! Reading order: [`Run`] (what `results.json` holds), [`files`] (everything that is rendered from it),
//! [`ReportDirectory`] (how a report comes to be, whole or not at all), [`Store`] (all reports, verified),
//! [`Ledger`] (what they say about a plan's rows).
//!
//! Invariant: nothing in here runs anything, reads a clock or reads the environment. What is rendered is a
//! pure function of a [`Run`], so a report can be rendered again from its own `results.json`, byte for
//! byte. What depends on the other reports of a store is in `chain.json`, and no fact is stored twice.

mod account;
mod attempt;
mod chain;
mod damage;
mod directory;
mod disk;
mod environment;
mod inventory;
mod junit;
mod known;
mod ledger;
mod ledger_page;
mod log;
mod names;
mod page;
mod render;
mod run;
#[cfg(test)]
mod sample;
mod standing;
mod standing_page;
mod store;
mod summary;

pub use account::{Group, area, ending, groups, rerun_command};
pub use attempt::{Attempt, Meaning};
pub use chain::{Chain, Predecessor};
pub use damage::{Damage, Damaged};
pub use directory::{ReportDirectory, ReportError};
pub use disk::{DiskError, write_sums};
pub use environment::{Binary, Environment, Platform};
pub use inventory::{Inventory, Planned};
pub use junit::junit;
pub use known::{Judgement, Known, MAX_CASES, proposed};
pub use ledger::{Ledger, LedgerRow, RowAttempt, State};
pub use log::logs;
pub use names::{CHAIN, ENVIRONMENT, INVENTORY, JUNIT, RESULTS, SUMMARY, SUMS, plan_file};
pub use render::{RenderError, files};
pub use run::{Counts, FORMAT, ReadError, Run};
pub use standing::{Asked, Broken, Judged, Standing};
pub use store::{MAX_RESULTS_BYTES, Report, Store, StoreError, Unfinished};
