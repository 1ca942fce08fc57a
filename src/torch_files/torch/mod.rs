//! `model.pth`: the file that `torch.save` writes for a state dict, read and written without torch (BUN-010).
//!
//! The file is a zip archive: `data.pkl` describes the tensors, and `data/<key>` holds the bytes of each storage. A
//! tensor is a view of a storage, given by offset, shape and strides in elements. `legacy` reads the format before that.
//!
//! Reading order: `entries` (torch must read the same entries), [`Outline`] (tensors and storages, which
//! `description` reads from `data.pkl` with `parser`), `view` and `lazy` (which elements of a storage a tensor has, and
//! what torch makes of them), [`scan`] (all elements in one pass, without holding the file;
//! `streaming` does this for a deflated entry), [`read`] (everything in memory), [`scan_file`] (any other file of
//! torch, of which `contents` goes through all objects, and `fails`, `arguments` with the `signatures` of functions, `attributes`, `together` and `states` find those that torch cannot make), [`write()`].
//!
//! Invariants: a storage has exactly the bytes that `data.pkl` announces, and a tensor lies inside its storage, before
//! any element is read; tensors much larger than their storages are refused before they are allocated.

mod arguments;
mod attributes;
mod contents;
mod description;
mod elements;
pub(crate) mod entries;
mod fails;
mod lazy;
mod legacy;
mod outline;
mod parser;
pub(crate) mod read;
mod refused;
pub(crate) mod scan;
mod sides;
mod signatures;
mod source;
mod states;
mod storage_class;
mod streaming;
mod together;
mod torch_file;
mod unsafe_objects;
pub(crate) mod view;
pub(crate) mod write;

pub use contents::Item;
pub use description::{TorchValue, read_value};
pub use elements::ElementVisitor;
pub use lazy::Lazy;
pub(crate) use legacy::is_legacy;
pub use outline::{NetworkOutline, Outline, StorageOutline, TensorOutline};
pub(crate) use read::Storages;
pub use read::read;
pub(crate) use refused::torch_refuses;
pub use scan::scan;
pub use source::TorchFormat;
pub(crate) use streaming::scan_stream;
pub use torch_file::{AskedGlobal, TorchContent, TorchFile, scan_file};
pub use unsafe_objects::UnsafeObject;
pub use write::write;
