//! `bundleproof prove`.

use std::{collections::BTreeSet, fs, sync::Arc, time::Instant};

use clap::Parser;
use serde_json::json;

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    run_session::{About, RecordingOptions, RunSession},
    selection::SelectionOptions,
    torch,
};
use crate::{
    bundle::{BUNDLE, operations::TORCH},
    harness::contract::{BuiltIn, BuiltInRole, Contract as _},
    harness::{
        proof::{FaultyImplementation, Matrix, PROVEN, Proven, markdown},
        runner::{self, Implementations, Job, Outcome, Phase},
        suite::{Check, Suite},
    },
    text::line,
};

/// Prove the suite: run every check on everything that breaks a requirement
///
/// Every check must pass on the reference, fail on a mutant that breaks a requirement it is about, and each of
/// its expectations must fail on something; every mutant must be killed by a check about what it breaks. The
/// kill matrix is part of the report (matrix.md, matrix.json). With --suite DIR what was proven is written to
/// DIR/proven.toml, once all of it is; without, or with --check, it is held against the one that is there.
#[derive(Debug, Parser)]
pub(super) struct Prove {
    #[command(flatten)]
    selection: SelectionOptions,

    /// Do not write proven.toml: fail when it is not what would be written
    #[arg(long)]
    check: bool,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    #[command(flatten)]
    recording: RecordingOptions,

    #[command(flatten)]
    suite: SuiteOption,
}

/// The implementation that obeys.
const JUDGED: &str = "reference";

/// The one that breaks many requirements at once.

/// How many problems are shown before the rest is left to the matrix.
const MAX_SHOWN: usize = 40;

impl Prove {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let began = Instant::now();
        let (suite, implementations) = self.suite.load(console)?;
        let selected = self.selection.select(&suite, console)?;
        torch::tell(&selected, console);
        let judged = implementations.get(JUDGED);
        // What a check needs that nothing of the suite has here cannot be looked at; what was proven of it stands.
        let can = |check: &Arc<Check>| {
            judged.as_ref().is_some_and(|judged| check.needs().all(|need| judged.supports(need)))
        };
        let (checks, aside): (Vec<Arc<Check>>, Vec<Arc<Check>>) = selected.into_iter().partition(can);
        if checks.is_empty() {
            torch::tell_why_not(console);
            return Err(Exit::NotProven);
        }
        let whole = self.selection.is_empty();
        let breakers = breakers();
        let green: Vec<Job> = judged.as_ref().map_or_else(Vec::new, |judged| runner::green(&checks, judged));
        let cells = cells(&checks, &implementations, &breakers);
        let claims = runner::red(&checks, &implementations, None);

        let reported: Vec<Job> = claims.iter().chain(&green).cloned().collect();
        let recording = RunSession::begin(&self.recording, &reported, console)?;
        let jobs: Vec<Job> = green.iter().chain(&cells).cloned().collect();
        let (recording, outcomes) = recording.run(&jobs, &suite, &self.recording, None, console)?;
        let (seen_green, seen) = outcomes.split_at(green.len());
        let matrix = Matrix::of(&suite, &checks, &aside, &breakers, (seen_green, seen), whole);

        recording.add("matrix.md", &markdown(&matrix), console)?;
        let text = serde_json::to_string_pretty(&matrix).map_err(|error| {
            console.error(&format!("the matrix cannot be written as JSON: {error}"));
            Exit::Internal
        })?;
        recording.add("matrix.json", &(text + "\n"), console)?;
        let selection = self.selection.words(self.suite.named().as_deref());
        let about = About {
            suite: &suite,
            suite_named: self.suite.named(),
            plan: None,
            selection,
            unproven: Vec::new(),
            judged: None,
        };
        let (_, path) = recording.publish(about, claimed(&claims, seen, seen_green), console)?;

        let changes = self.keep(&matrix, &aside, whole, &suite, console)?;
        let proven = matrix.problems.is_empty() && changes.is_empty();
        let seconds = began.elapsed().as_secs_f64();
        console.print(&if self.json {
            let value = json!({
                "proven": proven, "counts": matrix.counts, "problems": matrix.problems, "changes": changes,
                "seconds": seconds, "report": path.display().to_string(),
            });
            format!("{value:#}\n")
        } else {
            told(&matrix, &changes, seconds, console) + &format!("Report: {}\n", path.display())
        });
        Ok(if proven { Exit::Success } else { Exit::NotProven })
    }

    /// Writes what was proven, or says what is otherwise in the file that is there.
    fn keep(
        &self,
        matrix: &Matrix,
        aside: &[Arc<Check>],
        whole: bool,
        suite: &Suite,
        console: &Console,
    ) -> Result<Vec<String>, Exit> {
        let before = suite.file(PROVEN).map(|text| Proven::from_toml(&text));
        let mut now = Proven::of(matrix);
        if let Some(Ok(before)) = &before {
            now.keep(before, aside.iter().map(|check| check.case.as_ref()));
        }
        let unwritten = |error: &dyn std::fmt::Display| {
            console.error(&format!("{PROVEN} cannot be written: {error}"));
            Exit::Usage
        };
        if let (Some(directory), false) = (self.suite.directory(), self.check) {
            if whole && matrix.problems.is_empty() {
                let text = now.to_toml().map_err(|error| unwritten(&error))?;
                fs::write(directory.join(PROVEN), text).map_err(|error| unwritten(&error))?;
            }
            return Ok(Vec::new());
        }
        match before {
            None => Ok(vec![format!("there is no {PROVEN}: write it with `bundleproof prove --suite DIR`")]),
            Some(Err(error)) => Ok(vec![error.to_string()]),
            Some(Ok(mut before)) => {
                if !whole {
                    before.cases.retain(|id, _| now.cases.contains_key(id));
                }
                let unseen: BTreeSet<&str> = aside
                    .iter()
                    .filter(|check| !before.holds(&check.case))
                    .map(|check| check.case.id.as_str())
                    .collect();
                before.cases.retain(|id, _| !unseen.contains(id.as_str()));
                let mut changes: Vec<String> = unseen
                    .iter()
                    .map(|id| format!("the case {id} is new or was changed, and needs torch to be proven"))
                    .collect();
                changes.extend(before.changed_to(&now));
                Ok(changes)
            }
        }
    }
}

/// Everything that comes with the suite and breaks something.
fn breakers() -> Vec<FaultyImplementation> {
    let breaker = |built_in: BuiltIn| {
        let name = built_in.implementation.name().to_owned();
        match built_in.role {
            BuiltInRole::Reference => None,
            BuiltInRole::Stub => Some(FaultyImplementation { name, breaks: None }),
            BuiltInRole::Mutant { breaks, .. } => {
                Some(FaultyImplementation { name, breaks: Some(breaks.to_owned()) })
            }
        }
    };
    BUNDLE.built_ins().into_iter().filter_map(breaker).collect()
}

/// Every check on every breaker.
fn cells(
    checks: &[Arc<Check>],
    implementations: &Implementations,
    breakers: &[FaultyImplementation],
) -> Vec<Job> {
    let mut jobs = Vec::new();
    for breaker in breakers {
        if let Some(implementation) = implementations.get(&breaker.name) {
            jobs.extend(checks.iter().filter(|check| is_asked(check, breaker)).map(|check| Job {
                check: Arc::clone(check),
                implementation: Arc::clone(&implementation),
                phase: Phase::Red,
                must_fail: None,
            }));
        }
    }
    jobs
}

/// Networks that are executed take their time, and each breaker is a process of its own then: such a check is run
/// where it says that it fails, and where something breaks what it is about.
fn is_asked(check: &Check, breaker: &FaultyImplementation) -> bool {
    let is_about = |id: &String| check.case.requires.contains(id);
    !check.needs().any(|need| need == TORCH)
        || check.red.iter().any(|red| red.on == breaker.name)
        || breaker.breaks.as_ref().is_some_and(is_about)
}

/// The outcomes that a report holds: one for each red entry, and those on the reference.
fn claimed(claims: &[Job], seen: &[Outcome], green: &[Outcome]) -> Vec<Outcome> {
    let cells: std::collections::HashMap<(&str, &str), &Outcome> = seen
        .iter()
        .map(|outcome| ((outcome.check.as_str(), outcome.implementation.as_str()), outcome))
        .collect();
    let of_claim = |claim: &Job| {
        let cell = cells.get(&(claim.check.id.as_str(), claim.implementation.name()))?;
        Some(Outcome { must_fail: claim.must_fail.clone(), ..(*cell).clone() })
    };
    claims.iter().filter_map(of_claim).chain(green.iter().cloned()).collect()
}

fn told(matrix: &Matrix, changes: &[String], seconds: f64, console: &Console) -> String {
    let mut text = String::new();
    for problem in matrix.problems.iter().take(MAX_SHOWN) {
        text.push_str(&format!("{}\n", line(&problem.to_string())));
    }
    if let Some(more) = matrix.problems.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more, in matrix.md of the report\n"));
    }
    for change in changes.iter().take(MAX_SHOWN) {
        text.push_str(&format!("{PROVEN} is out of date: {}\n", line(change)));
    }
    let counts = matrix.counts;
    let verdict = if matrix.problems.is_empty() && changes.is_empty() {
        console.good("proven")
    } else {
        console.bad("not proven")
    };
    let [checks, cases] = [counted(counts.checks, "check"), counted(counts.cases, "case")];
    let [expectations, kills] = [counted(counts.expectations, "expectation"), counted(counts.kills, "kill")];
    if counts.aside > 0 {
        text.push_str(&format!("not looked at: {}, for want of torch\n", counted(counts.aside, "check")));
    }
    text.push_str(&format!(
        "{verdict}: {checks} of {cases} with {expectations}; {} of {} mutants killed; {kills} in {} runs, {seconds:.1} s\n",
        counts.killed, counts.mutants, counts.runs
    ));
    text
}
