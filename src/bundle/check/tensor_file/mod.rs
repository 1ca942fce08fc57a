//! Files that are not bundles: of `torch.save`, of NumPy (`.npz`, `.npy`) and safetensors, and pickles. What is in them, and
//! what is odd.
//!
//! Reading order: [`FileKind`] (which of them a file is), [`read`] (its tensors with digests and statistics, and the
//! findings), `torch` (what only a file of `torch.save` has),
//! `archive_kind` (what an archive is instead), `findings`, [`compare`] (the differences between two of them). Nothing in a file is executed.

mod archive_kind;
mod arrays;
mod difference;
mod file;
mod findings;
mod kind;
mod pickle;
mod read;
mod torch;

pub use difference::compare;
pub use file::{TensorFile, TorchFacts};
pub use kind::FileKind;
pub(crate) use kind::{bundle_next_to, is_unpacked_torch};
pub use read::read;
