//! Expectations: what must hold after a step, and the check whether it does.
//!
//! Reading order: [`ExpectationKind`] and what a case file gives for each kind, what a kind refers to (`operands`), which
//! expectations are rejected because they cannot fail (`can_fail`), and the check (`judge`), with a file for each kind of
//! subject. Evaluation is pure: it sees only what [`StepFacts`] provides.

mod can_fail;
mod facts;
mod files;
mod judge;
mod kind;
mod lists;
mod maps;
mod numbers;
mod operands;
mod pattern;
mod refusal;

pub use facts::{Mismatch, StepFacts};
pub use files::FilesUnder;
pub(super) use kind::ExpectationTable;
pub use kind::{Compared, ExpectationKind};
pub(super) use operands::texts_in;
pub use pattern::Pattern;
pub use refusal::{RefusedAs, Words};

/// What must hold, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What must hold.
    pub condition: ExpectationKind,
    /// Why; the message of a failure.
    pub because: String,
    /// The requirements that it tests; all requirements of the case if empty.
    pub about: Vec<String>,
    /// Whether it is checked only after a refusal: it is about the state that a refusal leaves, or about its words.
    pub when_refused: bool,
}

impl TryFrom<ExpectationTable> for Expectation {
    type Error = String;

    fn try_from(table: ExpectationTable) -> Result<Self, String> {
        let (condition, rest) = table.condition()?;
        condition.can_fail()?;
        Ok(Self { condition, because: rest.because, about: rest.about, when_refused: rest.when_refused })
    }
}
