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
    /// The step of the check, from 0, during which it was made.
    pub step: usize,
}

/// How often the warnings and events are asked for in a step: before it and after it.
const NOTICES_OF_A_STEP: usize = 2;

impl CallLog {
    /// The step of the check, from 0, that is running now.
    pub fn step(&self) -> usize {
        self.notices().count().saturating_sub(1) / NOTICES_OF_A_STEP
    }

    /// What was asked during the steps before this one.
    pub fn before(&self, step: usize) -> Self {
        let mut notices = step.saturating_mul(NOTICES_OF_A_STEP);
        let sessions = self.sessions.iter().map(|session| {
            let own = session.notices.iter().take(notices).cloned().collect::<Vec<_>>();
            notices -= own.len();
            SessionLog {
                environment: session.environment.clone(),
                calls: session.calls.iter().take_while(|call| call.step < step).cloned().collect(),
                notices: own,
            }
        });
        Self { sessions: sessions.collect() }
    }

    /// The calls of all sessions.
    pub fn calls(&self) -> impl Iterator<Item = &LoggedCall> {
        self.sessions.iter().flat_map(|session| &session.calls)
    }

    /// The warnings and events of all sessions.
    pub fn notices(&self) -> impl Iterator<Item = &Notices> {
        self.sessions.iter().flat_map(|session| &session.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(step: usize) -> LoggedCall {
        LoggedCall { operation: "take".to_owned(), request: Map::new(), refusal: None, step }
    }

    fn session(steps: &[usize], notices: usize) -> SessionLog {
        let calls = steps.iter().copied().map(call).collect();
        SessionLog { calls, notices: vec![Notices::default(); notices], ..SessionLog::default() }
    }

    #[test]
    fn the_calls_before_a_step_are_those_of_earlier_ones() {
        let log = CallLog { sessions: vec![session(&[0, 0, 1], 3), session(&[1, 2], 3)] };
        assert_eq!(log.step(), 2);
        let count = |log: &CallLog| {
            let of = |session: &SessionLog| (session.calls.len(), session.notices.len());
            log.sessions.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(count(&log.before(0)), [(0, 0), (0, 0)]);
        assert_eq!(count(&log.before(1)), [(2, 2), (0, 0)]);
        assert_eq!(count(&log.before(2)), [(3, 3), (1, 1)]);
        assert_eq!(count(&log.before(3)), [(3, 3), (2, 3)]);
    }
}
