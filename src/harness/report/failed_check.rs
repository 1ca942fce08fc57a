//! One check with an unexpected outcome, as commands and test targets print it.

use std::collections::BTreeMap;

use super::{messages::other_ending, shown_step::ShownStep};
use crate::{
    harness::runner::Outcome,
    text::{counted, line},
};

/// The check, where it failed, what was expected and found, and the command that reruns it.
///
/// `word` is [`Outcome::result_name`], in color where the caller wants that. Text from elsewhere is escaped.
pub fn failed_check(outcome: &Outcome, word: &str, rerun: &str) -> String {
    let mut text = format!(
        "{word} {} on {} ({})\n",
        line(&outcome.check),
        line(&outcome.implementation),
        outcome.phase.as_str()
    );
    if let Some(must_fail) = &outcome.must_fail {
        let reason = outcome.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        text.push_str(&format!("  expected expectation `{}` to fail{}\n", line(must_fail), line(&reason)));
    }
    text.extend(outcome.remarks().map(|remark| format!("  {}\n", line(&remark))));
    text.extend(other_ending(outcome).map(|ending| format!("  {ending}\n")));
    let steps = ShownStep::all(outcome);
    let mut again = repetitions(&steps);
    for shown in &steps {
        text.push_str(&failed_step(&line(&outcome.file), shown, &mut again));
    }
    text.push_str(&format!("  rerun: {rerun}\n\n"));
    text
}

/// How often each expectation failed, by its name. The runner holds some after every step, and those that keep failing
/// would fill the screen.
fn repetitions<'a>(steps: &[ShownStep<'a>]) -> BTreeMap<&'a str, usize> {
    let mut times = BTreeMap::new();
    for failed in steps.iter().flat_map(|shown| &shown.failed) {
        *times.entry(failed.name.as_str()).or_default() += 1;
    }
    times
}

/// A step with the expectations that were not shown yet, which are taken from `times`.
fn failed_step(file: &str, shown: &ShownStep<'_>, times: &mut BTreeMap<&str, usize>) -> String {
    let mut text = String::new();
    if let Some(refused) = &shown.refused {
        text.push_str(&format!("  {file}:{}: {}\n", shown.step.line, line(refused)));
        text.extend(shown.asked().map(|asked| format!("    asked:    {}\n", line(asked))));
    }
    for failed in &shown.failed {
        let Some(times) = times.remove(failed.name.as_str()) else { continue };
        text.push_str(&format!("  {file}:{}: {}\n", failed.line, line(&failed.because)));
        let Some(failure) = &failed.failure else { continue };
        text.push_str(&format!(
            "    expected: {}\n    actual:   {}\n",
            line(&failure.expected),
            line(&failure.actual)
        ));
        text.extend(failure.shown_details().map(|detail| format!("    {}\n", line(&detail))));
        text.extend((times > 1).then(|| format!("    and {}\n", counted(times - 1, "more time"))));
    }
    if let Some(not_reached) = &shown.not_reached {
        text.push_str(&format!("  not reached, because {}:\n", not_reached.why));
        text.extend(not_reached.lines().iter().map(|own| format!("    {}\n", line(own))));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{runner::Phase, test_helpers};

    #[test]
    fn an_expectation_that_fails_again_and_again_is_shown_once() {
        let mut outcome = test_helpers::as_expected("a/b", Phase::Red);
        let failing = outcome.steps.last().unwrap().clone();
        let name = outcome.failed().next().unwrap().1.because.clone();
        let once = failed_check(&outcome, "fail", "run");
        assert!(!once.contains("more time"), "{once}");
        outcome.steps.push(failing.clone());
        assert!(failed_check(&outcome, "fail", "run").contains("    and 1 more time\n"));
        outcome.steps.push(failing);
        let text = failed_check(&outcome, "fail", "run");
        assert!(text.contains("    and 2 more times\n"), "{text}");
        assert_eq!(text.matches(&line(&name)).count(), 1, "{text}");
    }
}
