//! The context of a session.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::Deadline;

/// The capability of running without a module that is installed.
pub const WITHOUT: &str = "without";

/// The environment variable with the modules that cannot be imported, separated by commas.
pub const WITHOUT_MODULES: &str = "BUNDLEPROOF_WITHOUT";

/// The capability of running with a limit to the length of files.
pub const FILE_LIMIT: &str = "file_limit";

/// The environment variable with the bytes of the longest file that can be written.
pub const MAX_FILE_BYTES: &str = "BUNDLEPROOF_MAX_FILE_BYTES";

/// The directory, environment and deadline given to a session.
///
/// It replaces the global state of a process: a session reads this and never the real working directory, environment
/// or globals.
#[derive(Clone, Debug)]
pub struct SessionContext {
    root: PathBuf,
    environment: BTreeMap<String, String>,
    /// The variables of this session alone.
    own_variables: BTreeMap<String, String>,
    deadline: Option<Deadline>,
    needs: Vec<String>,
    new_process: bool,
    ends_process: bool,
}

impl SessionContext {
    /// The context of a new process.
    pub fn new(root: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self {
            root,
            environment,
            own_variables: BTreeMap::new(),
            deadline: None,
            needs: Vec::new(),
            new_process: false,
            ends_process: false,
        }
    }

    /// Sets the deadline.
    pub fn with_deadline(self, deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Sets the operations and capabilities that the check needs.
    pub fn with_needs(self, needs: Vec<String>) -> Self {
        Self { needs, ..self }
    }

    /// Sets variables for this session alone, which needs a process of its own for them.
    pub fn with_own_variables(mut self, variables: BTreeMap<String, String>) -> Self {
        if variables.is_empty() {
            return self;
        }
        self.environment.extend(variables.clone());
        Self { own_variables: variables, ..self }.with_new_process().with_end_of_process()
    }

    /// The variables of this session alone.
    pub fn own_variables(&self) -> &BTreeMap<String, String> {
        &self.own_variables
    }

    /// Whether a module must not be used, although it may be installed.
    pub fn is_without(&self, module: &str) -> bool {
        let without = self.environment.get(WITHOUT_MODULES);
        without.is_some_and(|modules| modules.split(',').any(|own| own == module))
    }

    /// The bytes of the longest file that can be written, if there is a limit.
    pub fn max_file_bytes(&self) -> Option<u64> {
        self.environment.get(MAX_FILE_BYTES)?.parse().ok()
    }

    /// Asks for a process that no other session had.
    pub fn with_new_process(self) -> Self {
        Self { new_process: true, ..self }
    }

    /// Asks that the process end with the session.
    pub fn with_end_of_process(self) -> Self {
        Self { ends_process: true, ..self }
    }

    /// Whether the session must have a process that no other session had.
    pub fn has_new_process(&self) -> bool {
        self.new_process
    }

    /// Whether the process must end with the session.
    pub fn ends_process(&self) -> bool {
        self.ends_process
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
