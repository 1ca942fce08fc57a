//! Mutants of configurations and params: section A of the contract.

use super::cause::Instead;
use super::mutant::mutants;
use crate::{
    bundle::{
        nouns::{
            Configuration, ExecutionConfig, FilePath, ModelConfig, ParamsStore, Rule, TrainingConfig,
            legacy_params,
        },
        operations::request::ConfigRequest,
    },
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

mutants! {
    hides_what_it_refuses breaks "REF-001": NotTaken(|_| Instead::hidden(true, "it cannot be used"));
    takes_any_word breaks "CFG-002" as "main: literals are never enforced": Configured(forget_odd_words);
    takes_any_size breaks "CFG-014" as "main: N=63 constructs": Configured(forget_odd_size);
    passes_no_gridsize breaks "CFG-003": ValidatedAnyway(|cause| cause.broke_in(Rule::Positive, "gridsize"));
    passes_no_filters breaks "CFG-003": ValidatedAnyway(|cause| cause.broke_in(Rule::Positive, "n_filters_scale"));
    passes_no_probe_scale breaks "CFG-003": ValidatedAnyway(|cause| cause.broke_in(Rule::Positive, "probe_scale"));
    passes_negative_smoothing breaks "CFG-003": ValidatedAnyway(|cause| cause.broke_in(Rule::NotNegative, "gaussian_smoothing_sigma"));
    refuses_models_without_smoothing breaks "CFG-003": RefusedAnyway(|config| {
        let model = config.values.get("model").and_then(Value::as_map).unwrap_or(&config.values);
        let none = model.get("gaussian_smoothing_sigma") == Some(&Value::Float(0.0));
        none.then(|| Refusal::new(RefusalKind::InvalidValue, "gaussian_smoothing_sigma must be positive"))
    });
    refuses_batches_of_one breaks "CFG-004": RefusedAnyway(|config| {
        let one = config.values.get("batch_size") == Some(&Value::Int(1));
        one.then(|| Refusal::new(RefusalKind::InvalidValue, "batch_size must be more than 1"))
    });
    passes_any_batch_size breaks "CFG-004": ValidatedAnyway(|cause| cause.about("batch_size") || cause.about("inference_batch_size"));
    passes_uneven_batches breaks "CFG-004": ValidatedAnyway(|cause| cause.broke_in(Rule::PowerOfTwo, "batch_size"));
    passes_no_epochs breaks "CFG-004": ValidatedAnyway(|cause| cause.broke_in(Rule::Positive, "nepochs"));
    passes_any_mae_weight breaks "CFG-004": ValidatedAnyway(|cause| cause.about("mae_weight"));
    passes_any_nll_weight breaks "CFG-004": ValidatedAnyway(|cause| cause.about("nll_weight"));
    passes_no_photons breaks "CFG-004": ValidatedAnyway(|cause| cause.broke_in(Rule::Positive, "nphotons"));
    asks_for_path_objects breaks "CFG-015" as "main and refactor: 'str' object has no attribute 'exists'": RefusedAnyway(|config| {
        let text = config.values.values().any(FilePath::is_plain_text);
        text.then(|| Refusal::new(RefusalKind::InvalidValue, "expected a path object, found text"))
    });
    passes_a_missing_model breaks "CFG-005": ValidatedAnyway(|cause| cause.broke(Rule::ModelExists));
    hides_where_it_looked breaks "CFG-005": NotValidated(|_| Instead::hidden(true, "no such model"));
    looks_for_the_very_path_only breaks "CFG-005": Configured(forget_other_paths);
    ignores_n_images breaks "CFG-006": Bridged(|params, before, config| {
        if let Configuration::Training(training) = config && training.n_images.is_some() {
            keep_old(params, before, "n_groups");
        }
    });
    lets_n_images_win breaks "CFG-006": Bridged(|params, _, config| {
        if let Configuration::Training(TrainingConfig { n_images: Some(images), .. }) = config {
            params.update([("n_groups".to_owned(), Value::Int(*images))]);
        }
    });
    gives_training_no_groups breaks "CFG-006": Bridged(|params, before, config| {
        if let Configuration::Training(TrainingConfig { n_images: None, n_groups: Some(512), .. }) = config {
            keep_old(params, before, "n_groups");
        }
    });
    gives_inference_groups breaks "CFG-006": Bridged(|params, _, config| {
        if let Configuration::Inference(inference) = config && inference.n_groups.is_none() {
            params.update([("n_groups".to_owned(), Value::Int(512))]);
        }
    });
    bridges_under_both_names breaks "CFG-007": Bridged(|params, _, config| {
        let big = config.model().object_big;
        params.update([("object_big".to_owned(), Value::Bool(big))]);
    });
    bridges_the_model_as_one_value breaks "CFG-007": Bridged(|params, _, config| {
        let model = legacy_params::flatten(&Configuration::Model(config.model().clone()));
        params.update([("model".to_owned(), Value::Map(model.0))]);
    });
    forgets_keys_it_does_not_know breaks "CFG-010": Bridged(|params, _, config| {
        let flat = legacy_params::flatten(config);
        params.retain(|key| flat.contains_key(key));
    });
    bridges_the_execution_configuration breaks "CFG-011" as "main: no guard, 34 keys arrive": BridgedAnyway(|params, config| {
        if let Ok(execution) = ExecutionConfig::from_values(&config.values) {
            params.update(execution.fields());
        }
    });
    takes_an_execution_configuration_for_one breaks "CFG-013": BridgedAnyway(|_, _| ());
    passes_any_accelerator breaks "CFG-012": ValidatedAnyway(|cause| cause.about("accelerator"));
    passes_any_devices breaks "CFG-012": ValidatedAnyway(|cause| cause.about("devices"));
    passes_any_precision breaks "CFG-012": ValidatedAnyway(|cause| cause.about("precision"));
    passes_any_num_workers breaks "CFG-012": ValidatedAnyway(|cause| cause.about("num_workers"));
    passes_any_learning_rate breaks "CFG-012": ValidatedAnyway(|cause| cause.about("learning_rate"));
    passes_any_inference_batch_size breaks "CFG-012": ValidatedAnyway(|cause| cause.about("inference_batch_size"));
    passes_any_accum_steps breaks "CFG-012": ValidatedAnyway(|cause| cause.about("accum_steps"));
    passes_any_checkpoint_save_top_k breaks "CFG-012": ValidatedAnyway(|cause| cause.about("checkpoint_save_top_k"));
    passes_any_early_stop_patience breaks "CFG-012": ValidatedAnyway(|cause| cause.about("early_stop_patience"));
    passes_any_checkpoint_mode breaks "CFG-012": ValidatedAnyway(|cause| cause.about("checkpoint_mode"));
    passes_any_spectral_bottleneck_blocks breaks "CFG-012": ValidatedAnyway(|cause| cause.about("spectral_bottleneck_blocks"));
    passes_any_spectral_bottleneck_modes breaks "CFG-012": ValidatedAnyway(|cause| cause.about("spectral_bottleneck_modes"));
    passes_any_spectral_bottleneck_gate_init breaks "CFG-012": ValidatedAnyway(|cause| cause.about("spectral_bottleneck_gate_init"));
    passes_any_spectral_bottleneck_gate_mode breaks "CFG-012": ValidatedAnyway(|cause| cause.about("spectral_bottleneck_gate_mode"));
    passes_any_ffno_encoder_blocks breaks "CFG-012": ValidatedAnyway(|cause| cause.about("ffno_encoder_blocks"));
    passes_any_ffno_encoder_modes breaks "CFG-012": ValidatedAnyway(|cause| cause.about("ffno_encoder_modes"));
    passes_any_ffno_encoder_gate_init breaks "CFG-012": ValidatedAnyway(|cause| cause.about("ffno_encoder_gate_init"));
    passes_any_ffno_encoder_mlp_ratio breaks "CFG-012": ValidatedAnyway(|cause| cause.about("ffno_encoder_mlp_ratio"));
    begins_without_params breaks "PRM-001": Begun(|params| params.retain(|_| false));
    begins_as_a_configuration_does breaks "PRM-001": Begun(|params| {
        params.update([("N".to_owned(), Value::Int(64)), ("gridsize".to_owned(), Value::Int(1))]);
    });
    derives_no_padded_size breaks "PRM-002": Got(|_, request, _| {
        let refusal = || Err(Refusal::new(RefusalKind::MissingField, "missing param \"bigN\""));
        (request.key == "bigN").then(refusal)
    });
    derives_the_padded_size_each_time breaks "PRM-002": Got(|params, _, _| {
        params.retain(|key| key != "bigN");
        None
    });
    answers_none_for_what_is_not_there breaks "PRM-002": Got(|_, _, found| found.is_none().then_some(Ok(Value::None)));
    prefers_the_default breaks "PRM-002": Got(|_, request, _| request.default.clone().map(Ok));
    sets_anything breaks "PRM-003": SetAnyway(|params, values| params.update(values.clone()));
    keeps_values_that_it_refuses breaks "PRM-003" as "main: not atomic": NotSet(|params, values| params.update(values.clone()));
}

fn keep_old(params: &mut ParamsStore, before: &ParamsStore, key: &str) {
    match before.get(key) {
        Some(value) => params.update([(key.to_owned(), value.clone())]),
        None => params.retain(|own| own != key),
    }
}

/// Removes texts that are outside of their closed sets, so the defaults apply.
fn forget_odd_words(request: &mut ConfigRequest) {
    forget(request, |key, value| key != "N" && matches!(value, Value::Text(_)));
}

fn forget_odd_size(request: &mut ConfigRequest) {
    forget(request, |key, _| key == "N");
}

fn forget(request: &mut ConfigRequest, about: fn(&str, &Value) -> bool) {
    let is_invalid = |key: &str, value: &Value| {
        let alone = Map::from_iter([(key.to_owned(), value.clone())]);
        about(key, value) && ModelConfig::from_values(&alone).is_err()
    };
    let is_invalid_training = |key: &str, value: &Value| {
        let fields = [("model", &Value::Map(Map::new())), (key, value)];
        let alone = fields.map(|(key, value)| (key.to_owned(), value.clone()));
        about(key, value) && TrainingConfig::from_values(&Map::from_iter(alone)).is_err()
    };
    request.values.retain(|key, value| key == "model" || !is_invalid_training(key, value));
    if let Some(Value::Map(model)) = request.values.get_mut("model") {
        model.retain(|key, value| !is_invalid(key, value));
    }
}

/// Replaces a path without `.zip` by a missing one.
fn forget_other_paths(request: &mut ConfigRequest) {
    let path = request.values.get("model_path").and_then(Value::as_text).unwrap_or_default();
    if path.ends_with(".h5") {
        let elsewhere = format!("{path}.elsewhere/model");
        request.values.insert("model_path".to_owned(), Value::from(elsewhere));
    }
}
