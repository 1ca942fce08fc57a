//! Repeats its first answer to each operation.

use std::collections::BTreeMap;

use super::around::{Behavior, Inner};
use crate::{
    harness::contract::{Operation, Refusal},
    value::Map,
};

/// See [`Adversary::RightOnce`](super::Adversary::RightOnce). A reset does not clear what it remembers.
#[derive(Default)]
pub(super) struct RightOnce {
    first: BTreeMap<&'static str, Result<Map, Refusal>>,
}

impl Behavior for RightOnce {
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal> {
        let result = inner.call(operation.name, fields);
        if inner.is_lost() || result.as_ref().is_err_and(|refusal| !inner.is_real(refusal)) {
            return result;
        }
        let first = self.first.entry(operation.name).or_insert_with(|| result.clone());
        if *first != result {
            inner.affect();
        }
        first.clone()
    }
}
