//! Results of other test runners, read from JUnit files, as evidence for the rows of a plan.
//!
//! [`read_junit`] reads a file, [`select`] finds the tests that a plan names, and makes an outcome of each. The rules are
//! those of the suite: a red result counts only if the body of the test failed for the stated reason.

mod failure;
mod junit_reader;
mod select;
mod test_id;

pub use junit_reader::{JunitError, JunitTest, MAX_JUNIT_BYTES, read_junit};
pub use select::{SelectError, select};
