//! The operations of the store: requests, responses, and the table that describes them.

use bundleproof::{
    harness::contract::{
        Codec, Effect, Field, FieldRole, NamedRule, Operation, OperationRequest, OperationResponse, Refusal,
        RefusalKind, Response,
    },
    value::{Map, Value, json_value},
};
use serde::{Deserialize, Serialize};

use super::{ENTRIES, effects, store_file::in_directory};

/// Every operation.
pub(crate) static OPERATIONS: &[Operation] = &[
    operation::<Set>(
        &[Field { name: "key", role: FieldRole::Plain }, Field { name: "value", role: FieldRole::Values }],
        KeepsNothing,
        |_| None,
        effects::SET,
    ),
    operation::<Get>(
        &[Field { name: "key", role: FieldRole::Plain }, Field { name: "as", role: FieldRole::ResponseName }],
        KeepsNothing,
        |_| None,
        effects::READ,
    ),
    operation::<List>(&[RESPONSE_NAME], KeepsNothing, |_| None, effects::READ),
    operation::<Configure>(
        &[Field { name: "config", role: FieldRole::Config }],
        KeepsNothing,
        |_| None,
        effects::READ,
    ),
    operation::<Save>(&[DIRECTORY], KeepsNothing, in_directory, effects::SAVE),
    operation::<Load>(&[DIRECTORY], KeepsNothing, in_directory, effects::LOAD),
    operation::<Snapshot>(&[RESPONSE_NAME], KeepsItsResponse, |_| None, effects::READ),
    operation::<Restore>(
        &[Field { name: "snapshot", role: FieldRole::Models }],
        KeepsNothing,
        |_| None,
        effects::RESTORE,
    ),
];

const RESPONSE_NAME: Field = Field { name: "as", role: FieldRole::ResponseName };

const DIRECTORY: Field = Field { name: "directory", role: FieldRole::Path };

/// Whether an implementation keeps what it returned, for later requests that name it.
#[derive(Clone, Copy)]
enum Keeps {
    KeepsNothing,
    KeepsItsResponse,
}

use Keeps::{KeepsItsResponse, KeepsNothing};

const fn operation<R: OperationRequest>(
    fields: &'static [Field],
    keeps: Keeps,
    file: fn(&Map) -> Option<String>,
    effects: &'static [Effect],
) -> Operation {
    Operation {
        name: R::NAME,
        fields,
        response: <R::Response as OperationResponse>::SHAPE,
        keeps_models: matches!(keeps, KeepsItsResponse),
        file,
        effects,
        codec: Codec::of::<R>(),
    }
}

/// Sets a key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    pub(crate) key: String,
    #[serde(deserialize_with = "json_value::value")]
    pub(crate) value: Value,
}

/// Returns the value of a key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    pub(crate) key: String,
    #[serde(rename = "as")]
    pub(crate) name: String,
}

/// Returns all keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    #[serde(rename = "as")]
    pub(crate) name: String,
}

/// Sets limits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configure {
    #[serde(deserialize_with = "json_value::map")]
    pub(crate) config: Map,
}

/// Writes `store.json` in a directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Save {
    pub(crate) directory: String,
}

/// Reads `store.json` of a directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) directory: String,
}

/// Keeps the entries under a name, and returns them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshot {
    #[serde(rename = "as")]
    pub(crate) name: String,
}

/// Brings a snapshot back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    pub(crate) snapshot: String,
}

/// The response of `get`.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    #[serde(deserialize_with = "json_value::value")]
    pub(crate) value: Value,
}

/// The response of `list`.
#[derive(Debug, Deserialize)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<String>,
}

/// The response of `snapshot`.
#[derive(Debug, Deserialize)]
pub(crate) struct Entries {
    #[serde(deserialize_with = "json_value::map")]
    pub(crate) entries: Map,
}

macro_rules! requests {
    ($($request:ty, $name:literal => $response:ty;)+) => {
        $(impl OperationRequest for $request {
            const NAME: &'static str = $name;
            type Response = $response;
        })+
    };
}

requests! {
    Set, "set" => ();
    Get, "get" => Found;
    List, "list" => Keys;
    Configure, "configure" => ();
    Save, "save" => ();
    Load, "load" => ();
    Snapshot, "snapshot" => Entries;
    Restore, "restore" => ();
}

macro_rules! responses {
    ($($response:ty, $shape:expr, $own:ident => $name:expr, $value:expr;)+) => {
        $(impl OperationResponse for $response {
            const SHAPE: Response = $shape;
            type Wire = Self;

            fn from_wire(wire: Self) -> Self {
                wire
            }

            fn into_fields(self) -> Map {
                let $own = self;
                Map::from_iter([($name.to_owned(), $value)])
            }
        })+
    };
}

responses! {
    Found, Response::Fields(&["value"]), found => "value", found.value;
    Keys, Response::Fields(&["keys"]), all => "keys",
        Value::List(all.keys.into_iter().map(Value::from).collect());
    Entries, Response::Inner(ENTRIES), snapshot => ENTRIES, Value::Map(snapshot.entries);
}

/// The rules that refusals name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    Positive,
    TooManyEntries,
    KeyTooLong,
}

impl NamedRule for Rule {
    fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::TooManyEntries => "too_many_entries",
            Self::KeyTooLong => "key_too_long",
        }
    }
}

/// What the configuration of the kind `limits` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_entries: i64,
    /// In characters.
    pub(crate) max_key_length: i64,
}

impl Limits {
    /// Reads `{ kind, values }`.
    pub(crate) fn of(config: &Map) -> Result<Self, Refusal> {
        let values = config.get("values").and_then(Value::as_map);
        let keys = values.and_then(|values| values.get("keys")).and_then(Value::as_map);
        let number = |map: Option<&Map>, name: &str| match map.and_then(|map| map.get(name)) {
            None => Ok(i64::MAX),
            Some(Value::Int(number)) if *number > 0 => Ok(*number),
            Some(other) => Err(Refusal::new(
                RefusalKind::InvalidValue,
                format!("expected {name} to be a positive integer, found {other}"),
            )
            .rule(Rule::Positive)
            .field(name)
            .found(other.to_string())),
        };
        Ok(Self { max_entries: number(values, "max_entries")?, max_key_length: number(keys, "max_length")? })
    }
}
