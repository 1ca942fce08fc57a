//! bundle/implementations.

mod engine;
pub mod mutants;
pub mod reference;
mod stub;
mod torch_backed;

pub use engine::Engine;
pub use stub::Stub;
pub use torch_backed::{NoTorch, TorchProgram, with_torch};
