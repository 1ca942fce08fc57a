//! Answers for a file as it was when it wrote it.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    around::{Behavior, Inner},
    case_file,
};
use crate::{
    harness::contract::{Operation, Refusal},
    value::Map,
};

/// See [`Adversary::AnswersFromMemory`](super::Adversary::AnswersFromMemory).
///
/// During a call, a file that was changed since this session wrote it is as it was then.
#[derive(Default)]
pub(super) struct AnswersFromMemory {
    written: BTreeMap<PathBuf, Vec<u8>>,
}

impl Behavior for AnswersFromMemory {
    fn call(&mut self, inner: &mut Inner, operation: &Operation, fields: &Map) -> Result<Map, Refusal> {
        let Some(file) = case_file::of_request(operation, fields, &inner.context) else {
            return inner.call(operation.name, fields);
        };
        let found = case_file::read(&file);
        let remembered = self.written.get(&file).filter(|written| found.as_ref() != Some(*written)).cloned();
        let swapped = remembered.filter(|written| case_file::set(&file, Some(written)).is_ok());
        let before = swapped.as_ref().or(found.as_ref());
        let result = inner.call(operation.name, fields);
        let after = case_file::read(&file);
        if after.as_ref() != before {
            match after {
                Some(bytes) => self.written.insert(file, bytes),
                None => self.written.remove(&file),
            };
        } else if swapped.is_some() {
            inner.affect();
            // The case sees the file as it left it. If that fails, it sees the older one, and notices.
            let _ = case_file::set(&file, found.as_deref());
        }
        result
    }
}
