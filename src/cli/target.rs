//! The options that select the implementation under test: a built-in one, or a program that speaks the protocol.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{Exit, console::Console, implementation_file::ImplementationFile};
use crate::{
    bundle::BUNDLE,
    harness::{
        KnownFailure,
        adapter::client::{Launch, Remote, Trace},
        contract::{Contract, Implementation},
        runner::Implementations,
        suite::{Suite, nearest},
    },
    text::shell_argument,
};

/// Selects the implementation under test.
#[derive(Debug, Args)]
pub(super) struct AdapterOptions {
    /// Implementation to test; with --phase red, the one that cases must fail on
    ///
    /// A built-in implementation (`bundleproof list implementations`), the name of a file in the suite's folder
    /// `implementations`, or the path of an implementation file, which ends in .toml.
    #[arg(long = "impl", value_name = "NAME", conflicts_with = "plan", help_heading = "Implementation")]
    implementation: Option<String>,

    /// Test the adapter program that this command starts
    #[arg(long = "impl-cmd", value_name = "COMMAND", conflicts_with_all = ["plan", "implementation"], help_heading = "Implementation")]
    command: Option<String>,

    /// Maximum number of unsupported checks [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Implementation")]
    max_unsupported: Option<usize>,

    /// Add new failures to the implementation file and show the diff; not allowed in CI
    #[arg(long, requires = "implementation", help_heading = "Implementation")]
    write_known: bool,

    /// Record all protocol messages in this file, one JSON object per line
    #[arg(long, value_name = "FILE", help_heading = "Implementation")]
    trace: Option<PathBuf>,
}

/// The implementation under test.
pub(super) struct RunTarget {
    pub(super) implementation: Arc<dyn Implementation>,
    /// Time limit per case in seconds, if its file sets one.
    pub(super) case_deadline: Option<u32>,
    /// Its known failures; `None` for a built-in implementation.
    pub(super) known: Option<Vec<KnownFailure>>,
}

impl AdapterOptions {
    /// The implementation given by the options, if any. A program is started and probed.
    pub(super) fn judged(
        &self,
        suite: &Suite,
        known: &Implementations,
        console: &Console,
    ) -> Result<Option<RunTarget>, Exit> {
        if let Some(command) = &self.command {
            let words = shell_words::split(command).map_err(|error| {
                console.error(&format!("invalid --impl-cmd {command:?}: {error}"));
                Exit::Usage
            })?;
            let trace = self.trace(console)?;
            return connect(None, Launch::command(words), Vec::new(), trace, console).map(Some);
        }
        let Some(name) = &self.implementation else { return Ok(None) };
        let trace = self.trace(console)?;
        named(name, suite, known, trace, console).map(Some)
    }

    /// The options as command-line arguments, for rerun commands in reports.
    pub(super) fn arguments(&self) -> Vec<String> {
        let named = self.implementation.iter().map(|name| format!("--impl {}", shell_argument(name)));
        named
            .chain(self.command.iter().map(|command| format!("--impl-cmd {}", shell_argument(command))))
            .collect()
    }

    /// The file that `--write-known` adds entries to, if that option was given.
    pub(super) fn file_to_write(&self, console: &Console) -> Result<Option<&Path>, Exit> {
        if !self.write_known {
            return Ok(None);
        }
        if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            console.error("--write-known is not allowed in CI: known failures are reviewed by a person");
            return Err(Exit::Usage);
        }
        match self.implementation.as_deref().filter(|name| name.ends_with(".toml")) {
            Some(name) => Ok(Some(Path::new(name))),
            None => {
                console
                    .error("--write-known requires --impl with the path of an implementation file (.toml)");
                Err(Exit::Usage)
            }
        }
    }

    /// Whether this number of unsupported checks exceeds `--max-unsupported`.
    pub(super) fn exceeds_limit(&self, unsupported: usize) -> bool {
        self.max_unsupported.is_some_and(|limit| unsupported > limit)
    }

    /// The value of `--impl`.
    pub(super) fn name(&self) -> Option<&str> {
        self.implementation.as_deref()
    }

    fn trace(&self, console: &Console) -> Result<Option<Trace>, Exit> {
        self.trace.as_deref().map(Trace::create).transpose().map_err(|error| {
            let path = self.trace.as_deref().unwrap_or(Path::new(""));
            console.error(&format!("cannot write trace {}: {error}", path.display()));
            Exit::Usage
        })
    }
}

/// Finds a built-in implementation, an implementation file of the suite, or an implementation file by its path.
pub(super) fn named(
    name: &str,
    suite: &Suite,
    known: &Implementations,
    trace: Option<Trace>,
    console: &Console,
) -> Result<RunTarget, Exit> {
    if let Some(implementation) = known.get(name) {
        return Ok(RunTarget { implementation, case_deadline: None, known: None });
    }
    let (stem, file) = match name.strip_suffix(".toml") {
        Some(stem) => (file_name(stem), ImplementationFile::on_disk(Path::new(name), console)?),
        None => {
            let in_suite = ImplementationFile::in_suite(suite, name, console)?;
            (name.to_owned(), in_suite.ok_or_else(|| unknown(name, suite, known, console))?)
        }
    };
    if known.get(&stem).is_some() {
        console.error(&format!("{name}: {stem} is the name of a built-in implementation; rename the file"));
        return Err(Exit::Usage);
    }
    connect(Some(stem), file.launch, file.known, trace, console)
}

fn connect(
    name: Option<String>,
    launch: Launch,
    known: Vec<KnownFailure>,
    trace: Option<Trace>,
    console: &Console,
) -> Result<RunTarget, Exit> {
    let shown = launch.command.join(" ");
    let environment = (&BUNDLE as &dyn Contract).environment_map();
    let remote = Remote::connect(&BUNDLE, name.as_deref(), launch, environment, trace).map_err(|error| {
        console.error(&format!("cannot use adapter {shown:?}: {error}"));
        Exit::AdapterUnusable
    })?;
    let case_deadline = remote.case_deadline();
    Ok(RunTarget { implementation: Arc::new(remote), case_deadline, known: Some(known) })
}

fn file_name(stem: &str) -> String {
    Path::new(stem).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn unknown(name: &str, suite: &Suite, known: &Implementations, console: &Console) -> Exit {
    let files = ImplementationFile::names(suite);
    let names = known.names().into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>();
    let offer = nearest(name, names).map(|offer| format!("; {offer}"));
    let offer = offer.unwrap_or_else(|| "; see `bundleproof list implementations`".to_owned());
    console.error(&format!("unknown implementation {name:?}{offer}"));
    Exit::Usage
}
