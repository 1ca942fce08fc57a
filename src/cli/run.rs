//! `bundleproof run`.

use std::{collections::BTreeSet, sync::Arc};

use clap::{Parser, ValueEnum};

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    known_file,
    run_session::{About, RecordingOptions, RunSession},
    selection::SelectionOptions,
    summary,
    target::{AdapterOptions, RunTarget},
    torch,
};
use crate::{
    harness::{
        proof::{PROVEN, Proven},
        record::{ConformanceSummary, RequirementRecord, RunRecord, RunTimestamp, Target},
        runner::{self, Implementations, Job, Phase, Verdict},
        suite::{Check, Plan, Suite, nearest},
    },
    text::shell_argument,
};

/// Run the suite: red runs on faulty implementations, then green runs on the implementation under test
///
/// Every case must first fail, for the expected reason, on the stub or mutants listed in its file; then it must pass on
/// the reference. With --impl, only the green runs on that implementation take place. Each run writes a report: a
/// directory named by its UTC timestamp, which `sha256sum -c SHA256SUMS` verifies.
#[derive(Debug, Parser)]
pub(super) struct Run {
    #[command(flatten)]
    selection: SelectionOptions,

    /// Only the rows of this plan, on the implementations listed in each row
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    plan: Option<String>,

    /// Only this phase [default: red then green, or green with --impl]
    #[arg(long, value_enum, help_heading = "Selection")]
    phase: Option<PhaseOption>,

    #[command(flatten)]
    adapter: AdapterOptions,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    #[command(flatten)]
    recording: RecordingOptions,

    #[command(flatten)]
    suite: SuiteOption,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PhaseOption {
    Red,
    Green,
}

/// The implementation under test if `--impl` is not given.
const JUDGED: &str = "reference";

impl Run {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, implementations) = self.suite.load(console)?;
        let plan = self.plan(&suite, console)?;
        let known_file = self.adapter.file_to_write(console)?;
        let named = self.adapter.judged(&suite, &implementations, console)?;
        let case_deadline = named.as_ref().and_then(|named| named.case_deadline);
        let jobs = self.jobs(&suite, &implementations, plan, named.as_ref(), console)?;

        let recording = RunSession::begin(&self.recording, &jobs, console)?;
        let (recording, outcomes) = recording.run(&jobs, &suite, &self.recording, case_deadline, console)?;
        let about = About {
            suite: &suite,
            suite_named: self.suite.named(),
            plan,
            selection: self.selection_arguments(),
            unproven: unproven(&suite, plan, &jobs, console),
            judged: named.and_then(|named| self.target_record(named, &suite, &jobs)),
        };
        let (record, path) = recording.publish(about, outcomes, console)?;
        let exit = self.exit(&record, console);
        let text = if self.json {
            summary::json(&record, &path, exit)
        } else {
            summary::text(&record, &path, console)
        };
        console.print(&text);
        if let Some(file) = known_file {
            known_file::write(&record, file, self.json, console)?;
        }
        Ok(exit)
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
        named: Option<&RunTarget>,
        console: &Console,
    ) -> Result<Vec<Job>, Exit> {
        let checks = self.selection.select(suite, console)?;
        let named = named.map(|named| Arc::clone(&named.implementation));
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
                jobs.extend(runner::red(&checks, implementations, self.adapter.name()));
            }
            if let Some(judged) = named.or_else(|| implementations.get(JUDGED)).filter(|_| green) {
                jobs.extend(runner::green(&checks, &judged));
            }
        }
        torch::report_if_broken(&checks, console);
        // A red run proves nothing where its case is unsupported.
        let before = jobs.len();
        jobs.retain(|job| {
            job.phase == Phase::Green || job.check.needs().all(|need| job.implementation.supports(need))
        });
        if jobs.len() < before {
            let skipped = counted(before - jobs.len(), "red run");
            console.note(&format!("skipped {skipped}: PyTorch is not available"));
        }
        if jobs.is_empty() {
            console.error("nothing to run: no selected check has a run in this phase on this implementation");
            return Err(Exit::NothingSelected);
        }
        Ok(jobs)
    }

    /// What the report records about a third-party implementation; `None` for a built-in one.
    fn target_record(&self, named: RunTarget, suite: &Suite, jobs: &[Job]) -> Option<Target> {
        let tested: BTreeSet<&String> = jobs.iter().flat_map(|job| &job.check.case.requires).collect();
        let requirements = suite.requirements().iter().filter(|own| tested.contains(own.id.get_ref()));
        let requirements = requirements.map(|own| {
            let statement = own.statement.clone();
            (
                own.id.get_ref().clone(),
                RequirementRecord { level: own.level, authority: own.authority, statement },
            )
        });
        Some(Target {
            name: named.implementation.name().to_owned(),
            option: self.adapter.arguments().join(" "),
            requirements: requirements.collect(),
            known: named.known?,
            on: RunTimestamp::now().day(),
            whole: self.selection.is_empty(),
        })
    }

    fn exit(&self, record: &RunRecord, console: &Console) -> Exit {
        if record.outcomes.iter().any(|outcome| outcome.verdict() == Verdict::HarnessError) {
            return Exit::Internal;
        }
        let fails = match &record.judged {
            Some(judged) => self.third_party_fails(record, &judged.conformance(&record.outcomes), console),
            None => self.built_in_fails(record, console),
        };
        if fails {
            Exit::DoesNotConform
        } else if record.counts(Phase::Red).unexpected() > 0 || !record.unproven.is_empty() {
            Exit::NotProven
        } else {
            Exit::Success
        }
    }

    /// Unsupported checks do not fail the run, unless there are no others or more than `--max-unsupported`.
    fn built_in_fails(&self, record: &RunRecord, console: &Console) -> bool {
        let green = || record.outcomes.iter().filter(|outcome| outcome.phase == Phase::Green);
        let unsupported = green().filter(|outcome| outcome.verdict() == Verdict::Unsupported).count();
        if self.adapter.exceeds_limit(unsupported)
            || (unsupported > 0 && unsupported == record.outcomes.len())
        {
            self.report_unsupported(unsupported, console);
            return true;
        }
        green().any(|outcome| !matches!(outcome.verdict(), Verdict::Pass | Verdict::Unsupported))
    }

    fn report_unsupported(&self, unsupported: usize, console: &Console) {
        console.error(&if self.adapter.exceeds_limit(unsupported) {
            format!("{unsupported} checks are unsupported: more than --max-unsupported")
        } else {
            "all selected checks are unsupported: nothing was tested".to_owned()
        });
    }

    /// Known failures do not fail the run; unsupported checks do as in `built_in_fails`.
    fn third_party_fails(
        &self,
        record: &RunRecord,
        standing: &ConformanceSummary<'_>,
        console: &Console,
    ) -> bool {
        let count = |verdict| record.outcomes.iter().filter(|outcome| outcome.verdict() == verdict).count();
        let unsupported = count(Verdict::Unsupported);
        let fails = record.outcomes.iter().any(|outcome| {
            !matches!(outcome.verdict(), Verdict::Pass | Verdict::Unsupported)
                && !standing.knows(&outcome.check)
        });
        if self.adapter.exceeds_limit(unsupported) || unsupported == record.outcomes.len() {
            self.report_unsupported(unsupported, console);
            return true;
        }
        fails || !standing.known.problems.is_empty()
    }

    /// The selection as command-line arguments, for rerun commands in reports.
    fn selection_arguments(&self) -> Vec<String> {
        let mut arguments = self.selection.arguments(self.suite.named().as_deref());
        arguments.extend(self.plan.iter().map(|plan| format!("--plan {}", shell_argument(plan))));
        arguments.extend(self.phase.map(|phase| match phase {
            PhaseOption::Red => "--phase red".to_owned(),
            PhaseOption::Green => "--phase green".to_owned(),
        }));
        arguments.extend(self.adapter.arguments());
        arguments
    }
}

/// Finds a plan by name; the error suggests similar names.
pub(super) fn find_plan<'s>(name: &str, suite: &'s Suite, console: &Console) -> Result<&'s Plan, Exit> {
    suite.plans().iter().find(|plan| plan.name == name).ok_or_else(|| {
        let known: Vec<&str> = suite.plans().iter().map(|plan| plan.name.as_str()).collect();
        let offer = nearest(name, known.iter().copied())
            .unwrap_or_else(|| format!("expected one of {}", known.join(", ")));
        console.error(&format!("unknown plan {name:?}; {offer}"));
        Exit::NothingSelected
    })
}

/// Adds the jobs of a plan's rows in one phase. A check that two rows select runs once.
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

/// The cases that only run green and have no current entry in proven.toml. Plans are left out, because the ledger
/// reports rows that never failed.
fn unproven(suite: &Suite, plan: Option<&Plan>, jobs: &[Job], console: &Console) -> Vec<String> {
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
    let cases = jobs.iter().map(|job| &job.check.case).filter(|case| !proven.is_current(case));
    let mut ids: Vec<String> = cases.map(|case| case.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}
