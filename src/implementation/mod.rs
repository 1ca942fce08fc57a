//! What can be put under test, and the three that come with the suite.
//!
//! An [`Implementation`] is started once for each run of a case and answers as a [`Session`] that owns
//! its [`World`]. Nothing here is global, so that cases run side by side.

mod mutants;
mod reference;
mod stub;
mod world;

use std::sync::Arc;

use crate::contract::{
    Params, Refusal, Value,
    answer::{DatasetDescription, Loaded, LoadedModel, Models, Workflow},
    operation::{
        CreateModels, GetParam, LoadDataset, LoadInferenceBundleTorch, LoadInferenceBundleWithBackend,
        LoadTorchBundle, RunCdiExampleTorch, RunCdiExampleWithBackend, SaveTorchBundle, SetParams,
        UpdateLegacyDict, ValidateConfig,
    },
};

pub use mutants::{Mutant, mutants};
pub use reference::{Blueprint, Reference, intensity_scale};
pub use stub::Stub;
pub use world::World;

/// A saver, loader and workflow that a suite can be run on.
pub trait Implementation: Send + Sync {
    /// The name used in case files, on the command line and in reports.
    fn name(&self) -> &str;

    /// Whether it can do what a case needs beyond the operations, such as `torch`.
    fn supports(&self, need: &str) -> bool;

    /// Starts it afresh: the params are those of a new process, and no model exists.
    fn start(&self, world: World) -> Box<dyn Session>;
}

/// Those that come with the suite: the reference, the stub and every mutant.
pub fn built_in() -> Vec<Arc<dyn Implementation>> {
    let mut all: Vec<Arc<dyn Implementation>> = vec![Arc::new(Reference::CONTRACT), Arc::new(Stub)];
    all.extend(mutants().map(|mutant| Arc::new(*mutant) as Arc<dyn Implementation>));
    all
}

/// An implementation at work on one case: a method for each operation of the contract.
///
/// A method answers or refuses. It may panic and it may hang; either costs that case its verdict and
/// nothing else.
pub trait Session {
    /// Goes back to the params of a new process and forgets every model. Files stay.
    fn reset(&mut self) -> Result<(), Refusal>;

    /// A copy of the params of the process.
    fn params(&mut self) -> Result<Params, Refusal>;

    /// See [`SetParams`].
    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal>;

    /// See [`GetParam`].
    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal>;

    /// See [`ValidateConfig`].
    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal>;

    /// See [`UpdateLegacyDict`].
    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal>;

    /// See [`CreateModels`].
    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal>;

    /// See [`SaveTorchBundle`].
    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal>;

    /// See [`LoadTorchBundle`].
    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal>;

    /// See [`RunCdiExampleTorch`].
    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal>;

    /// See [`LoadInferenceBundleTorch`].
    fn load_inference_bundle_torch(&mut self, request: &LoadInferenceBundleTorch) -> Result<Loaded, Refusal>;

    /// See [`RunCdiExampleWithBackend`].
    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal>;

    /// See [`LoadInferenceBundleWithBackend`].
    fn load_inference_bundle_with_backend(
        &mut self,
        request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal>;

    /// See [`LoadDataset`].
    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal>;
}
