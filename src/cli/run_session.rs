//! What commands share that run checks and leave a report.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use clap::Args;

use super::{Exit, console::Console, interruption};
use crate::{
    bundle::BUNDLE,
    harness::{
        contract::{Contract as _, Implementation},
        record::{
            Binary, Environment, FORMAT, Inventory, InventoryEntry, Platform, RunRecord, RunTimestamp, Target,
        },
        runner::{self, Job, Options, Outcome, Phase, Verdict},
        store::{ReportError, ReportWriter},
        suite::{Plan, Suite},
    },
    value::Digest,
};

/// Where a report goes, and how checks are run.
#[derive(Debug, Args)]
pub(super) struct RecordingOptions {
    /// Where reports are kept
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Report")]
    reports: PathBuf,

    /// The report's UTC stamp, such as 2025-10-17T112849Z [default: now]
    #[arg(long, value_name = "STAMP", help_heading = "Report")]
    stamp: Option<RunTimestamp>,

    /// How many checks run at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,

    /// How long one check may take, in seconds [default: what its implementation says, else 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    deadline: Option<u32>,

    /// Keep the directories in which checks are run, below this one
    #[arg(long, value_name = "DIR")]
    keep_work: Option<PathBuf>,
}

/// What a report says of its run beside the outcomes.
pub(super) struct About<'a> {
    pub(super) suite: &'a Suite,
    /// The directory of the suite, as it was named.
    pub(super) suite_named: Option<String>,
    pub(super) plan: Option<&'a Plan>,
    pub(super) selection: Vec<String>,
    /// Cases that have not been seen to fail as they are now.
    pub(super) unproven: Vec<String>,
    /// What was judged, when it is none of the suite's own.
    pub(super) judged: Option<Target>,
}

/// A report in the making, from before anything runs until it is published.
pub(super) struct RunSession {
    report: ReportWriter,
    stamp: RunTimestamp,
    started: RunTimestamp,
    interrupted: Arc<AtomicBool>,
    implementations: Vec<Arc<dyn Implementation>>,
}

/// How long one check may take when nobody says anything else, in seconds.
const DEADLINE: u32 = 60;

/// The variables of the caller that a report may publish: they can change how a run comes out, and hold
/// nothing private.
const PUBLISHED: [&str; 5] = ["CI", "LANG", "LC_ALL", "RUST_BACKTRACE", "TZ"];

impl RunSession {
    /// Makes the hidden directory and writes down what is going to be reported. From here on an interruption
    /// is heard.
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
        let running = implementations.clone();
        let interrupted = interruption::listen(console, move || {
            running.iter().for_each(|implementation| implementation.end());
        });
        let started = RunTimestamp::now();
        let (stamp, mut report) = directory(options).map_err(|error| no_report(&error, console))?;
        report.write_inventory(inventory(planned)).map_err(|error| no_report(&error, console))?;
        Ok(Self { report, stamp, started, interrupted, implementations })
    }

    /// Runs these jobs, with a bar while a person waits; an interruption ends with its own exit code.
    pub(super) fn run(
        self,
        jobs: &[Job],
        suite: &Arc<Suite>,
        options: &RecordingOptions,
        case_deadline: Option<u32>,
        console: &Console,
    ) -> Result<(Self, Vec<Outcome>), Exit> {
        let bar = console.progress(jobs.len());
        let tell = |outcome: &Outcome| {
            bar.set_message(format!("{} {}", outcome.phase.word(), outcome.check));
            bar.inc(1);
        };
        let how = Options {
            workers: usize::from(options.workers),
            deadline: Duration::from_secs(options.deadline.or(case_deadline).unwrap_or(DEADLINE).into()),
            keep: options.keep_work.is_some(),
        };
        let work = self.work(options, console)?;
        let outcomes = runner::run(jobs, suite, &work, how, &self.interrupted, &tell);
        self.implementations.iter().for_each(|implementation| implementation.end());
        bar.finish_and_clear();
        if !self.interrupted.load(Ordering::Relaxed) {
            return Ok((self, outcomes));
        }
        let done = outcomes.iter().filter(|outcome| outcome.verdict() != Verdict::NotRun).count();
        let kept = match self.report.interrupt() {
            Ok(aside) => format!("what was going to run is in {}", aside.display()),
            Err(error) => error.to_string(),
        };
        let all = jobs.len();
        console.error(&format!("interrupted after {done} of {all} checks; there is no report, and {kept}"));
        Err(Exit::Interrupted)
    }

    /// Where checks are run. What is kept is not mixed with what was kept before.
    fn work(&self, options: &RecordingOptions, console: &Console) -> Result<PathBuf, Exit> {
        let Some(kept) = &options.keep_work else { return Ok(self.report.work_dir()) };
        let made = fs::create_dir_all(kept)
            .and_then(|()| kept.canonicalize())
            .and_then(|path| Ok((fs::read_dir(&path)?.next().is_none(), path)));
        let what = match made {
            Ok((true, path)) => return Ok(path),
            Ok((false, _)) => "is not empty; name a new directory".to_owned(),
            Err(error) => error.to_string(),
        };
        console.error(&format!("--keep-work {}: {what}", kept.display()));
        Err(Exit::Usage)
    }

    /// A file that is to be published with the report.
    pub(super) fn add(&self, name: &str, text: &str, console: &Console) -> Result<(), Exit> {
        let path = self.report.path().join(name);
        fs::write(&path, text).map_err(|error| {
            console.error(&format!("{} cannot be written: {error}", path.display()));
            Exit::Usage
        })
    }

    /// The run of these outcomes, and its report.
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
        let run = RunRecord {
            format: FORMAT,
            stamp: self.stamp,
            phases,
            plan: about.plan.cloned(),
            selection: about.selection,
            environment: BUNDLE.environment().iter().copied().map(own).collect(),
            suite_digest: about.suite.digest().to_owned(),
            suite: about.suite_named,
            unproven: about.unproven,
            judged: about.judged,
            outcomes,
        };
        let environment = environment(&self.implementations).map_err(|error| {
            console.error(&format!("the program's own file cannot be read: {error}"));
            Exit::Internal
        })?;
        let (started, ended) = (self.started.rfc3339(), RunTimestamp::now().rfc3339());
        let path = self
            .report
            .publish(&run, &environment, &started, &ended)
            .map_err(|error| no_report(&error, console))?;
        Ok((run, path))
    }
}

/// The report in the making, under the stamp that was given, or under that of the first second that no other
/// run has taken.
fn directory(options: &RecordingOptions) -> Result<(RunTimestamp, ReportWriter), ReportError> {
    let mut patience = 10;
    loop {
        let stamp = options.stamp.unwrap_or_else(RunTimestamp::now);
        match ReportWriter::create(&options.reports, stamp) {
            Err(ReportError::Taken(_) | ReportError::UnderWay(_))
                if options.stamp.is_none() && patience > 0 =>
            {
                patience -= 1;
                thread::sleep(Duration::from_millis(200));
            }
            made => return made.map(|report| (stamp, report)),
        }
    }
}

fn inventory(jobs: &[Job]) -> Inventory {
    let planned = |job: &Job| InventoryEntry {
        check: job.check.id.clone(),
        digest: job.check.case.digest.clone(),
        implementation: job.implementation.name().to_owned(),
        phase: job.phase,
        must_fail: job.must_fail.clone(),
    };
    Inventory { format: FORMAT, checks: jobs.iter().map(planned).collect() }
}

fn environment(implementations: &[Arc<dyn Implementation>]) -> std::io::Result<Environment> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let versioned = |own: &Arc<dyn Implementation>| (own.name().to_owned(), own.version().to_owned());
    let implementations: BTreeMap<String, String> = implementations.iter().map(versioned).collect();
    let variable = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let sha256 = digest_of_program(&std::env::current_exe()?)?;
    Ok(Environment {
        platform: Platform { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() },
        binary: Binary { version, sha256 },
        implementations,
        variables: PUBLISHED.into_iter().filter_map(variable).collect(),
    })
}

fn digest_of_program(path: &Path) -> std::io::Result<String> {
    Ok(Digest::of(&fs::read(path)?).to_string())
}

/// Every way in which a report cannot be made is one of the call's: a stamp that is taken, a directory that
/// cannot be written.
fn no_report(error: &ReportError, console: &Console) -> Exit {
    console.error(&format!("no report: {error}"));
    match error {
        ReportError::Lost { .. }
        | ReportError::NoInventory(_)
        | ReportError::OtherStamp { .. }
        | ReportError::Render(_) => Exit::Internal,
        ReportError::Taken(_) | ReportError::UnderWay(_) | ReportError::Disk(_) => Exit::Usage,
    }
}
