//! Proves the suite itself: what every check makes of everything that breaks a requirement.
//!
//! A [`Matrix`] is folded from the outcomes of each check on the stub and on every mutant, and names each
//! [`Problem`]: a check that kills nothing, an expectation that never fails, a mutant that survives. What was
//! proven is kept in a [`Proven`], by the digest of each case, so that a run can say which cases are not.
//! Which implementations there are, and what they break, is handed in.

mod kill_matrix;
mod page;
mod problem;
mod proven;

pub use kill_matrix::{
    CheckProof, Counts, ExpectationProof, FaultyImplementation, Matrix, MutantProof, RequirementProof,
};
pub use page::markdown;
pub use problem::Problem;
pub use proven::{PROVEN, Proven, ProvenCase, ProvenError};
