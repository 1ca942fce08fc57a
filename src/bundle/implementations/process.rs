//! The state that a real implementation has once in a process.

use std::{path::PathBuf, sync::Arc};

use super::Engine;
use crate::{
    bundle::nouns::ParamsStore,
    harness::contract::{Notices, SessionContext},
};

/// The directory, the params and the engine of one session of the reference.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its directory and environment.
    pub(crate) context: SessionContext,
    engine: Option<Arc<dyn Engine>>,
    /// The params of the process.
    pub(crate) params: ParamsStore,
    /// What was reported since it was last asked for.
    pub(crate) notices: Notices,
}

impl Process {
    /// A new process, which executes networks when there is an engine.
    pub(crate) fn new(context: SessionContext, engine: Option<Arc<dyn Engine>>) -> Self {
        Self { context, engine, params: ParamsStore::new(), notices: Notices::default() }
    }

    /// The program that executes networks, if any.
    pub(crate) fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.engine.as_ref()
    }

    /// Reports that a part of a workflow begins.
    pub(crate) fn begins(&mut self, event: &str) {
        self.notices.extend(Notices { events: vec![event.to_owned()], ..Notices::default() });
    }

    /// Reports a warning.
    pub(crate) fn warn(&mut self, warning: &str) {
        self.notices.extend(Notices { warnings: vec![warning.to_owned()], ..Notices::default() });
    }

    /// Resolves a path. A relative path starts at the session's directory, as if that were the working directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.context.path(path)
    }
}
