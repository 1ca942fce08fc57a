//! Where checks stopped being good in a store.

use std::collections::HashMap;

use crate::harness::{
    record::RunTimestamp,
    store::{CheckKey, Index},
};

/// Where a check stopped being good in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The newest report in which it was as expected, before the first bad one; None if it never was.
    pub last_good: Option<RunTimestamp>,
    /// The first report since then in which it is not.
    pub first_bad: RunTimestamp,
}

impl History {
    /// Of every check that is not as expected in a report of a store, or in the last one before it that ran the check.
    pub fn until(newest: RunTimestamp, index: &Index) -> HashMap<&CheckKey, Self> {
        let regressions = index.regressions_until(newest).into_iter();
        let history = regressions.map(|own| {
            let last_good = own.last_good.map(|report| report.stamp);
            (own.key, Self { last_good, first_bad: own.first_bad.stamp })
        });
        history.collect()
    }
}
