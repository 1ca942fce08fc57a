//! Deserializes a typed struct from a plain [`Value`], without the JSON notation.

use serde::{
    Deserializer,
    de::{
        Error as _, Visitor,
        value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

use super::Value;

impl<'de> serde::de::IntoDeserializer<'de> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::None => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Int(value) => visitor.visit_i64(value),
            Self::BigInt(value) => Err(Error::custom(format!("expected a 64-bit integer, found {value}"))),
            Self::Python(repr) => Err(Error::custom(format!("expected a plain value, found {repr}"))),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Self::Text(text) | Self::Path(text) => visitor.visit_string(text),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter()))
            }
            Self::Map(map) => visitor.visit_map(MapDeserializer::new(map.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::None => visitor.visit_none(),
            present => visitor.visit_some(present),
        }
    }

    /// A map with one key, the name of the variant, and its content; or only the name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Map(map) => MapAccessDeserializer::new(MapDeserializer::new(map.into_iter()))
                .deserialize_enum(name, variants, visitor),
            Self::Text(variant) => visitor.visit_enum(StringDeserializer::new(variant)),
            other => Err(Error::custom(format!("expected one of {}, found {other}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;
    use crate::value::Map;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Change {
        Cut { bytes: u64 },
        Set { value: Value, only: Option<String> },
        Nothing,
    }

    fn one(key: &str, value: Value) -> Value {
        Value::Map(Map::from_iter([(key.to_owned(), value)]))
    }

    #[test]
    fn a_dict_that_looks_like_the_notation_is_not_decoded() {
        let cut = one("cut", one("bytes", Value::Int(200)));
        assert_eq!(Change::deserialize(cut).unwrap(), Change::Cut { bytes: 200 });
        assert_eq!(Change::deserialize(Value::from("nothing")).unwrap(), Change::Nothing);
        let dict = one("float", Value::from("nan"));
        let set = one("set", one("value", dict.clone()));
        assert_eq!(Change::deserialize(set).unwrap(), Change::Set { value: dict, only: None });
    }

    #[test]
    fn unknown_fields_are_named() {
        let error = Change::deserialize(one("cut", one("byte", Value::Int(200)))).unwrap_err();
        assert!(error.to_string().contains("unknown field `byte`"), "{error}");
        assert!(Change::deserialize(Value::Int(1)).is_err());
        let error = Change::deserialize(Value::from("noting")).unwrap_err();
        assert!(error.to_string().contains("unknown variant `noting`"), "{error}");
    }
}
