//! What an implementation may see of the world.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::Deadline;
use crate::contract::ParamsStore;

/// A root directory, an environment and a params store, owned by one session.
///
/// It stands for what a process has once: a session reads and changes this and never the real working
/// directory, environment or globals.
#[derive(Debug)]
pub struct World {
    root: PathBuf,
    environment: BTreeMap<String, String>,
    until: Option<Deadline>,
    /// The params of the process.
    pub params: ParamsStore,
}

impl World {
    /// A world as a new process finds it.
    pub fn new(root: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { root, environment, until: None, params: ParamsStore::new() }
    }

    /// The same, of which nothing is left after this deadline.
    pub fn until(self, end: Deadline) -> Self {
        Self { until: Some(end), ..self }
    }

    /// When it ends, for an implementation that could not be stopped otherwise.
    pub(super) fn end(&self) -> Option<Deadline> {
        self.until
    }

    /// The directory that relative paths start at.
    pub(super) fn root(&self) -> &Path {
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
