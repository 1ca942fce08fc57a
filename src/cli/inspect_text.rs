//! Text output of `inspect`, for a terminal of 80 columns.

use indexmap::IndexMap;
use indicatif::BinaryBytes;

use super::console::counted;
use crate::{
    bundle::{
        check::{
            BundleDifference, Description, Difference, ModelContents, Number, ParamDifference, StateDetails,
            TensorDetails, TensorDifference,
        },
        nouns::{JsonTags, Params},
    },
    text::{columns, first_chars, line, truncated},
    value::{Map, Value},
};

/// Width of the output in columns; only long names exceed it.
const WIDTH: usize = 80;

/// The params that are shown without `--params`.
const SHORT_PARAMS: [&str; 5] = ["N", "gridsize", "model_type", "n_filters_scale", "intensity_scale"];

/// Describes the contents of a bundle.
pub(super) fn description(description: &Description, params: bool, tensors: bool) -> String {
    let manifest = &description.manifest;
    let kind = if description.tensorflow { "TensorFlow" } else { "PyTorch" };
    let tag = manifest.backend.as_deref().map_or("no backend tag".to_owned(), |tag| format!("backend {tag}"));
    let compression = match description.entries.deflated {
        0 => "stored",
        deflated if deflated == description.entries.all => "deflated",
        _ => "some deflated",
    };
    let mut text = format!(
        "{}\n{kind} bundle, {}, {} entries ({compression})\nversion {}, {}\n",
        line(&description.file.display().to_string()),
        BinaryBytes(description.bytes),
        description.entries.all,
        line(&manifest.version),
        line(&tag),
    );
    if let Some(JsonTags { manifest_version, schema }) = &description.json {
        let named = |version: &Option<String>, none: &str| version.as_deref().map_or(none.to_owned(), line);
        let manifest = named(manifest_version, "without a version");
        text.push_str(&format!("JSON manifest {manifest}, schema {}\n", named(schema, "not stated")));
    }
    if description.tensorflow {
        text.push_str(&format!("models {}\n", line(&manifest.models.join(", "))));
        text.push_str("Only the manifest was read: the other entries belong to the TensorFlow backend.\n");
        return text;
    }
    text.push_str(&format!("\n{}", models(description)));
    if tensors {
        for (name, model) in &description.models {
            if let Ok(StateDetails::Network { tensors, .. }) = &model.state {
                text.push_str(&format!("\ntensors of {}\n", line(name)));
                tensors.iter().for_each(|(name, details)| text.push_str(&tensor(name, details)));
            }
        }
    }
    text.push_str(&snapshots(description, params));
    if !(params && tensors) {
        let more = [(params, "--params shows all params"), (tensors, "--tensors every tensor")];
        let more: Vec<&str> = more.iter().filter(|(shown, _)| !shown).map(|(_, what)| *what).collect();
        text.push_str(&format!("\n({})\n", more.join(", ")));
    }
    text
}

fn models(description: &Description) -> String {
    let mut rows = vec![["MODEL", "CONTENTS", "ELEMENTS", "BYTES", "NOT FINITE"].map(str::to_owned)];
    let mut notes = String::new();
    for (name, ModelContents { state, params }) in &description.models {
        let name = line(name);
        let row = match state {
            Ok(state) => {
                notes.push_str(&noted(&name, state));
                totals(state)
            }
            Err(refusal) => {
                notes.push_str(&format!("weights of {name} cannot be read: {}\n", line(&refusal.message)));
                ["unread", "-", "-", "-"].map(str::to_owned)
            }
        };
        if let Err(refusal) = params {
            notes.push_str(&format!("params of {name} cannot be read: {}\n", line(&refusal.message)));
        }
        let [contents, elements, bytes, odd] = row;
        rows.push([name, contents, elements, bytes, odd]);
    }
    columns(&rows, 2) + &notes
}

/// What a row of the table cannot say about a state.
fn noted(name: &str, state: &StateDetails) -> String {
    let (what, values) = match state {
        StateDetails::Sentinel(values) => ("is the sentinel", values),
        StateDetails::Network { extra, .. } if !extra.is_empty() => ("has the extra state", extra),
        StateDetails::Network { .. } => return String::new(),
    };
    format!("{name} {what} {}\n", fitted(&Value::Map(values.clone()), 40))
}

/// Contents, elements, bytes and elements that are not finite.
fn totals(state: &StateDetails) -> [String; 4] {
    match state {
        StateDetails::Network { tensors, .. } => totals_of(tensors),
        StateDetails::Sentinel(_) => ["sentinel", "-", "-", "-"].map(str::to_owned),
    }
}

/// The same of tensors.
pub(super) fn totals_of(tensors: &IndexMap<String, TensorDetails>) -> [String; 4] {
    let sum = |of: fn(&TensorDetails) -> u64| tensors.values().map(of).fold(0, u64::saturating_add);
    let bytes = sum(|tensor| tensor.bytes);
    let elements = sum(|tensor| tensor.bytes / tensor.dtype.size() as u64);
    let odd = sum(|tensor| tensor.statistics.nan + tensor.statistics.infinite);
    [counted(tensors.len(), "tensor"), elements.to_string(), BinaryBytes(bytes).to_string(), odd.to_string()]
}

/// Two or three lines about a tensor.
pub(super) fn tensor(name: &str, details: &TensorDetails) -> String {
    let TensorDetails { dtype, shape, bytes, sha256, statistics } = details;
    let mut text = format!(
        "  {}\n    {dtype} {shape:?}  {}  sha256 {:.16}…\n",
        line(name),
        BinaryBytes(*bytes),
        sha256.to_string()
    );
    let mut facts: Vec<String> =
        [("min", statistics.min), ("mean", statistics.mean.map(Number::Float)), ("max", statistics.max)]
            .into_iter()
            .filter_map(|(what, value)| Some(format!("{what} {}", number(value?))))
            .collect();
    facts.extend((statistics.nan > 0).then(|| format!("{} NaN", statistics.nan)));
    facts.extend((statistics.infinite > 0).then(|| format!("{} infinite", statistics.infinite)));
    if !facts.is_empty() {
        text.push_str(&format!("    {}\n", facts.join("  ")));
    }
    text
}

/// Formats a float with about six digits, and an integer with all of them.
fn number(value: Number) -> String {
    let Number::Float(value) = value else { return value.to_string() };
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        let text = format!("{value:.6}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    } else {
        format!("{value:.4e}")
    }
}

/// One table of params if all models agree, otherwise one per model.
fn snapshots(description: &Description, all: bool) -> String {
    let readable: Vec<(&String, &Params)> = description
        .models
        .iter()
        .filter_map(|(name, model)| Some((name, model.params.as_ref().ok()?)))
        .collect();
    match (description.agreed_params(), readable.len()) {
        (Some(params), 1) => table(&format!("params of {}", line(readable[0].0)), params, all),
        (Some(params), _) => table("params, the same for every model", params, all),
        (None, _) => readable
            .into_iter()
            .map(|(name, params)| {
                table(
                    &format!("params of {}, which differ from those of another model", line(name)),
                    params,
                    all,
                )
            })
            .collect(),
    }
}

fn table(title: &str, params: &Map, all: bool) -> String {
    let shown: Vec<(&String, &Value)> =
        params.iter().filter(|(key, _)| all || SHORT_PARAMS.contains(&key.as_str())).collect();
    let mut text = format!("\n{title} ({})\n", params.len());
    let width = shown.iter().map(|(key, _)| line(key).chars().count()).max().unwrap_or_default().min(40);
    for (key, value) in shown {
        text.push_str(&format!("  {:width$}  {}\n", line(key), fitted(value, WIDTH - width - 4)));
    }
    text
}

/// A value as Python prints it, truncated to the line; `--json` has the whole value.
pub(super) fn fitted(value: &Value, width: usize) -> String {
    truncated(&line(&first_chars(value, width.saturating_add(1))), width)
}

/// Describes the differences between two bundles, or two files of tensors.
pub(super) fn difference(
    difference: &BundleDifference,
    [left, right]: [&str; 2],
    are_bundles: bool,
) -> String {
    let mut text = format!("- {}\n+ {}\n", line(left), line(right));
    if difference.params.is_empty() && difference.tensors.is_empty() {
        let files = if are_bundles { "bundles" } else { "files" };
        text.push_str(&format!("\nThe {files} have the same contents.\n"));
        return text;
    }
    let mut heading = String::new();
    for ParamDifference { model, key, left, right } in &difference.params {
        let place = match (model, are_bundles) {
            (Some(_), _) => "params",
            (None, true) => "manifest",
            (None, false) => "contents",
        };
        let title = format!("\n{place}\n");
        if title != heading {
            text.push_str(&title);
            heading = title;
        }
        let side =
            |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), |value| fitted(value, 30));
        text.push_str(&format!("  {}: {} -> {}\n", line(key), side(left), side(right)));
    }
    let mut heading = None;
    for TensorDifference { model, name, how } in &difference.tensors {
        if heading != Some(model) {
            let title =
                model.as_deref().map_or("tensors".to_owned(), |model| format!("model {}", line(model)));
            text.push_str(&format!("\n{title}\n"));
            heading = Some(model);
        }
        let whole = if model.is_some() { "the whole model" } else { "the whole file" };
        let name = name.as_deref().map_or(whole.to_owned(), line);
        text.push_str(&format!("  {name}: {}\n", change(how)));
    }
    text
}

fn change(how: &Difference) -> String {
    match how {
        Difference::OnlyLeft => "only in the first".to_owned(),
        Difference::OnlyRight => "only in the second".to_owned(),
        Difference::Kind { left, right } | Difference::Layout { left, right } => {
            format!("{} -> {}", line(left), line(right))
        }
        Difference::Elements { changed, of, largest } => {
            let largest = largest.map_or("none finite on both sides".to_owned(), |largest| {
                format!("largest difference {}", number(largest))
            });
            format!("{changed} of {of} elements changed, {largest}")
        }
    }
}
