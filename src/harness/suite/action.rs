//! What a step does: an operation of the contract, or a step that the harness performs itself.

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{document::Document, error::SuiteError};
use crate::{
    harness::contract::{Contract, Field, FieldRole, HarnessStep, Operation, Response},
    value::{Map, Value},
};

/// One step's operation and its request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Back to the state of a new process.
    Reset,
    /// An operation of the contract, performed by the implementation under test.
    Operation(&'static Operation, Map),
    /// A step of the contract that the harness performs. No implementation sees it.
    HarnessStep(&'static HarnessStep, Map),
    /// Puts a fixture where the implementation finds it.
    PlaceFixture(PlaceFixture),
    /// Reads what a fixture's sidecar says is in it. No implementation sees it.
    ReadSidecar(ReadSidecar),
    /// Copies a file, to compare with later.
    CopyFile(CopyFile),
}

/// Puts a fixture where the implementation finds it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceFixture {
    /// The fixture's path, such as `bundles/gs1/wts.h5.zip`.
    pub fixture: String,
    /// Where to put it: `$work/...`.
    pub at: String,
}

/// Reads what a sidecar says.
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
    /// The file: `$work/...`.
    pub from: String,
    /// The copy: `$work/...`.
    pub to: String,
}

const RESET: &str = "reset";
const PLACE_FIXTURE: &str = "place_fixture";
const READ_SIDECAR: &str = "read_sidecar";
const COPY_FILE: &str = "copy_file";

/// The steps that every suite has, whatever its contract.
const OWN_STEPS: [&str; 4] = [RESET, PLACE_FIXTURE, READ_SIDECAR, COPY_FILE];

impl Action {
    /// Reads the table after `do`: one key, which names the operation, and its request.
    pub(super) fn read(
        document: &Document,
        contract: &'static dyn Contract,
        table: Spanned<DeValue<'_>>,
    ) -> Result<Self, SuiteError> {
        let span = table.span();
        let entries = match table.into_inner() {
            DeValue::Table(table) => table,
            other => {
                let message = format!("expected an operation with its request, found {}", other.type_str());
                return Err(document.error(span, message));
            }
        };
        let mut entries = entries.into_iter();
        let (Some((name, request)), None) = (entries.next(), entries.next()) else {
            return Err(document.error(span, "expected exactly one operation after `do`"));
        };
        let request_span = request.span();
        let DeValue::Table(request) = request.into_inner() else {
            return Err(document.error(request_span, format!("expected the request of {}", name.get_ref())));
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
            _ => {
                let operations = contract.operations().iter().map(|operation| operation.name);
                let steps = contract.harness_steps().iter().map(|step| step.name);
                let known: Vec<&str> = operations.chain(steps).chain(OWN_STEPS).collect();
                Err(document.unknown(&Spanned::new(name.span(), word.to_owned()), "operation", &known))
            }
        }
    }

    /// The name as case files spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reset => RESET,
            Self::Operation(operation, _) => operation.name,
            Self::HarnessStep(step, _) => step.name,
            Self::PlaceFixture(_) => PLACE_FIXTURE,
            Self::ReadSidecar(_) => READ_SIDECAR,
            Self::CopyFile(_) => COPY_FILE,
        }
    }

    /// The operation that the implementation under test performs, if it is one of those.
    pub fn operation(&self) -> Option<&'static Operation> {
        match self {
            Self::Operation(operation, _) => Some(operation),
            Self::Reset
            | Self::HarnessStep(..)
            | Self::PlaceFixture(_)
            | Self::ReadSidecar(_)
            | Self::CopyFile(_) => None,
        }
    }

    /// The name under which later steps refer to its response.
    pub fn response_name(&self) -> Option<&str> {
        match self {
            Self::ReadSidecar(request) => Some(&request.name),
            Self::Operation(..) | Self::HarnessStep(..) => self.texts(FieldRole::ResponseName).next(),
            Self::Reset | Self::PlaceFixture(_) | Self::CopyFile(_) => None,
        }
    }

    /// The fields that a response under that name has; None when they are not known beforehand.
    pub fn response_fields(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::Operation(operation, _) => match operation.response {
                Response::Fields(fields) => Some(fields),
                Response::Nothing | Response::Inner(_) => None,
            },
            Self::HarnessStep(step, _) => Some(step.response),
            Self::Reset | Self::PlaceFixture(_) | Self::ReadSidecar(_) | Self::CopyFile(_) => None,
        }
    }

    /// The fixture it names.
    pub fn fixture(&self) -> Option<&str> {
        match self {
            Self::PlaceFixture(request) => Some(&request.fixture),
            Self::ReadSidecar(request) => Some(&request.fixture),
            Self::Reset | Self::Operation(..) | Self::HarnessStep(..) | Self::CopyFile(_) => None,
        }
    }

    /// The paths in it: each must be below `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::PlaceFixture(request) => vec![&request.at],
            Self::CopyFile(request) => vec![&request.from, &request.to],
            Self::Reset | Self::ReadSidecar(_) | Self::Operation(..) | Self::HarnessStep(..) => {
                self.texts(FieldRole::Path).collect()
            }
        }
    }

    /// The models it is given: `$` and the name under which an earlier operation left them.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.texts(FieldRole::Models)
    }

    /// Whether the implementation keeps models under the name of its response.
    pub fn keeps_models(&self) -> bool {
        self.operation().is_some_and(|operation| operation.keeps_models)
    }

    /// The values that are written or handed on, in which only `$none` and `$work` may stand.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let is_value = |role| matches!(role, FieldRole::Values | FieldRole::Config);
        self.fields().filter(move |(role, _)| is_value(*role)).map(|(_, value)| value)
    }

    fn texts(&self, wanted: FieldRole) -> impl Iterator<Item = &str> {
        self.fields().filter(move |(role, _)| *role == wanted).filter_map(|(_, value)| value.as_text())
    }

    /// The fields that the request has, each with its role.
    fn fields(&self) -> impl Iterator<Item = (FieldRole, &Value)> {
        let (roles, fields): (&'static [Field], Option<&Map>) = match self {
            Self::Operation(operation, fields) => (operation.fields, Some(fields)),
            Self::HarnessStep(step, fields) => (step.fields, Some(fields)),
            Self::Reset | Self::PlaceFixture(_) | Self::ReadSidecar(_) | Self::CopyFile(_) => (&[], None),
        };
        roles.iter().filter_map(move |field| Some((field.role, fields?.get(field.name)?)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}
