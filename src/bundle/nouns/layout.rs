//! The content of a `wts.h5.zip`: names of entries and keys, the manifest, and a bundle in memory.

use indexmap::IndexMap;

use super::{Params, Rule};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    torch_files::ModelState,
};

/// The two networks of every bundle (BUN-005).
pub const ROLES: [&str; 2] = ["autoencoder", "diffraction_to_obj"];

/// The archive version of a PyTorch bundle, in the manifest and in every snapshot (BUN-003, BUN-007).
pub const VERSION: &str = "2.0-pytorch";

/// The backend tag of a PyTorch bundle (BUN-004).
pub const PYTORCH_BACKEND: &str = "pytorch";

/// The snapshot key of [`VERSION`], which describes the archive and not the configuration.
pub const VERSION_KEY: &str = "_version";

/// The snapshot key of the scale between simulated and measured intensity (BUN-008).
pub const SCALE_KEY: &str = "intensity_scale";

/// The name that callers append to an output directory, without `.zip` (ORC-001).
pub const BASE_NAME: &str = "wts.h5";

/// The file name of a bundle in its directory (ORC-001).
pub const ARCHIVE_NAME: &str = "wts.h5.zip";

/// The longest model name in bytes: the limit of file systems for one path component.
pub const MAX_MODEL_NAME_BYTES: usize = 255;

/// The archive entry with the list of models (BUN-002).
pub const MANIFEST_ENTRY: &str = "manifest.dill";

/// The archive entry with the JSON manifest of later revisions, instead of [`MANIFEST_ENTRY`].
pub const JSON_MANIFEST_ENTRY: &str = "manifest.json";

/// The one version of a JSON manifest that is known.
pub const JSON_MANIFEST_VERSION: &str = "torch-manifest-v1";

/// The file name of a model's params snapshot in a bundle with a JSON manifest.
pub const JSON_PARAMS_FILE: &str = "params.json";

/// The archive entry of some revisions with the scaling of the data, for one kind of model.
pub const SCALING_ENTRY: &str = "torch_scaling_metadata.pt";

/// The archive entry with a model's weights (BUN-002).
pub fn model_entry(model: &str) -> String {
    format!("{model}/model.pth")
}

/// The archive entry with a model's params snapshot (BUN-002).
pub fn params_entry(model: &str) -> String {
    format!("{model}/params.dill")
}

/// The archive entry with a model's params snapshot in a bundle with a JSON manifest.
pub fn json_params_entry(model: &str) -> String {
    format!("{model}/{JSON_PARAMS_FILE}")
}

/// The content of `manifest.dill`: the list of models, and the version and backend of the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Model names, in the order of the save.
    pub models: Vec<String>,
    /// [`VERSION`] for a PyTorch bundle, `1.0` for a TensorFlow bundle.
    pub version: String,
    /// The backend tag, such as [`PYTORCH_BACKEND`]; older PyTorch bundles have none.
    pub backend: Option<String>,
}

/// Which kind of manifest an archive has, as its entries say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// `manifest.dill`, or nothing that says otherwise.
    Pickled,
    /// `manifest.json`, or at least the `params.json` of a model.
    Json,
    /// Both manifests: each revision reads another one.
    Both,
}

impl Container {
    /// The kind of an archive with entries of these names.
    pub fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let (mut pickled, mut json, mut json_params) = (false, false, false);
        for name in names {
            pickled |= name == MANIFEST_ENTRY;
            json |= name == JSON_MANIFEST_ENTRY;
            json_params |= name.rsplit_once('/').is_some_and(|(_, file)| file == JSON_PARAMS_FILE);
        }
        match (pickled, json || json_params) {
            (true, _) if json => Self::Both,
            (true, _) | (false, false) => Self::Pickled,
            (false, true) => Self::Json,
        }
    }
}

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonManifest {
    /// What it has in common with `manifest.dill`.
    pub common: Manifest,
    /// The two versions that only a JSON manifest has.
    pub tags: JsonTags,
}

/// What identifies a bundle with a JSON manifest, besides its version and backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonTags {
    /// The version of the manifest itself, [`JSON_MANIFEST_VERSION`].
    pub manifest_version: Option<String>,
    /// The schema of the configuration that a workflow sealed into the bundle: `torch-artifact-v4`.
    pub schema: Option<String>,
}

/// A bundle in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The version of the manifest.
    pub version: String,
    /// The backend tag of the manifest, if any.
    pub backend: Option<String>,
    /// The models, in the manifest's order.
    pub models: IndexMap<String, BundledModel>,
}

/// One model of a bundle: its state and its params snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledModel {
    /// The content of `model.pth`.
    pub state: ModelState,
    /// The content of `params.dill`, [`VERSION_KEY`] included.
    pub params: Params,
}

impl Bundle {
    /// The manifest that describes this bundle.
    pub fn manifest(&self) -> Manifest {
        Manifest {
            models: self.models.keys().cloned().collect(),
            version: self.version.clone(),
            backend: self.backend.clone(),
        }
    }

    /// The snapshot that all models share; `None` without models or when two snapshots differ.
    pub fn agreed_params(&self) -> Option<&Params> {
        let mut snapshots = self.models.values().map(|model| &model.params);
        let first = snapshots.next()?;
        snapshots.all(|other| other == first).then_some(first)
    }
}

/// Refuses a model name that is not one plain path component (BUN-013).
///
/// # Errors
/// `unsafe` when the name is empty, `.` or `..`, longer than [`MAX_MODEL_NAME_BYTES`], or contains a separator, a colon
/// or a control character.
pub fn plain_model_name(name: &str) -> Result<(), Refusal> {
    let forbidden = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    let too_long = name.len() > MAX_MODEL_NAME_BYTES;
    if name.is_empty() || name == "." || name == ".." || too_long || name.contains(forbidden) {
        let shown: String = name.chars().take(40).collect();
        let message = format!("invalid model name {shown:?}; expected one plain path component");
        return Err(Refusal::new(RefusalKind::Unsafe, message).rule(Rule::ModelName).field(name));
    }
    Ok(())
}
