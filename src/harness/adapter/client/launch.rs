//! How an adapter is started, and its time limits.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::harness::adapter::limits::Limits;

/// The program of an implementation: the table `[launch]` of its file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The program and its arguments. A program without `/` is searched in `PATH`.
    pub command: Vec<String>,
    /// The working directory; the current one if absent.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// Variables in addition to those that all processes have.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The names of variables that the caller hands on, in addition to those that every adapter gets. `A_*` stands for all
    /// that begin with `A_`.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// Whether a process is reused for more than one case.
    #[serde(default)]
    pub process: Reuse,
    /// The maximum number of restarts in one run.
    #[serde(default = "restarts")]
    pub restarts: u32,
    /// Its time limits.
    #[serde(default)]
    pub deadlines: Timeouts,
    /// What each of its processes may use; nothing is limited without a supervisor.
    #[serde(default)]
    pub limits: Limits,
    /// The `bundleproof` program that starts it, and ends all that it started. Without one, processes that leave its
    /// process group survive it.
    #[serde(skip)]
    pub supervisor: Option<PathBuf>,
    /// Where it may write, besides the directories of its own; anywhere if absent. Needs a supervisor.
    #[serde(skip)]
    pub sandbox: Option<PathBuf>,
}

impl Launch {
    /// A program with default settings.
    pub fn command(command: Vec<String>) -> Self {
        Self {
            command,
            directory: None,
            environment: BTreeMap::new(),
            inherit: Vec::new(),
            process: Reuse::default(),
            restarts: restarts(),
            deadlines: Timeouts::default(),
            limits: Limits::default(),
            supervisor: None,
            sandbox: None,
        }
    }
}

/// Whether a process is reused for more than one case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// One process runs many cases, with a `reset` before each.
    #[default]
    Reused,
    /// Each case has its own process.
    PerCase,
}

/// Time limits of an adapter, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From the start of the process to the response to `initialize`.
    pub start: u32,
    /// One call.
    pub call: u32,
    /// One case, with all its calls; defaults to the option `--deadline`.
    pub case: Option<u32>,
    /// All calls of one run.
    pub run: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { start: 60, call: 60, case: None, run: 3600 }
    }
}

impl Timeouts {
    pub(super) fn start(self) -> Duration {
        Duration::from_secs(self.start.into())
    }

    pub(super) fn call(self) -> Duration {
        Duration::from_secs(self.call.into())
    }

    pub(super) fn run(self) -> Duration {
        Duration::from_secs(self.run.into())
    }
}

fn restarts() -> u32 {
    20
}
