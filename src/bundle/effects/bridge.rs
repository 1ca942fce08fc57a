//! What a bridge leaves in the params, computed from the configuration alone (CFG-006, CFG-007, CFG-010, CFG-027).

use indexmap::IndexMap;

use super::config_fields::{ConfigField, FieldDefault, FieldKind, INFERENCE, MODEL, TRAINING};
use crate::{
    bundle::nouns::FilePath,
    harness::contract::{Accepted, Era, Expected, Others, StepView},
    value::{Map, Value},
};

/// The field of the number of groups.
const GROUPS: &str = "n_groups";

/// The number of groups of a training that gives none (CFG-006).
const TRAINING_GROUPS: i64 = 512;

/// The era without a dispatcher, whose configurations have no `backend`. Cases give it in every era.
const BEFORE_BACKENDS: &str = "2025-10";

/// Every field with a legacy key that is not None is under that key, which is not its name. Other keys are open.
pub(super) fn renamed(step: &StepView<'_>) -> Option<Expected> {
    let Expected { mut keys, others } = bridged(step)?;
    let fields = || MODEL.iter().chain(&TRAINING).chain(&INFERENCE);
    keys.retain(|key, _| fields().any(|field| field.key == key && field.name != key));
    Some(Expected { keys, others })
}

/// Every field that is not None is under its key. Other keys are open.
pub(super) fn bridged(step: &StepView<'_>) -> Option<Expected> {
    let mut keys = flat(config(step)?, step.era)?;
    keys.retain(|_, accepted| matches!(accepted, Accepted::OneOf(_)));
    Some(Expected { keys, others: Others::Open })
}

/// The keys of fields that are None, and all keys that the configuration does not have, are as before.
pub(super) fn unchanged(step: &StepView<'_>) -> Option<Expected> {
    others(step, Others::Unchanged)
}

/// As [`unchanged`], but keys may be added.
pub(super) fn kept(step: &StepView<'_>) -> Option<Expected> {
    others(step, Others::Kept)
}

/// No key is added that the configuration does not have.
pub(super) fn added(step: &StepView<'_>) -> Option<Expected> {
    others(step, Others::NoneAdded)
}

fn others(step: &StepView<'_>, others: Others) -> Option<Expected> {
    let keys = asked(step.request, step.era)?.into_iter();
    let own = keys.filter(|(_, accepted)| *accepted != Accepted::AsBefore);
    let keys = own.map(|(key, _)| (key, Accepted::Anything)).collect();
    Some(Expected { keys, others })
}

/// An execution configuration changes nothing, whether or not it is refused (CFG-011).
pub(super) fn execution(step: &StepView<'_>) -> Option<Expected> {
    (kind(config(step)?)? == "execution").then(Expected::unchanged)
}

fn config<'s>(step: &StepView<'s>) -> Option<&'s Map> {
    step.request.get("config").and_then(Value::as_map)
}

fn kind(config: &Map) -> Option<&str> {
    config.get("kind").and_then(Value::as_text)
}

/// What each key of the configuration of a request must be afterwards.
pub(super) fn asked(request: &Map, era: Option<&Era>) -> Option<IndexMap<String, Accepted>> {
    let mut keys = flat(request.get("config")?.as_map()?, era)?;
    if let Some((dataset, _)) = place_of_data(request, &mut keys) {
        *dataset = Accepted::Anything;
    }
    Some(keys)
}

/// What the configuration of a workflow must be in its snapshot, where None is a value. A workflow may give its dataset a
/// place in a configuration that has none (ORC-018).
pub(super) fn snapshot(request: &Map, era: Option<&Era>) -> Option<IndexMap<String, Accepted>> {
    let mut keys = flat(request.get("config")?.as_map()?, era)?;
    if let Some((dataset, given)) = place_of_data(request, &mut keys) {
        *dataset = if let Accepted::OneOf(own) = given {
            Accepted::OneOf([vec![Value::None], own].concat())
        } else {
            given
        };
    }
    for accepted in keys.values_mut().filter(|accepted| **accepted == Accepted::AsBefore) {
        *accepted = Accepted::OneOf(vec![Value::None]);
    }
    Some(keys)
}

/// What the place of the dataset must be in a configuration that has none, and what it is of the dataset of the request.
fn place_of_data<'k>(
    request: &Map,
    keys: &'k mut IndexMap<String, Accepted>,
) -> Option<(&'k mut Accepted, Accepted)> {
    let given = given(FieldKind::Path, request.get("train_data")?);
    let place = keys.get_mut("train_data_file_path").filter(|place| **place == Accepted::AsBefore)?;
    Some((place, given))
}

/// What each key of a configuration must be afterwards; None for one that must be refused.
pub(super) fn flat(config: &Map, era: Option<&Era>) -> Option<IndexMap<String, Accepted>> {
    let empty = Map::new();
    let kind = kind(config)?;
    let values = config.get("values").map_or(Some(&empty), Value::as_map)?;
    let (own, nested): (&[ConfigField], _) = match kind {
        "model" => return fields("model", &MODEL, values, era),
        "training" => (&TRAINING, values.get("model")?.as_map()?),
        "inference" => (&INFERENCE, values.get("model")?.as_map()?),
        _ => return None,
    };
    let mut values = values.clone();
    values.shift_remove("model");
    if !lacks(era, kind, GROUPS) {
        settle_groups(kind, &mut values);
    }
    let mut keys = fields(kind, own, &values, era)?;
    keys.extend(fields("model", &MODEL, nested, era)?);
    Some(keys)
}

/// The keys that the era has besides those of the tables.
pub(super) fn added_by(era: Option<&Era>) -> impl Iterator<Item = (String, Accepted)> {
    let keys = era.map_or(&[][..], |era| era.adds).iter();
    keys.map(|key| ((*key).to_owned(), Accepted::Anything))
}

/// Whether the era has no such field.
fn lacks(era: Option<&Era>, kind: &str, field: &str) -> bool {
    era.is_some_and(|era| era.why_lacking(&format!("{kind}.{field}")).is_some())
}

/// `n_images` is the older name of `n_groups`, and a training has groups without either.
fn settle_groups(kind: &str, values: &mut Map) {
    let given = |name: &str| values.get(name).filter(|value| **value != Value::None).cloned();
    let default = (kind == "training").then_some(Value::Int(TRAINING_GROUPS));
    if let Some(groups) = given(GROUPS).or_else(|| given("n_images")).or(default) {
        values.insert(GROUPS.to_owned(), groups);
    }
}

fn fields(
    kind: &str,
    table: &[ConfigField],
    values: &Map,
    era: Option<&Era>,
) -> Option<IndexMap<String, Accepted>> {
    if values.keys().any(|name| table.iter().all(|field| field.name != name)) {
        return None;
    }
    let accepted = |field: &ConfigField| {
        if field.name == "backend" && era.is_some_and(|era| era.name == BEFORE_BACKENDS) {
            return Some((field.key.to_owned(), Accepted::Anything));
        }
        let accepted = match values.get(field.name) {
            Some(value) => given(field.kind, value),
            None if lacks(era, kind, field.name) => Accepted::Anything,
            None => by_default(field)?,
        };
        Some((field.key.to_owned(), accepted))
    };
    table.iter().map(accepted).chain(added_by(era).map(Some)).collect()
}

/// What a given value becomes. A value of another type must be refused, so what becomes of it is open.
fn given(kind: FieldKind, value: &Value) -> Accepted {
    let one_of = |values: Vec<Value>| Accepted::OneOf(values);
    match (kind, value) {
        (_, Value::None) => Accepted::AsBefore,
        (FieldKind::Int, Value::Int(_) | Value::BigInt(_))
        | (FieldKind::Float, Value::Float(_))
        | (FieldKind::Flag, Value::Bool(_))
        | (FieldKind::Word, Value::Text(_)) => one_of(vec![value.clone()]),
        // An implementation may convert the number, or keep it as Python does.
        (FieldKind::Float, Value::Int(number)) => one_of(vec![Value::Float(*number as f64), value.clone()]),
        // That a path is text afterwards is asked elsewhere (CFG-015).
        (FieldKind::Path, value) => FilePath::in_value(value).map_or(Accepted::Anything, |path| {
            one_of(vec![Value::from(path), Value::from(plain(path)), Value::Path(plain(path))])
        }),
        (FieldKind::Int | FieldKind::Float | FieldKind::Flag | FieldKind::Word, _) => Accepted::Anything,
    }
}

/// None if the field has no default.
fn by_default(field: &ConfigField) -> Option<Accepted> {
    let value = match field.default {
        FieldDefault::Required => return None,
        FieldDefault::None => return Some(Accepted::AsBefore),
        FieldDefault::Int(value) => Value::Int(value),
        FieldDefault::Float(value) => Value::Float(value),
        FieldDefault::Flag(value) => Value::Bool(value),
        FieldDefault::Text(value) => Value::from(value),
    };
    Some(Accepted::OneOf(vec![value]))
}

/// A path as pathlib writes it: `a//b/./` is `a/b`, and an empty path is `.`.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let start = if path.starts_with('/') { "/" } else { "" };
    match parts.is_empty() && start.is_empty() {
        true => ".".to_owned(),
        false => format!("{start}{}", parts.join("/")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::bundle::nouns::{ERAS, Params, ParamsStore};
    use crate::bundle::operations::request::ConfigRequest;

    fn map(json: &str) -> Map {
        match serde_json::from_str::<serde_json::Value>(json)
            .map(|json| serde_json::from_value(json).unwrap())
        {
            Ok(Value::Map(map)) => map,
            other => unreachable!("{other:?}"),
        }
    }

    type Rules = fn(&StepView<'_>) -> Option<Expected>;

    /// The rules for a request with this configuration.
    fn of(config: &str, rules: Rules, era: Option<&'static Era>) -> Option<Expected> {
        let request = map(&format!("{{\"config\": {config}}}"));
        let before = Map::new();
        rules(&StepView { request: &request, before: &before, file: None, era })
    }

    #[test]
    fn the_tables_count_what_the_contract_counts() {
        assert_eq!((MODEL.len(), TRAINING.len() + 1, INFERENCE.len() + 1), (23, 39, 13));
        let renamed = |table: &[ConfigField]| table.iter().filter(|field| field.name != field.key).count();
        assert_eq!(renamed(&MODEL) + renamed(&TRAINING), 9);
    }

    /// Two independent computations agree for every type, with every field left out or at an unusual value.
    #[rstest]
    #[case::model(
        "model",
        r#"{"N": 256, "probe_scale": 2, "object_big": false, "probe_mask_diameter": 1.5}"#
    )]
    #[case::model_defaults("model", "{}")]
    #[case::training_defaults("training", r#"{"model": {}}"#)]
    #[case::training(
        "training",
        r#"{"model": {"gridsize": 3}, "n_images": 7, "output_dir": null, "positions_provided": false,
            "train_data_file": "a//b/", "backend": "pytorch", "gradient_clip_val": 1.0, "nphotons": 1}"#
    )]
    #[case::inference(
        "inference",
        r#"{"model": {}, "model_path": "m", "test_data_file": "t", "n_images": 4, "n_groups": 5}"#
    )]
    fn a_bridge_is_what_the_reference_computes(#[case] kind: &str, #[case] values: &str) {
        let config = format!("{{\"kind\": \"{kind}\", \"values\": {values}}}");
        let request: ConfigRequest = serde_json::from_str(&config).unwrap();
        let mut store = ParamsStore::new();
        let before = store.snapshot();
        crate::bundle::nouns::legacy_params::update_legacy_dict(
            &mut store,
            &request.construct().unwrap(),
            crate::bundle::nouns::Bridged::WhatIsSaid,
        );
        let after = store.snapshot();
        for rules in [bridged, unchanged, kept, added] {
            assert_eq!(of(&config, rules, None).unwrap().difference(&before, &after), None);
        }
        let keys = of(&config, bridged, None).unwrap().keys;
        for key in keys.keys() {
            let mut wrong = after.clone();
            wrong.insert(key.clone(), Value::from("something else"));
            assert!(of(&config, bridged, None).unwrap().difference(&before, &wrong).is_some(), "{key}");
        }
        let mut wrong: Params = after.clone();
        wrong.insert("model".to_owned(), Value::Int(1));
        for (rules, differs) in [(unchanged as Rules, true), (added, true), (kept, false)] {
            let difference = of(&config, rules, None).unwrap().difference(&before, &wrong);
            assert_eq!(difference.is_some(), differs);
        }
        let mut wrong = after;
        wrong.insert("offset".to_owned(), Value::Int(5));
        for (rules, differs) in [(unchanged as Rules, true), (added, false), (kept, true)] {
            let difference = of(&config, rules, None).unwrap().difference(&before, &wrong);
            assert_eq!(difference.is_some(), differs);
        }
    }

    #[rstest]
    #[case::unknown_field(r#"{"kind": "model", "values": {"gridsizes": 1}}"#)]
    #[case::no_model(r#"{"kind": "training", "values": {}}"#)]
    #[case::no_path(r#"{"kind": "inference", "values": {"model": {}, "model_path": "m"}}"#)]
    #[case::execution(r#"{"kind": "execution", "values": {}}"#)]
    fn what_must_be_refused_is_open(#[case] config: &str) {
        assert_eq!(of(config, bridged, None), None);
        assert_eq!(of(config, unchanged, None), None);
    }

    #[test]
    fn an_execution_configuration_changes_nothing() {
        assert_eq!(of(r#"{"kind": "execution"}"#, execution, None), Some(Expected::unchanged()));
        assert_eq!(of(r#"{"kind": "model"}"#, execution, None), None);
    }

    #[rstest]
    #[case::wrong_type("int", "\"2\"", Accepted::Anything)]
    #[case::flag_for_a_number("int", "true", Accepted::Anything)]
    #[case::none("int", "null", Accepted::AsBefore)]
    #[case::whole_number("float", "2", Accepted::OneOf(vec![Value::Float(2.0), Value::Int(2)]))]
    #[case::text_as_a_path(
        "path",
        r#"{"text": "a/"}"#,
        Accepted::OneOf(vec![Value::from("a/"), Value::from("a"), Value::Path("a".to_owned())])
    )]
    fn a_value_becomes_what_its_field_makes_of_it(
        #[case] kind: &str,
        #[case] value: &str,
        #[case] expected: Accepted,
    ) {
        let kind = match kind {
            "int" => FieldKind::Int,
            "float" => FieldKind::Float,
            _ => FieldKind::Path,
        };
        assert_eq!(given(kind, &serde_json::from_str(value).unwrap()), expected);
    }

    #[rstest]
    #[case("a//b/./c/", "a/b/c")]
    #[case("./a", "a")]
    #[case("/a/", "/a")]
    #[case("", ".")]
    #[case("/", "/")]
    fn a_path_is_written_as_pathlib_does(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(plain(path), expected);
    }

    #[test]
    fn the_default_of_a_field_that_an_era_lacks_is_open() {
        let config = r#"{"kind": "training", "values": {"model": {}}}"#;
        let keys = |era: &str| {
            let era = ERAS.iter().find(|own| own.name == era);
            of(config, bridged, era).unwrap().keys
        };
        assert!(keys("main").contains_key("optimizer") && !keys("2025-10").contains_key("optimizer"));
        assert!(keys("2025-11").contains_key("backend") && !keys("2025-10").contains_key("backend"));
        assert!(!keys("torch-manifest-v1").contains_key("n_groups"));
    }

    #[test]
    fn what_an_era_adds_is_open() {
        let config = r#"{"kind": "training", "values": {"model": {}}}"#;
        let of_era = |name: &str, rules: Rules| {
            of(config, rules, ERAS.iter().find(|own| own.name == name)).unwrap().keys
        };
        assert_eq!(of_era("refactor", added).get("training_canvas"), Some(&Accepted::Anything));
        assert_eq!(of_era("main", added).get("training_canvas"), None);
        assert_eq!(of_era("refactor", bridged).get("training_canvas"), None);
    }
}
