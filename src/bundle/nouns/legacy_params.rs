//! From the configuration types to the flat map from which networks are built.

use super::{Bridged, Configuration, ModelConfig, Params, ParamsStore};
use crate::value::Value;

/// The flat map of a configuration: every field under its legacy key, including those with None. Paths are text.
///
/// A nested network is merged into the top level and wins when names collide: 61 keys for training, 35 for inference, 23
/// for a network only (CFG-007).
pub fn flatten(config: &Configuration) -> Params {
    match config {
        Configuration::Model(model) => merged([], model),
        Configuration::Training(training) => merged(training.rows(), &training.model),
        Configuration::Inference(inference) => merged(inference.rows(), &inference.model),
    }
}

/// Updates the params of the process with a configuration.
///
/// None means "not specified" and keeps the old value, unless the policy decides differently. Keys that are not part of
/// the configuration survive (CFG-010).
pub fn update_legacy_dict(store: &mut ParamsStore, config: &Configuration, bridged: Bridged) {
    let written = |key: &str, value: &Value| match bridged {
        Bridged::WhatIsSaid => *value != Value::None,
        Bridged::NoneToo => true,
        Bridged::UnrenamedOnly => *value != Value::None && !RENAMED.contains(&key),
    };
    store.update(flatten(config).0.into_iter().filter(|(key, value)| written(key, value)));
}

/// The legacy keys whose names differ from those of their fields (CFG-007).
const RENAMED: [&str; 9] = [
    "object.big",
    "probe.big",
    "probe.mask",
    "probe.trainable",
    "intensity_scale.trainable",
    "positions.provided",
    "output_prefix",
    "train_data_file_path",
    "test_data_file_path",
];

fn merged(rows: impl IntoIterator<Item = (&'static str, Value)>, model: &ModelConfig) -> Params {
    let own = rows.into_iter().filter(|(key, _)| *key != "model");
    own.chain(model.rows()).map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::{
        bundle::nouns::{InferenceConfig, Rule, TrainingConfig},
        value::Map,
    };

    fn training(values: &[(&str, Value)]) -> Configuration {
        let mut map: Map = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        map.insert("model".to_owned(), Value::Map(Map::new()));
        Configuration::Training(TrainingConfig::from_values(&map).unwrap())
    }

    fn inference() -> Configuration {
        let mut map = Map::new();
        map.insert("model".to_owned(), Value::Map(Map::new()));
        map.insert("model_path".to_owned(), Value::from("m"));
        map.insert("test_data_file".to_owned(), Value::from("t"));
        Configuration::Inference(InferenceConfig::from_values(&map).unwrap())
    }

    #[rstest]
    #[case::model(Configuration::Model(ModelConfig::from_values(&Map::new()).unwrap()), 23)]
    #[case::training(training(&[]), 61)]
    #[case::inference(inference(), 35)]
    fn a_flat_map_has_every_field_once(#[case] config: Configuration, #[case] keys: usize) {
        assert_eq!(flatten(&config).len(), keys);
    }

    #[rstest]
    #[case("object_big", "object.big")]
    #[case("probe_big", "probe.big")]
    #[case("probe_mask", "probe.mask")]
    #[case("probe_trainable", "probe.trainable")]
    #[case("intensity_scale_trainable", "intensity_scale.trainable")]
    #[case("positions_provided", "positions.provided")]
    #[case("output_dir", "output_prefix")]
    #[case("train_data_file", "train_data_file_path")]
    #[case("test_data_file", "test_data_file_path")]
    #[case("model", "N")]
    fn a_renamed_field_appears_under_its_legacy_key_only(#[case] field: &str, #[case] legacy: &str) {
        let flat = flatten(&training(&[]));
        assert!(flat.contains_key(legacy), "missing {legacy}");
        assert!(!flat.contains_key(field), "unexpected {field}");
    }

    #[test]
    fn an_update_skips_none_and_a_flat_map_includes_it() {
        let config = training(&[]);
        assert_eq!(flatten(&config)["n_subsample"], Value::None);
        let mut store = ParamsStore::new();
        store.update([("n_subsample".to_owned(), Value::Int(5))]);
        update_legacy_dict(&mut store, &config, Bridged::WhatIsSaid);
        assert_eq!(store.get("n_subsample"), Some(&Value::Int(5)));
        assert_eq!(store.get("N"), Some(&Value::Int(64)));
        assert_eq!(store.get("offset"), Some(&Value::Int(4)));
    }

    #[rstest]
    #[case::neither(&[], 512)]
    #[case::images_alone(&[("n_images", 7)], 7)]
    #[case::both(&[("n_images", 7), ("n_groups", 9)], 9)]
    fn n_groups_wins_over_its_older_name(#[case] given: &[(&str, i64)], #[case] groups: i64) {
        let given: Vec<_> = given.iter().map(|(key, value)| (*key, Value::Int(*value))).collect();
        assert_eq!(flatten(&training(&given))["n_groups"], Value::Int(groups));
    }

    #[rstest]
    #[case("N", Value::Int(63), Rule::FieldType)]
    #[case("model_type", Value::from("zzz"), Rule::FieldType)]
    #[case("gridsize", Value::from("2"), Rule::FieldType)]
    #[case("gridsizes", Value::Int(2), Rule::KnownField)]
    fn a_value_outside_its_set_is_refused_by_name(
        #[case] field: &str,
        #[case] value: Value,
        #[case] rule: Rule,
    ) {
        let values = Map::from_iter([(field.to_owned(), value)]);
        let refusal = ModelConfig::from_values(&values).unwrap_err();
        assert!(refusal.facts.broke(rule) && refusal.facts.about(field), "{refusal:?}");
    }
}
