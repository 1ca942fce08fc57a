//! `model.pth`: what `torch.save` makes of a state dict, without torch (BUN-010).
//!
//! The file is a zip archive: `data.pkl` describes the tensors and `data/<key>` holds the bytes of each
//! storage. A tensor is a view of a storage by offset, shape and strides.
//!
//! Reading order: [`Outline`] (what `data.pkl` says), [`scan`] (the elements as they pass), [`read`] (all
//! of it in memory), [`write()`].

pub(crate) mod entries;
mod outline;
pub(crate) mod read;
pub(crate) mod scan;
mod streaming;
pub(crate) mod view;
pub(crate) mod write;

pub use outline::{NetworkOutline, Outline, StorageOutline, TensorOutline, TorchValue, read_value};
pub(crate) use read::Storages;
pub use read::read;
pub use scan::{ElementVisitor, scan};
pub(crate) use streaming::forward;
pub use write::write;

/// What every file before PyTorch 1.6 starts with, after the two bytes of the pickle protocol.
const LEGACY_MAGIC: &[u8] = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
