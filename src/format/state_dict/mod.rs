//! `model.pth`: what `torch.save` makes of a state dict, without torch (BUN-10).
//!
//! The file is a zip archive: `data.pkl` describes the tensors and `data/<key>` holds the bytes of each
//! storage. A tensor is a view of a storage by offset, shape and strides; [`read`] makes it contiguous.

mod read;
mod write;

pub use read::read;
pub use write::write;

/// What every file before PyTorch 1.6 starts with, after the two bytes of the pickle protocol.
const LEGACY_MAGIC: &[u8] = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
