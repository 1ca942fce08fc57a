//! Proves that the suite can fail: runs every check on every faulty implementation.
//!
//! A [`KillMatrix`] combines the outcomes of each check on the stub and on every mutant, and lists each [`Problem`]: a
//! check that kills nothing, an expectation that never fails, a mutant that survives. A [`Proven`] file records the
//! results by the digest of each case, so that a run can report cases without a current proof, and [`Remains`] says what a
//! changed case lost. [`Coverage`] lists the requirements with the cases that test them. [`Weakened`] says which parts of the expectations are needed. The implementations, and what they
//! break, are passed in.

mod adversaries;
mod changes;
mod coverage;
mod kill_matrix;
mod loss;
pub mod observation;
mod page;
mod problem;
mod proven;
mod reached;
mod set_aside;
mod weakening;

pub use adversaries::AdversaryProof;
pub use changes::changes;
pub use coverage::{Coverage, CoverageCounts, CoverageState, CoveredRequirement, CoveringCase};
pub use kill_matrix::{
    CheckProof, Counts, ExpectationProof, FaultyImplementation, KillMatrix, MutantProof, RequirementProof,
};
pub use loss::{Loss, Remains, Renamed};
pub use page::markdown;
pub use problem::Problem;
pub use proven::{PROVEN, Proven, ProvenCase, ProvenError};
pub use reached::{CallLogger, Reached, logged};
pub use set_aside::{SetAside, Skipped};
pub use weakening::{
    FailedExpectation, NeededBy, Part, Parts, PartsWitness, UnneededPart, Weakened, needed_observations,
    rerun, search_parts,
};
