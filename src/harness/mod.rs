//! The engine: suites, adapters, runs, reports, ledgers and proofs.

pub mod adapter;
pub mod adversary;
pub mod compare;
pub mod contract;
pub mod fault;
pub mod import;
mod known_failure_file;
mod known_failures;
pub mod ledger;
pub mod libtest;
mod outside;
pub mod proof;
pub mod record;
pub mod report;
pub mod runner;
pub mod store;
pub mod suite;
pub(crate) mod temporary;
#[cfg(test)]
pub(crate) mod test_helpers;
mod work_place;

pub use known_failure_file::read_known_failures;
pub(crate) use known_failures::check_all;
pub use known_failures::{KnownFailure, KnownFailureReport, MAX_CASES, proposed};
