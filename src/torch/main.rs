//! `bundleproof-torch`: the implementations of the suite on libtorch, behind the adapter protocol.
//!
//! It is a separate program, so `bundleproof` starts without libtorch, and a network that crashes libtorch fails only
//! one case.

mod network;
mod training;

use std::sync::Arc;

use bundleproof::{
    bundle::{
        files::{Dataset, Inputs},
        implementations::Engine,
        nouns::TrainingConfig,
    },
    cli::{Exit, serve},
    harness::contract::{Refusal, RefusalKind},
    torch_files::{ModelState, StateDict, Tensor},
};
use clap::Parser;
use indexmap::IndexMap;

use network::Network;

/// Serves an implementation of the suite that executes networks, behind the adapter protocol
///
/// `bundleproof` starts it for the cases that need torch.
#[derive(Debug, Parser)]
#[command(name = "bundleproof-torch", version)]
struct Arguments {
    /// The reference, the stub, or the name of a mutant
    #[arg(long = "impl", value_name = "NAME", default_value = "reference")]
    implementation: String,
}

fn main() -> Exit {
    let arguments = Arguments::parse();
    // The number of threads changes the order of sums, and with it their last bits.
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    serve(&arguments.implementation, Some(Arc::new(Torch)))
}

/// Executes networks on the CPU through libtorch.
#[derive(Debug)]
struct Torch;

impl Engine for Torch {
    fn forward(&self, role: &str, state: &StateDict, inputs: &Inputs) -> Result<Tensor, Refusal> {
        let network = Network::of(role, state)?;
        network.fits(inputs.channels, inputs.side)?;
        let output =
            tch::no_grad(|| network.exit_waves(&network::Batch::of(inputs)?, false)).map_err(refused)?;
        network::complex64(&output).map_err(refused)
    }

    fn train(
        &self,
        models: &mut IndexMap<String, ModelState>,
        data: &Dataset,
        training: &TrainingConfig,
    ) -> Result<Vec<f64>, Refusal> {
        let mut networks: Vec<(&mut StateDict, Network)> = Vec::new();
        for (role, state) in models {
            if let ModelState::Network(state) = state {
                let network = Network::of(role, state)?;
                network.fits(network.channels(), data.pattern_side)?;
                networks.push((state, network));
            }
        }
        let only: Vec<&mut Network> = networks.iter_mut().map(|(_, network)| network).collect();
        let losses = training::train(only, data, training).map_err(refused)?;
        for (state, network) in networks {
            *state = network.state().map_err(refused)?;
        }
        Ok(losses)
    }
}

/// Converts an error of libtorch. Such errors concern shapes or memory, since the input was checked before.
fn refused(error: tch::TchError) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("libtorch: {error}"))
}
