//! The processes of one adapter: started on demand, reused, and replaced up to a limit.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use nix::unistd::Pid;

use super::{
    Launch, Reuse, Timeouts, Trace,
    connection::{CallError, Connection},
    process::kill_all,
};
use crate::{
    fs_util::remove_all,
    harness::{
        adapter::protocol::{Client, Initialize, Initialized, PROTOCOL},
        contract::{Contract, Deadline, SessionError},
    },
    value::from_json,
};

/// Starts processes, and keeps the idle ones.
#[derive(Debug)]
pub(super) struct Pool {
    contract: &'static dyn Contract,
    launch: Launch,
    environment: BTreeMap<String, String>,
    trace: Option<Trace>,
    end_of_run: Deadline,
    /// The number of processes that were started for the adapter, in all pools.
    started: Arc<AtomicU32>,
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    idle: Vec<Connection>,
    /// The groups of all running processes, and the directories of their own.
    alive: BTreeMap<Pid, PathBuf>,
    /// Other pools of the same adapter, which end with this one.
    others: Vec<Weak<Pool>>,
    lost: u32,
    ended: bool,
}

/// Why a process did not start.
#[derive(Debug)]
pub(super) enum SpawnError {
    Spawn(io::Error),
    Lost(SessionError),
    Version(u32),
}

impl Pool {
    pub(super) fn new(
        contract: &'static dyn Contract,
        launch: Launch,
        environment: BTreeMap<String, String>,
        trace: Option<Trace>,
    ) -> Self {
        let end_of_run = Deadline::after(launch.deadlines.run());
        let started = Arc::default();
        Self { contract, launch, environment, trace, end_of_run, started, state: Mutex::default() }
    }

    /// A pool of the same adapter without a process, which ends with this one at the latest.
    pub(super) fn fresh(&self) -> Arc<Self> {
        let mut state = self.state();
        let fresh = Arc::new(Self {
            contract: self.contract,
            launch: self.launch.clone(),
            environment: self.environment.clone(),
            trace: self.trace.clone(),
            end_of_run: self.end_of_run,
            started: Arc::clone(&self.started),
            state: Mutex::new(PoolState { ended: state.ended, ..PoolState::default() }),
        });
        state.others.retain(|other| other.strong_count() > 0);
        state.others.push(Arc::downgrade(&fresh));
        fresh
    }

    pub(super) fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    pub(super) fn deadlines(&self) -> Timeouts {
        self.launch.deadlines
    }

    pub(super) fn is_sandboxed(&self) -> bool {
        self.launch.sandbox.is_some()
    }

    pub(super) fn is_supervised(&self) -> bool {
        self.launch.supervisor.is_some()
    }

    pub(super) fn end_of_run(&self) -> Deadline {
        self.end_of_run
    }

    /// An idle process, or a new one.
    pub(super) fn take(&self) -> Result<Connection, SessionError> {
        // A run that has ended starts no process, so its error is the one that counts.
        let idle = if self.end_of_run.left().is_zero() { None } else { self.idle() };
        idle.map_or_else(|| self.take_new(&BTreeMap::new()), Ok)
    }

    fn idle(&self) -> Option<Connection> {
        let mut state = self.state();
        if state.ended { None } else { state.idle.pop() }
    }

    /// A new process, with these variables in addition to those of the others.
    pub(super) fn take_new(&self, own: &BTreeMap<String, String>) -> Result<Connection, SessionError> {
        if self.end_of_run.left().is_zero() {
            let seconds = self.launch.deadlines.run;
            return Err(SessionError::Skipped(format!("run deadline ({seconds} s) exceeded")));
        }
        {
            let state = self.state();
            if state.ended {
                return Err(SessionError::Skipped("the run has ended".to_owned()));
            }
            if state.lost > self.launch.restarts {
                let restarts = self.launch.restarts;
                let detail = format!("restart limit ({restarts}) reached");
                return Err(SessionError::Skipped(detail));
            }
        }
        match self.start_with(own) {
            Ok((connection, _)) => Ok(connection),
            Err(error) => {
                self.state().lost += 1;
                Err(match error {
                    SpawnError::Lost(lost) => lost,
                    SpawnError::Spawn(error) => SessionError::Crash(format!("failed to restart: {error}")),
                    SpawnError::Version(version) => SessionError::Protocol(format!(
                        "protocol version changed from {PROTOCOL} to {version}"
                    )),
                })
            }
        }
    }

    /// Starts a process and sends `initialize`.
    pub(super) fn start(&self) -> Result<(Connection, Initialized), SpawnError> {
        self.start_with(&BTreeMap::new())
    }

    fn start_with(&self, own: &BTreeMap<String, String>) -> Result<(Connection, Initialized), SpawnError> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let variables = [&self.environment, own];
        let mut connection = Connection::start(&self.launch, variables, number, self.trace.clone())
            .map_err(SpawnError::Spawn)?;
        self.state().alive.insert(connection.group(), connection.outside().to_owned());
        let until = Deadline::after(self.launch.deadlines.start());
        let client =
            Client { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let initialize = Initialize { protocol: PROTOCOL, client };
        let read = |text: &str| from_json(text);
        let answer: Result<Initialized, CallError> = connection.call("initialize", &initialize, until, read);
        // A process that does not start properly is killed before the error is returned.
        let no_start = match answer {
            Ok(adapter) if adapter.protocol == PROTOCOL => return Ok((connection, adapter)),
            Ok(adapter) => SpawnError::Version(adapter.protocol),
            Err(error) => SpawnError::Lost(match error.refusal() {
                Ok(refusal) => SessionError::Protocol(format!("initialize was refused: {refusal}")),
                Err(lost) => lost,
            }),
        };
        self.kill(connection);
        Err(no_start)
    }

    /// Takes back an idle process.
    pub(super) fn release(&self, connection: Connection) {
        if self.launch.process == Reuse::Reused {
            let mut state = self.state();
            if !state.ended {
                state.idle.push(connection);
                return;
            }
        }
        self.part_with(connection);
    }

    /// Kills a process that is no longer usable, with all of its children. Its replacement counts as a restart.
    pub(super) fn discard(&self, connection: Connection) {
        self.state().lost += 1;
        self.kill(connection);
    }

    /// Ends every process: sends `shutdown` to idle ones and kills busy ones.
    pub(super) fn end(&self) {
        let (idle, others) = {
            let mut state = self.state();
            state.ended = true;
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.others))
        };
        others.iter().filter_map(Weak::upgrade).for_each(|other| other.end());
        for connection in idle {
            self.part_with(connection);
        }
        for (group, own) in std::mem::take(&mut self.state().alive) {
            kill_all(group);
            // The check that works with it may not get to that before this program ends.
            _ = remove_all(&own);
        }
    }

    /// Ends a process in order.
    pub(super) fn part_with(&self, connection: Connection) {
        let group = connection.group();
        connection.end();
        self.state().alive.remove(&group);
    }

    fn kill(&self, mut connection: Connection) {
        connection.kill();
        self.state().alive.remove(&connection.group());
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
