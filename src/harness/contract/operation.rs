//! Operations as data: what each is asked, what each field is, and what comes back.
//!
//! A contract declares each operation once, as a request type with a table of field roles. Everything that lists
//! operations is made from these descriptions: parsing of cases, execution, server and client of the adapter
//! protocol, probes and schemas.

use std::{any::type_name, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{Spanned, de::DeTable};

use super::{Refusal, RefusalKind};
use crate::value::{Map, Value};

/// One operation of a contract.
#[derive(Debug)]
pub struct Operation {
    /// The name on the wire and in case files.
    pub name: &'static str,
    /// The fields of its request.
    pub fields: &'static [Field],
    /// What it returns.
    pub response: Response,
    /// Whether the implementation keeps models under the name of the response.
    pub keeps_models: bool,
    /// The file that a request is about, as a path of the case such as `$work/out/wts.h5.zip`.
    pub file: fn(&Map) -> Option<String>,
    /// How requests and responses are read.
    pub codec: Codec,
}

/// A step of a case that the harness performs itself.
#[derive(Debug)]
pub struct HarnessStep {
    /// The name in case files.
    pub name: &'static str,
    /// The fields of its request.
    pub fields: &'static [Field],
    /// The fields of what it returns.
    pub response: &'static [&'static str],
    /// The file that a request is about, as a path of the case.
    pub file: fn(&Map) -> Option<String>,
    /// Reads a request from a case file, as it stands there.
    pub from_toml: fn(Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error>,
    /// Performs it on the file at this path. A refusal says that the file is not as the step needs it; an error
    /// is the harness's own.
    pub run: fn(&Path, &Map) -> Result<Result<Map, Refusal>, String>,
}

/// One field of a request.
#[derive(Debug)]
pub struct Field {
    /// Its name, on the wire and in case files.
    pub name: &'static str,
    /// What it is.
    pub role: FieldRole,
}

/// What a field of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRole {
    /// Goes to the implementation as it stands.
    Plain,
    /// A path: `$work/...` in a case, relative to the session's directory for the implementation.
    Path,
    /// Models that an earlier operation left: `$name` in a case, the bare name for the implementation.
    Models,
    /// A configuration: `{ kind, values }`, or the name of one in `configs.toml`.
    Config,
    /// Values in which `$none` and `$work` are replaced.
    Values,
    /// The name of the response: `as` in a case.
    ResponseName,
}

/// What an operation returns, and what a case sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing: an empty object.
    Nothing,
    /// An object with these fields.
    Fields(&'static [&'static str]),
    /// An object with this one field; a case sees what is in it, whose keys are not known beforehand.
    Inner(&'static str),
}

/// How requests and responses of one operation are read, each checked against its type.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// A request in a case file.
    pub request_from_toml: fn(Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error>,
    /// A request on the wire.
    pub request_from_json: fn(&str) -> Result<Map, serde_json::Error>,
    /// A response on the wire.
    pub response_from_json: fn(&str) -> Result<Map, serde_json::Error>,
}

/// The type of a request, with the operation that takes it and the type of the response.
pub trait OperationRequest: Serialize + DeserializeOwned {
    /// The operation's name.
    const NAME: &'static str;
    /// What it returns.
    type Response: OperationResponse;
}

/// The type of a response.
pub trait OperationResponse: Sized {
    /// What a case sees of it.
    const SHAPE: Response;

    /// The object on the wire.
    type Wire: DeserializeOwned;

    /// The response that was on the wire.
    fn from_wire(wire: Self::Wire) -> Self;

    /// Its fields, as a session returns them.
    fn into_fields(self) -> Map;
}

impl Codec {
    /// The codec of a request type.
    pub const fn of<R: OperationRequest>() -> Self {
        Self {
            request_from_toml: |table| {
                to_fields(&R::deserialize(toml::Deserializer::from(table))?).map_err(serde::de::Error::custom)
            },
            request_from_json: |text| {
                let request: R = serde_json::from_str(text)?;
                to_fields(&request).map_err(serde::de::Error::custom)
            },
            response_from_json: |text| {
                let wire = serde_json::from_str(text)?;
                Ok(R::Response::from_wire(wire).into_fields())
            },
        }
    }
}

/// Reads the request of a [`HarnessStep`] of this type from a case file, and keeps it as it stands.
///
/// # Errors
/// What does not fit the type, with the place in the file.
pub fn step_from_toml<R: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<Map, toml::de::Error> {
    R::deserialize(toml::Deserializer::from(table.clone()))?;
    Map::deserialize(toml::Deserializer::from(table))
}

/// The fields of a typed request or response, as a session is given them.
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

/// The typed request or response that these fields are.
///
/// # Errors
/// `internal` when they do not fit the type.
pub fn from_fields<T: DeserializeOwned>(fields: &Map) -> Result<T, Refusal> {
    let typed = serde_json::to_value(fields).and_then(serde_json::from_value);
    typed.map_err(|error| {
        Refusal::new(RefusalKind::Internal, format!("expected {}: {error}", type_name::<T>()))
    })
}
