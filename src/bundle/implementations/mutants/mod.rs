//! The mutants that faults cannot describe: the reference with exactly one requirement broken each. All others are rows of
//! the suite's `mutants/*.toml`.
//!
//! A mutant changes one decision of the [`Policy`], or adds one [`Hook`] to the reference, which changes a request, a
//! response or an effect. A hook sees the kind and the facts of a refusal and never its message, so messages can be
//! reworded. No mutant crashes or hangs, since neither breaks a particular requirement.

mod cause;
mod config;
mod edge;
mod execution;
mod hook;
mod load;
mod mutant;
mod mutant_session;
mod policy;
mod reach;
mod save;
mod surroundings;
mod workflow;

pub(super) use self::{mutant::How, mutant_session::MutantSession, reach::may_differ};

use self::mutant::Mutant;

/// These mutants: first those with a changed policy, then those with a hook, in the order of the contract's sections.
pub(super) fn all_mutants() -> impl Iterator<Item = &'static Mutant> {
    [
        policy::MUTANTS,
        config::MUTANTS,
        save::MUTANTS,
        load::MUTANTS,
        workflow::MUTANTS,
        execution::MUTANTS,
        edge::MUTANTS,
        surroundings::MUTANTS,
    ]
    .into_iter()
    .flatten()
}
