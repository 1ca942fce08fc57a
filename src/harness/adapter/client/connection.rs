//! One adapter, asked one thing at a time.

use std::{collections::BTreeMap, io, time::Duration};

use nix::unistd::Pid;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{
    Deadline, Launch, Trace,
    process::{Output, Process},
    trace::Way,
};
use crate::{
    harness::{
        adapter::protocol::{Error, MAX_LINE_BYTES, Request, Response, Version},
        contract::{Refusal, RefusalKind, SessionError},
    },
    text::{ending, truncated},
};

/// How much of a text from outside a message shows, in characters.
const MAX_QUOTED: usize = 300;

/// How much of its standard error the message about its end shows, in bytes.
const MAX_SAID_BYTES: usize = 2000;

/// A process that speaks the protocol.
#[derive(Debug)]
pub(super) struct Connection {
    process: Process,
    number: u32,
    next: u64,
    trace: Option<Trace>,
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// It was answered with an error.
    Answered(Error),
    /// It was not answered.
    Lost(SessionError),
}

impl Connection {
    /// Starts the process of this number.
    pub(super) fn start(
        launch: &Launch,
        environment: &BTreeMap<String, String>,
        number: u32,
        trace: Option<Trace>,
    ) -> io::Result<Self> {
        Ok(Self { process: Process::start(launch, environment)?, number, next: 1, trace })
    }

    /// Asks, and waits for the answer until then.
    pub(super) fn call<R>(
        &mut self,
        method: &str,
        params: &impl Serialize,
        until: Deadline,
        result: impl FnOnce(&str) -> Result<R, serde_json::Error>,
    ) -> Result<R, CallError> {
        let id = self.next;
        self.next += 1;
        self.ask(id, method, params)?;
        match self.process.receive(until.left()) {
            Output::Line(line) => {
                self.traced(Way::Received, &line);
                read(&line, id, method, result)
            }
            Output::Silence => Err(CallError::Lost(SessionError::Timeout(until.milliseconds()))),
            Output::Garbage(what) => Err(protocol(format!("{method} was answered with {what}"))),
            Output::Closed => Err(CallError::Lost(self.ended(method))),
        }
    }

    /// What came that nobody asked for.
    pub(super) fn unasked(&mut self) -> Option<SessionError> {
        match self.process.receive(Duration::ZERO) {
            Output::Line(line) => {
                self.traced(Way::Received, &line);
                Some(SessionError::Protocol(format!("nobody asked for {}", quoted(&line))))
            }
            Output::Garbage(what) => Some(SessionError::Protocol(format!("nobody asked for {what}"))),
            // An end shows with the next question.
            Output::Closed | Output::Silence => None,
        }
    }

    /// The group of its process.
    pub(super) fn group(&self) -> Pid {
        self.process.group()
    }

    /// Asks it to end, and ends it.
    pub(super) fn end(mut self) {
        let id = self.next;
        let _ = self.ask(id, "shutdown", &serde_json::Map::new());
        self.process.end();
    }

    /// Kills it, and everything it started.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    fn ask(&self, id: u64, method: &str, params: &impl Serialize) -> Result<(), CallError> {
        // What is asked came out of a case file or a test, and is JSON by its type.
        let params = to_raw_value(params).map_err(|error| protocol(format!("no request: {error}")))?;
        let request = Request { jsonrpc: Version::Two, id, method: method.to_owned(), params };
        let mut line =
            serde_json::to_string(&request).map_err(|error| protocol(format!("no request: {error}")))?;
        if line.len() > MAX_LINE_BYTES {
            let long = format!("{method} is asked with more than {MAX_LINE_BYTES} bytes");
            return Err(CallError::Lost(SessionError::Skipped(long)));
        }
        self.traced(Way::Sent, &line);
        line.push('\n');
        self.process.send(line);
        Ok(())
    }

    fn ended(&mut self, method: &str) -> SessionError {
        let how = match self.process.aftermath() {
            Some(status) => format!("it ended ({status}) instead of answering {method}"),
            None => format!("it closed its standard output instead of answering {method}"),
        };
        let said = self.process.said();
        let said = ending(said.trim_end().to_owned(), MAX_SAID_BYTES);
        SessionError::Crash(if said.is_empty() { how } else { format!("{how}; it said:\n{said}") })
    }

    fn traced(&self, way: Way, line: &str) {
        if let Some(trace) = &self.trace {
            trace.line(self.number, way, line);
        }
    }
}

fn read<R>(
    line: &str,
    id: u64,
    method: &str,
    read_result: impl FnOnce(&str) -> Result<R, serde_json::Error>,
) -> Result<R, CallError> {
    let response: Response = serde_json::from_str(line)
        .map_err(|error| protocol(format!("{method} was answered with {}: {error}", quoted(line))))?;
    match (response.id, response.result, response.error) {
        (Some(own), Some(result), None) if own == id => read_result(result.get()).map_err(|error| {
            protocol(format!("the result of {method} is not what it must be: {error}: {}", quoted(line)))
        }),
        // A request that could not be read is answered without its id.
        (own, None, Some(error)) if own == Some(id) || own.is_none() => Err(CallError::Answered(error)),
        (Some(own), ..) if own != id => {
            Err(protocol(format!("{method}, question {id}, was given an answer to question {own}")))
        }
        _ => Err(protocol(format!(
            "the answer to {method} has no result or no error, or both: {}",
            quoted(line)
        ))),
    }
}

impl CallError {
    /// The refusal that it is, when the question was at least answered.
    pub(super) fn refusal(self) -> Result<Refusal, SessionError> {
        let error = match self {
            Self::Lost(lost) => return Err(lost),
            Self::Answered(error) => error,
        };
        match (error.code, error.data) {
            (Error::REFUSED, Some(data)) => {
                let native = data.native.map(Box::new);
                Ok(Refusal { native, ..Refusal::new(data.kind, error.message) })
            }
            (Error::METHOD, _) => Ok(Refusal::new(RefusalKind::NotImplemented, error.message)),
            (Error::INTERNAL, _) => Ok(Refusal::new(RefusalKind::Internal, error.message)),
            (code, _) => {
                let said = quoted(&error.message);
                Err(SessionError::Protocol(format!("it answered with the error {code}: {said}")))
            }
        }
    }
}

fn protocol(detail: String) -> CallError {
    CallError::Lost(SessionError::Protocol(detail))
}

/// The beginning of a text from outside, as one that is quoted.
fn quoted(text: &str) -> String {
    format!("{:?}", truncated(text, MAX_QUOTED))
}
