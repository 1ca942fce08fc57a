//! Closed sets of values, and the conversion of configuration fields from and to a [`Value`].

use crate::value::Value;

/// A type of configuration fields.
pub(super) trait FieldValue: Sized {
    /// What a value must be: `an int`, `one of 'adam', 'sgd'`.
    fn expected() -> String;

    /// Reads the field. The error says what was expected.
    fn from_value(value: &Value) -> Result<Self, String>;

    /// The value in the flat map. Paths are text.
    fn to_value(&self) -> Value;

    /// Whether a value belongs to the field, also one that cannot be kept here; else what is allowed.
    fn allows(value: &Value) -> Result<(), String> {
        Self::from_value(value).map(drop)
    }
}

/// Declares an enum whose variants are the values of a Python `Literal`.
macro_rules! literal {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the variant is named after its value")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All variants, in the order of the contract's table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl $crate::bundle::nouns::closed_set::FieldValue for $name {
            fn expected() -> String {
                format!("one of {}", [$($crate::value::Value::from($word).to_string()),+].join(", "))
            }

            fn from_value(value: &$crate::value::Value) -> Result<Self, String> {
                $(if *value == $crate::value::Value::from($word) { return Ok(Self::$variant); })+
                Err(Self::expected())
            }

            fn to_value(&self) -> $crate::value::Value {
                match self { $(Self::$variant => $crate::value::Value::from($word)),+ }
            }
        }
    };
}

pub(super) use literal;

impl FieldValue for bool {
    fn expected() -> String {
        "True or False".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Bool(value) = value { Ok(*value) } else { Err(Self::expected()) }
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl FieldValue for i64 {
    fn expected() -> String {
        "an int".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Int(value) = value { Ok(*value) } else { Err(Self::expected()) }
    }

    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
}

impl FieldValue for f64 {
    fn expected() -> String {
        "a float".to_owned()
    }

    /// An integer is accepted, as in Python code, and becomes a float.
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_number().ok_or_else(Self::expected)
    }

    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
}

impl FieldValue for String {
    fn expected() -> String {
        "text".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_text().map(str::to_owned).ok_or_else(Self::expected)
    }

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

/// The path of a file or a directory.
///
/// A case gives it as a path, which is also what its plain text means there, or as `{"text": …}`: Python text in place
/// of a path object. All three name the same file (CFG-015).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(pub String);

impl FilePath {
    /// The path that the value of a field names, if it is one.
    pub fn in_value(value: &Value) -> Option<&str> {
        match value {
            Value::Text(path) | Value::Path(path) => Some(path),
            Value::Map(map) if map.len() == 1 => map.get(TEXT).and_then(Value::as_text),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Set(_)
            | Value::Python(_)
            | Value::Map(_) => None,
        }
    }

    /// Whether the value of a field is text in place of a path object.
    pub fn is_plain_text(value: &Value) -> bool {
        value.as_map().is_some_and(|map| map.len() == 1 && map.contains_key(TEXT))
    }
}

impl std::ops::Deref for FilePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The key that marks text in place of a path object.
const TEXT: &str = "text";

impl FieldValue for FilePath {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        Self::in_value(value).map(|path| Self(path.to_owned())).ok_or_else(Self::expected)
    }

    /// Names of files that are not UTF-8 are paths too.
    fn allows(value: &Value) -> Result<(), String> {
        if value.is_text_by_repr() { Ok(()) } else { Self::from_value(value).map(drop) }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn expected() -> String {
        format!("{}, or None", T::expected())
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::None => Ok(None),
            value => T::from_value(value).map(Some).map_err(|expected| format!("{expected}, or None")),
        }
    }

    fn allows(value: &Value) -> Result<(), String> {
        match value {
            Value::None => Ok(()),
            value => T::allows(value).map_err(|expected| format!("{expected}, or None")),
        }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::None, T::to_value)
    }
}
