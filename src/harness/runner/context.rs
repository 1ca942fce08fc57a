//! What the names in a case refer to while it runs.

use std::{cell::OnceCell, path::PathBuf};

use indexmap::IndexMap;

use super::sandbox::Sandbox;
use crate::{
    harness::{
        contract::{Contract, Refusal},
        suite::{StepFacts, under_work},
    },
    value::{Map, Value},
};

/// The sandbox, the responses so far, and what was observed around the current step.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sandbox: Sandbox,
    contract: &'static dyn Contract,
    responses: IndexMap<String, Value>,
    /// The file that the latest operation with a place was about.
    file: Option<PathBuf>,
    /// What the contract's own reader finds there now; read when first asked for.
    description: OnceCell<Result<Value, String>>,
    step: StepObservation,
}

/// The value of each observable that was read, or why it could not be.
pub(super) type Observed = IndexMap<&'static str, Result<Value, String>>;

/// What was observed around one step.
#[derive(Debug, Default)]
pub(super) struct StepObservation {
    /// The name of the step's operation.
    pub(super) operation: &'static str,
    /// The name under which its response would be known.
    pub(super) response: Option<String>,
    /// The refusal that ended it.
    pub(super) refusal: Option<Refusal>,
    /// The observables before it that its expectations ask for.
    pub(super) before: Observed,
    /// The observables after it, likewise.
    pub(super) after: Observed,
}

impl Context {
    pub(super) fn new(contract: &'static dyn Contract, sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            contract,
            responses: IndexMap::new(),
            file: None,
            description: OnceCell::new(),
            step: StepObservation::default(),
        }
    }

    /// Remembers a response under its name.
    pub(super) fn remember(&mut self, name: &str, response: Value) {
        self.responses.insert(name.to_owned(), response);
    }

    /// Says which file the contract's name for it refers to from here on.
    pub(super) fn point_at(&mut self, file: PathBuf) {
        self.file = Some(file);
    }

    /// Moves on to what was observed around the next step.
    pub(super) fn enter(&mut self, step: StepObservation) {
        self.step = step;
        self.description = OnceCell::new();
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.step.refusal.as_ref()
    }

    /// The value with everything that begins with `$` in the place of its name.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Text(text) => self.text(text)?,
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let resolved = map.iter().map(|(key, value)| Ok((key.clone(), self.resolve(value)?)));
                Value::Map(resolved.collect::<Result<_, String>>()?)
            }
            plain => plain.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<Value, String> {
        let Some(reference) = text.strip_prefix('$') else { return Ok(Value::from(text)) };
        if reference.starts_with('$') {
            return Ok(Value::from(reference));
        }
        let (name, path) = match reference.split_once('.') {
            Some((name, path)) => (name, Some(path)),
            None => (reference, None),
        };
        let root = match name {
            "none" => &Value::None,
            _ if name == "work" || name.starts_with("work/") => return under_work(text).map(Value::from),
            name if self.contract.observables().contains(&name) => observed(&self.step.after, name)?,
            name if name == self.contract.file_name() => {
                self.description.get_or_init(|| self.describe_file()).as_ref().map_err(Clone::clone)?
            }
            name => self.responses.get(name).ok_or_else(|| self.no_response(name))?,
        };
        let found = path.map_or(Some(root), |path| field(root, path));
        found.cloned().ok_or_else(|| format!("${name} has no {}", path.unwrap_or_default()))
    }

    /// Why there is no such response: the operation that was to give it was refused.
    fn no_response(&self, name: &str) -> String {
        let StepObservation { operation, response, refusal, .. } = &self.step;
        match refusal {
            Some(refusal) if response.as_deref() == Some(name) => {
                format!("{operation} was refused: {refusal}")
            }
            _ => format!("there is no ${name}"),
        }
    }

    fn describe_file(&self) -> Result<Value, String> {
        let file = self.file.as_ref();
        let file =
            file.ok_or_else(|| format!("no operation so far was about an {}", self.contract.file_name()))?;
        self.contract.describe_file(file)
    }
}

fn observed<'o>(observed: &'o Observed, name: &str) -> Result<&'o Value, String> {
    match observed.get(name) {
        Some(value) => value.as_ref().map_err(Clone::clone),
        None => Err(format!("{name} was not read")),
    }
}

impl StepFacts for Context {
    fn value(&self, reference: &Value) -> Result<Value, String> {
        self.resolve(reference)
    }

    fn before(&self, observable: &str) -> Result<Value, String> {
        observed(&self.step.before, observable).cloned()
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.refusal()
    }

    fn file(&self, path: &str) -> Result<Option<String>, String> {
        self.sandbox.digest(path)
    }

    fn entries(&self, path: &str) -> Result<Map, String> {
        self.contract.file_entries(&self.sandbox.path(path)?)
    }

    fn files(&self, directory: &str) -> Result<Vec<String>, String> {
        self.sandbox.files(directory)
    }
}

/// The value at a dotted path. Keys have dots of their own (`object.big`), so that the longest key that
/// is there counts.
fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let map = value.as_map()?;
    if let Some(found) = map.get(path) {
        return Some(found);
    }
    let cuts = path.rmatch_indices('.').map(|(at, _)| at);
    cuts.filter_map(|at| Some((map.get(path.get(..at)?)?, path.get(at + 1..)?)))
        .find_map(|(inner, rest)| field(inner, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("N", Some(Value::Int(64)))]
    #[case("object.big", Some(Value::Bool(true)))]
    #[case("models.a.b", Some(Value::Int(1)))]
    #[case("models.a", Some(Value::Map(Map::from_iter([("b".to_owned(), Value::Int(1))]))))]
    #[case("models.c", None)]
    #[case("N.c", None)]
    fn a_path_finds_keys_with_dots(#[case] path: &str, #[case] expected: Option<Value>) {
        let value: Value =
            serde_json::from_str(r#"{"N": 64, "object.big": true, "models": {"a": {"b": 1}}}"#).unwrap();
        assert_eq!(field(&value, path), expected.as_ref());
    }
}
