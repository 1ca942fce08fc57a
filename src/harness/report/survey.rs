//! A page about several third-party implementations, or several revisions of one, from their reports.

use std::collections::{BTreeMap, BTreeSet};

use super::{groups, page::Page};
use crate::{
    harness::{
        record::{ImplementationRecord, RunRecord, Target},
        runner::{Outcome, Phase, StepOutcome, Verdict},
        suite::Authority,
    },
    text::{line, markdown, markdown_code, truncated},
};

/// The longest description of what was found, in characters.
const MAX_FOUND_CHARS: usize = 160;

/// What a report says in one row of the totals.
type Cell = fn(&Surveyed<'_>) -> String;

/// One report of a survey.
#[derive(Clone, Copy, Debug)]
pub struct Surveyed<'a> {
    /// The run.
    pub run: &'a RunRecord,
    /// The implementation under test.
    pub target: &'a Target,
}

/// Why a report cannot be part of a survey.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("report {0} has no green runs on a third-party implementation")]
pub struct NotSurveyable(pub String);

impl<'a> Surveyed<'a> {
    /// A report.
    ///
    /// # Errors
    /// When it is not about a third-party implementation.
    pub fn new(run: &'a RunRecord) -> Result<Self, NotSurveyable> {
        let target = run.judged.as_ref().ok_or_else(|| NotSurveyable(run.stamp.to_string()))?;
        Ok(Self { run, target })
    }

    fn implementation(&self) -> Option<&'a ImplementationRecord> {
        self.run.implementations.get(&self.target.name)
    }

    fn outcomes(&self) -> impl Iterator<Item = &'a Outcome> {
        let name = self.target.name.as_str();
        self.run.outcomes_of(Phase::Green).filter(move |outcome| outcome.implementation == name)
    }

    fn count(&self, verdict: impl Fn(Verdict) -> bool) -> usize {
        self.outcomes().filter(|outcome| verdict(outcome.verdict())).count()
    }
}

/// What fails for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// An operation was refused that should not have been, or was never implemented: whatever fails after it.
    Refused(String),
    /// An expectation about these requirements failed, for this reason.
    Failed(Vec<String>, String),
}

/// The requirements that fail for a cause, and what was seen on each implementation.
struct Row<'a> {
    ids: BTreeSet<String>,
    seen: Vec<Seen<'a>>,
}

/// The checks that fail for a cause on one implementation.
#[derive(Default)]
struct Seen<'a> {
    checks: Vec<&'a str>,
    /// What the first of them found.
    found: String,
}

/// The page: totals, then causes of failures with the implementations on which they were seen, then skipped checks.
pub fn survey(title: &str, reports: &[Surveyed<'_>]) -> String {
    let mut page = Page::new(&markdown(title));
    page.totals(reports);
    page.causes(
        "Violations",
        "The specification or the behavior of several revisions requires:",
        reports,
        &|authority| matches!(authority, Authority::Spec | Authority::Observed),
    );
    page.causes(
        "Differences",
        "Decisions of this suite, where the sources are silent, wrong or contradictory:",
        reports,
        &|authority| authority == Authority::Ours,
    );
    page.grouped("Crashes", "Internal errors instead of a refusal:", reports, &|verdict| {
        verdict == Verdict::Crash
    });
    page.grouped("Skipped and unfinished", "Checks without a result:", reports, &|verdict| {
        !matches!(verdict, Verdict::Pass | Verdict::Fail | Verdict::Crash)
    });
    page.details(reports);
    page.into_text()
}

impl Page {
    fn totals(&mut self, reports: &[Surveyed<'_>]) {
        let rows: [(&str, Cell); 12] = [
            ("version", |one| markdown(one.implementation().map_or("", |own| own.version.as_str()))),
            ("era", |one| markdown(one.target.era.as_deref().unwrap_or("not stated"))),
            ("report", |one| one.run.stamp.to_string()),
            ("suite", |one| markdown_code(one.run.suite_digest.get(..12).unwrap_or_default())),
            ("selection", |one| if one.target.whole { "all" } else { "some checks" }.to_owned()),
            ("checks", |one| one.count(|_| true).to_string()),
            ("passed", |one| one.count(|verdict| verdict == Verdict::Pass).to_string()),
            ("failed", |one| one.count(|verdict| verdict == Verdict::Fail).to_string()),
            ("crashed", |one| one.count(|verdict| verdict == Verdict::Crash).to_string()),
            ("skipped", |one| one.count(|verdict| verdict == Verdict::Unsupported).to_string()),
            ("expectations of other eras", |one| {
                let steps = one.outcomes().flat_map(|outcome| &outcome.steps);
                let skipped =
                    |step: &StepOutcome| step.expectations.iter().filter(|own| own.skipped.is_some()).count();
                steps.map(skipped).sum::<usize>().to_string()
            }),
            ("without a result", |one| {
                let other = |verdict| {
                    matches!(
                        verdict,
                        Verdict::Timeout | Verdict::ProtocolError | Verdict::HarnessError | Verdict::NotRun
                    )
                };
                one.count(other).to_string()
            }),
        ];
        self.head(&[""], reports);
        for (name, cell) in rows {
            let cells: Vec<String> = reports.iter().map(cell).collect();
            self.line(&format!("| {name} | {} |", cells.join(" | ")));
        }
    }

    /// The versions that the implementations state, and what is done for a caller on the way to them.
    fn details(&mut self, reports: &[Surveyed<'_>]) {
        let stated = reports.iter().filter_map(|one| Some((one, &one.implementation()?.details)));
        let stated = stated.filter(|(_, details)| !details.is_empty());
        for (index, (one, details)) in stated.enumerate() {
            if index == 0 {
                self.heading("Stated by the adapters");
            }
            let versions = details.versions.iter().map(|(name, version)| format!("{name} {version}"));
            let versions: Vec<String> = versions.map(|version| markdown(&version)).collect();
            self.line(&format!("- {}: {}", markdown_code(&one.target.name), versions.join(", ")));
            details.notes.iter().for_each(|note| self.line(&format!("  - {}", markdown(note))));
        }
    }

    /// The header of a table with a column for each implementation.
    fn head(&mut self, first: &[&str], reports: &[Surveyed<'_>]) {
        let names = reports.iter().map(|one| markdown(&one.target.name));
        let columns: Vec<String> = first.iter().map(|name| (*name).to_owned()).chain(names).collect();
        self.line(&format!("| {} |", columns.join(" | ")));
        self.line(&"|---".repeat(columns.len()).chars().chain(['|']).collect::<String>());
    }

    fn causes(
        &mut self,
        title: &str,
        which: &str,
        reports: &[Surveyed<'_>],
        authority: &dyn Fn(Authority) -> bool,
    ) {
        let mut causes: BTreeMap<Cause, Row<'_>> = BTreeMap::new();
        for (index, one) in reports.iter().enumerate() {
            for outcome in one.outcomes().filter(|outcome| outcome.verdict() == Verdict::Fail) {
                for (cause, ids, found) in causes_of(outcome) {
                    if !one.target.authority_of(&ids).is_some_and(authority) {
                        continue;
                    }
                    let row = causes.entry(cause).or_insert_with(|| Row {
                        ids: BTreeSet::new(),
                        seen: reports.iter().map(|_| Seen::default()).collect(),
                    });
                    row.ids.extend(ids);
                    if let Some(seen) = row.seen.get_mut(index) {
                        if seen.checks.is_empty() {
                            seen.found = found;
                        }
                        if seen.checks.last() != Some(&outcome.check.as_str()) {
                            seen.checks.push(&outcome.check);
                        }
                    }
                }
            }
        }
        if causes.is_empty() {
            return;
        }
        self.heading(title);
        self.line(&format!("{which}\n"));
        self.head(&["requirements", "what should hold, or what was refused"], reports);
        let mut rows: Vec<(Cause, Row<'_>)> = causes.into_iter().collect();
        rows.sort_by(|(_, a), (_, b)| a.ids.cmp(&b.ids));
        for (cause, Row { ids, seen }) in rows {
            let cells = seen.iter().map(|seen| match seen.checks.as_slice() {
                [] => "-".to_owned(),
                [check] => format!("{}: {}", markdown_code(check), markdown(&seen.found)),
                [check, more @ ..] => {
                    let (check, found) = (markdown_code(check), markdown(&seen.found));
                    format!("{check} and {} more: {found}", more.len())
                }
            });
            let cells: Vec<String> = cells.collect();
            let (Cause::Refused(said) | Cause::Failed(_, said)) = cause;
            let ids: Vec<String> = ids.into_iter().collect();
            self.line(&format!(
                "| {} | {} | {} |",
                markdown(&ids.join(", ")),
                markdown(&said),
                cells.join(" | ")
            ));
        }
    }

    /// Outcomes of these verdicts, grouped by what happened.
    fn grouped(
        &mut self,
        title: &str,
        which: &str,
        reports: &[Surveyed<'_>],
        verdict: &dyn Fn(Verdict) -> bool,
    ) {
        let mut rows: BTreeMap<String, Vec<(usize, &str)>> = BTreeMap::new();
        for (index, one) in reports.iter().enumerate() {
            for group in groups(one.outcomes().filter(|outcome| verdict(outcome.verdict()))) {
                let row = rows.entry(group.key).or_default();
                row.resize(reports.len(), (0, ""));
                if let Some(cell) = row.get_mut(index) {
                    *cell = (group.outcomes.len(), group.outcomes.first().map_or("", |first| &first.check));
                }
            }
        }
        if rows.is_empty() {
            return;
        }
        self.heading(title);
        self.line(&format!("{which}\n"));
        self.head(&["what happened"], reports);
        for (root, cells) in rows {
            let cells = cells.iter().map(|(count, first)| match count {
                0 => "-".to_owned(),
                1 => markdown_code(first),
                count => format!("{} and {} more", markdown_code(first), count - 1),
            });
            let cells: Vec<String> = cells.collect();
            self.line(&format!("| {} | {} |", markdown(&root), cells.join(" | ")));
        }
    }
}

/// The causes of a failed check, each with the requirements that fail for it and what was found. A refusal that should
/// not have been is one cause, whatever fails after it.
fn causes_of(outcome: &Outcome) -> Vec<(Cause, Vec<String>, String)> {
    let refused = outcome.failing_steps().find_map(|failing| {
        let refusal = failing.step.refused.as_ref()?;
        (!failing.step.may_be_refused || !refusal.kind.is_about_the_input()).then_some((failing, refusal))
    });
    if let Some((failing, refusal)) = refused {
        let said = line(&format!("{} was refused ({})", failing.step.operation, refusal.kind));
        return vec![(Cause::Refused(said), failing.requirements(outcome), found(&refusal.message))];
    }
    let failed = outcome.failing_steps().flat_map(|failing| failing.failed).map(|expectation| {
        let actual = expectation.failure.as_ref().map_or("", |failure| failure.actual.as_str());
        let ids = expectation.about.clone();
        (Cause::Failed(ids.clone(), line(&expectation.because)), ids, found(actual))
    });
    failed.collect()
}

fn found(text: &str) -> String {
    truncated(&line(text), MAX_FOUND_CHARS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{runner::Ended, test_helpers};

    fn run() -> RunRecord {
        let mut run = RunRecord { judged: Some(test_helpers::judged()), ..test_helpers::run() };
        let ended = |check: &str, ended: Ended| Outcome {
            steps: Vec::new(),
            ended,
            ..test_helpers::as_expected(check, Phase::Green)
        };
        run.outcomes.push(ended("loader/x", Ended::Unsupported { need: "torch".into() }));
        run.outcomes.push(ended("loader/y", Ended::Unsupported { need: "torch".into() }));
        run.outcomes.push(ended("loader/z", Ended::Crash { detail: "KeyError".into() }));
        run.outcomes.push(test_helpers::stopped("loader/s", Phase::Green));
        run.outcomes.push(test_helpers::stopped("loader/t", Phase::Green));
        run
    }

    #[test]
    fn a_page_has_totals_causes_crashes_and_skipped_checks() {
        let one = run();
        let mut other = run();
        other.judged.as_mut().unwrap().era = Some("main".into());
        other.outcomes.truncate(5);
        let reports = [&one, &other].map(|run| Surveyed::new(run).unwrap());
        let page = survey("Two | revisions", &reports);
        insta::assert_snapshot!("survey", page);
        assert!(!page.contains('\u{1b}') && !page.contains("<b>"), "{page}");
    }

    #[test]
    fn a_report_about_a_built_in_implementation_is_not_surveyable() {
        let run = test_helpers::run();
        let error = Surveyed::new(&run).unwrap_err();
        assert!(error.to_string().starts_with("report 2025-10-17T112849Z has no green"), "{error}");
    }
}
