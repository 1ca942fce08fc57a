//! The data types of the bundle contract, without any I/O.
//!
//! Reading order: [`Params`] (a flat configuration, and the store that a process shares), [`ModelConfig`],
//! [`TrainingConfig`], [`InferenceConfig`] and [`ExecutionConfig`] (typed configurations), [`legacy_params`] (from a typed
//! configuration to the flat one), [`Bundle`] (the content of an archive), [`Rule`] (the rules that a refusal names), and
//! [`Policy`] (every decision of the contract, as data).

mod closed_set;
mod config;
mod era;
mod execution_config;
mod layout;
pub mod legacy_params;
mod limit;
mod params;
mod policy;
mod rule;

pub use closed_set::FilePath;
pub use config::{ConfigField, Configuration, InferenceConfig, ModelConfig, TrainingConfig};
pub use era::ERAS;
pub use execution_config::{
    Accelerator, CheckpointMode, Deterministic, Devices, ExecutionConfig, GateMode, Precision,
};
pub use layout::{
    ARCHIVE_NAME, BASE_NAME, Bundle, BundledModel, Container, JSON_MANIFEST_ENTRY, JSON_MANIFEST_VERSION,
    JSON_PARAMS_FILE, JsonManifest, JsonTags, MANIFEST_ENTRY, MAX_MODEL_NAME_BYTES, Manifest,
    PYTORCH_BACKEND, ROLES, SCALE_KEY, SCALING_ENTRY, VERSION, VERSION_KEY, json_params_entry, model_entry,
    params_entry, plain_model_name,
};
pub use limit::Limit;
pub use params::{PARAMS, Params, ParamsStore};
pub use policy::{
    ArchiveName, BackendTag, Bridged, Bridging, DisagreeingParams, ForeignArchives, InferenceLoader,
    IntensityScale, Overwrite, Persistence, Policy, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys,
    ReturnedParams, Roles, SaveParams, SavedModels, SavedState, Sentinels, Snapshot, Training, Weights,
};
pub use rule::Rule;
