//! Checks that every name, path and model in a case exists where it is used.

use std::ops::Range;

use indexmap::IndexMap;
use toml::Spanned;

use super::{Action, Step, SuiteError, document::Document, expectation::texts_in, step::Spans, work_path};
use crate::harness::contract::{Contract, EVENTS, WARNINGS};

/// Names that values of a request may use.
const OF_VALUES: [&str; 2] = ["work", "none"];

/// Names reserved in every suite; a contract adds its observables and the name of its file.
const RESERVED: [&str; 4] = ["work", "none", WARNINGS, EVENTS];

/// The response of an earlier step.
struct Response {
    fields: Option<&'static [&'static str]>,
    is_models: bool,
}

/// Checks the steps in the order of a run.
pub(super) fn check(
    document: &Document,
    contract: &dyn Contract,
    steps: &mut dyn Iterator<Item = &(Step, Spans)>,
) -> Result<(), SuiteError> {
    let reserved: Vec<&str> =
        contract.observables().iter().copied().chain([contract.file_name()]).chain(RESERVED).collect();
    let mut known: IndexMap<String, Response> = IndexMap::new();
    for (step, spans) in steps {
        let (action, span) = (&step.action, &spans.action);
        for path in action.paths() {
            check_path(document, path, span)?;
        }
        for models in action.models() {
            let name = Spanned::new(span.clone(), models.trim_start_matches('$').to_owned());
            let left = known.get(name.get_ref()).is_some_and(|response| response.is_models);
            if !models.starts_with('$') || !left {
                let models: Vec<&str> = known
                    .iter()
                    .filter(|(_, response)| response.is_models)
                    .map(|(name, _)| name.as_str())
                    .collect();
                return Err(document.unknown(
                    &name,
                    "model reference (expected $ and the name of an earlier response)",
                    &models,
                ));
            }
        }
        let mut texts = Vec::new();
        action.values().for_each(|value| texts_in(value, &mut texts));
        // Requests must not depend on earlier responses, so values may use only the reserved names.
        for (name, _) in texts.into_iter().filter_map(parse_reference) {
            if !OF_VALUES.contains(&name) {
                let word = Spanned::new(span.clone(), name.to_owned());
                return Err(document.unknown(&word, "name after $ in a value", &OF_VALUES));
            }
        }
        if matches!(action, Action::Restart) {
            // A new process has no models; what is known of the earlier ones stays.
            known.values_mut().for_each(|response| response.is_models = false);
        }
        if let Some(name) = action.response_name() {
            if reserved.contains(&name) || known.contains_key(name) {
                return Err(document.error(span.clone(), format!("the name {name:?} is already in use")));
            }
            let response =
                Response { fields: action.response_fields(contract), is_models: action.keeps_models() };
            known.insert(name.to_owned(), response);
        }
        for (named_expectation, span) in step.expectations.iter().zip(&spans.expectations) {
            let condition = &named_expectation.expectation.condition;
            for path in condition.paths() {
                check_path(document, path, span)?;
            }
            if let Some(observable) =
                condition.unchanged().filter(|name| !contract.observables().contains(name))
            {
                let word = Spanned::new(span.clone(), observable.to_owned());
                return Err(document.unknown(&word, "observable after `unchanged`", contract.observables()));
            }
            for text in condition.references() {
                check_reference(document, text, &known, &reserved, span)?;
            }
        }
    }
    Ok(())
}

fn check_path(document: &Document, path: &str, span: &Range<usize>) -> Result<(), SuiteError> {
    work_path(path).map(|_| ()).map_err(|message| document.error(span.clone(), message))
}

/// The name in a `$` reference, and the field after it.
fn parse_reference(text: &str) -> Option<(&str, Option<&str>)> {
    let reference = text.strip_prefix('$').filter(|rest| !rest.starts_with('$'))?;
    let mut parts = reference.split(['.', '/']);
    Some((parts.next().unwrap_or_default(), parts.next()))
}

fn check_reference(
    document: &Document,
    text: &str,
    known: &IndexMap<String, Response>,
    reserved: &[&str],
    span: &Range<usize>,
) -> Result<(), SuiteError> {
    let Some((name, field)) = parse_reference(text) else { return Ok(()) };
    if reserved.contains(&name) {
        return Ok(());
    }
    let Some(response) = known.get(name) else {
        let known: Vec<&str> = known.keys().map(String::as_str).chain(reserved.iter().copied()).collect();
        return Err(document.unknown(&Spanned::new(span.clone(), name.to_owned()), "name after $", &known));
    };
    match (response.fields, field) {
        (Some(fields), Some(field)) if !fields.contains(&field) => {
            let word = Spanned::new(span.clone(), field.to_owned());
            Err(document.unknown(&word, &format!("field of ${name}"), fields))
        }
        _ => Ok(()),
    }
}
