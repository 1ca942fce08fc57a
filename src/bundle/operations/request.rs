//! The operations of the contract: what each is asked, under the contract's own names.
//!
//! Paths are text. Models are asked for by the name under which an earlier operation left them: weights
//! never travel. What an operation answers is in [`crate::bundle::operations::response`].

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    bundle::nouns::{Configuration, InferenceConfig, ModelConfig, Rule, TrainingConfig},
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value, json_value},
};

/// A configuration as it is given: which type it is, and named values that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigRequest {
    /// The configuration type.
    pub kind: ConfigKind,
    /// The named fields, `model` among them as a map of its own.
    #[serde(default, deserialize_with = "json_value::map")]
    #[cfg_attr(test, schemars(with = "json_value::Spelled"))]
    pub values: Map,
}

/// The configuration types of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ConfigKind {
    /// `ModelConfig`.
    Model,
    /// `TrainingConfig`.
    Training,
    /// `InferenceConfig`.
    Inference,
    /// `PyTorchExecutionConfig`: how to run, and not what.
    Execution,
}

impl ConfigRequest {
    /// Constructs the configuration.
    ///
    /// # Errors
    /// As [`ModelConfig::from_values`]; `invalid_value` for an execution configuration, which is none of a model
    /// (CFG-011).
    pub fn construct(&self) -> Result<Configuration, Refusal> {
        Ok(match self.kind {
            ConfigKind::Model => Configuration::Model(ModelConfig::from_values(&self.values)?),
            ConfigKind::Training => Configuration::Training(TrainingConfig::from_values(&self.values)?),
            ConfigKind::Inference => Configuration::Inference(InferenceConfig::from_values(&self.values)?),
            ConfigKind::Execution => {
                let message = "an execution configuration says how to run and nothing of a model";
                return Err(Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::NotExecution));
            }
        })
    }
}

/// Makes both networks of a configuration, or sentinels in their place, without saving anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateModels {
    /// What the networks are built from.
    pub config: ConfigRequest,
    /// Where the weights come from: the same seed gives the same weights, another one others.
    #[serde(default)]
    pub seed: u64,
    /// Models to make as sentinels: the value of `_sentinel` by model name.
    #[serde(default)]
    pub sentinels: IndexMap<String, String>,
    /// Which models to make, when not both roles.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// The name to leave the models under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Saves models as `<base_path>.zip`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SaveTorchBundle {
    /// The name the models were left under.
    pub models: String,
    /// The archive's path without its last suffix, `<dir>/wts.h5`.
    pub base_path: String,
    /// The configuration to save beside each model.
    pub config: ConfigRequest,
    /// The scale to save, when the caller states it.
    #[serde(default)]
    pub intensity_scale: Option<f64>,
}

/// Loads `<base_path>.zip`: the models, their params, and the params of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadTorchBundle {
    /// The archive's path without its last suffix, `<dir>/wts.h5`.
    pub base_path: String,
    /// The name to leave the models under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Trains on a dataset and persists what it trained, when the configuration names an output directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunCdiExampleTorch {
    /// The training data, an `.npz` file.
    pub train_data: String,
    /// The training configuration.
    pub config: ConfigRequest,
    /// The name to leave the trained models under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Loads the bundle of a directory for inference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadInferenceBundleTorch {
    /// The directory that holds `wts.h5.zip`.
    pub bundle_dir: String,
    /// The name to leave the models under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Bridges a configuration to the params of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateLegacyDict {
    /// What to bridge.
    pub config: ConfigRequest,
}

/// Writes these values over the params of the process, as another part of a program would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetParams {
    /// Values by key.
    #[serde(deserialize_with = "json_value::map")]
    #[cfg_attr(test, schemars(with = "json_value::Spelled"))]
    pub values: Map,
}

/// Holds a configuration against the rules of its type, as a person does before a long run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValidateConfig {
    /// What to hold against them. A `model_path` of an inference configuration is looked for on disk.
    pub config: ConfigRequest,
}

/// Asks the params of the process for one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GetParam {
    /// The key.
    pub key: String,
    /// What to answer for a key that is not there; without it such a key is refused.
    #[serde(default, deserialize_with = "json_value::present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub default: Option<Value>,
    /// The name to know the answer under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Reads a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadDataset {
    /// The dataset, an `.npz` file.
    pub path: String,
    /// The name to know the answer under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Runs the workflow of the backend that the configuration names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunCdiExampleWithBackend {
    /// The training data, an `.npz` file.
    pub train_data: String,
    /// The training configuration; its `backend` decides.
    pub config: ConfigRequest,
    /// The name to leave the trained models under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Loads one model of the bundle of a directory through the backend that the configuration names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadInferenceBundleWithBackend {
    /// The directory that holds `wts.h5.zip`.
    pub bundle_dir: String,
    /// The inference configuration; its `backend` decides, and nothing of it reaches the params.
    pub config: ConfigRequest,
    /// The model to answer; `diffraction_to_obj` when none is named.
    #[serde(default)]
    pub model: Option<String>,
    /// The name to leave the model under.
    #[serde(rename = "as")]
    pub name: String,
}

/// Runs one model on inputs (EXE-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The name the models were left under.
    pub models: String,
    /// Which of them.
    pub model: String,
    /// The inputs, an `.npz` file: `x` float32 `[B, C, N, N]`, `positions` float32 `[B, C, 1, 2]`, `probe` complex64
    /// `[N, N]` and `scale` float32 `[B]`, where `C` is `gridsize` squared.
    pub inputs: String,
    /// The name to know the answer under.
    #[serde(rename = "as")]
    pub name: String,
}
