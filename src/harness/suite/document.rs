//! One TOML file of a suite: parsed, filled in, and turned into types, with the place of every mistake.
//!
//! Filling in happens on the parsed tree and before any type is looked for, so that `"${field}"` can
//! stand where a number must be, and so that a mistake in what was filled in is shown where it stands.

use std::{ops::Range, sync::Arc};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{SuiteError, nearest};

/// A file's table, with the place of every key and value.
pub(super) type Table<'a> = Spanned<DeTable<'a>>;

/// A file and its text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) file: String,
    pub(super) text: Arc<str>,
}

impl Document {
    /// A mistake at these bytes of the text.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> SuiteError {
        let (file, text, message) = (self.file.clone(), Arc::clone(&self.text), message.into());
        SuiteError { file, text, span, message, help: None }
    }

    /// A word that is not among those known.
    pub(super) fn unknown(&self, word: &Spanned<String>, what: &str, known: &[&str]) -> SuiteError {
        let mut error = self.error(word.span(), format!("unknown {what} {:?}", word.get_ref()));
        let all = || format!("known are {}", known.join(", "));
        error.help = nearest(word.get_ref(), known.iter().copied()).or_else(|| (known.len() <= 24).then(all));
        error
    }

    /// The file as a tree.
    pub(super) fn parse(&self) -> Result<Table<'_>, SuiteError> {
        DeTable::parse(&self.text).map_err(|error| self.located(&error, &(0..0)))
    }

    /// A tree as a type.
    pub(super) fn typed<T: DeserializeOwned>(&self, tree: Table<'_>) -> Result<T, SuiteError> {
        self.typed_with(tree, |tree| T::deserialize(toml::Deserializer::from(tree)))
    }

    /// A tree as what this function reads from it.
    pub(super) fn typed_with<T>(
        &self,
        tree: Table<'_>,
        read: impl FnOnce(Table<'_>) -> Result<T, toml::de::Error>,
    ) -> Result<T, SuiteError> {
        let whole = tree.span();
        read(tree).map_err(|error| self.located(&error, &whole))
    }

    /// Puts the fields of an example in the place of every `"${field}"`.
    pub(super) fn fill_in<'i>(&self, tree: &mut DeTable<'i>, fields: &DeTable<'i>) -> Result<(), SuiteError> {
        tree.iter_mut().try_for_each(|(_, value)| self.fill_in_value(value, fields))
    }

    fn fill_in_value<'i>(
        &self,
        value: &mut Spanned<DeValue<'i>>,
        fields: &DeTable<'i>,
    ) -> Result<(), SuiteError> {
        let span = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.fill_in(table, fields),
            DeValue::Array(items) => items.iter_mut().try_for_each(|value| self.fill_in_value(value, fields)),
            DeValue::String(text) => {
                let Some(field) = placeholder(text) else {
                    if text.contains("${") {
                        let message = "an example fills in whole values: \"${field}\" and nothing beside it";
                        return Err(self.error(span, message));
                    }
                    return Ok(());
                };
                let Some(given) = fields.get(field) else {
                    let known: Vec<&str> = fields.keys().map(|key| key.get_ref().as_ref()).collect();
                    let word = Spanned::new(span, field.to_owned());
                    return Err(self.unknown(&word, "field of an example", &known));
                };
                *value = given.clone();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Every field of an example must be filled in somewhere.
    pub(super) fn all_used(&self, tree: &Table<'_>, fields: &DeTable<'_>) -> Result<(), SuiteError> {
        let mut used = Vec::new();
        tree.get_ref().iter().for_each(|(_, value)| placeholders(value, &mut used));
        match fields.keys().find(|field| !used.contains(&field.get_ref().as_ref())) {
            None => Ok(()),
            Some(field) => {
                let word = Spanned::new(field.span(), field.get_ref().to_string());
                Err(self.unknown(&word, "field: the case does not fill it in:", &used))
            }
        }
    }

    fn located(&self, error: &toml::de::Error, whole: &Range<usize>) -> SuiteError {
        let mut located = self.error(error.span().unwrap_or_else(|| whole.clone()), error.message());
        located.help = offered(error.message());
        located
    }
}

/// The field that a text is filled in with, when it is nothing else.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|field| !field.contains("${"))
}

fn placeholders<'t>(value: &'t Spanned<DeValue<'_>>, used: &mut Vec<&'t str>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, value)| placeholders(value, used)),
        DeValue::Array(items) => items.iter().for_each(|value| placeholders(value, used)),
        DeValue::String(text) => used.extend(placeholder(text)),
        _ => {}
    }
}

/// The nearest word of those that the parser says it expected, in its own spelling:
/// ``unknown field `x`, expected one of `a`, `b` ``.
fn offered(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|_| message.starts_with("unknown "))?;
    nearest(wrong, words)
}
