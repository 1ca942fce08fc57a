//! Zip archives, pickles and PyTorch files: bytes to values and back, under stated limits.

pub(crate) mod error;
pub mod limits;
pub(crate) mod npy;
pub mod pickle;
mod tensor;
pub mod torch;
pub mod zip;

pub use error::{ArrayRule, FormatError, FormatErrorKind, Place};
pub use tensor::{Dtype, ModelState, StateDict, Tensor};
