//! The fields of each type of configuration: their legacy keys, types and defaults, as the contract's tables list them.
//!
//! These tables are written a second time on purpose. The configurations of the reference are another copy, and a mistake
//! in one of them shows as a difference.

use self::FieldKind::{Float, Int, Path};

/// One field of a configuration.
#[derive(Debug)]
pub(super) struct ConfigField {
    /// The name of the field.
    pub(super) name: &'static str,
    /// The key in the params.
    pub(super) key: &'static str,
    /// The type of its values.
    pub(super) kind: FieldKind,
    /// Its value where a configuration leaves it out.
    pub(super) default: FieldDefault,
}

/// The type of a field, besides None.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Int,
    Float,
    Flag,
    /// A word of a closed set.
    Word,
    /// A path, which is text in the params.
    Path,
}

/// The default of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FieldDefault {
    /// There is none: the field must be given.
    Required,
    None,
    Int(i64),
    Float(f64),
    Flag(bool),
    Text(&'static str),
}

impl ConfigField {
    const fn new(name: &'static str, kind: FieldKind, default: FieldDefault) -> Self {
        Self { name, key: name, kind, default }
    }

    /// Sets a key that is not the name of the field.
    const fn under(self, key: &'static str) -> Self {
        Self { key, ..self }
    }
}

const fn int(name: &'static str, default: i64) -> ConfigField {
    ConfigField::new(name, Int, FieldDefault::Int(default))
}

const fn float(name: &'static str, default: f64) -> ConfigField {
    ConfigField::new(name, Float, FieldDefault::Float(default))
}

const fn flag(name: &'static str, default: bool) -> ConfigField {
    ConfigField::new(name, FieldKind::Flag, FieldDefault::Flag(default))
}

const fn word(name: &'static str, default: &'static str) -> ConfigField {
    ConfigField::new(name, FieldKind::Word, FieldDefault::Text(default))
}

const fn path(name: &'static str, default: &'static str) -> ConfigField {
    ConfigField::new(name, Path, FieldDefault::Text(default))
}

const fn optional(name: &'static str, kind: FieldKind) -> ConfigField {
    ConfigField::new(name, kind, FieldDefault::None)
}

const fn required(name: &'static str, kind: FieldKind) -> ConfigField {
    ConfigField::new(name, kind, FieldDefault::Required)
}

/// The fields of a network.
pub(super) static MODEL: [ConfigField; 23] = [
    int("N", 64),
    int("gridsize", 1),
    int("n_filters_scale", 2),
    word("model_type", "pinn"),
    word("architecture", "cnn"),
    int("fno_modes", 12),
    int("fno_width", 32),
    int("fno_blocks", 4),
    int("fno_cnn_blocks", 2),
    int("learned_input_channels", 1),
    optional("max_hidden_channels", Int),
    optional("resnet_width", Int),
    word("fno_input_transform", "none"),
    word("generator_output_mode", "real_imag"),
    word("amp_activation", "sigmoid"),
    flag("object_big", true).under("object.big"),
    flag("probe_big", true).under("probe.big"),
    flag("probe_mask", false).under("probe.mask"),
    float("probe_mask_sigma", 1.0),
    optional("probe_mask_diameter", Float),
    flag("pad_object", true),
    float("probe_scale", 4.0),
    float("gaussian_smoothing_sigma", 0.0),
];

/// The fields of a training besides `model`.
pub(super) static TRAINING: [ConfigField; 38] = [
    optional("train_data_file", Path).under("train_data_file_path"),
    optional("test_data_file", Path).under("test_data_file_path"),
    int("batch_size", 16),
    int("nepochs", 50),
    float("mae_weight", 0.0),
    float("nll_weight", 1.0),
    float("realspace_mae_weight", 0.0),
    float("realspace_weight", 0.0),
    float("nphotons", 1e9),
    optional("n_groups", Int),
    optional("n_images", Int),
    optional("n_subsample", Int),
    optional("subsample_seed", Int),
    int("neighbor_count", 4),
    flag("enable_oversampling", false),
    optional("neighbor_pool_size", Int),
    flag("positions_provided", true).under("positions.provided"),
    flag("probe_trainable", false).under("probe.trainable"),
    flag("intensity_scale_trainable", true).under("intensity_scale.trainable"),
    path("output_dir", "training_outputs").under("output_prefix"),
    flag("sequential_sampling", false),
    word("backend", "tensorflow"),
    word("torch_loss_mode", "poisson"),
    flag("torch_mae_pred_l2_match_target", false),
    optional("gradient_clip_val", Float),
    word("gradient_clip_algorithm", "norm"),
    word("optimizer", "adam"),
    float("momentum", 0.9),
    float("weight_decay", 0.0),
    float("adam_beta1", 0.9),
    float("adam_beta2", 0.999),
    word("scheduler", "Default"),
    int("lr_warmup_epochs", 0),
    float("lr_min_ratio", 0.1),
    float("plateau_factor", 0.5),
    int("plateau_patience", 2),
    float("plateau_min_lr", 5e-5),
    float("plateau_threshold", 0.0),
];

/// The fields of an inference besides `model`.
pub(super) static INFERENCE: [ConfigField; 12] = [
    required("model_path", Path),
    required("test_data_file", Path).under("test_data_file_path"),
    optional("n_groups", Int),
    optional("n_images", Int),
    optional("n_subsample", Int),
    optional("subsample_seed", Int),
    int("neighbor_count", 4),
    flag("enable_oversampling", false),
    optional("neighbor_pool_size", Int),
    flag("debug", false),
    path("output_dir", "inference_outputs").under("output_prefix"),
    word("backend", "tensorflow"),
];
