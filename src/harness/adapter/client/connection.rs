//! A connection to one adapter, with one request at a time.

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use nix::unistd::Pid;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{
    Launch, Trace,
    process::{Output, Process},
    trace::Way,
};
use crate::{
    harness::{
        adapter::protocol::{Error, MAX_LINE_BYTES, Request, Response, Version},
        contract::{Deadline, Native, Notices, Refusal, RefusalKind, SessionError},
    },
    text::{beginning, ending, truncated},
    value::from_json,
};

/// The longest message of a refusal, in bytes. Cases look for words in it, and reports repeat it.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The most values in a response: each takes some hundred bytes in memory, and 2 in the response.
const MAX_VALUES: usize = 1 << 18;

/// The longest name of the type of an exception, in characters.
const MAX_TYPE_NAME: usize = 200;

/// The longest traceback, in bytes.
const MAX_TRACEBACK_BYTES: usize = 64 << 10;

/// The longest quoted text from an adapter, in characters.
const MAX_QUOTED: usize = 300;

/// The longest part of standard error in a crash message, in bytes.
const MAX_SHOWN_STDERR_BYTES: usize = 2000;

/// An adapter process that speaks the protocol.
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
    /// The response is an error.
    Response(Error),
    /// There is no valid response.
    Lost(SessionError),
}

impl Connection {
    /// Starts the process; `number` identifies it in the trace.
    pub(super) fn start(
        launch: &Launch,
        variables: [&BTreeMap<String, String>; 2],
        number: u32,
        trace: Option<Trace>,
    ) -> io::Result<Self> {
        Ok(Self { process: Process::start(launch, variables)?, number, next: 1, trace })
    }

    /// Sends a request and waits for the response until the deadline.
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
            Output::Timeout => {
                let (method, milliseconds) = (method.to_owned(), until.milliseconds());
                Err(CallError::Lost(SessionError::Timeout { method, milliseconds }))
            }
            Output::InvalidLine(what) => Err(protocol(format!("invalid response to {method}: {what}"))),
            Output::Closed => Err(CallError::Lost(self.ended(method))),
        }
    }

    /// A message that is not a response to a request, if one has arrived.
    pub(super) fn unsolicited(&mut self) -> Option<SessionError> {
        match self.process.receive(Duration::ZERO) {
            Output::Line(line) => {
                self.traced(Way::Received, &line);
                Some(SessionError::Protocol(format!("unsolicited message: {}", quoted(&line))))
            }
            Output::InvalidLine(what) => Some(SessionError::Protocol(format!("unsolicited message: {what}"))),
            // A closed stream is reported by the next request.
            Output::Closed | Output::Timeout => None,
        }
    }

    /// The directory that contains the home and the temporary directory of the process.
    pub(super) fn outside(&self) -> &Path {
        self.process.outside()
    }

    /// The number of its process.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Its process group.
    pub(super) fn group(&self) -> Pid {
        self.process.group()
    }

    /// Sends `shutdown` and ends the process.
    pub(super) fn end(mut self) {
        let id = self.next;
        let _ = self.ask(id, "shutdown", &serde_json::Map::new());
        self.process.end();
    }

    /// Kills the process and all of its children.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    fn ask(&self, id: u64, method: &str, params: &impl Serialize) -> Result<(), CallError> {
        // Params come from a case file or a test, so serialization is not expected to fail.
        let params = to_raw_value(params)
            .map_err(|error| protocol(format!("failed to write the request: {error}")))?;
        let request = Request { jsonrpc: Version::Two, id, method: method.to_owned(), params };
        let mut line = serde_json::to_string(&request)
            .map_err(|error| protocol(format!("failed to write the request: {error}")))?;
        if line.len() > MAX_LINE_BYTES {
            let long = format!("the request {method} is longer than {MAX_LINE_BYTES} bytes");
            return Err(CallError::Lost(SessionError::Skipped(long)));
        }
        self.traced(Way::Sent, &line);
        line.push('\n');
        self.process.send(line);
        Ok(())
    }

    fn ended(&mut self, method: &str) -> SessionError {
        let how = match self.process.exit_status() {
            Some(status) => match status.code() {
                Some(code) => format!("process exited with status {code} before replying to {method}"),
                None => format!("process ended ({status}) before replying to {method}"),
            },
            None => format!("process closed its standard output before replying to {method}"),
        };
        let stderr = ending(self.process.stderr_tail().trim_end().to_owned(), MAX_SHOWN_STDERR_BYTES);
        SessionError::Crash(if stderr.is_empty() { how } else { format!("{how}; standard error:\n{stderr}") })
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
    let values = values(line);
    if values > MAX_VALUES {
        return Err(protocol(format!(
            "the response to {method} has about {values} values, more than the limit of {MAX_VALUES}"
        )));
    }
    let response: Response = from_json(line).map_err(|error| {
        let error = truncated(&error.to_string(), MAX_QUOTED);
        protocol(format!("invalid response to {method}: {error}: {}", quoted(line)))
    })?;
    match (response.id, response.result, response.error) {
        (Some(own), Some(result), None) if own == id => read_result(result.get()).map_err(|error| {
            let error = truncated(&error.to_string(), MAX_QUOTED);
            protocol(format!("invalid result of {method}: {error}: {}", quoted(line)))
        }),
        // A response to an unreadable request has no id.
        (own, None, Some(error)) if own == Some(id) || own.is_none() => Err(CallError::Response(error)),
        (Some(own), ..) if own != id => {
            Err(protocol(format!("response id {own} does not match request id {id} ({method})")))
        }
        (None, Some(_), _) => Err(protocol(format!(
            "missing id in the response to {method}: expected {id}, that of the request: {}",
            quoted(line)
        ))),
        _ => Err(protocol(format!(
            "expected either a result or an error in the response to {method}, found {}",
            quoted(line)
        ))),
    }
}

impl CallError {
    /// The warnings and events before a refusal.
    pub(super) fn notices(&self) -> Notices {
        match self {
            Self::Response(Error { data: Some(data), .. }) => data.notices.clone(),
            Self::Response(_) | Self::Lost(_) => Notices::default(),
        }
    }

    /// The refusal in an error response; an error if there is no valid response.
    pub(super) fn refusal(self) -> Result<Refusal, SessionError> {
        let error = match self {
            Self::Lost(lost) => return Err(lost),
            Self::Response(error) => error,
        };
        match (error.code, error.data) {
            (Error::REFUSED, Some(data)) => {
                let native = data.native.map(|native| Box::new(bounded(native)));
                let message = beginning(error.message, MAX_MESSAGE_BYTES);
                Ok(Refusal { native, ..Refusal::new(data.kind, message) })
            }
            // Only operations that it lists are sent.
            (Error::METHOD, _) => {
                let message = quoted(&error.message);
                Err(SessionError::Protocol(format!("unknown method, although it is listed: {message}")))
            }
            (Error::INTERNAL, _) => {
                Ok(Refusal::new(RefusalKind::Internal, beginning(error.message, MAX_MESSAGE_BYTES)))
            }
            (Error::MISTAKE, _) => Err(SessionError::Protocol(beginning(error.message, MAX_MESSAGE_BYTES))),
            (code, _) => {
                let message = quoted(&error.message);
                Err(SessionError::Protocol(format!("unexpected error {code}: {message}")))
            }
        }
    }
}

/// How many values a line of JSON has at most: each but the first follows one of these characters.
fn values(line: &str) -> usize {
    let (mut values, mut in_text, mut is_escaped) = (1, false, false);
    for byte in line.bytes() {
        match (in_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b',' | b'[' | b'{') => values += 1,
            (true | false, _) => {}
        }
    }
    values
}

/// An exception of at most this length: its type, and the end of its traceback, which names the cause.
fn bounded(native: Native) -> Native {
    Native {
        type_name: truncated(&native.type_name, MAX_TYPE_NAME),
        traceback: ending(native.traceback, MAX_TRACEBACK_BYTES),
    }
}

fn protocol(detail: String) -> CallError {
    CallError::Lost(SessionError::Protocol(detail))
}

/// The beginning of an untrusted text, quoted.
fn quoted(text: &str) -> String {
    format!("{:?}", truncated(text, MAX_QUOTED))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1", 1)]
    #[case("[1, 2, [3]]", 5)]
    #[case(r#"{"a": 1, "b": {"c": []}}"#, 5)]
    #[case(r#""one, text [with \" {these, \\""#, 1)]
    fn values_are_counted_outside_of_texts(#[case] line: &str, #[case] expected: usize) {
        assert_eq!(values(line), expected);
    }

    #[test]
    fn a_result_without_an_id_is_said_to_lack_it() {
        let said = |line: &str| {
            let error = read(line, 7, "reset", |_| Ok(())).err();
            format!("{error:?}")
        };
        let without = said(r#"{"jsonrpc": "2.0", "result": {}}"#);
        assert!(without.contains("missing id in the response to reset: expected 7"), "{without}");
        let wrong = said(r#"{"jsonrpc": "2.0", "id": "7", "result": {}}"#);
        assert!(wrong.contains("invalid response to reset: id: expected"), "{wrong}");
    }

    #[test]
    fn a_response_of_too_many_values_is_not_read() {
        let of = |items: usize| {
            let items = vec!["1"; items].join(",");
            let line = format!(r#"{{"jsonrpc": "2.0", "id": 1, "result": [{items}]}}"#);
            read(&line, 1, "m", |_| Ok(())).map_err(|error| format!("{error:?}"))
        };
        assert_eq!(of(MAX_VALUES - 10), Ok(()));
        assert!(of(MAX_VALUES).is_err_and(|error| error.contains("more than the limit of 262144")));
    }
}
