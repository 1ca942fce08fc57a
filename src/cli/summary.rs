//! What `run` prints when it is done.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::{Console, Exit};
use crate::{
    evidence::{Counts, Run, area, ending, groups, line, rerun_command},
    runner::{Outcome, Phase},
};

/// How many failures are shown before the rest is left to the report.
const MAX_SHOWN: usize = 10;

/// For a person: what came out otherwise than stated, what it was for each area, and where the report is.
pub(super) fn text(run: &Run, report: &Path, console: &Console) -> String {
    let mut text = String::new();
    let wrong: Vec<&Outcome> = run.outcomes.iter().filter(|outcome| !outcome.is_as_stated()).collect();
    for outcome in wrong.iter().take(MAX_SHOWN) {
        text.push_str(&failure(run, outcome, console));
    }
    if let Some(more) = wrong.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more, in the report\n\n"));
    }
    if wrong.len() > 1 {
        for group in groups(wrong.iter().copied()) {
            text.push_str(&format!("{}\n", line(&group.in_words())));
        }
        text.push('\n');
    }
    for phase in &run.phases {
        text.push_str(&phase_table(run, *phase, console));
    }
    if !run.unproven.is_empty() {
        let head = console.odd("unproven");
        let shown: Vec<String> = run.unproven.iter().take(MAX_SHOWN).map(|case| line(case)).collect();
        let more = run.unproven.len().saturating_sub(MAX_SHOWN);
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        text.push_str(&format!(
            "{head}: not seen to fail as they are now: {}{rest}; `bundleproof prove` looks at that\n\n",
            shown.join(", ")
        ));
    }
    text.push_str(&format!("Report: {}\n", report.display()));
    text
}

/// The same for a program.
pub(super) fn json(run: &Run, report: &Path, exit: Exit) -> String {
    let phase = |phase: &Phase| {
        let counts = run.counts(*phase);
        (
            phase.word().to_owned(),
            json!({ "all": counts.all, "as_stated": counts.as_stated, "words": counts.words }),
        )
    };
    let wrong = run.outcomes.iter().filter(|outcome| !outcome.is_as_stated()).map(|outcome| {
        let failed: Vec<&str> = outcome.failed().map(|(_, expectation)| expectation.name.as_str()).collect();
        json!({
            "check": outcome.check, "implementation": outcome.implementation, "phase": outcome.phase,
            "word": outcome.word(), "failed": failed,
        })
    });
    let value = json!({
        "stamp": run.stamp,
        "report": report.display().to_string(),
        "phases": run.phases.iter().map(phase).collect::<Map<String, Json>>(),
        "unproven": run.unproven,
        "not_as_stated": wrong.collect::<Vec<_>>(),
        "exit": exit.code(),
    });
    format!("{value:#}\n")
}

fn phase_table(run: &Run, phase: Phase, console: &Console) -> String {
    let counts = run.counts(phase);
    let on = implementations(run, phase);
    let said = match phase {
        Phase::Red => format!("{} of {} failed as their case states, on {on}", counts.as_stated, counts.all),
        Phase::Green => format!("{} of {} passed, on {on}", counts.as_stated, counts.all),
    };
    let head =
        if counts.not_as_stated() == 0 { console.good(phase.word()) } else { console.bad(phase.word()) };
    // The colour has no width, so that the word is padded by itself.
    let pad = " ".repeat(7_usize.saturating_sub(phase.word().len()));
    let mut text = format!("{head}{pad}{said}\n");
    let mut areas: Vec<&str> = run.outcomes_of(phase).map(|outcome| area(&outcome.check)).collect();
    areas.sort_unstable();
    areas.dedup();
    for name in areas {
        let of_area = Counts::of(run.outcomes_of(phase).filter(|outcome| area(&outcome.check) == name));
        text.push_str(&format!("       {name:15} {}\n", of_area.in_words()));
    }
    text.push('\n');
    text
}

/// The implementations of a phase: by name when there are few, else how many mutants.
fn implementations(run: &Run, phase: Phase) -> String {
    let mut names: Vec<&str> =
        run.outcomes_of(phase).map(|outcome| outcome.implementation.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() <= 3 {
        return names.join(", ");
    }
    let stub = names.contains(&"stub");
    let mutants = names.len() - usize::from(stub);
    if stub { format!("the stub and {mutants} mutants") } else { format!("{mutants} mutants") }
}

fn failure(run: &Run, outcome: &Outcome, console: &Console) -> String {
    let word = console.bad(outcome.word());
    let mut text = format!(
        "{word} {} on {} ({})\n",
        line(&outcome.check),
        line(&outcome.implementation),
        outcome.phase.word()
    );
    if let Some(must_fail) = &outcome.must_fail {
        text.push_str(&format!("  it was to fail at {}\n", line(must_fail)));
    }
    if let Some(step) = outcome.stopped_at() {
        text.push_str(&format!("  {}:{}\n", line(&outcome.file), step.line));
    }
    text.extend(ending(outcome).map(|ending| format!("  {ending}\n")));
    for (_, failed) in outcome.failed() {
        text.push_str(&format!("  {}:{}: {}\n", outcome.file, failed.line, line(&failed.because)));
        if let Some(failure) = &failed.failure {
            text.push_str(&format!(
                "    expected: {}\n    actual:   {}\n",
                line(&failure.expected),
                line(&failure.actual)
            ));
        }
    }
    let again = rerun_command(run.suite.as_deref(), &outcome.check, outcome.phase, &outcome.implementation);
    text.push_str(&format!("  again: {again}\n\n"));
    text
}
