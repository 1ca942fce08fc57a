//! Why reports are not the parts of one run.

use super::Part;

/// Why reports cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There are no reports.
    #[error("expected the reports of all parts, found none")]
    NoParts,
    /// The report of an unpartitioned run.
    #[error("{name}: not a partition; expected the report of `run --partition I/N`")]
    NotAPart {
        /// The report.
        name: String,
    },
    /// A part of a run with another number of parts.
    #[error("{name}: part {found}; expected a part of {}, as {first} is part {expected}", expected.of())]
    OtherCount {
        /// The report.
        name: String,
        /// Its part.
        found: Part,
        /// The first report.
        first: String,
        /// The part of the first report.
        expected: Part,
    },
    /// Something else is different than in the first report.
    #[error("{name}: {what} {found}; expected {expected}, as in {first}")]
    Differs {
        /// The report.
        name: String,
        /// The field in words.
        what: String,
        /// Its value.
        found: String,
        /// The first report.
        first: String,
        /// The value in the first report.
        expected: String,
    },
    /// Two reports of one part.
    #[error("part {part} is given twice: {first} and {second}")]
    Repeated {
        /// The part.
        part: Part,
        /// A report of it.
        first: String,
        /// Another one.
        second: String,
    },
    /// Parts without a report.
    #[error("missing {}", missing_parts(first, *missing))]
    Missing {
        /// The first missing parts.
        first: Vec<Part>,
        /// The number of missing parts.
        missing: usize,
    },
    /// The positions are not those of the outcomes.
    #[error("{name}: expected an ascending position below {planned} for each of {outcomes} outcomes")]
    Positions {
        /// The report.
        name: String,
        /// The number of planned checks of the run.
        planned: usize,
        /// The number of outcomes of the part.
        outcomes: usize,
    },
    /// A check that another part runs.
    #[error("{name}: check {check} does not belong to part {part}")]
    OtherPart {
        /// The report.
        name: String,
        /// The check.
        check: String,
        /// The part.
        part: Part,
    },
    /// Too few or too many outcomes, or two at one position.
    #[error("the parts have {found} of {planned} planned checks")]
    NotWhole {
        /// The number of positions with an outcome.
        found: usize,
        /// The number of planned checks of the run.
        planned: usize,
    },
    /// The parts record another inventory than they have together.
    #[error("the parts together plan other checks than the run: inventory {found}; expected {expected}")]
    OtherInventory {
        /// The digest of the merged inventory.
        found: String,
        /// The digest that the parts recorded.
        expected: String,
    },
    /// A part cannot be represented as JSON.
    #[error("failed to compare the parts: {0}")]
    Json(#[from] serde_json::Error),
}

/// `part 2/3`, or `parts 2/3, 3/3`, with the number of those that are not named.
fn missing_parts(first: &[Part], missing: usize) -> String {
    let named: Vec<String> = first.iter().map(Part::to_string).collect();
    let more = missing.saturating_sub(named.len());
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} {}{rest}", if missing == 1 { "part" } else { "parts" }, named.join(", "))
}
