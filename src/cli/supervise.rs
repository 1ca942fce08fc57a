//! `bundleproof supervise`, with which `run` starts an adapter.

use std::path::PathBuf;

use clap::Parser;

use super::console::Console;
use crate::{
    harness::adapter::{
        limits::Limits,
        supervisor::{in_a_session, supervise},
    },
    text::line,
};

/// The status of a supervisor whose adapter cannot be started, as that of a shell.
const NOT_STARTED: i32 = 127;

/// Run an adapter under limits, and end all that it started when it ends or the run has gone
#[derive(Debug, Parser)]
pub(super) struct Supervise {
    /// Process of the run
    #[arg(long, value_name = "PID")]
    run: i32,

    /// Private memory that each process can write to, in MiB
    #[arg(long, value_name = "MIB")]
    memory_mib: u32,

    /// Longest file that each process can write, in MiB
    #[arg(long, value_name = "MIB")]
    file_mib: u32,

    /// Longest file that each process can write, in bytes; a longer one is an error and no signal
    #[arg(long, value_name = "BYTES")]
    max_file_bytes: Option<u64>,

    /// Files that each process can have open at once
    #[arg(long, value_name = "N")]
    open_files: u32,

    /// Directory that can be written to [default: every directory]
    #[arg(long, value_name = "DIR")]
    writable: Vec<PathBuf>,

    /// Directory of the adapter, which is removed if the run has gone
    #[arg(long, value_name = "DIR")]
    own: Vec<PathBuf>,

    /// Program of the adapter and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Run a program in a session of its own, as an adapter is
#[derive(Debug, Parser)]
pub(super) struct BeginSession {
    /// Program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl BeginSession {
    /// Returns only if the program cannot be started.
    pub(super) fn execute(&self, console: &Console) -> ! {
        let Err(error) = in_a_session(&self.command);
        not_started(&self.command, &error, console);
        std::process::exit(NOT_STARTED)
    }
}

fn not_started(command: &[String], error: &std::io::Error, console: &Console) {
    console.error(&line(&format!("failed to start {:?}: {error}", command.join(" "))));
}

impl Supervise {
    /// Ends as the adapter does.
    pub(super) fn execute(&self, console: &Console) -> ! {
        let Self { memory_mib, file_mib, open_files, .. } = *self;
        let limits = Limits { memory_mib, file_mib, open_files };
        let (run, longest) = (self.run, self.max_file_bytes);
        let status = match supervise(run, (limits, longest), &self.writable, self.own.clone(), &self.command)
        {
            Ok(status) => status,
            Err(error) => {
                not_started(&self.command, &error, console);
                NOT_STARTED
            }
        };
        std::process::exit(status)
    }
}
