//! What a `wts.h5.zip` holds, by name.

use indexmap::IndexMap;

use super::{Params, Rule};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    torch_files::ModelState,
};

/// The two networks that every bundle must hold (BUN-005).
pub const ROLES: [&str; 2] = ["autoencoder", "diffraction_to_obj"];

/// The archive version a PyTorch save writes, in the manifest and in every snapshot (BUN-003, BUN-007).
pub const VERSION: &str = "2.0-pytorch";

/// The backend tag a PyTorch save writes (BUN-004).
pub const PYTORCH_BACKEND: &str = "pytorch";

/// The snapshot key that holds [`VERSION`]: about the archive, not about the configuration.
pub const VERSION_KEY: &str = "_version";

/// The name that callers append to an output directory, before `.zip` (ORC-001).
pub const BASE_NAME: &str = "wts.h5";

/// The file that a bundle directory holds (ORC-001).
pub const ARCHIVE_NAME: &str = "wts.h5.zip";

/// The longest name of a model, in bytes: what file systems allow for one component.
pub const MAX_MODEL_NAME_BYTES: usize = 255;

/// The archive entry that lists the models (BUN-002).
pub const MANIFEST_ENTRY: &str = "manifest.dill";

/// The archive entry that some revisions append: how data were scaled, for one kind of model.
pub const SCALING_ENTRY: &str = "torch_scaling_metadata.pt";

/// The archive entry with a model's weights (BUN-002).
pub fn model_entry(model: &str) -> String {
    format!("{model}/model.pth")
}

/// The archive entry with a model's params snapshot (BUN-002).
pub fn params_entry(model: &str) -> String {
    format!("{model}/params.dill")
}

/// The list of models, and who wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Model names, in the order they were given to the save.
    pub models: Vec<String>,
    /// [`VERSION`] for a PyTorch bundle, `1.0` for a TensorFlow one.
    pub version: String,
    /// [`PYTORCH_BACKEND`] when tagged; older PyTorch bundles are not.
    pub backend: Option<String>,
}

/// A bundle in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Version and backend, as the manifest states them; its list of models is the keys of `models`.
    pub version: String,
    /// The backend tag, when there is one.
    pub backend: Option<String>,
    /// The models, in the manifest's order.
    pub models: IndexMap<String, BundledModel>,
}

/// One model of a bundle: its state and the snapshot saved beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledModel {
    /// What `model.pth` holds.
    pub state: ModelState,
    /// What `params.dill` holds, [`VERSION_KEY`] included.
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

    /// The snapshot that all models share; None without models or when two snapshots differ.
    pub fn agreed_params(&self) -> Option<&Params> {
        let mut snapshots = self.models.values().map(|model| &model.params);
        let first = snapshots.next()?;
        snapshots.all(|other| other == first).then_some(first)
    }
}

/// Refuses a model name that is not one plain path component (BUN-013).
///
/// # Errors
/// `unsafe` when the name is empty, `.` or `..`, longer than [`MAX_MODEL_NAME_BYTES`], or holds a separator,
/// a colon or a control character.
pub fn plain_model_name(name: &str) -> Result<(), Refusal> {
    let odd = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    let too_long = name.len() > MAX_MODEL_NAME_BYTES;
    if name.is_empty() || name == "." || name == ".." || too_long || name.contains(odd) {
        let shown: String = name.chars().take(40).collect();
        let message = format!("the model name {shown:?} is not one plain path component");
        return Err(Refusal::new(RefusalKind::Unsafe, message).rule(Rule::ModelName).field(name));
    }
    Ok(())
}
