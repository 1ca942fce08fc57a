//! An adversary around an implementation, as an implementation.

use std::sync::{Arc, atomic::AtomicBool};

use super::{
    answers_everything::AnswersEverything, answers_from_memory::AnswersFromMemory, around::Around,
    forgets_side_effects::ForgetsSideEffects, kind::Adversary, refuses_everything::RefusesEverything,
    right_once::RightOnce, words::Words,
};
use crate::harness::contract::{Contract, Implementation, Session, SessionContext, Wrapper};

/// This adversary around an implementation of the contract.
pub fn wrapped(
    adversary: Adversary,
    inner: &Arc<dyn Implementation>,
    contract: &'static dyn Contract,
) -> Arc<dyn Implementation> {
    observed(adversary, inner, contract, Arc::default())
}

/// The same; the flag is set as soon as an answer differs from that of the implementation inside.
pub(super) fn observed(
    adversary: Adversary,
    inner: &Arc<dyn Implementation>,
    contract: &'static dyn Contract,
    affected: Arc<AtomicBool>,
) -> Arc<dyn Implementation> {
    Arc::new(Wrapped { adversary, inner: Arc::clone(inner), contract, affected })
}

struct Wrapped {
    adversary: Adversary,
    inner: Arc<dyn Implementation>,
    contract: &'static dyn Contract,
    affected: Arc<AtomicBool>,
}

impl Wrapper for Wrapped {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    fn name(&self) -> &str {
        self.adversary.name()
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let session = self.inner.start(context.clone());
        let (contract, affected) = (self.contract, Arc::clone(&self.affected));
        match self.adversary {
            Adversary::RefusesEverything => {
                let behavior = RefusesEverything::new(Words::of(contract));
                Around::boxed(behavior, session, contract, context, affected)
            }
            Adversary::AnswersEverything => {
                Around::boxed(AnswersEverything::default(), session, contract, context, affected)
            }
            Adversary::AnswersFromMemory => {
                Around::boxed(AnswersFromMemory::default(), session, contract, context, affected)
            }
            Adversary::ForgetsSideEffects => {
                Around::boxed(ForgetsSideEffects::default(), session, contract, context, affected)
            }
            Adversary::RightOnce => Around::boxed(RightOnce::default(), session, contract, context, affected),
        }
    }
}
