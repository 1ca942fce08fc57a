//! A report that was verified.

use std::collections::BTreeMap;

use crate::harness::record::{Chain, Environment, RunRecord, RunTimestamp};

/// A verified report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The run.
    pub run: RunRecord,
    /// Where and with what it was made.
    pub environment: Environment,
    /// Its position in the store.
    pub chain: Chain,
    /// The SHA-256 of its `SHA256SUMS`, which covers all of its files.
    pub head: String,
    /// The SHA-256 of each of its files but `SHA256SUMS`, by path.
    pub files: BTreeMap<String, String>,
}

impl Report {
    /// Its name.
    pub fn stamp(&self) -> RunTimestamp {
        self.chain.stamp
    }

    /// Its number in the store, from 1.
    pub fn sequence(&self) -> u64 {
        self.chain.sequence
    }
}
