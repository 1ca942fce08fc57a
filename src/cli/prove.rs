//! `bundleproof prove`.

use std::{sync::Arc, time::Instant};

use clap::Parser;
use serde::Serialize;

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    observations,
    proven_file::{Difference, ProvenFile, Scope},
    run_session::{About, Besides, Manner, RecordingOptions, RunSession},
    selection::SelectionOptions,
    torch, weaken,
};
use crate::{
    bundle::{BUNDLE, operations::TORCH},
    harness::contract::{Contract as _, Implementation},
    harness::{
        adversary::{Adversary, Trial},
        proof::{
            AdversaryProof, Counts, FailedExpectation, FaultyImplementation, KillMatrix, Loss, NeededBy,
            Parts, PartsWitness, Problem, Proven, Reached, Renamed, SetAside, Skipped, Weakened, logged,
            needed_observations, observation::Observations,
        },
        runner::{self, Implementations, Job, Outcome, Phase, Witness},
        suite::{Case, Check},
    },
    text::line,
};

/// Prove the suite: check that every case fails on implementations that break its requirements
///
/// Every check must pass on the reference and fail on a mutant that breaks one of its requirements, and each of its
/// expectations must fail on at least one mutant. Every mutant must be killed by a check of the requirement it breaks.
/// The report contains the kill matrix (matrix.md, matrix.json). With --suite DIR a complete proof is written to
/// DIR/proven.toml; without it, or with --check, the result is compared with the existing proven.toml.
#[derive(Debug, Parser)]
pub(super) struct Prove {
    #[command(flatten)]
    selection: SelectionOptions,

    /// Do not write proven.toml; fail if it is out of date
    #[arg(long)]
    check: bool,

    /// Write proven.toml even if changed cases fail on fewer faulty implementations than it says
    #[arg(long, conflicts_with = "check")]
    accept_lost: bool,

    /// Run each case only on the implementations that it fails on by proven.toml, and compare with it, as for --check
    ///
    /// This takes a fraction of the time, and tells that everything that was proven still holds. A case that changed is run
    /// on all, and so is every case on a mutant that is new or breaks another requirement. What a case fails on in addition
    /// is not seen.
    #[arg(long, conflicts_with = "accept_lost")]
    recorded: bool,

    /// Weaken every expectation, one part at a time, and name the parts that no faulty implementation needs
    ///
    /// A part is a key of a literal, a mention, a kind, a file, and so on. It is needed if a mutant fails the expectation and
    /// would pass without the part. Checks with parts that no mutant needs also run on mechanical faults, as for
    /// --observations. What those need is recorded in proven.toml, and a changed case must still fail on it.
    #[arg(long)]
    weaken: bool,

    /// Also change everything that the reference shows, one thing at a time, and name what no check notices
    ///
    /// Each leaf of each response, each param after each operation, each part of each written file, each refusal and each
    /// sequence of calls becomes a mechanical fault of the reference. Faults that no check notices must be listed in
    /// blind_spots.toml of the suite, each with a reason. The report contains observations.md and observations.json.
    #[arg(long)]
    observations: bool,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    #[command(flatten)]
    recording: RecordingOptions,

    #[command(flatten)]
    suite: SuiteOption,
}

/// Whether the suite is proven, and what is missing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Printed<'a> {
    /// Whether the suite is proven, as far as it was selected, and proven.toml says so.
    proven: bool,
    /// Totals of the kill matrix.
    counts: Counts,
    /// The reasons why it is not proven.
    problems: &'a [Problem],
    /// Why proven.toml is out of date, if it was not written.
    changes: &'a [String],
    /// What proven.toml says and the proof no longer shows.
    lost: &'a [Loss],
    /// What has another name than in proven.toml, and lost nothing.
    renamed: &'a [Renamed],
    /// The mutants that only skipped checks can kill.
    set_aside: &'a [SetAside],
    /// Per adversary, which checks notice it.
    adversaries: &'a [AdversaryProof],
    /// With --weaken, the parts of the expectations.
    weakened: Option<&'a Weakened>,
    /// With --observations, what no check notices.
    observations: Option<&'a Observations>,
    /// How long it took.
    seconds: f64,
    /// The path of the report.
    report: String,
}

/// The implementation that must pass every check.
const JUDGED: &str = "reference";

/// Number of problems that are printed; the others are in matrix.md.
const MAX_SHOWN: usize = 40;

impl Prove {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let began = Instant::now();
        let (suite, implementations) = self.suite.load(console)?;
        let selected = self.selection.select(&suite, console)?;
        torch::report_if_broken(&selected, console);
        let judged = implementations.get(JUDGED);
        // Checks that need PyTorch are skipped without it, and keep their entries in proven.toml.
        let is_supported = |check: &Arc<Check>| {
            judged.as_ref().is_some_and(|judged| check.needs().all(|need| judged.supports(need)))
        };
        let (checks, skipped): (Vec<Arc<Check>>, Vec<Arc<Check>>) =
            selected.into_iter().partition(is_supported);
        if checks.is_empty() {
            torch::report_unavailable(console);
            return Err(Exit::NotProven);
        }
        let whole = self.selection.is_empty();
        let faulty = FaultyImplementation::among(&suite.with_mutants(BUNDLE.built_ins()));
        let (loggers, green) = judged.as_ref().map(|judged| logged(&checks, judged)).unwrap_or_default();
        let file = ProvenFile::read(&suite);
        let recorded = file.proven().filter(|_| self.recorded);
        let cells = cells(&checks, &implementations, &faulty, recorded);
        let claims = runner::red(&checks, &implementations, None);

        let reported: Vec<Job> = claims.iter().chain(&green).cloned().collect();
        let recording = RunSession::begin(&self.recording, &reported, console)?;
        let runs = green.len() + cells.len();
        let next = |seen: &[Outcome]| {
            let reached = Reached::of(&loggers, seen);
            let to_run = |cell: &Job| {
                if executes_networks(&cell.check) {
                    return Some(cell.clone());
                }
                let run = reached.to_run(cell)?;
                // Weakening sees every expectation judged.
                Some(if self.weaken { Job { judged_from: 0, ..run } } else { run })
            };
            cells.iter().filter_map(to_run).collect()
        };
        let witness = self.weaken.then(|| Arc::new(PartsWitness::new(&checks, JUDGED)));
        let shown = witness.clone().map(|witness| witness as Arc<dyn Witness>);
        let trials = trials(&checks, judged.as_ref());
        let tried: Vec<Job> = trials.iter().map(|trial| trial.job.clone()).collect();
        // Adversaries break no requirement in particular, so no expectation is needed because of them.
        let then = |_: &[Outcome], run: &dyn Fn(&[Job]) -> Vec<Outcome>| run(&tried);
        let options = (&self.recording, Manner::default());
        let besides = Besides::Proof { next: &next, witness: shown.as_ref() };
        let (mut recording, outcomes, on_adversaries) =
            recording.run_then(&green, &suite, options, besides, console, then)?;
        let (seen_green, seen) = outcomes.split_at(green.len());
        let proven = |case: &Case| file.proven().and_then(|proven| proven.fails_on(case));
        let aside = Skipped { checks: &skipped, proven: &proven };
        let mut matrix = KillMatrix::of(&suite, &checks, aside, &faulty, (seen_green, seen), whole);
        matrix.counts.runs = runs;
        matrix.add_adversaries(AdversaryProof::all(&trials, &on_adversaries), whole);
        let mut parts = witness.map(|witness| (parts_needed_by(&matrix, &checks, &witness), witness));
        let changed = file.observations_of_changed(&checks);
        let found = weaken::search(
            recording,
            (&suite, &checks),
            parts.as_mut().map(|(parts, witness)| (parts, &*witness)),
            &changed,
            &self.recording,
            console,
        )?;
        recording = found.0;
        matrix.weakened = parts.as_ref().map(|(parts, _)| Weakened::of(parts));

        recording.set_matrix(matrix.clone());
        let mut observed = None;
        if self.observations {
            let found = observations::observe(recording, (&suite, &checks, whole), &self.recording, console)?;
            recording = found.0;
            observed = Some(found.1);
        }
        let selection = self.selection.arguments(self.suite.named().as_deref());
        let about = About {
            suite: &suite,
            suite_named: self.suite.named(),
            plan: None,
            selection,
            partition: None,
            unproven: Vec::new(),
            options: std::collections::BTreeMap::new(),
            files: std::collections::BTreeMap::new(),
            judged: None,
            protected: None,
            control: None,
            skipped_red: 0,
            imported: None,
        };
        let (_, path) = recording.publish(about, claimed(&claims, seen, seen_green), console)?;

        let needed = parts.as_ref().map(|(parts, _)| needed_observations(parts));
        let scope =
            Scope { suite: &suite, checks: &checks, skipped: &skipped, whole, needed, still: found.1 };
        let directory = self.suite.directory().filter(|_| !self.check && !self.recorded);
        let difference = file.update(&matrix, &scope, directory, self.accept_lost, console)?;
        let is_needed = matrix.weakened.as_ref().is_none_or(|weakened| weakened.unneeded.is_empty());
        let is_noticed = observed.as_ref().is_none_or(|observed| observed.found.problems.is_empty());
        let proven = matrix.problems.is_empty() && difference.is_settled() && is_needed && is_noticed;
        let seconds = began.elapsed().as_secs_f64();
        if self.json {
            console.print_json(&Printed {
                proven,
                counts: matrix.counts,
                problems: &matrix.problems,
                changes: &difference.changes,
                lost: &difference.remains.lost,
                renamed: &difference.remains.renamed,
                set_aside: &matrix.set_aside,
                adversaries: &matrix.adversaries,
                weakened: matrix.weakened.as_ref(),
                observations: observed.as_ref().map(|observed| &observed.found),
                seconds,
                report: path.display().to_string(),
            })?;
        } else {
            let observed =
                observed.as_ref().map(|observed| observations::text(observed, console)).unwrap_or_default();
            let proof = proof_text(&matrix, &difference, proven, seconds, console);
            let is_same = difference.changes.is_empty() && difference.remains.lost.is_empty();
            let same = if directory.is_none() && is_same { "proven.toml: no differences\n" } else { "" };
            console.print(&format!("{same}{proof}{observed}Report: {}\n", path.display()));
        }
        Ok(if proven { Exit::Success } else { Exit::NotProven })
    }
}

/// The parts of the expectations, with those that the stub or a mutant needs.
fn parts_needed_by(matrix: &KillMatrix, checks: &[Arc<Check>], witness: &PartsWitness) -> Parts {
    let mut parts = Parts::of(checks, witness);
    let fails_on = matrix.fails_on();
    let counts = |failed: &FailedExpectation| {
        let kills = fails_on.get(&(failed.check.as_str(), failed.expectation.as_str()));
        kills.is_some_and(|kills| kills.contains(&failed.on))
    };
    parts.add(&witness.take_failed(), &counts, &|on| NeededBy::Mutant(on.to_owned()));
    parts
}

/// One job for each check on each faulty implementation, except where its case did not fail as recorded.
fn cells(
    checks: &[Arc<Check>],
    implementations: &Implementations,
    faulty: &[FaultyImplementation],
    recorded: Option<&Proven>,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    for mutant in faulty {
        if let Some(implementation) = implementations.get(&mutant.name) {
            let is_survived =
                |check: &Check| recorded.is_some_and(|proven| proven.is_survived(&check.case, mutant));
            let is_run = |check: &&Arc<Check>| {
                is_relevant(check, mutant) && (is_claimed(check, mutant) || !is_survived(check))
            };
            let of_mutant = checks.iter().filter(is_run);
            jobs.extend(of_mutant.map(|check| Job::new(check, Arc::clone(&implementation), Phase::Red)));
        }
    }
    jobs
}

/// One trial for each check on each adversary around the reference. Checks that execute networks are slow, and left out.
fn trials(checks: &[Arc<Check>], judged: Option<&Arc<dyn Implementation>>) -> Vec<Trial> {
    let quick = || checks.iter().filter(|check| !executes_networks(check));
    let of = |judged| {
        let all = Adversary::ALL.into_iter().flat_map(move |adversary| {
            quick().map(move |check| Trial::new(adversary, check, judged, &BUNDLE))
        });
        all.collect()
    };
    judged.map(of).unwrap_or_default()
}

/// Whether to run this check on this faulty implementation. Checks that execute networks are slow and need a process
/// per implementation, so they run only where they are expected to fail and where one of their requirements is broken.
fn is_relevant(check: &Check, mutant: &FaultyImplementation) -> bool {
    let is_about = |id: &String| check.case.requires.contains(id);
    !executes_networks(check) || is_claimed(check, mutant) || mutant.breaks.as_ref().is_some_and(is_about)
}

/// Whether a red entry of the check names this faulty implementation.
fn is_claimed(check: &Check, mutant: &FaultyImplementation) -> bool {
    check.red.iter().any(|red| red.on == mutant.name)
}

fn executes_networks(check: &Check) -> bool {
    check.needs().any(|need| need == TORCH)
}

/// The outcomes in the report: one for each red entry, and those of the reference.
fn claimed(claims: &[Job], seen: &[Outcome], green: &[Outcome]) -> Vec<Outcome> {
    let cells: std::collections::HashMap<(&str, &str), &Outcome> = seen
        .iter()
        .map(|outcome| ((outcome.check.as_str(), outcome.implementation.as_str()), outcome))
        .collect();
    let of_claim = |claim: &Job| {
        let cell = cells.get(&(claim.check.id.as_str(), claim.implementation.name()))?;
        let (must_fail, reason) = (claim.must_fail.clone(), claim.reason.clone());
        Some(Outcome { must_fail, reason, ..(*cell).clone() })
    };
    claims.iter().filter_map(of_claim).chain(green.iter().cloned()).collect()
}

/// The summary of a proof, as text.
fn proof_text(
    matrix: &KillMatrix,
    difference: &Difference,
    proven: bool,
    seconds: f64,
    console: &Console,
) -> String {
    let mut text = String::new();
    for problem in matrix.problems.iter().take(MAX_SHOWN) {
        text.push_str(&format!("{}\n", line(&problem.to_string())));
    }
    if let Some(more) = matrix.problems.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more in matrix.md of the report\n"));
    }
    text.push_str(&difference.text(MAX_SHOWN));
    let unneeded = matrix.weakened.as_ref().map_or(&[][..], |weakened| weakened.unneeded.as_slice());
    for part in unneeded.iter().take(MAX_SHOWN) {
        text.push_str(&format!("{}\n", line(&part.to_string())));
    }
    if let Some(more) = unneeded.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more parts in matrix.md of the report\n"));
    }
    for proof in matrix.adversaries.iter().filter(|proof| proof.affected > 0) {
        let AdversaryProof { name, affected, noticed, passed } = proof;
        let rest = if passed.is_empty() { "" } else { "; the others are in matrix.md" };
        text.push_str(&format!(
            "adversary {name}: {noticed} of {affected} affected checks notice it{rest}\n"
        ));
    }
    let counts = matrix.counts;
    let verdict = if proven { console.good("proven") } else { console.bad("not proven") };
    let [checks, cases] = [counted(counts.checks, "check"), counted(counts.cases, "case")];
    let [expectations, kills] = [counted(counts.expectations, "expectation"), counted(counts.kills, "kill")];
    if counts.skipped > 0 {
        text.push_str(&format!("skipped {}: PyTorch is not available\n", counted(counts.skipped, "check")));
    }
    if !matrix.set_aside.is_empty() {
        let names: Vec<String> = matrix.set_aside.iter().map(ToString::to_string).collect();
        let mutants = counted(names.len(), "mutant");
        text.push_str(&format!(
            "set aside {mutants} that only skipped checks can kill: {}\n",
            names.join(", ")
        ));
    }
    text.push_str(&format!(
        "{verdict}: {checks} of {cases} with {expectations}; {} of {} mutants killed; {kills} in {} runs, {seconds:.1} s\n",
        counts.killed, counts.mutants, counts.runs
    ));
    if let Some(weakened) = &matrix.weakened {
        text.push_str(&format!("{weakened}\n"));
    }
    text
}
