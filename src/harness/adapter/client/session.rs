//! An adapter at work on one case.

use std::sync::Arc;

use serde::{Serialize, de::Error as _};

use super::{connection::Connection, deadline::Deadline, pool::Pool};
use crate::{
    harness::{
        adapter::protocol::{Nothing, Reset},
        contract::{RESET, Refusal, RefusalKind, Session, SessionContext, SessionError},
    },
    value::{Map, Value},
};

/// A process of the pool that is this session's own until it ends.
pub(super) struct RemoteSession {
    pool: Arc<Pool>,
    state: State,
    directory: String,
    /// When the case is over, whatever it does.
    until: Option<Deadline>,
}

enum State {
    Working(Connection),
    Lost(SessionError),
    /// Everything is answered, and the process is back in the pool.
    Finished,
}

impl RemoteSession {
    /// Takes a process and has it begin afresh in the directory of the context.
    pub(super) fn start(pool: Arc<Pool>, context: &SessionContext) -> Self {
        let directory = context.root().to_string_lossy().into_owned();
        let state = match pool.take() {
            Ok(connection) => State::Working(connection),
            Err(lost) => State::Lost(lost),
        };
        let mut session = Self { pool, state, directory, until: context.deadline() };
        // What becomes of it shows in whether it is lost.
        let _ = session.call(RESET, &Map::new());
        session
    }

    /// Sends a request, and reads its response with this function.
    fn request<R>(
        &mut self,
        method: &str,
        params: &impl Serialize,
        read: impl FnOnce(&str) -> Result<R, serde_json::Error>,
    ) -> Result<R, Refusal> {
        let State::Working(connection) = &mut self.state else { return Err(unanswered(method)) };
        let own = Deadline::after(self.pool.deadlines().call()).or(self.pool.end_of_run());
        let until = self.until.map_or(own, |end| own.or(end));
        match connection.call(method, params, until, read) {
            Ok(result) => Ok(result),
            Err(trouble) => trouble.refusal().map_or_else(
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
            self.pool.bury(connection);
        }
    }
}

/// What is returned where there is no answer; nobody looks at it, since the session is lost.
fn unanswered(method: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("{method} was not answered"))
}

impl Session for RemoteSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let contract = self.pool.contract();
        if operation == RESET {
            let reset = Reset { directory: self.directory.clone() };
            return self.request(operation, &reset, |text| {
                serde_json::from_str::<Nothing>(text).map(|Nothing {}| Map::new())
            });
        }
        match contract.operation(operation) {
            Some(known) => self.request(operation, fields, known.codec.response_from_json),
            None => self.request(operation, fields, |text| observable(operation, text)),
        }
    }

    fn lost(&self) -> Option<SessionError> {
        match &self.state {
            State::Lost(lost) => Some(lost.clone()),
            State::Working(_) | State::Finished => None,
        }
    }

    /// One more question: an answer that was given twice, or a line that nobody asked for, is before its answer.
    fn finish(&mut self) -> Option<SessionError> {
        let _ = self.call(RESET, &Map::new());
        if let State::Working(connection) = &mut self.state
            && let Some(lost) = connection.unasked()
        {
            self.lose(lost);
        }
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Working(connection) => {
                self.pool.give_back(connection);
                None
            }
            State::Lost(lost) => Some(lost),
            State::Finished => None,
        }
    }
}

/// The response to a method that reads an observable: an object that holds a dict under the observable's name.
fn observable(name: &str, text: &str) -> Result<Map, serde_json::Error> {
    let mut object: Map = serde_json::from_str(text)?;
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
    /// A case that was given up leaves its process in the middle of something.
    fn drop(&mut self) {
        self.lose(SessionError::Skipped("the case was given up".to_owned()));
    }
}
