//! What reading and writing params, a reset and a load leave in the params of the process.

use std::path::Path;

use indexmap::IndexMap;

use super::bridge;
use crate::{
    bundle::{
        files::{BundleReader, KnownFiles, Snapshot},
        nouns::{Params, VERSION_KEY},
    },
    harness::contract::{Accepted, Expected, Others, StepView},
    torch_files::{FormatError, zip::FileReader},
    value::{Map, Value},
};

/// The key whose value `get_param` derives and stores.
pub(super) const DERIVED_KEY: &str = "bigN";

pub(super) fn unchanged(_: &StepView<'_>) -> Option<Expected> {
    Some(Expected::unchanged())
}

/// The params of a new process and no others (PRM-001).
pub(super) fn of_a_new_process(_: &StepView<'_>) -> Option<Expected> {
    Some(Expected { keys: exactly(Params::defaults().0), others: Others::Missing })
}

/// The given values, and everything else as before (PRM-007).
pub(super) fn given(step: &StepView<'_>) -> Option<Expected> {
    let values = step.request.get("values")?.as_map()?.clone();
    Some(Expected { keys: exactly(values), others: Others::Unchanged })
}

/// As before, except for the value that a request for `bigN` derives (PRM-002).
pub(super) fn derived(step: &StepView<'_>) -> Option<Expected> {
    let mut expected = Expected::unchanged();
    if step.request.get("key")?.as_text() == Some(DERIVED_KEY) {
        let whole = |key: &str| {
            let Some(Value::Int(value)) = step.before.get(key) else { return None };
            Some(*value)
        };
        let derived =
            || whole("gridsize")?.checked_sub(1)?.checked_mul(whole("offset")?)?.checked_add(whole("N")?);
        let accepted = derived().map_or(Accepted::Anything, |value| Accepted::OneOf(vec![Value::Int(value)]));
        expected.keys.insert(DERIVED_KEY.to_owned(), accepted);
    }
    Some(expected)
}

/// The archived values, and everything else as before (LOD-004).
pub(super) fn restored(step: &StepView<'_>) -> Option<Expected> {
    let mut keys: IndexMap<_, _> = bridge::added_by(step.era).collect();
    keys.extend(archived(step.file?)?);
    Some(Expected { keys, others: Others::Unchanged })
}

/// The archived values; other keys are open.
pub(super) fn restored_only(step: &StepView<'_>) -> Option<Expected> {
    Some(Expected { others: Others::Open, ..restored(step)? })
}

/// Every key that is not archived is as before.
pub(super) fn kept(step: &StepView<'_>) -> Option<Expected> {
    let archived = archived(step.file?)?.into_keys().map(|key| (key, Accepted::Anything));
    Some(Expected { keys: archived.chain(bridge::added_by(step.era)).collect(), others: Others::Unchanged })
}

/// The version of the archive is no param (LOD-006).
pub(super) fn without_version(_: &StepView<'_>) -> Option<Expected> {
    let keys = IndexMap::from([(VERSION_KEY.to_owned(), Accepted::AsBefore)]);
    Some(Expected { keys, others: Others::Open })
}

fn exactly(values: Map) -> IndexMap<String, Accepted> {
    values.into_iter().map(|(key, value)| (key, Accepted::OneOf(vec![value]))).collect()
}

/// What our own reader finds in the archive. None if it cannot read the snapshots or they disagree: a load must refuse
/// such a bundle.
pub(super) fn archived(file: &Path) -> Option<IndexMap<String, Accepted>> {
    let snapshot = ARCHIVED.read(file, |reader| one_snapshot(BundleReader::opened(file, reader)?));
    let first = snapshot.ok()?.as_ref().clone()?;
    let mut keys = exactly(first.params.0);
    // Objects of Python libraries may be restored as they are or as plain values.
    let open = first.converted.into_iter().map(|converted| converted.key).chain([VERSION_KEY.to_owned()]);
    keys.extend(open.map(|key| (key, Accepted::Anything)));
    Some(keys)
}

/// The snapshots of bundles whose models agree.
static ARCHIVED: KnownFiles<Option<Snapshot>> = KnownFiles::new();

/// The snapshot of every model; None if they disagree, or the bundle has no model.
fn one_snapshot(mut reader: BundleReader<FileReader>) -> Result<Option<Snapshot>, FormatError> {
    let models = reader.manifest()?.models;
    let mut snapshots = models.iter().map(|model| reader.snapshot(model));
    let Some(first) = snapshots.next().transpose()? else { return Ok(None) };
    for other in snapshots {
        if other?.params != first.params {
            return Ok(None);
        }
    }
    Ok(Some(first))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn fixture() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles/gs1/wts.h5.zip")
    }

    #[test]
    fn a_load_restores_every_archived_key_and_no_other() {
        let file = fixture();
        let params = BundleReader::open(&file).unwrap().params("autoencoder").unwrap();
        let before = Map::from_iter([("own".to_owned(), Value::Int(1)), ("N".to_owned(), Value::Int(9))]);
        let step = StepView { request: &Map::new(), before: &before, file: Some(&file), era: None };
        let mut after = before.clone();
        after.extend(params.0.clone());
        assert_eq!(restored(&step).unwrap().difference(&before, &after), None);
        assert!(without_version(&step).unwrap().difference(&before, &after).is_some());
        after.shift_remove(VERSION_KEY);
        for rule in [restored, restored_only, kept, without_version] {
            assert_eq!(rule(&step).unwrap().difference(&before, &after), None);
        }
        for key in params.keys().filter(|key| *key != VERSION_KEY) {
            let mut wrong = after.clone();
            wrong.insert(key.clone(), Value::from("something else"));
            assert!(restored(&step).unwrap().difference(&before, &wrong).is_some(), "{key}");
            assert!(restored_only(&step).unwrap().difference(&before, &wrong).is_some(), "{key}");
        }
        after.insert("own".to_owned(), Value::Int(2));
        assert_eq!(restored_only(&step).unwrap().difference(&before, &after), None);
        assert!(kept(&step).unwrap().difference(&before, &after).is_some());
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_the_params_open() {
        let step = StepView { request: &Map::new(), before: &Map::new(), file: None, era: None };
        assert_eq!(restored(&step), None);
        let missing = Path::new("/nowhere/wts.h5.zip");
        assert_eq!(restored(&StepView { file: Some(missing), ..step }), None);
    }

    #[rstest]
    #[case::derived("bigN", r#"{"N": 64, "gridsize": 2, "offset": 4}"#, Some(Accepted::OneOf(vec![Value::Int(68)])))]
    #[case::not_whole("bigN", r#"{"N": 64.0, "gridsize": 2, "offset": 4}"#, Some(Accepted::Anything))]
    #[case::other_key("N", r#"{"N": 64, "gridsize": 2, "offset": 4}"#, None)]
    fn only_a_derived_value_is_stored_by_reading(
        #[case] key: &str,
        #[case] before: &str,
        #[case] expected: Option<Accepted>,
    ) {
        let request = Map::from_iter([("key".to_owned(), Value::from(key))]);
        let Value::Map(before) = serde_json::from_str(before).unwrap() else { unreachable!() };
        let step = StepView { request: &request, before: &before, file: None, era: None };
        assert_eq!(derived(&step).unwrap().keys.get(DERIVED_KEY), expected.as_ref());
    }
}
