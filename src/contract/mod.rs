//! The nouns of the bundle contract, and nothing that reads or writes.
//!
//! Reading order: [`Value`] and [`Params`] (what a configuration is made of), [`TrainingConfig`] and
//! [`InferenceConfig`] (what a person writes down), [`bridge`] (how the second becomes the first),
//! [`Tensor`] and [`ModelState`] (what a network is), [`Bundle`] (what is saved), [`Refusal`] (what
//! is answered instead), [`operation`] and [`answer`] (what can be asked, and what comes back), and
//! [`Policy`] (every decision of the contract, as data).

pub mod answer;
pub mod bridge;
mod bundle;
pub mod config;
mod execution;
mod literal;
pub(crate) mod notation;
pub mod operation;
mod params;
mod policy;
mod refusal;
mod rule;
mod tensor;
mod value;

pub use bundle::{
    ARCHIVE_NAME, BASE_NAME, Bundle, BundledModel, MANIFEST_ENTRY, MAX_MODEL_NAME_BYTES, Manifest,
    PYTORCH_BACKEND, ROLES, SCALING_ENTRY, VERSION, VERSION_KEY, model_entry, params_entry, plain_model_name,
};
pub use config::{Configuration, InferenceConfig, ModelConfig, TrainingConfig};
pub use execution::{
    Accelerator, CheckpointMode, Deterministic, Devices, ExecutionConfig, GateMode, Precision,
};
pub use params::{Params, ParamsStore};
pub use policy::*;
pub use refusal::{Facts, NamedRule, Native, Refusal, RefusalKind};
pub use rule::Rule;
pub use tensor::{Digest, Dtype, ModelState, StateDict, Tensor};
pub use value::{Map, Value};
