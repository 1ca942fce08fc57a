//! Inspection of a bundle on disk: its content, and the requirements that it breaks.
//!
//! No implementation is needed, and nothing of the bundle is executed. Reading order: [`Finding`], [`check()`] (every
//! requirement that a file alone can break), [`tensor_file`] (files that are not bundles), [`describe`] (the content,
//! for a person), [`compare`] (the differences between two bundles). `rules` has the requirements for pickled manifests, `json_manifest` the published rules for
//! bundles of later revisions ([`TORCH_MANIFEST_RULES`]). Files of any size are read in little memory.

mod budget;
pub(crate) mod check_report;
mod description;
mod diagnose;
mod difference;
mod element_difference;
mod element_visitor;
pub(crate) mod explain;
mod finder;
mod finding;
mod instead;
pub(crate) mod json_manifest;
mod network_rules;
mod non_finite;
mod number;
mod parallel;
mod parts;
mod resemblance;
pub(crate) mod rules;
mod statistics;
pub mod tensor_file;
mod tensor_stream;

pub(crate) use check_report::is_unpacked;
pub use check_report::{CheckReport, archive_in, check, check_opened};
pub use description::{
    Description, EntryCount, ModelContents, StateDetails, TensorDetails, Unread, describe,
};
pub use difference::{BundleDifference, Difference, ParamDifference, TensorDifference, compare};
pub use finding::{Finding, Findings, MAX_FINDINGS, Severity};
pub use json_manifest::{PublishedRule, TORCH_MANIFEST_RULES};
pub use number::Number;
pub use parallel::ProgressFn;
pub use statistics::Statistics;
pub(crate) use tensor_file::is_unpacked_torch;
pub use tensor_file::{FileKind, TensorFile, TorchFacts};
