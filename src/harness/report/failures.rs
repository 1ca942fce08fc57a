//! The failing checks of a run and the next step, as sections of `summary.md`.

use super::{
    page::Page,
    rerun::{rerun_command, suite_option},
};
use crate::{
    harness::{
        record::RunRecord,
        runner::{Outcome, Phase},
    },
    text::{markdown, markdown_code, shell_argument},
};

/// The most failing checks that a summary shows in full; the logs have all of them.
const MAX_FAILURES: usize = 50;

impl Page {
    /// Every check with an unexpected result that is not just skipped: which assertion failed, and how to rerun it.
    pub(super) fn failures(&mut self, run: &RunRecord) {
        let failing: Vec<&Outcome> = unexpected(run).collect();
        if failing.is_empty() {
            return;
        }
        self.heading("Failing checks");
        for outcome in failing.iter().take(MAX_FAILURES) {
            self.outcome(outcome);
            let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
            self.line(&format!("  - rerun: {}", markdown_code(&rerun)));
        }
        let more = failing.len().saturating_sub(MAX_FAILURES);
        if more > 0 {
            self.text(&format!("{more} more are in the logs."));
        }
    }

    /// What to do after this run.
    pub(super) fn next_step(&mut self, run: &RunRecord) {
        self.heading("Next step");
        self.line(&next_step(run));
    }
}

fn next_step(run: &RunRecord) -> String {
    if let Some(first) = unexpected(run).next() {
        let rerun = rerun_command(run, &first.check, first.phase, &first.implementation);
        let what = match first.phase {
            Phase::Red => "Make the first failing red check fail as expected",
            Phase::Green => "Fix the first failing check",
        };
        return format!("{what}, with {}, then repeat the run.", markdown_code(&rerun));
    }
    if !run.unproven.is_empty() {
        return format!(
            "Prove the unproven cases with {}.",
            markdown_code(&format!("bundleproof prove{}", suite_option(run)))
        );
    }
    let skipped = run.outcomes.iter().find_map(Outcome::lacking);
    match (&run.plan, run.phases.as_slice(), skipped) {
        (Some(plan), [Phase::Red], None) if run.imported.is_some() => {
            // Neither the file nor the implementation of the green phase exists yet.
            let plan = shell_argument(&plan.name);
            let green = format!(
                "bundleproof import{} FILE --plan {plan} --phase green --impl NAME",
                suite_option(run)
            );
            format!(
                "Every red test failed as expected: implement, run the tests again, then import their results with {}.",
                markdown_code(&green)
            )
        }
        (Some(plan), [Phase::Red], None) => {
            let plan = shell_argument(&plan.name);
            let green = format!("bundleproof run{} --plan {plan} --phase green", suite_option(run));
            format!("Every red check failed as expected: implement, then run {}.", markdown_code(&green))
        }
        (_, _, Some(need)) => {
            format!("Every check with a result is as expected; the skipped ones require {}.", markdown(need))
        }
        (_, _, None) => "Every check is as expected: keep this report as evidence.".to_owned(),
    }
}

/// The outcomes that are not as expected, without those that were skipped.
fn unexpected(run: &RunRecord) -> impl Iterator<Item = &Outcome> {
    run.outcomes.iter().filter(|outcome| !outcome.met_expectation() && outcome.lacking().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{record::Imported, runner::Ended, test_helpers};

    #[test]
    fn the_next_step_follows_from_the_results() {
        let mut run = test_helpers::run();
        let first = "Make the first failing red check fail as expected, with `bundleproof run --case \
                     'persistence/params' --phase red --impl stub`, then repeat the run.";
        assert_eq!(next_step(&run), first);
        run.outcomes.retain(Outcome::met_expectation);
        assert_eq!(next_step(&run), "Prove the unproven cases with `bundleproof prove`.");
        run.unproven.clear();
        assert_eq!(next_step(&run), "Every check is as expected: keep this report as evidence.");
        run.plan = Some(test_helpers::plan());
        run.phases = vec![Phase::Red];
        assert!(next_step(&run).contains("`bundleproof run --plan phase_d4 --phase green`"));
        run.suite = Some("my suite".into());
        let of_suite = "`bundleproof run --suite 'my suite' --plan phase_d4 --phase green`";
        assert!(next_step(&run).contains(of_suite), "{}", next_step(&run));
        run.suite = None;
        run.imported = Some(Imported { junit: Vec::new(), logs: Vec::new() });
        let next = next_step(&run);
        let green = "`bundleproof import FILE --plan phase_d4 --phase green --impl NAME`";
        assert!(next.contains(green) && !next.contains("bundleproof run"), "{next}");
        run.imported = None;
        let mut skipped = test_helpers::stopped("loader/x", Phase::Green);
        skipped.ended = Ended::Unsupported { need: "torch".into() };
        run.outcomes.push(skipped);
        assert_eq!(
            next_step(&run),
            "Every check with a result is as expected; the skipped ones require torch."
        );
    }

    #[test]
    fn a_summary_shows_a_bounded_number_of_failing_checks() {
        let mut run = test_helpers::run();
        let failing = test_helpers::unexpected("a/b", Phase::Green);
        run.outcomes = vec![failing; MAX_FAILURES + 3];
        let mut page = Page::new("x");
        page.failures(&run);
        let text = page.into_text();
        assert_eq!(text.matches("- rerun: ").count(), MAX_FAILURES);
        assert!(text.ends_with("3 more are in the logs.\n"), "{text}");
    }
}
