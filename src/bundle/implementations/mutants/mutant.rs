//! One mutant, and the macro for tables of mutants with a hook.

use super::hook::Hook;
use crate::bundle::nouns::Policy;

/// One faulty implementation, named after what it does.
#[derive(Clone, Copy)]
pub(in crate::bundle::implementations) struct Mutant {
    /// The id of the mutant in case files.
    pub(in crate::bundle::implementations) name: &'static str,
    /// The id of the broken requirement.
    pub(in crate::bundle::implementations) breaks: &'static str,
    /// The revision or finding in which the real system did this, if any.
    pub(in crate::bundle::implementations) finding: Option<&'static str>,
    /// How it differs from the reference.
    pub(in crate::bundle::implementations) how: How,
}

/// How an implementation differs from the reference.
#[derive(Clone, Copy)]
pub(in crate::bundle::implementations) enum How {
    /// It follows this policy.
    Decides(Policy),
    /// This hook changes one of its requests, responses or effects.
    Hooked(Hook),
    /// It behaves like the system before phase D4.
    Stub,
}

/// Declares mutants with a hook, one for each row: id, broken requirement, the real finding if any, the hook.
macro_rules! mutants {
    ($($name:ident breaks $requirement:literal $(as $finding:literal)?: $kind:ident $(($change:expr))?;)+) => {
        pub(crate) const MUTANTS: &[super::mutant::Mutant] = &[$(super::mutant::Mutant {
            name: stringify!($name),
            breaks: $requirement,
            finding: mutants!(@finding $($finding)?),
            how: super::mutant::How::Hooked(super::hook::Hook::$kind $(($change))?),
        }),+];
    };
    (@finding) => { None };
    (@finding $finding:literal) => { Some($finding) };
}

pub(super) use mutants;
