//! Files that are not bundles: of `torch.save`, of NumPy (`.npz`) and safetensors. What is in them, and what is odd.
//!
//! Reading order: [`FileKind`] (which of them a file is), [`read`] (its tensors with digests and statistics, and the
//! findings), `torch` (what only a file of `torch.save` has), `findings`. Nothing in a file is executed.

mod arrays;
mod file;
mod findings;
mod kind;
mod read;
mod torch;

pub use file::{TensorFile, TorchFacts};
pub use kind::FileKind;
pub(crate) use kind::bundle_next_to;
pub use read::read;
