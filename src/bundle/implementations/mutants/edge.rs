//! Mutants that are right for plain values and for the first operation, and wrong at the edges: rare values, unusual
//! names, repeated operations, fields that no other mutant looks at.

use std::{fs, path::Path};

use super::mutant::mutants;
use crate::{
    bundle::{
        nouns::{Bundle, FilePath, ROLES, Rule, SCALE_KEY, TrainingConfig, VERSION_KEY},
        operations::request::{ConfigKind, ConfigRequest, GetParam},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, ModelState, Tensor, limits::MAX_ENTRY_BYTES, zip::Archive},
    value::{Map, Value},
};

/// One word of each closed set, none of them a default.
const WORDS: [&str; 11] = [
    "supervised",
    "fno_vanilla",
    "sqrt",
    "amp_phase",
    "softplus",
    "mae",
    "agc",
    "adamw",
    "ReduceLROnPlateau",
    "pytorch",
    "bf16-mixed",
];

/// The arrays of a dataset.
const ARRAYS: [&str; 4] = ["xcoords.npy", "ycoords.npy", "diff3d.npy", "probeGuess.npy"];

mutants! {
    refuses_known_words breaks "CFG-002": RefusedAnyway(|config| refused_field(config, |_, value| {
        value.as_text().is_some_and(|word| WORDS.contains(&word))
    }));
    refuses_subnormal_numbers breaks "CFG-004": RefusedAnyway(|config| {
        refused_field(config, |_, value| value.as_number().is_some_and(f64::is_subnormal))
    });
    refuses_large_networks breaks "CFG-014": RefusedAnyway(|config| {
        refused_field(config, |key, value| key == "N" && *value != Value::Int(64))
    });
    takes_nan_for_a_number breaks "CFG-026": Configured(|config| {
        let number = |_: &str, value: &mut Value| !value.as_number().is_some_and(f64::is_nan);
        config.values.retain(|key, value| number(key, value));
        if let Some(Value::Map(model)) = config.values.get_mut("model") {
            model.retain(|key, value| number(key, value));
        }
    });
    finds_no_archive_in_a_directory breaks "CFG-005": Configured(|config| seek_elsewhere(config, |path| !path.contains(".h5")));
    finds_no_archive_by_its_path breaks "CFG-005": Configured(|config| seek_elsewhere(config, |path| path.ends_with(".zip")));
    takes_none_for_missing breaks "PRM-002": Got(|_, request, found| falsy(request, found, |value| *value == Value::None));
    takes_false_for_missing breaks "PRM-002": Got(|_, request, found| falsy(request, found, |value| *value == Value::Bool(false)));
    reads_params_as_json_does breaks "PRM-007": Got(|_, _, found| found.map(|value| Ok(through_json(value))));
    forgets_the_default breaks "PRM-005": Got(|params, request, _| {
        let missing = params.get(&request.key).is_none() && request.key != "bigN";
        missing.then(|| Err(Refusal::new(RefusalKind::MissingField, format!("missing param {:?}", request.key))))
    });
    takes_none_for_no_default breaks "PRM-005": Got(|params, request, _| {
        let none = request.default == Some(Value::None) && params.get(&request.key).is_none();
        none.then(|| Err(Refusal::new(RefusalKind::MissingField, format!("missing param {:?}", request.key))))
    });
    stores_the_default breaks "PRM-005": Got(|params, request, _| {
        if let (None, Some(default)) = (params.get(&request.key), &request.default) {
            params.update([(request.key.clone(), default.clone())]);
        }
        None
    });
    keeps_params_as_json_does breaks "PRM-007": Set(|params, values| {
        params.update(values.iter().map(|(key, value)| (key.clone(), through_json(value))));
        None
    });
    refuses_known_data_sources breaks "PRM-010": Set(|_, values| {
        let source = values.get("data_source").and_then(Value::as_text);
        let refused = source.is_some_and(|source| source != "generic");
        refused.then(|| Refusal::new(RefusalKind::InvalidValue, "data_source"))
    });
    drops_other_models breaks "BUN-023": Saved(|bundle, _| bundle.models.retain(|name, _| ROLES.contains(&name.as_str())));
    returns_the_roles_only breaks "BUN-023": Loaded(|loaded| loaded.models.retain(|name, _| ROLES.contains(&name.as_str())));
    sorts_the_models breaks "BUN-003": Saved(|bundle, _| bundle.models.sort_keys());
    adds_the_suffix_once breaks "BUN-001": SavedBeside(|archive| rename(archive, |name| name.replace(".zip.zip", ".zip")));
    writes_no_spaces breaks "BUN-001": SavedBeside(|archive| rename(archive, |name| name.replace(' ', "_")));
    saves_snapshots_as_json_does breaks "BUN-007": Saved(|bundle, _| change_params(bundle, through_json));
    saves_ascii_only breaks "BUN-007": Saved(|bundle, _| change_params(bundle, |value| match value {
        Value::Text(text) => Value::Text(text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()),
        other => other.clone(),
    }));
    saves_a_whole_scale_as_an_int breaks "BUN-028": Saved(|bundle, _| change_scale(bundle, |scale| {
        if scale.fract() == 0.0 { Value::Int(scale as i64) } else { Value::Float(scale) }
    }));
    takes_zero_for_no_scale breaks "BUN-008": Saved(|bundle, _| change_scale(bundle, |scale| {
        Value::Float(if scale == 0.0 { 1.0 } else { scale })
    }));
    opens_plain_paths_only breaks "RTP-007": NotOpened(|archive| {
        let plain = archive.to_str().is_some_and(|path| path.is_ascii() && !path.contains(' '));
        (!plain).then(|| Refusal::new(RefusalKind::Unsupported, "unsupported path"))
    });
    expects_the_manifest_first breaks "RTP-009": NotOpened(|archive| {
        let first = Archive::open(archive).ok()?.names().next().map(str::to_owned)?;
        (first != "manifest.dill").then(|| Refusal::new(RefusalKind::Malformed, "expected manifest.dill first"))
    });
    refuses_rare_elements breaks "RTP-010": NotOpened(|archive| {
        let bundle = crate::bundle::files::read_bundle(archive).ok()?;
        let plain = bundle.models.values().all(|model| match &model.state {
            ModelState::Network(tensors) => tensors.values().all(has_plain_elements),
            ModelState::Sentinel(_) => true,
        });
        (!plain).then(|| Refusal::new(RefusalKind::Unsupported, "the weights have elements that are not normal"))
    });
    restores_params_as_json_does breaks "LOD-004": Restored(|params, _, archived| {
        let restored = archived.iter().filter(|(key, _)| *key != VERSION_KEY);
        params.update(restored.map(|(key, value)| (key.clone(), through_json(value))));
    });
    compares_sizes_only breaks "LOD-011": LoadedAnyway(|cause| {
        cause.broke(Rule::AgreeingParams) && !cause.about("N") && !cause.about("gridsize")
    });
    answers_the_last_loss_only breaks "ORC-007": Ran(|workflow| {
        workflow.train_loss = workflow.train_loss.pop().into_iter().collect();
    });
    takes_any_configuration_for_training breaks "ORC-020": RanWith(|config| {
        config.kind = ConfigKind::Training;
        config.values.retain(|key, _| TrainingConfig::FIELDS.contains(&key.as_str()));
        config.values.entry("model".to_owned()).or_insert_with(|| Value::Map(Map::new()));
    });
    writes_to_plain_directories_only breaks "ORC-001": SavedBeside(|archive| {
        if archive.to_str().is_none_or(|path| !path.is_ascii()) {
            let _ = fs::remove_file(archive);
        }
    });
    refuses_unknown_arrays breaks "NPZ-007": NotReadFrom(|path| {
        let known = |name: &str| ARRAYS.contains(&name) || name.starts_with("scan_index") || name.starts_with("objectGuess");
        let unknown = !Archive::open(path).ok()?.names().all(known);
        unknown.then(|| Refusal::new(RefusalKind::Unsupported, "unknown array"))
    });
    reads_plain_types_only breaks "NPZ-008": NotReadFrom(|path| header(path, &["'<f8'", "'<f4'", "'<c8'", "'<i8'"]));
    reads_row_major_arrays_only breaks "NPZ-012": NotReadFrom(|path| header(path, &["'fortran_order': False"]));
}

/// The refusal of the first field, of the configuration or of its model, for which this holds.
fn refused_field(config: &ConfigRequest, holds: fn(&str, &Value) -> bool) -> Option<Refusal> {
    let model = config.values.get("model").and_then(Value::as_map);
    let mut fields = config.values.iter().chain(model.into_iter().flatten());
    let (field, _) = fields.find(|(field, value)| holds(field, value))?;
    Some(Refusal::new(RefusalKind::InvalidValue, format!("invalid {field}")).field(field))
}

/// The default in place of a value for which this holds.
fn falsy(
    request: &GetParam,
    found: Option<&Value>,
    holds: fn(&Value) -> bool,
) -> Option<Result<Value, Refusal>> {
    request.default.clone().filter(|_| found.is_some_and(holds)).map(Ok)
}

/// Replaces a `model_path` for which this holds by a path without an archive.
fn seek_elsewhere(config: &mut ConfigRequest, holds: fn(&str) -> bool) {
    let path = config.values.get("model_path").and_then(FilePath::in_value).unwrap_or_default();
    if holds(path) {
        let elsewhere = format!("{path}.elsewhere/model");
        config.values.insert("model_path".to_owned(), Value::from(elsewhere));
    }
}

/// A value after it was written as JSON by a program that knows no other notation: no NaN and no infinities, integers
/// as doubles, tuples as lists.
fn through_json(value: &Value) -> Value {
    match value {
        Value::Float(number) if !number.is_finite() => Value::None,
        Value::Float(number) if *number == 0.0 => Value::Float(0.0),
        Value::Int(number) if number.unsigned_abs() > 1 << 53 => Value::Int(*number as f64 as i64),
        Value::Tuple(items) => Value::List(items.clone()),
        other => other.clone(),
    }
}

/// Changes every value of every snapshot.
fn change_params(bundle: &mut Bundle, change: fn(&Value) -> Value) {
    for model in bundle.models.values_mut() {
        for value in model.params.values_mut() {
            *value = change(value);
        }
    }
}

/// Changes the intensity scale of every snapshot.
fn change_scale(bundle: &mut Bundle, change: fn(f64) -> Value) {
    for model in bundle.models.values_mut() {
        if let Some(Value::Float(scale)) = model.params.get(SCALE_KEY) {
            let changed = change(*scale);
            model.params.insert(SCALE_KEY.to_owned(), changed);
        }
    }
}

/// Renames an archive in its directory. One that cannot be renamed stays.
fn rename(archive: &Path, renamed: fn(&str) -> String) {
    if let Some(name) = archive.file_name().and_then(|name| name.to_str()) {
        let _ = fs::rename(archive, archive.with_file_name(renamed(name)));
    }
}

/// Whether no element of a float32 tensor is NaN, infinite, subnormal or minus zero.
fn has_plain_elements(tensor: &Tensor) -> bool {
    let plain = |bytes: &[u8; 4]| {
        let element = f32::from_le_bytes(*bytes);
        element.is_normal() || element.to_bits() == 0
    };
    tensor.dtype() != Dtype::Float32 || tensor.data().as_chunks().0.iter().all(plain)
}

/// Refuses a dataset with an array whose header has none of these texts.
fn header(path: &Path, texts: &[&str]) -> Option<Refusal> {
    let mut archive = Archive::open(path).ok()?;
    for name in ARRAYS {
        let bytes = archive.read(name, MAX_ENTRY_BYTES).ok()?;
        let has = |text: &&str| bytes.windows(text.len()).take(128).any(|part| part == text.as_bytes());
        if !texts.iter().any(has) {
            return Some(Refusal::new(RefusalKind::Unsupported, format!("unsupported array {name}")));
        }
    }
    None
}
