//! A bundle of a writer, and its content.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Reason, reason::Difference};
use crate::{
    bundle::{
        files::read_bundle,
        nouns::ARCHIVE_NAME,
        operations::response::{Models, TensorDescription, models_value},
    },
    fs_util::regular,
    torch_files::ModelState,
    value::{Map, Value, differences},
};

/// The file with the inputs of the networks, next to the archive.
pub(super) const INPUTS: &str = "inputs.npz";

/// The largest sidecar in bytes: 16 MiB.
const MAX_SIDECAR_BYTES: u64 = 16 << 20;

/// A bundle in its own directory.
#[derive(Clone, Debug)]
pub struct WrittenBundle {
    /// The name of the bundle.
    pub name: String,
    pub(super) directory: PathBuf,
    /// The content, or why it is unknown.
    pub(super) contents: Result<Contents, Unknown>,
    /// The outputs of the writer's own networks, by model.
    pub(super) outputs: BTreeMap<String, TensorDescription>,
}

/// Why the content of a bundle is unknown.
#[derive(Clone, Debug)]
pub(super) enum Unknown {
    /// The writer failed, or wrote something else than it reported.
    NotWritten(Reason),
    /// The file exists, and our own reader refuses it.
    Unreadable(String),
}

/// The content of a bundle, which every reader has to return.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// The models in the form of a response.
    pub(super) models: Value,
    /// The params snapshot that all models share.
    pub(super) params: Map,
    pub(super) has_networks: bool,
    pub(super) tensors: usize,
}

impl WrittenBundle {
    /// A bundle of an implementation. Its file must match the response of the writer.
    pub(super) fn written(
        name: &str,
        directory: PathBuf,
        models: Models,
        outputs: BTreeMap<String, TensorDescription>,
    ) -> Self {
        let contents = in_file(&directory).map_err(Reason::from).and_then(|contents| {
            same("the response of the writer", &models_value(&models), &contents.models)?;
            Ok(contents)
        });
        let contents = contents.map_err(Unknown::NotWritten);
        Self { name: name.to_owned(), directory, contents, outputs }
    }

    /// A bundle that already existed. Its file must match the sidecar, if there is one.
    pub(super) fn found(name: &str, directory: PathBuf, sidecar: &Path) -> Self {
        let contents = in_file(&directory).map_err(Unknown::Unreadable).and_then(|contents| {
            let matches = in_sidecar(sidecar).map_err(Reason::from).and_then(|models| match models {
                Some(models) => Ok(same("its sidecar", &models, &contents.models)?),
                None => Ok(()),
            });
            matches.map(|()| contents).map_err(Unknown::NotWritten)
        });
        Self { name: name.to_owned(), directory, contents, outputs: BTreeMap::new() }
    }

    /// Copies the bundle, and the inputs next to it, to a new directory.
    pub(super) fn copy_to(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        for name in [ARCHIVE_NAME, INPUTS] {
            let from = self.directory.join(name);
            if from.is_file() {
                fs::copy(from, directory.join(name))?;
            }
        }
        Ok(())
    }

    /// A bundle that could not be written.
    pub(super) fn failed(name: &str, directory: PathBuf, why: String) -> Self {
        Self {
            name: name.to_owned(),
            directory,
            contents: Err(Unknown::NotWritten(why.into())),
            outputs: BTreeMap::new(),
        }
    }
}

fn in_file(directory: &Path) -> Result<Contents, String> {
    let bundle = read_bundle(&directory.join(ARCHIVE_NAME)).map_err(|error| error.to_string())?;
    let params = bundle.agreed_params().ok_or("the snapshots of its models disagree")?.0.clone();
    let states = || {
        bundle.models.values().filter_map(|model| match &model.state {
            ModelState::Network(tensors) => Some(tensors),
            ModelState::Sentinel(_) => None,
        })
    };
    let models: Models =
        bundle.models.iter().map(|(name, model)| (name.clone(), (&model.state).into())).collect();
    Ok(Contents {
        has_networks: states().next().is_some(),
        tensors: states().map(|tensors| tensors.len()).sum(),
        models: models_value(&models),
        params,
    })
}

/// The models that a sidecar describes; `None` without a sidecar.
fn in_sidecar(path: &Path) -> Result<Option<Value>, String> {
    let at_path = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if !path.exists() {
        return Ok(None);
    }
    match regular(path) {
        Err(error) => return Err(at_path(&error)),
        Ok(file) if file.len() > MAX_SIDECAR_BYTES => {
            return Err(at_path(&format!("{} bytes exceed the limit of {MAX_SIDECAR_BYTES}", file.len())));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(|error| at_path(&error))?;
    let described: Value = serde_json::from_str(&text).map_err(|error| at_path(&error))?;
    let models = described.as_map().and_then(|described| described.get("models")).cloned();
    models.map(Some).ok_or_else(|| at_path(&"missing \"models\""))
}

/// Compares two values; the error describes the first differences.
pub(super) fn same(with: &str, expected: &Value, actual: &Value) -> Result<(), Difference> {
    match differences(expected, actual) {
        None => Ok(()),
        Some((expected, actual)) => Err(Difference { with: with.to_owned(), expected, actual }),
    }
}
