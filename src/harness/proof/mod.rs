//! Proves that the suite can fail: runs every check on every faulty implementation.
//!
//! A [`KillMatrix`] combines the outcomes of each check on the stub and on every mutant, and lists each [`Problem`]: a
//! check that kills nothing, an expectation that never fails, a mutant that survives. A [`Proven`] file records the
//! results by the digest of each case, so that a run can report cases without a current proof. The implementations, and
//! what they break, are passed in.

mod adversaries;
mod kill_matrix;
pub mod observation;
mod page;
mod problem;
mod proven;
mod weakening;

pub use adversaries::AdversaryProof;
pub use kill_matrix::{
    CheckProof, Counts, ExpectationProof, FaultyImplementation, KillMatrix, MutantProof, RequirementProof,
};
pub use page::markdown;
pub use problem::Problem;
pub use proven::{PROVEN, Proven, ProvenCase, ProvenError};
pub use weakening::{Part, PartsWitness, UnneededPart, Weakened};
