//! What can be put under test, and the three that come with the suite.
//!
//! An [`Implementation`] is started once for each run of a case and answers as a [`Session`] that owns
//! its [`World`]. Nothing here is global, so that cases run side by side. One in another language is a
//! [`Remote`]: a program that answers the [`protocol`]; [`serve`] puts one of this process behind the same.

use std::sync::Arc;

use super::{Refusal, RefusalKind, World};
use crate::{
    bundle::{
        implementations::{Stub, mutants::mutants, reference::Reference},
        nouns::Params,
        operations::{
            request::{
                CreateModels, FIXTURE_NETWORKS, FORWARD, Forward, GetParam, LoadDataset,
                LoadInferenceBundleTorch, LoadInferenceBundleWithBackend, LoadTorchBundle, OPERATIONS,
                RunCdiExampleTorch, RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict,
                ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, Models, Output, Workflow},
        },
    },
    value::Value,
};

/// A saver, loader and workflow that a suite can be run on.
pub trait Implementation: Send + Sync {
    /// The name used in case files, on the command line and in reports.
    fn name(&self) -> &str;

    /// Its version: a release or a revision.
    fn version(&self) -> &str;

    /// Whether it has this operation, or one of the [`ABILITIES`](crate::bundle::operations::request::ABILITIES). A
    /// case that needs what it has not is `unsupported`, and is not run.
    fn supports(&self, need: &str) -> bool;

    /// Starts it afresh: the params are those of a new process, and no model exists.
    fn start(&self, world: World) -> Box<dyn Session>;

    /// Ends whatever it has running. Nothing is asked afterwards.
    fn end(&self) {}
}

/// Why there is no answer any more, and none to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No answer within the deadline, in milliseconds.
    Timeout(u64),
    /// It ended.
    Crash(String),
    /// It answered something else than an answer.
    Protocol(String),
    /// It was not asked, for this reason.
    NotAsked(String),
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
/// nothing else. One that is not written refuses as `not_implemented`; leave its operation out of what
/// [`Implementation::supports`] says, and no case asks for it.
pub trait Session {
    /// Goes back to the params of a new process and forgets every model. Files stay.
    fn reset(&mut self) -> Result<(), Refusal>;

    /// A copy of the params of the process.
    fn params(&mut self) -> Result<Params, Refusal>;

    /// See [`SetParams`].
    fn set_params(&mut self, _request: &SetParams) -> Result<(), Refusal> {
        Err(not_implemented("set_params"))
    }

    /// See [`GetParam`].
    fn get_param(&mut self, _request: &GetParam) -> Result<Value, Refusal> {
        Err(not_implemented("get_param"))
    }

    /// See [`ValidateConfig`].
    fn validate_config(&mut self, _request: &ValidateConfig) -> Result<(), Refusal> {
        Err(not_implemented("validate_config"))
    }

    /// See [`UpdateLegacyDict`].
    fn update_legacy_dict(&mut self, _request: &UpdateLegacyDict) -> Result<(), Refusal> {
        Err(not_implemented("update_legacy_dict"))
    }

    /// See [`CreateModels`].
    fn create_models(&mut self, _request: &CreateModels) -> Result<Models, Refusal> {
        Err(not_implemented("create_models"))
    }

    /// See [`SaveTorchBundle`].
    fn save_torch_bundle(&mut self, _request: &SaveTorchBundle) -> Result<(), Refusal> {
        Err(not_implemented("save_torch_bundle"))
    }

    /// See [`LoadTorchBundle`].
    fn load_torch_bundle(&mut self, _request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        Err(not_implemented("load_torch_bundle"))
    }

    /// See [`RunCdiExampleTorch`].
    fn run_cdi_example_torch(&mut self, _request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        Err(not_implemented("run_cdi_example_torch"))
    }

    /// See [`LoadInferenceBundleTorch`].
    fn load_inference_bundle_torch(
        &mut self,
        _request: &LoadInferenceBundleTorch,
    ) -> Result<Loaded, Refusal> {
        Err(not_implemented("load_inference_bundle_torch"))
    }

    /// See [`RunCdiExampleWithBackend`].
    fn run_cdi_example_with_backend(
        &mut self,
        _request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        Err(not_implemented("run_cdi_example_with_backend"))
    }

    /// See [`LoadInferenceBundleWithBackend`].
    fn load_inference_bundle_with_backend(
        &mut self,
        _request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        Err(not_implemented("load_inference_bundle_with_backend"))
    }

    /// See [`LoadDataset`].
    fn load_dataset(&mut self, _request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        Err(not_implemented("load_dataset"))
    }

    /// See [`Forward`].
    fn forward(&mut self, _request: &Forward) -> Result<Output, Refusal> {
        Err(not_implemented("forward"))
    }

    /// Why nothing was answered, after a method returned without an answer. What it returned counts for nothing
    /// then. Only what is not of this process can be lost.
    fn lost(&self) -> Option<Lost> {
        None
    }

    /// Called after the last step: whether everything was answered once and nothing besides.
    fn finish(&mut self) -> Option<Lost> {
        None
    }
}

/// The version of the implementations that come with the suite, which are part of it.
pub(crate) const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn not_implemented(operation: &str) -> Refusal {
    Refusal::new(RefusalKind::NotImplemented, format!("it has no {operation}"))
}

/// What the implementations that come with the suite have: every operation but the one that executes networks, and
/// the networks of the fixtures.
pub(crate) fn supported(need: &str) -> bool {
    (OPERATIONS.contains(&need) && need != FORWARD) || need == FIXTURE_NETWORKS
}
