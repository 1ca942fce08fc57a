//! One bundle that an implementation has to save.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::{
    bundle::{
        files::{BundleEdit, Compression, apply_edit::apply_edit, read_bundle},
        nouns::{ARCHIVE_NAME, BASE_NAME, PYTORCH_BACKEND},
        operations::{
            BundleSession as _,
            request::{ConfigKind, ConfigRequest, CreateModels, SaveTorchBundle},
            response::{Models, models_value},
        },
    },
    harness::{
        contract::{Refusal, RefusalKind, Session, SessionError},
        suite::Suite,
    },
    value::{Map, Value, differences},
};

/// The file of the suite with the blueprints.
const FILE: &str = "fixtures.toml";

/// The name under which the session keeps the models.
const MODELS: &str = "models";

/// What to save, and how the harness packs it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    /// The seed of the networks.
    pub seed: u64,
    /// The saved scale.
    pub intensity_scale: f64,
    /// How the entries are compressed.
    pub compression: Compression,
    /// Whether the manifest has the tag of the backend.
    pub tagged: bool,
    /// Sentinels in place of the networks.
    #[serde(default)]
    pub sentinels: IndexMap<String, String>,
    /// The configuration: its `kind`, and its fields.
    pub config: Map,
}

/// Why a bundle was not made.
#[derive(Debug)]
pub(super) enum Failure {
    /// The implementation refused, or saved something else than it described.
    Refused(String),
    /// The session stopped responding.
    Lost(SessionError),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

/// The blueprints of a suite by the name of the fixture, in the order of the file.
///
/// # Errors
/// When the suite has none, or the file is invalid.
pub fn blueprints(suite: &Suite) -> Result<IndexMap<String, Blueprint>, String> {
    let text = suite.file(FILE).ok_or_else(|| format!("the suite has no {FILE}"))?;
    toml::from_str(&text).map_err(|error| format!("{FILE}: {error}"))
}

impl Blueprint {
    /// Lets the implementation create and save the models in the session's directory, and packs the bundle. Returns the
    /// models as the implementation described them.
    pub(super) fn save(&self, session: &mut dyn Session, directory: &Path) -> Result<Models, Failure> {
        let config = self.config()?;
        let create = CreateModels {
            config: config.clone(),
            seed: self.seed,
            sentinels: self.sentinels.clone(),
            only: None,
            name: MODELS.to_owned(),
        };
        let models = response_of(session.create_models(&create), session)?;
        let save = SaveTorchBundle {
            models: MODELS.to_owned(),
            base_path: BASE_NAME.to_owned(),
            config,
            intensity_scale: Some(self.intensity_scale),
        };
        response_of(session.save_torch_bundle(&save), session)?;
        self.pack(&directory.join(ARCHIVE_NAME), &models)?;
        Ok(models)
    }

    fn config(&self) -> Result<ConfigRequest, String> {
        let mut values = self.config.clone();
        let kind = values.shift_remove("kind").unwrap_or(Value::None);
        let kind =
            ConfigKind::deserialize(kind).map_err(|error| format!("kind of the configuration: {error}"))?;
        Ok(ConfigRequest { kind, values })
    }

    /// Packs the bundle as the blueprint says, after a comparison with what the implementation described: a bundle with
    /// other tensors is not what it can be asked to load.
    fn pack(&self, archive: &Path, models: &Models) -> Result<(), String> {
        let saved = read_bundle(archive).map_err(|error| format!("cannot read the saved bundle: {error}"))?;
        let described: Models =
            saved.models.iter().map(|(name, model)| (name.clone(), (&model.state).into())).collect();
        if let Some((expected, found)) = differences(&models_value(models), &models_value(&described)) {
            return Err(format!(
                "it saved other models than it described: expected {expected}, found {found}"
            ));
        }
        let key = "backend".to_owned();
        let tag = match (self.tagged, saved.backend) {
            (true, None) => Some(BundleEdit::SetManifest { key, value: Value::from(PYTORCH_BACKEND) }),
            (false, Some(_)) => Some(BundleEdit::DropManifest { key }),
            (true, Some(_)) | (false, None) => None,
        };
        let edits = tag.into_iter().chain([BundleEdit::Recompress { method: self.compression }]);
        for edit in edits {
            apply_edit(archive, &edit).map_err(|refusal| refusal.to_string())?;
        }
        Ok(())
    }
}

fn response_of<T>(response: Result<T, Refusal>, session: &dyn Session) -> Result<T, Failure> {
    match session.lost() {
        Some(lost) => Err(Failure::Lost(lost)),
        // A crash is not a refusal of this bundle.
        None => response.map_err(|refusal| {
            if refusal.kind == RefusalKind::Internal {
                Failure::Lost(SessionError::Crash(refusal.message))
            } else {
                Failure::Refused(refusal.to_string())
            }
        }),
    }
}
