//! Implementations under test, and their sessions.

use std::{borrow::Cow, collections::BTreeMap, fmt, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{AllowedEffect, CallLog, Notices, OwnFixtures, Refusal, RefusalKind, SessionContext};
use crate::value::{Map, Value};

/// The method that restores the state of a new process.
pub(crate) const RESET: &str = "reset";

/// The step that continues in a new process. The runner performs it; no implementation receives it.
pub(crate) const RESTART: &str = "restart";

/// The start of a session, as a place of a fault. No implementation receives it.
pub(crate) const START: &str = "start";

/// What an implementation states about itself for the report, besides its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The versions of what its results depend on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What is done for a caller on the way to the implementation, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Details {
    /// Whether it states nothing.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.notes.is_empty()
    }
}

/// An implementation that a suite can be run on.
///
/// It is started once per check and responds as a [`Session`]. There is no global state, so checks run in parallel.
/// An implementation in another language is a [`Remote`](crate::harness::adapter::client::Remote): a program that
/// speaks the adapter protocol.
pub trait Implementation: Send + Sync {
    /// The name used in case files, on the command line and in reports.
    fn name(&self) -> &str;

    /// Its version: a release or a revision.
    fn version(&self) -> &str;

    /// What it states about itself for the report.
    fn details(&self) -> Details {
        Details::default()
    }

    /// Whether it supports this operation or capability. A check that needs an unsupported one is not run and is
    /// reported as `unsupported`.
    fn supports(&self, need: &str) -> bool;

    /// The [era](super::Era) of the contract that it follows; None for the whole suite.
    fn era(&self) -> Option<&str> {
        None
    }

    /// Its own fixtures, which replace those of the suite in checks with this need.
    fn fixtures(&self, _need: &str) -> Option<&OwnFixtures> {
        None
    }

    /// Effects that it may have although the contract excludes them.
    fn allowed_effects(&self) -> &[AllowedEffect] {
        &[]
    }

    /// The same implementation in new processes of its own, which have run nothing; None if it runs in this process.
    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        None
    }

    /// Whether a run of a check on it can differ from the run on the reference that made these calls. A faulty
    /// implementation that is the reference until a call meets its conditions knows when none does; every other one
    /// says yes.
    fn may_differ(&self, _calls: &CallLog) -> bool {
        true
    }

    /// Starts a session with the state of a new process: default state and no models.
    fn start(&self, context: SessionContext) -> Box<dyn Session>;

    /// Stops everything it has running. No session is started afterwards.
    fn end(&self) {}
}

impl<T: Implementation + ?Sized> Implementation for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn version(&self) -> &str {
        (**self).version()
    }

    fn details(&self) -> Details {
        (**self).details()
    }

    fn supports(&self, need: &str) -> bool {
        (**self).supports(need)
    }

    fn era(&self) -> Option<&str> {
        (**self).era()
    }

    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        (**self).fixtures(need)
    }

    fn allowed_effects(&self) -> &[AllowedEffect] {
        (**self).allowed_effects()
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        (**self).fresh()
    }

    fn may_differ(&self, calls: &CallLog) -> bool {
        (**self).may_differ(calls)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        (**self).start(context)
    }

    fn end(&self) {
        (**self).end();
    }
}

/// An implementation while it runs one check.
///
/// A call returns fields or a refusal. It may panic or hang; that fails this check and no other.
pub trait Session {
    /// Performs `reset`, reads an observable, or performs an operation of the contract.
    ///
    /// `reset` restores the state of a new process and drops every model; files stay. An observable takes no fields and
    /// returns an object whose only key is its name.
    ///
    /// # Errors
    /// A refusal; `not_implemented` for an unknown operation.
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal>;

    /// The directory that contains the home and the temporary directory of the implementation, if they are not those of the
    /// session's context: a process that serves many sessions keeps its own.
    fn outside(&self) -> Option<&Path> {
        None
    }

    /// The warnings and events since the last time that this was called.
    fn notices(&mut self) -> Notices {
        Notices::default()
    }

    /// Why the session stopped responding; the result of the latest call is then meaningless. Only the session of
    /// another process can be lost.
    fn lost(&self) -> Option<SessionError> {
        None
    }

    /// The process that responds, by a number that no other process of the implementation has; None for this process.
    fn process(&self) -> Option<u32> {
        None
    }

    /// Called after the last step: checks that every request got exactly one response and nothing else was sent.
    fn finish(&mut self) -> Option<SessionError> {
        None
    }
}

impl dyn Session + '_ {
    /// Restores the state of a new process.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn reset(&mut self) -> Result<(), Refusal> {
        self.call(RESET, &Map::new()).map(drop)
    }

    /// Reads an observable.
    ///
    /// # Errors
    /// As [`Session::call`]; `internal` if the response does not contain it.
    pub fn observe(&mut self, observable: &str) -> Result<Value, Refusal> {
        let mut response = self.call(observable, &Map::new())?;
        response.shift_remove(observable).ok_or_else(|| {
            Refusal::new(RefusalKind::Internal, format!("missing field {observable:?} in the response"))
        })
    }
}

/// Why a session stopped responding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// No response within the deadline.
    Timeout {
        /// The request without a response.
        method: String,
        /// The deadline in milliseconds.
        milliseconds: u64,
    },
    /// The process ended.
    Crash(String),
    /// It sent something that is not a valid response.
    Protocol(String),
    /// The request was not sent, for this reason.
    Skipped(String),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { method, milliseconds } => {
                write!(f, "no response to {method} within {milliseconds} ms")
            }
            Self::Crash(detail) | Self::Protocol(detail) | Self::Skipped(detail) => f.write_str(detail),
        }
    }
}

/// A built-in implementation of a contract.
#[derive(Clone)]
pub struct BuiltIn {
    /// The implementation.
    pub implementation: Arc<dyn Implementation>,
    /// Its purpose.
    pub role: BuiltInRole,
}

/// The purpose of a built-in implementation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuiltInRole {
    /// Conforms to the contract.
    Reference,
    /// The unfinished system that red phases run on.
    Stub,
    /// The reference with one requirement broken on purpose.
    Mutant {
        /// The requirement that it breaks.
        breaks: Cow<'static, str>,
        /// Where the real system was observed to have the same bug, if it was.
        finding: Option<Cow<'static, str>>,
    },
}
