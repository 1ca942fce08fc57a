//! Actions: operations of the contract, and steps that the harness performs itself.

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{document::Document, error::SuiteError};
use crate::{
    harness::contract::{Contract, Field, FieldRole, HarnessStep, Operation, RESET, RESTART, Response},
    value::{Map, Value},
};

/// The operation of a step and its request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Restores the state of a new process.
    Reset,
    /// An operation of the contract, performed by the implementation under test.
    Operation(&'static Operation, Map),
    /// A step of the contract that the harness performs, without the implementation.
    HarnessStep(&'static HarnessStep, Map),
    /// Copies a fixture into the work directory.
    PlaceFixture(PlaceFixture),
    /// Reads the expected values of a fixture from its sidecar, without the implementation.
    ReadSidecar(ReadSidecar),
    /// Copies a file, for a later comparison.
    CopyFile(CopyFile),
    /// Removes a file that the implementation or the harness wrote.
    RemoveFile(RemoveFile),
    /// Continues in a new process.
    Restart,
    /// Keeps the observables, for a later comparison.
    Look(Look),
}

/// Copies a fixture into the work directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceFixture {
    /// The fixture's path, such as `bundles/gs1/wts.h5.zip`.
    pub fixture: String,
    /// The destination: `$work/...`.
    pub at: String,
}

/// Reads the expected values of a fixture.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadSidecar {
    /// The sidecar's path, such as `bundles/gs1/sidecar.json`.
    pub fixture: String,
    /// The name under which later steps refer to its values.
    #[serde(rename = "as")]
    pub name: String,
}

/// Copies a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyFile {
    /// The source: `$work/...`.
    pub from: String,
    /// The destination: `$work/...`.
    pub to: String,
}

/// Removes a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveFile {
    /// The file: `$work/...`.
    pub file: String,
}

/// Keeps the observables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The name under which later steps refer to them: `$name.params`.
    #[serde(rename = "as")]
    pub name: String,
}

const PLACE_FIXTURE: &str = "place_fixture";
const READ_SIDECAR: &str = "read_sidecar";
const COPY_FILE: &str = "copy_file";
const REMOVE_FILE: &str = "remove_file";
const LOOK: &str = "look";

/// The steps of every suite, independent of the contract.
const OWN_STEPS: [&str; 7] = [RESET, PLACE_FIXTURE, READ_SIDECAR, COPY_FILE, REMOVE_FILE, RESTART, LOOK];

impl Action {
    /// Reads the table after `do`: one key with the name of the operation, and its request.
    pub(super) fn read(
        document: &Document,
        contract: &'static dyn Contract,
        table: Spanned<DeValue<'_>>,
    ) -> Result<Self, SuiteError> {
        let span = table.span();
        let entries = match table.into_inner() {
            DeValue::Table(table) => table,
            other => {
                let message = format!("expected an operation with a request, found {}", other.type_str());
                return Err(document.error(span, message));
            }
        };
        let mut entries = entries.into_iter();
        let (Some((name, request)), None) = (entries.next(), entries.next()) else {
            return Err(document.error(span, "expected exactly one operation after `do`"));
        };
        let request_span = request.span();
        let DeValue::Table(request) = request.into_inner() else {
            let message = format!("expected a table with the request of {}", name.get_ref());
            return Err(document.error(request_span, message));
        };
        let request = Spanned::new(request_span, request);
        Self::of(document, contract, &name, request)
    }

    fn of(
        document: &Document,
        contract: &'static dyn Contract,
        name: &Spanned<toml::de::DeString<'_>>,
        request: Spanned<DeTable<'_>>,
    ) -> Result<Self, SuiteError> {
        let word = name.get_ref().as_ref();
        if let Some(operation) = contract.operation(word) {
            let fields = document.typed_with(request, operation.codec.request_from_toml)?;
            return Ok(Self::Operation(operation, fields));
        }
        if let Some(step) = contract.harness_steps().iter().find(|step| step.name == word) {
            return Ok(Self::HarnessStep(step, document.typed_with(request, step.from_toml)?));
        }
        match word {
            RESET => document.typed::<NoFields>(request).map(|_| Self::Reset),
            PLACE_FIXTURE => document.typed(request).map(Self::PlaceFixture),
            READ_SIDECAR => document.typed(request).map(Self::ReadSidecar),
            COPY_FILE => document.typed(request).map(Self::CopyFile),
            REMOVE_FILE => document.typed(request).map(Self::RemoveFile),
            RESTART => document.typed::<NoFields>(request).map(|_| Self::Restart),
            LOOK => document.typed(request).map(Self::Look),
            _ => {
                let operations = contract.operations().iter().map(|operation| operation.name);
                let steps = contract.harness_steps().iter().map(|step| step.name);
                let known: Vec<&str> = operations.chain(steps).chain(OWN_STEPS).collect();
                Err(document.unknown(&Spanned::new(name.span(), word.to_owned()), "operation", &known))
            }
        }
    }

    /// The name in case files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reset => RESET,
            Self::Operation(operation, _) => operation.name,
            Self::HarnessStep(step, _) => step.name,
            Self::PlaceFixture(_) => PLACE_FIXTURE,
            Self::ReadSidecar(_) => READ_SIDECAR,
            Self::CopyFile(_) => COPY_FILE,
            Self::RemoveFile(_) => REMOVE_FILE,
            Self::Restart => RESTART,
            Self::Look(_) => LOOK,
        }
    }

    /// The operation of the implementation under test, if this is one.
    pub fn operation(&self) -> Option<&'static Operation> {
        match self {
            Self::Operation(operation, _) => Some(operation),
            Self::Reset
            | Self::HarnessStep(..)
            | Self::PlaceFixture(_)
            | Self::ReadSidecar(_)
            | Self::CopyFile(_)
            | Self::RemoveFile(_)
            | Self::Restart
            | Self::Look(_) => None,
        }
    }

    /// The name under which later steps refer to its response.
    pub fn response_name(&self) -> Option<&str> {
        match self {
            Self::ReadSidecar(request) => Some(&request.name),
            Self::Look(request) => Some(&request.name),
            Self::Operation(..) | Self::HarnessStep(..) => self.texts(FieldRole::ResponseName).next(),
            Self::Reset | Self::PlaceFixture(_) | Self::CopyFile(_) | Self::RemoveFile(_) | Self::Restart => {
                None
            }
        }
    }

    /// The fields of that response; None if they are not known in advance.
    pub fn response_fields(&self, contract: &dyn Contract) -> Option<&'static [&'static str]> {
        match self {
            Self::Operation(operation, _) => match operation.response {
                Response::Fields(fields) => Some(fields),
                Response::Nothing | Response::Inner(_) => None,
            },
            Self::HarnessStep(step, _) => Some(step.response),
            Self::Look(_) => Some(contract.observables()),
            Self::Reset
            | Self::PlaceFixture(_)
            | Self::ReadSidecar(_)
            | Self::CopyFile(_)
            | Self::RemoveFile(_)
            | Self::Restart => None,
        }
    }

    /// The fixture it reads.
    pub fn fixture(&self) -> Option<&str> {
        match self {
            Self::PlaceFixture(request) => Some(&request.fixture),
            Self::ReadSidecar(request) => Some(&request.fixture),
            Self::Reset
            | Self::Operation(..)
            | Self::HarnessStep(..)
            | Self::CopyFile(_)
            | Self::RemoveFile(_)
            | Self::Restart
            | Self::Look(_) => None,
        }
    }

    /// Its paths, which must be below `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::PlaceFixture(request) => vec![&request.at],
            Self::CopyFile(request) => vec![&request.from, &request.to],
            Self::RemoveFile(request) => vec![&request.file],
            Self::Operation(..) | Self::HarnessStep(..) => self.texts(FieldRole::Path).collect(),
            Self::Reset | Self::ReadSidecar(_) | Self::Restart | Self::Look(_) => Vec::new(),
        }
    }

    /// Its models: `$` and the name of the earlier operation's response.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.texts(FieldRole::Models)
    }

    /// Whether the implementation stores models under the name of the response.
    pub fn keeps_models(&self) -> bool {
        self.operation().is_some_and(|operation| operation.keeps_models)
    }

    /// Values passed to the implementation, which may refer only to `$none` and `$work`.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let is_value = |role| matches!(role, FieldRole::Values | FieldRole::Config);
        self.fields().filter(move |(role, _)| is_value(*role)).map(|(_, value)| value)
    }

    fn texts(&self, wanted: FieldRole) -> impl Iterator<Item = &str> {
        self.fields().filter(move |(role, _)| *role == wanted).filter_map(|(_, value)| value.as_text())
    }

    /// The present fields of the request, each with its role.
    fn fields(&self) -> impl Iterator<Item = (FieldRole, &Value)> {
        let (roles, fields): (&'static [Field], Option<&Map>) = match self {
            Self::Operation(operation, fields) => (operation.fields, Some(fields)),
            Self::HarnessStep(step, fields) => (step.fields, Some(fields)),
            Self::Reset
            | Self::PlaceFixture(_)
            | Self::ReadSidecar(_)
            | Self::CopyFile(_)
            | Self::RemoveFile(_)
            | Self::Restart
            | Self::Look(_) => (&[], None),
        };
        roles.iter().filter_map(move |field| Some((field.role, fields?.get(field.name)?)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}
