//! The rules of a configuration, and of the params of the process: section A of the contract.

use std::path::PathBuf;

use crate::{
    bundle::implementations::process::Process,
    bundle::nouns::{
        ARCHIVE_NAME, BASE_NAME, Configuration, Devices, ExecutionConfig, InferenceConfig, ModelConfig,
        ParamsStore, Rule, TrainingConfig,
    },
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

/// The data sources that the params may name (PRM-003).
const DATA_SOURCES: [&str; 9] =
    ["lines", "grf", "experimental", "points", "testimg", "diagonals", "xpp", "V", "generic"];

// Rules of several fields, each with what a message expects.
const POSITIVE: (Rule, &str) = (Rule::Positive, "a positive number");
const NOT_NEGATIVE: (Rule, &str) = (Rule::NotNegative, "a number of 0 or more");
const UP_TO_ONE: (Rule, &str) = (Rule::UpToOne, "a number from 0 to 1");
const FINITE: (Rule, &str) = (Rule::Finite, "a finite number");
const POSITIVE_AND_FINITE: (Rule, &str) = (Rule::PositiveAndFinite, "a positive finite number");

/// Checks a configuration against the rules of its type. Closed sets were checked when it was
/// constructed (CFG-003 to CFG-005).
pub(super) fn validate(config: &Configuration, process: &Process) -> Result<(), Refusal> {
    model(config.model())?;
    match config {
        Configuration::Model(_) => Ok(()),
        Configuration::Training(config) => training(config),
        Configuration::Inference(config) => inference(config, process),
    }
}

fn model(config: &ModelConfig) -> Result<(), Refusal> {
    check(POSITIVE, "gridsize", config.gridsize, config.gridsize > 0)?;
    check(POSITIVE, "n_filters_scale", config.n_filters_scale, config.n_filters_scale > 0)?;
    check(POSITIVE, "probe_scale", config.probe_scale, config.probe_scale > 0.0)?;
    let sigma = config.gaussian_smoothing_sigma;
    check(NOT_NEGATIVE, "gaussian_smoothing_sigma", sigma, sigma >= 0.0)
}

fn training(config: &TrainingConfig) -> Result<(), Refusal> {
    let batch = config.batch_size;
    for (rule, holds) in [(Rule::Positive, batch > 0), (Rule::PowerOfTwo, batch & batch.wrapping_sub(1) == 0)]
    {
        check((rule, "a positive power of two"), "batch_size", batch, holds)?;
    }
    check(POSITIVE, "nepochs", config.nepochs, config.nepochs > 0)?;
    check(UP_TO_ONE, "mae_weight", config.mae_weight, (0.0..=1.0).contains(&config.mae_weight))?;
    check(UP_TO_ONE, "nll_weight", config.nll_weight, (0.0..=1.0).contains(&config.nll_weight))?;
    check(POSITIVE, "nphotons", config.nphotons, config.nphotons > 0.0)
}

/// Checks an execution configuration when it is constructed (CFG-012).
pub(super) fn execution(values: &Map) -> Result<(), Refusal> {
    let config = ExecutionConfig::from_values(values)?;
    if let Devices::Count(count) = config.devices {
        check(POSITIVE, "devices", count, count > 0)?;
    }
    check(NOT_NEGATIVE, "num_workers", config.num_workers, config.num_workers >= 0)?;
    let (rate, top) = (config.learning_rate, config.checkpoint_save_top_k);
    check(POSITIVE, "learning_rate", rate, rate > 0.0)?;
    check(NOT_NEGATIVE, "checkpoint_save_top_k", top, top >= 0)?;
    for (name, count) in [
        ("inference_batch_size", config.inference_batch_size.unwrap_or(1)),
        ("accum_steps", config.accum_steps),
        ("early_stop_patience", config.early_stop_patience),
        ("spectral_bottleneck_blocks", config.spectral_bottleneck_blocks),
        ("spectral_bottleneck_modes", config.spectral_bottleneck_modes),
        ("ffno_encoder_blocks", config.ffno_encoder_blocks),
        ("ffno_encoder_modes", config.ffno_encoder_modes),
    ] {
        check(POSITIVE, name, count, count > 0)?;
    }
    let gate = config.spectral_bottleneck_gate_init;
    check(FINITE, "spectral_bottleneck_gate_init", gate, gate.is_finite())?;
    for (name, value) in [
        ("ffno_encoder_gate_init", config.ffno_encoder_gate_init),
        ("ffno_encoder_mlp_ratio", config.ffno_encoder_mlp_ratio),
    ] {
        check(POSITIVE_AND_FINITE, name, value, value > 0.0 && value.is_finite())?;
    }
    Ok(())
}

/// A directory must contain the archive; any other path may be the archive, or its name without `.zip`.
fn inference(config: &InferenceConfig, process: &Process) -> Result<(), Refusal> {
    let path = process.path(&config.model_path);
    let mut tried = vec![path.clone()];
    if path.is_dir() {
        tried = vec![path.join(ARCHIVE_NAME)];
    } else {
        tried.push(path.with_extension("zip"));
        if path.file_name().is_some_and(|name| name == BASE_NAME) {
            tried.push(path.with_file_name(ARCHIVE_NAME));
        }
    }
    if tried.iter().any(|path| path.is_file()) {
        return Ok(());
    }
    let tried = tried.iter().map(PathBuf::as_path).map(|path| path.display().to_string()).collect::<Vec<_>>();
    let message = format!("no model found at {}; tried {}", &*config.model_path, tried.join(", "));
    let refusal = Refusal::new(RefusalKind::InvalidValue, message);
    Err(refusal.rule(Rule::ModelExists).field("model_path").found(&*config.model_path))
}

/// Refuses a value that breaks a rule, with what was expected.
fn check(
    (rule, must_be): (Rule, &str),
    name: &str,
    value: impl std::fmt::Display,
    holds: bool,
) -> Result<(), Refusal> {
    if holds {
        return Ok(());
    }
    let refusal =
        Refusal::new(RefusalKind::InvalidValue, format!("{name}: expected {must_be}, found {value}"));
    Err(refusal.rule(rule).field(name).found(value.to_string()))
}

/// Overwrites params with all of these values, or with none of them (PRM-003).
pub(super) fn set_params(store: &mut ParamsStore, values: &Map) -> Result<(), Refusal> {
    let mut after = store.snapshot();
    after.extend(values.clone());
    if let Some(source) = after.get("data_source") {
        let known = source.as_text().is_some_and(|source| DATA_SOURCES.contains(&source));
        let one = format!("one of {}", DATA_SOURCES.join(", "));
        check((Rule::KnownDataSource, &one), "data_source", source, known)?;
    }
    let weight = |key: &str| after.get(key).and_then(Value::as_number).unwrap_or_default();
    let needed = weight("realspace_mae_weight") <= 0.0 || weight("realspace_weight") > 0.0;
    let (value, must_be) =
        (weight("realspace_weight"), "a positive number, as realspace_mae_weight is positive");
    check((Rule::RealspaceWeights, must_be), "realspace_weight", value, needed)?;
    store.update(values.clone());
    Ok(())
}

/// Reads one value. `bigN` is derived from three others and stored (PRM-002).
pub(super) fn get_param(
    store: &mut ParamsStore,
    key: &str,
    default: Option<&Value>,
) -> Result<Value, Refusal> {
    let whole = |key: &str| match store.get(key) {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    };
    if key == "bigN"
        && let (Some(n), Some(gridsize), Some(offset)) = (whole("N"), whole("gridsize"), whole("offset"))
    {
        let derived = gridsize.saturating_sub(1).saturating_mul(offset).saturating_add(n);
        store.update([(key.to_owned(), Value::Int(derived))]);
    }
    let found = store.get(key).or(default).cloned();
    found.ok_or_else(|| {
        let message = format!("missing param {key:?}");
        Refusal::new(RefusalKind::MissingField, message).rule(Rule::KnownKey).field(key)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::bundle::nouns::{ConfigField, Limit};

    fn held(kind: &str, field: &str, value: Value) -> Result<(), Refusal> {
        let mut values = Map::from_iter([(field.to_owned(), value)]);
        match kind {
            "model" => model(&ModelConfig::from_values(&values).unwrap()),
            "training" => {
                values.insert("model".to_owned(), Value::Map(Map::new()));
                training(&TrainingConfig::from_values(&values).unwrap())
            }
            _ => execution(&values),
        }
    }

    #[rstest]
    #[case("model", "gridsize", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case("model", "n_filters_scale", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case("model", "probe_scale", Value::Float(0.5), Value::Float(0.0), Rule::Positive)]
    #[case("model", "gaussian_smoothing_sigma", Value::Float(0.0), Value::Float(-0.5), Rule::NotNegative)]
    #[case("training", "batch_size", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case("training", "batch_size", Value::Int(64), Value::Int(65), Rule::PowerOfTwo)]
    #[case("training", "nepochs", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case("training", "mae_weight", Value::Float(1.0), Value::Float(1.5), Rule::UpToOne)]
    #[case("training", "nll_weight", Value::Float(0.0), Value::Float(-0.5), Rule::UpToOne)]
    #[case("training", "nphotons", Value::Float(0.5), Value::Float(0.0), Rule::Positive)]
    #[case("execution", "devices", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case("execution", "num_workers", Value::Int(0), Value::Int(-1), Rule::NotNegative)]
    #[case("execution", "learning_rate", Value::Float(0.5), Value::Float(0.0), Rule::Positive)]
    #[case("execution", "checkpoint_save_top_k", Value::Int(0), Value::Int(-1), Rule::NotNegative)]
    #[case("execution", "accum_steps", Value::Int(1), Value::Int(0), Rule::Positive)]
    #[case(
        "execution",
        "spectral_bottleneck_gate_init",
        Value::Float(0.0),
        Value::Float(f64::NAN),
        Rule::Finite
    )]
    #[case(
        "execution",
        "ffno_encoder_gate_init",
        Value::Float(0.5),
        Value::Float(0.0),
        Rule::PositiveAndFinite
    )]
    #[case(
        "execution",
        "ffno_encoder_mlp_ratio",
        Value::Float(0.5),
        Value::Float(f64::INFINITY),
        Rule::PositiveAndFinite
    )]
    fn a_value_is_accepted_up_to_its_limit_and_refused_beyond_it(
        #[case] kind: &str,
        #[case] field: &str,
        #[case] keeps: Value,
        #[case] breaks: Value,
        #[case] rule: Rule,
    ) {
        assert_eq!(held(kind, field, keeps), Ok(()));
        let refusal = held(kind, field, breaks).unwrap_err();
        assert!(refusal.facts.broke(rule) && refusal.facts.about(field), "{refusal:?}");
    }

    /// Whether a number is within a limit.
    fn allows(limit: Limit, number: f64) -> bool {
        match limit {
            Limit::Positive => number > 0.0,
            Limit::NotNegative => number >= 0.0,
            Limit::UpToOne => (0.0..=1.0).contains(&number),
            Limit::PowerOfTwo => number > 0.0 && number.log2().fract() == 0.0,
            Limit::Finite => number.is_finite(),
            Limit::PositiveAndFinite => number > 0.0 && number.is_finite(),
        }
    }

    /// The page of the contract shows [`Limit`]s; this is what they say of each number of each field.
    #[rstest]
    #[case("model", ModelConfig::table(), 4)]
    #[case("training", TrainingConfig::table(), 5)]
    #[case("execution", ExecutionConfig::table(), 14)]
    fn the_limits_on_the_page_are_those_of_the_validation(
        #[case] kind: &str,
        #[case] fields: Vec<ConfigField>,
        #[case] limited: usize,
    ) {
        let ints = [-3, -1, 0, 1, 2, 3, 64, 96].map(Value::Int);
        let rare = [f64::NEG_INFINITY, -5e-324, -0.0, 5e-324, f64::MAX, f64::INFINITY, f64::NAN];
        let floats = [-1.5, 0.0, 0.5, 1.0, 1.5].into_iter().chain(rare).map(Value::Float);
        let numbers: Vec<Value> = ints.into_iter().chain(floats).collect();
        let is_number = |field: &&ConfigField| {
            ["an int", "a positive int", "a float"].iter().any(|begins| field.expected.starts_with(begins))
        };
        let mut found = 0;
        for field in fields.iter().filter(is_number) {
            let limit = Limit::of(kind, field.name);
            found += usize::from(limit.is_some());
            let of_its_type =
                |value: &&Value| field.expected.starts_with("a float") || matches!(value, Value::Int(_));
            for value in numbers.iter().filter(of_its_type) {
                let is_within = limit.is_none_or(|limit| allows(limit, value.as_number().unwrap()));
                assert_eq!(
                    held(kind, field.name, value.clone()).is_ok(),
                    is_within,
                    "{}: {value}",
                    field.name
                );
            }
        }
        assert_eq!(found, limited);
    }

    #[test]
    fn an_execution_has_no_limit_for_a_list_or_for_two_fields_together() {
        assert_eq!(held("execution", "recon_log_fixed_indices", Value::List(Vec::new())), Ok(()));
        assert_eq!(held("execution", "prefetch_factor", Value::Int(2)), Ok(()));
        assert_eq!(held("execution", "persistent_workers", Value::Bool(true)), Ok(()));
    }

    #[rstest]
    #[case::neither(0.0, 0.0, true)]
    #[case::both(0.5, 0.5, true)]
    #[case::the_second_alone(0.0, 0.5, true)]
    #[case::the_first_alone(0.5, 0.0, false)]
    #[case::the_second_negative(0.5, -0.5, false)]
    fn one_realspace_weight_needs_the_other(
        #[case] mae: f64,
        #[case] weight: f64,
        #[case] is_accepted: bool,
    ) {
        let weights = [("realspace_mae_weight", mae), ("realspace_weight", weight)];
        let values = weights.into_iter().map(|(key, value)| (key.to_owned(), Value::Float(value))).collect();
        let mut store = ParamsStore::new();
        assert_eq!(set_params(&mut store, &values).is_ok(), is_accepted);
        let written = weights.map(|(key, value)| store.get(key) == Some(&Value::Float(value)));
        assert!(!is_accepted || written == [true; 2]);
    }
}
