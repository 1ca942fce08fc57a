//! The requests of the operations, under the contract's own names.
//!
//! Paths are text. Weights never travel: a request refers to models by the name under which an earlier operation of the
//! session kept them. The responses are in [`crate::bundle::operations::response`].

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    bundle::nouns::{Configuration, InferenceConfig, ModelConfig, Rule, TrainingConfig},
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value, json_value},
};

/// An unchecked configuration: its type and named values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigRequest {
    /// The configuration type.
    pub kind: ConfigKind,
    /// The fields by name; `model` is a map of its own. A path is text, `{"path": …}`, or `{"text": …}` where Python
    /// text stands in place of a path object.
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
    /// `PyTorchExecutionConfig`: the settings of a run.
    Execution,
}

impl ConfigRequest {
    /// Constructs and checks the configuration.
    ///
    /// # Errors
    /// As [`ModelConfig::from_values`]; `invalid_value` for an execution configuration, which does not describe a network
    /// (CFG-013).
    pub fn construct(&self) -> Result<Configuration, Refusal> {
        Ok(match self.kind {
            ConfigKind::Model => Configuration::Model(ModelConfig::from_values(&self.values)?),
            ConfigKind::Training => Configuration::Training(TrainingConfig::from_values(&self.values)?),
            ConfigKind::Inference => Configuration::Inference(InferenceConfig::from_values(&self.values)?),
            ConfigKind::Execution => {
                let message =
                    "expected a model, training or inference configuration, found an execution configuration";
                return Err(Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::NotExecution));
            }
        })
    }
}

/// Makes both networks of a configuration, or sentinels in their place, without saving them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateModels {
    /// The configuration of the networks.
    pub config: ConfigRequest,
    /// The seed of the weights: equal seeds give equal weights, different seeds give different weights.
    #[serde(default)]
    pub seed: u64,
    /// The models to make as sentinels: the value of `_sentinel` by model name.
    #[serde(default)]
    pub sentinels: IndexMap<String, String>,
    /// The models to make; both roles when not given.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// The name under which the session keeps the models.
    #[serde(rename = "as")]
    pub name: String,
}

/// Saves models as `<base_path>.zip` (BUN-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SaveTorchBundle {
    /// The name under which the session keeps the models.
    pub models: String,
    /// The archive's path without `.zip`: `<dir>/wts.h5`.
    pub base_path: String,
    /// The configuration to save with each model.
    pub config: ConfigRequest,
    /// The intensity scale to save, dimensionless; determined by BUN-008 when not given.
    #[serde(default)]
    pub intensity_scale: Option<f64>,
}

/// Loads `<base_path>.zip`: returns the models and their params, and updates the params of the process (LOD-004).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadTorchBundle {
    /// The archive's path without `.zip`: `<dir>/wts.h5`.
    pub base_path: String,
    /// The name under which the session keeps the models.
    #[serde(rename = "as")]
    pub name: String,
}

/// Trains on a dataset and saves the result when the configuration has an output directory (ORC-001, ORC-004).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunCdiExampleTorch {
    /// The path of the training data, an `.npz` file.
    pub train_data: String,
    /// The training configuration.
    pub config: ConfigRequest,
    /// The name under which the session keeps the trained models.
    #[serde(rename = "as")]
    pub name: String,
}

/// Loads the bundle of a directory for inference (ORC-006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadInferenceBundleTorch {
    /// The directory of `wts.h5.zip`.
    pub bundle_dir: String,
    /// The name under which the session keeps the models.
    #[serde(rename = "as")]
    pub name: String,
}

/// Updates the params of the process with a configuration (CFG-007, CFG-010).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateLegacyDict {
    /// The configuration.
    pub config: ConfigRequest,
}

/// Overwrites params of the process, as another part of a program would (PRM-003).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetParams {
    /// The new values by key.
    #[serde(deserialize_with = "json_value::map")]
    #[cfg_attr(test, schemars(with = "json_value::Spelled"))]
    pub values: Map,
}

/// Checks a configuration against the rules of its type, as a person does before a long run (CFG-003 to CFG-005).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValidateConfig {
    /// The configuration. The `model_path` of an inference configuration is looked up on disk.
    pub config: ConfigRequest,
}

/// Reads one value of the params of the process (PRM-002).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GetParam {
    /// The key.
    pub key: String,
    /// The result for a missing key; without a default a missing key is refused.
    #[serde(default, deserialize_with = "json_value::present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub default: Option<Value>,
    /// The name of the result in the case.
    #[serde(rename = "as")]
    pub name: String,
}

/// Reads a dataset (NPZ-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadDataset {
    /// The path of the dataset, an `.npz` file.
    pub path: String,
    /// The name of the result in the case.
    #[serde(rename = "as")]
    pub name: String,
}

/// Runs the workflow of the configured backend (DSP-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunCdiExampleWithBackend {
    /// The path of the training data, an `.npz` file.
    pub train_data: String,
    /// The training configuration; its `backend` selects the workflow.
    pub config: ConfigRequest,
    /// The name under which the session keeps the trained models.
    #[serde(rename = "as")]
    pub name: String,
}

/// Loads one model of the bundle of a directory through the configured backend (DSP-004).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadInferenceBundleWithBackend {
    /// The directory of `wts.h5.zip`.
    pub bundle_dir: String,
    /// The inference configuration; its `backend` selects the loader. No part of it reaches the params.
    pub config: ConfigRequest,
    /// The model to return; `diffraction_to_obj` when not given.
    #[serde(default)]
    pub model: Option<String>,
    /// The name of the result in the case; the session keeps no model.
    #[serde(rename = "as")]
    pub name: String,
}

/// Runs one model on inputs (EXE-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The name under which the session keeps the models.
    pub models: String,
    /// The name of the model among them.
    pub model: String,
    /// The path of the inputs, an `.npz` file: `x` float32 `[B, C, N, N]`, `positions` float32 `[B, C, 1, 2]`, `probe`
    /// complex64 `[N, N]` and `scale` float32 `[B]`, where `C` is `gridsize` squared.
    pub inputs: String,
    /// The name of the result in the case.
    #[serde(rename = "as")]
    pub name: String,
}
