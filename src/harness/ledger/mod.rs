//! The ledger: the state of each row of a plan, computed from the reports of a store.

mod blocked;
mod outcome_index;
mod render;
pub(crate) mod row_result;
mod rows;

pub use blocked::BlockedChecks;
pub use outcome_index::OutcomeIndex;
pub use row_result::{RowResult, RowStatus};
pub use rows::{Ledger, LedgerRow, RowAttempt, State};
