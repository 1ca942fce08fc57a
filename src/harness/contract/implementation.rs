//! What can be put under test.

use std::sync::Arc;

use super::{Refusal, RefusalKind, SessionContext};
use crate::value::{Map, Value};

/// The method that starts an implementation afresh.
pub(crate) const RESET: &str = "reset";

/// An implementation that a suite can be run on.
///
/// It is started once for each check and answers as a [`Session`]. Nothing is global, so that checks run in
/// parallel. One in another language is a [`Remote`](crate::harness::adapter::client::Remote): a program that
/// speaks the adapter protocol.
pub trait Implementation: Send + Sync {
    /// The name used in case files, on the command line and in reports.
    fn name(&self) -> &str;

    /// Its version: a release or a revision.
    fn version(&self) -> &str;

    /// Whether it has this operation or capability of the contract. A check that needs one that is not supported
    /// is `unsupported`, and is not run.
    fn supports(&self, need: &str) -> bool;

    /// Starts it as a new process would: with default state, and without any model.
    fn start(&self, context: SessionContext) -> Box<dyn Session>;

    /// Ends whatever it has running. Nothing is asked of it afterwards.
    fn end(&self) {}
}

impl<T: Implementation + ?Sized> Implementation for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn version(&self) -> &str {
        (**self).version()
    }

    fn supports(&self, need: &str) -> bool {
        (**self).supports(need)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        (**self).start(context)
    }

    fn end(&self) {
        (**self).end();
    }
}

/// An implementation at work on one check.
///
/// A call returns fields or a refusal. It may panic and it may hang; either costs that check its verdict and
/// nothing else.
pub trait Session {
    /// Performs `reset`, reads an observable, or performs an operation of the contract.
    ///
    /// `reset` goes back to the state of a new process and forgets every model; files stay. An observable is read
    /// without fields and returns an object whose one key is its name.
    ///
    /// # Errors
    /// A refusal: `not_implemented` for an operation that does not exist.
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal>;

    /// Why the session stopped responding, after a call without a response; what that call returned is meaningless
    /// then. Only a session of another process can be lost.
    fn lost(&self) -> Option<SessionError> {
        None
    }

    /// Called after the last step: whether every request got one response and nothing else was sent.
    fn finish(&mut self) -> Option<SessionError> {
        None
    }
}

impl dyn Session + '_ {
    /// Goes back to the state of a new process.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn reset(&mut self) -> Result<(), Refusal> {
        self.call(RESET, &Map::new()).map(drop)
    }

    /// Reads an observable.
    ///
    /// # Errors
    /// As [`Session::call`]; `internal` when the response does not hold it.
    pub fn observe(&mut self, observable: &str) -> Result<Value, Refusal> {
        let mut response = self.call(observable, &Map::new())?;
        response.shift_remove(observable).ok_or_else(|| {
            Refusal::new(RefusalKind::Internal, format!("the response of {observable} has no {observable}"))
        })
    }
}

/// Why a session stopped responding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// No response within the deadline, in milliseconds.
    Timeout(u64),
    /// The process ended.
    Crash(String),
    /// It sent something that is not a valid response.
    Protocol(String),
    /// The request was not sent, for this reason.
    Skipped(String),
}

/// An implementation that comes with a contract.
#[derive(Clone)]
pub struct BuiltIn {
    /// The implementation.
    pub implementation: Arc<dyn Implementation>,
    /// What it is there for.
    pub role: BuiltInRole,
}

/// What a built-in implementation is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltInRole {
    /// It keeps the contract.
    Reference,
    /// The system before the phase.
    Stub,
    /// The reference with one requirement broken.
    Mutant {
        /// The requirement that it breaks.
        breaks: &'static str,
        /// Where the real system was seen to do this, when it was.
        finding: Option<&'static str>,
    },
}
