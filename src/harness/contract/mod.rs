//! The seam between the engine and the contract under test.
//!
//! A [`Contract`] describes one kind of file: its [`Operation`]s, the observable state of an implementation, and the
//! suite of requirements. An [`Implementation`] is started once per check and responds as a [`Session`]. The engine
//! names no contract: everything it needs to know about one is in this module.

mod allowed_effect;
mod calls;
mod deadline;
mod effects;
mod era;
mod implementation;
mod known_facts;
mod notices;
mod operation;
mod own_fixtures;
mod refusal;
mod session_context;
mod with_allowed_effects;
mod with_fixtures;
mod wrapper;

pub use allowed_effect::AllowedEffect;
pub use calls::{CallLog, LoggedCall, SessionLog};
pub use deadline::Deadline;
pub use effects::{Accepted, After, Agreement, Effect, EffectRule, Expected, Others, ResultView, StepView};
pub use era::Era;
pub use implementation::{BuiltIn, BuiltInRole, Details, Implementation, Session, SessionError};
pub(crate) use implementation::{RESET, RESTART, START};
pub use known_facts::KnownFacts;
pub use notices::{EVENTS, Notices, WARNINGS};
pub use operation::{
    Codec, Field, FieldRole, HarnessStep, Nothing, Operation, OperationRequest, OperationResponse, Response,
    StepResult, from_fields, step_from_toml, to_fields,
};
pub use own_fixtures::OwnFixtures;
pub use refusal::{Facts, NamedRule, Native, Refusal, RefusalKind};
pub use session_context::{FILE_LIMIT, MAX_FILE_BYTES, SessionContext, WITHOUT, WITHOUT_MODULES};
pub use with_allowed_effects::WithAllowedEffects;
pub use with_fixtures::WithFixtures;
pub use wrapper::Wrapper;

use std::{fmt::Debug, path::Path};

use super::suite::EmbeddedSuite;
use crate::value::{Map, Value};

/// The name of the effect that an implementation writes no files outside of the case.
pub(crate) const OUTSIDE: &str = "outside";

/// One kind of file and the operations that save and load it.
pub trait Contract: Debug + Send + Sync {
    /// The contract's name: `bundle`.
    fn name(&self) -> &'static str;

    /// Every operation, in the order in which adapters list them.
    fn operations(&self) -> &'static [Operation];

    /// State that a case can observe before and after a step, such as `params`: `$params` in a case. On the wire it is a
    /// method without fields that returns an object with this one key, which holds another object.
    fn observables(&self) -> &'static [&'static str];

    /// Capabilities that a case may need in addition to operations.
    fn capabilities(&self) -> &'static [&'static str];

    /// The environment variables of every check, as name and value.
    fn environment(&self) -> &'static [(&'static str, &'static str)];

    /// The backend of the built-in implementations, as reported by `initialize`.
    fn backend(&self) -> &'static str;

    /// Steps that the harness performs itself, without the implementation.
    fn harness_steps(&self) -> &'static [HarnessStep] {
        &[]
    }

    /// The kinds of configuration that a request may contain.
    fn config_kinds(&self) -> &'static [ConfigKind] {
        &[]
    }

    /// The name by which a case refers to the file of the latest operation: `archive` for `$archive`.
    fn file_name(&self) -> &'static str;

    /// The contents of that file, as the contract's own reader sees them.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn describe_file(&self, path: &Path) -> Result<Value, String>;

    /// The SHA-256 of each entry of an archive, by entry name.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn file_entries(&self, path: &Path) -> Result<Map, String>;

    /// The mechanical changes of a file that an implementation wrote, besides those of its parts: each entry of an archive
    /// dropped, renamed, garbled and added, one at a time. A change that the contract allows is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn file_changes(&self, _path: &Path) -> Result<Vec<FileChange>, String> {
        Ok(Vec::new())
    }

    /// The dicts in a file, by the name of the part that they are in: what a fault can change key by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn file_parts(&self, path: &Path) -> Result<Map, String> {
        Err(format!("{} has no parts", path.display()))
    }

    /// Writes changed parts of [`Contract::file_parts`] to the file; everything else in it stays as it is. A missing part is
    /// removed.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn write_file_parts(&self, path: &Path, _parts: &Map) -> Result<(), String> {
        Err(format!("{} has no parts", path.display()))
    }

    /// Changes a file in place, as one of [`Contract::file_changes`] or a row of a suite says.
    ///
    /// # Errors
    /// When the contract has no such change, or the file cannot be changed in this way.
    fn change_file(&self, _path: &Path, change: &Map) -> Result<(), String> {
        Err(format!("unknown change {}", Value::Map(change.clone())))
    }

    /// Validates a request of a step that does not expect a refusal.
    ///
    /// # Errors
    /// Why the request is invalid.
    fn check_request(&self, _operation: &Operation, _fields: &Map) -> Result<(), String> {
        Ok(())
    }

    /// The stages of its history, oldest first; empty if it has none.
    fn eras(&self) -> &'static [Era] {
        &[]
    }

    /// The requirement that a crash violates: an operation ends with a result or a refusal, never with an internal error.
    fn crash_violates(&self) -> Option<&'static str> {
        None
    }

    /// The effects of a reset. They hold of a new process as well, before its first step. An implementation whose first
    /// process shows other observables violates the cases about them, and not these effects in every check.
    fn reset_effects(&self) -> &'static [Effect] {
        &[]
    }

    /// The requirement that a file violates which appears, changes or disappears in the home or temporary directory of an
    /// implementation during a step; None if these are not watched.
    fn outside_violates(&self) -> Option<&'static str> {
        None
    }

    /// What is wrong with a file that an implementation wrote; None if nothing is. Findings about a requirement that is not
    /// `stated` do not count.
    fn check_file(&self, _path: &Path, _stated: &dyn Fn(&str) -> bool) -> Option<String> {
        None
    }

    /// The requirement that an operation or a step of the harness violates when it refuses a valid request, if the contract
    /// names one.
    fn refusal_violates(&self, _operation: &str) -> Option<&'static str> {
        None
    }

    /// The fields of a request that say something to a reader: without the values of a configuration that are defaults
    /// anyway.
    fn telling_fields(&self, _operation: &Operation, fields: &Map) -> Map {
        fields.clone()
    }

    /// What is known about a difference beyond the two values, one sentence each: what became of a tensor, or which other one
    /// it is.
    fn explain_values(&self, _expected: &Value, _found: &Value, _known: &KnownFacts<'_>) -> Vec<String> {
        Vec::new()
    }

    /// How the contents of two files differ, one sentence each; empty if they cannot be read.
    fn explain_files(&self, _expected: &Path, _found: &Path) -> Vec<String> {
        Vec::new()
    }

    /// A write that shows whether an adapter's `reset` works; None if the contract has no resettable state.
    fn reset_probe(&self) -> Option<ResetProbe> {
        None
    }

    /// The built-in implementations: the reference first, then the stub, then every mutant.
    fn built_ins(&self) -> Vec<BuiltIn>;

    /// The suite embedded in the program.
    fn suite(&self) -> &'static EmbeddedSuite;
}

impl dyn Contract {
    /// The operation with this name.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations().iter().find(|operation| operation.name == name)
    }

    /// Every declared effect with its operation, those of `reset` last.
    pub fn effects(&self) -> impl Iterator<Item = (&'static str, &'static Effect)> {
        let all = self.operations().iter().map(|operation| (operation.name, operation.effects));
        let all = all.chain([(RESET, self.reset_effects())]);
        all.flat_map(|(operation, effects)| effects.iter().map(move |effect| (operation, effect)))
    }

    /// The names of all effects of an operation, or of `reset`, as reports and red entries use them.
    pub fn effects_of(&self, operation: &str) -> Vec<String> {
        let effects = match self.operation(operation) {
            Some(known) => known.effects,
            None if operation == RESET => self.reset_effects(),
            None => return Vec::new(),
        };
        let names = effects.iter().map(|effect| effect.name).chain(self.outside_violates().map(|_| OUTSIDE));
        names.map(|name| format!("{operation}.{name}")).collect()
    }

    /// The era with this name.
    pub fn era(&self, name: &str) -> Option<&'static Era> {
        self.eras().iter().find(|era| era.name == name)
    }

    /// The environment variables of every check, as a map.
    pub fn environment_map(&self) -> std::collections::BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.environment().iter().map(owned).collect()
    }
}

/// A kind of configuration: `{ kind = "training", ... }` in a case.
#[derive(Debug)]
pub struct ConfigKind {
    /// The value of `kind`.
    pub name: &'static str,
    /// The names of its fields.
    pub fields: &'static [&'static str],
    /// The field that holds a configuration of another kind, and the field names of that kind.
    pub nested: Option<(&'static str, &'static [&'static str])>,
}

/// One mechanical change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// What is changed, such as the entry of an archive.
    pub at: String,
    /// How: `dropped`, `added`, `garbled` or another participle.
    pub how: &'static str,
    /// The change for [`Contract::change_file`].
    pub change: Map,
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
    /// The key that the observable has after the write and not after a reset.
    pub key: &'static str,
}
