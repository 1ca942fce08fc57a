//! What responses and written archives must agree with: the file that was read, the models and the configuration that
//! were given.

use indexmap::IndexMap;

use super::{bridge, process_params};
use crate::{
    bundle::{
        files::{KnownFiles, read_opened_dataset},
        nouns::{MANIFEST_ENTRY, PARAMS, PYTORCH_BACKEND, ROLES, VERSION_KEY, model_entry, params_entry},
        operations::{request_file::config_values, response::DatasetDescription},
    },
    harness::contract::{Accepted, Agreement, OperationResponse as _, ResultView},
    value::{Map, Value},
};

/// The epochs of a training that gives none.
const EPOCHS: i64 = 50;

/// The key of the scale in params and results.
const SCALE_KEY: &str = "intensity_scale";

/// The param that is read has the value that it has in the params (PRM-002).
pub(super) fn param(step: &ResultView<'_>) -> Option<Agreement> {
    let Ok(Value::Map(params)) = step.before.get(PARAMS)? else { return None };
    let key = step.request.get("key")?.as_text()?;
    let expected = params.get(key).filter(|_| key != process_params::DERIVED_KEY)?;
    Some(Agreement { expected: expected.clone(), actual: response(step, "value")?.clone() })
}

/// The networks of both roles are those in the archive (RTP-001).
pub(super) fn loaded_networks(step: &ResultView<'_>) -> Option<Agreement> {
    loaded(step, |name, model| ROLES.contains(&name) && is_network(model))
}

/// The sentinels of both roles are those in the archive (RTP-002).
pub(super) fn loaded_sentinels(step: &ResultView<'_>) -> Option<Agreement> {
    loaded(step, |name, model| ROLES.contains(&name) && !is_network(model))
}

/// Other models are those in the archive, and no model is returned that it does not have (BUN-023).
pub(super) fn loaded_others(step: &ResultView<'_>) -> Option<Agreement> {
    loaded(step, |name, _| !ROLES.contains(&name))
}

fn loaded(step: &ResultView<'_>, is_one: fn(&str, &Value) -> bool) -> Option<Agreement> {
    let archived = field(step.described?, "models")?.as_map()?;
    let found = response(step, "models")?.as_map()?;
    // A model is judged as what it is in the archive.
    let in_archive = |name: &str, model| is_one(name, archived.get(name).unwrap_or(model));
    let expected = archived.iter().filter(|(name, model)| is_one(name, model));
    let actual = found.iter().filter(|(name, model)| in_archive(name, model));
    Some(agreement(as_read(&expected.map(owned).collect(), found), actual.map(owned).collect()))
}

/// The archived params are returned (LOD-012).
pub(super) fn loaded_params(step: &ResultView<'_>) -> Option<Agreement> {
    let found = response(step, PARAMS)?.as_map()?;
    let mut keys: IndexMap<String, Accepted> = process_params::archived(step.file?)?.into_iter().collect();
    // Others may be returned too.
    for key in found.keys().filter(|key| !keys.contains_key(*key)).cloned().collect::<Vec<_>>() {
        keys.insert(key, Accepted::Anything);
    }
    Some(accepted(keys, found))
}

/// The returned model is the archived one that was asked for (DSP-004).
pub(super) fn loaded_model(step: &ResultView<'_>) -> Option<Agreement> {
    let name = step.request.get("model").and_then(Value::as_text).unwrap_or(ROLES[1]);
    let archived = field(step.described?, "models")?.as_map()?.get(name)?;
    let named = |model: &Value| Map::from_iter([(name.to_owned(), model.clone())]);
    let found = named(response(step, "model")?);
    Some(agreement(as_read(&named(archived), &found), found))
}

/// The archive contains the networks that were given (BUN-010).
pub(super) fn saved_networks(step: &ResultView<'_>) -> Option<Agreement> {
    let given = given_models(step)?;
    let found = field(step.described?, "models")?.as_map()?;
    let is_one = |(name, _): &(&String, &Value)| given.get(*name).is_none_or(is_network);
    let expected = given.iter().filter(|(_, model)| is_network(model)).map(owned).collect();
    Some(agreement(expected, found.iter().filter(is_one).map(owned).collect()))
}

/// The snapshots are the configuration that was given, with the scale and the version (BUN-007, ORC-018).
pub(super) fn saved_params(step: &ResultView<'_>) -> Option<Agreement> {
    let mut keys = bridge::snapshot(step.request, step.era)?;
    keys.extend([SCALE_KEY, VERSION_KEY].map(|key| (key.to_owned(), Accepted::Anything)));
    Some(accepted(keys, field(step.described?, PARAMS)?.as_map()?))
}

/// The archive has the manifest and two entries for each of its models, and no other entry (BUN-016).
pub(super) fn saved_entries(step: &ResultView<'_>) -> Option<Agreement> {
    let models = field(step.described?, "models")?.as_map()?.keys();
    let of_models = models.flat_map(|model| [model_entry(model), params_entry(model)]);
    let mut expected: Vec<Value> = of_models.map(Value::from).chain([Value::from(MANIFEST_ENTRY)]).collect();
    let Value::List(mut found) = field(step.described?, "entries")?.clone() else { return None };
    for names in [&mut expected, &mut found] {
        names.sort_by(|a, b| a.as_text().cmp(&b.as_text()));
    }
    Some(Agreement { expected: Value::List(expected), actual: Value::List(found) })
}

/// The saved scale is the one that was given, else the one that the models were trained or loaded with, else that of the
/// params, or 1.0 if an earlier load has left that there. Both are accepted, because a step does not show it (BUN-008).
pub(super) fn saved_scale(step: &ResultView<'_>) -> Option<Agreement> {
    let found = field(field(step.described?, PARAMS)?, SCALE_KEY)?;
    // A float in the archive is BUN-028.
    let found = if let Value::Int(scale) = found { Value::Float(*scale as f64) } else { found.clone() };
    let is_known = |scale: &&Value| **scale != Value::None;
    let given = step.request.get(SCALE_KEY).filter(is_known);
    let expected = match given.or_else(|| scale_of_models(step)) {
        Some(scale) => Value::Float(scale.as_number()?),
        None => {
            let Ok(Value::Map(params)) = step.before.get(PARAMS)? else { return None };
            let of_the_process = params.get(SCALE_KEY).filter(is_known).and_then(Value::as_number);
            Value::Float(of_the_process.filter(|_| found != Value::Float(1.0)).unwrap_or(1.0))
        }
    };
    Some(Agreement { expected, actual: found })
}

/// The scale that the response of a training has, or the params of a loaded bundle.
fn scale_of_models<'s>(step: &ResultView<'s>) -> Option<&'s Value> {
    let models = step.responses.get(step.request.get("models")?.as_text()?)?.as_map()?;
    models.get(SCALE_KEY).or_else(|| models.get(PARAMS)?.as_map()?.get(SCALE_KEY))
}

/// The saved scale is a float (BUN-028).
pub(super) fn saved_scale_type(step: &ResultView<'_>) -> Option<Agreement> {
    let found = field(field(step.described?, PARAMS)?, SCALE_KEY)?;
    Some(Agreement { expected: Value::Float(found.as_number()?), actual: found.clone() })
}

/// The archive of a workflow contains the models that it returns (ORC-003).
pub(super) fn persisted_models(step: &ResultView<'_>) -> Option<Agreement> {
    let (expected, actual) = (response(step, "models")?, field(step.described?, "models")?);
    Some(Agreement { expected: expected.clone(), actual: actual.clone() })
}

/// The archive of a workflow has the scale that it returns (ORC-008).
pub(super) fn persisted_scale(step: &ResultView<'_>) -> Option<Agreement> {
    let expected = response(step, SCALE_KEY).filter(|scale| **scale != Value::None)?;
    let actual = field(field(step.described?, PARAMS)?, SCALE_KEY)?;
    Some(Agreement { expected: expected.clone(), actual: actual.clone() })
}

/// There are a finite loss of each epoch and the models of both roles (ORC-007).
pub(super) fn training(step: &ResultView<'_>) -> Option<Agreement> {
    let epochs = match config_values(step.request)?.get("nepochs") {
        None => EPOCHS,
        Some(Value::Int(epochs)) => *epochs,
        Some(_) => return None,
    };
    let Value::List(losses) = response(step, "train_loss")? else { return None };
    let finite = losses.iter().filter(|loss| matches!(loss, Value::Float(loss) if loss.is_finite()));
    let finite = i64::try_from(finite.count()).ok()?;
    let mut models: Vec<&str> = response(step, "models")?.as_map()?.keys().map(String::as_str).collect();
    models.retain(|name| ROLES.contains(name));
    models.sort_unstable();
    let summary = |losses, models: &[&str]| {
        Map::from_iter([
            ("finite losses".to_owned(), Value::Int(losses)),
            ("models".to_owned(), Value::List(models.iter().map(|name| Value::from(*name)).collect())),
        ])
    };
    Some(agreement(summary(epochs, &ROLES), summary(finite, &models)))
}

/// Nothing is stitched, so there are neither amplitude nor phase (ORC-009).
pub(super) fn unstitched(step: &ResultView<'_>) -> Option<Agreement> {
    let images = |value: &dyn Fn(&str) -> Option<Value>| -> Option<Map> {
        ["amplitude", "phase"].into_iter().map(|name| Some((name.to_owned(), value(name)?))).collect()
    };
    let actual = images(&|name| response(step, name).cloned())?;
    Some(agreement(images(&|_| Some(Value::None))?, actual))
}

/// The results name the backend that ran (DSP-003).
pub(super) fn backend(step: &ResultView<'_>) -> Option<Agreement> {
    let actual = response(step, "backend")?.clone();
    Some(Agreement { expected: Value::from(PYTORCH_BACKEND), actual })
}

/// The descriptions of datasets.
static DATASETS: KnownFiles<Map> = KnownFiles::new();

/// The four arrays are those that our own reader finds (NPZ-001). One of another type is left to [`types_of_dataset`].
pub(super) fn dataset(step: &ResultView<'_>) -> Option<Agreement> {
    let (positions, own, read) = datasets(step)?;
    let is_converted = |name: &String| {
        let types = [own.get(name), read.get(name)].map(|array| array.and_then(element_type));
        types[0].is_some() && types[1].is_some() && types[0] != types[1]
    };
    let compared = |positions: Value, arrays: &Map| {
        let arrays = arrays.iter().filter(|(name, _)| !is_converted(name)).map(owned).collect();
        Map::from_iter([("positions".to_owned(), positions), ("arrays".to_owned(), Value::Map(arrays))])
    };
    Some(agreement(compared(positions, &own), compared(response(step, "positions")?.clone(), &read)))
}

/// The arrays have the types that a caller expects, whatever the file has (NPZ-008).
pub(super) fn types_of_dataset(step: &ResultView<'_>) -> Option<Agreement> {
    let (_, own, read) = datasets(step)?;
    let types = |arrays: &Map| -> Map {
        let types = arrays.iter().filter(|(name, _)| own.contains_key(*name) && read.contains_key(*name));
        types.filter_map(|(name, array)| Some((name.clone(), element_type(array)?.clone()))).collect()
    };
    Some(agreement(types(&own), types(&read)))
}

/// The number of positions and the arrays as our own reader finds them, and the same arrays of the response.
fn datasets(step: &ResultView<'_>) -> Option<(Value, Map, Map)> {
    let path = step.root.join(step.request.get("path")?.as_text()?);
    let known = DATASETS.read(&path, |reader| {
        let data = read_opened_dataset(&path, reader)?;
        Ok(DatasetDescription::from(&data).into_fields())
    });
    let known = known.ok()?;
    let own = field_of(&known, "arrays")?.as_map()?.clone();
    let arrays = field(step.response?, "arrays")?.as_map()?;
    let read = arrays.iter().filter(|(name, _)| own.contains_key(*name)).map(owned).collect();
    Some((field_of(&known, "positions")?.clone(), own, read))
}

fn element_type(array: &Value) -> Option<&Value> {
    array.as_map()?.get("dtype")
}

fn response<'s>(step: &ResultView<'s>, name: &str) -> Option<&'s Value> {
    field(step.response?, name)
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    field_of(value.as_map()?, name)
}

fn field_of<'m>(map: &'m Map, name: &str) -> Option<&'m Value> {
    map.get(name)
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn agreement(expected: Map, actual: Map) -> Agreement {
    Agreement { expected: Value::Map(expected), actual: Value::Map(actual) }
}

/// The models that a save was given: those of a result, or those that were created.
fn given_models<'s>(step: &ResultView<'s>) -> Option<&'s Map> {
    let given = step.responses.get(step.request.get("models")?.as_text()?)?.as_map()?;
    given.get("models").map_or(Some(given), Value::as_map)
}

fn is_network(model: &Value) -> bool {
    field(model, "tensors").is_some()
}

/// The archived models, with the tensors that were converted to another type as they were found: whether a conversion is
/// refused is LOD-028.
fn as_read(archived: &Map, found: &Map) -> Map {
    let tensor = |(name, archived): (&String, &Value), found: &Map| {
        let other = found.get(name).filter(|found| field(found, "dtype") != field(archived, "dtype"));
        (name.clone(), other.unwrap_or(archived).clone())
    };
    let model = |(name, archived): (&String, &Value)| {
        let tensors = |model: &'_ Value| field(model, "tensors").and_then(Value::as_map).cloned();
        let (Some(own), Some(found)) = (tensors(archived), found.get(name).and_then(tensors)) else {
            return (name.clone(), archived.clone());
        };
        let own = own.iter().map(|own| tensor(own, &found)).collect();
        (name.clone(), Value::Map(Map::from_iter([("tensors".to_owned(), Value::Map(own))])))
    };
    archived.iter().map(model).collect()
}

/// Every key has an accepted value, and there are no other keys.
fn accepted(keys: impl IntoIterator<Item = (String, Accepted)>, found: &Map) -> Agreement {
    let value = |(key, accepted): (String, Accepted)| {
        let found = found.get(&key);
        let value = match accepted {
            Accepted::OneOf(values) => {
                found.filter(|found| values.contains(found)).cloned().or_else(|| values.into_iter().next())
            }
            Accepted::AsBefore | Accepted::Anything => found.cloned(),
        };
        Some((key, value?))
    };
    agreement(keys.into_iter().filter_map(value).collect(), found.clone())
}
