//! Answers rightly, and leaves neither files nor changed observables.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    around::{Behavior, Inner},
    case_file,
};
use crate::{
    harness::contract::{Operation, Refusal},
    value::{Map, Value},
};

/// See [`Adversary::ForgetsSideEffects`](super::Adversary::ForgetsSideEffects).
///
/// What it forgot is there during each call, so that answers are right until a reset. The operation with which the
/// contract probes a reset changes what is shown: cases set up their state with it.
#[derive(Default)]
pub(super) struct ForgetsSideEffects {
    /// What is shown of each observable; empty until the first operation.
    shown: BTreeMap<&'static str, Map>,
    /// The bytes of each forgotten file, and what is shown in its place.
    files: BTreeMap<PathBuf, Forgotten>,
}

struct Forgotten {
    bytes: Option<Vec<u8>>,
    shown: Option<Vec<u8>>,
}

impl Behavior for ForgetsSideEffects {
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal> {
        let sets_up = inner.contract.reset_probe().is_some_and(|probe| probe.operation == operation.name);
        let is_new = self.shown.is_empty();
        let before = if sets_up || is_new { observed(inner) } else { BTreeMap::new() };
        if is_new {
            self.shown.clone_from(&before);
        }
        let file = case_file::of_request(operation, fields, &inner.context);
        let forgotten = file.as_ref().and_then(|file| self.files.remove(file));
        let shown = file.as_ref().and_then(|file| case_file::read(file));
        if let (Some(file), Some(own)) = (&file, forgotten.as_ref().filter(|own| own.shown == shown)) {
            let _ = case_file::set(file, own.bytes.as_deref());
        }
        let result = inner.call(operation.name, fields);
        if let Some(file) = file {
            let bytes = case_file::read(&file);
            if bytes != shown && case_file::set(&file, shown.as_deref()).is_ok() {
                inner.affect();
                self.files.insert(file, Forgotten { bytes, shown });
            }
        }
        if sets_up && !inner.is_lost() {
            let after = observed(inner);
            for (name, shown) in &mut self.shown {
                if let (Some(before), Some(after)) = (before.get(name), after.get(name)) {
                    follow(shown, before, after);
                }
            }
        }
        result
    }

    fn observe(&mut self, inner: &mut Inner, observable: &str) -> Result<Map, Refusal> {
        let mut answer = inner.call(observable, &Map::new())?;
        if let Some(shown) = self.shown.get(observable) {
            let shown = Value::Map(shown.clone());
            if answer.get(observable) != Some(&shown) {
                inner.affect();
                answer.insert(observable.to_owned(), shown);
            }
        }
        Ok(answer)
    }

    fn reset(&mut self) {
        self.shown.clear();
        self.files.clear();
    }
}

/// The observables of the session inside that can be read.
fn observed(inner: &mut Inner) -> BTreeMap<&'static str, Map> {
    let names = inner.contract.observables().iter().copied();
    let read = names.filter_map(|name| {
        let mut answer = inner.call(name, &Map::new()).ok()?;
        let Value::Map(map) = answer.shift_remove(name)? else { return None };
        Some((name, map))
    });
    read.collect()
}

/// Makes the changes between two states of an observable in a third one.
fn follow(shown: &mut Map, before: &Map, after: &Map) {
    shown.retain(|key, _| after.contains_key(key) || !before.contains_key(key));
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    shown.extend(changed.map(|(key, value)| (key.clone(), value.clone())));
}
