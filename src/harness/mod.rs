//! The engine: suites, adapters, runs, reports, ledgers and proofs.

pub mod adapter;
pub(crate) mod implementation;
mod known_failures;
pub mod ledger;
pub mod proof;
pub mod record;
mod refusal;
pub mod report;
pub mod runner;
mod session_context;
pub mod store;
pub mod suite;
#[cfg(test)]
pub(crate) mod test_helpers;

pub use known_failures::{Judgement, Known, MAX_CASES, proposed};
pub use refusal::{Facts, NamedRule, Native, Refusal, RefusalKind};
pub use session_context::World;
