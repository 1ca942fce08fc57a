//! The differences between two files that are not bundles.

use std::path::Path;

use super::{TensorFile, arrays, kind::FileKind, read::read};
use crate::{
    bundle::check::{
        BundleDifference, ProgressFn, Severity, StateDetails,
        difference::{states, values},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{
        FormatError, ModelState,
        torch::{Item, Storages, scan_file},
        zip::FileReader,
    },
    value::{Map, Value},
};

/// Compares the tensors of two files, of any two kinds, and what else is in them. Returns both as well: what can be
/// compared can still have errors. Both are held in memory if elements differ.
///
/// # Errors
/// When one of them is missing, or any part of it cannot be read.
pub fn compare(
    [left, right]: [(&Path, FileKind); 2],
    watch: ProgressFn<'_>,
) -> Result<(BundleDifference, [TensorFile; 2]), Refusal> {
    let read = |(path, kind): (&Path, FileKind)| {
        let file = read(path, kind, watch)?;
        let error = file.findings.shown.iter().find(|finding| finding.severity == Severity::Error);
        match error.filter(|_| !file.is_whole) {
            Some(finding) => {
                let message = format!("{}: {}", path.display(), finding.found);
                Err(Refusal::new(RefusalKind::Malformed, message))
            }
            None => Ok(file),
        }
    };
    let [left, right] = [read(left)?, read(right)?];
    let elements = || Ok([state(&left)?, state(&right)?]);
    let tensors = states(None, [&details(&left), &details(&right)], elements)?;
    let difference = BundleDifference { params: values(None, &others(&left), &others(&right)), tensors };
    Ok((difference, [left, right]))
}

fn details(file: &TensorFile) -> StateDetails {
    let facts = file.torch.as_ref();
    match facts.and_then(|facts| facts.sentinel.clone()) {
        Some(values) => StateDetails::Sentinel(values),
        None => {
            let extra = facts.map(|facts| facts.extra.clone()).unwrap_or_default();
            StateDetails::Network { tensors: file.tensors.clone(), extra }
        }
    }
}

/// All elements of a file.
fn state(file: &TensorFile) -> Result<ModelState, FormatError> {
    match file.kind {
        FileKind::Torch | FileKind::Bundle | FileKind::Pickle => {
            let mut storages = Storages::default();
            let scanned = scan_file(FileReader::open(&file.file)?, &mut storages);
            let (outline, _) = scanned.content?;
            storages.state(outline)
        }
        FileKind::Npz | FileKind::Npy | FileKind::Safetensors => {
            arrays::tensors(file).map(ModelState::Network)
        }
    }
}

/// What is in a file besides tensors, by its place.
fn others(file: &TensorFile) -> Map {
    let mut map = Map::new();
    for (key, text) in &file.metadata {
        map.insert(format!("metadata {key}"), Value::from(text.as_str()));
    }
    if let Some(root) = file.torch.as_ref().and_then(|facts| facts.contents.as_ref()) {
        add(root, String::new(), &mut map);
    }
    map
}

/// Adds the plain values of an outline. Containers are known by what is in them.
fn add(item: &Item, place: String, map: &mut Map) {
    match item {
        Item::Tensor(_) => {}
        Item::Value(shown) | Item::Unsupported(shown) => {
            map.insert(place, Value::Python(shown.clone()));
        }
        Item::Container { kind, length, items } => {
            if items.len() != *length || items.is_empty() {
                // Not all of it is shown.
                map.insert(place.clone(), Value::Python(format!("{kind} of {length}")));
            }
            items.iter().for_each(|(key, item)| add(item, format!("{place}[{key}]"), map));
        }
    }
}
