//! What operations answer: descriptions, since weights never travel.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    bundle::nouns::{Bundle, Params},
    torch_files::{Dtype, ModelState, Tensor},
    value::{Digest, Map, Value, json_value},
};

/// A tensor without its elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TensorDescription {
    /// The element type.
    pub dtype: Dtype,
    /// The length of each dimension, in elements.
    pub shape: Vec<usize>,
    /// SHA-256 of the contiguous little-endian bytes, in hexadecimal.
    #[serde(rename = "sha256")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub digest: Digest,
}

/// A model without its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ModelDescription {
    /// Tensors by name.
    #[serde(rename = "tensors")]
    Network(IndexMap<String, TensorDescription>),
    /// The sentinel dictionary, whole.
    #[serde(rename = "sentinel", deserialize_with = "json_value::map")]
    Sentinel(#[cfg_attr(test, schemars(with = "json_value::Spelled"))] Map),
}

/// Models by name.
pub type Models = IndexMap<String, ModelDescription>;

/// What a load answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Loaded {
    /// Every model of the bundle.
    pub models: Models,
    /// The archived params; a map of its own and not that of the process (LOD-012).
    pub params: Params,
}

/// What a workflow answers: `(amplitude, phase, results)` (ORC-007, ORC-009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Workflow {
    /// The stitched amplitude; None without stitching.
    pub amplitude: Option<TensorDescription>,
    /// The stitched phase; None without stitching.
    pub phase: Option<TensorDescription>,
    /// The trained models.
    pub models: Models,
    /// The scale computed from the data, dimensionless.
    #[serde(with = "json_value::float")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub intensity_scale: f64,
    /// The training loss after each epoch, in the units of the loss.
    #[serde(with = "json_value::floats")]
    #[cfg_attr(test, schemars(with = "Vec<f64>"))]
    pub train_loss: Vec<f64>,
    /// The backend that ran it; None when it was not the dispatcher that was asked (DSP-003).
    pub backend: Option<String>,
}

/// What the dispatcher's loader answers: one model, and the archived params (DSP-004).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoadedModel {
    /// The model that was asked for.
    pub model: ModelDescription,
    /// The archived params; a map of its own.
    pub params: Params,
}

/// What a dataset holds (NPZ-001).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DatasetDescription {
    /// How many positions were scanned.
    pub positions: usize,
    /// The arrays by the names that they have on disk: `xcoords` and `ycoords` as float64, `diff3d` as float32,
    /// `probeGuess` as complex64.
    pub arrays: IndexMap<String, TensorDescription>,
}

/// What a network gives for its inputs (EXE-001).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Output {
    /// complex64, `[B, C, N, N]`.
    pub output: TensorDescription,
}

impl From<&Tensor> for TensorDescription {
    fn from(tensor: &Tensor) -> Self {
        Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), digest: tensor.digest() }
    }
}

impl From<&ModelState> for ModelDescription {
    fn from(state: &ModelState) -> Self {
        match state {
            ModelState::Network(tensors) => {
                Self::Network(tensors.iter().map(|(name, tensor)| (name.clone(), tensor.into())).collect())
            }
            ModelState::Sentinel(values) => Self::Sentinel(values.clone()),
        }
    }
}

impl From<&TensorDescription> for Value {
    fn from(tensor: &TensorDescription) -> Self {
        // A side fits 64 signed bits, since the bytes of the tensor are in memory or were.
        let sides = tensor.shape.iter().map(|side| Self::Int(i64::try_from(*side).unwrap_or(i64::MAX)));
        Self::Map(Map::from_iter([
            ("dtype".to_owned(), Self::from(tensor.dtype.name())),
            ("shape".to_owned(), Self::List(sides.collect())),
            ("sha256".to_owned(), Self::from(tensor.digest.to_string())),
        ]))
    }
}

impl From<&ModelDescription> for Value {
    fn from(model: &ModelDescription) -> Self {
        let (key, value) = match model {
            ModelDescription::Network(tensors) => {
                let named = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.into()));
                ("tensors", Self::Map(named.collect()))
            }
            ModelDescription::Sentinel(values) => ("sentinel", Self::Map(values.clone())),
        };
        Self::Map(Map::from_iter([(key.to_owned(), value)]))
    }
}

/// `{role: {tensors: {name: {dtype, shape, sha256}}}}`, or `sentinel` in place of `tensors`.
pub fn models_value(models: &Models) -> Value {
    Value::Map(models.iter().map(|(name, model)| (name.clone(), model.into())).collect())
}

impl From<&Loaded> for Value {
    fn from(loaded: &Loaded) -> Self {
        Self::Map(Map::from_iter([
            ("models".to_owned(), models_value(&loaded.models)),
            ("params".to_owned(), Self::Map(loaded.params.0.clone())),
        ]))
    }
}

impl From<&Workflow> for Value {
    fn from(workflow: &Workflow) -> Self {
        let image = |image: &Option<TensorDescription>| image.as_ref().map_or(Self::None, Self::from);
        let losses = workflow.train_loss.iter().map(|loss| Self::Float(*loss));
        Self::Map(Map::from_iter([
            ("amplitude".to_owned(), image(&workflow.amplitude)),
            ("phase".to_owned(), image(&workflow.phase)),
            ("models".to_owned(), models_value(&workflow.models)),
            ("intensity_scale".to_owned(), Self::Float(workflow.intensity_scale)),
            ("train_loss".to_owned(), Self::List(losses.collect())),
            ("backend".to_owned(), workflow.backend.as_deref().map_or(Self::None, Self::from)),
        ]))
    }
}

impl From<&LoadedModel> for Value {
    fn from(loaded: &LoadedModel) -> Self {
        Self::Map(Map::from_iter([
            ("model".to_owned(), (&loaded.model).into()),
            ("params".to_owned(), Self::Map(loaded.params.0.clone())),
        ]))
    }
}

impl From<&Output> for Value {
    fn from(answer: &Output) -> Self {
        Self::Map(Map::from_iter([("output".to_owned(), (&answer.output).into())]))
    }
}

impl From<&DatasetDescription> for Value {
    fn from(dataset: &DatasetDescription) -> Self {
        let arrays = dataset.arrays.iter().map(|(name, array)| (name.clone(), array.into()));
        Self::Map(Map::from_iter([
            ("positions".to_owned(), Self::Int(i64::try_from(dataset.positions).unwrap_or(i64::MAX))),
            ("arrays".to_owned(), Self::Map(arrays.collect())),
        ]))
    }
}

/// A bundle as a reader finds it: `version`, `backend`, `model_names` in the manifest's order, `models`, one of
/// `snapshots` a model, and `params` where the snapshots agree.
impl From<&Bundle> for Value {
    fn from(bundle: &Bundle) -> Self {
        let models: Models =
            bundle.models.iter().map(|(name, model)| (name.clone(), (&model.state).into())).collect();
        let snapshot = |params: &Params| Self::Map(params.0.clone());
        let snapshots = bundle.models.iter().map(|(name, model)| (name.clone(), snapshot(&model.params)));
        let mut described = Map::from_iter([
            ("version".to_owned(), Self::from(bundle.version.as_str())),
            ("backend".to_owned(), bundle.backend.as_deref().map_or(Self::None, Self::from)),
            (
                "model_names".to_owned(),
                Self::List(bundle.models.keys().map(|name| Self::from(name.as_str())).collect()),
            ),
            ("models".to_owned(), models_value(&models)),
            ("snapshots".to_owned(), Self::Map(snapshots.collect())),
        ]);
        if let Some(params) = bundle.agreed_params() {
            described.insert("params".to_owned(), snapshot(params));
        }
        Self::Map(described)
    }
}
