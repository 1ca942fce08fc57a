//! Operations as data: request, field roles and response.
//!
//! A contract declares each operation once, as a request type with a table of field roles. Case parsing, execution,
//! the server and client of the adapter protocol, probes and schemas are all derived from these descriptions.

use std::{any::type_name, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{Spanned, de::DeTable};

use super::{Effect, Refusal, RefusalKind};
use crate::value::{Map, Value, from_json, typed};

/// One operation of a contract.
#[derive(Debug)]
pub struct Operation {
    /// The name on the wire and in case files.
    pub name: &'static str,
    /// The fields of its request.
    pub fields: &'static [Field],
    /// The shape of its response.
    pub response: Response,
    /// Whether the implementation stores models under the name of the response.
    pub keeps_models: bool,
    /// The file of a request, as a path in the case such as `$work/out/wts.h5.zip`.
    pub file: fn(&Map) -> Option<String>,
    /// What it does to observables and files.
    pub effects: &'static [Effect],
    /// Parses requests and responses.
    pub codec: Codec,
}

/// A step of a case that the harness performs itself.
#[derive(Debug)]
pub struct HarnessStep {
    /// The name in case files.
    pub name: &'static str,
    /// The fields of its request.
    pub fields: &'static [Field],
    /// The fields of its response.
    pub response: &'static [&'static str],
    /// The file of a request, as a path in the case.
    pub file: fn(&Map) -> Option<String>,
    /// Parses a request in a case file; references in it are not resolved.
    pub from_toml: fn(Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error>,
    /// Performs the step on the file at this path. A refusal means that the file does not fit the step; an error is a
    /// failure of the harness.
    pub run: fn(&Path, &Map) -> StepResult,
}

/// What a harness step returns: the fields of its response, or a refusal where the file is not as the step needs it; the
/// outer error is a failure of the harness.
pub type StepResult = Result<Result<Map, Refusal>, String>;

/// One field of a request.
#[derive(Debug)]
pub struct Field {
    /// The name on the wire and in case files.
    pub name: &'static str,
    /// How its value is interpreted.
    pub role: FieldRole,
}

/// How the value of a request field is interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRole {
    /// Passed to the implementation unchanged.
    Plain,
    /// A path: `$work/...` in a case, relative to the session's directory on the wire.
    Path,
    /// Models of an earlier operation: `$name` in a case, `name` on the wire.
    Models,
    /// A configuration: `{ kind, values }`, or the name of one in `configs.toml`.
    Config,
    /// Values in which `$none` and `$work` are replaced.
    Values,
    /// The name of the response: `as` in a case.
    ResponseName,
}

/// The shape of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// An empty object.
    Nothing,
    /// An object with these fields.
    Fields(&'static [&'static str]),
    /// An object with this one field; a case refers to the keys inside it, which are not known in advance.
    Inner(&'static str),
}

/// Parses requests and responses of one operation, each checked against its type.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// Parses a request in a case file.
    pub request_from_toml: fn(Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error>,
    /// Parses a request on the wire.
    pub request_from_json: fn(&str) -> Result<Map, serde_json::Error>,
    /// Parses a response on the wire.
    pub response_from_json: fn(&str) -> Result<Map, serde_json::Error>,
}

/// The request type of an operation.
pub trait OperationRequest: Serialize + DeserializeOwned {
    /// The operation's name.
    const NAME: &'static str;
    /// The response type.
    type Response: OperationResponse;
}

/// The type of a response.
pub trait OperationResponse: Sized {
    /// Its shape.
    const SHAPE: Response;

    /// The type on the wire.
    type Wire: DeserializeOwned;

    /// Converts from the type on the wire.
    fn from_wire(wire: Self::Wire) -> Self;

    /// The fields that a session returns.
    fn into_fields(self) -> Map;
}

impl OperationResponse for () {
    const SHAPE: Response = Response::Nothing;

    type Wire = Nothing;

    fn from_wire(Nothing {}: Nothing) -> Self {}

    fn into_fields(self) -> Map {
        Map::new()
    }
}

/// The result of what returns nothing.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Nothing {}

impl Codec {
    /// The codec of a request type.
    pub const fn of<R: OperationRequest>() -> Self {
        Self {
            request_from_toml: |table| {
                to_fields(&R::deserialize(toml::Deserializer::from(table))?).map_err(serde::de::Error::custom)
            },
            request_from_json: |text| {
                let request: R = from_json(text)?;
                to_fields(&request).map_err(serde::de::Error::custom)
            },
            response_from_json: |text| {
                let wire = from_json(text)?;
                Ok(R::Response::from_wire(wire).into_fields())
            },
        }
    }
}

/// Parses the request of a [`HarnessStep`] in a case file: checked against its type, and kept as written.
///
/// # Errors
/// When it does not fit the type, with the position in the file.
pub fn step_from_toml<R: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error> {
    R::deserialize(toml::Deserializer::from(table.clone()))?;
    Map::deserialize(toml::Deserializer::from(table))
}

/// The fields of a typed request or response.
///
/// # Errors
/// For a type that is not an object, and for an unsigned integer above `i64::MAX`.
pub fn to_fields(typed: &impl Serialize) -> Result<Map, String> {
    let json = serde_json::to_value(typed).map_err(|error| error.to_string())?;
    match Value::deserialize(json).map_err(|error| error.to_string()).and_then(Value::from_json)? {
        Value::Map(fields) => Ok(fields),
        other => Err(format!("expected an object, found {other}")),
    }
}

/// The typed request or response with these fields.
///
/// # Errors
/// `internal` when they do not fit the type.
pub fn from_fields<T: DeserializeOwned>(fields: &Map) -> Result<T, Refusal> {
    typed(fields).map_err(|error| {
        Refusal::new(RefusalKind::Internal, format!("expected {}: {error}", type_name::<T>()))
    })
}
