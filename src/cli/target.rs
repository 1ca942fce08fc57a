//! The options that select the implementation under test: a built-in one, or a program that speaks the protocol.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{
    Exit, console::Console, implementation_file::ImplementationFile, inherited::inherited, secrets::Secrets,
    started_files::started_files,
};
use crate::{
    bundle::{BUNDLE, operations::FIXTURE_NETWORKS, own_fixtures},
    harness::{
        KnownFailure,
        adapter::client::{Launch, Remote, Trace},
        contract::{AllowedEffect, Contract, Implementation, RESET, WithAllowedEffects, WithFixtures},
        record::FileDigest,
        runner::Implementations,
        suite::{Suite, nearest},
        temporary::Temporary,
    },
    text::{line, shell_argument},
};

/// Selects the implementation under test.
#[derive(Debug, Args)]
pub(super) struct AdapterOptions {
    /// Implementation to test; with --phase red, the one that cases or the rows of the plan must fail on
    ///
    /// A built-in implementation (`bundleproof list implementations`), the name of a file in the suite's folder
    /// `implementations`, or the path of an implementation file, which ends in .toml.
    #[arg(long = "impl", value_name = "NAME", help_heading = "Implementation")]
    implementation: Option<String>,

    /// Test the adapter program that this command starts
    #[arg(
        long = "impl-cmd",
        value_name = "COMMAND",
        conflicts_with = "implementation",
        help_heading = "Implementation"
    )]
    command: Option<String>,

    /// Run the checks that need fixture_networks with the fixtures in this directory, made by `make-fixtures`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["red", "green"], help_heading = "Implementation")]
    fixtures: Option<PathBuf>,

    /// Keep an adapter from writing outside the directories of its checks, and from the network (TCP)
    ///
    /// Requires Linux 6.7 or newer with Landlock; without it the adapter is not started.
    #[arg(long, conflicts_with = "keep_work", help_heading = "Implementation")]
    sandbox: bool,

    /// Maximum number of unsupported checks [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Implementation")]
    max_unsupported: Option<usize>,

    /// Add new failures to the implementation file and show the diff; not allowed in CI
    #[arg(long, requires = "implementation", conflicts_with_all = ["red", "green"], help_heading = "Implementation")]
    write_known: bool,

    /// Record all protocol messages in this file, one JSON object per line
    #[arg(long, value_name = "FILE", help_heading = "Implementation")]
    trace: Option<PathBuf>,
}

/// An implementation given on the command line.
#[derive(Clone)]
pub(super) struct RunTarget {
    pub(super) implementation: Arc<dyn Implementation>,
    /// Time limit per case in seconds, if its file sets one.
    pub(super) case_deadline: Option<u32>,
    /// Its known failures; `None` for a built-in implementation.
    pub(super) known: Option<Vec<KnownFailure>>,
    /// The option that selects it, for rerun commands in reports.
    pub(super) option: String,
    /// The files that it was started from; empty for a built-in implementation.
    pub(super) files: Vec<FileDigest>,
}

impl RunTarget {
    /// Whether it is not built in.
    pub(super) fn is_third_party(&self) -> bool {
        self.known.is_some()
    }
}

/// What an implementation is found by its name in, and how its program is started.
pub(super) struct Connect<'a> {
    suite: &'a Suite,
    known: &'a Implementations,
    trace: Option<&'a Path>,
    /// The directory of the checks, which is all that a program in a sandbox can write to.
    sandbox: Option<&'a Path>,
    /// The file of the trace, created when the first program is started.
    opened: OnceCell<Trace>,
}

impl AdapterOptions {
    /// What implementations are found in and traced with. `sandbox` is the directory of the checks for a sandbox.
    pub(super) fn connect<'a>(
        &'a self,
        suite: &'a Suite,
        known: &'a Implementations,
        sandbox: Option<&'a Temporary>,
    ) -> Connect<'a> {
        let sandbox = sandbox.map(Temporary::path);
        Connect { trace: self.trace.as_deref(), sandbox, ..Connect::new(suite, known) }
    }

    /// A directory for the checks of an adapter in a sandbox, outside of the report.
    pub(super) fn sandbox(&self, console: &Console) -> Result<Option<Temporary>, Exit> {
        let made = self.sandbox.then(Temporary::create);
        made.transpose().map_err(|error| {
            console.error(&format!("cannot make a temporary directory for --sandbox: {error}"));
            Exit::Internal
        })
    }

    /// The implementation given by the options, if any. A program is started and probed.
    pub(super) fn target(&self, connect: &Connect<'_>, console: &Console) -> Result<Option<RunTarget>, Exit> {
        let target = match (&self.command, &self.implementation) {
            (Some(command), _) => connect.command(command, console)?,
            (None, Some(name)) => connect.named(name, console)?,
            (None, None) if self.fixtures.is_some() => {
                console.error(
                    "--fixtures requires --impl or --impl-cmd: the fixtures are of that implementation",
                );
                return Err(Exit::Usage);
            }
            (None, None) => return Ok(None),
        };
        let Some(directory) = &self.fixtures else { return Ok(Some(target)) };
        let fixtures = own_fixtures::read(directory, target.implementation.as_ref()).map_err(|error| {
            console.error(&line(&error.to_string()));
            Exit::Usage
        })?;
        let implementation = WithFixtures::new(target.implementation, FIXTURE_NETWORKS, fixtures);
        let directory = shell_argument(&directory.display().to_string());
        let option = format!("{} --fixtures {directory}", target.option);
        Ok(Some(RunTarget { implementation: Arc::new(implementation), option, ..target }))
    }

    /// The options as command-line arguments, for rerun commands in reports.
    pub(super) fn arguments(&self) -> Vec<String> {
        let named = self.implementation.iter().map(|name| format!("--impl {}", shell_argument(name)));
        named
            .chain(self.command.iter().map(|command| format!("--impl-cmd {}", shell_argument(command))))
            .chain(
                self.fixtures.iter().map(|fixtures| {
                    format!("--fixtures {}", shell_argument(&fixtures.display().to_string()))
                }),
            )
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

    /// The limit of `--max-unsupported`.
    pub(super) fn max_unsupported(&self) -> Option<usize> {
        self.max_unsupported
    }

    /// Whether `--write-known` is given.
    pub(super) fn writes_known(&self) -> bool {
        self.write_known
    }
}

impl<'a> Connect<'a> {
    /// Without a trace.
    pub(super) fn new(suite: &'a Suite, known: &'a Implementations) -> Self {
        Self { suite, known, trace: None, sandbox: None, opened: OnceCell::new() }
    }

    /// Whether messages are recorded.
    pub(super) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// Whether programs are started in a sandbox.
    pub(super) fn is_sandboxed(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Finds a built-in implementation, an implementation file of the suite, or an implementation file by its path.
    pub(super) fn named(&self, name: &str, console: &Console) -> Result<RunTarget, Exit> {
        let option = format!("--impl {}", shell_argument(name));
        if let Some(implementation) = self.known.get(name) {
            return Ok(RunTarget {
                implementation,
                case_deadline: None,
                known: None,
                option,
                files: Vec::new(),
            });
        }
        let (stem, file) = match name.strip_suffix(".toml") {
            Some(stem) => (file_name(stem), ImplementationFile::on_disk(Path::new(name), console)?),
            None => {
                let in_suite = ImplementationFile::in_suite(self.suite, name, console)?;
                (name.to_owned(), in_suite.ok_or_else(|| unknown(name, self.suite, self.known, console))?)
            }
        };
        if self.known.get(&stem).is_some() {
            console
                .error(&format!("{name}: {stem} is the name of a built-in implementation; rename the file"));
            return Err(Exit::Usage);
        }
        self.start(Some(stem), option, file, console)
    }

    /// Starts the adapter program of a command line.
    pub(super) fn command(&self, command: &str, console: &Console) -> Result<RunTarget, Exit> {
        let words = shell_words::split(command).map_err(|error| {
            console.error(&format!("invalid --impl-cmd {command:?}: {error}"));
            Exit::Usage
        })?;
        let option = format!("--impl-cmd {}", shell_argument(command));
        let file = ImplementationFile {
            launch: Launch::command(words),
            known: Vec::new(),
            allowed: Vec::new(),
            source: None,
        };
        self.start(None, option, file, console)
    }

    fn start(
        &self,
        name: Option<String>,
        option: String,
        file: ImplementationFile,
        console: &Console,
    ) -> Result<RunTarget, Exit> {
        let shown = file.launch.command.join(" ");
        // Before the start, so that these are the files that are run.
        let files = file.source.into_iter().chain(started_files(&file.launch)).collect();
        let trace = self.opened_trace(console)?;
        check_allowed(&shown, &file.allowed, console)?;
        let environment = adapter_environment(&file.launch.inherit);
        let sandbox = self.sandbox.map(Path::to_owned);
        let launch = Launch { supervisor: supervisor(), sandbox, ..file.launch };
        let remote = Remote::connect(&BUNDLE, name.as_deref(), launch, environment, trace);
        let remote = remote.map_err(|error| {
            let message = format!("cannot use adapter {shown:?}: {error}");
            console.error(&Secrets::of_process().redacted(&message));
            Exit::AdapterUnusable
        })?;
        let case_deadline = remote.case_deadline();
        let implementation: Arc<dyn Implementation> = match file.allowed.is_empty() {
            true => Arc::new(remote),
            false => Arc::new(WithAllowedEffects::new(Arc::new(remote), file.allowed)),
        };
        Ok(RunTarget { implementation, case_deadline, known: Some(file.known), option, files })
    }

    fn opened_trace(&self, console: &Console) -> Result<Option<Trace>, Exit> {
        let (Some(path), None) = (self.trace, self.opened.get()) else {
            return Ok(self.opened.get().cloned());
        };
        let trace = Trace::create(path).map_err(|error| {
            console.error(&format!("cannot write trace {}: {error}", path.display()));
            Exit::Usage
        })?;
        Ok(Some(self.opened.get_or_init(|| trace).clone()))
    }
}

/// This program, which starts adapters; also if its file is replaced during the run. None where it cannot be found.
fn supervisor() -> Option<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    (cfg!(target_os = "linux") && own.exists()).then_some(own)
}

/// The variables of an adapter, except for those of its own directories: those that it inherits, also by these names, and
/// those of the suite.
fn adapter_environment(inherit: &[String]) -> BTreeMap<String, String> {
    let mut environment = inherited(inherit);
    environment.extend((&BUNDLE as &dyn Contract).environment_map());
    // An adapter has a home of its own, but finds the Python packages that its user has installed.
    if let (None, Ok(home)) = (std::env::var_os("PYTHONUSERBASE"), std::env::var("HOME")) {
        environment.insert("PYTHONUSERBASE".to_owned(), format!("{home}/.local"));
    }
    environment
}

/// Every allowed effect must be one that the contract declares.
fn check_allowed(file: &str, allowed: &[AllowedEffect], console: &Console) -> Result<(), Exit> {
    let contract: &dyn Contract = &BUNDLE;
    let operations = contract.operations().iter().map(|operation| operation.name).chain([RESET]);
    let known: Vec<String> = operations.flat_map(|operation| contract.effects_of(operation)).collect();
    let Some(unknown) = allowed.iter().find(|allowed| !known.contains(&allowed.effect)) else {
        return Ok(());
    };
    let offer = nearest(&unknown.effect, known.iter().map(String::as_str));
    let offer = offer.unwrap_or_else(|| "see `bundleproof list operations`".to_owned());
    console.error(&line(&format!("{file}: unknown effect {:?} in [[allowed]]; {offer}", unknown.effect)));
    Err(Exit::Usage)
}

/// The name in reports: that of an implementation file without folder and suffix, or the name as given.
pub(super) fn implementation_name(given: &str) -> String {
    given.strip_suffix(".toml").map_or_else(|| given.to_owned(), file_name)
}

fn file_name(stem: &str) -> String {
    Path::new(stem).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn unknown(name: &str, suite: &Suite, known: &Implementations, console: &Console) -> Exit {
    console.error(&format!("unknown implementation {name:?}; {}", offer(name, suite, known)));
    Exit::Usage
}

/// What may be meant instead: an implementation file next to the name, a program, or a similar name.
fn offer(name: &str, suite: &Suite, known: &Implementations) -> String {
    let file = format!("{name}.toml");
    if Path::new(&file).is_file() {
        return format!("did you mean {file}?");
    }
    if Path::new(name).is_file() {
        let python = if name.ends_with(".py") { "python " } else { "" };
        let command = shell_argument(&format!("{python}{}", shell_argument(name)));
        return format!(
            "expected a name, or an implementation file (.toml); start a program with --impl-cmd {command}, or write \
             an adapter with `bundleproof new-adapter`"
        );
    }
    let files = ImplementationFile::names(suite);
    let names = known.names().into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>();
    nearest(name, names).unwrap_or_else(|| "see `bundleproof list implementations`".to_owned())
}
