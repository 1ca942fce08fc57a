//! The ledger: the state of each row of a plan, computed from the reports of a store.

mod blocked;
mod evidence;
mod history;
mod markdown;
mod outcome_index;
mod plan_ledger;
mod render;
mod report_view;
pub(crate) mod row_index;
pub(crate) mod row_result;
mod rows;
mod verify;
mod walk;

pub use blocked::BlockedChecks;
pub use evidence::keep_evidence;
pub use history::PlanAttempt;
pub use outcome_index::OutcomeIndex;
pub use plan_ledger::Ledger;
pub use row_result::{RowResult, RowStatus};
pub use rows::{LedgerRow, RowAttempt, State, Transition};
pub use verify::{MAX_LEDGER_BYTES, Mismatch};
