//! The reference with exactly one requirement broken, many times over.
//!
//! A mutant takes one decision of the [`Policy`] otherwise, or is the reference behind one [`Twist`] of what goes
//! into it or comes out of it. A twist sees of a refusal its kind and its facts and never its words, which a better
//! message may change. None crashes or hangs: those are no ways of breaking a requirement.

mod cause;
mod config;
mod execution;
mod hook;
mod load;
mod policy;
mod save;
mod workflow;

use self::hook::{Twist, TwistedSession};
use crate::bundle::nouns::Policy;
use crate::{
    bundle::implementations::reference::Reference,
    harness::{
        World,
        implementation::{Implementation, OWN_VERSION, Session, supported},
    },
};

/// One way of being wrong, named after what it does.
#[derive(Clone, Copy)]
pub struct Mutant {
    /// The name used in case files.
    pub name: &'static str,
    /// The requirement it breaks.
    pub breaks: &'static str,
    /// Where the real system was seen to do this, when it was.
    pub finding: Option<&'static str>,
    how: How,
}

/// How a mutant differs from the reference.
#[derive(Clone, Copy)]
enum How {
    /// It takes one decision otherwise.
    Decides(Policy),
    /// One thing that goes in or comes out is changed.
    Twisted(Twist),
}

/// Every mutant: those that decide otherwise, then the twisted ones in the order of the contract's sections.
pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    [policy::MUTANTS, config::MUTANTS, save::MUTANTS, load::MUTANTS, workflow::MUTANTS, execution::MUTANTS]
        .into_iter()
        .flatten()
}

impl Implementation for Mutant {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        OWN_VERSION
    }

    fn supports(&self, need: &str) -> bool {
        supported(need)
    }

    fn start(&self, world: World) -> Box<dyn Session> {
        match self.how {
            How::Decides(policy) => Reference::with_policy(self.name, policy).start(world),
            How::Twisted(twist) => {
                let session = Reference::with_policy(self.name, Policy::CONTRACT).session(world);
                Box::new(TwistedSession::new(session, twist))
            }
        }
    }
}

/// Declares twisted mutants as rows: name, requirement, the real finding if there is one, the twist.
macro_rules! twisted {
    ($($name:ident breaks $requirement:literal $(as $finding:literal)?: $kind:ident($change:expr);)+) => {
        pub(crate) const MUTANTS: &[super::Mutant] = &[$(super::Mutant {
            name: stringify!($name),
            breaks: $requirement,
            finding: twisted!(@finding $($finding)?),
            how: super::How::Twisted(super::hook::Twist::$kind($change)),
        }),+];
    };
    (@finding) => { None };
    (@finding $finding:literal) => { Some($finding) };
}

use twisted;
