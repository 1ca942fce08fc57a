//! harness/ledger.

mod render;
pub(crate) mod row_result;
mod rows;

pub use row_result::{RowResult, RowStatus};
pub use rows::{Ledger, LedgerRow, RowAttempt, State};
