//! The actions of a case's steps, taken out of its tree.

use std::collections::HashMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Action, SuiteError, canonical, document::Document};
use crate::harness::contract::Contract;

/// An action, and why every implementation must refuse it, if that is so.
#[derive(Clone, Debug)]
pub(super) struct ReadAction {
    pub(super) action: Action,
    pub(super) refused: Option<String>,
}

/// Reads the actions of one case. Its examples have most of them in common, so each distinct one is read once.
pub(super) struct Actions<'d> {
    document: &'d Document,
    contract: &'static dyn Contract,
    by_text: HashMap<String, ReadAction>,
}

impl<'d> Actions<'d> {
    pub(super) fn of(document: &'d Document, contract: &'static dyn Contract) -> Self {
        Self { document, contract, by_text: HashMap::new() }
    }

    /// Takes the action of each step below `key` out of the tree: `do` contains one operation, which its own request type
    /// parses.
    pub(super) fn take(
        &mut self,
        case: &mut DeTable<'_>,
        key: &str,
    ) -> Result<Vec<Spanned<ReadAction>>, SuiteError> {
        // Anything but a list of tables is reported when the whole case is deserialized.
        let Some(DeValue::Array(steps)) = case.get_mut(key).map(Spanned::get_mut) else {
            return Ok(Vec::new());
        };
        let mut actions = Vec::new();
        for step in steps.iter_mut() {
            let span = step.span();
            let DeValue::Table(step) = step.get_mut() else { continue };
            let Some(action) = step.remove("do") else {
                return Err(self.document.error(span, "missing field `do`"));
            };
            actions.push(Spanned::new(action.span(), self.read(action)?));
        }
        Ok(actions)
    }

    fn read(&mut self, written: Spanned<DeValue<'_>>) -> Result<ReadAction, SuiteError> {
        let text = canonical::text_of(self.document, &written)?;
        if let Some(known) = self.by_text.get(&text) {
            return Ok(known.clone());
        }
        let action = Action::read(self.document, self.contract, written)?;
        let refused = if let Action::Operation(operation, fields) = &action {
            self.contract.check_request(operation, fields).err()
        } else {
            None
        };
        let read = ReadAction { action, refused };
        self.by_text.insert(text, read.clone());
        Ok(read)
    }
}
