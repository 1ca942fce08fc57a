//! The differences between two bundles.

use std::path::Path;

use serde::Serialize;

use super::{
    Description, Number, ProgressFn, StateDetails, TensorDetails, describe,
    element_difference::{ElementDifference, Place},
};
use crate::{
    bundle::{files::BundleReader, nouns::JsonTags},
    harness::contract::Refusal,
    torch_files::{FormatError, ModelState, Tensor},
    value::{Map, Value},
};

/// All differences between two bundles; empty when their content is the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BundleDifference {
    /// Differences of the manifest and the params; by model when the snapshots of a bundle differ.
    pub params: Vec<ParamDifference>,
    /// Differences of tensors and sentinels.
    pub tensors: Vec<TensorDifference>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ParamDifference {
    /// The model of the snapshot; `None` for the manifest.
    pub model: Option<String>,
    /// The key.
    pub key: String,
    /// The value in the first bundle, if any.
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub left: Option<Value>,
    /// The value in the second bundle, if any.
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub right: Option<Value>,
}

/// A tensor that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TensorDifference {
    /// The model of the tensor; `None` in a file that is not a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The name of the tensor; `None` when the models as a whole cannot be compared.
    pub name: Option<String>,
    /// The kind of difference.
    pub how: Difference,
}

/// How two tensors, or two models, differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Only the first bundle has it.
    OnlyLeft,
    /// Only the second bundle has it.
    OnlyRight,
    /// A network on one side and a sentinel on the other, or two sentinels that differ.
    Kind {
        /// The first bundle's side.
        left: String,
        /// The second bundle's side.
        right: String,
    },
    /// Element types or shapes differ.
    Layout {
        /// The first bundle's: `float32 [4, 1, 3, 3]`.
        left: String,
        /// The second bundle's.
        right: String,
    },
    /// Elements differ.
    Elements {
        /// The number of elements that differ.
        changed: u64,
        /// The number of all elements.
        of: u64,
        /// The largest distance between two finite elements; `None` when no finite pair differs.
        largest: Option<Number>,
    },
}

/// Compares two bundles. Memory grows with the models that differ, one at a time.
///
/// # Errors
/// As [`describe`], and for any part of either bundle that cannot be read.
pub fn compare(left: &Path, right: &Path, watch: ProgressFn<'_>) -> Result<BundleDifference, Refusal> {
    let descriptions = [describe(left, watch)?, describe(right, watch)?];
    let [left, right] = &descriptions;
    if let Some(unread) = left.unread().chain(right.unread()).next() {
        return Err(unread.clone());
    }
    let mut found = BundleDifference { params: manifests(left, right), tensors: Vec::new() };
    for name in names(left.models.keys(), right.models.keys()) {
        let (Some(of_left), Some(of_right)) = (left.models.get(name), right.models.get(name)) else {
            let how =
                if left.models.contains_key(name) { Difference::OnlyLeft } else { Difference::OnlyRight };
            found.tensors.push(TensorDifference { model: Some(name.clone()), name: None, how });
            continue;
        };
        if let (Ok(of_left), Ok(of_right)) = (&of_left.params, &of_right.params) {
            found.params.extend(values(Some(name), of_left, of_right));
        }
        if let (Ok(of_left), Ok(of_right)) = (&of_left.state, &of_right.state) {
            let read = |bundle: &Description| BundleReader::open(&bundle.file)?.state(name);
            let read = || Ok([read(left)?, read(right)?]);
            found.tensors.extend(states(Some(name), [of_left, of_right], read)?);
        }
    }
    merge_agreeing(&mut found.params, [left, right]);
    Ok(found)
}

fn manifests(left: &Description, right: &Description) -> Vec<ParamDifference> {
    let map = |description: &Description| {
        let backend = description.manifest.backend.as_deref().map_or(Value::None, Value::from);
        let mut map = Map::from_iter([
            ("version".to_owned(), Value::from(description.manifest.version.as_str())),
            ("backend".to_owned(), backend),
        ]);
        if let Some(JsonTags { manifest_version, schema }) = &description.json {
            for (key, value) in [("manifest_version", manifest_version), ("artifact_schema_version", schema)]
            {
                map.extend(value.as_deref().map(|value| (key.to_owned(), Value::from(value))));
            }
        }
        map
    };
    values(None, &map(left), &map(right))
}

pub(super) fn values(model: Option<&String>, left: &Map, right: &Map) -> Vec<ParamDifference> {
    let differ = |key: &&String| left.get(*key) != right.get(*key);
    let difference = |key: &String| ParamDifference {
        model: model.cloned(),
        key: key.clone(),
        left: left.get(key).cloned(),
        right: right.get(key).cloned(),
    };
    names(left.keys(), right.keys()).filter(differ).map(difference).collect()
}

/// When all models of each bundle share one snapshot, a difference between the snapshots is reported once.
fn merge_agreeing(params: &mut Vec<ParamDifference>, bundles: [&Description; 2]) {
    if bundles.iter().all(|bundle| bundle.agreed_params().is_some()) {
        let first = params.iter().find_map(|difference| difference.model.clone());
        params.retain(|difference| difference.model.is_none() || difference.model == first);
    }
}

/// The first names, followed by those that only the second has.
fn names<'a>(
    left: impl Iterator<Item = &'a String> + Clone,
    right: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = &'a String> {
    let known: std::collections::HashSet<&String> = left.clone().collect();
    left.chain(right.filter(move |name| !known.contains(name)))
}

/// The differences between two states, whose elements are read with `read` when they differ.
pub(super) fn states(
    model: Option<&String>,
    states: [&StateDetails; 2],
    read: impl FnOnce() -> Result<[ModelState; 2], FormatError>,
) -> Result<Vec<TensorDifference>, FormatError> {
    let difference =
        |name: Option<&String>, how| TensorDifference { model: model.cloned(), name: name.cloned(), how };
    let [
        StateDetails::Network { tensors: left, extra: left_extra },
        StateDetails::Network { tensors: right, extra: right_extra },
    ] = states
    else {
        let kind = |state: &StateDetails| match state {
            StateDetails::Network { tensors, .. } => format!("a network of {} tensors", tensors.len()),
            StateDetails::Sentinel(values) => format!("the sentinel {}", Value::Map(values.clone())),
        };
        let [left, right] = states.map(kind);
        let differ = left != right;
        return Ok(differ.then(|| difference(None, Difference::Kind { left, right })).into_iter().collect());
    };
    let layout = |tensor: &TensorDetails| format!("{} {:?}", tensor.dtype, tensor.shape);
    let mut found = Vec::new();
    if left_extra != right_extra {
        let [left, right] = [left_extra, right_extra]
            .map(|extra| format!("a network with the extra state {}", Value::Map(extra.clone())));
        found.push(difference(None, Difference::Kind { left, right }));
    }
    let mut changed = Vec::new();
    for name in names(left.keys(), right.keys()) {
        match (left.get(name), right.get(name)) {
            (Some(_), None) => found.push(difference(Some(name), Difference::OnlyLeft)),
            (None, _) => found.push(difference(Some(name), Difference::OnlyRight)),
            (Some(a), Some(b)) if (a.dtype, &a.shape) != (b.dtype, &b.shape) => {
                found.push(difference(Some(name), Difference::Layout { left: layout(a), right: layout(b) }));
            }
            (Some(a), Some(b)) if a.sha256 != b.sha256 => changed.push(name),
            (Some(_), Some(_)) => {}
        }
    }
    if changed.is_empty() {
        return Ok(found);
    }
    if let [ModelState::Network(left), ModelState::Network(right)] = read()? {
        for name in changed {
            if let (Some(a), Some(b)) = (left.get(name), right.get(name)) {
                found.push(difference(Some(name), elements(a, b)));
            }
        }
    }
    Ok(found)
}

/// Compares the elements of two tensors with the same layout. A complex element is compared part by part.
fn elements(left: &Tensor, right: &Tensor) -> Difference {
    let ElementDifference { changed, of, largest, .. } = ElementDifference::of(left, right);
    Difference::Elements { changed, of, largest: largest.map(Place::distance) }
}
