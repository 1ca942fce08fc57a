//! The mutants: the reference with exactly one requirement broken each.
//!
//! A mutant changes one decision of the [`Policy`], or adds one [`Hook`] to the reference, which changes a request, a
//! response or an effect. A hook sees the kind and the facts of a refusal and never its message, so messages can be
//! reworded. No mutant crashes or hangs, since neither breaks a particular requirement.

mod cause;
mod config;
mod execution;
mod hook;
mod load;
mod mutant_session;
mod policy;
mod save;
mod workflow;

pub(super) use self::{hook::Hook, mutant_session::MutantSession};

use super::How;

/// One faulty implementation, named after what it does.
#[derive(Clone, Copy)]
pub(super) struct Mutant {
    /// The id of the mutant in case files.
    pub(super) name: &'static str,
    /// The id of the broken requirement.
    pub(super) breaks: &'static str,
    /// The revision or finding in which the real system did this, if any.
    pub(super) finding: Option<&'static str>,
    /// How it differs from the reference.
    pub(super) how: How,
}

/// All mutants: first those with a changed policy, then those with a hook, in the order of the contract's sections.
pub(super) fn all_mutants() -> impl Iterator<Item = &'static Mutant> {
    [policy::MUTANTS, config::MUTANTS, save::MUTANTS, load::MUTANTS, workflow::MUTANTS, execution::MUTANTS]
        .into_iter()
        .flatten()
}

/// Declares mutants with a hook, one for each row: id, broken requirement, the real finding if any, the hook.
macro_rules! mutants {
    ($($name:ident breaks $requirement:literal $(as $finding:literal)?: $kind:ident($change:expr);)+) => {
        pub(crate) const MUTANTS: &[super::Mutant] = &[$(super::Mutant {
            name: stringify!($name),
            breaks: $requirement,
            finding: mutants!(@finding $($finding)?),
            how: crate::bundle::implementations::How::Hooked(super::hook::Hook::$kind($change)),
        }),+];
    };
    (@finding) => { None };
    (@finding $finding:literal) => { Some($finding) };
}

use mutants;
