//! The nouns of the bundle contract, and nothing that reads or writes.
//!
//! Reading order: [`Value`] and [`Params`] (what a configuration is made of), [`TrainingConfig`] and
//! [`InferenceConfig`] (what a person writes down), [`bridge`] (how the second becomes the first),
//! [`Tensor`] and [`ModelState`] (what a network is), [`Bundle`] (what is saved), [`Refusal`] (what
//! is answered instead), [`operation`] and [`answer`] (what can be asked, and what comes back), and
//! [`Policy`] (every decision of the contract, as data).

mod closed_set;
mod config;
mod execution_config;
mod layout;
pub mod legacy_params;
mod params;
mod policy;
mod rule;

pub use config::{Configuration, InferenceConfig, ModelConfig, TrainingConfig};
pub use execution_config::{
    Accelerator, CheckpointMode, Deterministic, Devices, ExecutionConfig, GateMode, Precision,
};
pub use layout::{
    ARCHIVE_NAME, BASE_NAME, Bundle, BundledModel, MANIFEST_ENTRY, MAX_MODEL_NAME_BYTES, Manifest,
    PYTORCH_BACKEND, ROLES, SCALING_ENTRY, VERSION, VERSION_KEY, model_entry, params_entry, plain_model_name,
};
pub use params::{Params, ParamsStore};
pub use policy::{
    ArchiveName, BackendTag, Bridged, Bridging, DisagreeingParams, ForeignArchives, InferenceLoader,
    IntensityScale, Overwrite, Persistence, Policy, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys,
    ReturnedParams, Roles, SaveParams, SavedModels, SavedState, Sentinels, Snapshot, Training, Weights,
};
pub use rule::Rule;
