//! A suite as the tests of a crate: one line in a test target with `harness = false`.
//!
//! ```no_run
//! use bundleproof::{
//!     bundle::{BUNDLE, implementations::reference},
//!     harness::libtest,
//! };
//!
//! fn main() -> std::process::ExitCode {
//!     libtest::run(&BUNDLE, reference()) // a backend of your own in place of the reference
//! }
//! ```
//!
//! The embedded suite becomes one test per check, named by the check's id, under `cargo test` and nextest. A check
//! that needs what the backend does not support is ignored. With [`Suite::known_failures`] a known failure that fails
//! as expected passes with a note, and one more test, `known_failures`, fails for each entry that no longer holds:
//! the failure is gone or has another reason, the entry matches no check, is too broad, or has expired.
//!
//! Invariant: this is the only file of the engine that prints (through libtest-mimic, and notes and errors to
//! standard error) and that reads the arguments and the name of the process. A program that does not call it, such
//! as `bundleproof` itself, is linked without it.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use jiff::civil::Date;
use libtest_mimic::{Arguments, Failed, Trial};

use super::{
    KnownFailure,
    contract::{Contract, Implementation},
    known_failures::{Scope, judge},
    read_known_failures,
    record::RunTimestamp,
    report::failed_check,
    runner::{self, Implementations, Job, Options, Outcome, Verdict},
    suite::{self, Selection, Source},
    temporary::Temporary,
};
use crate::text::{line, shell_argument, shell_word};

/// The test that compares the known failures with what the suite shows. The ids of checks contain a `/`.
const KNOWN_FAILURES_TEST: &str = "known_failures";

/// Runs the embedded suite of a contract as the tests of this process: [`Suite::run`] without options.
pub fn run(contract: &'static dyn Contract, implementation: impl Implementation + 'static) -> ExitCode {
    Suite::new(contract, implementation).run()
}

/// What a test target runs, and on which backend.
#[must_use = "a suite tests nothing until it is run"]
pub struct Suite {
    contract: &'static dyn Contract,
    implementation: Arc<dyn Implementation>,
    areas: Vec<String>,
    known_failures: Option<PathBuf>,
    options: Options,
}

impl Suite {
    /// The whole embedded suite of a contract on this backend.
    pub fn new(contract: &'static dyn Contract, implementation: impl Implementation + 'static) -> Self {
        let implementation = Arc::new(implementation);
        // The test runner decides how many checks run at once.
        let options = Options { workers: 1, ..Options::default() };
        Self { contract, implementation, areas: Vec::new(), known_failures: None, options }
    }

    /// Only the checks of these areas.
    pub fn areas(mut self, areas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.areas.extend(areas.into_iter().map(Into::into));
        self
    }

    /// A file of `[[known]]` tables, as in the file of an implementation. `cargo test` and nextest look for a relative
    /// path from the root of the package.
    pub fn known_failures(mut self, file: impl Into<PathBuf>) -> Self {
        self.known_failures = Some(file.into());
        self
    }

    /// How long one check may take; 60 seconds by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// Runs what the arguments of the process select, and prints it as `cargo test` does.
    ///
    /// The exit code is 101 when a test failed, and 1 when nothing could be run: the message says why.
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        match self.trials() {
            Ok(trials) => {
                let conclusion = libtest_mimic::run(&arguments, trials);
                self.implementation.end();
                conclusion.exit_code()
            }
            Err(errors) => {
                for error in errors {
                    let lines: Vec<String> = error.lines().map(line).collect();
                    eprintln!("error: {}", lines.join("\n  "));
                }
                ExitCode::FAILURE
            }
        }
    }

    fn trials(&self) -> Result<Vec<Trial>, Vec<String>> {
        let built_in = Implementations::of(&self.contract.built_ins());
        let source = Source::Embedded(self.contract.suite());
        let suite = suite::Suite::load(self.contract, source, &built_in.names())
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let selection = Selection { areas: self.areas.clone(), ..Selection::default() };
        let checks = selection.select(&suite).map_err(|error| vec![error.to_string()])?;
        let known = match &self.known_failures {
            Some(file) => read_known_failures(file).map_err(|error| vec![error])?,
            None => Vec::new(),
        };

        let on = RunTimestamp::now().day();
        let shared = Arc::new(Shared { suite: Arc::new(suite), known, on, options: self.options });
        let tests: Vec<Arc<CheckTest>> = runner::green(&checks, &self.implementation)
            .into_iter()
            .map(|job| Arc::new(CheckTest { job, outcome: OnceLock::new() }))
            .collect();
        if !tests.iter().any(|test| test.is_supported()) {
            let name = self.implementation.name();
            return Err(vec![format!(
                "{name} supports none of the selected checks: nothing would be tested"
            )]);
        }
        let mut trials: Vec<Trial> = tests.iter().map(|test| trial(test, &shared)).collect();
        if self.known_failures.is_some() {
            trials.push(Trial::test(KNOWN_FAILURES_TEST, move || judge_known_failures(&tests, &shared)));
        }
        Ok(trials)
    }
}

/// What all tests of the process need.
struct Shared {
    suite: Arc<suite::Suite>,
    known: Vec<KnownFailure>,
    /// The day on which entries have expired or not.
    on: Date,
    options: Options,
}

/// One check, run at most once in a process.
struct CheckTest {
    job: Job,
    outcome: OnceLock<Result<Outcome, String>>,
}

impl CheckTest {
    fn is_supported(&self) -> bool {
        self.job.check.needs().all(|need| self.job.implementation.supports(need))
    }

    fn matches(&self, entry: &KnownFailure) -> bool {
        entry.is_about(&self.job.check.id, &self.job.check.case.requires)
    }

    fn outcome(&self, shared: &Shared) -> Result<&Outcome, Failed> {
        self.outcome.get_or_init(|| run_check(&self.job, shared)).as_ref().map_err(Failed::from)
    }
}

fn run_check(job: &Job, shared: &Shared) -> Result<Outcome, String> {
    let work = Temporary::create().map_err(|error| format!("cannot create a work directory: {error}"))?;
    let job = std::slice::from_ref(job);
    let outcomes =
        runner::run(job, &shared.suite, work.path(), shared.options, &AtomicBool::new(false), &|_| ());
    outcomes.into_iter().next().ok_or_else(|| "the check has no outcome".to_owned())
}

fn trial(test: &Arc<CheckTest>, shared: &Arc<Shared>) -> Trial {
    let (name, ignored) = (test.job.check.id.clone(), !test.is_supported());
    let (test, shared) = (Arc::clone(test), Arc::clone(shared));
    Trial::test(name, move || judge_check(&test, &shared)).with_ignored_flag(ignored)
}

fn judge_check(test: &CheckTest, shared: &Shared) -> Result<(), Failed> {
    let outcome = test.outcome(shared)?;
    // Of an entry about a requirement one check says nothing: another may be the one that breaks it.
    let about_check = |entry: &&KnownFailure| entry.case.is_some() && test.matches(entry);
    let entries: Vec<KnownFailure> = shared.known.iter().filter(about_check).cloned().collect();
    let problems = judge(&entries, &[outcome], shared.on, Scope::Selection).problems;
    let may_be_known = match outcome.verdict() {
        Verdict::Pass if problems.is_empty() => return Ok(()),
        Verdict::Pass => return Err(problems.join("\n").into()),
        Verdict::Fail | Verdict::Timeout | Verdict::Crash | Verdict::ProtocolError => true,
        Verdict::Unsupported | Verdict::HarnessError | Verdict::NotRun => false,
    };
    let known = judge(&shared.known, &[outcome], shared.on, Scope::Selection).known;
    if let (true, Some((check, numbers))) = (may_be_known, known.first()) {
        for entry in numbers.iter().filter_map(|number| shared.known.get(*number)) {
            let (check, why, owner) = (line(check), line(&entry.why), line(&entry.owner));
            eprintln!("note: {check} fails as expected: {why} ({owner}, until {})", entry.expires);
        }
        return Ok(());
    }
    let rerun = rerun_command(&outcome.check);
    let mut message = failed_check(outcome, outcome.result_name(), &rerun).trim_end().to_owned();
    for problem in problems {
        message.push_str(&format!("\n  {problem}"));
    }
    Err(message.into())
}

/// Compares the entries with every check that they match. An entry about a check that this target does not select is
/// left to the target that does.
fn judge_known_failures(tests: &[Arc<CheckTest>], shared: &Shared) -> Result<(), Failed> {
    let all = shared.suite.checks();
    let in_suite =
        |entry: &KnownFailure| all.iter().any(|check| entry.is_about(&check.id, &check.case.requires));
    let selected = |entry: &&KnownFailure| tests.iter().any(|test| test.matches(entry)) || !in_suite(entry);
    let entries: Vec<KnownFailure> = shared.known.iter().filter(selected).cloned().collect();
    let matched = tests.iter().filter(|test| entries.iter().any(|entry| test.matches(entry)));
    let outcomes = matched.map(|test| test.outcome(shared)).collect::<Result<Vec<_>, _>>()?;
    let problems = judge(&entries, &outcomes, shared.on, Scope::Suite).problems;
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// The command that runs just this check, in this test target where its name is known.
fn rerun_command(check: &str) -> String {
    let program = std::env::current_exe().ok();
    let stem = program.as_deref().and_then(|path| path.file_stem()?.to_str());
    let target = stem.and_then(test_target);
    let option = target.map(|target| format!(" --test {}", shell_argument(target))).unwrap_or_default();
    format!("cargo test{option} -- --exact {}", shell_word(check))
}

/// Cargo names the program of a test target `name-0123456789abcdef`.
fn test_target(program: &str) -> Option<&str> {
    let (name, hash) = program.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("conformance-1dada1130577d67c", Some("conformance"))]
    #[case("my-tests-1dada1130577d67c", Some("my-tests"))]
    #[case("my-tests", None)]
    #[case("my-testsuites-of-lore", None)]
    fn a_test_target_is_known_by_its_program(#[case] program: &str, #[case] target: Option<&str>) {
        assert_eq!(test_target(program), target);
    }
}
