//! The conformance of a third-party implementation, as sections of `summary.md`.

use crate::text::{markdown, markdown_code};

use super::{ending, page::Page, rerun_command, shown_step::ShownStep};
use crate::harness::record::{BrokenAt, BrokenBy, BrokenRequirement, ConformanceSummary, RunRecord, Target};

/// The number of checks of one cause that are shown in full. The logs have all of them.
const MAX_IN_FULL: usize = 3;

impl Page {
    /// Adds a section each for violations, differences, crashes, checks without a result, and known failures.
    pub(super) fn conformance(
        &mut self,
        run: &RunRecord,
        judged: &Target,
        standing: &ConformanceSummary<'_>,
    ) {
        if let Some(era) = &judged.era {
            self.line(&format!("- Era {}: what other eras state was not judged", markdown_code(era)));
        }
        let mut parts = [
            (
                "Violations",
                "The specification or both revisions of the real system require:",
                &standing.violations,
            ),
            (
                "Differences",
                "This suite decided, where the sources are silent, wrong or contradictory:",
                &standing.differences,
            ),
        ];
        if standing.begins_with_a_difference() {
            parts.reverse();
        }
        for (title, which, broken) in parts {
            self.broken(title, which, run, judged, broken);
        }
        if !standing.crashes.is_empty() {
            self.heading(&markdown(&judged.crash_title("Crashes")));
            for group in &standing.crashes {
                self.line(&format!("- {}", markdown(&group.to_string())));
                for outcome in &group.outcomes {
                    let how = ending(outcome).unwrap_or_default();
                    self.line(&format!("  - {}: {}", markdown_code(&outcome.check), markdown(&how)));
                }
            }
        }
        if !standing.leaks.is_empty() {
            self.heading("State leaks");
            self.line(
                "These checks are as expected alone. Something of an earlier check is left when they run:\n",
            );
            for group in &standing.leaks {
                self.line(&format!("- {}", markdown(&group.to_string())));
                for outcome in &group.outcomes {
                    self.outcome(outcome);
                }
            }
        }
        if !standing.unseen.is_empty() {
            self.heading("Without a result");
            for group in &standing.unseen {
                self.line(&format!("- {}", markdown(&group.to_string())));
                for outcome in &group.outcomes {
                    self.line(&format!("  - {}", markdown_code(&outcome.check)));
                }
            }
        }
        if !standing.known.known.is_empty() {
            self.heading("Known failures");
        }
        for (check, numbers) in &standing.known.known {
            let entries = numbers.iter().filter_map(|number| judged.known.get(*number));
            let reasons = entries.map(|entry| {
                format!("{} ({}, until {})", markdown(&entry.why), markdown(&entry.owner), entry.expires)
            });
            self.line(&format!("- {}: {}", markdown_code(check), reasons.collect::<Vec<_>>().join("; ")));
        }
        if !standing.known.problems.is_empty() {
            self.heading("Invalid known failures");
        }
        for problem in &standing.known.problems {
            self.line(&format!("- {}", markdown(problem)));
        }
    }

    fn broken(
        &mut self,
        title: &str,
        which: &str,
        run: &RunRecord,
        judged: &Target,
        all: &[BrokenRequirement<'_>],
    ) {
        if all.is_empty() {
            return;
        }
        self.heading(title);
        self.line(which);
        for BrokenRequirement { ids, causes, .. } in all {
            let (ids_said, authorities) = (markdown(&ids.join(", ")), judged.authorities(ids));
            self.text(&format!("### {ids_said} ({authorities})\n"));
            self.line(&markdown(&judged.statements(ids)));
            self.line("");
            for cause in causes {
                self.cause(run, cause);
            }
        }
    }

    /// One cause: the first checks in full, the others by name, because they show the same.
    fn cause(&mut self, run: &RunRecord, BrokenBy { what, places }: &BrokenBy<'_>) {
        let count = places.len();
        self.line(&format!("- {count} {} {}", if count == 1 { "check" } else { "checks" }, markdown(what)));
        for BrokenAt { outcome, failing, expectation } in places.iter().take(MAX_IN_FULL) {
            let line = expectation.map_or(failing.step.line, |expectation| expectation.line);
            let place = format!("{}:{line}", outcome.file);
            self.line(&format!("  - {} at {}", markdown_code(&outcome.check), markdown_code(&place)));
            for shown in ShownStep::all(outcome).iter().filter(|shown| shown.step == failing.step) {
                self.refusal(shown, "    ");
            }
            if let Some(expectation) = expectation {
                self.line(&format!("    - {}", markdown(&expectation.because)));
                self.difference(expectation, "    ");
            }
            let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
            self.line(&format!("    - rerun: {}", markdown_code(&rerun)));
        }
        for BrokenAt { outcome, .. } in places.iter().skip(MAX_IN_FULL) {
            self.line(&format!("  - {}", markdown_code(&outcome.check)));
        }
    }
}
