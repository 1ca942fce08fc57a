//! The seam between the engine and what it tests.
//!
//! A [`Contract`] is about one kind of file: which [`Operation`]s there are, what of an implementation's state a
//! case can look at, and which suite says what must hold. An [`Implementation`] is what a suite is run on; it is
//! started once for each check and answers as a [`Session`]. Nothing in the engine names a contract: everything
//! it needs to know of one is in this folder.

mod implementation;
mod operation;
mod refusal;
mod session_context;

pub(crate) use implementation::RESET;
pub use implementation::{BuiltIn, BuiltInRole, Implementation, Session, SessionError};
pub use operation::{
    Codec, Field, FieldRole, HarnessStep, Operation, OperationRequest, OperationResponse, Response,
    from_fields, step_from_toml, to_fields,
};
pub use refusal::{Facts, NamedRule, Native, Refusal, RefusalKind};
pub use session_context::SessionContext;

use std::{fmt::Debug, path::Path};

use super::suite::EmbeddedSuite;
use crate::value::{Map, Value};

/// One kind of file, and what can be asked of an implementation that saves and loads it.
pub trait Contract: Debug + Send + Sync {
    /// The contract's name: `bundle`.
    fn name(&self) -> &'static str;

    /// Every operation, in the order in which adapters list them.
    fn operations(&self) -> &'static [Operation];

    /// The state that a case can look at before and after a step, such as `params`: `$params` in a case, and a
    /// method without fields on the wire that returns an object with this one key.
    fn observables(&self) -> &'static [&'static str];

    /// What a case may need of an implementation besides operations.
    fn capabilities(&self) -> &'static [&'static str];

    /// The environment variables that every check runs with, by name.
    fn environment(&self) -> &'static [(&'static str, &'static str)];

    /// The backend that the built-in implementations save as, for an adapter's introduction.
    fn backend(&self) -> &'static str;

    /// Steps of a case that the harness performs itself and that no implementation sees.
    fn harness_steps(&self) -> &'static [HarnessStep] {
        &[]
    }

    /// The kinds of configuration that a request may hold.
    fn config_kinds(&self) -> &'static [ConfigKind] {
        &[]
    }

    /// The name under which a case refers to the file that the latest operation was about: `archive` for `$archive`.
    fn file_name(&self) -> &'static str;

    /// What is in that file, as this contract's own reader finds it.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn describe_file(&self, path: &Path) -> Result<Value, String>;

    /// The SHA-256 of each entry of a file that has entries, by name.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn file_entries(&self, path: &Path) -> Result<Map, String>;

    /// Checks a request of a case that no implementation is expected to refuse.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check_request(&self, _operation: &Operation, _fields: &Map) -> Result<(), String> {
        Ok(())
    }

    /// How to see that an adapter's `reset` resets; None when nothing can be written that a reset must undo.
    fn reset_probe(&self) -> Option<ResetProbe> {
        None
    }

    /// The implementations that come with the contract: the reference first, then the stub, then every mutant.
    fn built_ins(&self) -> Vec<BuiltIn>;

    /// The suite that the program was built with.
    fn suite(&self) -> &'static EmbeddedSuite;
}

impl dyn Contract {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations().iter().find(|operation| operation.name == name)
    }

    /// The environment variables that every check runs with, as a map.
    pub fn environment_map(&self) -> std::collections::BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.environment().iter().map(owned).collect()
    }
}

/// A kind of configuration: `{ kind = "training", ... }` in a case.
#[derive(Debug)]
pub struct ConfigKind {
    /// The word after `kind`.
    pub name: &'static str,
    /// The names of its fields.
    pub fields: &'static [&'static str],
    /// Which field holds a configuration of another kind, and the fields of that one.
    pub nested: Option<(&'static str, &'static [&'static str])>,
}

/// A write that a `reset` must undo.
#[derive(Debug)]
pub struct ResetProbe {
    /// The operation that writes.
    pub operation: &'static str,
    /// Its request.
    pub fields: Map,
    /// The observable that shows the write.
    pub observable: &'static str,
    /// The key that is in that observable after the write, and not after a reset.
    pub key: &'static str,
}
