//! The summary that `run` prints.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Exit,
    console::{Console, counted},
    printed_run::{RunOutput, stated},
};
use crate::{
    harness::{
        contract::Details,
        ledger::{OutcomeIndex, RowResult},
        record::{BrokenBy, ConformanceSummary, Counts, RunRecord, Target},
        report::{Group, RunVerdict, State, area, failed_check, groups, rerun_command},
        runner::{Outcome, Phase, Verdict},
    },
    text::line,
};

/// Number of failures that are printed; the others are in the report.
const MAX_SHOWN: usize = 10;

/// Prints the outcome of a run as text or JSON.
pub(super) fn print(
    run: &RunRecord,
    report: &Path,
    exit: Exit,
    as_json: bool,
    console: &Console,
) -> Result<(), Exit> {
    if as_json {
        return console.print_json(&RunOutput::of(run, report, exit).printed());
    }
    console.print(&text(run, report, exit, console));
    Ok(())
}

/// Prints the verdict and the path of the report.
pub(super) fn print_verdict(run: &RunRecord, report: &Path, exit: Exit, console: &Console) {
    console.print(&ending(run, report, exit, console));
}

/// Text output: unexpected outcomes, counts for each area, the verdict, and the path of the report.
fn text(run: &RunRecord, report: &Path, exit: Exit, console: &Console) -> String {
    let mut text = String::new();
    let standing = run.conformance();
    let others = || run.outcomes.iter().filter(|outcome| !outcome.met_expectation());
    let failed = || others().filter(|outcome| outcome.verdict() != Verdict::Unsupported);
    let skipped = || others().filter(|outcome| outcome.verdict() == Verdict::Unsupported);
    let wrong = unexpected(run);
    for outcome in wrong.iter().take(MAX_SHOWN) {
        text.push_str(&failure(run, outcome, console));
    }
    if let Some(more) = wrong.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more in the report\n\n"));
    }
    if let Some((judged, standing)) = &standing {
        text.push_str(&conformance(judged, standing, console));
    } else if failed().count() > 1 {
        for group in groups(failed()) {
            text.push_str(&format!("{}\n", line(&group.to_string())));
        }
        text.push('\n');
    }
    for phase in &run.phases {
        text.push_str(&phase_table(run, *phase, console));
    }
    if let Some(change) = run.red_change() {
        let head = console.bad("warning:");
        text.push_str(&format!("{head} {}; a red phase changes tests only\n\n", line(&change.to_string())));
    }
    if !run.unproven.is_empty() {
        let head = console.odd("unproven");
        let shown: Vec<String> = run.unproven.iter().take(MAX_SHOWN).map(|case| line(case)).collect();
        let more = run.unproven.len().saturating_sub(MAX_SHOWN);
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        text.push_str(&format!(
            "{head}: no current proof that these cases can fail: {}{rest}; run `bundleproof prove`\n\n",
            shown.join(", ")
        ));
    }
    if let Some(control) = &run.control {
        let is_fooled = control.unnoticed().next().is_some();
        let head = if is_fooled { console.bad("control:") } else { console.good("control:") };
        text.push_str(&format!("{head} {}\n\n", line(&control.to_string())));
    }
    if let Some(partition) = &run.partition {
        text.push_str(&format!("{partition}; put the parts together with `bundleproof merge`\n\n"));
    }
    let mut left_out: Vec<String> = Vec::new();
    if standing.is_none() {
        left_out.extend(groups(skipped()).iter().map(|group| line(&group.to_string())));
    }
    if run.skipped_red > 0 {
        left_out.push(format!("{} skipped: PyTorch is not available", counted(run.skipped_red, "red run")));
    }
    if !left_out.is_empty() {
        text.push_str(&format!("{}\n\n", left_out.join("\n")));
    }
    text.push_str(&details(run, console));
    text.push_str(&ending(run, report, exit, console));
    text
}

fn ending(run: &RunRecord, report: &Path, exit: Exit, console: &Console) -> String {
    format!("{}Report: {}\n", verdict(run, exit, console), report.display())
}

/// What the run says, in one sentence, and the exit code if it is not 0.
fn verdict(run: &RunRecord, exit: Exit, console: &Console) -> String {
    let RunVerdict { state, sentence } = RunVerdict::of(run);
    let sentence = line(&sentence);
    let sentence = match state {
        State::Good => console.good(&sentence),
        State::Bad => console.bad(&sentence),
        State::Known | State::Skipped => console.odd(&sentence),
    };
    match exit.code() {
        0 => format!("{sentence}\n"),
        code => format!("{sentence} Exit code {code}.\n"),
    }
}

/// The outcomes that need attention. Checks that were skipped or not run are listed with their reasons, known failures in
/// the report.
pub(super) fn unexpected(run: &RunRecord) -> Vec<&Outcome> {
    let known: BTreeSet<String> = run
        .conformance()
        .into_iter()
        .flat_map(|(_, standing)| standing.known.known)
        .map(|(check, _)| check)
        .collect();
    let others = run.outcomes.iter().filter(|outcome| !outcome.met_expectation());
    others
        .filter(|outcome| !matches!(outcome.verdict(), Verdict::Unsupported | Verdict::NotRun))
        .filter(|outcome| !known.contains(&outcome.check))
        .collect()
}

/// What implementations state about themselves.
fn details(run: &RunRecord, console: &Console) -> String {
    let mut text = String::new();
    for (name, Details { versions, notes }) in stated(run) {
        text.push_str(&console.odd(&line(name)));
        for (at, (name, version)) in versions.iter().enumerate() {
            text.push_str(if at == 0 { ": " } else { ", " });
            text.push_str(&line(&format!("{name} {version}")));
        }
        text.push('\n');
        for note in notes {
            text.push_str(&format!("  {}\n", line(note)));
        }
        text.push('\n');
    }
    text
}

/// Violations, differences, crashes, skipped checks and known failures of a third-party implementation.
fn conformance(judged: &Target, standing: &ConformanceSummary<'_>, console: &Console) -> String {
    let mut text = String::new();
    if let Some(era) = &judged.era {
        text.push_str(&format!("era {}: what other eras state was not judged\n", line(era)));
    }
    let mut parts = [
        ("violations of the specification, or of the behavior of both revisions", &standing.violations),
        ("differences from decisions of this suite", &standing.differences),
    ];
    if standing.begins_with_a_difference() {
        parts.reverse();
    }
    for (title, broken) in parts {
        if broken.is_empty() {
            continue;
        }
        text.push_str(&format!("{}\n", console.bad(title)));
        for requirement in broken {
            let ids = &requirement.ids;
            let mut checks: Vec<String> = requirement.checks().into_iter().map(line).collect();
            let more = checks.len().saturating_sub(2);
            checks.truncate(2);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let authorities = judged.authorities(ids);
            text.push_str(&format!(
                "  {} ({authorities}): {}{more}\n",
                line(&ids.join(", ")),
                checks.join(", ")
            ));
            let several = requirement.causes.iter().filter(|cause| cause.places.len() > 1);
            for BrokenBy { what, places } in several.take(MAX_SHOWN) {
                text.push_str(&format!("    {} {}\n", counted(places.len(), "check"), line(what)));
            }
        }
    }
    if !standing.crashes.is_empty() {
        text.push_str(&format!("{}\n", console.bad(&line(&judged.crash_title("crashes")))));
        for group in &standing.crashes {
            text.push_str(&format!("  {}\n", line(&group.to_string())));
        }
    }
    if !standing.leaks.is_empty() {
        text.push_str(&format!(
            "{}\n",
            console.bad("state leaks: as expected alone, not after another check")
        ));
        for group in &standing.leaks {
            text.push_str(&format!("  {}\n", line(&group.to_string())));
        }
    }
    let is_skipped =
        |group: &&Group<'_>| group.outcomes.iter().all(|own| own.verdict() == Verdict::Unsupported);
    let (skipped, lost): (Vec<&Group<'_>>, Vec<&Group<'_>>) = standing.unseen.iter().partition(is_skipped);
    for (title, groups) in [(console.bad("without a result"), lost), (console.odd("skipped"), skipped)] {
        if !groups.is_empty() {
            text.push_str(&format!("{title}\n"));
        }
        for group in groups {
            text.push_str(&format!("  {}\n", line(&group.to_string())));
        }
    }
    if !standing.known.known.is_empty() {
        let known = counted(standing.known.known.len(), "check");
        text.push_str(&format!("{}\n  {known} with known failures only\n", console.odd("known failures")));
    }
    for problem in &standing.known.problems {
        text.push_str(&format!("{} {}\n", console.bad("error:"), line(problem)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn phase_table(run: &RunRecord, phase: Phase, console: &Console) -> String {
    let counts = run.counts(phase);
    let on = implementations(run, phase);
    let result = match phase {
        Phase::Red => format!("{}/{} failed as expected on {on}", counts.as_expected, counts.all),
        Phase::Green => format!("{}/{} passed on {on}", counts.as_expected, counts.all),
    };
    let result = if counts.unexpected() == 0 { console.good(&result) } else { console.bad(&result) };
    let mut text = format!("{:7}{result}\n", phase.as_str());
    if let Some(plan) = &run.plan {
        let outcomes = OutcomeIndex::of(run);
        for row in &plan.rows {
            if let Some(result) = RowResult::of(row, phase, &outcomes) {
                let blocked = row.blocked.as_ref().map(|why| format!("blocked ({}): ", line(why)));
                let result = format!("{}{}", blocked.unwrap_or_default(), line(&result.to_string()));
                text.push_str(&format!("       {:15} {result}\n", line(&row.id)));
            }
        }
        return text + "\n";
    }
    let mut areas: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in run.outcomes_of(phase) {
        areas.entry(area(&outcome.check)).or_default().push(outcome);
    }
    for (name, outcomes) in areas {
        text.push_str(&format!("       {:15} {}\n", line(name), Counts::of(outcomes)));
    }
    text.push('\n');
    text
}

/// The implementations of a phase: their names if there are few, otherwise the number of mutants.
fn implementations(run: &RunRecord, phase: Phase) -> String {
    let mut names: Vec<&str> =
        run.outcomes_of(phase).map(|outcome| outcome.implementation.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() <= 3 {
        return names.into_iter().map(line).collect::<Vec<_>>().join(", ");
    }
    let stub = names.contains(&"stub");
    let mutants = names.len() - usize::from(stub);
    if stub { format!("the stub and {mutants} mutants") } else { format!("{mutants} mutants") }
}

fn failure(run: &RunRecord, outcome: &Outcome, console: &Console) -> String {
    let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
    failed_check(outcome, &console.bad(outcome.result_name()), &rerun)
}
