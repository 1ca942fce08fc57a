//! One step of a case.

use std::ops::Range;

use super::{Action, Expectation, ExpectationKind};

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

impl Step {
    /// Whether it has expectations about a refusal.
    pub fn may_be_refused(&self) -> bool {
        let speaks = |condition: &ExpectationKind| {
            condition.expects_refusal() || matches!(condition, ExpectationKind::Succeeds(_))
        };
        self.expectations.iter().any(|named| speaks(&named.expectation.condition))
    }
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
