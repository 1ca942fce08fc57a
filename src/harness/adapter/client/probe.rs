//! What must hold of an adapter before a suite says anything about it.
//!
//! An adapter that answers whatever it is asked, or whose `reset` does not reset, would fail a hundred cases
//! for one reason, or pass them for none.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Deadline, Timeouts,
    connection::{CallError, Connection},
};
use crate::{
    harness::{
        adapter::protocol::{Error, Initialized, Nothing, Reset},
        contract::Contract,
    },
    value::{Map, Value},
};

/// A method that no version of the protocol has.
const UNKNOWN: &str = "bundleproof_probe";

/// Asks what an adapter must refuse, and whether a reset is one; a sentence about what it does instead.
pub(super) fn probe(
    contract: &'static dyn Contract,
    connection: &mut Connection,
    adapter: &Initialized,
    deadlines: Timeouts,
) -> Result<(), String> {
    let own = |operation: &&str| adapter.operations.iter().any(|own| own == operation);
    if let Some(odd) = adapter.operations.iter().find(|own| contract.operation(own).is_none()) {
        return Err(format!("it names an operation that there is not: {odd:?}"));
    }
    let place = tempfile::tempdir().map_err(|error| format!("no directory to probe it in: {error}"))?;
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
            return Err(format!("{} was answered, and {observable} does not have {key:?}", write.operation));
        }
        call.expect("reset", &Reset { directory })?;
        if call.knows(observable, key)? {
            return Err(format!("its reset does not reset: {observable} has {key:?} from before it"));
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
        let read = |text: &str| serde_json::from_str(text);
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
            .ok_or_else(|| format!("the response of {observable} has no {observable}"))
    }

    /// A method that it has not must be refused as one that there is not.
    fn refuses(&mut self, method: &str) -> Result<(), String> {
        match self.call::<Box<RawValue>>(method, &Nothing {}) {
            Err(CallError::Response(error)) if error.code == Error::METHOD => Ok(()),
            Err(CallError::Response(error)) => Err(format!(
                "it does not have {method}, and refuses it with the error {} instead of {} (no such method)",
                error.code,
                Error::METHOD
            )),
            Err(CallError::Lost(lost)) => Err(format!("asked for {method}: {}", lost.to_string())),
            Ok(_) => Err(format!("it does not have {method}, and answers it with a result")),
        }
    }
}

fn unexpected(method: &str, error: CallError) -> String {
    match error.refusal() {
        Ok(refusal) => format!("{method} was refused: {refusal}"),
        Err(lost) => format!("{method}: {}", lost.to_string()),
    }
}
