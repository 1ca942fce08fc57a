//! The check whether an expectation holds.

use super::{
    facts::{Mismatch, StepFacts},
    files,
    kind::ExpectationKind,
    lists, maps, numbers,
};

impl ExpectationKind {
    /// Checks whether it holds.
    ///
    /// # Errors
    /// Expected and actual, if it does not hold. An unavailable value fails every expectation about it.
    pub fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        match self {
            Self::Equal(compared) => maps::equal(facts, compared),
            Self::Subset(compared) => maps::subset(facts, compared),
            Self::NotEqual(sides) => maps::not_equal(facts, sides),
            Self::MissingKeys((map, keys)) => maps::missing_keys(facts, map, keys),
            Self::Unchanged(reference) => maps::unchanged(facts, reference),
            Self::Near((actual, others)) => numbers::near(facts, actual, others),
            Self::Close((actual, other, tolerance)) => numbers::close(facts, actual, other, *tolerance),
            Self::Decreases(list) => numbers::decreases(facts, list),
            Self::Finite(list) => numbers::finite(facts, list),
            Self::Count((list, expected)) => lists::count(facts, list, *expected),
            Self::Order((list, items)) => lists::order(facts, list, items),
            Self::Matches((text, pattern)) => lists::matches(facts, text, pattern, true),
            Self::NoMatch((text, pattern)) => lists::matches(facts, text, pattern, false),
            Self::Refused(wanted) => wanted.judge(facts),
            Self::Says(words) => words.judge(facts),
            Self::Succeeds(_) => match facts.refusal() {
                None => Ok(()),
                Some(refusal) => Err(Mismatch::new("no refusal", format!("refused: {refusal}"))),
            },
            Self::Exists(path) => files::exists(facts, path),
            Self::Absent(path) => files::absent(facts, path),
            Self::Bytes([actual, expected]) => files::same_bytes(facts, actual, expected),
            Self::Entries([actual, expected]) => files::same_entries(facts, actual, expected),
            Self::Files(files) => files.judge(facts),
        }
    }
}
