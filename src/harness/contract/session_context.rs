//! The context of a session.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::Deadline;

/// The directory, environment and deadline given to a session.
///
/// It replaces the global state of a process: a session reads this and never the real working directory, environment
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

    /// Sets the deadline.
    pub fn with_deadline(self, deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Sets the operations and capabilities that the check needs.
    pub fn with_needs(self, needs: Vec<String>) -> Self {
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

    /// When the session must have ended, if there is a limit.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// The directory that relative paths are resolved against.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Resolves a path against the root directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
