//! `bundleproof run`.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;

use super::{
    Exit, SuiteOption,
    compare_input::CompareInput,
    console::Console,
    control::control,
    github::GitHub,
    known_file,
    phases::{PhaseOptions, Phases},
    plan_options::PlanOptions,
    run_exit,
    run_session::{self, About, Besides, Manner, RecordingOptions, RunSession},
    selection::SelectionOptions,
    summary,
    target::{AdapterOptions, RunTarget},
    torch,
};
use crate::{
    harness::{
        compare::Snapshot,
        proof::{PROVEN, Proven},
        record::{Part, Partition, RequirementRecord, RunTimestamp, Target},
        runner::{self, Implementations, Job, Outcome, Phase},
        suite::{Check, Plan, Step, Suite, nearest},
    },
    text::{line, shell_argument},
};

/// Run the suite: red runs on faulty implementations, then green runs on the implementation under test
///
/// Every case must first fail, for the expected reason, on the stub or mutants listed in its file; then it must pass on
/// the reference. With --impl, only the green runs on that implementation take place. With --plan, the rows of a plan
/// run on any implementation: --red on the current code, --green on the fixed code. Each run writes a report: a
/// directory named by its UTC timestamp, which `sha256sum -c SHA256SUMS` verifies.
#[derive(Debug, Parser)]
pub(super) struct Run {
    #[command(flatten)]
    selection: SelectionOptions,

    /// Only checks that failed in this report [default: the newest one in the directory of --reports]
    #[arg(long, value_name = "REPORT", help_heading = "Selection")]
    rerun_failed: Option<Option<PathBuf>>,

    #[command(flatten)]
    phases: PhaseOptions,

    /// Only part I of N of the selected checks, such as 2/3; `merge` puts the reports of all parts together
    ///
    /// The part of a check depends on its ID alone. A part without checks is a report as well.
    #[arg(long, value_name = "I/N", help_heading = "Selection")]
    partition: Option<Part>,

    #[command(flatten)]
    plan: PlanOptions,

    #[command(flatten)]
    adapter: AdapterOptions,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    /// Print only the verdict and the path of the report
    #[arg(short, long, conflicts_with = "json", help_heading = "Report")]
    quiet: bool,

    /// Print each check with its result when it ends
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Report")]
    verbose: bool,

    /// Stop after this many failures; known ones do not count, and checks that have not begun are not run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,

    /// Stop after the first failure
    #[arg(short = 'x', long, conflicts_with = "max_fail")]
    fail_fast: bool,

    /// Run the checks in another order, which this number decides; the report has them in the order of the suite
    #[arg(long, value_name = "SEED", conflicts_with = "partition")]
    shuffle: Option<u64>,

    /// Run every check this many times: one whose results differ is flaky, and fails
    #[arg(long, value_name = "N", default_value = "1", hide_default_value = true,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(runner::MAX_RUNS)))]
    repeat: u32,

    #[command(flatten)]
    recording: RecordingOptions,

    #[command(flatten)]
    suite: SuiteOption,
}

/// The implementation under test if `--impl` is not given.
const JUDGED: &str = "reference";

impl Run {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, implementations) = self.suite.load(console)?;
        let plan = self.phases.plan().map(|name| find_plan(name, &suite, console)).transpose()?;
        let known_file = self.adapter.file_to_write(console)?;
        let mut checks = self.selection.select(&suite, console)?;
        let earlier = self.rerun_failed.as_ref().map(|report| self.earlier(report.as_deref(), console));
        let earlier = earlier.transpose()?;
        if let Some(earlier) = &earlier {
            let failed: BTreeSet<&str> = earlier.failed().collect();
            checks.retain(|check| failed.contains(check.id.as_str()));
            if checks.is_empty() {
                console.error(&format!("none of the selected checks failed in {}", line(&earlier.name)));
                return Err(Exit::NothingSelected);
            }
        }
        let sandbox = self.adapter.sandbox(console)?;
        let connect = self.adapter.connect(&suite, &implementations, sandbox.as_ref());
        let phases = self.phases.resolve(&self.adapter, &connect, console)?;
        // The plan that was run, with the implementations that it was run on.
        let plan = plan.map(|plan| plan.on(phases.red.name(), phases.green.name()));
        let plan = plan.map(|plan| self.plan.apply(plan, console)).transpose()?;
        let available = implementations.with(phases.given().map(|own| &own.implementation));
        let jobs = jobs(&checks, &available, plan.as_ref(), &phases);
        let (jobs, skipped_red) = without_unsupported_red(jobs, &implementations, console)?;
        torch::report_if_broken(&checks, console);

        let case_deadline = phases.third_parties().iter().filter_map(|target| target.case_deadline).max();
        let protected =
            plan.as_ref().map(|plan| PlanOptions::protected(plan, self.recording.reports(), console));
        let protected = protected.transpose()?.flatten();
        let partition = self.partition.map(|part| self.partition_of(part, &jobs)).transpose();
        let partition = partition.map_err(|error| {
            console.error(&format!("cannot write the inventory: {error}"));
            Exit::Internal
        })?;
        let judged = phases.green.given().filter(|target| target.is_third_party());
        let own: Vec<Job> = match &partition {
            Some(partition) => partition.positions.iter().filter_map(|at| jobs.get(*at).cloned()).collect(),
            None => jobs.clone(),
        };
        let own = if self.max_failures().is_some() { with_known(own, judged) } else { own };
        let recording = RunSession::begin(&self.recording, &own, console)?.below(sandbox);
        let whole = self.selects_all() && plan.is_none() && partition.is_none();
        let then = |outcomes: &[Outcome], run: &dyn Fn(&[Job]) -> Vec<Outcome>| {
            judged.map(|target| control(target, &own, outcomes, whole, run))
        };
        let how = Manner { verbose: self.verbose, case_deadline, max_failures: self.max_failures() };
        let order = self.order(own.len());
        let shuffled: Vec<Job> = order.iter().filter_map(|at| own.get(*at).cloned()).collect();
        let (recording, outcomes, control) = recording.run_then(
            &shuffled,
            &suite,
            (&self.recording, how),
            Besides::Leaks { times: self.times() },
            console,
            then,
        )?;
        let outcomes = in_suite_order(&order, outcomes);
        let option = |target: &RunTarget| (target.implementation.name().to_owned(), target.option.clone());
        let files = |target: &RunTarget| (target.implementation.name().to_owned(), target.files.clone());
        let about = About {
            suite: &suite,
            suite_named: self.suite.named(),
            plan: plan.as_ref(),
            selection: self.selection_arguments(earlier.as_ref()),
            partition,
            unproven: unproven(&suite, plan.as_ref(), &jobs, &own, console),
            options: phases.given().map(option).collect(),
            files: phases.given().map(files).collect(),
            // The same for every part: that of the whole run.
            judged: phases.green.given().and_then(|target| self.target_record(target, &suite, &jobs)),
            protected,
            control,
            skipped_red,
            imported: None,
        };
        let (record, path) = recording.publish(about, outcomes, console)?;
        let exit = run_exit::of(&record, self.adapter.max_unsupported(), console);
        if self.quiet {
            summary::print_verdict(&record, &path, exit, console);
        } else {
            summary::print(&record, &path, exit, self.json, console)?;
        }
        GitHub::from_environment().show(&record, &path, console);
        if let Some(target) = judged.filter(|_| whole) {
            report_unused(target, console);
        }
        if let Some(file) = known_file {
            known_file::write(&record, file, self.json, console)?;
        }
        Ok(exit)
    }

    /// After how many failures the run stops.
    fn max_failures(&self) -> Option<usize> {
        let most = self.max_fail.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        most.or(self.fail_fast.then_some(1))
    }

    /// How often each check runs.
    fn times(&self) -> NonZeroUsize {
        usize::try_from(self.repeat).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
    }

    /// The order in which jobs run, by their places.
    fn order(&self, jobs: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..jobs).collect();
        if let Some(seed) = self.shuffle {
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
        }
        order
    }

    fn partition_of(&self, part: Part, jobs: &[Job]) -> Result<Partition, serde_json::Error> {
        let planned: Vec<&str> = jobs.iter().map(|job| job.check.id.as_str()).collect();
        let inventory = run_session::inventory(jobs).digest()?;
        Ok(Partition::new(part, &planned, inventory, self.adapter.max_unsupported()))
    }

    /// What the report records about a third-party implementation; `None` for a built-in one.
    fn target_record(&self, target: &RunTarget, suite: &Suite, jobs: &[Job]) -> Option<Target> {
        let crash_violates = suite.contract().crash_violates();
        let violated = |step: &Step| {
            let operation = step.action.name();
            Some((operation.to_owned(), suite.contract().refusal_violates(operation)?.to_owned()))
        };
        let refusal_violates: BTreeMap<String, String> =
            jobs.iter().flat_map(|job| &job.check.steps).filter_map(violated).collect();
        let of_cases = jobs.iter().flat_map(|job| &job.check.case.requires).map(String::as_str);
        let of_effects = jobs.iter().flat_map(|job| job.check.effect_requirements(suite.contract()));
        let of_refusals = refusal_violates.values().map(String::as_str);
        let tested: BTreeSet<&str> =
            of_cases.chain(of_effects).chain(of_refusals).chain(crash_violates).collect();
        let requirements =
            suite.requirements().iter().filter(|own| tested.contains(own.id.get_ref().as_str()));
        let requirements = requirements.map(|own| {
            let statement = own.statement.clone();
            (
                own.id.get_ref().clone(),
                RequirementRecord { level: own.level, authority: own.authority, statement },
            )
        });
        Some(Target {
            name: target.implementation.name().to_owned(),
            era: target.implementation.era().map(str::to_owned),
            requirements: requirements.collect(),
            crash_violates: crash_violates.map(str::to_owned),
            refusal_violates: refusal_violates.clone(),
            known: target.known.clone()?,
            on: RunTimestamp::now().day(),
            whole: self.selects_all() && self.phases.plan().is_none(),
        })
    }

    /// The report whose failed checks are run again.
    fn earlier(&self, report: Option<&Path>, console: &Console) -> Result<Snapshot, Exit> {
        let path = report.unwrap_or(self.recording.reports());
        if !path.exists() {
            let what = match report {
                Some(_) => "expected a report, or a directory of reports",
                None => "no run has written a report yet, or --reports names another directory",
            };
            console.error(&format!("--rerun-failed: {} does not exist: {what}", path.display()));
            return Err(Exit::Usage);
        }
        Ok(CompareInput::read(path, console)?.snapshot)
    }

    fn selects_all(&self) -> bool {
        self.selection.is_empty() && self.rerun_failed.is_none()
    }

    /// The selection as command-line arguments, for rerun commands in reports.
    fn selection_arguments(&self, earlier: Option<&Snapshot>) -> Vec<String> {
        let mut arguments = self.selection.arguments(self.suite.named().as_deref());
        arguments.extend(earlier.map(|report| format!("--rerun-failed {}", shell_argument(&report.name))));
        arguments.extend(self.phases.arguments());
        arguments.extend(self.plan.arguments());
        arguments.extend(self.adapter.arguments());
        arguments.extend((self.repeat > 1).then(|| format!("--repeat {}", self.repeat)));
        arguments.extend(self.shuffle.map(|seed| format!("--shuffle {seed}")));
        arguments
    }
}

/// Jobs that know which of them are about known failures.
fn with_known(mut jobs: Vec<Job>, judged: Option<&RunTarget>) -> Vec<Job> {
    let entries = judged.and_then(|target| target.known.as_deref()).unwrap_or_default();
    for job in jobs.iter_mut().filter(|job| job.phase == Phase::Green) {
        job.may_fail = entries.iter().any(|entry| entry.is_about(&job.check.id, &job.check.case.requires));
    }
    jobs
}

/// The outcomes of jobs that ran in this order, in the order of the jobs.
fn in_suite_order(order: &[usize], outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut placed: Vec<(usize, Outcome)> = order.iter().copied().zip(outcomes).collect();
    placed.sort_by_key(|(at, _)| *at);
    placed.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Names the effects that the file of an implementation allows and that no check of the whole suite has seen.
fn report_unused(target: &RunTarget, console: &Console) {
    let unused = target.implementation.allowed_effects().iter().filter(|allowed| !allowed.is_used());
    for allowed in unused {
        let what = line(&format!("unused [[allowed]] entry for {} ({})", allowed.effect, allowed.reason));
        console.note(&format!("{what}: remove it from the implementation file"));
    }
}

/// Finds a plan by name; the error suggests similar names.
pub(super) fn find_plan<'s>(name: &str, suite: &'s Suite, console: &Console) -> Result<&'s Plan, Exit> {
    suite.plans().iter().find(|plan| plan.name == name).ok_or_else(|| {
        let known: Vec<&str> = suite.plans().iter().map(|plan| plan.name.as_str()).collect();
        let offer = nearest(name, known.iter().copied())
            .unwrap_or_else(|| format!("expected one of {}", known.join(", ")));
        console.error(&format!("unknown plan {name:?}; {offer}"));
        Exit::Usage
    })
}

/// The jobs of both phases, red first.
fn jobs(
    checks: &[Arc<Check>],
    implementations: &Implementations,
    plan: Option<&Plan>,
    phases: &Phases,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    if phases.red.runs() {
        jobs.extend(match plan {
            Some(plan) => planned(plan, Phase::Red, checks, implementations),
            None => runner::red(checks, implementations, phases.red.name()),
        });
    }
    if phases.green.runs() {
        jobs.extend(match plan {
            Some(plan) => planned(plan, Phase::Green, checks, implementations),
            None => implementations
                .get(phases.green.name().unwrap_or(JUDGED))
                .map(|judged| runner::green(checks, &judged))
                .unwrap_or_default(),
        });
    }
    jobs
}

/// The jobs of a plan's rows in one phase. A check that two rows select runs once.
fn planned(plan: &Plan, phase: Phase, checks: &[Arc<Check>], implementations: &Implementations) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut known = BTreeSet::new();
    let by_id: BTreeMap<&str, &Arc<Check>> = checks.iter().map(|check| (check.id.as_str(), check)).collect();
    for row in &plan.rows {
        let name = match phase {
            Phase::Red => &row.red,
            Phase::Green => &row.green,
        };
        let Some(implementation) = implementations.get(name) else { continue };
        for planned in row.checks() {
            let Some(check) = by_id.get(planned.id.as_str()).copied() else { continue };
            let of_check = match phase {
                Phase::Red => runner::planned_red(check, planned, &implementation),
                Phase::Green => runner::green(std::slice::from_ref(check), &implementation),
            };
            for job in of_check {
                let (check, fails, reason) =
                    (job.check.id.clone(), job.must_fail.clone(), job.reason.clone());
                if known.insert((check, name.clone(), fails, reason)) {
                    jobs.push(job);
                }
            }
        }
    }
    jobs
}

/// Drops the red runs that need what a built-in implementation does not support, and counts them: they would prove nothing.
/// Those of other implementations are kept, because the report shows them as unsupported.
fn without_unsupported_red(
    mut jobs: Vec<Job>,
    built_in: &Implementations,
    console: &Console,
) -> Result<(Vec<Job>, usize), Exit> {
    let before = jobs.len();
    jobs.retain(|job| {
        job.phase == Phase::Green
            || built_in.get(job.implementation.name()).is_none()
            || job.check.needs().all(|need| job.implementation.supports(need))
    });
    let skipped = before - jobs.len();
    if jobs.is_empty() {
        console.error(match skipped {
            0 => "nothing to run: no selected check has a run in this phase on this implementation",
            _ => "nothing to run: every selected red run requires PyTorch",
        });
        return Err(Exit::NothingSelected);
    }
    Ok((jobs, skipped))
}

/// The cases of these jobs that only run green and have no current entry in proven.toml. `own` are those of `jobs`
/// that belong to this part of the run. Plans are left out, because the ledger
/// reports rows that never failed.
fn unproven(suite: &Suite, plan: Option<&Plan>, jobs: &[Job], own: &[Job], console: &Console) -> Vec<String> {
    if plan.is_some() || jobs.iter().any(|job| job.phase == Phase::Red) {
        return Vec::new();
    }
    let proven = match suite.file(PROVEN).map(|text| Proven::from_toml(&text)) {
        Some(Ok(proven)) => proven,
        Some(Err(error)) => {
            console.note(&format!("note: {error}"));
            Proven::default()
        }
        None => Proven::default(),
    };
    let cases = own.iter().map(|job| &job.check.case).filter(|case| !proven.is_current(case));
    let mut ids: Vec<String> = cases.map(|case| case.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}
