//! The limits of the numbers in a configuration (CFG-003, CFG-004, CFG-012).

/// What a number must be, in addition to the type of its field.
///
/// Infinity is a positive number like any other. NaN is within no limit (CFG-026).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Above 0.
    Positive,
    /// 0 or above; minus zero is 0.
    NotNegative,
    /// From 0 to 1, both included.
    UpToOne,
    /// 1, 2, 4 and so on.
    PowerOfTwo,
    /// Neither infinite nor NaN.
    Finite,
    /// Above 0, and not infinite.
    PositiveAndFinite,
}

impl Limit {
    /// The limit of a field, or None for a number of any value. A nested model has the limits of `model`.
    pub fn of(kind: &str, field: &str) -> Option<Self> {
        let is_of_field = |row: &&(&str, &str, Self)| row.0 == kind && row.1 == field;
        LIMITS.iter().find(is_of_field).map(|(_, _, limit)| *limit)
    }

    /// The limit in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "above 0",
            Self::NotNegative => "0 or above",
            Self::UpToOne => "from 0 to 1",
            Self::PowerOfTwo => "a positive power of two",
            Self::Finite => "finite",
            Self::PositiveAndFinite => "above 0 and finite",
        }
    }
}

/// The fields with a limit, by the kind of their configuration.
const LIMITS: [(&str, &str, Limit); 23] = [
    ("model", "gridsize", Limit::Positive),
    ("model", "n_filters_scale", Limit::Positive),
    ("model", "probe_scale", Limit::Positive),
    ("model", "gaussian_smoothing_sigma", Limit::NotNegative),
    ("training", "batch_size", Limit::PowerOfTwo),
    ("training", "nepochs", Limit::Positive),
    ("training", "mae_weight", Limit::UpToOne),
    ("training", "nll_weight", Limit::UpToOne),
    ("training", "nphotons", Limit::Positive),
    ("execution", "devices", Limit::Positive),
    ("execution", "accum_steps", Limit::Positive),
    ("execution", "num_workers", Limit::NotNegative),
    ("execution", "learning_rate", Limit::Positive),
    ("execution", "checkpoint_save_top_k", Limit::NotNegative),
    ("execution", "early_stop_patience", Limit::Positive),
    ("execution", "ffno_encoder_blocks", Limit::Positive),
    ("execution", "ffno_encoder_modes", Limit::Positive),
    ("execution", "ffno_encoder_gate_init", Limit::PositiveAndFinite),
    ("execution", "ffno_encoder_mlp_ratio", Limit::PositiveAndFinite),
    ("execution", "spectral_bottleneck_blocks", Limit::Positive),
    ("execution", "spectral_bottleneck_modes", Limit::Positive),
    ("execution", "spectral_bottleneck_gate_init", Limit::Finite),
    ("execution", "inference_batch_size", Limit::Positive),
];
