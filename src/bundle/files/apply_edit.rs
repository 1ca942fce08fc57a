//! Applies an edit to a bundle that an implementation has written.

use std::{io::Cursor, path::Path};

use serde::Deserialize as _;

use super::{
    BundleEdit, EditBundle, edit_entries,
    edit_result::{cannot_edit, edited, publish},
};
use crate::{
    bundle::{
        nouns::{MANIFEST_ENTRY, model_entry, params_entry},
        operations::request_file::base_path,
    },
    harness::contract::{Field, FieldRole, HarnessStep, Refusal, step_from_toml},
    torch_files::{
        Dtype, FormatError, ModelState, StateDict, Tensor,
        limits::MAX_ENTRY_BYTES,
        pickle::{self, Allow, Protocol, write_value},
        torch,
        zip::{Archive, rewrite_archive},
    },
    value::{Map, Value},
};

/// The step of a case that edits an archive in place. Case files call it `alter_bundle`.
pub(crate) const ALTER_BUNDLE: HarnessStep = HarnessStep {
    name: "alter_bundle",
    fields: &[
        Field { name: "base_path", role: FieldRole::Path },
        Field { name: "change", role: FieldRole::Values },
        Field { name: "as", role: FieldRole::ResponseName },
    ],
    response: &["model", "tensor", "entry", "global"],
    file: base_path,
    from_toml: step_from_toml::<EditBundle>,
    run: |path, fields| {
        let request =
            EditBundle::deserialize(Value::Map(fields.clone())).map_err(|error| error.to_string())?;
        Ok(apply_edit(path, &request.change))
    },
};

/// The name of the added tensor.
const ADDED: &str = "bundleproof.added";

/// The file that an executed pickle creates, next to the archive.
const EXECUTED: &str = "executed";

/// The text `cpu` in a pickle, and `cuda:0` in its place: as `BINUNICODE`, which torch writes, and as
/// `SHORT_BINUNICODE`, which later protocols allow.
const LOCATIONS: [(&[u8], &[u8]); 2] =
    [(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"), (b"\x8c\x03cpu", b"\x8c\x06cuda:0")];

/// Applies one edit to the archive, and returns what was edited: `model`, `tensor`, `entry` and `global`.
///
/// # Errors
/// `not_found` when the archive cannot be written or lacks what the edit changes; else as [`Archive::open`]. In every
/// case the implementation wrote something that cannot be edited.
pub(crate) fn apply_edit(path: &Path, change: &BundleEdit) -> Result<Map, Refusal> {
    match change {
        BundleEdit::FlipBit { model } => tensors(path, model, |tensors| {
            let (name, tensor) = first(tensors)?;
            let mut data = tensor.data().to_vec();
            *data.last_mut()? ^= 1;
            let flipped = Tensor::new(tensor.dtype(), tensor.shape().to_vec(), data)?;
            tensors.insert(name.clone(), flipped);
            Some(name)
        }),
        BundleEdit::DropTensor { model } => {
            tensors(path, model, |tensors| tensors.pop().map(|(name, _)| name))
        }
        BundleEdit::DropCounter { model } => tensors(path, model, |tensors| {
            let counter = tensors.iter().rfind(|(_, tensor)| tensor.shape().is_empty());
            let name = counter.or_else(|| tensors.last())?.0.clone();
            tensors.shift_remove(&name).map(|_| name)
        }),
        BundleEdit::AddTensor { model } => tensors(path, model, |tensors| {
            tensors.insert(ADDED.to_owned(), Tensor::new(Dtype::Float32, vec![1], vec![0; 4])?);
            Some(ADDED.to_owned())
        }),
        BundleEdit::GrowTensor { model } => tensors(path, model, |tensors| {
            let (name, tensor) = first(tensors)?;
            let (mut shape, mut data) = (tensor.shape().to_vec(), tensor.data().to_vec());
            match shape.first_mut() {
                Some(rows) => {
                    data.resize(data.len().checked_add(data.len() / *rows)?, 0);
                    *rows += 1;
                }
                // A tensor without dimensions becomes one of two elements.
                None => {
                    shape = vec![2];
                    data.resize(data.len().checked_mul(2)?, 0);
                }
            }
            tensors.insert(name.clone(), Tensor::new(tensor.dtype(), shape, data)?);
            Some(name)
        }),
        BundleEdit::UnsqueezeTensor { model } => tensors(path, model, |tensors| {
            let is_flat = |tensor: &Tensor| matches!(tensor.shape(), [elements] if *elements > 1);
            let flat = tensors.iter().find(|(_, tensor)| is_flat(tensor));
            let (name, tensor) =
                flat.map(|(name, tensor)| (name.clone(), tensor.clone())).or_else(|| first(tensors))?;
            let shape = [tensor.shape(), &[1]].concat();
            let column = Tensor::new(tensor.dtype(), shape, tensor.data().to_vec())?;
            tensors.insert(name.clone(), column);
            Some(name)
        }),
        BundleEdit::PrefixTensors { model, prefix } => tensors(path, model, |tensors| {
            let (name, _) = tensors.first()?;
            let name = format!("{prefix}{name}");
            let all = std::mem::take(tensors).into_iter();
            *tensors = all.map(|(own, tensor)| (format!("{prefix}{own}"), tensor)).collect();
            Some(name)
        }),
        BundleEdit::EmptyState { model } => tensors(path, model, |tensors| {
            let (name, _) = tensors.first()?;
            let name = name.clone();
            tensors.clear();
            Some(name)
        }),
        BundleEdit::RetypeTensor { model, dtype } => tensors(path, model, |tensors| {
            let (name, tensor) = tensors.iter_mut().find(|(_, tensor)| is_float32(tensor))?;
            *tensor = retyped(tensor, *dtype)?;
            Some(name.clone())
        }),
        BundleEdit::SetElement { model, hex } => tensors(path, model, |tensors| {
            let (name, tensor) = tensors.iter_mut().find(|(_, tensor)| is_float32(tensor))?;
            let mut data = tensor.data().to_vec();
            data.get_mut(..hex.len())?.copy_from_slice(hex);
            *tensor = Tensor::new(Dtype::Float32, tensor.shape().to_vec(), data)?;
            Some(name.clone())
        }),
        BundleEdit::Relocate { model, gpu } => relocate(path, model, *gpu),
        BundleEdit::StoreWeights { model, how } => weights(path, model, |tensors| how.store(tensors)),
        BundleEdit::SetParam { key, value, model } => {
            let own = model.as_ref().map(|model| params_entry(model));
            values(
                path,
                |entry| own.as_ref().map_or(is_params(entry), |own| own == entry),
                |params| {
                    params.insert(key.clone(), value.clone());
                },
            )
        }
        BundleEdit::SetParams { values: set } => values(path, is_params, |params| {
            params.extend(set.clone());
        }),
        BundleEdit::DropParams { keys } => values(path, is_params, |params| {
            params.retain(|key, _| !keys.contains(key));
        }),
        BundleEdit::SetManifest { key, value } => values(path, is_manifest, |manifest| {
            manifest.insert(key.clone(), value.clone());
        }),
        BundleEdit::DropManifest { key } => values(path, is_manifest, |manifest| {
            manifest.shift_remove(key);
        }),
        BundleEdit::Execute { entry, how } => {
            let file = std::path::absolute(path.with_file_name(EXECUTED));
            let file = file.map_err(|error| cannot_edit(error.to_string()))?;
            let trapped = |name: &str, bytes: Vec<u8>| {
                if name != entry {
                    Ok(Some(bytes))
                } else if [".pth", ".pt"].iter().any(|suffix| name.ends_with(suffix)) {
                    how.in_weights(bytes, &file).map(Some)
                } else if name.ends_with(".npy") {
                    Ok(Some(how.as_array(&file)))
                } else {
                    Ok(Some(how.before(&bytes, &file)))
                }
            };
            rewrite(path, trapped, |name| name == entry)?;
            let mut report = edited("entry", entry);
            report.insert("global".to_owned(), Value::from(how.global()));
            Ok(report)
        }
        BundleEdit::DropEntry { entry } => edit_entries::remove(path, entry),
        BundleEdit::ReplaceEntry { entry, with } => edit_entries::replace(path, entry, with),
        BundleEdit::AddEntry { entry, with } => edit_entries::add(path, entry, with),
        BundleEdit::RepeatEntry { entry, with } => edit_entries::repeat(path, entry, with),
        BundleEdit::LinkEntry { entry, to } => edit_entries::link(path, entry, to),
        BundleEdit::RenameEntry { entry, to } => edit_entries::rename(path, entry, to),
        BundleEdit::ReverseEntries {} => edit_entries::reverse(path),
        BundleEdit::Recompress { method } => edit_entries::recompress(path, *method),
        BundleEdit::FlipByte { entry } => edit_entries::flip_byte(path, entry),
        BundleEdit::ChangeText { text, to } => edit_entries::change_text(path, (text, to), is_params),
        BundleEdit::Truncate(cut) => edit_entries::truncate(path, *cut),
    }
}

fn is_manifest(entry: &str) -> bool {
    entry == MANIFEST_ENTRY
}

fn is_params(entry: &str) -> bool {
    entry.ends_with("/params.dill")
}

fn is_float32(tensor: &Tensor) -> bool {
    tensor.dtype() == Dtype::Float32 && !tensor.data().is_empty()
}

/// The first tensor with elements.
fn first(tensors: &StateDict) -> Option<(String, Tensor)> {
    let found = tensors.iter().find(|(_, tensor)| !tensor.data().is_empty());
    found.map(|(name, tensor)| (name.clone(), tensor.clone()))
}

/// Edits the tensors of a model. `change` returns the name of the edited tensor, or `None` when there is none.
fn tensors(
    path: &Path,
    model: &str,
    change: impl Fn(&mut StateDict) -> Option<String>,
) -> Result<Map, Refusal> {
    weights(path, model, |tensors| {
        let Some(name) = change(tensors) else { return Ok(None) };
        let mut written = Cursor::new(Vec::new());
        torch::write(&ModelState::Network(std::mem::take(tensors)), &mut written)?;
        Ok(Some((written.into_inner(), name)))
    })
}

/// Replaces the file of a model's tensors. `store` returns the bytes and the name of the edited tensor, or `None` when there
/// is none.
fn weights(
    path: &Path,
    model: &str,
    store: impl Fn(&mut StateDict) -> Result<Option<(Vec<u8>, String)>, FormatError>,
) -> Result<Map, Refusal> {
    let own = model_entry(model);
    let mut changed = None;
    let altered = |name: &str, bytes: Vec<u8>| {
        if name != own {
            return Ok(Some(bytes));
        }
        let stored = match torch::read(Cursor::new(&bytes))? {
            ModelState::Network(mut tensors) => store(&mut tensors)?,
            ModelState::Sentinel(_) => None,
        };
        let Some((stored, tensor)) = stored else { return Ok(Some(bytes)) };
        changed = Some(tensor);
        Ok(Some(stored))
    };
    rewrite(path, altered, |name| name == own)?;
    let tensor = changed.ok_or_else(|| cannot_edit(format!("{own} has no tensor to edit")))?;
    let mut report = edited("model", model);
    report.insert("tensor".to_owned(), Value::from(tensor));
    Ok(report)
}

/// Edits the dicts in all entries that `meant` selects.
fn values(path: &Path, meant: impl Fn(&str) -> bool, change: impl Fn(&mut Map)) -> Result<Map, Refusal> {
    let altered = |name: &str, bytes: Vec<u8>| {
        if !meant(name) {
            return Ok(Some(bytes));
        }
        let graph = pickle::read(&bytes, Allow::VALUES)?;
        let Value::Map(mut map) = graph.to_value(graph.root())? else { return Ok(Some(bytes)) };
        change(&mut map);
        write_value(&Value::Map(map), Protocol::Four).map(Some)
    };
    rewrite(path, altered, &meant)?;
    Ok(Map::new())
}

/// The tensor with its float32 elements converted. `None` for a type that is not one of other real numbers.
fn retyped(tensor: &Tensor, dtype: Dtype) -> Option<Tensor> {
    let elements = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let other = Some(dtype).filter(|dtype| *dtype != Dtype::Float32)?;
    let data: Option<Vec<Vec<u8>>> = elements.map(|value| other.encode(value.into())).collect();
    Tensor::new(dtype, tensor.shape().to_vec(), data?.concat())
}

/// Replaces the location of the storages in the pickle of a model, wherever it is spelled: later storages refer to the
/// first.
fn relocate(path: &Path, model: &str, gpu: u8) -> Result<Map, Refusal> {
    let device = format!("cuda:{}", gpu.min(9));
    let own = model_entry(model);
    let mut places = 0;
    let altered = |name: &str, bytes: Vec<u8>| {
        if name != own {
            return Ok(Some(bytes));
        }
        let moved = |name: &str, bytes: Vec<u8>| {
            if !name.ends_with("data.pkl") {
                return Ok(Some(bytes));
            }
            let moved =
                LOCATIONS.iter().fold(bytes, |bytes, (cpu, gpu)| replaced(&bytes, cpu, gpu, &mut places));
            Ok(Some(replaced(&moved, b"cuda:0", device.as_bytes(), &mut 0)))
        };
        rewrite_archive(&mut Archive::new(Cursor::new(bytes))?, MAX_ENTRY_BYTES, moved).map(Some)
    };
    rewrite(path, altered, |name| name == own)?;
    if places == 0 {
        return Err(cannot_edit(format!("{own} has no storage on the CPU")));
    }
    Ok(edited("model", model))
}

/// The bytes with every `from` replaced by `to`; adds the number of replacements to `count`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8], count: &mut usize) -> Vec<u8> {
    let (mut rest, mut result) = (bytes, Vec::with_capacity(bytes.len()));
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        let (before, after) = rest.split_at(at);
        result.extend_from_slice(before);
        result.extend_from_slice(to);
        rest = after.get(from.len()..).unwrap_or_default();
        *count += 1;
    }
    result.extend_from_slice(rest);
    result
}

/// Rewrites the archive with some entries changed. `meant` must select at least one entry.
fn rewrite(
    path: &Path,
    change: impl FnMut(&str, Vec<u8>) -> Result<Option<Vec<u8>>, FormatError>,
    meant: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    let mut archive = Archive::open(path)?;
    if !archive.names().any(meant) {
        return Err(cannot_edit("the archive lacks the entry".to_owned()));
    }
    let bytes = rewrite_archive(&mut archive, MAX_ENTRY_BYTES, change)?;
    drop(archive);
    publish(path, &bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, File};

    use rstest::rstest;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        bundle::{
            files::{read_bundle, write_bundle},
            nouns::{Bundle, BundledModel, VERSION},
        },
        harness::contract::RefusalKind,
        torch_files::FormatErrorKind as Kind,
    };

    /// A bundle of one network with two tensors.
    fn place() -> (TempDir, std::path::PathBuf) {
        let tensor =
            |value: f32| Tensor::new(Dtype::Float32, vec![2], value.to_le_bytes().repeat(2)).unwrap();
        let tensors = [("a", 1.5), ("b", 2.5)].map(|(name, value)| (name.to_owned(), tensor(value)));
        let params = [("N", 64), ("gridsize", 1)].map(|(key, value)| (key.to_owned(), Value::Int(value)));
        let state = ModelState::Network(StateDict::from_iter(tensors));
        let model = BundledModel { state, params: params.into_iter().collect() };
        let models = [("m".to_owned(), model)].into();
        let bundle = Bundle { version: VERSION.to_owned(), backend: Some("pytorch".to_owned()), models };
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("wts.h5.zip");
        write_bundle(&bundle, File::create(&path).unwrap()).unwrap();
        (place, path)
    }

    fn edit(path: &Path, change: serde_json::Value) -> Result<Map, Refusal> {
        let value: Value = serde_json::from_value(change).unwrap();
        apply_edit(path, &BundleEdit::deserialize(value).unwrap())
    }

    fn tensors_of(path: &Path) -> StateDict {
        match &read_bundle(path).unwrap().models["m"].state {
            ModelState::Network(tensors) => tensors.clone(),
            ModelState::Sentinel(_) => StateDict::new(),
        }
    }

    /// What our own reader says of a bundle with one defect.
    #[rstest]
    #[case::byte(json!({"flip_byte": {"entry": "m/params.dill"}}), |kind: &Kind| matches!(kind, Kind::Corrupt(_)))]
    #[case::text(json!({"change_text": {"text": "gridsize", "to": "Gridsize"}}), |kind: &Kind| matches!(kind, Kind::Corrupt(_)))]
    #[case::link(json!({"link_entry": {"entry": "m/params.dill", "to": "/etc/hostname"}}), |kind: &Kind| matches!(kind, Kind::NotAFile(_)))]
    #[case::repeated(json!({"repeat_entry": {"entry": "m/params.dill", "with": {"hex": "00ff"}}}), |kind: &Kind| *kind == Kind::DuplicateEntry)]
    #[case::escaping(json!({"add_entry": {"entry": "../x", "with": {"text": "x"}}}), |kind: &Kind| matches!(kind, Kind::UnsafeName(_)))]
    #[case::renamed(json!({"rename_entry": {"entry": "m/params.dill", "to": "m/other"}}), |kind: &Kind| *kind == Kind::MissingEntry("m/params.dill".to_owned()))]
    #[case::dropped(json!({"drop_entry": {"entry": "manifest.dill"}}), |kind: &Kind| *kind == Kind::MissingEntry("manifest.dill".to_owned()))]
    #[case::no_dict(json!({"replace_entry": {"entry": "manifest.dill", "with": {"pickle": [1]}}}), |kind: &Kind| matches!(kind, Kind::Unexpected { expected: "a dict", .. }))]
    #[case::other_entry(json!({"replace_entry": {"entry": "m/params.dill", "with": {"entry": "m/model.pth"}}}), |kind: &Kind| *kind == Kind::UnsupportedOpcode)]
    #[case::no_version(json!({"drop_manifest": {"key": "version"}}), |kind: &Kind| *kind == Kind::MissingField("version"))]
    #[case::called(json!({"execute": {"entry": "m/params.dill", "how": "stack_global"}}), |kind: &Kind| matches!(kind, Kind::ForeignGlobal { .. }))]
    #[case::called_in_weights(json!({"execute": {"entry": "m/model.pth", "how": "obj"}}), |kind: &Kind| matches!(kind, Kind::ForeignGlobal { .. }))]
    fn an_edit_makes_one_defect(#[case] change: serde_json::Value, #[case] is: fn(&Kind) -> bool) {
        let (_place, path) = place();
        edit(&path, change).unwrap();
        let error = read_bundle(&path).unwrap_err();
        assert!(is(&error.kind), "{error:?}");
    }

    #[rstest]
    #[case(json!({"bytes": 3}), |length| length - 3)]
    #[case(json!({"to": 3}), |_| 3)]
    #[case(json!({"percent": 50}), |length| length / 2)]
    #[case(json!({"percent": 200}), |length| length)]
    fn a_file_is_cut_off_anywhere(#[case] cut: serde_json::Value, #[case] left: fn(u64) -> u64) {
        let (_place, path) = place();
        let length = fs::metadata(&path).unwrap().len();
        edit(&path, json!({"truncate": cut})).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), left(length));
    }

    #[rstest]
    #[case::cut(json!({"truncate": {"to": 3}}))]
    #[case::flipped(json!({"flip_byte": {"entry": "m/params.dill"}}))]
    fn what_a_link_leads_to_is_not_edited(#[case] change: serde_json::Value) {
        let (place, path) = place();
        let before = fs::read(&path).unwrap();
        let link = place.path().join("link.zip");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        edit(&link, change).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_ne!(fs::read(&link).unwrap(), before);
    }

    #[test]
    fn recompressed_and_relocated_bundles_have_the_same_tensors() {
        let (_place, path) = place();
        let before = tensors_of(&path);
        for (method, deflated) in [("deflated", true), ("stored", false)] {
            edit(&path, json!({"recompress": {"method": method}})).unwrap();
            let archive = Archive::open(&path).unwrap();
            assert!(archive.names().all(|name| archive.entry(name).unwrap().deflated == deflated));
            assert_eq!(tensors_of(&path), before);
        }
        edit(&path, json!({"relocate": {"model": "m"}})).unwrap();
        assert_eq!(tensors_of(&path), before);
        let weights = Archive::open(&path).unwrap().read("m/model.pth", u64::MAX).unwrap();
        assert_eq!(weights.windows(6).filter(|part| *part == b"cuda:0").count(), 2);
        // There is no storage on the CPU any more.
        assert_eq!(edit(&path, json!({"relocate": {"model": "m"}})).unwrap_err().kind, RefusalKind::NotFound);
    }

    #[test]
    fn a_byte_of_a_deflated_entry_is_flipped_where_the_entry_is() {
        let (_place, path) = place();
        edit(&path, json!({"recompress": {"method": "deflated"}})).unwrap();
        let before = fs::read(&path).unwrap();
        let (start, length) = Archive::open(&path).unwrap().place("m/params.dill").unwrap();
        edit(&path, json!({"flip_byte": {"entry": "m/params.dill"}})).unwrap();
        let after = fs::read(&path).unwrap();
        let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
        assert_eq!(changed, [usize::try_from(start + length / 2).unwrap()]);
        assert_eq!(after[changed[0]], !before[changed[0]]);
    }

    #[rstest]
    #[case::column(json!({"unsqueeze_tensor": {"model": "m"}}), "a [2, 1], b [2]")]
    #[case::wrapped(json!({"prefix_tensors": {"model": "m", "prefix": "module."}}), "module.a [2], module.b [2]")]
    fn the_names_and_shapes_of_tensors_are_edited(#[case] change: serde_json::Value, #[case] left: &str) {
        let (_place, path) = place();
        let before = tensors_of(&path);
        edit(&path, change).unwrap();
        let after = tensors_of(&path);
        let facts: Vec<String> =
            after.iter().map(|(name, tensor)| format!("{name} {:?}", tensor.shape())).collect();
        assert_eq!(facts.join(", "), left);
        assert!(before.values().zip(after.values()).all(|(old, new)| old.data() == new.data()));
    }

    #[test]
    fn a_tensor_is_retyped_with_the_same_values() {
        let (_place, path) = place();
        let report = edit(&path, json!({"retype_tensor": {"model": "m", "dtype": "float64"}})).unwrap();
        let tensors = tensors_of(&path);
        assert_eq!(report["tensor"], Value::from("a"));
        assert_eq!(
            (tensors["a"].dtype(), tensors["a"].data()),
            (Dtype::Float64, &1.5f64.to_le_bytes().repeat(2)[..])
        );
        assert_eq!(tensors["b"].dtype(), Dtype::Float32);
        let refused = edit(&path, json!({"retype_tensor": {"model": "m", "dtype": "int64"}})).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::NotFound);
        edit(&path, json!({"empty_state": {"model": "m"}})).unwrap();
        assert!(tensors_of(&path).is_empty());
    }

    #[test]
    fn an_element_is_set_bit_for_bit() {
        let (_place, path) = place();
        edit(&path, json!({"set_element": {"model": "m", "hex": "0100c07f"}})).unwrap();
        assert_eq!(tensors_of(&path)["a"].data(), [1, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x3f]);
        let short: Value =
            serde_json::from_value(json!({"set_element": {"model": "m", "hex": "00"}})).unwrap();
        assert!(BundleEdit::deserialize(short).is_err());
    }

    #[test]
    fn params_are_set_together_and_in_the_notation_of_values() {
        let (_place, path) = place();
        let values = json!({"gridsize": 3, "sizes": {"tuple": [1, 2]}, "sigma": {"float": "nan"}});
        edit(&path, json!({"set_params": {"values": values}})).unwrap();
        let bundle = read_bundle(&path).unwrap();
        let params = &bundle.models["m"].params;
        assert_eq!((params.get("N"), params.get("gridsize")), (Some(&Value::Int(64)), Some(&Value::Int(3))));
        assert_eq!(params.get("sizes"), Some(&Value::Tuple(vec![Value::Int(1), Value::Int(2)])));
        assert!(params.get("sigma").and_then(Value::as_number).is_some_and(f64::is_nan));
    }

    #[test]
    fn entries_are_reversed() {
        let (_place, path) = place();
        let names = |path: &Path| Archive::open(path).unwrap().names().map(str::to_owned).collect::<Vec<_>>();
        let (before, tensors) = (names(&path), tensors_of(&path));
        edit(&path, json!({"reverse_entries": {}})).unwrap();
        assert!(names(&path).iter().eq(before.iter().rev()));
        assert_eq!(tensors_of(&path), tensors);
    }

    #[test]
    fn an_edit_of_what_is_missing_leaves_the_file() {
        let (_place, path) = place();
        let before = fs::read(&path).unwrap();
        for change in [
            json!({"flip_byte": {"entry": "n/model.pth"}}),
            json!({"drop_entry": {"entry": "n/model.pth"}}),
            json!({"replace_entry": {"entry": "manifest.dill", "with": {"entry": "n/model.pth"}}}),
            json!({"drop_tensor": {"model": "n"}}),
            json!({"change_text": {"text": "walrus", "to": "Walrus"}}),
            json!({"change_text": {"text": "gridsize", "to": "grid"}}),
            json!({"change_text": {"text": "", "to": ""}}),
        ] {
            assert!(edit(&path, change).is_err());
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
