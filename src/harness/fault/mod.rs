//! Faults: what an implementation with one mistake does otherwise, as data.
//!
//! A [`Fault`] says at which operation, when, and what is done. [`FaultyImplementation`] puts faults between the runner
//! and any implementation. A fault knows no contract: it changes fields of requests and responses by their place, what
//! an observable shows by its key, and files through the contract's own [`change_file`](super::contract::Contract::change_file).
//!
//! Reading order: `row` (the data), `when` (the conditions), `place` and `change` (one change of a value), `other_value`
//! (values that differ from a given one), `overlay` (observables that show something else), `case_file` (files by name),
//! `session` and `implementation` (the faults at work), `reach` (the runs in which they are not).

mod case_file;
mod change;
mod implementation;
mod one_or_more;
mod other_value;
mod overlay;
mod place;
mod reach;
mod row;
mod session;
#[cfg(test)]
mod session_tests;
mod when;

pub use case_file::CaseFile;
pub use change::Change;
pub use implementation::FaultyImplementation;
pub use other_value::{altered, retyped};
pub use place::{Place, Segment};
pub use row::{Act, Fault, OtherRefusal};
pub(crate) use session::{notices_fields, transported};
pub use when::{FieldIs, RefusedFor, TextPattern, When};
