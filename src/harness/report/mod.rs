//! What is left of a run for a person, a machine and an auditor: reports, and what follows from them.
//!
//! Reading order: [`RunRecord`] (what `results.json` holds), [`files`] (everything that is rendered from it),
//! [`ReportWriter`] (how a report comes to be, whole or not at all), [`Store`] (all reports, verified),
//! [`Ledger`] (what they say about a plan's rows).
//!
//! Invariant: nothing in here runs anything, reads a clock or reads the environment. What is rendered is a
//! pure function of a [`RunRecord`], so a report can be rendered again from its own `results.json`, byte for
//! byte. What depends on the other reports of a store is in `chain.json`, and no fact is stored twice.

mod conformance_page;
mod failed_check;
pub(crate) mod junit;
pub(crate) mod log;
mod messages;
mod page;
pub(crate) mod render;
mod summary;

pub use failed_check::failed_check;
pub use junit::junit;
pub use log::logs;
pub use messages::{Group, area, ending, groups, rerun_command};
pub use render::{RenderError, files};
