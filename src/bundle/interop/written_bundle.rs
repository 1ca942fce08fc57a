//! What a writer has written, and what is known of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::participant::INPUTS;
use crate::{
    bundle::{
        files::read_bundle,
        nouns::ARCHIVE_NAME,
        operations::response::{Models, TensorDescription, models_value},
    },
    torch_files::ModelState,
    value::{Map, Value, differences},
};

/// The largest sidecar, in bytes.
const MAX_SIDECAR_BYTES: u64 = 16 << 20;

/// A bundle in a directory of its own.
#[derive(Clone, Debug)]
pub struct WrittenBundle {
    /// What it is called.
    pub name: String,
    pub(super) directory: PathBuf,
    /// What is in it; why that is not known.
    pub(super) holds: Result<Contents, Unknown>,
    /// What the writer's own networks give for the inputs, by model.
    pub(super) outputs: BTreeMap<String, TensorDescription>,
}

/// Why it is not known what a bundle holds.
#[derive(Clone, Debug)]
pub(super) enum Unknown {
    /// It was not written, or holds something else than was said.
    NotWritten(String),
    /// It is there, and our own reader refuses it.
    Unreadable(String),
}

/// What a bundle holds: what every reader has to give back.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// As a reader answers them.
    pub(super) models: Value,
    /// The snapshot on which all models agree.
    pub(super) params: Map,
    pub(super) has_networks: bool,
    pub(super) tensors: usize,
}

impl WrittenBundle {
    /// What a writer has written, held against what it says that it wrote.
    pub(super) fn written(
        name: &str,
        directory: PathBuf,
        models: Models,
        outputs: BTreeMap<String, TensorDescription>,
    ) -> Self {
        let holds = in_file(&directory).and_then(|holds| {
            same("what it says that it wrote", &models_value(&models), &holds.models)?;
            Ok(holds)
        });
        let holds = holds.map_err(Unknown::NotWritten);
        Self { name: name.to_owned(), directory, holds, outputs }
    }

    /// A bundle that was there, held against its sidecar where there is one.
    pub(super) fn found(name: &str, directory: PathBuf, sidecar: &Path) -> Self {
        let holds = in_file(&directory).map_err(Unknown::Unreadable).and_then(|holds| {
            let said = in_sidecar(sidecar).and_then(|models| match models {
                Some(models) => same("its sidecar", &models, &holds.models),
                None => Ok(()),
            });
            said.map(|()| holds).map_err(Unknown::NotWritten)
        });
        Self { name: name.to_owned(), directory, holds, outputs: BTreeMap::new() }
    }

    /// Puts the bundle, and the inputs beside it, into a new directory.
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

    /// Why there is none.
    pub(super) fn failed(name: &str, directory: PathBuf, why: String) -> Self {
        Self {
            name: name.to_owned(),
            directory,
            holds: Err(Unknown::NotWritten(why)),
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

/// The models that a sidecar describes; None where there is none.
fn in_sidecar(path: &Path) -> Result<Option<Value>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match fs::metadata(path) {
        Err(_) => return Ok(None),
        Ok(file) if file.len() > MAX_SIDECAR_BYTES => {
            return Err(told(&format!(
                "it has {} bytes, and {MAX_SIDECAR_BYTES} at most are read",
                file.len()
            )));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(|error| told(&error))?;
    let described: Value = serde_json::from_str(&text).map_err(|error| told(&error))?;
    let models = described.as_map().and_then(|described| described.get("models")).cloned();
    models.map(Some).ok_or_else(|| told(&"it describes no models"))
}

/// Whether two sides are the same; where not, in words.
pub(super) fn same(what: &str, expected: &Value, found: &Value) -> Result<(), String> {
    match differences(expected, found) {
        None => Ok(()),
        Some((expected, found)) => Err(format!("{what} has {expected}; it has {found}")),
    }
}
