//! One configuration value, as Python sees it.

use std::fmt;

use num_bigint::BigInt;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::shared_map::SharedMap;

/// Named values in order, such as params, a request or a response.
pub type Map = SharedMap<Value>;

/// What a params snapshot, a manifest or a sentinel may hold.
///
/// Equality is exact: `1`, `1.0` and `True` are three different values although Python calls them
/// equal, and floats are compared by their bits, so that a NaN that came back is the same NaN.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Python's `None`.
    #[default]
    None,
    /// Python's `bool`.
    Bool(bool),
    /// Python's `int`, as far as 64 bits carry it.
    Int(i64),
    /// Python's `int` beyond 64 bits; never one that [`Value::Int`] could hold.
    BigInt(BigInt),
    /// Python's `float`: IEEE 754 binary64.
    Float(f64),
    /// Python's `bytes`.
    Bytes(Vec<u8>),
    /// Python's `str`.
    Text(String),
    /// A path object of `pathlib`, by its text.
    Path(String),
    /// Python's `list`.
    List(Vec<Value>),
    /// Python's `tuple`.
    Tuple(Vec<Value>),
    /// Python's `set` or `frozenset`, as [`Value::set`] makes it.
    Set(Vec<Value>),
    /// Python's `dict` with text keys.
    Map(Map),
    /// Any other Python object, as its `repr` prints it: `range(0, 10, 2)`, `(1+2j)`, `{64: 2}`. It can be read, compared
    /// and shown, and not written.
    Python(String),
}

impl Value {
    /// An `int` of any size.
    pub fn integer(value: BigInt) -> Self {
        i64::try_from(&value).map_or_else(|_| Self::BigInt(value), Self::Int)
    }

    /// A `set` of these items: sorted by their printed form and without duplicates, because Python's own order is not
    /// reproducible.
    pub fn set(mut items: Vec<Self>) -> Self {
        items.sort_by_cached_key(ToString::to_string);
        items.dedup();
        Self::Set(items)
    }

    /// The Python name of the value's type, for messages: `int`, `str`, `NoneType`, ...
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Bytes(_) => "bytes",
            Self::Text(_) => "str",
            Self::Path(_) => "Path",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Map(_) => "dict",
            Self::Python(_) if self.is_text_by_repr() => "str",
            Self::Python(_) => "object",
        }
    }

    /// Whether it is a [`Value::Python`] with the repr of a text: one that is not UTF-8.
    pub fn is_text_by_repr(&self) -> bool {
        matches!(self, Self::Python(repr) if repr.starts_with(['\'', '"']))
    }

    /// The text of a [`Value::Text`].
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map of a [`Value::Map`].
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The number of an [`Value::Int`] or [`Value::Float`], as binary64.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::BigInt(value) => value.to_string().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::None
            | Self::Bool(_)
            | Self::Bytes(_)
            | Self::Text(_)
            | Self::Path(_)
            | Self::List(_)
            | Self::Tuple(_)
            | Self::Set(_)
            | Self::Map(_)
            | Self::Python(_) => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::BigInt(a), Self::BigInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Text(a), Self::Text(b))
            | (Self::Path(a), Self::Path(b))
            | (Self::Python(a), Self::Python(b)) => a == b,
            (Self::List(a), Self::List(b))
            | (Self::Tuple(a), Self::Tuple(b))
            | (Self::Set(a), Self::Set(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            // One arm a variant, so that a new variant cannot be unequal to itself.
            (
                Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::BigInt(_)
                | Self::Float(_)
                | Self::Bytes(_)
                | Self::Text(_)
                | Self::Path(_)
                | Self::List(_)
                | Self::Tuple(_)
                | Self::Set(_)
                | Self::Map(_)
                | Self::Python(_),
                _,
            ) => false,
        }
    }
}

impl Eq for Value {}

/// Prints as Python would: `None`, `True`, `1.0`, `'text'`, `[1, 2]`, `{'N': 64}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => write!(f, "{value}"),
            Self::BigInt(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bytes(bytes) => write!(f, "b'{}'", bytes.escape_ascii()),
            Self::Text(text) => write!(f, "'{}'", text.escape_debug()),
            Self::Python(repr) => f.write_str(repr),
            Self::Path(path) => write!(f, "Path('{}')", path.escape_debug()),
            Self::List(items) => write_items(f, "[", items, "]"),
            Self::Tuple(items) if items.len() == 1 => write_items(f, "(", items, ",)"),
            Self::Tuple(items) => write_items(f, "(", items, ")"),
            Self::Set(items) if items.is_empty() => f.write_str("set()"),
            Self::Set(items) => write_items(f, "{", items, "}"),
            Self::Map(map) => {
                f.write_str("{")?;
                for (index, (key, value)) in map.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}'{}': {value}", key.escape_debug())?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(value)
    }
}

/// Reads plain TOML or JSON; [`Value::from_json`] then decodes tagged objects such as `{"float": "nan"}`. TOML has no
/// None: cases write the text `$none`, which is replaced when the case runs.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a 64-bit integer, a float, a string, a list or a table")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        let unexpected = serde::de::Unexpected::Unsigned(value);
        i64::try_from(value).map(Value::Int).map_err(|_| E::invalid_value(unexpected, &self))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}
