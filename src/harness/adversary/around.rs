//! A session around another one, which all adversaries share.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    harness::contract::{
        Contract, Notices, Operation, RESET, Refusal, Session, SessionContext, SessionError,
    },
    value::Map,
};

/// What an adversary works with: the session inside, and its surroundings.
pub(super) struct Inner {
    session: Box<dyn Session>,
    pub(super) contract: &'static dyn Contract,
    pub(super) context: SessionContext,
    affected: Arc<AtomicBool>,
}

/// How an adversary treats an operation of the contract.
pub(super) trait Behavior {
    /// Performs an operation.
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal>;

    /// Answers for an observable.
    fn observe(&mut self, inner: &mut Inner, observable: &str) -> Result<Map, Refusal> {
        inner.call(observable, &Map::new())
    }

    /// Called before a reset.
    fn reset(&mut self) {}
}

/// The session of an adversary.
pub(super) struct Around<B> {
    inner: Inner,
    behavior: B,
}

impl Inner {
    /// Performs a call of the session inside.
    pub(super) fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        self.session.call(operation, fields)
    }

    /// Whether the session inside is lost, so that its latest result says nothing.
    pub(super) fn is_lost(&self) -> bool {
        self.session.lost().is_some()
    }

    /// Whether this is a refusal of the request. That something is unfinished or crashed stays visible.
    pub(super) fn is_real(&self, refusal: &Refusal) -> bool {
        refusal.kind.is_about_the_input() && !self.is_lost()
    }

    /// States that the answer differs from that of the session inside.
    pub(super) fn affect(&self) {
        self.affected.store(true, Ordering::Relaxed);
    }
}

impl<B: Behavior> Around<B> {
    pub(super) fn boxed(
        behavior: B,
        session: Box<dyn Session>,
        contract: &'static dyn Contract,
        context: SessionContext,
        affected: Arc<AtomicBool>,
    ) -> Box<dyn Session>
    where
        B: 'static,
    {
        Box::new(Self { inner: Inner { session, contract, context, affected }, behavior })
    }
}

impl<B: Behavior> Session for Around<B> {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        if let Some(known) = self.inner.contract.operation(operation) {
            return self.behavior.call(&mut self.inner, known, fields);
        }
        if operation == RESET {
            self.behavior.reset();
        } else if self.inner.contract.observables().contains(&operation) {
            return self.behavior.observe(&mut self.inner, operation);
        }
        self.inner.call(operation, fields)
    }

    fn outside(&self) -> Option<&Path> {
        self.inner.session.outside()
    }

    fn notices(&mut self) -> Notices {
        self.inner.session.notices()
    }

    fn lost(&self) -> Option<SessionError> {
        self.inner.session.lost()
    }

    fn finish(&mut self) -> Option<SessionError> {
        self.inner.session.finish()
    }
}
