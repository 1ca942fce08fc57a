//! One check with an unexpected outcome, as commands and test targets print it.

use super::{messages::other_ending, shown_step::ShownStep};
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
    text.extend(outcome.remarks().map(|remark| format!("  {}\n", line(&remark))));
    text.extend(other_ending(outcome).map(|ending| format!("  {ending}\n")));
    for shown in &ShownStep::all(outcome) {
        text.push_str(&failed_step(&line(&outcome.file), shown));
    }
    text.push_str(&format!("  rerun: {rerun}\n\n"));
    text
}

fn failed_step(file: &str, shown: &ShownStep<'_>) -> String {
    let mut text = String::new();
    if let Some(refused) = &shown.refused {
        text.push_str(&format!("  {file}:{}: {}\n", shown.step.line, line(refused)));
        text.extend(shown.asked().map(|asked| format!("    asked:    {}\n", line(asked))));
    }
    for failed in &shown.failed {
        text.push_str(&format!("  {file}:{}: {}\n", failed.line, line(&failed.because)));
        let Some(failure) = &failed.failure else { continue };
        text.push_str(&format!(
            "    expected: {}\n    actual:   {}\n",
            line(&failure.expected),
            line(&failure.actual)
        ));
        text.extend(failure.shown_details().map(|detail| format!("    {}\n", line(&detail))));
    }
    if let Some(not_reached) = &shown.not_reached {
        text.push_str(&format!("  not reached, because {}:\n", not_reached.why));
        text.extend(not_reached.lines().iter().map(|own| format!("    {}\n", line(own))));
    }
    text
}
