//! What an expectation refers to: values, texts, paths and observables.

use super::kind::ExpectationKind;
use crate::value::Value;

/// What an expectation refers to.
pub(super) enum Operands<'e> {
    /// Values, which may contain references to responses and observables.
    Values(Vec<&'e Value>),
    /// Texts, which may be references to responses.
    Texts(Vec<&'e str>),
    /// Paths, which must be below `$work`.
    Paths(Vec<&'e str>),
    /// An observable, with its `$`, before and after the step.
    Observable(&'e str),
    /// The refusal only.
    Nothing,
}

impl ExpectationKind {
    pub(super) fn operands(&self) -> Operands<'_> {
        match self {
            Self::Equal(compared) | Self::Subset(compared) => {
                Operands::Values(compared.sides.iter().collect())
            }
            Self::NotEqual(sides) => Operands::Values(sides.iter().collect()),
            Self::Near((value, others)) => Operands::Values([value].into_iter().chain(others).collect()),
            Self::Close((value, other, _)) => Operands::Values(vec![value, other]),
            Self::Order((list, items)) => Operands::Values([list].into_iter().chain(items).collect()),
            Self::MissingKeys((value, _)) | Self::Count((value, _)) => Operands::Values(vec![value]),
            Self::Matches((value, _)) | Self::NoMatch((value, _)) => Operands::Values(vec![value]),
            Self::Decreases(list) | Self::Finite(list) => Operands::Values(vec![list]),
            Self::Says(words) => {
                Operands::Texts(words.mentions.iter().chain(&words.omits).map(String::as_str).collect())
            }
            Self::Refused(_) | Self::Succeeds(_) => Operands::Nothing,
            Self::Exists(path) | Self::Absent(path) => Operands::Paths(vec![path]),
            Self::Unchanged(observable) => Operands::Observable(observable),
            Self::Bytes(paths) | Self::Entries(paths) => {
                Operands::Paths(paths.iter().map(String::as_str).collect())
            }
            Self::Files(files) => Operands::Paths(vec![&files.under]),
        }
    }

    /// Texts that may contain paths or references to earlier responses.
    pub fn references(&self) -> Vec<&str> {
        match self.operands() {
            Operands::Values(values) => {
                let mut found = Vec::new();
                values.into_iter().for_each(|value| texts_in(value, &mut found));
                found
            }
            Operands::Texts(texts) | Operands::Paths(texts) => texts,
            Operands::Observable(_) | Operands::Nothing => Vec::new(),
        }
    }

    /// Its paths, which must be below `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self.operands() {
            Operands::Paths(paths) => paths,
            Operands::Values(_) | Operands::Texts(_) | Operands::Observable(_) | Operands::Nothing => {
                Vec::new()
            }
        }
    }

    /// The observable that is compared with its value before the step.
    pub fn unchanged(&self) -> Option<&str> {
        match self.operands() {
            Operands::Observable(observable) => observable.strip_prefix('$'),
            Operands::Values(_) | Operands::Texts(_) | Operands::Paths(_) | Operands::Nothing => None,
        }
    }

    /// Whether it needs the value of this observable before the step.
    pub fn needs_before(&self, observable: &str) -> bool {
        self.unchanged() == Some(observable)
    }

    /// Whether it needs the value of this observable after the step.
    pub fn needs_after(&self, observable: &str) -> bool {
        let refers = |text: &&str| {
            text.strip_prefix('$')
                .and_then(|rest| rest.strip_prefix(observable))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.needs_before(observable) || self.references().iter().any(refers)
    }
}

/// Every text in a value.
pub(in crate::harness::suite) fn texts_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Text(text) | Value::Path(text) => found.push(text),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            items.iter().for_each(|item| texts_in(item, found));
        }
        Value::Map(map) => map.values().for_each(|value| texts_in(value, found)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Python(_) => {}
    }
}
