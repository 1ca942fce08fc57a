//! The interface to a program that executes networks.

use std::fmt::Debug;

use indexmap::IndexMap;

use crate::{
    bundle::{
        files::{Dataset, Inputs},
        nouns::TrainingConfig,
    },
    harness::contract::Refusal,
    torch_files::{ModelState, StateDict, Tensor},
};

/// Executes the networks of the reference (EXE-001, EXE-002).
///
/// The suite itself has no engine and is built without torch; the program `bundleproof-torch` is the suite with one.
pub trait Engine: Debug + Send + Sync {
    /// The output of a network with this role and state: complex64 `[B, C, N, N]`.
    ///
    /// # Errors
    /// `mismatch` when the inputs do not fit the network.
    fn forward(&self, role: &str, state: &StateDict, inputs: &Inputs) -> Result<Tensor, Refusal>;

    /// Trains the networks among these models on a dataset, and returns the loss after each epoch: the mean over both
    /// networks, dimensionless.
    ///
    /// # Errors
    /// `mismatch` when the patterns do not fit a network.
    fn train(
        &self,
        models: &mut IndexMap<String, ModelState>,
        data: &Dataset,
        training: &TrainingConfig,
    ) -> Result<Vec<f64>, Refusal>;
}
