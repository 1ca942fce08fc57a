//! An implementation with faults.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{Fault, session::FaultySession};
use crate::harness::contract::{CallLog, Contract, Implementation, Session, SessionContext, Wrapper};

/// Any implementation, with faults between it and the runner.
pub struct FaultyImplementation {
    name: String,
    inner: Arc<dyn Implementation>,
    contract: &'static dyn Contract,
    faults: Arc<[Fault]>,
    acted: Arc<AtomicUsize>,
}

impl FaultyImplementation {
    /// The implementation with these faults, under a name of its own.
    pub fn new(
        name: impl Into<String>,
        inner: Arc<dyn Implementation>,
        contract: &'static dyn Contract,
        faults: impl IntoIterator<Item = Fault>,
    ) -> Self {
        let faults = faults.into_iter().collect();
        Self { name: name.into(), inner, contract, faults, acted: Arc::default() }
    }

    /// How often a fault made a difference, in all sessions so far. A fault that never does is at a place that no case
    /// reaches.
    pub fn acted(&self) -> usize {
        self.acted.load(Ordering::Relaxed)
    }
}

impl Wrapper for FaultyImplementation {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn may_differ(&self, calls: &CallLog) -> bool {
        self.inner.may_differ(calls) || self.faults.iter().any(|fault| fault.is_reached(calls))
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let inner = self.inner.start(context.clone());
        let faults = Arc::clone(&self.faults);
        Box::new(FaultySession::new(inner, context, self.contract, faults, Arc::clone(&self.acted)))
    }
}
