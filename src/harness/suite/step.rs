//! One step of a case.

use std::ops::Range;

use super::{Action, Expectation};

/// An operation, and what must hold after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The operation.
    pub action: Action,
    /// The line of the operation, from 1.
    pub line: usize,
    /// What must hold; a step without expectations must not be refused.
    pub expectations: Vec<NamedExpectation>,
}

/// An expectation with the name that red entries use.
#[derive(Clone, Debug)]
pub struct NamedExpectation {
    /// The name.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// What must hold.
    pub expectation: Expectation,
}

/// The positions of a step and its expectations in the file.
pub(super) struct Spans {
    pub(super) action: Range<usize>,
    pub(super) expectations: Vec<Range<usize>>,
}
