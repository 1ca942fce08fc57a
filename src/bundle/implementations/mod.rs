//! The built-in implementations: the reference, the stub and every mutant.
//!
//! Reading order: [`mod@reference`] (the contract as a program), `process` (the state of one process of an implementation),
//! `mutants` (the reference with one requirement broken), `stub` (the state of the system before phase D4), [`Engine`] and
//! `torch_backed` (networks that are really executed).

mod engine;
mod mutants;
mod process;
pub mod reference;
mod stub;
mod torch_backed;

pub use engine::Engine;
pub use torch_backed::{NoTorch, TorchProgram, with_torch};

use std::sync::Arc;

use self::{
    mutants::{How, MutantSession, all_mutants, may_differ},
    process::Process,
    reference::ReferenceSession,
    stub::StubSession,
};
use super::{
    nouns::{Persistence, Policy},
    operations::{
        FIXTURE_NETWORKS, OPERATIONS, OperationRequest as _, PATH_TYPES, TORCH, Typed, request::Forward,
    },
};
use crate::harness::contract::{
    BuiltIn, BuiltInRole, CallLog, EVENTS, FILE_LIMIT, Implementation, Session, SessionContext, WARNINGS,
    WITHOUT,
};

/// The reference, the stub and every mutant. With an engine, networks are executed and really trained.
pub fn built_ins(engine: Option<Arc<dyn Engine>>) -> Vec<BuiltIn> {
    let built_in = |name, how, role| {
        let implementation = Arc::new(OwnImplementation { name, how, engine: engine.clone() });
        BuiltIn { implementation, role }
    };
    let reference = built_in("reference", How::Decides(Policy::CONTRACT), BuiltInRole::Reference);
    let stub = built_in("stub", How::Stub, BuiltInRole::Stub);
    let mutants = all_mutants().map(|mutant| {
        let role =
            BuiltInRole::Mutant { breaks: mutant.breaks.into(), finding: mutant.finding.map(Into::into) };
        built_in(mutant.name, mutant.how, role)
    });
    [reference, stub].into_iter().chain(mutants).collect()
}

/// The reference, which meets the contract and does not need torch.
pub fn reference() -> Arc<dyn Implementation> {
    Arc::new(OwnImplementation { name: "reference", how: How::Decides(Policy::CONTRACT), engine: None })
}

struct OwnImplementation {
    name: &'static str,
    how: How,
    engine: Option<Arc<dyn Engine>>,
}

impl Implementation for OwnImplementation {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// Every operation except for `forward`, and the networks of the fixtures; with an engine, everything.
    fn supports(&self, need: &str) -> bool {
        match need {
            Forward::NAME | TORCH => self.engine.is_some(),
            FIXTURE_NETWORKS | PATH_TYPES | WARNINGS | EVENTS | WITHOUT | FILE_LIMIT => true,
            operation => OPERATIONS.iter().any(|known| known.name == operation),
        }
    }

    fn may_differ(&self, calls: &CallLog) -> bool {
        may_differ(self.how, calls)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let process = Process::new(context, self.engine.clone());
        match self.how {
            How::Decides(policy) => Box::new(Typed(ReferenceSession::new(policy, process))),
            How::Hooked(hook) => {
                Box::new(MutantSession::new(ReferenceSession::new(Policy::CONTRACT, process), hook))
            }
            How::Stub => {
                let policy = Policy { persistence: Persistence::Never, ..Policy::CONTRACT };
                Box::new(StubSession(Typed(ReferenceSession::new(policy, process))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_a_name_a_version_and_capabilities() {
        let reference = reference();
        assert_eq!((reference.name(), reference.version()), ("reference", env!("CARGO_PKG_VERSION")));
        let needs = ["load_torch_bundle", "fixture_networks", "load_tensorflow_bundle", ""];
        assert_eq!(needs.map(|need| reference.supports(need)), [true, true, false, false]);
    }
}
