//! Refuses no request, and makes up what it cannot know.

use super::around::{Behavior, Inner};
use crate::{
    harness::contract::{Operation, Refusal, Response},
    value::{Map, Value},
};

/// See [`Adversary::AnswersEverything`](super::Adversary::AnswersEverything).
#[derive(Default)]
pub(super) struct AnswersEverything {
    /// The latest value of each field of any answer.
    seen: Map,
}

impl Behavior for AnswersEverything {
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal> {
        match inner.call(operation.name, fields) {
            Ok(answer) => {
                self.seen.extend(answer.clone());
                Ok(answer)
            }
            Err(refusal) if inner.is_real(&refusal) => {
                inner.affect();
                Ok(self.made_up(inner, operation, fields))
            }
            Err(refusal) => Err(refusal),
        }
    }
}

impl AnswersEverything {
    /// A response with every field that the contract lists.
    fn made_up(&self, inner: &mut Inner, operation: &Operation, request: &Map) -> Map {
        let names = match operation.response {
            Response::Nothing => return Map::new(),
            Response::Fields(names) => names.to_vec(),
            Response::Inner(name) => {
                let known = self.seen.get(name).cloned().unwrap_or_else(|| Value::Map(Map::new()));
                return Map::from_iter([(name.to_owned(), known)]);
            }
        };
        names.into_iter().map(|name| (name.to_owned(), self.value(inner, name, request))).collect()
    }

    /// The value of an earlier answer, of the request or of an observable with this name.
    fn value(&self, inner: &mut Inner, name: &str, request: &Map) -> Value {
        if let Some(known) = self.seen.get(name).or_else(|| request.get(name)) {
            return known.clone();
        }
        if inner.contract.observables().contains(&name)
            && let Ok(mut observed) = inner.call(name, &Map::new())
        {
            return observed.shift_remove(name).unwrap_or_default();
        }
        Value::None
    }
}
