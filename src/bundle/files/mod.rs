//! bundle/files.

pub(crate) mod apply_edit;
mod bundle_edit;
mod bundle_file;
mod dataset;
mod inputs;
mod refusal;

pub(crate) use bundle_edit::ALTER_BUNDLE;
pub use bundle_edit::{BundleEdit, EditBundle};
pub use bundle_file::{BundleReader, Snapshot, read_bundle, write_bundle};
pub use dataset::{Dataset, read_dataset};
pub use inputs::{Inputs, read_inputs};
pub use refusal::refusal_facts;
pub(crate) use refusal::refusal_kind;
