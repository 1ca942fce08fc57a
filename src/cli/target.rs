//! The options that name what is judged: an implementation of the suite, or a program behind the protocol.

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

/// What is judged.
#[derive(Debug, Args)]
pub(super) struct AdapterOptions {
    /// The implementation to judge, green; with --phase red, the one to see cases fail on
    ///
    /// One that comes with the suite (`bundleproof list implementations`), the name of a file in the suite's
    /// folder `implementations`, or a path of such a file, which ends in .toml.
    #[arg(long = "impl", value_name = "NAME", conflicts_with = "plan", help_heading = "Implementation")]
    implementation: Option<String>,

    /// Judge the program that this command starts, which speaks the adapter protocol
    #[arg(long = "impl-cmd", value_name = "COMMAND", conflicts_with_all = ["plan", "implementation"], help_heading = "Implementation")]
    command: Option<String>,

    /// How many checks may ask for what the implementation does not have [default: any number]
    #[arg(long, value_name = "N", help_heading = "Implementation")]
    max_unsupported: Option<usize>,

    /// Add what fails and is not known to the implementation's file, and show the difference; not in CI
    #[arg(long, requires = "implementation", help_heading = "Implementation")]
    write_known: bool,

    /// Write what goes over the wire to this file, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Implementation")]
    trace: Option<PathBuf>,
}

/// What was named, ready to be judged.
pub(super) struct RunTarget {
    pub(super) implementation: Arc<dyn Implementation>,
    /// How long one of its cases may take, in seconds, when its file says so.
    pub(super) case_deadline: Option<u32>,
    /// The failures that are known of it; None of one that comes with the suite.
    pub(super) known: Option<Vec<KnownFailure>>,
}

impl AdapterOptions {
    /// The implementation that was named, if one was. A program is started and probed.
    pub(super) fn judged(
        &self,
        suite: &Suite,
        known: &Implementations,
        console: &Console,
    ) -> Result<Option<RunTarget>, Exit> {
        if let Some(command) = &self.command {
            let words = shell_words::split(command).map_err(|error| {
                console.error(&format!("--impl-cmd {command:?} cannot be split into words: {error}"));
                Exit::Usage
            })?;
            let trace = self.trace(console)?;
            return connect(None, Launch::command(words), Vec::new(), trace, console).map(Some);
        }
        let Some(name) = &self.implementation else { return Ok(None) };
        let trace = self.trace(console)?;
        named(name, suite, known, trace, console).map(Some)
    }

    /// What was asked for, so that a report says how to ask for it again.
    pub(super) fn words(&self) -> Vec<String> {
        let named = self.implementation.iter().map(|name| format!("--impl {}", shell_argument(name)));
        named
            .chain(self.command.iter().map(|command| format!("--impl-cmd {}", shell_argument(command))))
            .collect()
    }

    /// The file to which what is not known is to be added, if that was asked for.
    pub(super) fn file_to_write(&self, console: &Console) -> Result<Option<&Path>, Exit> {
        if !self.write_known {
            return Ok(None);
        }
        if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            console.error("--write-known is refused where CI is set: what is known is looked at by a person");
            return Err(Exit::Usage);
        }
        match self.implementation.as_deref().filter(|name| name.ends_with(".toml")) {
            Some(name) => Ok(Some(Path::new(name))),
            None => {
                console.error("--write-known needs --impl with the path of a file, which ends in .toml");
                Err(Exit::Usage)
            }
        }
    }

    /// Whether so many checks that ask for what it does not have are too many.
    pub(super) fn are_too_many(&self, unsupported: usize) -> bool {
        self.max_unsupported.is_some_and(|most| unsupported > most)
    }

    /// The name under which one of the suite's own implementations was asked for.
    pub(super) fn name(&self) -> Option<&str> {
        self.implementation.as_deref()
    }

    fn trace(&self, console: &Console) -> Result<Option<Trace>, Exit> {
        self.trace.as_deref().map(Trace::create).transpose().map_err(|error| {
            let path = self.trace.as_deref().unwrap_or(Path::new(""));
            console.error(&format!("{} cannot be written: {error}", path.display()));
            Exit::Usage
        })
    }
}

/// What has this name: one of the suite's own, a file of the suite's, or the path of a file.
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
        console
            .error(&format!("{name}: {stem} is the name of one that comes with the suite; rename the file"));
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
        console.error(&format!("the adapter {shown:?} cannot be used: {error}"));
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
    let offer = offer.unwrap_or_else(|| "; `bundleproof list implementations` shows them".to_owned());
    console.error(&format!("no implementation is called {name:?}{offer}"));
    Exit::Usage
}
