//! A witness sees the facts of every expectation that is judged.

use crate::harness::suite::{NamedExpectation, StepFacts};

/// What is asked of the facts of a run besides its verdict, without another run.
///
/// Checks run in parallel, each in a thread of its own.
pub trait Witness: Send + Sync {
    /// An expectation was judged, with these facts.
    fn judged(&self, judged: &Judged<'_>, facts: &dyn StepFacts);
}

/// An expectation that was judged, and where.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The check's id.
    pub check: &'a str,
    /// The name of the implementation.
    pub implementation: &'a str,
    /// The expectation.
    pub expectation: &'a NamedExpectation,
    /// Whether it holds.
    pub holds: bool,
}
