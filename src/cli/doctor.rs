//! `bundleproof doctor`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use clap::Parser;
use serde::Serialize;

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    interruption,
    target::{Connect, RunTarget},
};
use crate::{
    bundle::BUNDLE,
    harness::{
        contract::{Contract as _, Details, Implementation},
        report::ending,
        runner::{self, Job, Options, Outcome},
        suite::{Check, Suite},
        temporary::Temporary,
    },
    text::{fitting, line},
};

/// Start an implementation, list what it offers, and try each of its operations once [exits with 1 if one fails]
///
/// It is the quickest way to see that an adapter works: for each operation, the shortest check that needs it runs. No
/// report is written, and nothing is decided about the contract.
#[derive(Debug, Parser)]
pub(super) struct Doctor {
    /// Implementation: a built-in one, the name of a file in the suite's folder `implementations`, or the path of an
    /// implementation file (.toml)
    #[arg(long = "impl", value_name = "NAME", required_unless_present = "command")]
    implementation: Option<String>,

    /// The adapter program that this command starts
    #[arg(long = "impl-cmd", value_name = "COMMAND", conflicts_with = "implementation")]
    command: Option<String>,

    /// Time limit per operation in seconds [default: that of the implementation file, or 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    deadline: Option<u32>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    suite: SuiteOption,
}

/// Default time limit per operation, in seconds.
const DEADLINE: u32 = 60;

/// What an implementation offers, and what each of its operations did.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Diagnosis {
    /// The name of the implementation.
    name: String,
    /// Its version, as it says.
    version: String,
    /// The era that it follows; None for the whole suite.
    era: Option<String>,
    #[serde(flatten)]
    details: Details,
    /// How long it took to start, with the probes that every adapter must pass.
    started_in_milliseconds: u64,
    /// Every operation of the contract, those that are not offered last.
    operations: Vec<OperationState>,
    /// What checks may need besides operations.
    capabilities: Vec<CapabilityState>,
}

/// An operation and what it did.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OperationState {
    name: &'static str,
    #[serde(flatten)]
    state: State,
}

/// What an operation did.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
enum State {
    /// It returned a result.
    Answers { check: String, milliseconds: u64 },
    /// It did not, for this reason.
    Fails { check: String, reason: String },
    /// It is offered, and each check of it needs what is not.
    NotTried { requires: String },
    /// It is not offered, so these many checks are skipped.
    NotOffered { skipped: usize },
}

/// A capability, and the number of checks that need it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CapabilityState {
    name: &'static str,
    offered: bool,
    checks: usize,
}

impl Doctor {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, known) = self.suite.load(console)?;
        let connect = Connect::new(&suite, &known);
        let began = Instant::now();
        let target = match (&self.command, self.implementation.as_deref()) {
            (Some(command), _) => connect.command(command, console)?,
            (None, name) => connect.named(name.unwrap_or_default(), console)?,
        };
        let started = began.elapsed();
        let running = Arc::clone(&target.implementation);
        let interrupted = interruption::listen(console, move || running.end());
        let place = Temporary::create().map_err(|error| {
            console.error(&format!("cannot make a temporary directory: {error}"));
            Exit::Internal
        })?;
        let seconds = self.deadline.or(target.case_deadline).unwrap_or(DEADLINE);
        let options =
            Options { workers: 1, deadline: Duration::from_secs(seconds.into()), ..Options::default() };
        let tried = tried(&suite, target.implementation.as_ref());
        let checks: Vec<Arc<Check>> = tried.iter().filter_map(|(_, found)| found.clone().ok()).collect();
        let jobs: Vec<Job> = runner::green(&checks, &target.implementation);
        let bar = console.progress(jobs.len());
        let on_outcome = |_: &Outcome| bar.inc(1);
        let outcomes = runner::run(&jobs, &suite, place.path(), options, &interrupted, &on_outcome);
        target.implementation.end();
        bar.finish_and_clear();
        if interrupted.load(Ordering::Relaxed) {
            console.error("interrupted");
            return Err(Exit::Interrupted);
        }
        let diagnosis = diagnosis(&suite, &target, started, &tried, &outcomes);
        if self.json {
            console.print_json(&diagnosis)?;
        } else {
            console.print_wrapped(&text(&diagnosis, console));
            console.note(&format!("next: bundleproof run {}", target.option));
        }
        let fails = |own: &OperationState| matches!(own.state, State::Fails { .. });
        Ok(if diagnosis.operations.iter().any(fails) { Exit::DoesNotConform } else { Exit::Success })
    }
}

/// Each offered operation with the shortest check that needs it and nothing that is not offered, or with what its checks
/// lack.
fn tried(
    suite: &Suite,
    implementation: &dyn Implementation,
) -> Vec<(&'static str, Result<Arc<Check>, String>)> {
    let offered = BUNDLE.operations().iter().map(|operation| operation.name);
    let offered = offered.filter(|name| implementation.supports(name));
    let shortest = |name: &'static str| {
        let mut of_it: Vec<&Arc<Check>> =
            suite.checks().iter().filter(|check| returns(check, name)).collect();
        of_it.sort_by_key(|check| check.steps.len());
        let mut missing = "a check in the suite".to_owned();
        for check in of_it {
            match runner::lacking(check, suite, implementation) {
                None => return (name, Ok(Arc::clone(check))),
                Some(need) => missing = need,
            }
        }
        (name, Err(missing))
    };
    offered.map(shortest).collect()
}

/// Whether the operation of a step must return a result.
fn returns(check: &Check, name: &str) -> bool {
    let of_it = |step: &&crate::harness::suite::Step| step.action.name() == name;
    check.steps.iter().find(of_it).is_some_and(|step| !step.may_be_refused())
}

fn diagnosis(
    suite: &Suite,
    target: &RunTarget,
    started: Duration,
    tried: &[(&'static str, Result<Arc<Check>, String>)],
    outcomes: &[Outcome],
) -> Diagnosis {
    let implementation = target.implementation.as_ref();
    let needing =
        |need: &str| suite.checks().iter().filter(|check| check.needs().any(|own| own == need)).count();
    let mut outcomes = outcomes.iter();
    let mut states: Vec<OperationState> = Vec::new();
    for (name, found) in tried {
        let state = match found {
            Err(requires) => State::NotTried { requires: requires.clone() },
            Ok(_) => match outcomes.next() {
                Some(outcome) => state(name, outcome),
                None => State::NotTried { requires: "a run that is not interrupted".to_owned() },
            },
        };
        states.push(OperationState { name, state });
    }
    let missing = BUNDLE.operations().iter().map(|operation| operation.name);
    let missing = missing.filter(|name| !implementation.supports(name));
    states.extend(
        missing.map(|name| OperationState { name, state: State::NotOffered { skipped: needing(name) } }),
    );
    let capability = |name: &&'static str| CapabilityState {
        name,
        offered: implementation.supports(name),
        checks: needing(name),
    };
    Diagnosis {
        name: implementation.name().to_owned(),
        version: implementation.version().to_owned(),
        era: implementation.era().map(str::to_owned),
        details: implementation.details(),
        started_in_milliseconds: milliseconds(started),
        operations: states,
        capabilities: BUNDLE.capabilities().iter().map(capability).collect(),
    }
}

/// What the operation did in this check.
fn state(name: &str, outcome: &Outcome) -> State {
    let check = outcome.check.clone();
    let performed = outcome.steps.iter().find(|step| step.operation == name);
    let refused = outcome.steps.iter().find_map(|step| Some((step, step.refused.as_ref()?)));
    match (performed, refused) {
        (_, Some((step, refusal))) => {
            let place = refusal.native.as_ref().map(|native| format!(" ({})", native.type_name));
            let of = if step.operation == name { String::new() } else { format!("{}: ", step.operation) };
            State::Fails { check, reason: format!("{of}{refusal}{}", place.unwrap_or_default()) }
        }
        (Some(_), None) => State::Answers { check, milliseconds: outcome.milliseconds },
        (None, None) => {
            let why = ending(outcome).unwrap_or_else(|| "an earlier step of the check failed".to_owned());
            State::Fails { check, reason: why }
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn text(found: &Diagnosis, console: &Console) -> String {
    let mut text = format!(
        "{}: {}, started in {} ms\n",
        line(&found.name),
        line(&found.version),
        found.started_in_milliseconds
    );
    if let Some(era) = &found.era {
        text.push_str(&format!("follows the contract of {}\n", line(era)));
    }
    for (name, version) in &found.details.versions {
        text.push_str(&format!("{} {}\n", line(name), line(version)));
    }
    for note in &found.details.notes {
        text.push_str(&format!("note: {}\n", line(note)));
    }
    let row = |own: &OperationState| {
        let (word, rest) = match &own.state {
            State::Answers { milliseconds, .. } => ("answers", format!("{milliseconds} ms")),
            State::Fails { check, reason } => ("fails", format!("{} (in {})", line(reason), line(check))),
            State::NotTried { requires } => {
                ("not tried", format!("each of its checks requires {}", line(requires)))
            }
            State::NotOffered { skipped } => {
                ("not offered", format!("{} skipped", counted(*skipped, "check")))
            }
        };
        [own.name.to_owned(), word.to_owned(), rest]
    };
    let rows: Vec<[String; 3]> = found.operations.iter().map(row).collect();
    let needed = |own: &CapabilityState| {
        let word = if own.offered { "offered" } else { "not offered" };
        [own.name.to_owned(), word.to_owned(), format!("needed by {}", counted(own.checks, "check"))]
    };
    let capabilities: Vec<[String; 3]> = found.capabilities.iter().map(needed).collect();
    text.push_str(&format!(
        "\n{}\n{}\n",
        fitting(&rows, console.width()),
        fitting(&capabilities, console.width())
    ));
    let fails = found.operations.iter().filter(|own| matches!(own.state, State::Fails { .. })).count();
    let answers = found.operations.iter().filter(|own| matches!(own.state, State::Answers { .. })).count();
    text.push_str(&match (fails, answers) {
        (0, 0) => console.odd("no operation could be tried"),
        (0, all) => console.good(&format!("{} answered", counted(all, "operation"))),
        (some, _) => console.bad(&format!("{} failed", counted(some, "operation"))),
    });
    text.push('\n');
    text
}
