//! How an adapter is started, and how long it may take.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

/// The program of an implementation: the table `[launch]` of its file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The program and its arguments. A program without `/` is looked for in `PATH`.
    pub command: Vec<String>,
    /// Where it is started; the current directory when it is not said.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// Variables beside those of the caller and of the suite.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether a process is used for more than one case.
    #[serde(default)]
    pub process: Reuse,
    /// How often a process that was lost is replaced, over the whole run.
    #[serde(default = "restarts")]
    pub restarts: u32,
    /// How long it may take.
    #[serde(default)]
    pub deadlines: Timeouts,
}

impl Launch {
    /// A program with everything else as it is by default.
    pub fn command(command: Vec<String>) -> Self {
        Self {
            command,
            directory: None,
            environment: BTreeMap::new(),
            process: Reuse::default(),
            restarts: restarts(),
            deadlines: Timeouts::default(),
        }
    }
}

/// Whether a process is used for more than one case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// One process goes from case to case, with a `reset` between them.
    #[default]
    Reused,
    /// Each case has a process of its own.
    PerCase,
}

/// How long an adapter may take, each in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From its start to the answer to `initialize`.
    pub start: u32,
    /// One call.
    pub call: u32,
    /// One case, with all its calls; the option `--deadline` when it is not said.
    pub case: Option<u32>,
    /// Everything that is asked of it in one run.
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
