//! Resolves the references of a case while it runs.

use std::{cell::OnceCell, collections::BTreeSet, path::PathBuf, sync::Arc};

use indexmap::IndexMap;

use super::sandbox::Sandbox;
use crate::{
    harness::{
        contract::{Contract, EVENTS, KnownFacts, Refusal, WARNINGS},
        suite::{StepFacts, WORK, work_path},
    },
    value::{Map, Value},
};

/// The sandbox, the responses so far, and the observations of the current step.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sandbox: Sandbox,
    contract: &'static dyn Contract,
    /// Whether paths of requests are absolute, because the implementation works in another directory.
    absolute_paths: bool,
    responses: IndexMap<String, Value>,
    /// The file of the latest operation that has one.
    file: Option<PathBuf>,
    /// Its description by the contract's own reader, read on first use.
    description: OnceCell<Result<Value, String>>,
    step: StepObservation,
    /// Files that the implementation wrote because it may. They are not there as far as an expectation lists files.
    pub(super) allowed_files: BTreeSet<String>,
    /// Whether differences are explained. That reads files, so it is left out where a failure is expected.
    pub(super) explains: bool,
}

/// The value of each observable that was read, or the refusal to read it. Each is kept once: what one step left is what
/// the next one found.
pub(super) type Observed = Arc<IndexMap<&'static str, Result<Value, Refusal>>>;

/// The observations of one step.
#[derive(Debug, Default)]
pub(super) struct StepObservation {
    /// The name of the step's operation.
    pub(super) operation: &'static str,
    /// The name of its response.
    pub(super) response: Option<String>,
    /// The refusal, if it was refused.
    pub(super) refusal: Option<Refusal>,
    /// The observables before the step.
    pub(super) before: Observed,
    /// The observables after the step.
    pub(super) after: Observed,
    /// The lists of warnings and of events.
    pub(super) notices: Map,
}

impl Context {
    pub(super) fn new(contract: &'static dyn Contract, sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            contract,
            absolute_paths: false,
            responses: IndexMap::new(),
            file: None,
            description: OnceCell::new(),
            step: StepObservation::default(),
            allowed_files: BTreeSet::new(),
            explains: false,
        }
    }

    /// Makes the paths of requests absolute.
    pub(super) fn make_paths_absolute(&mut self) {
        self.absolute_paths = true;
    }

    /// The path that stands for `$work/...` in a request.
    pub(super) fn work_path(&self, text: &str) -> Result<String, String> {
        if !self.absolute_paths {
            return work_path(text);
        }
        let path = self.sandbox.path(text)?;
        path.into_os_string().into_string().map_err(|path| format!("{path:?} is not valid UTF-8"))
    }

    /// Stores a response under its name.
    pub(super) fn remember(&mut self, name: &str, response: Value) {
        self.responses.insert(name.to_owned(), response);
    }

    /// Sets the file that the contract's file name refers to.
    pub(super) fn point_at(&mut self, file: PathBuf) {
        self.file = Some(file);
    }

    /// Starts the next step with these observations.
    pub(super) fn enter(&mut self, step: StepObservation) {
        self.step = step;
    }

    /// States that the file may have changed, so that it is read again.
    pub(super) fn forget_description(&mut self) {
        self.description = OnceCell::new();
    }

    /// The responses so far, by name.
    pub(super) fn responses(&self) -> &IndexMap<String, Value> {
        &self.responses
    }

    /// The description of the file, or why it cannot be read.
    pub(super) fn description(&self) -> Result<&Value, &String> {
        self.description.get_or_init(|| self.describe_file()).as_ref()
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.step.refusal.as_ref()
    }

    /// What is known besides two sides of a difference, of which the second is this reference.
    pub(super) fn known(&self, found: &Value) -> KnownFacts<'_> {
        let reference = found.as_text().and_then(|text| text.strip_prefix('$')).unwrap_or_default();
        let compared = reference.split('.').next().unwrap_or_default();
        let responses = self.responses.iter().filter(|(name, _)| *name != compared);
        let files = self.sandbox.files(WORK).unwrap_or_default();
        let file = |path: String| (format!("{WORK}/{path}"), self.sandbox.root().join(path));
        KnownFacts {
            responses: responses.map(|(name, value)| (name.as_str(), value)).collect(),
            files: files.into_iter().map(file).collect(),
            compared_file: self.file.clone().filter(|_| compared == self.contract.file_name()),
        }
    }

    /// The contract, which explains differences.
    pub(super) fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    /// The name by which a case refers to the file of the latest operation.
    pub(super) fn file_name(&self) -> &'static str {
        self.contract.file_name()
    }

    /// Whether there should be a file of the latest operation, and the contract's reader cannot read it.
    pub(super) fn file_is_unreadable(&self) -> bool {
        self.file.is_some() && self.description.get_or_init(|| self.describe_file()).is_err()
    }

    /// Replaces every `$` reference in a value.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Text(text) => self.text(text)?,
            Value::Path(path) => match self.text(path)? {
                Value::Text(path) => Value::Path(path),
                other => return Err(format!("expected a path, found {other}")),
            },
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
            _ if name == "work" || name.starts_with("work/") => return self.work_path(text).map(Value::from),
            name if self.contract.observables().contains(&name) => observed(&self.step.after, name)?,
            name if name == self.contract.file_name() => self.description().map_err(Clone::clone)?,
            WARNINGS | EVENTS => {
                self.step.notices.get(name).ok_or_else(|| format!("no step has {name} yet"))?
            }
            name => self.responses.get(name).ok_or_else(|| self.no_response(name))?,
        };
        let found = path.map_or(Some(root), |path| field(root, path));
        found.cloned().ok_or_else(|| format!("${name} has no {}", path.unwrap_or_default()))
    }

    /// Why a response is unavailable; usually because its operation was refused.
    fn no_response(&self, name: &str) -> String {
        let StepObservation { operation, response, refusal, .. } = &self.step;
        match refusal {
            Some(refusal) if response.as_deref() == Some(name) => {
                format!("{operation} was refused: {refusal}")
            }
            _ => format!("unknown name ${name}"),
        }
    }

    fn describe_file(&self) -> Result<Value, String> {
        let file = self.file.as_ref();
        let file = file
            .ok_or_else(|| format!("no earlier operation has a file for ${}", self.contract.file_name()))?;
        self.contract.describe_file(file)
    }
}

fn observed<'o>(observed: &'o Observed, name: &str) -> Result<&'o Value, String> {
    match observed.get(name) {
        Some(value) => value.as_ref().map_err(ToString::to_string),
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
        let mut files = self.sandbox.files(directory)?;
        if !self.allowed_files.is_empty() {
            let directory = work_path(directory)?;
            let below_root = |path: &String| match directory.as_str() {
                "." => path.clone(),
                directory => format!("{}/{path}", directory.trim_end_matches('/')),
            };
            files.retain(|path| !self.allowed_files.contains(&below_root(path)));
        }
        Ok(files)
    }
}

/// The value at a dotted path. Keys may contain dots (`object.big`), so the longest existing key wins.
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
