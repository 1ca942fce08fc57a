//! Markdown summaries: of the report, and of each phase of a plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    harness::{
        runner::{ExpectationOutcome, Outcome, Phase},
        suite::{Decision, Plan, PlannedCheck, Row},
    },
    text::{markdown, markdown_code},
};

use super::{
    area, ending, groups,
    log::row_log,
    messages::{describe_step, other_ending},
    page::Page,
    rerun_command,
    shown_step::ShownStep,
};
use crate::harness::{
    ledger::{
        OutcomeIndex, RowResult,
        row_result::{is_of, planned, row_implementation},
    },
    record::{
        CHAIN, Counts, ENVIRONMENT, FileDigest, INVENTORY, ImplementationRecord, RunRecord, SUMS, plan_file,
    },
};
use crate::text::counted;

/// `summary.md`, with unexpected results first. For a plan it has only totals, and links to the summaries of the
/// phases. `others` are the names of the other rendered files.
pub(super) fn summary(run: &RunRecord, others: &[&str]) -> String {
    let mut page = Page::new(&format!("Report {}", run.stamp));
    let mut phases = run.phases.clone();
    phases.sort_by_key(|phase| run.counts(*phase).unexpected() == 0);
    for phase in phases {
        let on = on(run, phase).map(|on| format!(" on {}", markdown(&on))).unwrap_or_default();
        page.line(&format!("- {}{on}: {}", title(phase), markdown(&run.counts(phase).to_string())));
    }
    if run.skipped_red > 0 {
        let runs = counted(run.skipped_red, "red run");
        page.line(&format!("- Skipped: {runs}, because PyTorch is not available"));
    }
    if let Some(control) = &run.control {
        page.line(&format!("- Control: {}", markdown(&control.to_string())));
    }
    if let Some(partition) = &run.partition {
        page.line(&format!("- {partition}"));
    }
    page.red_change(run);
    if let Some(plan) = &run.plan {
        page.heading(&format!("Plan {}: {}", markdown(&plan.name), markdown(&plan.title)));
        for phase in &run.phases {
            let name = plan_file(&plan.name, *phase, "summary", "md");
            page.line(&format!("- {}: [{name}]({name})", title(*phase)));
        }
    } else {
        match run.conformance() {
            Some((judged, standing)) => page.conformance(run, judged, &standing),
            None => {
                page.groups(run.outcomes.iter());
                page.failures(run);
            }
        }
        page.unproven(run);
        page.areas(run);
    }
    page.variables(run);
    page.next_step(run);
    page.heading("Files");
    let rest = [ENVIRONMENT, INVENTORY, CHAIN, SUMS];
    let imported = run.imported.iter().flat_map(|imported| imported.files()).map(|file| file.name.as_str());
    for name in others.iter().chain(&rest).copied().chain(imported) {
        page.line(&format!("- [{name}]({name})"));
    }
    page.text(&format!(
        "Every file but `{SUMS}` is listed there with its SHA-256. In the directory of the report, \
         `sha256sum -c {SUMS}` checks them; `bundleproof ledger` checks them and the chain of reports each time."
    ));
    page.into_text()
}

/// `<plan>_<phase>_summary.md`: per row its state, how to rerun it, what failed, and the next step.
pub(super) fn phase_summary(run: &RunRecord, plan: &Plan, phase: Phase) -> String {
    let mut page =
        Page::new(&format!("{} of {}: {}", title(phase), markdown(&plan.name), markdown(&plan.title)));
    let counts = markdown(&run.counts(phase).to_string());
    page.line(&format!("Report `{}`. {}: {counts}", run.stamp, title(phase)));
    if phase == Phase::Red {
        page.red_change(run);
    }
    page.text("| ID | Task | State | Log |\n|---|---|---|---|");
    let outcomes = OutcomeIndex::of(run);
    for row in &plan.rows {
        let log = row_log(plan, row, phase).map(|name| format!("[{name}]({name})")).unwrap_or_default();
        let state = markdown(&row_state(&outcomes, plan, row, phase));
        page.line(&format!("| {} | {} | {state} | {log} |", markdown(&row.id), markdown(&row.task)));
    }
    page.groups(run.outcomes_of(phase));
    for row in &plan.rows {
        page.row(run, &outcomes, row, phase);
    }
    page.variables(run);
    page.into_text()
}

fn row_state(outcomes: &OutcomeIndex<'_>, plan: &Plan, row: &Row, phase: Phase) -> String {
    let state = match &row.decided_by {
        Decision::Artifact { artifact } => {
            format!("requires {}", plan_file(&plan.name, phase, artifact, "md"))
        }
        Decision::Checks { .. } => {
            RowResult::of(row, phase, outcomes).map_or("not run".to_owned(), |attempt| attempt.to_string())
        }
    };
    if row.blocked.is_some() { format!("blocked; {state}") } else { state }
}

/// The outcomes of a check of a row by their places in the run.
fn seen<'r>(
    index: &OutcomeIndex<'r>,
    row: &Row,
    check: &PlannedCheck,
    phase: Phase,
) -> BTreeMap<usize, &'r Outcome> {
    index.places_of_check(check).filter(|(_, outcome)| is_of(outcome, row, check, phase)).collect()
}

/// The most implementations of a phase that are named.
const MAX_NAMED: usize = 3;

/// The implementations of a phase with their versions, if there are few.
fn on(run: &RunRecord, phase: Phase) -> Option<String> {
    let names: BTreeSet<&str> =
        run.outcomes_of(phase).map(|outcome| outcome.implementation.as_str()).collect();
    let named = names.iter().map(|name| {
        let version = run.implementations.get(*name).map(|own| format!(" ({})", own.version));
        format!("{name}{}", version.unwrap_or_default())
    });
    (1..=MAX_NAMED).contains(&names.len()).then(|| named.collect::<Vec<_>>().join(", "))
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Red => "Red",
        Phase::Green => "Green",
    }
}

impl Page {
    /// The protected files that changed before a red phase.
    fn red_change(&mut self, run: &RunRecord) {
        if let Some(change) = run.red_change() {
            let change = markdown(&change.to_string());
            self.text(&format!("**Warning:** {change}. A red phase changes tests only."));
        }
    }

    fn groups<'a>(&mut self, outcomes: impl Iterator<Item = &'a Outcome>) {
        let groups = groups(outcomes);
        if groups.is_empty() {
            return;
        }
        self.heading("Unexpected results");
        for group in groups {
            self.line(&format!("- {}: {}", title(group.phase), markdown(&group.to_string())));
            for outcome in &group.outcomes {
                let (check, on) = (markdown_code(&outcome.check), markdown_code(&outcome.implementation));
                self.line(&format!("  - {check} on {on} ({})", markdown(outcome.result_name())));
            }
        }
    }

    fn unproven(&mut self, run: &RunRecord) {
        if run.unproven.is_empty() {
            return;
        }
        self.heading("Unproven");
        self.line(
            "The current version of these cases was not proven to be able to fail; run `bundleproof prove`.\n",
        );
        for case in &run.unproven {
            self.line(&format!("- {}", markdown_code(case)));
        }
    }

    fn areas(&mut self, run: &RunRecord) {
        let mut areas: BTreeMap<(&str, Phase), Vec<&Outcome>> = BTreeMap::new();
        for outcome in &run.outcomes {
            areas.entry((area(&outcome.check), outcome.phase)).or_default().push(outcome);
        }
        self.heading("Areas");
        self.line("| Area | Phase | Result |\n|---|---|---|");
        for ((area, phase), outcomes) in areas {
            let counts = markdown(&Counts::of(outcomes).to_string());
            self.line(&format!("| {} | {} | {counts} |", markdown(area), phase.as_str()));
        }
    }

    fn variables(&mut self, run: &RunRecord) {
        self.heading("Selection and environment");
        self.line(&format!("- selection: {}", markdown_code(&run.selected())));
        for (name, value) in &run.environment {
            self.line(&format!("- variable: {}", markdown_code(&format!("{name}=\"{value}\""))));
        }
        self.line(&format!("- suite: {}", markdown_code(&run.suite_digest)));
        // Built-in implementations have the version of the program, which is in environment.json.
        let stated = |own: &ImplementationRecord| !own.details.is_empty() || !own.files.is_empty();
        for (name, own) in run.implementations.iter().filter(|(_, own)| stated(own)) {
            let versions = own.details.versions.iter().map(|(name, version)| format!("{name} {version}"));
            let versions: Vec<String> = std::iter::once(own.version.clone()).chain(versions).collect();
            self.line(&format!(
                "- implementation: {} {}",
                markdown_code(name),
                markdown(&versions.join(", "))
            ));
            for FileDigest { name, sha256 } in &own.files {
                self.line(&format!("  - {} {}", markdown(name), markdown_code(sha256)));
            }
            own.details.notes.iter().for_each(|note| self.line(&format!("  - {}", markdown(note))));
        }
    }

    fn row(&mut self, run: &RunRecord, index: &OutcomeIndex<'_>, row: &Row, phase: Phase) {
        self.heading(&format!("{}: {}", markdown(&row.id), markdown(&row.task)));
        if let Some(why) = &row.blocked {
            self.line(&format!("Blocked: {}\n", markdown(why)));
        }
        self.line(&format!("Follow-up: {}", markdown(&row.guidance)));
        if !planned(row, run).is_empty() {
            self.text("Selectors:\n");
        }
        for check in planned(row, run) {
            let rerun = rerun_command(run, &check.id, phase, row_implementation(row, phase));
            self.line(&format!("- {}", markdown_code(&rerun)));
        }
        if phase == Phase::Red {
            self.reasons(run, index, row);
        }
        // By their places in the run: each once, in the order of the run.
        let of_row = planned(row, run).iter().flat_map(|check| seen(index, row, check, phase));
        let failing = of_row
            .filter(|(_, outcome)| !outcome.met_expectation() || outcome.failed().next().is_some())
            .collect::<BTreeMap<_, _>>();
        if !failing.is_empty() {
            self.text("Failing assertions:\n");
        }
        for outcome in failing.into_values() {
            self.outcome(outcome);
        }
    }

    /// Per check of a row: the stated reason of the red result, and the one that was seen.
    fn reasons(&mut self, run: &RunRecord, index: &OutcomeIndex<'_>, row: &Row) {
        let seen = |check| seen(index, row, check, Phase::Red).into_values();
        let mut of_row =
            planned(row, run).iter().flat_map(|check| seen(check).map(move |seen| (check, seen)));
        let mut lines = of_row.by_ref().map(|(check, outcome)| {
            let how = outcome.seen_reason().or_else(|| ending(outcome)).unwrap_or_default();
            let cells = [
                markdown_code(&check.id),
                markdown_code(outcome.must_fail.as_deref().unwrap_or_default()),
                markdown(&check.reason.to_string()),
                markdown(&how),
                markdown(outcome.result_name()),
            ];
            format!("| {} |", cells.join(" | "))
        });
        let Some(first) = lines.next() else { return };
        self.text("| Check | Must fail | Expected reason | Seen reason | Result |\n|---|---|---|---|---|");
        std::iter::once(first).chain(lines).for_each(|row| self.line(&row));
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome) {
        self.line(&format!("- {}: {}", markdown_code(&outcome.check), markdown(outcome.result_name())));
        if let Some(ending) = other_ending(outcome) {
            self.line(&format!("  - ended: {}", markdown(&ending)));
        }
        for remark in outcome.remarks() {
            self.line(&format!("  - {}", markdown(&remark)));
        }
        for shown in ShownStep::all(outcome) {
            self.refusal(&shown, "  ");
            for expectation in &shown.failed {
                let place = markdown_code(&format!("{}:{}", outcome.file, expectation.line));
                self.line(&format!("  - {} at {place}", markdown_code(&expectation.name)));
                self.line(&format!("    - because: {}", markdown(&expectation.because)));
                self.difference(expectation, "    ");
                self.line(&format!("    - step: {}", markdown(&describe_step(shown.step))));
            }
            if let Some(not_reached) = &shown.not_reached {
                self.line(&format!("  - not reached, because {}:", not_reached.why));
                not_reached.lines().iter().for_each(|own| self.line(&format!("    - {}", markdown(own))));
            }
        }
    }

    /// The refusal of a step and what was asked, as items indented by `indent`.
    pub(super) fn refusal(&mut self, shown: &ShownStep<'_>, indent: &str) {
        let Some(refused) = &shown.refused else { return };
        self.line(&format!("{indent}- {}", markdown(refused)));
        if let Some(asked) = shown.asked() {
            self.line(&format!("{indent}  - asked: {}", markdown(asked)));
        }
    }

    /// Expected, actual and details of a failed expectation, as items indented by `indent`.
    pub(super) fn difference(&mut self, expectation: &ExpectationOutcome, indent: &str) {
        let Some(failure) = &expectation.failure else { return };
        self.line(&format!("{indent}- expected: {}", markdown(&failure.expected)));
        self.line(&format!("{indent}- actual: {}", markdown(&failure.actual)));
        for detail in failure.shown_details() {
            self.line(&format!("{indent}- {}", markdown(&detail)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn the_summary_begins_with_unexpected_results() {
        insta::assert_snapshot!(
            "summary",
            summary(&test_helpers::run(), &["junit.xml", "red_workflows.log"])
        );
    }

    #[test]
    fn the_summary_of_a_plan_links_to_its_phases_and_repeats_nothing() {
        let page = summary(&test_helpers::planned_run(), &[]);
        assert!(page.contains("- Red: [phase_d4_red_summary.md](phase_d4_red_summary.md)\n"), "{page}");
        assert!(page.contains("- Green on reference (1.2.3): 2/3 passed (1 fail)\n"), "{page}");
        assert!(!page.contains("Areas") && !page.contains("Unexpected results"), "{page}");
    }

    #[test]
    fn a_red_phase_names_the_protected_files_that_changed() {
        use crate::harness::record::{Protected, ProtectedChange};
        let mut run = test_helpers::planned_run();
        let change =
            ProtectedChange { since: test_helpers::stamp("2025-10-16T000000Z"), files: vec!["a|b".into()] };
        run.protected = Some(Protected { patterns: vec![], files: BTreeMap::new(), change: Some(change) });
        let said =
            r"**Warning:** protected files changed since 2025-10-16T000000Z: a\|b. A red phase changes";
        let red = phase_summary(&run, &test_helpers::plan(), Phase::Red);
        assert!(summary(&run, &[]).contains(said) && red.contains(said), "{red}");
        assert!(!phase_summary(&run, &test_helpers::plan(), Phase::Green).contains("Warning"));
        run.phases = vec![Phase::Green];
        assert!(!summary(&run, &[]).contains("Warning"), "a green phase may change the implementation");
    }

    #[test]
    fn a_phase_with_unexpected_results_comes_first() {
        let mut run = test_helpers::run();
        run.outcomes.truncate(1);
        run.outcomes.push(test_helpers::unexpected("a/b", Phase::Green));
        let page = summary(&run, &[]);
        assert!(
            page.find("- Green on reference (1.2.3): 0/1")
                < page.find("- Red on stub (0.1.0): 1/1 failed as expected"),
            "{page}"
        );
        assert!(page.contains("- Green on reference (1.2.3): 0/1"), "{page}");
    }

    #[test]
    fn a_phase_summary_has_rows_commands_failures_variables_and_next_steps() {
        let run = test_helpers::planned_run();
        insta::assert_snapshot!("summary_red", phase_summary(&run, &test_helpers::plan(), Phase::Red));
        insta::assert_snapshot!("summary_green", phase_summary(&run, &test_helpers::plan(), Phase::Green));
    }

    #[test]
    fn untrusted_text_cannot_add_a_cell_or_line() {
        let hostile = "x |\n# forged <script>";
        let mut run = test_helpers::planned_run();
        let mut plan = test_helpers::plan();
        plan.title.push_str(hostile);
        for row in &mut plan.rows {
            [&mut row.task, &mut row.guidance].into_iter().for_each(|field| field.push_str(hostile));
        }
        for outcome in &mut run.outcomes {
            [&mut outcome.title, &mut outcome.file].into_iter().for_each(|field| field.push_str(hostile));
            for step in &mut outcome.steps {
                step.operation.push_str(hostile);
            }
        }
        for page in [summary(&run, &[]), phase_summary(&run, &plan, Phase::Red)] {
            assert!(!page.contains("\n# forged") && !page.contains("x |"), "{page}");
            let outside_code: String = page.split('`').step_by(2).collect();
            assert!(!outside_code.contains("<script>"), "{page}");
        }
    }
}
