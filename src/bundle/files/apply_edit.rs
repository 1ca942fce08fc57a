//! Applies an edit to a bundle that an implementation has written.

use std::{
    fs::{self, File},
    io::{Cursor, Write as _},
    path::Path,
};

use serde::Deserialize as _;

use super::{BundleEdit, EditBundle};
use crate::{
    bundle::{
        nouns::{MANIFEST_ENTRY, model_entry, params_entry},
        operations::base_path,
    },
    harness::contract::{Field, FieldRole, HarnessStep, Refusal, RefusalKind, step_from_toml},
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

/// A pickle prefix that opens the file `executed` for writing and discards it: `io.open('executed', 'w')`.
const TRAP: &[u8] = b"cio\nopen\n(S'executed'\nS'w'\ntR0";

/// The global that the trap calls.
const TRAP_GLOBAL: &str = "io.open";

/// The name of the added tensor.
const ADDED: &str = "bundleproof.added";

/// Applies one edit to the archive, and returns what was edited: `model`, `tensor`, `entry` and `global`.
///
/// # Errors
/// `not_found` when the archive cannot be written or lacks what the edit changes; else as [`Archive::open`]. In every
/// case the implementation wrote something that cannot be edited.
pub(crate) fn apply_edit(path: &Path, change: &BundleEdit) -> Result<Map, Refusal> {
    match change {
        BundleEdit::Truncate { bytes } => {
            let file =
                File::options().write(true).open(path).map_err(|error| cannot_edit(error.to_string()))?;
            let length = file.metadata().map_err(|error| cannot_edit(error.to_string()))?.len();
            let cut = file.set_len(length.saturating_sub(*bytes));
            cut.map_err(|error| cannot_edit(error.to_string()))?;
            Ok(Map::new())
        }
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
        BundleEdit::DropParam { key } => values(path, is_params, |params| {
            params.shift_remove(key);
        }),
        BundleEdit::SetManifest { key, value } => values(
            path,
            |entry| entry == MANIFEST_ENTRY,
            |manifest| {
                manifest.insert(key.clone(), value.clone());
            },
        ),
        BundleEdit::DropEntry { entry } => {
            rewrite(path, |name, bytes| Ok((name != entry).then_some(bytes)), |name| name == entry)?;
            Ok(edited("entry", entry))
        }
        BundleEdit::Execute { entry } => {
            let trapped = |name: &str, bytes: Vec<u8>| match name {
                _ if name != entry => Ok(Some(bytes)),
                _ if name.ends_with("model.pth") => trapped_weights(bytes).map(Some),
                _ => Ok(Some([TRAP, &bytes].concat())),
            };
            rewrite(path, trapped, |name| name == entry)?;
            let mut report = edited("entry", entry);
            report.insert("global".to_owned(), Value::from(TRAP_GLOBAL));
            Ok(report)
        }
    }
}

fn is_params(entry: &str) -> bool {
    entry.ends_with("/params.dill")
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
    let own = model_entry(model);
    let mut changed = None;
    let altered = |name: &str, bytes: Vec<u8>| {
        if name != own {
            return Ok(Some(bytes));
        }
        let mut state = torch::read(Cursor::new(bytes))?;
        if let ModelState::Network(tensors) = &mut state {
            changed = change(tensors);
        }
        let mut written = Cursor::new(Vec::new());
        torch::write(&state, &mut written)?;
        Ok(Some(written.into_inner()))
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
        Ok(Some(write_value(&Value::Map(map), Protocol::Four)))
    };
    rewrite(path, altered, &meant)?;
    Ok(Map::new())
}

fn trapped_weights(bytes: Vec<u8>) -> Result<Vec<u8>, FormatError> {
    let trapped = |name: &str, bytes: Vec<u8>| {
        Ok(Some(if name.ends_with("data.pkl") { [TRAP, &bytes].concat() } else { bytes }))
    };
    rewrite_archive(&mut Archive::new(Cursor::new(bytes))?, MAX_ENTRY_BYTES, trapped)
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
    let written = fs::remove_file(path).and_then(|()| File::create_new(path)?.write_all(&bytes));
    written.map_err(|error| cannot_edit(error.to_string()))
}

fn edited(key: &str, value: &str) -> Map {
    Map::from_iter([(key.to_owned(), Value::from(value))])
}

/// The refusal when the implementation did not write what the edit changes.
fn cannot_edit(what: String) -> Refusal {
    Refusal::new(RefusalKind::NotFound, format!("cannot edit the bundle: {what}"))
}
