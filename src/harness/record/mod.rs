//! The contents of reports: runs, planned checks, environments, and the chain of a store.

mod broken_requirement;
mod case_texts;
pub(crate) mod chain;
mod conformance;
mod control;
mod durations;
mod environment;
mod implementation_record;
mod imported;
mod inventory;
pub(crate) mod layout;
mod merge;
mod merge_error;
mod partition;
mod protected;
pub(crate) mod run_record;
#[cfg(test)]
mod schema;
mod timestamp;

pub use broken_requirement::{BrokenAt, BrokenBy, BrokenRequirement};
pub use case_texts::case_texts;
pub use chain::{Attempt, Chain, MAX_NUMBER, Predecessor, RunTimes};
pub use conformance::{ConformanceSummary, RequirementRecord, Target};
pub use control::{Control, ControlResult, ControlVariant, NotTried};
pub use durations::{CheckDuration, Durations};
pub use environment::{Binary, Environment, Platform};
pub use implementation_record::{FileDigest, ImplementationRecord};
pub use imported::{Imported, ImportedFile, copy_name};
pub use inventory::{Discrepancy, DiscrepancyKind, Inventory, InventoryEntry};
pub use layout::{
    CHAIN, DURATIONS, ENVIRONMENT, INVENTORY, JUNIT, MATRIX_JSON, MATRIX_MARKDOWN, REPORT, RESULTS, SUMMARY,
    SUMS, plan_file,
};
pub use merge::{Merged, PartReport, merge};
pub use merge_error::MergeError;
pub use partition::{InvalidPart, Part, Partition};
pub use protected::{Protected, ProtectedChange, ProtectedFile};
pub use run_record::{Counts, FORMAT, ReadError, RunRecord};
pub use timestamp::{InvalidTimestamp, RunTimestamp};
