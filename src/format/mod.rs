//! Bytes <-> the nouns of [`contract`](crate::contract), under stated limits.
//!
//! Everything here reads files of strangers. Nothing in them is ever executed (LOD-013); no reader panics
//! on any input; none allocates from a length that was not checked against the bytes that are there or
//! against one of [`limits`]. A refusal is a [`FormatError`], which says where and what.
//!
//! Reading order: [`Archive`] (zip), [`pickle`] (Python's objects), [`state_dict`] (`model.pth`),
//! [`BundleReader`] and [`write_bundle`] (`wts.h5.zip`), [`read_dataset`] and [`read_inputs`] (`.npz`). These readers take
//! any bundle; what a network or a configuration must look like is decided elsewhere.

mod archive;
mod bundle;
mod case_twins;
mod coverage;
mod dataset;
mod directory;
mod error;
mod inputs;
pub mod limits;
mod npy;
pub mod pickle;
mod sparse;
pub mod state_dict;
mod sweep;
mod view;
mod writer;

pub use archive::{Archive, Entry};
pub use bundle::{BundleReader, Snapshot, read_bundle, write_bundle};
pub use dataset::{Dataset, read_dataset};
pub use error::{FormatError, FormatErrorKind, Place};
pub use inputs::{Inputs, read_inputs};
pub use writer::rewrite_archive;
