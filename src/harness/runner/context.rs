//! What the names in a case stand for while it runs.

use std::{cell::OnceCell, path::PathBuf};

use indexmap::IndexMap;

use super::sandbox::Sandbox;
use crate::{
    bundle::files::read_bundle,
    harness::{
        Refusal,
        suite::{Facts, under_work},
    },
    torch_files::{limits::MAX_ENTRY_BYTES, zip::Archive},
    value::{Digest, Map, Value},
};

/// The sandbox, the answers so far, and what was seen around the present step.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) sandbox: Sandbox,
    answers: IndexMap<String, Value>,
    /// The archive that the latest operation with a place was about.
    archive: Option<PathBuf>,
    /// What our own reader finds there now; read when first asked for.
    archived: OnceCell<Result<Value, String>>,
    around: Seen,
}

/// What was seen around one step.
#[derive(Debug)]
pub(super) struct Seen {
    /// The name of the step's operation.
    pub(super) operation: &'static str,
    /// The name that its answer would have.
    pub(super) answer: Option<String>,
    /// The refusal that ended it.
    pub(super) refusal: Option<Refusal>,
    /// The params before it, when the step's expectations ask for them.
    pub(super) before: Result<Value, String>,
    /// The params after it, likewise.
    pub(super) after: Result<Value, String>,
}

impl Scope {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        let unseen = || Err("nothing was done yet".to_owned());
        let around = Seen { operation: "", answer: None, refusal: None, before: unseen(), after: unseen() };
        Self { sandbox, answers: IndexMap::new(), archive: None, archived: OnceCell::new(), around }
    }

    /// Remembers an answer under its name.
    pub(super) fn remember(&mut self, name: &str, answer: Value) {
        self.answers.insert(name.to_owned(), answer);
    }

    /// Says which archive `$archive` is from here on.
    pub(super) fn point_at(&mut self, archive: PathBuf) {
        self.archive = Some(archive);
    }

    /// Moves on to what was seen around the next step.
    pub(super) fn enter(&mut self, around: Seen) {
        self.around = around;
        self.archived = OnceCell::new();
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.around.refusal.as_ref()
    }

    /// The value with everything that begins with `$` in the place of its name.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Text(text) => self.text(text)?,
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => Value::Map(self.resolve_map(map)?),
            plain => plain.clone(),
        })
    }

    /// As [`Scope::resolve`], for each value of a map.
    pub(super) fn resolve_map(&self, map: &Map) -> Result<Map, String> {
        map.iter().map(|(key, value)| Ok((key.clone(), self.resolve(value)?))).collect()
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
            "params" => self.around.after.as_ref().map_err(Clone::clone)?,
            "archive" => self.archived.get_or_init(|| self.read_archive()).as_ref().map_err(Clone::clone)?,
            name => self.answers.get(name).ok_or_else(|| self.no_answer(name))?,
        };
        let found = path.map_or(Some(root), |path| field(root, path));
        found.cloned().ok_or_else(|| format!("${name} has no {}", path.unwrap_or_default()))
    }

    /// Why there is no such answer: the operation that was to give it was refused.
    fn no_answer(&self, name: &str) -> String {
        let Seen { operation, answer, refusal, .. } = &self.around;
        match refusal {
            Some(refusal) if answer.as_deref() == Some(name) => format!("{operation} was refused: {refusal}"),
            _ => format!("there is no ${name}"),
        }
    }

    fn read_archive(&self) -> Result<Value, String> {
        let archive = self.archive.as_ref().ok_or("no operation so far was about an archive")?;
        let bundle = read_bundle(archive).map_err(|error| format!("no bundle to read: {error}"))?;
        Ok(Value::from(&bundle))
    }
}

impl Facts for Scope {
    fn value(&self, reference: &Value) -> Result<Value, String> {
        self.resolve(reference)
    }

    fn params_before(&self) -> Result<Value, String> {
        self.around.before.clone()
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.refusal()
    }

    fn file(&self, path: &str) -> Result<Option<String>, String> {
        self.sandbox.digest(path)
    }

    fn entries(&self, path: &str) -> Result<Map, String> {
        let mut archive = Archive::open(&self.sandbox.path(path)?).map_err(|error| error.to_string())?;
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        let digest = |name: String| {
            let bytes = archive.read(&name, MAX_ENTRY_BYTES).map_err(|error| error.to_string())?;
            Ok((name, Value::from(Digest::of(&bytes).to_string())))
        };
        names.into_iter().map(digest).collect()
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
