//! Which parts of the expectations are needed: some faulty implementation fails the whole, and would pass without the
//! part.
//!
//! No check runs again for this on the faulty implementations of a proof: a [`PartsWitness`] judges every weaker
//! expectation for the facts of the runs that the proof makes anyway. [`Parts`] combines that with the kills. Only for parts
//! that no mutant needs, [`search_parts`] runs their checks on mechanical faults of what the reference shows.
//!
//! Reading order: `witness`, `parts`, `aim` (faults of what a part is compared with), `breaker` (all others), `search`, `recorded`, `report`.

mod aim;
mod breaker;
mod parts;
mod recorded;
mod report;
mod search;
mod witness;

pub use parts::{NeededBy, Part, Parts};
pub use recorded::{needed_observations, rerun};
pub use report::{UnneededPart, Weakened};
pub use search::search_parts;
pub use witness::{FailedExpectation, PartsWitness};
