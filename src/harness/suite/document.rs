//! One TOML file of a suite: parsed, filled in and deserialized, with the position of every error.
//!
//! Placeholders are replaced in the parsed tree before deserialization, so that `"${field}"` can stand for a number,
//! and an error in an inserted value points to where that value is defined.

use std::{collections::HashSet, ops::Range, sync::Arc};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{SuiteError, nearest};

/// A table with the position of every key and value.
pub(super) type Table<'a> = Spanned<DeTable<'a>>;

/// A file and its text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) file: String,
    pub(super) text: Arc<str>,
}

/// The values of placeholders.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'i> {
    /// Those of an example, in the same file.
    pub(super) own: DeTable<'i>,
    /// Those of a variant, from another file.
    pub(super) named: DeTable<'i>,
}

impl Document {
    /// An error at this byte range.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> SuiteError {
        let (file, text, message) = (self.file.clone(), Arc::clone(&self.text), message.into());
        SuiteError { file, text, span, message, help: None }
    }

    /// An error for an unknown word, which suggests the nearest known one or lists them all.
    pub(super) fn unknown(&self, word: &Spanned<String>, what: &str, known: &[&str]) -> SuiteError {
        let mut error = self.error(word.span(), format!("unknown {what} {:?}", word.get_ref()));
        let all = || format!("expected one of {}", known.join(", "));
        error.help = nearest(word.get_ref(), known.iter().copied()).or_else(|| (known.len() <= 24).then(all));
        error
    }

    /// Parses the file into a tree.
    pub(super) fn parse(&self) -> Result<Table<'_>, SuiteError> {
        DeTable::parse(&self.text).map_err(|error| self.located(&error, &(0..0)))
    }

    /// Deserializes a tree.
    pub(super) fn typed<T: DeserializeOwned>(&self, tree: Table<'_>) -> Result<T, SuiteError> {
        self.typed_with(tree, |tree| T::deserialize(toml::Deserializer::from(tree)))
    }

    /// Reads a tree or a part of it with this function, and adds positions to its errors.
    pub(super) fn typed_with<T, P>(
        &self,
        tree: Spanned<P>,
        read: impl FnOnce(Spanned<P>) -> Result<T, toml::de::Error>,
    ) -> Result<T, SuiteError> {
        let whole = tree.span();
        read(tree).map_err(|error| self.located(&error, &whole))
    }

    /// Replaces every `"${field}"` with the value of that field.
    pub(super) fn fill_in<'i>(&self, tree: &mut DeTable<'i>, fields: &Fields<'i>) -> Result<(), SuiteError> {
        tree.iter_mut().try_for_each(|(_, value)| self.fill_in_value(value, fields))
    }

    fn fill_in_value<'i>(
        &self,
        value: &mut Spanned<DeValue<'i>>,
        fields: &Fields<'i>,
    ) -> Result<(), SuiteError> {
        let span = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.fill_in(table, fields),
            DeValue::Array(items) => items.iter_mut().try_for_each(|value| self.fill_in_value(value, fields)),
            DeValue::String(text) => {
                let Some(field) = placeholder(text) else {
                    if text.contains("${") {
                        let message = "a placeholder must be the whole value: \"${field}\"";
                        return Err(self.error(span, message));
                    }
                    return Ok(());
                };
                *value = match (fields.own.get(field), fields.named.get(field)) {
                    (Some(given), _) => given.clone(),
                    // It is defined in another file, so its place in this one is that of the placeholder.
                    (None, Some(given)) => Spanned::new(span, given.get_ref().clone()),
                    (None, None) => {
                        let known = fields.own.keys().chain(fields.named.keys());
                        let known: Vec<&str> = known.map(|key| key.get_ref().as_ref()).collect();
                        let word = Spanned::new(span, field.to_owned());
                        return Err(self.unknown(&word, "example field", &known));
                    }
                };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Every field of an example must be used.
    pub(super) fn all_used(&self, used: &HashSet<&str>, fields: &DeTable<'_>) -> Result<(), SuiteError> {
        match fields.keys().find(|field| !used.contains(field.get_ref().as_ref())) {
            None => Ok(()),
            Some(field) => {
                Err(self.error(field.span(), format!("unused example field {:?}", field.get_ref())))
            }
        }
    }

    fn located(&self, error: &toml::de::Error, whole: &Range<usize>) -> SuiteError {
        let mut located = self.error(error.span().unwrap_or_else(|| whole.clone()), error.message());
        located.help = offered(error.message());
        located
    }
}

/// The fields of all placeholders in a tree.
pub(super) fn placeholders_in<'t>(tree: &'t DeTable<'_>) -> HashSet<&'t str> {
    let mut used = HashSet::new();
    tree.iter().for_each(|(_, value)| placeholders(value, &mut used));
    used
}

/// The field name, if the text is exactly one placeholder.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|field| !field.contains("${"))
}

fn placeholders<'t>(value: &'t Spanned<DeValue<'_>>, used: &mut HashSet<&'t str>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, value)| placeholders(value, used)),
        DeValue::Array(items) => items.iter().for_each(|value| placeholders(value, used)),
        DeValue::String(text) => used.extend(placeholder(text)),
        _ => {}
    }
}

/// The nearest of the words that the parser expected, in its own message:
/// ``unknown field `x`, expected one of `a`, `b` ``.
fn offered(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|_| message.starts_with("unknown "))?;
    nearest(wrong, words)
}
