//! Reads a typed struct from a [`Value`] in the JSON notation, without going through JSON.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    Map, Value,
    json_value::{Spelling, spelling},
};

/// The typed struct that a map is, read as its JSON notation spells it: what going through JSON gives, without its cost.
///
/// # Errors
/// What does not fit the type.
pub(crate) fn typed<T: DeserializeOwned>(fields: &Map) -> Result<T, Error> {
    T::deserialize(MapDeserializer::new(fields.iter().map(|(key, value)| (key.as_str(), Spelled(value)))))
}

/// A value as its JSON notation spells it.
#[derive(Clone, Copy)]
struct Spelled<'v>(&'v Value);

impl<'v, 'de> IntoDeserializer<'de> for Spelled<'v> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'v, 'de> Deserializer<'de> for Spelled<'v> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = |items: &'v [Value]| SeqDeserializer::new(items.iter().map(Spelled));
        match spelling(self.0) {
            Spelling::None => visitor.visit_unit(),
            Spelling::Bool(value) => visitor.visit_bool(value),
            Spelling::Int(value) => visitor.visit_i64(value),
            Spelling::Float(value) => visitor.visit_f64(value),
            Spelling::Text(text) => visitor.visit_str(text),
            Spelling::List(list) => visitor.visit_seq(items(list)),
            Spelling::Map(map) => visitor.visit_map(MapDeserializer::new(
                map.iter().map(|(key, value)| (key.as_str(), Spelled(value))),
            )),
            Spelling::TaggedText(tag, text) => {
                visitor.visit_map(MapDeserializer::new(std::iter::once((tag, text))))
            }
            Spelling::TaggedList(tag, list) => {
                visitor.visit_map(MapDeserializer::new(std::iter::once((tag, items(list)))))
            }
            Spelling::TaggedMap(tag, map) => {
                let map = MapDeserializer::new(map.iter().map(|(key, value)| (key.as_str(), Spelled(value))));
                visitor.visit_map(MapDeserializer::new(std::iter::once((tag, map))))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if matches!(self.0, Value::None) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A text names a variant; a map with one key is a variant and what is in it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Text(text) => {
                let text: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            Value::Map(map) => {
                let map = MapDeserializer::new(map.iter().map(|(key, value)| (key.as_str(), Spelled(value))));
                MapAccessDeserializer::new(map).deserialize_enum(name, variants, visitor)
            }
            other => Err(Error::custom(format!("expected one of {}, found {other}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::value::json_value;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Request {
        #[serde(default, deserialize_with = "json_value::map")]
        values: Map,
        #[serde(default)]
        seed: Option<u64>,
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            Just(Value::integer(u64::MAX.into())),
            prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(1.5)]
                .prop_map(Value::Float),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
            "[a-z$]{0,5}".prop_map(Value::from),
            "[a-z/]{0,5}".prop_map(Value::Path),
            "[a-z(){}]{0,5}".prop_map(Value::Python),
        ];
        // What Python takes into a set is hashable: no dict, whose order of keys would decide the order of the set.
        let hashable = leaf.clone();
        leaf.prop_recursive(3, 16, 3, move |inner| {
            let keys = prop_oneof![Just("float".to_owned()), Just("python".to_owned()), "[a-z]{1,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Tuple),
                prop::collection::vec(hashable.clone(), 0..3).prop_map(Value::set),
                prop::collection::vec((keys, inner), 0..3)
                    .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_request_is_what_going_through_json_gives(
            values in prop::collection::vec(("[a-z]{1,4}", value()), 0..4),
            seed in any::<Option<u32>>(),
        ) {
            let values = Value::Map(values.into_iter().collect());
            let seed = seed.map_or(Value::None, |seed| Value::Int(seed.into()));
            // `values` with one tagged key would itself be spelled as a dict; a struct on the wire never is.
            prop_assume!(!matches!(&values, Value::Map(map) if map.len() == 1));
            let fields = Map::from_iter([("values".to_owned(), values), ("seed".to_owned(), seed)]);
            let json = serde_json::to_value(&fields).unwrap();
            prop_assert_eq!(typed::<Request>(&fields).unwrap(), serde_json::from_value(json).unwrap());
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let fields = Map::from_iter([("seed".to_owned(), Value::from("1"))]);
        let error = typed::<Request>(&fields).unwrap_err().to_string();
        assert!(error.contains("invalid type: string \"1\", expected u64"), "{error}");
    }
}
