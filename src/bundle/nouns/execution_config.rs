//! The configuration of a PyTorch run, which never reaches the params (CFG-011).

use super::closed_set::literal;
use super::{
    Rule,
    closed_set::FieldValue,
    config::{ConfigField, config, read},
};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

literal! {
    /// The floating-point format of the computation.
    Precision { Full = "32-true", Half = "16-mixed", Bfloat = "bf16-mixed" }
}
literal! {
    /// The hardware of the computation.
    Accelerator { Auto = "auto", Cpu = "cpu", Gpu = "gpu", Cuda = "cuda", Mps = "mps" }
}
literal! {
    /// Whether a lower or a higher metric is better.
    CheckpointMode { Min = "min", Max = "max" }
}
literal! {
    /// Whether blocks share one gate.
    GateMode { Shared = "shared", PerBlock = "per_block" }
}

/// The number of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// All available devices.
    Auto,
    /// This many devices.
    Count(i64),
}

impl FieldValue for Devices {
    fn expected() -> String {
        "a positive int or 'auto'".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Int(count) = value {
            return Ok(Self::Count(*count));
        }
        if value.as_text() == Some("auto") { Ok(Self::Auto) } else { Err(Self::expected()) }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Auto => Value::from("auto"),
            Self::Count(count) => Value::Int(*count),
        }
    }
}

/// Whether a repeated run must give the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deterministic {
    /// Required, or not required.
    Must(bool),
    /// Preferred: operations without a deterministic algorithm only warn.
    Warn,
}

impl FieldValue for Deterministic {
    fn expected() -> String {
        "True, False or 'warn'".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Bool(must) = value {
            return Ok(Self::Must(*must));
        }
        if value.as_text() == Some("warn") { Ok(Self::Warn) } else { Err(Self::expected()) }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Must(must) => Value::Bool(*must),
            Self::Warn => Value::from("warn"),
        }
    }
}

impl FieldValue for Vec<i64> {
    fn expected() -> String {
        "a list of ints".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        let Value::List(items) = value else { return Err(Self::expected()) };
        items.iter().map(|item| i64::from_value(item).map_err(|_| Self::expected())).collect()
    }

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(|item| Value::Int(*item)).collect())
    }
}

config! {
    /// The configuration of a run: 40 fields (`PyTorchExecutionConfig` in Python).
    ExecutionConfig, settled by std::convert::identity, {
        accelerator: Accelerator = Some(Accelerator::Auto);
        devices: Devices = Some(Devices::Count(1));
        strategy: String = Some("auto".to_owned());
        deterministic: Deterministic = Some(Deterministic::Must(true));
        precision: Precision = Some(Precision::Full);
        gradient_clip_val: Option<f64> = Some(None);
        gradient_clip_algorithm: crate::bundle::nouns::config::ClipAlgorithm = Some(crate::bundle::nouns::config::ClipAlgorithm::Norm);
        accum_steps: i64 = Some(1);
        num_workers: i64 = Some(0);
        pin_memory: bool = Some(false);
        persistent_workers: bool = Some(false);
        prefetch_factor: Option<i64> = Some(None);
        learning_rate: f64 = Some(0.001);
        scheduler: String = Some("Default".to_owned());
        enable_progress_bar: bool = Some(false);
        enable_checkpointing: bool = Some(true);
        checkpoint_save_top_k: i64 = Some(1);
        checkpoint_monitor_metric: String = Some("val_loss".to_owned());
        checkpoint_mode: CheckpointMode = Some(CheckpointMode::Min);
        early_stop_patience: i64 = Some(100);
        logger_backend: Option<String> = Some(Some("csv".to_owned()));
        recon_log_every_n_epochs: Option<i64> = Some(None);
        recon_log_num_patches: i64 = Some(4);
        recon_log_fixed_indices: Option<Vec<i64>> = Some(None);
        recon_log_stitch: bool = Some(false);
        recon_log_max_stitch_samples: Option<i64> = Some(None);
        ffno_encoder_blocks: i64 = Some(24);
        ffno_encoder_modes: i64 = Some(12);
        ffno_encoder_share_weights: bool = Some(true);
        ffno_encoder_gate_init: f64 = Some(0.1);
        ffno_encoder_norm: String = Some("instance".to_owned());
        ffno_encoder_mlp_ratio: f64 = Some(2.0);
        spectral_bottleneck_blocks: i64 = Some(6);
        spectral_bottleneck_modes: i64 = Some(12);
        spectral_bottleneck_share_weights: bool = Some(true);
        spectral_bottleneck_gate_init: f64 = Some(0.1);
        spectral_bottleneck_gate_mode: GateMode = Some(GateMode::Shared);
        inference_batch_size: Option<i64> = Some(None);
        middle_trim: i64 = Some(0);
        pad_eval: bool = Some(false);
    }
}

impl ExecutionConfig {
    /// All fields by name. None of them belongs in the params (CFG-011).
    pub fn fields(&self) -> Map {
        self.rows().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn all_forty_fields_have_a_default() {
        assert_eq!(ExecutionConfig::FIELDS.len(), 40);
        let all = ExecutionConfig::from_values(&Map::new()).unwrap();
        assert_eq!(all.fields().len(), 40);
        assert!(ExecutionConfig::out_of_range(&all.fields()).is_empty());
    }

    #[test]
    fn a_value_outside_its_set_is_refused_by_name() {
        for (field, value) in [
            ("devices", Value::Bool(true)),
            ("devices", Value::from("all")),
            ("precision", Value::from("64")),
            ("deterministic", Value::from("maybe")),
            ("recon_log_fixed_indices", Value::List(vec![Value::Float(1.0)])),
        ] {
            let refusal =
                ExecutionConfig::from_values(&Map::from_iter([(field.to_owned(), value)])).unwrap_err();
            assert!(refusal.facts.broke(Rule::FieldType) && refusal.facts.about(field), "{refusal:?}");
        }
    }
}
