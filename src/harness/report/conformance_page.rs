//! Where an implementation stands, as a part of `summary.md`.

use crate::text::{markdown, markdown_code};

use super::page::Page;
use crate::harness::record::{BrokenRequirement, ConformanceSummary, Target};

impl Page {
    /// Violations, differences, what was not looked at, and what is known: a section each, when there is any.
    pub(super) fn standing(&mut self, judged: &Target, standing: &ConformanceSummary<'_>) {
        self.broken(
            "Violations",
            "Of what the specification says, or both revisions of the real system do:",
            judged,
            &standing.violations,
        );
        self.broken(
            "Differences",
            "From what was decided here, where the sources are silent, wrong or disagree:",
            judged,
            &standing.differences,
        );
        if !standing.unseen.is_empty() {
            self.heading("Not looked at");
            for group in &standing.unseen {
                self.line(&format!("- {}", markdown(&group.in_words())));
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
            let told = entries.map(|entry| {
                format!("{} ({}, until {})", markdown(&entry.why), markdown(&entry.owner), entry.expires)
            });
            self.line(&format!("- {}: {}", markdown_code(check), told.collect::<Vec<_>>().join("; ")));
        }
        if !standing.known.problems.is_empty() {
            self.heading("Known failures that are not so");
        }
        for problem in &standing.known.problems {
            self.line(&format!("- {}", markdown(problem)));
        }
    }

    fn broken(&mut self, title: &str, which: &str, judged: &Target, all: &[BrokenRequirement<'_>]) {
        if all.is_empty() {
            return;
        }
        self.heading(title);
        self.line(which);
        for BrokenRequirement { ids, failures } in all {
            let (ids_said, authorities) = (markdown(&ids.join(", ")), judged.authorities(ids));
            self.text(&format!("### {ids_said} ({authorities})\n"));
            self.line(&markdown(&judged.statements(ids)));
            self.line("");
            for (outcome, expectation) in failures {
                let place = format!("{}:{}", outcome.file, expectation.line);
                self.line(&format!("- {} at {}", markdown_code(&outcome.check), markdown_code(&place)));
                self.line(&format!("  - {}", markdown(&expectation.because)));
                if let Some(failure) = &expectation.failure {
                    self.line(&format!("  - expected: {}", markdown(&failure.expected)));
                    self.line(&format!("  - actual: {}", markdown(&failure.actual)));
                }
            }
        }
    }
}
