//! One check with an unexpected outcome, as commands and test targets print it.

use super::ending;
use crate::{harness::runner::Outcome, text::line};

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
    if let Some(step) = outcome.stopped_at() {
        text.push_str(&format!("  {}:{}\n", line(&outcome.file), step.line));
    }
    text.extend(ending(outcome).map(|ending| format!("  {ending}\n")));
    for (_, failed) in outcome.failed() {
        text.push_str(&format!("  {}:{}: {}\n", line(&outcome.file), failed.line, line(&failed.because)));
        if let Some(failure) = &failed.failure {
            text.push_str(&format!(
                "    expected: {}\n    actual:   {}\n",
                line(&failure.expected),
                line(&failure.actual)
            ));
        }
    }
    text.push_str(&format!("  rerun: {rerun}\n\n"));
    text
}
