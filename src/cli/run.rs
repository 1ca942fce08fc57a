//! `bundleproof run`: the main job.

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

use clap::{Parser, ValueEnum};

use super::{Console, Exit, SuiteOption, summary};
use crate::{
    contract::Digest,
    evidence::{
        Binary, Environment, FORMAT, Inventory, Planned, Platform, ReportDirectory, ReportError,
        Run as Record, shell_argument,
    },
    runner::{self, ENVIRONMENT, Implementations, Job, Options, Outcome, Phase, Stamp, Verdict},
    suite::{Check, Plan, Selection, Suite, nearest},
};

/// Run the suite: red on what breaks each requirement, then green on the reference
///
/// Every case is first seen to fail, for the reason it states, on the stub or a mutant that its file names;
/// then it must pass on the reference, or on the implementation that --impl names. The run leaves a report:
/// one directory, named by its UTC stamp, that `sha256sum -c SHA256SUMS` checks.
#[derive(Debug, Parser)]
pub(super) struct Run {
    /// Only these cases: an id or a glob, such as 'loader/*' (may be repeated)
    #[arg(long = "case", value_name = "GLOB", help_heading = "Selection")]
    cases: Vec<String>,

    /// Only cases about this requirement (may be repeated)
    #[arg(long = "requirement", value_name = "ID", help_heading = "Selection")]
    requirements: Vec<String>,

    /// Only cases of this area (may be repeated)
    #[arg(long = "area", value_name = "AREA", help_heading = "Selection")]
    areas: Vec<String>,

    /// Only the rows of this plan, each on the implementations that the row names
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    plan: Option<String>,

    /// Only this phase; with neither this nor --impl, both: red first
    #[arg(long, value_enum, help_heading = "Selection")]
    phase: Option<PhaseOption>,

    /// The implementation to judge, green; with --phase red, the one to see cases fail on
    #[arg(long = "impl", value_name = "NAME", conflicts_with = "plan", help_heading = "Selection")]
    implementation: Option<String>,

    /// Where reports are kept
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Report")]
    reports: PathBuf,

    /// The report's UTC stamp, such as 2025-10-17T112849Z [default: now]
    #[arg(long, value_name = "STAMP", help_heading = "Report")]
    stamp: Option<Stamp>,

    /// Print the outcome as JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    /// How many checks run at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,

    /// How long one check may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    deadline: u32,

    #[command(flatten)]
    suite: SuiteOption,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PhaseOption {
    Red,
    Green,
}

/// The implementation that is judged when none is named.
const JUDGED: &str = "reference";

/// The variables of the caller that a report may publish: they can change how a run comes out, and hold
/// nothing private.
const PUBLISHED: [&str; 5] = ["CI", "LANG", "LC_ALL", "RUST_BACKTRACE", "TZ"];

impl Run {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, implementations) = self.suite.load(console)?;
        let plan = self.plan(&suite, console)?;
        let jobs = self.jobs(&suite, &implementations, plan, console)?;

        let interrupted = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&interrupted);
        let handler = move || {
            // The second time, the person does not want to wait for what is running.
            if heard.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            console.note(&format!("note: an interruption will leave its work directory behind: {error}"));
        }

        let started = Stamp::now();
        let (stamp, mut report) = self.report_directory().map_err(|error| no_report(&error, console))?;
        report.write_inventory(inventory(&jobs)).map_err(|error| no_report(&error, console))?;

        let outcomes = self.run(&jobs, &suite, &report.work_dir(), &interrupted, console);
        if interrupted.load(Ordering::Relaxed) {
            let done = outcomes.iter().filter(|outcome| outcome.verdict() != Verdict::NotRun).count();
            let kept = match report.interrupt() {
                Ok(aside) => format!("what was going to run is in {}", aside.display()),
                Err(error) => error.to_string(),
            };
            let all = jobs.len();
            console
                .error(&format!("interrupted after {done} of {all} checks; there is no report, and {kept}"));
            return Ok(Exit::Interrupted);
        }
        let mut phases: Vec<Phase> = jobs.iter().map(|job| job.phase).collect();
        phases.sort();
        phases.dedup();
        let record = Record {
            format: FORMAT,
            stamp,
            phases,
            plan: plan.cloned(),
            selection: self.selection_words(),
            environment: ENVIRONMENT
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            suite_digest: suite.digest().to_owned(),
            suite: self.suite.named(),
            outcomes,
        };
        let environment = environment(&jobs).map_err(|error| {
            console.error(&format!("the program's own file cannot be read: {error}"));
            Exit::Internal
        })?;
        let times = (started.rfc3339(), Stamp::now().rfc3339());
        let path = report
            .publish(&record, &environment, &times.0, &times.1)
            .map_err(|error| no_report(&error, console))?;
        let exit = exit(&record);
        let text = if self.json {
            summary::json(&record, &path, exit)
        } else {
            summary::text(&record, &path, console)
        };
        console.print(&text);
        Ok(exit)
    }

    /// The report in the making, under the stamp that was given, or under that of the first second that no
    /// other run has taken.
    fn report_directory(&self) -> Result<(Stamp, ReportDirectory), ReportError> {
        let mut patience = 10;
        loop {
            let stamp = self.stamp.unwrap_or_else(Stamp::now);
            match ReportDirectory::create(&self.reports, stamp) {
                Err(ReportError::Taken(_) | ReportError::UnderWay(_))
                    if self.stamp.is_none() && patience > 0 =>
                {
                    patience -= 1;
                    thread::sleep(Duration::from_millis(200));
                }
                made => return made.map(|report| (stamp, report)),
            }
        }
    }

    fn plan<'s>(&self, suite: &'s Suite, console: &Console) -> Result<Option<&'s Plan>, Exit> {
        let Some(name) = &self.plan else { return Ok(None) };
        find_plan(name, suite, console).map(Some)
    }

    fn jobs(
        &self,
        suite: &Suite,
        implementations: &Implementations,
        plan: Option<&Plan>,
        console: &Console,
    ) -> Result<Vec<Job>, Exit> {
        let selection = Selection {
            cases: self.cases.clone(),
            requirements: self.requirements.clone(),
            areas: self.areas.clone(),
        };
        let checks = selection.select(suite).map_err(|error| {
            console.error(&error.to_string());
            Exit::NothingSelected
        })?;
        let named = match &self.implementation {
            None => None,
            Some(name) => Some(implementations.get(name).ok_or_else(|| {
                let offer = nearest(name, implementations.names()).map(|offer| format!("; {offer}"));
                let offer =
                    offer.unwrap_or_else(|| "; `bundleproof list implementations` shows them".to_owned());
                console.error(&format!("no implementation is called {name:?}{offer}"));
                Exit::Usage
            })?),
        };
        let (red, green) = match (self.phase, &named) {
            (Some(PhaseOption::Red), _) => (true, false),
            (Some(PhaseOption::Green), _) | (None, Some(_)) => (false, true),
            (None, None) => (true, true),
        };
        let mut jobs = Vec::new();
        if let Some(plan) = plan {
            for phase in [red.then_some(Phase::Red), green.then_some(Phase::Green)].into_iter().flatten() {
                planned(plan, phase, &checks, implementations, &mut jobs);
            }
        } else {
            if red {
                jobs.extend(runner::red(&checks, implementations, self.implementation.as_deref()));
            }
            if let Some(judged) = named.or_else(|| implementations.get(JUDGED)).filter(|_| green) {
                jobs.extend(runner::green(&checks, &judged));
            }
        }
        if jobs.is_empty() {
            console.error(
                "nothing is left to run: the selection has no check for this phase and implementation",
            );
            return Err(Exit::NothingSelected);
        }
        Ok(jobs)
    }

    fn run(
        &self,
        jobs: &[Job],
        suite: &Arc<Suite>,
        work: &Path,
        interrupted: &AtomicBool,
        console: &Console,
    ) -> Vec<Outcome> {
        let options = Options {
            workers: usize::from(self.workers),
            deadline: Duration::from_secs(u64::from(self.deadline)),
        };
        let bar = console.progress(jobs.len());
        let tell = |outcome: &Outcome| {
            bar.set_message(format!("{} {}", outcome.phase.word(), outcome.check));
            bar.inc(1);
        };
        let outcomes = runner::run(jobs, suite, work, options, interrupted, &tell);
        bar.finish_and_clear();
        outcomes
    }

    /// The selection as it was asked for, so that a report says how to ask for it again.
    fn selection_words(&self) -> Vec<String> {
        let mut words: Vec<String> =
            self.suite.named().iter().map(|suite| format!("--suite {}", shell_argument(suite))).collect();
        let repeated =
            [("--case", &self.cases), ("--requirement", &self.requirements), ("--area", &self.areas)];
        for (option, values) in repeated {
            words.extend(values.iter().map(|value| format!("{option} {}", shell_argument(value))));
        }
        words.extend(self.plan.iter().map(|plan| format!("--plan {}", shell_argument(plan))));
        words.extend(self.phase.map(|phase| match phase {
            PhaseOption::Red => "--phase red".to_owned(),
            PhaseOption::Green => "--phase green".to_owned(),
        }));
        words.extend(self.implementation.iter().map(|name| format!("--impl {}", shell_argument(name))));
        words
    }
}

/// The plan of this name, or a hint at the one that was meant.
pub(super) fn find_plan<'s>(name: &str, suite: &'s Suite, console: &Console) -> Result<&'s Plan, Exit> {
    suite.plans().iter().find(|plan| plan.name == name).ok_or_else(|| {
        let known: Vec<&str> = suite.plans().iter().map(|plan| plan.name.as_str()).collect();
        let offer =
            nearest(name, known.iter().copied()).unwrap_or_else(|| format!("known are {}", known.join(", ")));
        console.error(&format!("no plan is called {name:?}; {offer}"));
        Exit::NothingSelected
    })
}

/// The jobs of a plan's rows in one phase. A check that two rows select is run once.
fn planned(
    plan: &Plan,
    phase: Phase,
    checks: &[Arc<Check>],
    implementations: &Implementations,
    jobs: &mut Vec<Job>,
) {
    for row in plan.rows.iter().filter(|row| row.blocked.is_none()) {
        let of_row: Vec<Arc<Check>> = checks
            .iter()
            .filter(|check| row.checks().iter().any(|own| own.id == check.id))
            .cloned()
            .collect();
        let of_row = match phase {
            Phase::Red => runner::red(&of_row, implementations, Some(&row.red)),
            Phase::Green => implementations
                .get(&row.green)
                .map(|judged| runner::green(&of_row, &judged))
                .unwrap_or_default(),
        };
        for job in of_row {
            let same = |known: &Job| {
                known.check.id == job.check.id
                    && known.implementation.name() == job.implementation.name()
                    && known.phase == job.phase
                    && known.must_fail == job.must_fail
            };
            if !jobs.iter().any(same) {
                jobs.push(job);
            }
        }
    }
}

fn inventory(jobs: &[Job]) -> Inventory {
    let planned = |job: &Job| Planned {
        check: job.check.id.clone(),
        digest: job.check.case.digest.clone(),
        implementation: job.implementation.name().to_owned(),
        phase: job.phase,
        must_fail: job.must_fail.clone(),
    };
    Inventory { format: FORMAT, checks: jobs.iter().map(planned).collect() }
}

fn environment(jobs: &[Job]) -> std::io::Result<Environment> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    // The built-in implementations are part of the program and have its version.
    let implementations: BTreeMap<String, String> =
        jobs.iter().map(|job| (job.implementation.name().to_owned(), version.clone())).collect();
    let variable = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let sha256 = Digest::of(&fs::read(std::env::current_exe()?)?).to_string();
    Ok(Environment {
        platform: Platform { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() },
        binary: Binary { version, sha256 },
        implementations,
        variables: PUBLISHED.into_iter().filter_map(variable).collect(),
    })
}

fn exit(record: &Record) -> Exit {
    if record.outcomes.iter().any(|outcome| outcome.verdict() == Verdict::HarnessError) {
        Exit::Internal
    } else if record.counts(Phase::Green).not_as_stated() > 0 {
        Exit::DoesNotConform
    } else if record.counts(Phase::Red).not_as_stated() > 0 {
        Exit::NotProven
    } else {
        Exit::Success
    }
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
