//! The files of the contract: bundles, datasets and the inputs of a network.
//!
//! Reading order: `bundle_file` ([`BundleReader`], [`write_bundle`]), `bundle_weights` (the part about weights), `json_bundle` (the
//! same with the JSON manifest of later revisions), `another_archive` (what an archive without a manifest is), `dataset` and `inputs` (`.npz` files), `known_files` (what was read from files by their bytes), `refusal`
//! (how an error of a file becomes a refusal with a rule), `bundle_edit` and `apply_edit` (the changes that a case makes
//! to the bundle of an implementation: `edit_entries` those of whole entries, `raw_archive` the bytes of archives that no
//! library writes, `storing` weights that are stored in other ways, `trap` the pickles that call a function), `file_parts` (what a fault changes in a bundle, mechanically).
//!
//! Invariants: a reader never panics on input and never allocates from an unchecked length: sizes are bounded by
//! [`limits`](crate::torch_files::limits) and follow the bytes that are there. Readers accept any bundle that can be
//! understood; whether an implementation may load it is decided in the reference.

mod another_archive;
pub(crate) mod apply_edit;
mod bundle_edit;
mod bundle_file;
mod bundle_weights;
mod dataset;
mod edit_entries;
mod edit_result;
mod file_parts;
mod inputs;
mod json_bundle;
mod known_files;
mod raw_archive;
mod refusal;
mod storing;
mod trap;

pub(crate) use apply_edit::ALTER_BUNDLE;
pub use bundle_edit::{BundleEdit, Call, Compression, Content, Cut, EditBundle};
pub use bundle_file::{BundleReader, Snapshot, read_bundle, write_bundle};
pub use dataset::{Dataset, read_dataset, read_opened_dataset};
pub(crate) use file_parts::{file_changes, file_parts, write_file_parts};
pub use inputs::{Inputs, read_inputs};
pub(crate) use known_files::KnownFiles;
pub use refusal::refusal_facts;
pub(crate) use refusal::refusal_kind;
pub use storing::Storing;
