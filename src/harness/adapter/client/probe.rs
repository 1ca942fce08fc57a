//! Probes that an adapter must pass before a suite is run on it.
//!
//! An adapter that accepts every method, or whose `reset` does not reset, would fail many cases for one reason or pass
//! them for no reason.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Timeouts,
    connection::{CallError, Connection},
};
use crate::{
    harness::{
        adapter::protocol::{Error, Initialized, Nothing, Reset},
        contract::{Contract, Deadline, SessionError},
    },
    value::{Map, Value, from_json},
};

/// A method that does not exist in any version of the protocol.
const UNKNOWN: &str = "bundleproof_probe";

/// Checks that unsupported methods are refused and that `reset` resets.
///
/// # Errors
/// The first probe that failed.
pub(super) fn probe(
    contract: &'static dyn Contract,
    connection: &mut Connection,
    adapter: &Initialized,
    deadlines: Timeouts,
) -> Result<(), String> {
    let own = |operation: &&str| adapter.operations.iter().any(|own| own == operation);
    if let Some(odd) = adapter.operations.iter().find(|own| contract.operation(own).is_none()) {
        return Err(format!("advertises unknown operation {odd:?}"));
    }
    // Removed with the other directories of the process, after it has ended.
    let place = tempfile::Builder::new()
        .disable_cleanup(true)
        .tempdir_in(connection.outside())
        .map_err(|error| format!("failed to create a directory for probing: {error}"))?;
    let directory = place.path().to_string_lossy().into_owned();
    let mut call = Caller { connection, deadlines };
    call.expect("reset", &Reset { directory: directory.clone() })?;
    call.refuses(UNKNOWN)?;
    for operation in contract.operations().iter().map(|known| known.name).filter(|name| !own(name)) {
        call.refuses(operation)?;
    }
    if let Some(write) = contract.reset_probe().filter(|write| own(&write.operation)) {
        let (observable, key) = (write.observable, write.key);
        call.expect(write.operation, &write.fields)?;
        if !call.knows(observable, key)? {
            return Err(format!("{} succeeded, but {observable} does not contain {key:?}", write.operation));
        }
        call.expect("reset", &Reset { directory })?;
        if call.knows(observable, key)? {
            return Err(format!("reset kept {key:?} in {observable}"));
        }
    }
    match call.connection.unsolicited() {
        None => Ok(()),
        Some(lost) => Err(lost.to_string()),
    }
}

struct Caller<'a> {
    connection: &'a mut Connection,
    deadlines: Timeouts,
}

impl Caller<'_> {
    fn call<R: serde::de::DeserializeOwned>(
        &mut self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<R, CallError> {
        let read = |text: &str| from_json(text);
        self.connection.call(method, params, Deadline::after(self.deadlines.call()), read)
    }

    fn expect(&mut self, method: &str, params: &impl Serialize) -> Result<(), String> {
        self.call(method, params).map(|Nothing {}| ()).map_err(|error| unexpected(method, error))
    }

    fn knows(&mut self, observable: &str, key: &str) -> Result<bool, String> {
        let response: Map =
            self.call(observable, &Nothing {}).map_err(|error| unexpected(observable, error))?;
        let dict = response.get(observable).and_then(Value::as_map);
        dict.map(|dict| dict.contains_key(key))
            .ok_or_else(|| format!("missing field {observable:?} in the response to {observable}"))
    }

    /// An unsupported method must be refused as unknown.
    fn refuses(&mut self, method: &str) -> Result<(), String> {
        match self.call::<Box<RawValue>>(method, &Nothing {}) {
            Err(CallError::Response(error)) if error.code == Error::METHOD => Ok(()),
            Err(CallError::Response(error)) => Err(format!(
                "expected error {} (unknown method) for {method}, which is not advertised, found error {}",
                Error::METHOD,
                error.code
            )),
            Err(CallError::Lost(lost)) => Err(lost_in(method, &lost)),
            Ok(_) => Err(format!("accepts {method}, which it does not advertise")),
        }
    }
}

fn unexpected(method: &str, error: CallError) -> String {
    match error.refusal() {
        Ok(refusal) => format!("{method} was refused: {refusal}"),
        Err(lost) => lost_in(method, &lost),
    }
}

/// Why a method has no response; named once.
fn lost_in(method: &str, lost: &SessionError) -> String {
    match lost {
        SessionError::Timeout { .. } => lost.to_string(),
        SessionError::Crash(_) | SessionError::Protocol(_) | SessionError::Skipped(_) => {
            format!("{method}: {lost}")
        }
    }
}
