//! Zip archives, pickles, NumPy arrays and PyTorch files: bytes to values and back.
//!
//! Nothing here knows the contract of a bundle; [`crate::bundle::files`] puts these parts together.
//!
//! Reading order: [`FormatError`] (where and what is wrong with a file), [`limits`], [`OtherFormat`] (what is recognized and not read), [`zip`] (archives), [`pickle`] (Python
//! objects), `json` (the same as JSON text), `npy` (one array of a dataset), `npz` and `safetensors`
//! (files of arrays, which `arrays` passes on), `tensor` (the result), and [`torch`] (`model.pth`, which uses all of them).
//!
//! Invariants. Every byte is untrusted: no function panics on any input, and every error names the file, the entry
//! and the offset as far as they are known. No memory is allocated from an announced length before that length was
//! compared with the bytes that are there and with a constant of [`limits`]. Nothing is executed: a pickle is data.

pub(crate) mod arrays;
mod dtype;
pub(crate) mod error;
pub(crate) mod json;
pub mod limits;
pub(crate) mod npy;
pub(crate) mod npz;
pub(crate) mod other_format;
pub mod pickle;
mod recognize;
pub(crate) mod safetensors;
mod tensor;
pub mod torch;
pub mod zip;

pub use dtype::{Dtype, Numbers};
pub use error::{ArrayRule, FormatError, FormatErrorKind, Place};
pub use other_format::OtherFormat;
pub use tensor::{ModelState, StateDict, Tensor};
