//! The processes of one adapter: started when needed, kept while they are good, replaced within a budget.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::unistd::Pid;

use super::{
    Deadline, Launch, Reuse, Timeouts, Trace,
    connection::{CallError, Connection},
    process::kill_group,
};
use crate::harness::{
    adapter::protocol::{Client, Initialize, Initialized, PROTOCOL},
    contract::{Contract, SessionError},
};

/// How to start processes, and those that wait for work.
#[derive(Debug)]
pub(super) struct Pool {
    contract: &'static dyn Contract,
    launch: Launch,
    environment: BTreeMap<String, String>,
    trace: Option<Trace>,
    end_of_run: Deadline,
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    idle: Vec<Connection>,
    /// The groups of all processes that were started and not ended.
    alive: BTreeSet<Pid>,
    started: u32,
    lost: u32,
    ended: bool,
}

/// Why a process is of no use.
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
        Self { contract, launch, environment, trace, end_of_run, state: Mutex::default() }
    }

    pub(super) fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    pub(super) fn deadlines(&self) -> Timeouts {
        self.launch.deadlines
    }

    pub(super) fn end_of_run(&self) -> Deadline {
        self.end_of_run
    }

    /// A process that waits, or a new one.
    pub(super) fn take(&self) -> Result<Connection, SessionError> {
        if self.end_of_run.left().is_zero() {
            let seconds = self.launch.deadlines.run;
            return Err(SessionError::Skipped(format!("the {seconds} s that it has for a run are over")));
        }
        {
            let mut state = self.state();
            if state.ended {
                return Err(SessionError::Skipped("the run has ended".to_owned()));
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(connection);
            }
            if state.lost > self.launch.restarts {
                let restarts = self.launch.restarts;
                let detail = format!("it was lost and replaced {restarts} times, and is not started again");
                return Err(SessionError::Skipped(detail));
            }
        }
        match self.start() {
            Ok((connection, _)) => Ok(connection),
            Err(trouble) => {
                self.state().lost += 1;
                Err(match trouble {
                    SpawnError::Lost(lost) => lost,
                    SpawnError::Spawn(error) => {
                        SessionError::Crash(format!("it cannot be started again: {error}"))
                    }
                    SpawnError::Version(version) => {
                        SessionError::Protocol(format!("it spoke version {PROTOCOL}, and now {version}"))
                    }
                })
            }
        }
    }

    /// Starts a process and has it introduce itself.
    pub(super) fn start(&self) -> Result<(Connection, Initialized), SpawnError> {
        let number = {
            let mut state = self.state();
            state.started += 1;
            state.started
        };
        let mut connection = Connection::start(&self.launch, &self.environment, number, self.trace.clone())
            .map_err(SpawnError::Spawn)?;
        self.state().alive.insert(connection.group());
        let until = Deadline::after(self.launch.deadlines.start());
        let client =
            Client { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let initialize = Initialize { protocol: PROTOCOL, client };
        let read = |text: &str| serde_json::from_str(text);
        let answer: Result<Initialized, CallError> = connection.call("initialize", &initialize, until, read);
        let no_start = match answer {
            Ok(who) if who.protocol == PROTOCOL => return Ok((connection, who)),
            Ok(who) => SpawnError::Version(who.protocol),
            Err(trouble) => SpawnError::Lost(match trouble.refusal() {
                Ok(refusal) => SessionError::Protocol(format!("initialize was refused: {refusal}")),
                Err(lost) => lost,
            }),
        };
        self.kill(connection);
        Err(no_start)
    }

    /// Takes back a process of which everything was answered.
    pub(super) fn give_back(&self, connection: Connection) {
        if self.launch.process == Reuse::Reused {
            let mut state = self.state();
            if !state.ended {
                state.idle.push(connection);
                return;
            }
        }
        self.part_with(connection);
    }

    /// Takes back a process that is of no use any more: it and everything it started is killed, and replacing it
    /// is one of the budget.
    pub(super) fn bury(&self, connection: Connection) {
        self.state().lost += 1;
        self.kill(connection);
    }

    /// Ends every process: those that wait are asked to, those that are at work are killed.
    pub(super) fn end(&self) {
        let idle = {
            let mut state = self.state();
            state.ended = true;
            std::mem::take(&mut state.idle)
        };
        for connection in idle {
            self.part_with(connection);
        }
        for group in std::mem::take(&mut self.state().alive) {
            kill_group(group);
        }
    }

    fn part_with(&self, connection: Connection) {
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
