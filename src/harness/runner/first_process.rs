//! What the first process of each implementation showed in a run.
//!
//! An implementation that begins with other observables than the contract says does so in every process. The cases of
//! that requirement report it; all other checks accept a process that begins like the first one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::context::Observed;

/// The observables of the first process of each implementation, by its name.
#[derive(Default)]
pub(super) struct FirstProcesses(Mutex<BTreeMap<String, Observed>>);

impl FirstProcesses {
    /// What the first process of this implementation showed: `observed`, if it is the first one.
    pub(super) fn of(&self, implementation: &str, observed: &Observed) -> Observed {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.entry(implementation.to_owned()).or_insert_with(|| observed.clone()).clone()
    }
}
