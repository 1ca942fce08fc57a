//! `bundleproof import`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    github::GitHub,
    plan_options::PlanOptions,
    run::find_plan,
    run_exit::without_blocked,
    run_session::{About, ReportOptions, RunSession},
    summary,
    target::implementation_name,
};
use crate::{
    fs_util::read_regular,
    harness::{
        import::{JunitTest, MAX_JUNIT_BYTES, read_junit, select},
        record::{FORMAT, Imported, ImportedFile, Inventory, InventoryEntry, RunRecord, copy_name},
        runner::{Outcome, Phase},
    },
    text::shell_argument,
};

/// Import JUnit files of other test runners as evidence for the rows of a plan
///
/// The plan states which tests decide a row, and why each must fail in the red phase. Red counts only if the body of the
/// test failed for that reason: an xfail, an error in the setup, a skipped test or another exception is not proven. The
/// files and logs are copied into a report, and `ledger` shows what they decide.
#[derive(Debug, Parser)]
pub(super) struct Import {
    /// JUnit files, such as `pytest --junitxml FILE` writes
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The plan whose tests are imported
    #[arg(long, value_name = "NAME")]
    plan: String,

    /// The phase in which the tests were run
    #[arg(long, value_enum)]
    phase: ImportedPhase,

    /// The name of the implementation that was tested, for `ledger --red NAME` or `--green NAME`
    #[arg(long = "impl", value_name = "NAME")]
    implementation: String,

    /// A log of the same run, kept with the report (may be repeated)
    #[arg(long = "log", value_name = "FILE")]
    logs: Vec<PathBuf>,

    #[command(flatten)]
    plan_options: PlanOptions,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    #[command(flatten)]
    report: ReportOptions,

    #[command(flatten)]
    suite: SuiteOption,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ImportedPhase {
    Red,
    Green,
}

impl From<ImportedPhase> for Phase {
    fn from(phase: ImportedPhase) -> Self {
        match phase {
            ImportedPhase::Red => Self::Red,
            ImportedPhase::Green => Self::Green,
        }
    }
}

/// The longest log: 64 MiB.
const MAX_LOG_BYTES: u64 = 64 * 1024 * 1024;
/// The most files of one report.
const MAX_FILES: usize = 100;

/// A file that is copied into the report.
struct Copied {
    file: ImportedFile,
    bytes: Vec<u8>,
}

impl Import {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        let (phase, name) = (Phase::from(self.phase), implementation_name(&self.implementation));
        let plan = find_plan(&self.plan, &suite, console)?;
        let plan = match phase {
            Phase::Red => plan.on(Some(&name), None),
            Phase::Green => plan.on(None, Some(&name)),
        };
        let plan = self.plan_options.apply(plan, console)?;
        if self.files.len() + self.logs.len() > MAX_FILES {
            console.error(&format!("expected at most {MAX_FILES} files and logs"));
            return Err(Exit::Usage);
        }
        let junit = self.read(&self.files, 1, MAX_JUNIT_BYTES, console)?;
        let logs = self.read(&self.logs, 1 + junit.len(), MAX_LOG_BYTES, console)?;
        let tests = parsed(&junit, console)?;
        let outcomes = select(&plan, phase, &name, &tests).map_err(|errors| {
            errors.iter().for_each(|error| console.error(&error.to_string()));
            Exit::NothingSelected
        })?;
        if outcomes.is_empty() {
            console
                .error("nothing to import: every row with tests is blocked, and the files have none of them");
            return Err(Exit::NothingSelected);
        }

        let protected = PlanOptions::protected(&plan, self.report.reports(), console)?;
        let inventory =
            Inventory { format: FORMAT, checks: outcomes.iter().map(InventoryEntry::from).collect() };
        let mut session = RunSession::begin_report(&self.report, inventory, Vec::new(), console)?;
        for copied in junit.iter().chain(&logs) {
            session.add(&copied.file.name, &copied.bytes, console)?;
        }
        let files = |copied: Vec<Copied>| copied.into_iter().map(|copied| copied.file).collect();
        let about = About {
            suite: &suite,
            suite_named: self.suite.named(),
            plan: Some(&plan),
            selection: self.arguments(),
            unproven: Vec::new(),
            options: Default::default(),
            files: Default::default(),
            judged: None,
            protected,
            partition: None,
            control: None,
            skipped_red: 0,
            imported: Some(Imported { junit: files(junit), logs: files(logs) }),
        };
        let (record, path) = session.publish(about, outcomes, console)?;
        let exit = exit(&record);
        summary::print(&record, &path, exit, self.json, console)?;
        GitHub::from_environment().show(&record, &path, console);
        Ok(exit)
    }

    /// Reads files, the first of which is the n-th of the report.
    fn read(
        &self,
        paths: &[PathBuf],
        first: usize,
        limit: u64,
        console: &Console,
    ) -> Result<Vec<Copied>, Exit> {
        let copied = (first..).zip(paths).map(|(number, path)| {
            let bytes = read_regular(path, limit).map_err(|why| {
                console.error(&format!("cannot import {}: {why}", path.display()));
                Exit::Usage
            })?;
            let original = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let original = original.unwrap_or_default();
            Ok(Copied { file: ImportedFile { name: copy_name(number, &original), original }, bytes })
        });
        copied.collect()
    }

    /// The command-line arguments, for the report.
    fn arguments(&self) -> Vec<String> {
        let phase = Phase::from(self.phase).as_str();
        let mut arguments = vec![
            format!("--plan {}", shell_argument(&self.plan)),
            format!("--phase {phase}"),
            format!("--impl {}", shell_argument(&self.implementation)),
        ];
        arguments.extend(self.plan_options.arguments());
        arguments
    }
}

fn parsed(junit: &[Copied], console: &Console) -> Result<Vec<(String, Vec<JunitTest>)>, Exit> {
    let read = junit.iter().map(|Copied { file, bytes }| {
        read_junit(bytes).map(|tests| (file.original.clone(), tests)).map_err(|error| {
            console.error(&format!("cannot import {}: {error}", file.original));
            Exit::Usage
        })
    });
    let tests: Vec<_> = read.collect::<Result<_, _>>()?;
    if tests.iter().all(|(_, tests)| tests.is_empty()) {
        console.error(&format!("{} without a test", counted(tests.len(), "JUnit file")));
        return Err(Exit::NothingSelected);
    }
    Ok(tests)
}

/// What only blocked rows ask for does not count, as in `run`.
fn exit(record: &RunRecord) -> Exit {
    let counted = without_blocked(record);
    let unexpected = |outcome: &&Outcome| !outcome.met_expectation();
    match counted.as_ref().unwrap_or(record).outcomes.iter().find(unexpected) {
        None => Exit::Success,
        Some(outcome) if outcome.phase == Phase::Red => Exit::NotProven,
        Some(_) => Exit::DoesNotConform,
    }
}
