//! The adapter client: a program that speaks the [protocol](crate::harness::adapter::protocol), as an
//! [`Implementation`].
//!
//! A dead, hung, flooding or misbehaving adapter fails only the case that it was running: it is killed with all that it
//! started, and a new process is started, up to a limit. Every adapter is probed before the run.

mod connection;
mod launch;
mod pool;
mod probe;
mod process;
mod session;
mod trace;

pub use launch::{Launch, Reuse, Timeouts};
pub use trace::Trace;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    pool::{Pool, SpawnError},
    session::RemoteSession,
};
use crate::{
    harness::{
        adapter::protocol::{Initialized, PROTOCOL},
        contract::{Contract, Details, FILE_LIMIT, Implementation, Session, SessionContext, SessionError},
    },
    text::{line, truncated},
};

/// The longest name or version taken from an adapter, in characters.
const MAX_NAME: usize = 60;

/// The most versions and the most notes taken from an adapter.
const MAX_STATED: usize = 20;

/// The longest note taken from an adapter, in characters when it is shown.
const MAX_NOTE: usize = 200;

/// The note about an adapter in a sandbox. One that cannot have it is not started.
const SANDBOXED: &str = "it could write to the directories of its checks and of its own only, and use no TCP; permissions and \
                         times of other files could be changed";

/// A started and probed adapter.
#[derive(Debug)]
pub struct Remote {
    name: String,
    version: String,
    adapter: Initialized,
    pool: Arc<Pool>,
}

/// Why an adapter cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The program failed to start.
    #[error("failed to start {program}: {error}")]
    Spawn {
        /// The program.
        program: String,
        /// The cause.
        error: std::io::Error,
    },
    /// It sent no valid response to `initialize`.
    #[error("no response to initialize: {0}")]
    Silent(String),
    /// It sent no response to `initialize` in time.
    #[error(
        "no response to initialize within {milliseconds} ms; `start` in [launch.deadlines] of an implementation file \
         allows more"
    )]
    StartTimeout {
        /// The deadline in milliseconds.
        milliseconds: u64,
    },
    /// It speaks another version of the protocol.
    #[error("unsupported protocol version {0}; expected version {PROTOCOL}")]
    Version(u32),
    /// It names an era that the contract does not have.
    #[error("unknown era {found:?}; expected one of {}", known.join(", "))]
    Era {
        /// The era that it names.
        found: String,
        /// The eras of the contract.
        known: Vec<&'static str>,
    },
    /// It failed a probe.
    #[error("{0}")]
    Probe(String),
}

impl Remote {
    /// Starts and probes the program, with these variables and those of its launch only. Without a name it is called
    /// `adapter:` and its own name.
    ///
    /// # Errors
    /// When it cannot be started, does not respond to `initialize`, or fails a probe.
    pub fn connect(
        contract: &'static dyn Contract,
        name: Option<&str>,
        launch: Launch,
        environment: BTreeMap<String, String>,
        trace: Option<Trace>,
    ) -> Result<Self, ConnectError> {
        let program = launch.command.first().cloned().unwrap_or_default();
        let pool = Pool::new(contract, launch, environment, trace);
        let (mut connection, adapter) = pool.start().map_err(|error| match error {
            SpawnError::Spawn(error) => ConnectError::Spawn { program, error },
            SpawnError::Version(version) => ConnectError::Version(version),
            SpawnError::Lost(SessionError::Timeout { milliseconds, .. }) => {
                ConnectError::StartTimeout { milliseconds }
            }
            SpawnError::Lost(lost) => ConnectError::Silent(lost.to_string()),
        })?;
        if let Err(found) = probe::probe(contract, &mut connection, &adapter, pool.deadlines()) {
            pool.discard(connection);
            return Err(ConnectError::Probe(found));
        }
        pool.release(connection);
        if let Some(era) = adapter.era.as_ref().filter(|era| contract.era(era).is_none()) {
            let known = contract.eras().iter().map(|era| era.name).collect();
            return Err(ConnectError::Era { found: plain(era), known });
        }
        // Prefixed, so that an adapter cannot pass for the reference.
        let name = name.map_or_else(|| format!("adapter:{}", plain(&adapter.name)), str::to_owned);
        let version =
            format!("{} {} ({})", plain(&adapter.name), plain(&adapter.version), plain(&adapter.backend));
        Ok(Self { name, version, adapter, pool: Arc::new(pool) })
    }

    /// The time limit of one case in seconds, if its file sets one.
    pub fn case_deadline(&self) -> Option<u32> {
        self.pool.deadlines().case
    }
}

impl Implementation for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    /// Bounded, because an adapter can state anything.
    fn details(&self) -> Details {
        let versions = self.adapter.versions.iter().take(MAX_STATED);
        let sandboxed = self.pool.is_sandboxed().then(|| SANDBOXED.to_owned()).into_iter();
        let notes = self.adapter.notes.iter().take(MAX_STATED);
        Details {
            versions: versions.map(|(name, version)| (plain(name), plain(version))).collect(),
            notes: sandboxed.chain(notes.map(|note| truncated(&line(note), MAX_NOTE))).collect(),
        }
    }

    /// What it states, and what its supervisor does for it.
    fn supports(&self, need: &str) -> bool {
        if need == FILE_LIMIT {
            return self.pool.is_supervised();
        }
        self.adapter.operations.iter().chain(&self.adapter.supports).any(|own| own == need)
    }

    fn era(&self) -> Option<&str> {
        self.adapter.era.as_deref()
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        Some(Arc::new(Self {
            name: self.name.clone(),
            version: self.version.clone(),
            adapter: self.adapter.clone(),
            pool: self.pool.fresh(),
        }))
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        Box::new(RemoteSession::start(Arc::clone(&self.pool), &context))
    }

    fn end(&self) {
        self.pool.end();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.pool.end();
    }
}

/// Replaces the characters that a name must not contain.
fn plain(text: &str) -> String {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "._+-".contains(c));
    text.chars().take(MAX_NAME).map(|c| if odd(c) { '_' } else { c }).collect()
}
