//! Mutants as data: the reference of a contract with faults, one mutant for each row of `mutants/*.toml`.

use std::{ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    document::{Document, Table},
    error::SuiteError,
};
use crate::{
    harness::{
        adversary::Adversary,
        contract::{BuiltIn, BuiltInRole, Contract, Implementation},
        fault::{Fault, FaultyImplementation},
    },
    value::{Digest, Value},
};

/// The folder of the files.
pub(super) const FOLDER: &str = "mutants";

/// A mutant of a suite.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its id in case files, on the command line and in reports.
    pub id: String,
    /// The requirement that it breaks.
    pub breaks: String,
    /// Where the real system was observed to have the same bug, if it was.
    pub finding: Option<String>,
    /// What it does otherwise than the reference.
    pub faults: Vec<Fault>,
    /// SHA-256 of its row without the finding, in hexadecimal.
    pub digest: String,
}

/// The keys of a row: its own, and those of a fault.
const KEYS: [&str; 7] = ["id", "breaks", "finding", "operation", "when", "act", "faults"];

/// What rows are validated against.
pub(super) struct MutantContext<'a> {
    pub(super) contract: &'static dyn Contract,
    pub(super) requirements: &'a [&'a str],
    /// The names of the built-in implementations.
    pub(super) implementations: &'a [&'a str],
}

impl Mutant {
    /// The mutant as an implementation, given the reference.
    pub fn around(&self, reference: &Arc<dyn Implementation>, contract: &'static dyn Contract) -> BuiltIn {
        let faults = self.faults.clone();
        let faulty = FaultyImplementation::new(&self.id, Arc::clone(reference), contract, faults);
        let role = BuiltInRole::Mutant {
            breaks: self.breaks.clone().into(),
            finding: self.finding.clone().map(Into::into),
        };
        BuiltIn { implementation: Arc::new(faulty), role }
    }

    /// Adds the mutants of a file; an id of `known` is a duplicate.
    pub(super) fn read(
        document: &Document,
        context: &MutantContext<'_>,
        known: &mut Vec<Self>,
    ) -> Result<(), SuiteError> {
        let mut tree = document.parse()?;
        let rows = tree.get_mut().remove("mutants");
        if let Some(other) = tree.get_ref().keys().next() {
            let word = Spanned::new(other.span(), other.get_ref().to_string());
            return Err(document.unknown(&word, "key", &["mutants"]));
        }
        let rows = rows.ok_or_else(|| document.error(0..0, "expected rows: [[mutants]]"))?;
        let span = rows.span();
        let DeValue::Array(rows) = rows.into_inner() else {
            return Err(document.error(span, "expected rows: [[mutants]]"));
        };
        for row in rows {
            let span = row.span();
            let DeValue::Table(row) = row.into_inner() else {
                return Err(document.error(span, "expected the mutant to be a table"));
            };
            let (mutant, id) = read_row(document, context, Spanned::new(span, row))?;
            let taken = known.iter().any(|known| known.id == mutant.id)
                || context.implementations.contains(&mutant.id.as_str())
                || Adversary::ALL.iter().any(|adversary| adversary.name() == mutant.id);
            if taken {
                let message = format!("duplicate implementation {:?}; choose another id", mutant.id);
                return Err(document.error(id, message));
            }
            known.push(mutant);
        }
        Ok(())
    }
}

/// Reads a row; also returns the place of its id.
fn read_row(
    document: &Document,
    context: &MutantContext<'_>,
    row: Table<'_>,
) -> Result<(Mutant, Range<usize>), SuiteError> {
    let unknown = row.get_ref().keys().find(|key| !KEYS.contains(&key.get_ref().as_ref()));
    if let Some(unknown) = unknown {
        let word = Spanned::new(unknown.span(), unknown.get_ref().to_string());
        return Err(document.unknown(&word, "key of a mutant", &KEYS));
    }
    let span = row.span();
    let mut row = row.into_inner();
    let id = text(document, &mut row, "id")?.ok_or_else(|| missing(document, "id", &span))?;
    if !is_name(id.get_ref()) {
        let message = "expected the id to be a lowercase letter followed by lowercase letters, digits and _";
        return Err(document.error(id.span(), message));
    }
    let finding = text(document, &mut row, "finding")?.map(Spanned::into_inner);
    let digest = digest(document, Spanned::new(span.clone(), row.clone()))?;
    let breaks = text(document, &mut row, "breaks")?;
    let breaks = breaks.ok_or_else(|| missing(document, "breaks", &span))?;
    if !context.requirements.contains(&breaks.get_ref().as_str()) {
        return Err(document.unknown(&breaks, "requirement", context.requirements));
    }
    let faults = faults(document, context.contract, Spanned::new(span, row))?;
    let (at, id, breaks) = (id.span(), id.into_inner(), breaks.into_inner());
    let digest = Digest::of(format!("{id} {digest}").as_bytes()).to_string();
    Ok((Mutant { id, breaks, finding, faults, digest }, at))
}

/// The fault of a row, or its list of faults.
fn faults(
    document: &Document,
    contract: &'static dyn Contract,
    mut row: Table<'_>,
) -> Result<Vec<Fault>, SuiteError> {
    let Some(all) = row.get_mut().remove("faults") else { return Ok(vec![fault(document, contract, row)?]) };
    if let Some(other) = row.get_ref().keys().next() {
        let message = format!("{} is part of a fault: move it into the list `faults`", other.get_ref());
        return Err(document.error(other.span(), message));
    }
    let span = all.span();
    let DeValue::Array(all) = all.into_inner() else {
        return Err(
            document.error(span, "expected `faults` to be a list of tables with operation, when and act")
        );
    };
    if all.is_empty() {
        return Err(document.error(span, "expected one or more faults: this mutant is the reference"));
    }
    let one = |item: Spanned<DeValue<'_>>| {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => fault(document, contract, Spanned::new(span, table)),
            other => {
                let message =
                    format!("expected a table with operation, when and act, found {}", other.type_str());
                Err(document.error(span, message))
            }
        }
    };
    all.into_iter().map(one).collect()
}

fn fault(
    document: &Document,
    contract: &'static dyn Contract,
    table: Table<'_>,
) -> Result<Fault, SuiteError> {
    let whole = table.span();
    let operation = table.get_ref().get("operation").map(Spanned::span);
    let fault: Fault = document.typed(table)?;
    match fault.problem(contract) {
        None => Ok(fault),
        Some(problem) => Err(document.error(operation.unwrap_or(whole), problem)),
    }
}

/// The text of a key, which is taken out of the row.
fn text(
    document: &Document,
    row: &mut DeTable<'_>,
    key: &str,
) -> Result<Option<Spanned<String>>, SuiteError> {
    let Some(value) = row.remove(key) else { return Ok(None) };
    let span = value.span();
    match value.into_inner() {
        DeValue::String(text) => Ok(Some(Spanned::new(span, text.into_owned()))),
        other => {
            Err(document.error(span, format!("expected `{key}` to be a text, found {}", other.type_str())))
        }
    }
}

fn missing(document: &Document, key: &str, row: &Range<usize>) -> SuiteError {
    document.error(row.clone(), format!("missing field `{key}`"))
}

fn is_name(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    id.starts_with(|first: char| first.is_ascii_lowercase()) && id.bytes().all(is_part)
}

/// The digest of a row, whatever the order of its keys.
fn digest(document: &Document, row: Table<'_>) -> Result<String, SuiteError> {
    let mut value: Value = document.typed(row)?;
    sort(&mut value);
    Ok(Digest::of(value.to_string().as_bytes()).to_string())
}

fn sort(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.values_mut().for_each(sort);
            map.sort_unstable_keys();
        }
        Value::List(items) => items.iter_mut().for_each(sort),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Tuple(_)
        | Value::Set(_)
        | Value::Python(_) => {}
    }
}
