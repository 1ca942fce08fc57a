//! The configuration types of the contract, one row a field.
//!
//! A row is `field: type = default`, and `=> "legacy.key"` where the flat map spells it differently:
//! the nine renames of CFG-007. Construction is from named values, since that is how a configuration
//! arrives from a case, from a command line or over a wire.

use super::closed_set::literal;
use super::{Rule, closed_set::FieldValue};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

literal! {
    /// Pixels along one side of a diffraction pattern.
    ProbeSide { N64 = 64_i64, N128 = 128_i64, N256 = 256_i64 }
}
literal! {
    /// How the network is trained.
    ModelType { Pinn = "pinn", Supervised = "supervised" }
}
literal! {
    /// Which generator the network has.
    Architecture { Cnn = "cnn", Ffno = "ffno", Fno = "fno", FnoVanilla = "fno_vanilla", NeuralopUno = "neuralop_uno" }
}
literal! {
    /// What is done to the input of an FNO.
    InputTransform { None = "none", Sqrt = "sqrt", Log1p = "log1p", InstanceNorm = "instancenorm" }
}
literal! {
    /// What the generator answers.
    OutputMode { RealImag = "real_imag", AmpPhaseLogits = "amp_phase_logits", AmpPhase = "amp_phase" }
}
literal! {
    /// The activation behind the amplitude.
    AmpActivation { Sigmoid = "sigmoid", Swish = "swish", Softplus = "softplus", Relu = "relu" }
}
literal! {
    /// Which stack trains and loads.
    Backend { Tensorflow = "tensorflow", Pytorch = "pytorch" }
}
literal! {
    /// The loss of the PyTorch stack.
    LossMode { Poisson = "poisson", Mae = "mae" }
}
literal! {
    /// How gradients are clipped.
    ClipAlgorithm { Norm = "norm", Value = "value", Agc = "agc" }
}
literal! {
    /// The optimizer.
    Optimizer { Adam = "adam", Adamw = "adamw", Sgd = "sgd" }
}
literal! {
    /// How the learning rate changes.
    Scheduler {
        Default = "Default",
        Exponential = "Exponential",
        WarmupCosine = "WarmupCosine",
        ReduceLrOnPlateau = "ReduceLROnPlateau",
    }
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
            /// The names a configuration may give, as Python spells them.
            pub const FIELDS: &[&str] = &[$(config!(@name $field $(, $python)?)),+];

            /// Builds the configuration from named values; a field that is not given has its default.
            ///
            /// # Errors
            /// `invalid_value` for an unknown name, a value of the wrong type or a word outside its
            /// set; `missing_field` for a field without a default that is not given.
            pub fn from_values(values: &Map) -> Result<Self, Refusal> {
                if let Some(odd) = values.keys().find(|key| !Self::FIELDS.contains(&key.as_str())) {
                    let message = format!("{} has no field {odd:?}", stringify!($name));
                    let refusal = Refusal::new(RefusalKind::InvalidValue, message);
                    return Err(refusal.rule(Rule::KnownField).field(odd));
                }
                let read = Self { $($field: read(stringify!($name), values, config!(@name $field $(, $python)?), $default)?),+ };
                Ok($settle(read))
            }

            /// The values of a flat map that are outside what the table allows, by legacy key, and what it
            /// allows there. A field that is absent is not looked at.
            pub fn out_of_range(flat: &Map) -> Vec<(&'static str, String)> {
                let mut found = Vec::new();
                $({
                    let key = config!(@legacy $field $(, $python)? $(=> $legacy)?);
                    if let Some(Err(allowed)) = flat.get(key).map(<$type as FieldValue>::from_value) {
                        found.push((key, allowed));
                    }
                })+
                found
            }

            /// The fields under their legacy keys, None included.
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
    /// What the network is: 23 fields (CONTRACT A, `ModelConfig`).
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
    /// How the network is trained: 39 fields (CONTRACT A, `TrainingConfig`). Paths are text.
    ///
    /// `output_dir` may be None although the table says a path: both revisions then save nothing (ORC-002).
    TrainingConfig, settled by settled_training, {
        model: ModelConfig = None;
        train_data_file: Option<String> = Some(None) => "train_data_file_path";
        test_data_file: Option<String> = Some(None) => "test_data_file_path";
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
        output_dir: Option<String> = Some(Some("training_outputs".to_owned())) => "output_prefix";
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
    /// What is loaded and on what it runs: 13 fields (CONTRACT A, `InferenceConfig`). Paths are text.
    InferenceConfig, settled by settled_inference, {
        model: ModelConfig = None;
        model_path: String = None;
        test_data_file: String = None => "test_data_file_path";
        n_groups: Option<i64> = Some(None);
        n_images: Option<i64> = Some(None);
        n_subsample: Option<i64> = Some(None);
        subsample_seed: Option<i64> = Some(None);
        neighbor_count: i64 = Some(4);
        enable_oversampling: bool = Some(false);
        neighbor_pool_size: Option<i64> = Some(None);
        debug: bool = Some(false);
        output_dir: Option<String> = Some(Some("inference_outputs".to_owned())) => "output_prefix";
        backend: Backend = Some(Backend::Tensorflow);
    }
}

/// Which of the three types a configuration is, and the configuration.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one a case; boxing would only add a hop")]
pub enum Configuration {
    /// A model alone.
    Model(ModelConfig),
    /// For training, with its model.
    Training(TrainingConfig),
    /// For inference, with its model.
    Inference(InferenceConfig),
}

impl Configuration {
    /// The model part.
    pub fn model(&self) -> &ModelConfig {
        match self {
            Self::Model(model) => model,
            Self::Training(config) => &config.model,
            Self::Inference(config) => &config.model,
        }
    }
}

/// A nested model: a map of its fields. It has no key of its own in the flat map (CFG-007).
impl FieldValue for ModelConfig {
    fn from_value(value: &Value) -> Result<Self, String> {
        let values = value.as_map().ok_or("a map of ModelConfig fields")?;
        Self::from_values(values).map_err(|refusal| format!("a ModelConfig, and {}", refusal.message))
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
            let message = format!("{owner}.{name} must be {expected}, not {value}");
            let refusal = Refusal::new(RefusalKind::InvalidValue, message);
            refusal.rule(Rule::FieldType).field(name).found(value.to_string())
        }),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            let message = format!("{owner} needs {name}, which has no default");
            Err(Refusal::new(RefusalKind::MissingField, message).rule(Rule::GivenField).field(name))
        }
    }
}

/// `n_images` is the older name of `n_groups`: it counts only where the newer is not given, and
/// training without either takes 512 groups (CFG-006).
fn settled_training(mut config: TrainingConfig) -> TrainingConfig {
    config.n_groups = config.n_groups.or(config.n_images).or(Some(512));
    config
}

/// As [`settled_training`], but inference without either takes every group there is (CFG-006).
fn settled_inference(mut config: InferenceConfig) -> InferenceConfig {
    config.n_groups = config.n_groups.or(config.n_images);
    config
}
