//! An implementation behind the adapter protocol: what [`crate::harness::adapter::client::Remote`] talks to, spoken from the other side.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::protocol::{
    Error, ErrorData, Initialize, Initialized, Nothing, PROTOCOL, Request, Reset, Response, Version,
    read_line,
};
use crate::{
    harness::contract::{Contract, Implementation, Refusal, Session, SessionContext},
    value::Map,
};

/// Answers requests until `shutdown` or the end of the input.
///
/// # Errors
/// When the input cannot be read, is no text or has an endless line, and when the output cannot be written.
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
        let (response, last) = server.answer(&line);
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
    session: Option<Box<dyn Session>>,
}

type Answer = Result<Box<RawValue>, Error>;

impl Server<'_> {
    /// The answer to a line, and whether it is the last.
    fn answer(&mut self, line: &str) -> (Response, bool) {
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let code = if error.is_data() { Error::REQUEST } else { Error::PARSE };
                return (response(None, Err(Error::new(code, error.to_string()))), false);
            }
        };
        let answer = self.call(&request.method, &request.params);
        (response(Some(request.id), answer), request.method == "shutdown")
    }

    fn call(&mut self, method: &str, params: &RawValue) -> Answer {
        match method {
            "initialize" => {
                let _: Initialize = read(params)?;
                written(&self.introduction())
            }
            "reset" => {
                let Reset { directory } = read(params)?;
                let context = SessionContext::new(PathBuf::from(directory), self.environment.clone());
                self.session = Some(self.implementation.start(context));
                written(&Nothing {})
            }
            "shutdown" => written(&Nothing {}),
            _ => self.operate(method, params),
        }
    }

    /// Reads an observable, or performs an operation that the implementation has.
    fn operate(&mut self, method: &str, params: &RawValue) -> Answer {
        let operation = self.contract.operation(method).filter(|own| self.implementation.supports(own.name));
        let read = match operation {
            Some(operation) => operation.codec.request_from_json,
            None if self.contract.observables().contains(&method) => |_: &str| Ok(Map::new()),
            None => return Err(Error::new(Error::METHOD, format!("unknown method {method:?}"))),
        };
        let Some(session) = &mut self.session else {
            return Err(Error::new(Error::REQUEST, format!("{method} before the first reset")));
        };
        let fields = read(params.get()).map_err(|error| Error::new(Error::PARAMS, error.to_string()))?;
        answered(session.call(method, &fields))
    }

    fn introduction(&self) -> Initialized {
        let supported = |needs: &mut dyn Iterator<Item = &'static str>| {
            needs.filter(|need| self.implementation.supports(need)).map(str::to_owned).collect()
        };
        Initialized {
            protocol: PROTOCOL,
            name: self.implementation.name().to_owned(),
            version: self.implementation.version().to_owned(),
            backend: self.contract.backend().to_owned(),
            operations: supported(&mut self.contract.operations().iter().map(|operation| operation.name)),
            supports: supported(&mut self.contract.capabilities().iter().copied()),
        }
    }
}

fn read<'p, T: Deserialize<'p>>(params: &'p RawValue) -> Result<T, Error> {
    serde_json::from_str(params.get()).map_err(|error| Error::new(Error::PARAMS, error.to_string()))
}

fn answered(answer: Result<impl Serialize, Refusal>) -> Answer {
    match answer {
        Ok(answer) => written(&answer),
        Err(refusal) => {
            let data = ErrorData { kind: refusal.kind, native: refusal.native.map(|native| *native) };
            Err(Error { code: Error::REFUSED, message: refusal.message, data: Some(data) })
        }
    }
}

/// An answer holds text keys and numbers alone, so that only memory could keep it from being written.
fn written(answer: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(answer).map_err(|error| Error::new(Error::INTERNAL, error.to_string()))
}

fn response(id: Option<u64>, answer: Answer) -> Response {
    let (result, error) = match answer {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    Response { jsonrpc: Version::Two, id, result, error }
}
