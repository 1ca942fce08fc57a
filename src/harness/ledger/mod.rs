//! harness/ledger.

mod render;
pub(crate) mod row_result;
mod rows;

pub use row_result::{Attempt, Meaning};
pub use rows::{Ledger, LedgerRow, RowAttempt, State};
