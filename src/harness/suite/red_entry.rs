//! Red entries: where a case must fail.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use toml::Spanned;

use super::{Reason, Step, SuiteError, document::Document};
use crate::harness::contract::{Contract, RESET};

/// The most expectations of a case, and the most red entries.
const MAX_EXPECTATIONS: usize = 10_000;

/// A stub or mutant on which an expectation of the case must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Red {
    /// The implementation.
    pub on: String,
    /// The expectation.
    pub fails: String,
    /// Why it must fail; without a reason, for any but `not_implemented`.
    pub reason: Option<Reason>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedTable {
    on: Spanned<String>,
    fails: Spanned<String>,
    reason: Option<Reason>,
}

/// Validates red entries: at least one, known implementations and expectations, no duplicates.
pub(super) fn red_entries(
    document: &Document,
    red: Vec<RedTable>,
    steps: &[Step],
    (contract, implementations): (&'static dyn Contract, &[&str]),
) -> Result<Vec<Red>, SuiteError> {
    let expectations = steps.iter().flat_map(|step| &step.expectations);
    let names: Vec<&str> = expectations.map(|expectation| expectation.name.as_str()).collect();
    if names.is_empty() {
        return Err(document.error(0..0, "the case has no expectations, so it can never fail"));
    }
    if names.len().max(red.len()) > MAX_EXPECTATIONS {
        let message = format!("more than {MAX_EXPECTATIONS} expectations or red entries in a case");
        return Err(document.error(0..0, message));
    }
    let mut known = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !known.insert(**name)) {
        return Err(document.error(0..0, format!("duplicate expectation {twice:?}")));
    }
    // The runner holds the effects of each step, and those of a reset before the first one.
    let operations: BTreeSet<&str> = steps.iter().map(|step| step.action.name()).chain([RESET]).collect();
    let effects: BTreeSet<String> =
        operations.into_iter().flat_map(|operation| contract.effects_of(operation)).collect();
    if let Some(name) = names.iter().find(|name| effects.contains(**name)) {
        return Err(document.error(0..0, format!("expectation {name:?} has the name of an effect")));
    }
    if red.is_empty() {
        let message = "missing [[red]] entry: name an implementation and the expectation that fails on it";
        return Err(document.error(0..0, message));
    }
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    for RedTable { on, fails, reason } in red {
        if !implementations.contains(&on.get_ref().as_str()) {
            return Err(document.unknown(&on, "implementation", implementations));
        }
        if !known.contains(fails.get_ref().as_str()) && !effects.contains(fails.get_ref()) {
            let effects = effects.iter().map(String::as_str);
            let known: Vec<&str> = names.iter().copied().chain(effects).collect();
            return Err(document.unknown(&fails, "expectation", &known));
        }
        let span = on.span();
        let entry = Red { on: on.into_inner(), fails: fails.into_inner(), reason };
        if !seen.insert((entry.on.clone(), entry.fails.clone())) {
            return Err(document.error(span, "duplicate red entry"));
        }
        entries.push(entry);
    }
    Ok(entries)
}
