//! The calls that a run of a check made.

use std::collections::BTreeMap;

use super::{Notices, Refusal};
use crate::value::Map;

/// What a run of a check asked of an implementation.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    /// Its sessions, in order: a restart begins another one.
    pub sessions: Vec<SessionLog>,
}

/// What one session was asked.
#[derive(Clone, Debug, Default)]
pub struct SessionLog {
    /// The environment of the session.
    pub environment: BTreeMap<String, String>,
    /// Each call of an operation, an observable or `reset`, in order.
    pub calls: Vec<LoggedCall>,
    /// The warnings and events, once for each time that they were asked for.
    pub notices: Vec<Notices>,
}

/// One call, and how it ended.
#[derive(Clone, Debug)]
pub struct LoggedCall {
    /// The operation, the observable or `reset`.
    pub operation: String,
    /// The request.
    pub request: Map,
    /// The refusal, if it was refused.
    pub refusal: Option<Refusal>,
}

impl CallLog {
    /// The calls of all sessions.
    pub fn calls(&self) -> impl Iterator<Item = &LoggedCall> {
        self.sessions.iter().flat_map(|session| &session.calls)
    }

    /// The warnings and events of all sessions.
    pub fn notices(&self) -> impl Iterator<Item = &Notices> {
        self.sessions.iter().flat_map(|session| &session.notices)
    }
}
