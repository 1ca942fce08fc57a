//! What an implementation may see of the world.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::adapter::client::Deadline;
use crate::bundle::implementations::Engine;
use crate::bundle::nouns::ParamsStore;

/// A root directory, an environment and a params store, owned by one session.
///
/// It stands for what a process has once: a session reads and changes this and never the real working
/// directory, environment or globals.
#[derive(Debug)]
pub struct World {
    root: PathBuf,
    environment: BTreeMap<String, String>,
    until: Option<Deadline>,
    engine: Option<Arc<dyn Engine>>,
    executes: bool,
    /// The params of the process.
    pub params: ParamsStore,
}

impl World {
    /// A world as a new process finds it.
    pub fn new(root: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { root, environment, until: None, engine: None, executes: false, params: ParamsStore::new() }
    }

    /// The same, of which nothing is left after this deadline.
    pub fn until(self, end: Deadline) -> Self {
        Self { until: Some(end), ..self }
    }

    /// The same, in which networks can be executed.
    pub fn with_engine(self, engine: Arc<dyn Engine>) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// What executes networks, where anything does.
    pub(crate) fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.engine.as_ref()
    }

    /// The same, for a case in which networks must be executed.
    pub fn executing(self, executes: bool) -> Self {
        Self { executes, ..self }
    }

    /// Whether networks must be executed in it.
    pub(crate) fn executes(&self) -> bool {
        self.executes
    }

    /// The environment.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        self.environment.clone()
    }

    /// When it ends, for an implementation that could not be stopped otherwise.
    pub(crate) fn end(&self) -> Option<Deadline> {
        self.until
    }

    /// The directory that relative paths start at.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path leads: a relative one starts at the root, as at a working directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path))
    }

    /// One variable of the environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }
}
