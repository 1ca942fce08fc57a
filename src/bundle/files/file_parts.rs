//! The parts of a bundle that a fault can change, one at a time.

use std::path::Path;

use super::{bundle_file::read_bundle, edit_result::publish};
use crate::{
    bundle::nouns::{MANIFEST_ENTRY, model_entry},
    harness::contract::{FileChange, Refusal},
    torch_files::{
        FormatError, ModelState,
        limits::{MAX_ENTRY_BYTES, MAX_PICKLE_BYTES},
        pickle::{self, Allow, Protocol, write_value},
        zip::{Archive, rewrite_archive},
    },
    value::{Map, Value},
};

/// The entry of a bundle that no version of it has.
const ADDED_ENTRY: &str = "bundleproof.added";

/// The dicts of a bundle by their entries: the manifest, and the params of each model. An entry that is no dict is left
/// out.
///
/// # Errors
/// As [`Archive::open`].
pub(crate) fn file_parts(path: &Path) -> Result<Map, FormatError> {
    let mut archive = Archive::open(path)?;
    let names: Vec<String> = archive.names().filter(|name| is_part(name)).map(str::to_owned).collect();
    let mut parts = Map::new();
    for name in names {
        let bytes = archive.read(&name, MAX_PICKLE_BYTES)?;
        if let Some(part) = dict(&bytes) {
            parts.insert(name, part);
        }
    }
    Ok(parts)
}

/// Writes the changed ones of these parts, and removes missing ones.
///
/// # Errors
/// As [`Archive::open`], and when the file cannot be written.
pub(crate) fn write_file_parts(path: &Path, parts: &Map) -> Result<(), Refusal> {
    let mut archive = Archive::open(path)?;
    let bytes = rewrite_archive(&mut archive, MAX_ENTRY_BYTES, |name, bytes| {
        let Some(before) = is_part(name).then(|| dict(&bytes)).flatten() else { return Ok(Some(bytes)) };
        let Some(part) = parts.get(name) else { return Ok(None) };
        // The pickle of an unchanged part stays as its writer wrote it, also one with values that are not written here.
        let written = write_value(part, Protocol::Four);
        let is_unchanged = match write_value(&before, Protocol::Four) {
            Ok(before) => written.as_ref() == Ok(&before),
            Err(_) => *part == before,
        };
        Ok(Some(if is_unchanged { bytes } else { written? }))
    })?;
    drop(archive);
    publish(path, &bytes)
}

fn is_part(entry: &str) -> bool {
    entry == MANIFEST_ENTRY || entry.ends_with("/params.dill")
}

fn dict(bytes: &[u8]) -> Option<Value> {
    let graph = pickle::read(bytes, Allow::VALUES).ok()?;
    graph.to_value(graph.root()).ok().filter(|value| matches!(value, Value::Map(_)))
}

/// The mechanical changes of a bundle besides those of its parts, each as [`BundleEdit`](super::BundleEdit). Another
/// compression or order of entries is allowed and none of them.
///
/// # Errors
/// As [`read_bundle`].
pub(crate) fn file_changes(path: &Path) -> Result<Vec<FileChange>, FormatError> {
    let bundle = read_bundle(path)?;
    let archive = Archive::open(path)?;
    let mut changes = Vec::new();
    for name in archive.names() {
        let entry = || ("entry", Value::from(name));
        changes.extend([
            change(name, "dropped", "drop_entry", [entry()]),
            change(name, "renamed", "rename_entry", [entry(), ("to", Value::from(format!("{name}.old")))]),
            change(name, "damaged", "flip_byte", [entry()]),
            change(name, "emptied", "replace_entry", [entry(), ("with", content("text", ""))]),
            change(name, "repeated", "repeat_entry", [entry(), ("with", content("entry", name))]),
        ]);
    }
    for (name, model) in &bundle.models {
        let entry = model_entry(name);
        if let ModelState::Network(tensors) = &model.state
            && !tensors.is_empty()
        {
            let own = || ("model", Value::from(name.as_str()));
            let dtype = |name: &str| [own(), ("dtype", Value::from(name))];
            changes.extend([
                change(&entry, "with another bit", "flip_bit", [own()]),
                change(&entry, "without a tensor", "drop_tensor", [own()]),
                change(&entry, "with one more tensor", "add_tensor", [own()]),
                change(&entry, "with a larger tensor", "grow_tensor", [own()]),
                change(&entry, "without tensors", "empty_state", [own()]),
                change(&entry, "with a float64 tensor", "retype_tensor", dtype("float64")),
                change(&entry, "with a float16 tensor", "retype_tensor", dtype("float16")),
            ]);
        }
        for (other, state) in bundle.models.iter().filter(|(other, _)| *other != name) {
            if state.state != model.state {
                let with = ("with", content("entry", &model_entry(other)));
                let how = "with the contents of another model";
                changes.push(change(
                    &entry,
                    how,
                    "replace_entry",
                    [("entry", Value::from(entry.as_str())), with],
                ));
            }
        }
    }
    let added = [("entry", Value::from(ADDED_ENTRY)), ("with", content("text", "x"))];
    changes.push(change("archive", "with one more entry", "add_entry", added));
    changes.push(change("archive", "cut off", "truncate", [("bytes", Value::Int(1))]));
    Ok(changes)
}

fn content(kind: &str, what: &str) -> Value {
    Value::Map(Map::from_iter([(kind.to_owned(), Value::from(what))]))
}

fn change<const N: usize>(at: &str, how: &'static str, edit: &str, fields: [(&str, Value); N]) -> FileChange {
    let fields: Map = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let change = Map::from_iter([(edit.to_owned(), Value::Map(fields))]);
    FileChange { at: at.to_owned(), how, change }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, File};

    use serde::Deserialize as _;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        bundle::{
            files::{BundleEdit, apply_edit::apply_edit, write_bundle},
            nouns::{Bundle, BundledModel, VERSION},
        },
        torch_files::{Dtype, StateDict, Tensor},
    };

    /// A bundle of two networks.
    fn place() -> (TempDir, std::path::PathBuf) {
        let model = |value: f32| {
            let data = value.to_le_bytes().repeat(2);
            let tensor = Tensor::new(Dtype::Float32, vec![2], data).unwrap();
            let state = ModelState::Network(StateDict::from_iter([("w".to_owned(), tensor)]));
            BundledModel { state, params: [("N".to_owned(), Value::Int(64))].into_iter().collect() }
        };
        let models = [("a".to_owned(), model(1.5)), ("b".to_owned(), model(2.5))].into();
        let bundle = Bundle { version: VERSION.to_owned(), backend: Some("pytorch".to_owned()), models };
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("wts.h5.zip");
        write_bundle(&bundle, File::create(&path).unwrap()).unwrap();
        (place, path)
    }

    #[test]
    fn parts_are_written_one_by_one_and_unchanged_ones_keep_their_bytes() {
        let (_place, path) = place();
        let before = fs::read(&path).unwrap();
        let mut parts = file_parts(&path).unwrap();
        assert!(parts.keys().eq(["manifest.dill", "a/params.dill", "b/params.dill"]));
        write_file_parts(&path, &parts).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        if let Some(Value::Map(params)) = parts.get_mut("a/params.dill") {
            params.insert("N".to_owned(), Value::Float(64.0));
        }
        parts.shift_remove("b/params.dill");
        write_file_parts(&path, &parts).unwrap();
        assert_eq!(file_parts(&path).unwrap(), parts);
        let names: Vec<String> = Archive::open(&path).unwrap().names().map(str::to_owned).collect();
        assert!(!names.contains(&"b/params.dill".to_owned()), "{names:?}");
    }

    #[test]
    fn every_mechanical_change_can_be_made_and_changes_the_file() {
        let (_place, path) = place();
        let before = fs::read(&path).unwrap();
        let changes = file_changes(&path).unwrap();
        assert!(changes.len() > 35, "{}", changes.len());
        for FileChange { at, how, change } in changes {
            let edit = BundleEdit::deserialize(Value::Map(change)).unwrap();
            apply_edit(&path, &edit).map_err(|refusal| format!("{at} {how}: {refusal}")).unwrap();
            assert_ne!(fs::read(&path).unwrap(), before, "{at} {how}");
            fs::write(&path, &before).unwrap();
        }
    }
}
