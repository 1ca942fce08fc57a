//! The adapter client: a program that answers the [protocol](crate::harness::adapter::protocol), as an [`Implementation`].
//!
//! A dead, hung, flooding or lying adapter costs the case that it was asked for its verdict, and nothing else:
//! its group of processes is killed and another one is started, within a budget. Before anything is run it is
//! [probed](probe).

mod connection;
mod deadline;
mod launch;
mod pool;
mod probe;
mod process;
mod session;
mod trace;

pub use deadline::Deadline;
pub use launch::{Launch, Reuse, Timeouts};
pub use trace::Trace;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    pool::{Pool, SpawnError},
    session::RemoteSession,
};
use crate::harness::{
    adapter::protocol::{Initialized, PROTOCOL},
    contract::{Contract, Implementation, Session, SessionContext, SessionError},
};

/// The longest part of a name that is an adapter's own, in characters.
const MAX_NAME: usize = 60;

/// An adapter that was started and probed.
#[derive(Debug)]
pub struct Remote {
    name: String,
    version: String,
    who: Initialized,
    pool: Arc<Pool>,
}

/// Why an adapter cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Its program cannot be started.
    #[error("{program} cannot be started: {error}")]
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        error: std::io::Error,
    },
    /// It did not introduce itself.
    #[error("it did not answer initialize: {0}")]
    Silent(String),
    /// It speaks another version of the protocol.
    #[error("it speaks version {0} of the protocol, and this bundleproof speaks {PROTOCOL}")]
    Version(u32),
    /// It does not keep what the probes look at.
    #[error("{0}")]
    Probe(String),
}

impl Remote {
    /// Starts the program with these variables beside its own, and probes it. It is known under this name; without
    /// one as `adapter:` and what it calls itself.
    ///
    /// # Errors
    /// When it cannot be started, does not introduce itself, or fails a probe.
    pub fn connect(
        contract: &'static dyn Contract,
        name: Option<&str>,
        launch: Launch,
        environment: BTreeMap<String, String>,
        trace: Option<Trace>,
    ) -> Result<Self, ConnectError> {
        let program = launch.command.first().cloned().unwrap_or_default();
        let pool = Pool::new(contract, launch, environment, trace);
        let (mut connection, who) = pool.start().map_err(|trouble| match trouble {
            SpawnError::Spawn(error) => ConnectError::Spawn { program, error },
            SpawnError::Version(version) => ConnectError::Version(version),
            SpawnError::Lost(lost) => ConnectError::Silent(in_words(&lost)),
        })?;
        if let Err(found) = probe::probe(contract, &mut connection, &who, pool.deadlines()) {
            pool.bury(connection);
            return Err(ConnectError::Probe(found));
        }
        pool.give_back(connection);
        // Nobody becomes the reference by calling itself so.
        let name = name.map_or_else(|| format!("adapter:{}", plain(&who.name)), str::to_owned);
        let version = format!("{} {} ({})", plain(&who.name), plain(&who.version), plain(&who.backend));
        Ok(Self { name, version, who, pool: Arc::new(pool) })
    }

    /// How long one case may take, in seconds, when its file says so.
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

    fn supports(&self, need: &str) -> bool {
        self.who.operations.iter().chain(&self.who.supports).any(|own| own == need)
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

/// A text of the adapter's as one that can stand in a name.
fn plain(text: &str) -> String {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "._+-".contains(c));
    text.chars().take(MAX_NAME).map(|c| if odd(c) { '_' } else { c }).collect()
}

fn in_words(lost: &SessionError) -> String {
    match lost {
        SessionError::Timeout(milliseconds) => format!("no answer within {milliseconds} ms"),
        SessionError::Crash(detail) | SessionError::Protocol(detail) | SessionError::Skipped(detail) => {
            detail.clone()
        }
    }
}
