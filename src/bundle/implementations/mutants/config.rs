//! Mutants of configurations and params: section A of the contract.

use super::mutant::mutants;
use crate::{
    bundle::{
        nouns::{ModelConfig, TrainingConfig, legacy_params},
        operations::request::ConfigRequest,
    },
    value::{Map, Value},
};

mutants! {
    takes_any_word breaks "CFG-002" as "main: literals are never enforced": Configured(forget_odd_words);
    takes_any_size breaks "CFG-014" as "main: N=63 constructs": Configured(forget_odd_size);
    looks_for_the_very_path_only breaks "CFG-005": Configured(forget_other_paths);
    forgets_keys_it_does_not_know breaks "CFG-010": Bridged(|params, _, config| {
        let flat = legacy_params::flatten(config);
        params.retain(|key| flat.contains_key(key));
    });
    begins_without_params breaks "PRM-001": Begun(|params| params.retain(|_| false));
    begins_as_a_configuration_does breaks "PRM-001": Begun(|params| {
        params.update([("N".to_owned(), Value::Int(64)), ("gridsize".to_owned(), Value::Int(1))]);
    });
    derives_the_padded_size_each_time breaks "PRM-002": Got(|params, _, _| {
        params.retain(|key| key != "bigN");
        None
    });
    sets_anything breaks "PRM-003": SetAnyway(|params, values| params.update(values.clone()));
    keeps_values_that_it_refuses breaks "PRM-003" as "main: not atomic": NotSet(|params, values| params.update(values.clone()));
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
