//! What a step does: an operation of the contract, or a step of the harness's own.

use serde::Deserialize;

use crate::bundle::files::AlterBundle;
use crate::{
    bundle::operations::request::{
        ConfigRequest, CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
        LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch, RunCdiExampleWithBackend,
        SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
    },
    value::Map,
};

/// One step's operation and what it is asked.
///
/// The first group goes to the implementation under test; the second is done by the harness and never
/// reaches it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Back to the params of a new process.
    Reset {},
    /// See [`SetParams`].
    SetParams(SetParams),
    /// See [`GetParam`].
    GetParam(GetParam),
    /// See [`ValidateConfig`].
    ValidateConfig(ValidateConfig),
    /// See [`UpdateLegacyDict`].
    UpdateLegacyDict(UpdateLegacyDict),
    /// See [`CreateModels`].
    CreateModels(CreateModels),
    /// See [`SaveTorchBundle`].
    SaveTorchBundle(SaveTorchBundle),
    /// See [`LoadTorchBundle`].
    LoadTorchBundle(LoadTorchBundle),
    /// See [`RunCdiExampleTorch`].
    RunCdiExampleTorch(RunCdiExampleTorch),
    /// See [`LoadInferenceBundleTorch`].
    LoadInferenceBundleTorch(LoadInferenceBundleTorch),
    /// See [`RunCdiExampleWithBackend`].
    RunCdiExampleWithBackend(RunCdiExampleWithBackend),
    /// See [`LoadInferenceBundleWithBackend`].
    LoadInferenceBundleWithBackend(LoadInferenceBundleWithBackend),
    /// See [`LoadDataset`].
    LoadDataset(LoadDataset),
    /// See [`Forward`].
    Forward(Forward),

    /// Puts a fixture where the implementation finds it.
    PlaceFixture(PlaceFixture),
    /// Reads what a fixture's sidecar says is in it. The implementation never sees it.
    ReadSidecar(ReadSidecar),
    /// Copies a file, to compare with later.
    CopyFile(CopyFile),
    /// Changes a bundle that the implementation has written.
    AlterBundle(AlterBundle),
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
    /// The name its values are known under from here on.
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

impl Action {
    /// The name as case files spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reset {} => "reset",
            Self::SetParams(_) => "set_params",
            Self::GetParam(_) => "get_param",
            Self::ValidateConfig(_) => "validate_config",
            Self::UpdateLegacyDict(_) => "update_legacy_dict",
            Self::CreateModels(_) => "create_models",
            Self::SaveTorchBundle(_) => "save_torch_bundle",
            Self::LoadTorchBundle(_) => "load_torch_bundle",
            Self::RunCdiExampleTorch(_) => "run_cdi_example_torch",
            Self::LoadInferenceBundleTorch(_) => "load_inference_bundle_torch",
            Self::RunCdiExampleWithBackend(_) => "run_cdi_example_with_backend",
            Self::LoadInferenceBundleWithBackend(_) => "load_inference_bundle_with_backend",
            Self::LoadDataset(_) => "load_dataset",
            Self::Forward(_) => "forward",
            Self::PlaceFixture(_) => "place_fixture",
            Self::ReadSidecar(_) => "read_sidecar",
            Self::CopyFile(_) => "copy_file",
            Self::AlterBundle(_) => "alter_bundle",
        }
    }

    /// The name its answer is known under from this step on.
    pub fn answer_name(&self) -> Option<&str> {
        match self {
            Self::CreateModels(request) => Some(&request.name),
            Self::LoadTorchBundle(request) => Some(&request.name),
            Self::RunCdiExampleTorch(request) => Some(&request.name),
            Self::LoadInferenceBundleTorch(request) => Some(&request.name),
            Self::RunCdiExampleWithBackend(request) => Some(&request.name),
            Self::LoadInferenceBundleWithBackend(request) => Some(&request.name),
            Self::GetParam(request) => Some(&request.name),
            Self::LoadDataset(request) => Some(&request.name),
            Self::Forward(request) => Some(&request.name),
            Self::ReadSidecar(request) => Some(&request.name),
            Self::AlterBundle(request) => Some(&request.name),
            _ => None,
        }
    }

    /// The fields an answer under that name has; None when the answer is a map of models.
    pub fn answer_fields(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::LoadTorchBundle(_) | Self::LoadInferenceBundleTorch(_) => Some(&["models", "params"]),
            Self::RunCdiExampleTorch(_) | Self::RunCdiExampleWithBackend(_) => {
                Some(&["amplitude", "phase", "models", "intensity_scale", "train_loss", "backend"])
            }
            Self::LoadInferenceBundleWithBackend(_) => Some(&["model", "params"]),
            Self::LoadDataset(_) => Some(&["positions", "arrays"]),
            Self::Forward(_) => Some(&["output"]),
            Self::GetParam(_) => Some(&["value"]),
            Self::AlterBundle(_) => Some(&["model", "tensor", "entry", "global"]),
            _ => None,
        }
    }

    /// The configuration it is given, when it is given one.
    pub fn config(&self) -> Option<&ConfigRequest> {
        match self {
            Self::UpdateLegacyDict(request) => Some(&request.config),
            Self::ValidateConfig(request) => Some(&request.config),
            Self::RunCdiExampleWithBackend(request) => Some(&request.config),
            Self::LoadInferenceBundleWithBackend(request) => Some(&request.config),
            Self::CreateModels(request) => Some(&request.config),
            Self::SaveTorchBundle(request) => Some(&request.config),
            Self::RunCdiExampleTorch(request) => Some(&request.config),
            _ => None,
        }
    }

    /// The fixture it names.
    pub fn fixture(&self) -> Option<&str> {
        match self {
            Self::PlaceFixture(request) => Some(&request.fixture),
            Self::ReadSidecar(request) => Some(&request.fixture),
            _ => None,
        }
    }

    /// The paths in it: each must be a place under `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::SaveTorchBundle(request) => vec![&request.base_path],
            Self::LoadTorchBundle(request) => vec![&request.base_path],
            Self::RunCdiExampleTorch(request) => vec![&request.train_data],
            Self::LoadInferenceBundleTorch(request) => vec![&request.bundle_dir],
            Self::RunCdiExampleWithBackend(request) => vec![&request.train_data],
            Self::LoadInferenceBundleWithBackend(request) => vec![&request.bundle_dir],
            Self::LoadDataset(request) => vec![&request.path],
            Self::Forward(request) => vec![&request.inputs],
            Self::PlaceFixture(request) => vec![&request.at],
            Self::CopyFile(request) => vec![&request.from, &request.to],
            Self::AlterBundle(request) => vec![&request.base_path],
            _ => Vec::new(),
        }
    }

    /// The models it is given: `$` and the name they were left under.
    pub fn models(&self) -> Option<&str> {
        match self {
            Self::SaveTorchBundle(request) => Some(&request.models),
            Self::Forward(request) => Some(&request.models),
            _ => None,
        }
    }

    /// Whether it leaves models under the name of its answer.
    pub fn leaves_models(&self) -> bool {
        let others = matches!(
            self,
            Self::ReadSidecar(_)
                | Self::AlterBundle(_)
                | Self::GetParam(_)
                | Self::LoadDataset(_)
                | Self::Forward(_)
                | Self::LoadInferenceBundleWithBackend(_)
        );
        !others && self.answer_name().is_some()
    }

    /// The values it writes or hands on.
    pub fn values(&self) -> Option<&Map> {
        match self {
            Self::SetParams(request) => Some(&request.values),
            _ => self.config().map(|config| &config.values),
        }
    }
}
