//! The responses of the operations. They describe models by digests, since weights never travel.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    bundle::{
        files::Dataset,
        nouns::{Bundle, Params},
    },
    harness::contract::{OperationResponse, Response},
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
    /// The complete sentinel dictionary.
    #[serde(rename = "sentinel", deserialize_with = "json_value::map")]
    Sentinel(#[cfg_attr(test, schemars(with = "json_value::Spelled"))] Map),
}

/// Models by name.
pub type Models = IndexMap<String, ModelDescription>;

/// The result of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Loaded {
    /// All models of the bundle.
    pub models: Models,
    /// The archived params: a copy, not the map of the process (LOD-012).
    pub params: Params,
}

/// The result of a workflow: `(amplitude, phase, results)` (ORC-007, ORC-009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Workflow {
    /// The stitched amplitude; None without stitching.
    pub amplitude: Option<TensorDescription>,
    /// The stitched phase; None without stitching.
    pub phase: Option<TensorDescription>,
    /// The trained models.
    pub models: Models,
    /// The intensity scale computed from the data, dimensionless; None if the results have none.
    #[serde(default, with = "json_value::float_or_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    pub intensity_scale: Option<f64>,
    /// The training loss after each epoch, in the units of the loss.
    #[serde(with = "json_value::floats")]
    #[cfg_attr(test, schemars(with = "Vec<f64>"))]
    pub train_loss: Vec<f64>,
    /// The backend that ran; None when the workflow was called directly and not through the dispatcher (DSP-003).
    pub backend: Option<String>,
}

/// The result of the dispatcher's loader: one model, and the archived params (DSP-004).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoadedModel {
    /// The requested model.
    pub model: ModelDescription,
    /// The archived params: a copy.
    pub params: Params,
}

/// The content of a dataset (NPZ-001).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DatasetDescription {
    /// The number of scan positions.
    pub positions: usize,
    /// The arrays under their names on disk: `xcoords` and `ycoords` as float64, `diff3d` as float32, `probeGuess` as
    /// complex64.
    pub arrays: IndexMap<String, TensorDescription>,
}

/// The output of a network (EXE-001).
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

/// Describes the arrays of a dataset under their names on disk.
impl From<&Dataset> for DatasetDescription {
    fn from(data: &Dataset) -> Self {
        let floats =
            |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (positions, side) = (data.positions(), data.pattern_side);
        let patterns = data.diffraction.iter().flat_map(|value| value.to_le_bytes()).collect();
        let probe = data.probe.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let arrays = [
            ("xcoords", Dtype::Float64, vec![positions], floats(&data.xcoords)),
            ("ycoords", Dtype::Float64, vec![positions], floats(&data.ycoords)),
            ("diff3d", Dtype::Float32, vec![positions, side, side], patterns),
            ("probeGuess", Dtype::Complex64, data.probe_shape.to_vec(), probe),
        ];
        // The bytes were made to fit the shape, so no array is dropped.
        let described =
            arrays.into_iter().filter_map(|(name, dtype, shape, bytes): (&str, _, _, Vec<u8>)| {
                Some((name.to_owned(), TensorDescription::from(&Tensor::new(dtype, shape, bytes)?)))
            });
        Self { positions, arrays: described.collect() }
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
        // A length fits into 64 signed bits, since the bytes of the tensor are or were in memory.
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

/// The result of `get_param`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ValueAnswer {
    /// The value, in the JSON notation of values.
    #[serde(deserialize_with = "json_value::value")]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    value: Value,
}

/// The result of `create_models`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModelsAnswer {
    /// The new models.
    models: Models,
}

/// What `get_param` returns: `{value: ...}`.
impl OperationResponse for Value {
    const SHAPE: Response = Response::Fields(&["value"]);

    type Wire = ValueAnswer;

    fn from_wire(wire: ValueAnswer) -> Self {
        wire.value
    }

    fn into_fields(self) -> Map {
        fields([("value", self)])
    }
}

/// What `create_models` returns: `{models: {role: ...}}`, of which a case sees the roles.
impl OperationResponse for Models {
    const SHAPE: Response = Response::Inner("models");

    type Wire = ModelsAnswer;

    fn from_wire(wire: ModelsAnswer) -> Self {
        wire.models
    }

    fn into_fields(self) -> Map {
        fields([("models", models_value(&self))])
    }
}

impl OperationResponse for Loaded {
    const SHAPE: Response = Response::Fields(&["models", "params"]);

    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn into_fields(self) -> Map {
        fields([("models", models_value(&self.models)), ("params", Value::Map(self.params.0))])
    }
}

impl OperationResponse for Workflow {
    const SHAPE: Response =
        Response::Fields(&["amplitude", "phase", "models", "intensity_scale", "train_loss", "backend"]);

    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn into_fields(self) -> Map {
        let image = |image: Option<TensorDescription>| image.as_ref().map_or(Value::None, Value::from);
        fields([
            ("amplitude", image(self.amplitude)),
            ("phase", image(self.phase)),
            ("models", models_value(&self.models)),
            ("intensity_scale", self.intensity_scale.map_or(Value::None, Value::Float)),
            ("train_loss", Value::List(self.train_loss.into_iter().map(Value::Float).collect())),
            ("backend", self.backend.map_or(Value::None, Value::from)),
        ])
    }
}

impl OperationResponse for LoadedModel {
    const SHAPE: Response = Response::Fields(&["model", "params"]);

    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn into_fields(self) -> Map {
        fields([("model", (&self.model).into()), ("params", Value::Map(self.params.0))])
    }
}

impl OperationResponse for DatasetDescription {
    const SHAPE: Response = Response::Fields(&["positions", "arrays"]);

    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn into_fields(self) -> Map {
        let arrays = self.arrays.iter().map(|(name, array)| (name.clone(), array.into()));
        fields([
            ("positions", Value::Int(i64::try_from(self.positions).unwrap_or(i64::MAX))),
            ("arrays", Value::Map(arrays.collect())),
        ])
    }
}

impl OperationResponse for Output {
    const SHAPE: Response = Response::Fields(&["output"]);

    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn into_fields(self) -> Map {
        fields([("output", (&self.output).into())])
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The description of a bundle: `version`, `backend`, `model_names` in the manifest's order, `models`, one of `snapshots`
/// for each model, and `params` when all snapshots agree.
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
