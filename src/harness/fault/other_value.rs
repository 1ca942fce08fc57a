//! Values that differ from a given one as little as possible.

use num_bigint::BigInt;

use crate::value::{Map, Value};

/// The key of what is added to a dict.
pub(crate) const ADDED: &str = "bundleproof_added";

/// The nearest other value of the same type; `None` for a dict, and where a type has one value only.
pub fn altered(value: &Value) -> Option<Value> {
    Some(match value {
        Value::None | Value::Map(_) => return None,
        Value::Bool(value) => Value::Bool(!value),
        Value::Int(value) => Value::integer(BigInt::from(*value) + 1),
        Value::BigInt(value) => Value::integer(value + 1),
        Value::Float(value) => Value::Float(next_float(*value)),
        Value::Bytes(bytes) => Value::Bytes(other_bytes(bytes)),
        Value::Text(text) => Value::Text(other_text(text)),
        Value::Path(text) => Value::Path(other_text(text)),
        Value::Python(repr) => Value::Python(other_text(repr)),
        Value::List(items) => Value::List(other_items(items)?),
        Value::Tuple(items) => Value::Tuple(other_items(items)?),
        Value::Set(items) => Value::Set(other_items(items)?),
    })
}

/// The nearest value of another type; `None` for a dict.
pub fn retyped(value: &Value) -> Option<Value> {
    Some(match value {
        Value::None => Value::Bool(false),
        Value::Bool(value) => Value::Int(i64::from(*value)),
        Value::Int(value) => Value::Float(*value as f64),
        Value::BigInt(value) => Value::Text(value.to_string()),
        // Beyond this, not every whole number is a float.
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Value::Int(*value as i64),
        Value::Float(value) => Value::Text(Value::Float(*value).to_string()),
        Value::Bytes(bytes) => Value::Text(hex::encode(bytes)),
        Value::Text(text) => Value::Path(text.clone()),
        Value::Path(text) | Value::Python(text) => Value::Text(text.clone()),
        Value::List(items) => Value::Tuple(items.clone()),
        Value::Tuple(items) | Value::Set(items) => Value::List(items.clone()),
        Value::Map(_) => return None,
    })
}

/// The value with one key or item more; `None` for what has neither.
pub(super) fn added(value: &Value) -> Option<Value> {
    let one_more = |items: &[Value]| {
        let more = items.last().cloned().unwrap_or(Value::Int(1));
        items.iter().cloned().chain(std::iter::once(more)).collect()
    };
    Some(match value {
        Value::Map(map) => {
            let mut map = map.clone();
            let more = map.values().next_back().cloned().unwrap_or(Value::Int(1));
            map.insert(ADDED.to_owned(), more);
            Value::Map(map)
        }
        Value::List(items) => Value::List(one_more(items)),
        Value::Tuple(items) => Value::Tuple(one_more(items)),
        Value::Text(text) => Value::Text(format!("{text}.")),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => return None,
    })
}

/// The empty value of the same type; `None` for what has no empty value.
pub(super) fn emptied(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Map(_) => Value::Map(Map::new()),
        Value::List(_) => Value::List(Vec::new()),
        Value::Tuple(_) => Value::Tuple(Vec::new()),
        Value::Set(_) => Value::Set(Vec::new()),
        Value::Text(_) => Value::Text(String::new()),
        Value::Bytes(_) => Value::Bytes(Vec::new()),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Path(_)
        | Value::Python(_) => return None,
    })
}

fn next_float(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else if value == f64::INFINITY {
        f64::MAX
    } else {
        value.next_up()
    }
}

fn other_bytes(bytes: &[u8]) -> Vec<u8> {
    match bytes.split_last() {
        Some((last, rest)) => rest.iter().copied().chain(std::iter::once(last ^ 1)).collect(),
        None => vec![0],
    }
}

/// Another last character: the next one of a hexadecimal digit, so that a digest stays one.
fn other_text(text: &str) -> String {
    let mut characters = text.chars();
    let last = characters.next_back();
    let other = match last {
        Some('9') => '8',
        Some('f') => 'e',
        Some('F') => 'E',
        Some('z') => 'y',
        Some('Z') => 'Y',
        Some(last) if last.is_ascii_alphanumeric() => char::from_u32(u32::from(last) + 1).unwrap_or('x'),
        Some(_) | None => 'x',
    };
    let other = if last == Some(other) { 'y' } else { other };
    characters.as_str().chars().chain(std::iter::once(other)).collect()
}

/// The items with the last one changed.
fn other_items(items: &[Value]) -> Option<Vec<Value>> {
    let (last, rest) = items.split_last()?;
    Some(rest.iter().cloned().chain(std::iter::once(altered(last)?)).collect())
}
