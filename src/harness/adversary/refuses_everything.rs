//! Refuses every request, in words that a case could look for.

use super::{
    around::{Behavior, Inner},
    words::Words,
};
use crate::{
    harness::contract::{Operation, Refusal, RefusalKind},
    value::Map,
};

/// See [`Adversary::RefusesEverything`](super::Adversary::RefusesEverything).
///
/// The operation is performed nevertheless, so that a case that asks for a refusal finds its state as it would be. A
/// request that is refused anyway keeps the kind of its refusal: only a needless refusal is wrong.
pub(super) struct RefusesEverything {
    words: Words,
}

impl RefusesEverything {
    pub(super) fn new(words: Words) -> Self {
        Self { words }
    }
}

impl Behavior for RefusesEverything {
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal> {
        self.words.learn(fields);
        match inner.call(operation.name, fields) {
            Ok(answer) if inner.is_lost() => Ok(answer),
            Ok(answer) => {
                self.words.learn(&answer);
                inner.affect();
                Err(Refusal::new(RefusalKind::Unsupported, self.words.message()))
            }
            Err(refusal) if inner.is_real(&refusal) => {
                Err(Refusal { message: self.words.message(), ..refusal })
            }
            Err(refusal) => Err(refusal),
        }
    }
}
