//! Text logs: every check of a phase, with all that is needed to understand its result.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    harness::{
        runner::{Ended, ExpectationOutcome, Outcome, Phase, StepOutcome},
        suite::{Decision, Plan, Row},
    },
    text::line,
};

use super::{
    area,
    messages::{describe_step, other_ending},
    rerun_command,
    shown_step::ShownStep,
};
use crate::harness::{
    ledger::{row_index::RowIndex, row_result::has_run},
    record::{Counts, RunRecord, layout::area_log, plan_file},
};

/// All logs by file name. A plan names the logs of its rows; an outcome outside of the plan goes to the log of its area,
/// so that every outcome is in a log.
pub fn logs(run: &RunRecord) -> BTreeMap<String, String> {
    let mut logs: BTreeMap<String, Log<'_>> = BTreeMap::new();
    let rows = run.plan.iter().flat_map(|plan| plan.rows.iter().map(move |row| (plan, row)));
    for (plan, row) in rows {
        for phase in &run.phases {
            if let Some(name) = row_log(plan, row, *phase) {
                logs.entry(name).or_insert_with(|| Log::new(run, *phase)).rows.push(row);
            }
        }
    }
    let index = RowIndex::of(run.plan.as_ref());
    for outcome in &run.outcomes {
        for (name, rows) in rows_by_log(&index, outcome) {
            let log = logs.entry(name).or_insert_with(|| Log::new(run, outcome.phase));
            log.outcomes.push((outcome, rows));
        }
    }
    logs.into_iter().map(|(name, log)| (name, log.to_string())).collect()
}

/// The logs that contain an outcome.
pub(crate) fn log_names(rows: &RowIndex<'_>, outcome: &Outcome) -> BTreeSet<String> {
    rows_by_log(rows, outcome).into_keys().collect()
}

/// The logs that contain an outcome, each with its rows that ask for the outcome.
fn rows_by_log<'p>(rows: &RowIndex<'p>, outcome: &Outcome) -> BTreeMap<String, Vec<&'p Row>> {
    let mut logs: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for (plan, row) in rows.asking_for(outcome) {
        if let Some(name) = row_log(plan, row, outcome.phase) {
            logs.entry(name).or_default().push(row);
        }
    }
    if logs.is_empty() {
        logs.insert(area_log(outcome.phase, area(&outcome.check)), Vec::new());
    }
    logs
}

/// The log of a row in a phase.
pub(crate) fn row_log(plan: &Plan, row: &Row, phase: Phase) -> Option<String> {
    match &row.decided_by {
        Decision::Checks { log, .. } => Some(plan_file(&plan.name, phase, log, "log")),
        Decision::Artifact { .. } => None,
    }
}

struct Log<'a> {
    run: &'a RunRecord,
    phase: Phase,
    rows: Vec<&'a Row>,
    /// Each with the rows that ask for it.
    outcomes: Vec<(&'a Outcome, Vec<&'a Row>)>,
}

impl<'a> Log<'a> {
    fn new(run: &'a RunRecord, phase: Phase) -> Self {
        Self { run, phase, rows: Vec::new(), outcomes: Vec::new() }
    }
}

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stamp:       {}", self.run.stamp)?;
        writeln!(f, "phase:       {}", self.phase.as_str())?;
        if let Some(plan) = &self.run.plan {
            writeln!(f, "plan:        {}: {}", line(&plan.name), line(&plan.title))?;
        }
        writeln!(f, "selection:   {}", line(&self.run.selected()))?;
        for (name, value) in &self.run.environment {
            writeln!(f, "variable:    {}=\"{}\"", line(name), line(value))?;
        }
        writeln!(f, "result:      {}", Counts::of(self.outcomes.iter().map(|(outcome, _)| *outcome)))?;
        let outcomes = self.outcomes.iter().filter(|(outcome, _)| has_run(outcome));
        let ran: BTreeSet<&str> = outcomes.flat_map(|(_, rows)| rows).map(|row| row.id.as_str()).collect();
        for row in &self.rows {
            let blocked =
                row.blocked.as_ref().map(|why| format!(" (blocked: {})", line(why))).unwrap_or_default();
            writeln!(f, "row:         {}: {}{blocked}", line(&row.id), line(&row.task))?;
            if !ran.contains(row.id.as_str()) {
                writeln!(f, "             no check of this row ran")?;
            }
        }
        for (outcome, rows) in &self.outcomes {
            let of_rows = rows.iter().map(|row| line(&row.id));
            write_outcome(f, self.run, outcome, &of_rows.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn write_outcome(
    f: &mut fmt::Formatter<'_>,
    run: &RunRecord,
    outcome: &Outcome,
    rows: &[String],
) -> fmt::Result {
    writeln!(f, "\n== {}: {}", line(&outcome.check), outcome.result_name())?;
    writeln!(f, "   title:          {}", line(&outcome.title))?;
    if !rows.is_empty() {
        writeln!(f, "   rows:           {}", rows.join(", "))?;
    }
    writeln!(f, "   requirements:   {}", line(&outcome.requires.join(", ")))?;
    writeln!(f, "   implementation: {}", line(&outcome.implementation))?;
    writeln!(f, "   file:           {}", line(&outcome.file))?;
    if let Some(stated) = &outcome.must_fail {
        writeln!(f, "   must fail:      {}", line(stated))?;
        if let Some(reason) = &outcome.reason {
            writeln!(f, "   for the reason: {}", line(&reason.to_string()))?;
        }
    }
    for remark in outcome.remarks() {
        writeln!(f, "   remark:         {}", line(&remark))?;
    }
    for shown in ShownStep::all(outcome) {
        write_step(f, outcome, &shown)?;
    }
    let expectations = outcome.steps.iter().flat_map(|step| &step.expectations);
    for (expectation, need) in expectations.filter_map(|own| Some((own, own.skipped.as_ref()?))) {
        writeln!(f, "   skipped:        {}: requires {}", line(&expectation.name), line(need))?;
    }
    if let Some(ending) = other_ending(outcome) {
        writeln!(f, "   ended:          {ending}")?;
    }
    let natives = outcome.steps.iter().filter_map(|step| step.refused.as_ref()?.native.as_ref());
    for native in natives.filter(|_| !outcome.met_expectation()) {
        writeln!(f, "   raised:         {}", line(&native.type_name))?;
        for raised in native.traceback.lines() {
            writeln!(f, "      | {}", line(raised))?;
        }
    }
    if let Ended::Reported(test) = &outcome.ended {
        writeln!(f, "   reported:       {}: {}", test.result.as_str(), line(&test.to_string()))?;
        for said in test.details.lines() {
            writeln!(f, "      | {}", line(said))?;
        }
    }
    for file in &outcome.written {
        let (path, sha256) = (line(&file.path), line(&file.sha256));
        writeln!(f, "   wrote:          {path} ({} bytes, sha256 {sha256})", file.bytes)?;
    }
    let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
    writeln!(f, "   rerun:          {rerun}")
}

fn write_step(f: &mut fmt::Formatter<'_>, outcome: &Outcome, shown: &ShownStep<'_>) -> fmt::Result {
    if let Some(refused) = &shown.refused {
        writeln!(f, "   refused:        {} ({}:{})", line(refused), line(&outcome.file), shown.step.line)?;
        if let Some(asked) = shown.asked() {
            writeln!(f, "      asked:       {}", line(asked))?;
        }
    }
    for expectation in &shown.failed {
        write_failure(f, outcome, shown.step, expectation)?;
    }
    if let Some(not_reached) = &shown.not_reached {
        writeln!(f, "   not reached:    because {}", not_reached.why)?;
        for own in not_reached.lines() {
            writeln!(f, "      {}", line(&own))?;
        }
    }
    Ok(())
}

fn write_failure(
    f: &mut fmt::Formatter<'_>,
    outcome: &Outcome,
    step: &StepOutcome,
    expectation: &ExpectationOutcome,
) -> fmt::Result {
    let place = format!("{}:{}", line(&outcome.file), expectation.line);
    writeln!(f, "   failed:         {} ({place})", line(&expectation.name))?;
    writeln!(f, "      because:     {}", line(&expectation.because))?;
    if let Some(failure) = &expectation.failure {
        writeln!(f, "      expected:    {}", line(&failure.expected))?;
        writeln!(f, "      actual:      {}", line(&failure.actual))?;
        for detail in &failure.details {
            writeln!(f, "      detail:      {}", line(detail))?;
        }
    }
    writeln!(f, "      step:        {}", describe_step(step))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn without_a_plan_each_area_and_phase_has_a_log() {
        let logs = logs(&test_helpers::run());
        let names: Vec<&str> = logs.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["green_persistence.log", "green_workflows.log", "red_persistence.log", "red_workflows.log"]
        );
        insta::assert_snapshot!("log_green_persistence", logs["green_persistence.log"]);
        insta::assert_snapshot!("log_red_workflows", logs["red_workflows.log"]);
    }

    #[test]
    fn a_check_of_two_rows_with_one_log_appears_once() {
        let logs = logs(&test_helpers::planned_run());
        let log = &logs["phase_d4_red_persistence.log"];
        assert_eq!(log.matches("== persistence/round_trip").count(), 1);
        assert!(log.contains("   rows:           D4.B1, D4.B2\n"));
        insta::assert_snapshot!("log_phase_d4_red_persistence", log);
    }

    #[test]
    fn a_row_without_outcomes_is_marked_in_its_log() {
        let log = &logs(&test_helpers::planned_run())["phase_d4_green_interop.log"];
        assert!(log.contains("D4.B5: Make interop right (blocked: no | fixture yet)\n"), "{log}");
        assert!(log.contains("no check of this row ran\n"), "{log}");
    }

    #[test]
    fn an_outcome_outside_of_the_plan_goes_to_the_log_of_its_area() {
        let mut run = test_helpers::planned_run();
        run.outcomes[0].implementation = "a mutant".into();
        run.outcomes.push(test_helpers::as_expected("other/x", Phase::Green));
        let logs = logs(&run);
        assert!(logs["red_persistence.log"].contains("== persistence/round_trip: proven\n"));
        assert!(logs["green_other.log"].contains("== other/x: pass\n"));
        assert!(!logs["phase_d4_red_persistence.log"].contains("== persistence/round_trip"));
    }

    #[test]
    fn untrusted_text_cannot_begin_a_line_or_move_the_cursor() {
        let hostile = "x\n== forged: pass\r\u{1b}[2J\u{202e}";
        let mut run = test_helpers::planned_run();
        for outcome in &mut run.outcomes {
            let fields =
                [&mut outcome.check, &mut outcome.title, &mut outcome.file, &mut outcome.implementation];
            fields.into_iter().chain(outcome.must_fail.as_mut()).for_each(|field| field.push_str(hostile));
            outcome.requires.push(hostile.into());
            for step in &mut outcome.steps {
                step.operation.push_str(hostile);
            }
        }
        run.selection.push(hostile.into());
        for (name, log) in logs(&run) {
            assert!(
                !log.contains("\n== forged") && !log.contains(['\u{1b}', '\r', '\u{202e}']),
                "{name}:\n{log}"
            );
        }
    }
}
