//! A session with an adapter, for one case.

use std::{path::Path, sync::Arc};

use serde::{Serialize, de::Error as _};

use super::{connection::Connection, pool::Pool};
use crate::{
    harness::{
        adapter::protocol::{Nothing, Reset},
        contract::{Deadline, Notices, RESET, Refusal, RefusalKind, Session, SessionContext, SessionError},
    },
    value::{Map, Value, from_json},
};

/// Owns a process of the pool until it ends.
pub(super) struct RemoteSession {
    pool: Arc<Pool>,
    state: State,
    directory: String,
    /// The number of its process, if it has one.
    process: Option<u32>,
    /// The deadline of the case.
    until: Option<Deadline>,
    notices: Notices,
    /// Whether no other case may use the process afterwards.
    ends_process: bool,
}

enum State {
    Working(Connection),
    Lost(SessionError),
    /// Every request has a response, and the process is back in the pool.
    Finished,
}

impl RemoteSession {
    /// Takes a process and resets it in the directory of the context.
    pub(super) fn start(pool: Arc<Pool>, context: &SessionContext) -> Self {
        let directory = context.root().to_string_lossy().into_owned();
        let taken =
            if context.has_new_process() { pool.take_new(context.own_variables()) } else { pool.take() };
        let (process, state) = match taken {
            Ok(connection) => (Some(connection.number()), State::Working(connection)),
            Err(lost) => (None, State::Lost(lost)),
        };
        let mut session = Self {
            pool,
            state,
            directory,
            process,
            until: context.deadline(),
            notices: Notices::default(),
            ends_process: context.ends_process(),
        };
        // An error is kept in the state.
        let _ = session.call(RESET, &Map::new());
        session
    }

    /// Sends a request, and parses its response with this function.
    fn request<R>(
        &mut self,
        method: &str,
        params: &impl Serialize,
        read: impl FnOnce(&str) -> Result<R, serde_json::Error>,
    ) -> Result<R, Refusal> {
        let State::Working(connection) = &mut self.state else { return Err(unanswered(method)) };
        let own = Deadline::after(self.pool.deadlines().call()).or(self.pool.end_of_run());
        let until = self.until.map_or(own, |end| own.or(end));
        let mut notices = Notices::default();
        let answer = connection.call(method, params, until, |text| {
            notices = from_json(text)?;
            read(text)
        });
        if let Err(error) = &answer {
            notices = error.notices();
        }
        self.notices.extend(notices);
        match answer {
            Ok(result) => Ok(result),
            Err(error) => error.refusal().map_or_else(
                |lost| {
                    self.lose(lost);
                    Err(unanswered(method))
                },
                Err,
            ),
        }
    }

    fn lose(&mut self, lost: SessionError) {
        if let State::Working(connection) = std::mem::replace(&mut self.state, State::Lost(lost)) {
            self.pool.discard(connection);
        }
    }
}

/// A placeholder result; callers check whether the session is lost instead.
fn unanswered(method: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("no response to {method}"))
}

impl Session for RemoteSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let contract = self.pool.contract();
        if operation == RESET {
            let reset = Reset { directory: self.directory.clone() };
            return self
                .request(operation, &reset, |text| from_json::<Nothing>(text).map(|Nothing {}| Map::new()));
        }
        match contract.operation(operation) {
            Some(known) => self.request(operation, fields, known.codec.response_from_json),
            None => self.request(operation, fields, |text| observable(operation, text)),
        }
    }

    /// Those of its process, which has served other cases before.
    fn outside(&self) -> Option<&Path> {
        match &self.state {
            State::Working(connection) => Some(connection.outside()),
            State::Lost(_) | State::Finished => None,
        }
    }

    fn notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    fn lost(&self) -> Option<SessionError> {
        match &self.state {
            State::Lost(lost) => Some(lost.clone()),
            State::Working(_) | State::Finished => None,
        }
    }

    fn process(&self) -> Option<u32> {
        self.process
    }

    /// Sends another request: a duplicate response or an unsolicited message arrives before its response.
    fn finish(&mut self) -> Option<SessionError> {
        let _ = self.call(RESET, &Map::new());
        if let State::Working(connection) = &mut self.state
            && let Some(lost) = connection.unsolicited()
        {
            self.lose(lost);
        }
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Working(connection) => {
                if self.ends_process {
                    self.pool.part_with(connection);
                } else {
                    self.pool.release(connection);
                }
                None
            }
            State::Lost(lost) => Some(lost),
            State::Finished => None,
        }
    }
}

/// The response of a method that reads an observable: an object with a dict under the observable's name.
fn observable(name: &str, text: &str) -> Result<Map, serde_json::Error> {
    let mut object: Map = from_json(text)?;
    match object.shift_remove(name).map(Value::from_json) {
        Some(Ok(dict @ Value::Map(_))) => Ok(Map::from_iter([(name.to_owned(), dict)])),
        Some(Ok(other)) => {
            Err(serde_json::Error::custom(format!("expected {name:?} to be an object, found {other}")))
        }
        Some(Err(invalid)) => Err(serde_json::Error::custom(invalid)),
        None => Err(serde_json::Error::custom(format!("missing field {name:?}"))),
    }
}

impl Drop for RemoteSession {
    /// A cancelled case may leave its process in the middle of a request.
    fn drop(&mut self) {
        self.lose(SessionError::Skipped("the case was cancelled".to_owned()));
    }
}
