//! Every word that the message of a refusal could be searched for.

use std::collections::BTreeSet;

use crate::{
    harness::contract::{Contract, Response},
    value::{Map, Value},
};

/// The largest number of words that are kept.
const MAX_WORDS: usize = 4096;

/// The longest word that is kept, in bytes.
const MAX_WORD_BYTES: usize = 256;

/// The words of a contract, and of what was asked and answered so far.
#[derive(Debug)]
pub(super) struct Words(BTreeSet<String>);

impl Words {
    /// The names of fields and of their parts.
    pub(super) fn of(contract: &dyn Contract) -> Self {
        let mut words = Self(BTreeSet::new());
        for operation in contract.operations() {
            words.add(operation.name);
            operation.fields.iter().for_each(|field| words.add(field.name));
            match operation.response {
                Response::Nothing => {}
                Response::Fields(fields) => fields.iter().for_each(|field| words.add(field)),
                Response::Inner(field) => words.add(field),
            }
        }
        for kind in contract.config_kinds() {
            let nested = kind.nested.iter().flat_map(|(name, fields)| fields.iter().chain([name]));
            kind.fields.iter().chain(nested).chain([&kind.name]).for_each(|field| words.add(field));
        }
        contract.observables().iter().for_each(|observable| words.add(observable));
        words.add(contract.backend());
        words
    }

    /// Adds every key and every text of a request or an answer.
    pub(super) fn learn(&mut self, fields: &Map) {
        for (key, value) in fields {
            self.add(key);
            self.learn_value(value);
        }
    }

    fn learn_value(&mut self, value: &Value) {
        match value {
            Value::Text(text) | Value::Path(text) => self.add(text),
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                items.iter().for_each(|item| self.learn_value(item));
            }
            Value::Map(map) => self.learn(map),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Python(_) => self.add(&value.to_string()),
        }
    }

    fn add(&mut self, word: &str) {
        if self.0.len() < MAX_WORDS && word.len() <= MAX_WORD_BYTES {
            self.0.insert(word.to_owned());
        }
    }

    /// A message with all of them.
    pub(super) fn message(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        format!("wrong: {}", words.join(", "))
    }
}
