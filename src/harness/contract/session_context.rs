//! What a session is given to work in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::harness::adapter::client::Deadline;

/// The directory, environment and deadline given to a session.
///
/// It stands for what a process has once: a session reads this and never the real working directory, environment
/// or globals.
#[derive(Clone, Debug)]
pub struct SessionContext {
    root: PathBuf,
    environment: BTreeMap<String, String>,
    deadline: Option<Deadline>,
    needs: Vec<String>,
}

impl SessionContext {
    /// The context of a new process.
    pub fn new(root: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { root, environment, deadline: None, needs: Vec::new() }
    }

    /// The same, of which nothing is left after this deadline.
    pub fn until(self, deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same, for a check that needs these operations and capabilities.
    pub fn needing(self, needs: Vec<String>) -> Self {
        Self { needs, ..self }
    }

    /// Whether the check needs this operation or capability.
    pub fn needs(&self, need: &str) -> bool {
        self.needs.iter().any(|own| own == need)
    }

    /// The environment variables by name.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// When the session must have ended, if there is such a time.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// The directory that relative paths start at.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path leads: a relative one starts at the root, as at a working directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
