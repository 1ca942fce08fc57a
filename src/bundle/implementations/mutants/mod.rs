//! The reference with exactly one requirement broken, many times over.
//!
//! A mutant takes one decision of the [`Policy`] otherwise, or is the reference behind one [`Hook`] of what goes
//! into it or comes out of it. A hook sees of a refusal its kind and its facts and never its words, which a better
//! message may change. None crashes or hangs: those are no ways of breaking a requirement.

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

/// One way of being wrong, named after what it does.
#[derive(Clone, Copy)]
pub(super) struct Mutant {
    /// The name used in case files.
    pub(super) name: &'static str,
    /// The requirement it breaks.
    pub(super) breaks: &'static str,
    /// Where the real system was seen to do this, when it was.
    pub(super) finding: Option<&'static str>,
    /// How it differs from the reference.
    pub(super) how: How,
}

/// Every mutant: those that decide otherwise, then the twisted ones in the order of the contract's sections.
pub(super) fn mutants() -> impl Iterator<Item = &'static Mutant> {
    [policy::MUTANTS, config::MUTANTS, save::MUTANTS, load::MUTANTS, workflow::MUTANTS, execution::MUTANTS]
        .into_iter()
        .flatten()
}

/// Declares twisted mutants as rows: name, requirement, the real finding if there is one, the twist.
macro_rules! twisted {
    ($($name:ident breaks $requirement:literal $(as $finding:literal)?: $kind:ident($change:expr);)+) => {
        pub(crate) const MUTANTS: &[super::Mutant] = &[$(super::Mutant {
            name: stringify!($name),
            breaks: $requirement,
            finding: twisted!(@finding $($finding)?),
            how: crate::bundle::implementations::How::Hooked(super::hook::Hook::$kind($change)),
        }),+];
    };
    (@finding) => { None };
    (@finding $finding:literal) => { Some($finding) };
}

use twisted;
