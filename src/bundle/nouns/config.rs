//! The configuration types of the contract, with one row for each field.
//!
//! A row is `field: type = default`, followed by `=> "legacy.key"` when the flat map uses another name: the nine renames
//! of CFG-007. Configurations are constructed from named values, since they come from cases, from a command line or over
//! a wire.

use super::closed_set::literal;
use super::{
    Rule,
    closed_set::{FieldValue, FilePath},
};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

literal! {
    /// Pixels along one side of a diffraction pattern.
    ProbeSide { N64 = 64_i64, N128 = 128_i64, N256 = 256_i64 }
}
literal! {
    /// The training method.
    ModelType { Pinn = "pinn", Supervised = "supervised" }
}
literal! {
    /// The generator of the network.
    Architecture { Cnn = "cnn", Ffno = "ffno", Fno = "fno", FnoVanilla = "fno_vanilla", NeuralopUno = "neuralop_uno" }
}
literal! {
    /// The transform of an FNO's input.
    InputTransform { None = "none", Sqrt = "sqrt", Log1p = "log1p", InstanceNorm = "instancenorm" }
}
literal! {
    /// The output of the generator.
    OutputMode { RealImag = "real_imag", AmpPhaseLogits = "amp_phase_logits", AmpPhase = "amp_phase" }
}
literal! {
    /// The activation of the amplitude.
    AmpActivation { Sigmoid = "sigmoid", Swish = "swish", Softplus = "softplus", Relu = "relu" }
}
literal! {
    /// The stack that trains and loads.
    Backend { Tensorflow = "tensorflow", Pytorch = "pytorch" }
}
literal! {
    /// The loss function of the PyTorch stack.
    LossMode { Poisson = "poisson", Mae = "mae" }
}
literal! {
    /// The method of clipping gradients.
    ClipAlgorithm { Norm = "norm", Value = "value", Agc = "agc" }
}
literal! {
    /// The optimizer.
    Optimizer { Adam = "adam", Adamw = "adamw", Sgd = "sgd" }
}
literal! {
    /// The schedule of the learning rate.
    Scheduler {
        Default = "Default",
        Exponential = "Exponential",
        WarmupCosine = "WarmupCosine",
        ReduceLrOnPlateau = "ReduceLROnPlateau",
    }
}

/// A field of a configuration type, as the contract's table has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigField {
    /// Its name in Python.
    pub name: &'static str,
    /// Its key in a flat map.
    pub key: &'static str,
    /// What a value must be: `an int`, `one of 'adam', 'sgd'`.
    pub expected: String,
    /// The value of a field that is not given; `None` if it must be given.
    pub default: Option<Value>,
}

/// Declares a configuration type from its rows.
macro_rules! config {
    ($(#[$doc:meta])* $name:ident, settled by $settle:expr, {
        $($field:ident : $type:ty = $default:expr $(, $python:literal)? $(=> $legacy:literal)?;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the fields are the rows of the contract's table")]
        pub struct $name { $(pub $field: $type),+ }

        impl $name {
            /// The names of the fields, as Python spells them.
            pub const FIELDS: &[&str] = &[$(config!(@name $field $(, $python)?)),+];

            /// The keys of the fields in a flat map.
            pub const KEYS: &[&str] = &[$(config!(@legacy $field $(, $python)? $(=> $legacy)?)),+];

            /// The rows of the contract's table.
            pub fn table() -> Vec<ConfigField> {
                vec![$({
                    let default: Option<$type> = $default;
                    ConfigField {
                        name: config!(@name $field $(, $python)?),
                        key: config!(@legacy $field $(, $python)? $(=> $legacy)?),
                        expected: <$type as FieldValue>::expected(),
                        default: default.map(|value| value.to_value()),
                    }
                }),+]
            }

            /// Builds the configuration from named values. A missing field gets its default.
            ///
            /// # Errors
            /// `invalid_value` for an unknown name, a value of the wrong type or outside of its closed set (CFG-002);
            /// `missing_field` for a missing field without a default.
            pub fn from_values(values: &Map) -> Result<Self, Refusal> {
                if let Some(unknown) = values.keys().find(|key| !Self::FIELDS.contains(&key.as_str())) {
                    let message = format!("unknown field {unknown:?} of {}", stringify!($name));
                    let refusal = Refusal::new(RefusalKind::InvalidValue, message);
                    return Err(refusal.rule(Rule::KnownField).field(unknown));
                }
                let read = Self { $($field: read(stringify!($name), values, config!(@name $field $(, $python)?), $default)?),+ };
                Ok($settle(read))
            }

            /// The values of a flat map that the table does not allow: legacy key, and what was expected. Missing fields
            /// are skipped.
            pub fn out_of_range(flat: &Map) -> Vec<(&'static str, String)> {
                let mut found = Vec::new();
                $({
                    let key = config!(@legacy $field $(, $python)? $(=> $legacy)?);
                    if let Some(Err(allowed)) = flat.get(key).map(<$type as FieldValue>::allows) {
                        found.push((key, allowed));
                    }
                })+
                found
            }

            /// The fields under their legacy keys, including those with None.
            pub(super) fn rows(&self) -> impl Iterator<Item = (&'static str, Value)> {
                [$((config!(@legacy $field $(, $python)? $(=> $legacy)?), self.$field.to_value())),+].into_iter()
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident, $python:literal) => { $python };
    (@legacy $field:ident) => { stringify!($field) };
    (@legacy $field:ident, $python:literal) => { $python };
    (@legacy $field:ident $(, $python:literal)? => $legacy:literal) => { $legacy };
}

pub(super) use config;

config! {
    /// The configuration of a network: 23 fields (`ModelConfig` in Python).
    ModelConfig, settled by std::convert::identity, {
        n: ProbeSide = Some(ProbeSide::N64), "N";
        gridsize: i64 = Some(1);
        n_filters_scale: i64 = Some(2);
        model_type: ModelType = Some(ModelType::Pinn);
        architecture: Architecture = Some(Architecture::Cnn);
        fno_modes: i64 = Some(12);
        fno_width: i64 = Some(32);
        fno_blocks: i64 = Some(4);
        fno_cnn_blocks: i64 = Some(2);
        learned_input_channels: i64 = Some(1);
        max_hidden_channels: Option<i64> = Some(None);
        resnet_width: Option<i64> = Some(None);
        fno_input_transform: InputTransform = Some(InputTransform::None);
        generator_output_mode: OutputMode = Some(OutputMode::RealImag);
        amp_activation: AmpActivation = Some(AmpActivation::Sigmoid);
        object_big: bool = Some(true) => "object.big";
        probe_big: bool = Some(true) => "probe.big";
        probe_mask: bool = Some(false) => "probe.mask";
        probe_mask_sigma: f64 = Some(1.0);
        probe_mask_diameter: Option<f64> = Some(None);
        pad_object: bool = Some(true);
        probe_scale: f64 = Some(4.0);
        gaussian_smoothing_sigma: f64 = Some(0.0);
    }
}

config! {
    /// The configuration of a training: 39 fields (`TrainingConfig` in Python). Paths are text.
    ///
    /// `output_dir` may be None although the table requires a path: both revisions then save nothing (ORC-002).
    TrainingConfig, settled by settled_training, {
        model: ModelConfig = None;
        train_data_file: Option<FilePath> = Some(None) => "train_data_file_path";
        test_data_file: Option<FilePath> = Some(None) => "test_data_file_path";
        batch_size: i64 = Some(16);
        nepochs: i64 = Some(50);
        mae_weight: f64 = Some(0.0);
        nll_weight: f64 = Some(1.0);
        realspace_mae_weight: f64 = Some(0.0);
        realspace_weight: f64 = Some(0.0);
        nphotons: f64 = Some(1e9);
        n_groups: Option<i64> = Some(None);
        n_images: Option<i64> = Some(None);
        n_subsample: Option<i64> = Some(None);
        subsample_seed: Option<i64> = Some(None);
        neighbor_count: i64 = Some(4);
        enable_oversampling: bool = Some(false);
        neighbor_pool_size: Option<i64> = Some(None);
        positions_provided: bool = Some(true) => "positions.provided";
        probe_trainable: bool = Some(false) => "probe.trainable";
        intensity_scale_trainable: bool = Some(true) => "intensity_scale.trainable";
        output_dir: Option<FilePath> = Some(Some(FilePath("training_outputs".to_owned()))) => "output_prefix";
        sequential_sampling: bool = Some(false);
        backend: Backend = Some(Backend::Tensorflow);
        torch_loss_mode: LossMode = Some(LossMode::Poisson);
        torch_mae_pred_l2_match_target: bool = Some(false);
        gradient_clip_val: Option<f64> = Some(None);
        gradient_clip_algorithm: ClipAlgorithm = Some(ClipAlgorithm::Norm);
        optimizer: Optimizer = Some(Optimizer::Adam);
        momentum: f64 = Some(0.9);
        weight_decay: f64 = Some(0.0);
        adam_beta1: f64 = Some(0.9);
        adam_beta2: f64 = Some(0.999);
        scheduler: Scheduler = Some(Scheduler::Default);
        lr_warmup_epochs: i64 = Some(0);
        lr_min_ratio: f64 = Some(0.1);
        plateau_factor: f64 = Some(0.5);
        plateau_patience: i64 = Some(2);
        plateau_min_lr: f64 = Some(5e-5);
        plateau_threshold: f64 = Some(0.0);
    }
}

config! {
    /// The configuration of an inference: 13 fields (`InferenceConfig` in Python). Paths are text.
    InferenceConfig, settled by settled_inference, {
        model: ModelConfig = None;
        model_path: FilePath = None;
        test_data_file: FilePath = None => "test_data_file_path";
        n_groups: Option<i64> = Some(None);
        n_images: Option<i64> = Some(None);
        n_subsample: Option<i64> = Some(None);
        subsample_seed: Option<i64> = Some(None);
        neighbor_count: i64 = Some(4);
        enable_oversampling: bool = Some(false);
        neighbor_pool_size: Option<i64> = Some(None);
        debug: bool = Some(false);
        output_dir: Option<FilePath> = Some(Some(FilePath("inference_outputs".to_owned()))) => "output_prefix";
        backend: Backend = Some(Backend::Tensorflow);
    }
}

/// A configuration of one of the three types.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a case has few of them; boxing would only add indirection")]
pub enum Configuration {
    /// A network only.
    Model(ModelConfig),
    /// A training, with its network.
    Training(TrainingConfig),
    /// An inference, with its network.
    Inference(InferenceConfig),
}

impl Configuration {
    /// The configuration of the network.
    pub fn model(&self) -> &ModelConfig {
        match self {
            Self::Model(model) => model,
            Self::Training(config) => &config.model,
            Self::Inference(config) => &config.model,
        }
    }
}

/// A nested network: a map of its fields. It has no key of its own in the flat map (CFG-007).
impl FieldValue for ModelConfig {
    fn expected() -> String {
        "a map of ModelConfig fields".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        let values = value.as_map().ok_or_else(Self::expected)?;
        Self::from_values(values).map_err(|refusal| format!("a ModelConfig ({})", refusal.message))
    }

    fn to_value(&self) -> Value {
        Value::Map(self.rows().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

pub(super) fn read<T: FieldValue>(
    owner: &str,
    values: &Map,
    name: &str,
    default: Option<T>,
) -> Result<T, Refusal> {
    match (values.get(name), default) {
        (Some(value), _) => T::from_value(value).map_err(|expected| {
            let message = format!("{owner}.{name}: expected {expected}, found {value}");
            let refusal = Refusal::new(RefusalKind::InvalidValue, message);
            refusal.rule(Rule::FieldType).field(name).found(value.to_string())
        }),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            let message = format!("missing {name} of {owner}, which has no default");
            Err(Refusal::new(RefusalKind::MissingField, message).rule(Rule::GivenField).field(name))
        }
    }
}

/// `n_images` is the older name of `n_groups`: it counts only when `n_groups` is not given. Training without either uses
/// 512 groups (CFG-006).
fn settled_training(mut config: TrainingConfig) -> TrainingConfig {
    config.n_groups = config.n_groups.or(config.n_images).or(Some(512));
    config
}

/// As [`settled_training`], but inference without either uses all groups (CFG-006).
fn settled_inference(mut config: InferenceConfig) -> InferenceConfig {
    config.n_groups = config.n_groups.or(config.n_images);
    config
}
