//! Compares two runs: what regressed, what was fixed, what is new, and what else differs that may explain it.
//!
//! A [`Snapshot`] is one side, from a report or a baseline file. [`Comparison::of`] is a pure function of two of them;
//! the renderings are functions of the comparison.

mod baseline_file;
mod change;
mod check_result;
mod comparison;
mod history;
mod html;
mod json;
mod markdown;
mod pairing;
mod snapshot;
#[cfg(test)]
mod test_sides;
mod text;

pub use baseline_file::{BaselineError, MAX_BASELINE_BYTES, read_baseline, write_baseline};
pub use change::{Change, new_reasons};
pub use check_result::{CheckResult, PhaseResult, Seen, Standing};
pub use comparison::{ComparedCheck, Comparison, EnvironmentChange};
pub use history::History;
pub use json::ComparisonJson;
pub use pairing::Sides;
pub use snapshot::Snapshot;
