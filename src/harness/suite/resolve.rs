//! Every name, place and model that a case refers to must be there when it is referred to.

use std::ops::Range;

use indexmap::IndexMap;
use toml::Spanned;

use super::{Step, SuiteError, case::Spans, document::Document, expectation::texts_in, under_work};

/// Names that always mean something, so that no answer can have them.
const RESERVED: [&str; 4] = ["work", "params", "archive", "none"];

/// What may be in a value that is written or handed on: what is there before anything was answered.
const IN_VALUES: [&str; 2] = ["work", "none"];

/// An answer that a step left.
struct Answer {
    fields: Option<&'static [&'static str]>,
    is_models: bool,
}

/// Goes through the steps in order, as a run would.
pub(super) fn check(document: &Document, steps: &[(Step, Spans)]) -> Result<(), SuiteError> {
    let mut known: IndexMap<String, Answer> = IndexMap::new();
    for (step, spans) in steps {
        let (action, span) = (&step.action, &spans.action);
        for path in action.paths() {
            place(document, path, span)?;
        }
        if let Some(models) = action.models() {
            let name = Spanned::new(span.clone(), models.trim_start_matches('$').to_owned());
            let left = known.get(name.get_ref()).is_some_and(|answer| answer.is_models);
            if !models.starts_with('$') || !left {
                let models: Vec<&str> = known
                    .iter()
                    .filter(|(_, answer)| answer.is_models)
                    .map(|(name, _)| name.as_str())
                    .collect();
                return Err(document.unknown(
                    &name,
                    "models: give $ and the name they were left under, not",
                    &models,
                ));
            }
        }
        if let Some(values) = action.values() {
            let mut texts = Vec::new();
            values.values().for_each(|value| texts_in(value, &mut texts));
            for (name, _) in texts.into_iter().filter_map(named) {
                if !IN_VALUES.contains(&name) {
                    let word = Spanned::new(span.clone(), name.to_owned());
                    return Err(document.unknown(&word, "name after $ in a value", &IN_VALUES));
                }
            }
        }
        if let Some(name) = action.answer_name() {
            if RESERVED.contains(&name) || known.contains_key(name) {
                return Err(
                    document.error(span.clone(), format!("the name {name:?} is taken: choose another"))
                );
            }
            let answer = Answer { fields: action.answer_fields(), is_models: action.leaves_models() };
            known.insert(name.to_owned(), answer);
        }
        for (named_expectation, span) in step.expectations.iter().zip(&spans.expectations) {
            let condition = &named_expectation.expectation.condition;
            for path in condition.paths() {
                place(document, path, span)?;
            }
            for text in condition.references() {
                refer(document, text, &known, span)?;
            }
        }
    }
    Ok(())
}

fn place(document: &Document, path: &str, span: &Range<usize>) -> Result<(), SuiteError> {
    under_work(path).map(|_| ()).map_err(|message| document.error(span.clone(), message))
}

/// The name that a text refers to, and what follows it.
fn named(text: &str) -> Option<(&str, Option<&str>)> {
    let reference = text.strip_prefix('$').filter(|rest| !rest.starts_with('$'))?;
    let mut parts = reference.split(['.', '/']);
    Some((parts.next().unwrap_or_default(), parts.next()))
}

fn refer(
    document: &Document,
    text: &str,
    known: &IndexMap<String, Answer>,
    span: &Range<usize>,
) -> Result<(), SuiteError> {
    let Some((name, field)) = named(text) else { return Ok(()) };
    if RESERVED.contains(&name) {
        return Ok(());
    }
    let Some(answer) = known.get(name) else {
        let known: Vec<&str> = known.keys().map(String::as_str).chain(RESERVED).collect();
        return Err(document.unknown(&Spanned::new(span.clone(), name.to_owned()), "name after $", &known));
    };
    match (answer.fields, field) {
        (Some(fields), Some(field)) if !fields.contains(&field) => {
            let word = Spanned::new(span.clone(), field.to_owned());
            Err(document.unknown(&word, &format!("field of ${name}"), fields))
        }
        _ => Ok(()),
    }
}
