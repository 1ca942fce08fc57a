//! An exact JSON notation for values.
//!
//! JSON has no NaN, bytes, paths, tuples or sets, and not every reader keeps large integers. Those values are objects
//! with one tag: `{"float": "nan"}`, `{"int": "18446744073709551616"}`, `{"bytes": "00ff"}`, `{"path": "a/b"}`,
//! `{"tuple": [1, 2]}`, `{"set": [1, 2]}`. Other Python objects are given by their repr:
//! `{"python": "range(0, 10, 2)"}`. A dict that looks like a tagged value is written as `{"dict": {…}}`.

use num_bigint::BigInt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};

use super::{Map, Value};

const FLOAT: &str = "float";
const INT: &str = "int";
const BYTES: &str = "bytes";
const PATH: &str = "path";
const TUPLE: &str = "tuple";
const SET: &str = "set";
const DICT: &str = "dict";
const PYTHON: &str = "python";
const TAGS: [&str; 8] = [FLOAT, INT, BYTES, PATH, TUPLE, SET, DICT, PYTHON];

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match spelling(self) {
            Spelling::None => serializer.serialize_unit(),
            Spelling::Bool(value) => serializer.serialize_bool(value),
            Spelling::Int(value) => serializer.serialize_i64(value),
            Spelling::Float(value) => serializer.serialize_f64(value),
            Spelling::Text(text) => serializer.serialize_str(text),
            Spelling::List(items) => serializer.collect_seq(items),
            Spelling::Map(map) => map.serialize(serializer),
            Spelling::TaggedText(tag, text) => tagged(serializer, tag, &text),
            Spelling::TaggedList(tag, items) => tagged(serializer, tag, items),
            Spelling::TaggedMap(tag, map) => tagged(serializer, tag, map),
        }
    }
}

/// How the notation spells a value, one level deep.
pub(super) enum Spelling<'v> {
    None,
    Bool(bool),
    Int(i64),
    /// A finite number.
    Float(f64),
    Text(&'v str),
    List(&'v [Value]),
    Map(&'v Map),
    TaggedText(&'static str, String),
    TaggedList(&'static str, &'v [Value]),
    TaggedMap(&'static str, &'v Map),
}

pub(super) fn spelling(value: &Value) -> Spelling<'_> {
    match value {
        Value::None => Spelling::None,
        Value::Bool(value) => Spelling::Bool(*value),
        Value::Int(value) => Spelling::Int(*value),
        Value::BigInt(value) => Spelling::TaggedText(INT, value.to_string()),
        Value::Float(value) if value.is_finite() => Spelling::Float(*value),
        Value::Float(value) => Spelling::TaggedText(FLOAT, non_finite(*value).to_owned()),
        Value::Bytes(bytes) => Spelling::TaggedText(BYTES, hex::encode(bytes)),
        Value::Text(text) => Spelling::Text(text),
        Value::Path(path) => Spelling::TaggedText(PATH, path.clone()),
        Value::List(items) => Spelling::List(items),
        Value::Tuple(items) => Spelling::TaggedList(TUPLE, items),
        Value::Set(items) => Spelling::TaggedList(SET, items),
        Value::Map(map) if is_tagged(map) => Spelling::TaggedMap(DICT, map),
        Value::Map(map) => Spelling::Map(map),
        Value::Python(repr) => Spelling::TaggedText(PYTHON, repr.clone()),
    }
}

/// The longest integer that is read, in characters, which is Python's limit with a sign: more would take quadratic time.
const MAX_INTEGER_CHARS: usize = 4301;

impl Value {
    /// Decodes the notation. Every NaN becomes the one NaN that Python writes.
    ///
    /// # Errors
    /// When a tagged object holds a value that does not fit its tag.
    pub fn from_json(spelled: Self) -> Result<Self, String> {
        let items = |items: Vec<Self>| items.into_iter().map(Self::from_json).collect::<Result<_, _>>();
        let entries = |map: Map| {
            map.into_iter().map(|(key, value)| Ok((key, Self::from_json(value)?))).collect::<Result<Map, _>>()
        };
        let map = match spelled {
            Self::List(list) => return items(list).map(Self::List),
            Self::Map(map) if !is_tagged(&map) => return entries(map).map(Self::Map),
            Self::Map(map) => map,
            plain => return Ok(plain),
        };
        let Some((tag, value)) = map.into_iter().next() else { return Ok(Self::Map(Map::new())) };
        let invalid = |value: &Self| format!("invalid {tag} value: {value}");
        match (tag.as_str(), value) {
            (FLOAT, Self::Text(text)) => {
                float(&text).map(Self::Float).ok_or_else(|| invalid(&Self::Text(text)))
            }
            (INT, Self::Text(text)) if text.len() > MAX_INTEGER_CHARS => Err(format!(
                "invalid {tag} value of {} characters: at most {MAX_INTEGER_CHARS} are read",
                text.len()
            )),
            (INT, Self::Text(text)) => {
                text.parse::<BigInt>().map(Self::integer).map_err(|_| invalid(&Self::Text(text)))
            }
            (BYTES, Self::Text(text)) => {
                hex::decode(&text).map(Self::Bytes).map_err(|_| invalid(&Self::Text(text)))
            }
            (PATH, Self::Text(text)) => Ok(Self::Path(text)),
            (PYTHON, Self::Text(text)) => Ok(Self::Python(text)),
            (TUPLE, Self::List(list)) => items(list).map(Self::Tuple),
            (SET, Self::List(list)) => items(list).map(Self::set),
            (DICT, Self::Map(map)) => entries(map).map(Self::Map),
            (_, value) => Err(invalid(&value)),
        }
    }
}

/// Deserializes a plain object whose members are in the notation.
///
/// # Errors
/// As [`Value::from_json`].
pub fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
    let spelled = Map::deserialize(deserializer)?;
    spelled
        .into_iter()
        .map(|(key, value)| Ok((key, Value::from_json(value).map_err(D::Error::custom)?)))
        .collect()
}

/// Deserializes a value in the notation.
///
/// # Errors
/// As [`Value::from_json`].
pub fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::from_json(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Floats as JSON numbers, or as tagged objects where JSON has no number for them.
pub(crate) mod floats {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|value| Value::Float(*value)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Vec::<Value>::deserialize(from)?.into_iter().map(number::<D>).collect()
    }
}

/// A float or None, encoded as in [`floats`].
pub(crate) mod float_or_none {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        value.map_or(Value::None, Value::Float).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        match Value::deserialize(from)? {
            Value::None => Ok(None),
            spelled => number::<D>(spelled).map(Some),
        }
    }
}

/// Accepts integers too, because other languages print a whole float as an integer.
fn number<'de, D: Deserializer<'de>>(spelled: Value) -> Result<f64, D::Error> {
    match Value::from_json(spelled).map_err(D::Error::custom)? {
        Value::Float(value) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "JSON has one kind of number")]
        Value::Int(value) => Ok(value as f64),
        other => Err(D::Error::custom(format!("expected a number, found {other}"))),
    }
}

/// Deserializes a field that may be absent, which is different from being None.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    value(deserializer).map(Some)
}

/// Whether a dict must be wrapped because it looks like a tagged value.
fn is_tagged(map: &Map) -> bool {
    map.len() == 1 && map.keys().all(|key| TAGS.contains(&key.as_str()))
}

fn tagged<S: Serializer>(
    serializer: S,
    tag: &str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

fn non_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

fn float(name: &str) -> Option<f64> {
    match name {
        "nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The schema type of an object whose members are in the notation.
#[cfg(test)]
pub(crate) type Spelled = indexmap::IndexMap<String, serde_json::Value>;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn one(key: &str, value: Value) -> Value {
        Value::Map(Map::from_iter([(key.to_owned(), value)]))
    }

    #[rstest]
    #[case::none(Value::None, "null")]
    #[case::big(Value::integer(BigInt::from(u64::MAX)), r#"{"int":"18446744073709551615"}"#)]
    #[case::whole_float(Value::Float(1.0), "1.0")]
    #[case::infinity(Value::Float(f64::NEG_INFINITY), r#"{"float":"-inf"}"#)]
    #[case::nan(Value::Float(f64::NAN), r#"{"float":"nan"}"#)]
    #[case::bytes(Value::Bytes(vec![0, 0xff]), r#"{"bytes":"00ff"}"#)]
    #[case::path(Value::Path("a/b".to_owned()), r#"{"path":"a/b"}"#)]
    #[case::object(Value::Python("range(0, 2)".to_owned()), r#"{"python":"range(0, 2)"}"#)]
    #[case::dict_like_an_object(one("python", Value::from("a")), r#"{"dict":{"python":"a"}}"#)]
    #[case::dict_like_a_path(one("path", Value::from("a")), r#"{"dict":{"path":"a"}}"#)]
    #[case::tuple(Value::Tuple(vec![Value::Int(1), Value::List(vec![])]), r#"{"tuple":[1,[]]}"#)]
    #[case::set(Value::set(vec![Value::Int(2), Value::Int(1), Value::Int(2)]), r#"{"set":[1,2]}"#)]
    #[case::dict(one("N", Value::Int(64)), r#"{"N":64}"#)]
    #[case::dict_like_a_tag(one("int", Value::Int(64)), r#"{"dict":{"int":64}}"#)]
    #[case::dict_like_a_dict(
        one("dict", one("int", Value::None)),
        r#"{"dict":{"dict":{"dict":{"int":null}}}}"#
    )]
    fn values_round_trip_through_the_notation(#[case] value: Value, #[case] spelled: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), spelled);
        assert_eq!(Value::from_json(serde_json::from_str(spelled).unwrap()).unwrap(), value);
    }

    #[rstest]
    #[case(r#"{"float": "1.0"}"#)]
    #[case(r#"{"int": "1x"}"#)]
    #[case(&format!(r#"{{"int": "{}"}}"#, "1".repeat(MAX_INTEGER_CHARS + 1)))]
    #[case(r#"{"int": 1}"#)]
    #[case(r#"{"bytes": "0"}"#)]
    #[case(r#"{"bytes": "é0"}"#)]
    #[case(r#"{"path": 1}"#)]
    #[case(r#"{"python": 1}"#)]
    #[case(r#"{"tuple": {}}"#)]
    #[case(r#"[{"set": 1}]"#)]
    fn invalid_tagged_values_are_rejected(#[case] spelled: &str) {
        assert!(
            Value::from_json(serde_json::from_str(spelled).unwrap()).unwrap_err().starts_with("invalid ")
        );
    }
}
