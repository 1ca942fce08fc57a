//! The processes of one adapter: started when needed, kept while they are good, replaced within a budget.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::unistd::Pid;

use super::{
    Deadline, Deadlines, Launch, Reuse, Trace,
    connection::{Connection, Trouble},
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
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: Vec<Connection>,
    /// The groups of all processes that were started and not ended.
    alive: BTreeSet<Pid>,
    started: u32,
    lost: u32,
    ended: bool,
}

/// Why a process is of no use.
#[derive(Debug)]
pub(super) enum NoStart {
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
        Self { contract, launch, environment, trace, end_of_run, shelf: Mutex::default() }
    }

    pub(super) fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    pub(super) fn deadlines(&self) -> Deadlines {
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
            let mut shelf = self.shelf();
            if shelf.ended {
                return Err(SessionError::Skipped("the run has ended".to_owned()));
            }
            if let Some(connection) = shelf.idle.pop() {
                return Ok(connection);
            }
            if shelf.lost > self.launch.restarts {
                let restarts = self.launch.restarts;
                let detail = format!("it was lost and replaced {restarts} times, and is not started again");
                return Err(SessionError::Skipped(detail));
            }
        }
        match self.start() {
            Ok((connection, _)) => Ok(connection),
            Err(trouble) => {
                self.shelf().lost += 1;
                Err(match trouble {
                    NoStart::Lost(lost) => lost,
                    NoStart::Spawn(error) => {
                        SessionError::Crash(format!("it cannot be started again: {error}"))
                    }
                    NoStart::Version(version) => {
                        SessionError::Protocol(format!("it spoke version {PROTOCOL}, and now {version}"))
                    }
                })
            }
        }
    }

    /// Starts a process and has it introduce itself.
    pub(super) fn start(&self) -> Result<(Connection, Initialized), NoStart> {
        let number = {
            let mut shelf = self.shelf();
            shelf.started += 1;
            shelf.started
        };
        let mut connection = Connection::start(&self.launch, &self.environment, number, self.trace.clone())
            .map_err(NoStart::Spawn)?;
        self.shelf().alive.insert(connection.group());
        let until = Deadline::after(self.launch.deadlines.start());
        let client =
            Client { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let initialize = Initialize { protocol: PROTOCOL, client };
        let read = |text: &str| serde_json::from_str(text);
        let answer: Result<Initialized, Trouble> = connection.call("initialize", &initialize, until, read);
        let no_start = match answer {
            Ok(who) if who.protocol == PROTOCOL => return Ok((connection, who)),
            Ok(who) => NoStart::Version(who.protocol),
            Err(trouble) => NoStart::Lost(match trouble.refusal() {
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
            let mut shelf = self.shelf();
            if !shelf.ended {
                shelf.idle.push(connection);
                return;
            }
        }
        self.part_with(connection);
    }

    /// Takes back a process that is of no use any more: it and everything it started is killed, and replacing it
    /// is one of the budget.
    pub(super) fn bury(&self, connection: Connection) {
        self.shelf().lost += 1;
        self.kill(connection);
    }

    /// Ends every process: those that wait are asked to, those that are at work are killed.
    pub(super) fn end(&self) {
        let idle = {
            let mut shelf = self.shelf();
            shelf.ended = true;
            std::mem::take(&mut shelf.idle)
        };
        for connection in idle {
            self.part_with(connection);
        }
        for group in std::mem::take(&mut self.shelf().alive) {
            kill_group(group);
        }
    }

    fn part_with(&self, connection: Connection) {
        let group = connection.group();
        connection.end();
        self.shelf().alive.remove(&group);
    }

    fn kill(&self, mut connection: Connection) {
        connection.kill();
        self.shelf().alive.remove(&connection.group());
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
