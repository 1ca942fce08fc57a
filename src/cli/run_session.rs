//! Runs checks and writes a report, for `run` and `prove`.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Exit, console::Console, interruption, run_progress::RunProgress, secrets::Secrets};
use crate::{
    bundle::BUNDLE,
    harness::{
        contract::{Contract as _, Implementation},
        proof::KillMatrix,
        record::{
            Binary, Control, Environment, FORMAT, FileDigest, ImplementationRecord, Imported, Inventory,
            InventoryEntry, Partition, Platform, Protected, RunRecord, RunTimes, RunTimestamp, Target,
            case_texts,
        },
        report::RunVerdict,
        runner::{self, Job, Options, Outcome, Phase, Verdict, Witness},
        store::{Published, ReportError, ReportWriter},
        suite::{Case, Plan, Suite},
        temporary::{Temporary, remove_leftovers},
    },
    text::{beginning, line},
    value::Digest,
};
use clap::Args;

/// Where a report is written.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// Directory for reports
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Report")]
    reports: PathBuf,

    /// UTC timestamp that names the report, such as 2025-10-17T112849Z [default: now]
    #[arg(long, value_name = "STAMP", help_heading = "Report")]
    stamp: Option<RunTimestamp>,
}

/// Options for the report and for running checks.
#[derive(Debug, Args)]
pub(super) struct RecordingOptions {
    #[command(flatten)]
    report: ReportOptions,

    /// Number of checks that run in parallel
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,

    /// Time limit per check in seconds [default: that of the implementation file, or 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    deadline: Option<u32>,

    /// Run checks below this empty directory, and keep their files
    #[arg(long, value_name = "DIR")]
    keep_work: Option<PathBuf>,
}

/// What the command line and the implementation file say about a run, besides the options for every kind of run.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether each check is printed when it ends.
    pub(super) verbose: bool,
    /// Time limit per check in seconds, if the implementation file has one.
    pub(super) case_deadline: Option<u32>,
    /// After this many failures, what has not begun is not run.
    pub(super) max_failures: Option<usize>,
}

/// What a report records about its run besides the outcomes.
pub(super) struct About<'a> {
    pub(super) suite: &'a Suite,
    /// The value of `--suite`.
    pub(super) suite_named: Option<String>,
    pub(super) plan: Option<&'a Plan>,
    pub(super) selection: Vec<String>,
    /// The part of the run, if it is partitioned.
    pub(super) partition: Option<Partition>,
    /// Cases without a current proof that they can fail.
    pub(super) unproven: Vec<String>,
    /// The command line option of each third-party implementation.
    pub(super) options: BTreeMap<String, String>,
    /// The files that each third-party implementation was started from.
    pub(super) files: BTreeMap<String, Vec<FileDigest>>,
    /// The implementation under test, if it is a third-party one.
    pub(super) judged: Option<Target>,
    /// The protected files of the plan, as they were before the first check ran.
    pub(super) protected: Option<Protected>,
    /// The negative control, if the implementation under test is a third-party one.
    pub(super) control: Option<Control>,
    /// The number of red runs that were left out, because they need PyTorch.
    pub(super) skipped_red: usize,
    /// The files that the outcomes were imported from, if another runner made them.
    pub(super) imported: Option<Imported>,
}

/// A report in progress: created before the first check runs, published at the end.
pub(super) struct RunSession {
    report: ReportWriter,
    stamp: RunTimestamp,
    stamp_given: bool,
    started: RunTimestamp,
    interrupted: Arc<AtomicBool>,
    implementations: Vec<Arc<dyn Implementation>>,
    /// The digest of this program, read at the start: the file may be replaced while the run lasts.
    program: Option<String>,
    /// Where checks run, if that is not the hidden directory of the report.
    outside: Option<Temporary>,
}

/// What is asked of a run besides its outcomes.
pub(super) enum Besides<'a> {
    /// Failed checks are run again, to find state that leaks from one check into another. All checks run this many times.
    Leaks { times: NonZeroUsize },
    /// Jobs that are chosen by the outcomes follow and are run alike. The witness, if there is one, sees the facts of every
    /// expectation that is judged.
    Proof { next: &'a dyn Fn(&[Outcome]) -> Vec<Job>, witness: Option<&'a Arc<dyn Witness>> },
}

/// Default time limit per check, in seconds.
const DEADLINE: u32 = 60;

/// How far the stamp of a run may be ahead of its start when others have the seconds before: 5 minutes.
const MAX_SECONDS_AHEAD: u32 = 5 * 60;

/// Environment variables recorded in reports: they can affect the outcome of a run, and contain nothing private.
const PUBLISHED: [&str; 5] = ["CI", "LANG", "LC_ALL", "RUST_BACKTRACE", "TZ"];

/// The longest value of such a variable in a report: 4 KiB.
const MAX_VARIABLE_BYTES: usize = 4 * 1024;

impl ReportOptions {
    /// The directory of the reports.
    pub(super) fn reports(&self) -> &Path {
        &self.reports
    }
}

impl RecordingOptions {
    /// The directory of the reports.
    pub(super) fn reports(&self) -> &Path {
        self.report.reports()
    }

    /// How checks run.
    fn how(&self, Manner { case_deadline, max_failures, .. }: Manner) -> Options {
        Options {
            workers: usize::from(self.workers),
            deadline: Duration::from_secs(self.deadline.or(case_deadline).unwrap_or(DEADLINE).into()),
            keep_work_dirs: self.keep_work.is_some(),
            first: 0,
            max_failures,
        }
    }
}

impl RunSession {
    /// Creates the hidden directory, writes the inventory, and starts to handle Ctrl-C.
    pub(super) fn begin(
        options: &RecordingOptions,
        planned: &[Job],
        console: &Console,
    ) -> Result<Self, Exit> {
        let mut implementations: Vec<Arc<dyn Implementation>> = Vec::new();
        for job in planned {
            if implementations.iter().all(|known| known.name() != job.implementation.name()) {
                implementations.push(Arc::clone(&job.implementation));
            }
        }
        Self::begin_report(&options.report, inventory(planned), implementations, console)
    }

    /// The same for a report of these planned checks, on implementations that are ended by Ctrl-C.
    pub(super) fn begin_report(
        options: &ReportOptions,
        inventory: Inventory,
        implementations: Vec<Arc<dyn Implementation>>,
        console: &Console,
    ) -> Result<Self, Exit> {
        let running = implementations.clone();
        let interrupted = interruption::listen(console, move || {
            running.iter().for_each(|implementation| implementation.end());
        });
        remove_leftovers();
        let started = RunTimestamp::now();
        let program = std::env::current_exe().ok().and_then(|path| digest_of_program(&path).ok());
        let mut report =
            directory(&options.reports, options.stamp).map_err(|error| no_report(&error, console))?;
        let stamp = report.stamp();
        report.write_inventory(inventory).map_err(|error| no_report(&error, console))?;
        let stamp_given = options.stamp.is_some();
        let outside = None;
        Ok(Self { report, stamp, stamp_given, started, interrupted, implementations, program, outside })
    }

    /// Runs checks below this directory, which is removed with the session.
    pub(super) fn below(self, outside: Option<Temporary>) -> Self {
        Self { outside, ..self }
    }

    /// The directory that checks run in, unless their files are kept.
    fn hidden(&self) -> PathBuf {
        self.outside.as_ref().map_or_else(|| self.report.work_dir(), |outside| outside.path().to_owned())
    }

    /// Runs these jobs with a progress bar; `Err` with [`Exit::Interrupted`] after Ctrl-C. `then` may run more jobs, without
    /// anything besides, before the implementations end.
    pub(super) fn run_then<T>(
        self,
        jobs: &[Job],
        suite: &Arc<Suite>,
        (options, manner): (&RecordingOptions, Manner),
        besides: Besides<'_>,
        console: &Console,
        then: impl FnOnce(&[Outcome], &dyn Fn(&[Job]) -> Vec<Outcome>) -> T,
    ) -> Result<(Self, Vec<Outcome>, T), Exit> {
        let (times, judges) = match &besides {
            Besides::Leaks { times } => (times.get(), true),
            Besides::Proof { .. } => (1, false),
        };
        let progress = RunProgress::new(console, jobs.len() * times, manner.verbose, judges);
        let on_outcome = |outcome: &Outcome| progress.ended(outcome);
        let on_again = |check: &str| progress.again(check);
        let how = options.how(manner);
        let work = self.work(options, console)?;
        let (place, interrupted) = ((&*work, how), &self.interrupted);
        let outcomes = match besides {
            Besides::Leaks { times } => {
                runner::run_repeatedly(times, jobs, suite, place, interrupted, &on_outcome, &on_again)
            }
            Besides::Proof { next, witness } => {
                let mut outcomes =
                    runner::run_with_witness(jobs, suite, place, interrupted, &on_outcome, witness);
                let more = next(&outcomes);
                progress.add(more.len());
                let place = (&*work, Options { first: jobs.len(), ..how });
                outcomes.extend(runner::run_with_witness(
                    &more,
                    suite,
                    place,
                    interrupted,
                    &on_outcome,
                    witness,
                ));
                outcomes
            }
        };
        // Not below --keep-work, which is for the files of the run.
        let (hidden, unkept) = (self.hidden(), Options { keep_work_dirs: false, max_failures: None, ..how });
        let more = |jobs: &[Job]| {
            progress.add(jobs.len());
            let on_outcome = |_: &Outcome| progress.ended_elsewhere();
            runner::run(jobs, suite, &hidden, unkept, &self.interrupted, &on_outcome)
        };
        let value = then(&outcomes, &more);
        self.implementations.iter().for_each(|implementation| implementation.end());
        progress.finish();
        if !self.interrupted.load(Ordering::Relaxed) {
            return Ok((self, outcomes, value));
        }
        let done = outcomes.iter().filter(|outcome| outcome.verdict() != Verdict::NotRun).count();
        Err(self.interrupt(&format!("{done} of {} checks", outcomes.len()), console))
    }

    /// Runs more checks below the directory of the checks, whose files are not kept; `Err` with [`Exit::Interrupted`] after
    /// Ctrl-C. `run` returns how far it came as well.
    pub(super) fn run_more<T>(
        self,
        options: &RecordingOptions,
        run: impl FnOnce(&Path, Options, &AtomicBool) -> Result<(T, String), Exit>,
        console: &Console,
    ) -> Result<(Self, T), Exit> {
        let how = Options { keep_work_dirs: false, ..options.how(Manner::default()) };
        let (result, done) = run(&self.hidden(), how, &self.interrupted)?;
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(self.interrupt(&done, console));
        }
        Ok((self, result))
    }

    /// Gives up the report after this much was done.
    fn interrupt(self, done: &str, console: &Console) -> Exit {
        let kept = match self.report.interrupt() {
            Ok(kept) => format!("the inventory is in {}", kept.display()),
            Err(error) => error.to_string(),
        };
        console.error(&format!("interrupted after {done}: no report was written; {kept}"));
        Exit::Interrupted
    }

    /// The directory that checks run in. `--keep-work` must be empty, so that runs do not mix.
    fn work(&self, options: &RecordingOptions, console: &Console) -> Result<PathBuf, Exit> {
        let Some(kept) = &options.keep_work else { return Ok(self.hidden()) };
        let made = fs::create_dir_all(kept)
            .and_then(|()| kept.canonicalize())
            .and_then(|path| Ok((fs::read_dir(&path)?.next().is_none(), path)));
        let what = match made {
            Ok((true, path)) => return Ok(path),
            Ok((false, _)) => "not empty; choose another directory".to_owned(),
            Err(error) => error.to_string(),
        };
        console.error(&format!("--keep-work {}: {what}", kept.display()));
        Err(Exit::Usage)
    }

    /// Adds the kill matrix of a proof to the report.
    pub(super) fn set_matrix(&mut self, matrix: KillMatrix) {
        self.report.set_matrix(matrix);
    }

    /// Adds a file to the report. The name may have a folder.
    pub(super) fn add(&mut self, name: &str, contents: &[u8], console: &Console) -> Result<(), Exit> {
        self.report.add(name, contents).map_err(|error| no_report(&error, console))
    }

    /// Publishes the report of these outcomes; returns the record and the path of the report.
    pub(super) fn publish(
        self,
        about: About<'_>,
        outcomes: Vec<Outcome>,
        console: &Console,
    ) -> Result<(RunRecord, PathBuf), Exit> {
        let mut phases: Vec<Phase> = outcomes.iter().map(|outcome| outcome.phase).collect();
        phases.sort();
        phases.dedup();
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        // Another runner has set variables of its own, if any.
        let variables = match about.imported {
            Some(_) => BTreeMap::new(),
            None => BUNDLE.environment().iter().copied().map(own).collect(),
        };
        let run = RunRecord {
            format: FORMAT,
            stamp: self.stamp,
            phases,
            plan: about.plan.cloned(),
            selection: about.selection,
            environment: variables,
            suite_digest: about.suite.digest().to_owned(),
            suite: about.suite_named,
            unproven: about.unproven,
            options: about.options,
            judged: about.judged,
            implementations: implementations(&self.implementations, about.files),
            imported: about.imported,
            protected: about.protected,
            cases: case_texts(&outcomes, about.suite.checks().iter().map(|check| text_of(&check.case))),
            control: about.control,
            skipped_red: about.skipped_red,
            partition: about.partition,
            outcomes,
        };
        let mut run = Secrets::of_process().redact(run).map_err(|error| {
            console.error(&format!("cannot remove secrets from the report: {error}"));
            Exit::Internal
        })?;
        let environment = environment(self.program);
        let times = RunTimes {
            started: self.started.rfc3339(),
            ended: RunTimestamp::now().rfc3339(),
            stamp_given: self.stamp_given,
        };
        let published = self.report.publish(&run, &environment, times).map_err(|error| {
            console.note(&line(&RunVerdict::of(&run).sentence));
            console.error(&format!("cannot write the report: {error}"));
            exit_of(&error.why)
        })?;
        note_published(&published, console);
        run.stamp = published.stamp;
        Ok((run, published.report))
    }
}

/// The file of a case and its text.
fn text_of(case: &Case) -> (&str, &str) {
    (&case.file, &case.text)
}

/// Creates the report directory. Without a given stamp, its name is the first free second from now on.
pub(super) fn directory(reports: &Path, given: Option<RunTimestamp>) -> Result<ReportWriter, ReportError> {
    match given {
        Some(stamp) => ReportWriter::create(reports, stamp),
        None => ReportWriter::create_within(reports, RunTimestamp::now(), MAX_SECONDS_AHEAD),
    }
}

/// Prints what else happened when a report was published.
pub(super) fn note_published(published: &Published, console: &Console) {
    for report in &published.finished {
        let report = report.display();
        console.note(&format!(
            "note: published {report} as well: its run was killed when nothing but the name was missing"
        ));
    }
    if published.is_shortened {
        console.note("note: tracebacks and details were cut: the report would have been too long to be read");
    }
    if let Some(left) = &published.left {
        let left = left.display();
        console.note(&format!(
            "warning: files that checks left cannot be deleted and were moved to {left}: remove it by hand"
        ));
    }
}

/// The planned checks of these jobs.
pub(super) fn inventory(jobs: &[Job]) -> Inventory {
    let planned = |job: &Job| InventoryEntry {
        check: job.check.id.clone(),
        digest: job.check.case.digest.clone(),
        implementation: job.implementation.name().to_owned(),
        phase: job.phase,
        must_fail: job.must_fail.clone(),
        reason: job.reason.clone(),
    };
    Inventory { format: FORMAT, checks: jobs.iter().map(planned).collect() }
}

fn environment(program: Option<String>) -> Environment {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let variable = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some((name.to_owned(), beginning(value, MAX_VARIABLE_BYTES)))
    };
    Environment {
        platform: Platform { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() },
        binary: Binary { version, sha256: program },
        variables: PUBLISHED.into_iter().filter_map(variable).collect(),
    }
}

fn implementations(
    all: &[Arc<dyn Implementation>],
    mut files: BTreeMap<String, Vec<FileDigest>>,
) -> BTreeMap<String, ImplementationRecord> {
    let record = |own: &Arc<dyn Implementation>| {
        let files = files.remove(own.name()).unwrap_or_default();
        let (version, details) = (own.version().to_owned(), own.details());
        (own.name().to_owned(), ImplementationRecord { version, details, files })
    };
    all.iter().map(record).collect()
}

fn digest_of_program(path: &Path) -> std::io::Result<String> {
    Ok(Digest::of(&fs::read(path)?).to_string())
}

/// Prints why the report was not written, and returns the exit code.
pub(super) fn no_report(error: &ReportError, console: &Console) -> Exit {
    console.error(&format!("cannot write the report: {error}"));
    exit_of(error)
}

/// The exit code for a report that was not written.
pub(super) fn exit_of(error: &ReportError) -> Exit {
    match error {
        ReportError::Lost { .. }
        | ReportError::NoInventory(_)
        | ReportError::OtherStamp { .. }
        | ReportError::Render(_) => Exit::Internal,
        ReportError::Taken(_)
        | ReportError::UnderWay(_)
        | ReportError::NotAReport(_)
        | ReportError::InReport(_)
        | ReportError::NoFreeStamp { .. }
        | ReportError::StampsInTheWay { .. }
        | ReportError::TooLong { .. }
        | ReportError::Disk(_)
        | ReportError::StoreReplaced(_)
        | ReportError::NoNumber(_) => Exit::Usage,
    }
}
