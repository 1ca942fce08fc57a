//! What a bundle on disk holds, and which requirements of the contract it breaks.
//!
//! Nothing here needs an implementation, and nothing of the bundle is executed. Reading order: [`Finding`],
//! [`check()`] (every requirement that can be seen in a file), [`describe`] (what is inside, for a person),
//! [`compare`] (what two bundles have differently). Files of any size are read in little memory.

pub(crate) mod check_report;
mod description;
mod diagnose;
mod difference;
mod element_visitor;
mod finding;
mod non_finite;
mod parallel;
pub(crate) mod rules;
mod statistics;
mod tensor_stream;

pub use check_report::{CheckReport, ProgressFn, archive_in, check};
pub use description::{
    Description, EntryCount, ModelContents, StateDetails, TensorDetails, Unread, describe,
};
pub use difference::{BundleDifference, Difference, ParamDifference, TensorDifference, compare};
pub use finding::{Finding, Findings, MAX_FINDINGS, Severity};
pub use statistics::Statistics;
