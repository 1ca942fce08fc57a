//! The server side of the adapter protocol: makes an implementation available to
//! [`Remote`](crate::harness::adapter::client::Remote).

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::PathBuf,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::protocol::{
    Error, ErrorData, Initialize, Initialized, Nothing, PROTOCOL, Request, Reset, Response, Version,
    read_line,
};
use crate::{
    harness::contract::{
        Contract, EVENTS, Implementation, Notices, Refusal, Session, SessionContext, WARNINGS, WITHOUT,
    },
    value::{Map, from_json},
};

/// Responds to requests until `shutdown` or the end of the input.
///
/// # Errors
/// When the input cannot be read, is not UTF-8 or has a line that is too long, and when the output cannot be written.
pub fn serve(
    contract: &'static dyn Contract,
    implementation: &dyn Implementation,
    environment: &BTreeMap<String, String>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let mut server = Server { contract, implementation, environment, session: None };
    let mut line = String::new();
    while read_line(&mut input, &mut line)? {
        let (response, last) = server.respond(&line);
        let mut text = serde_json::to_string(&response)?;
        text.push('\n');
        output.write_all(text.as_bytes())?;
        output.flush()?;
        if last {
            break;
        }
    }
    Ok(())
}

struct Server<'a> {
    contract: &'static dyn Contract,
    implementation: &'a dyn Implementation,
    environment: &'a BTreeMap<String, String>,
    /// The session, and the directory that it works in.
    session: Option<(PathBuf, Box<dyn Session>)>,
}

type RpcResult = Result<Box<RawValue>, Error>;

impl Server<'_> {
    /// The response to a line, and whether it is the last one.
    fn respond(&mut self, line: &str) -> (Response, bool) {
        let request: Request = match from_json(line) {
            Ok(request) => request,
            Err(error) => {
                let code = if error.is_data() { Error::REQUEST } else { Error::PARSE };
                return (response(None, Err(Error::new(code, error.to_string()))), false);
            }
        };
        let result = self.call(&request.method, &request.params);
        (response(Some(request.id), result), request.method == "shutdown")
    }

    fn call(&mut self, method: &str, params: &RawValue) -> RpcResult {
        match method {
            "initialize" => {
                let _: Initialize = read(params)?;
                to_json(&self.introduction())
            }
            "reset" => {
                let Reset { directory } = read(params)?;
                self.reset(PathBuf::from(directory))
            }
            "shutdown" => to_json(&Nothing {}),
            _ => self.operate(method, params),
        }
    }

    /// A reset in the session's own directory is a step of a case, which the session performs as it does in process; a
    /// reset in another directory starts another case.
    fn reset(&mut self, directory: PathBuf) -> RpcResult {
        if let Some((own, session)) = &mut self.session
            && *own == directory
        {
            let answer = session.reset().map(|()| Map::new());
            return session_result(answer, session.notices());
        }
        let context = SessionContext::new(directory.clone(), self.environment.clone());
        self.session = Some((directory, self.implementation.start(context)));
        to_json(&Nothing {})
    }

    /// Reads an observable, or performs a supported operation.
    fn operate(&mut self, method: &str, params: &RawValue) -> RpcResult {
        let operation = self.contract.operation(method).filter(|own| self.implementation.supports(own.name));
        let read = match operation {
            Some(operation) => operation.codec.request_from_json,
            None if self.contract.observables().contains(&method) => |_: &str| Ok(Map::new()),
            None => return Err(Error::new(Error::METHOD, format!("unknown method {method:?}"))),
        };
        let Some((_, session)) = &mut self.session else {
            return Err(Error::new(Error::REQUEST, format!("received {method} before the first reset")));
        };
        let fields = read(params.get()).map_err(|error| Error::new(Error::PARAMS, error.to_string()))?;
        let answer = session.call(method, &fields);
        session_result(answer, session.notices())
    }

    fn introduction(&self) -> Initialized {
        let supported = |needs: &mut dyn Iterator<Item = &'static str>| {
            needs.filter(|need| self.implementation.supports(need)).map(str::to_owned).collect()
        };
        let details = self.implementation.details();
        Initialized {
            protocol: PROTOCOL,
            name: self.implementation.name().to_owned(),
            version: self.implementation.version().to_owned(),
            backend: self.contract.backend().to_owned(),
            operations: supported(&mut self.contract.operations().iter().map(|operation| operation.name)),
            supports: supported(
                &mut self.contract.capabilities().iter().copied().chain([WARNINGS, EVENTS, WITHOUT]),
            ),
            era: self.implementation.era().map(str::to_owned),
            versions: details.versions,
            notes: details.notes,
        }
    }
}

fn read<T: DeserializeOwned>(params: &RawValue) -> Result<T, Error> {
    from_json(params.get()).map_err(|error| Error::new(Error::PARAMS, error.to_string()))
}

/// The fields of a response with what was reported meanwhile.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    fields: Map,
    #[serde(flatten)]
    notices: Notices,
}

fn session_result(answer: Result<Map, Refusal>, notices: Notices) -> RpcResult {
    match answer {
        Ok(fields) => to_json(&Answer { fields, notices }),
        Err(refusal) => {
            let native = refusal.native.map(|native| *native);
            let data = ErrorData { kind: refusal.kind, native, notices };
            Err(Error { code: Error::REFUSED, message: refusal.message, data: Some(Box::new(data)) })
        }
    }
}

/// Results have only text keys and numbers, so serialization is not expected to fail.
fn to_json(answer: &impl Serialize) -> RpcResult {
    serde_json::value::to_raw_value(answer).map_err(|error| Error::new(Error::INTERNAL, error.to_string()))
}

fn response(id: Option<u64>, result: RpcResult) -> Response {
    let (result, error) = match result {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    Response { jsonrpc: Version::Two, id, result, error }
}
