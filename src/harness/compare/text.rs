//! A comparison for a terminal.

use super::{Change, ComparedCheck, Comparison, Sides, new_reasons};
use crate::{
    harness::report::failed_check,
    text::{columns, counted, line},
};

/// Number of checks of one change, and of changed inputs, that are shown; `--json` has all.
const MAX_SHOWN: usize = 20;

impl Comparison<'_> {
    /// What counts against the new run first, each with expected, actual and the command that reruns it; then what else
    /// changed; then the numbers. `paint` colors the word of a change.
    pub fn to_text(&self, paint: impl Fn(Change, &str) -> String) -> String {
        let mut text = String::new();
        for change in Change::ALL {
            let word = paint(change, change.as_str());
            let show = |own: &ComparedCheck<'_>| match change {
                Change::Regressed
                | Change::FailingForANewReason
                | Change::NewlyUnsupported
                | Change::Removed
                | Change::NewAndFailing => Some(in_full(own, &word)),
                Change::Fixed | Change::StillFailing | Change::Added => {
                    Some(format!("{word} {}: {}\n", own.key(), own.transition()))
                }
                Change::Unchanged => None,
            };
            text.push_str(&listed(self.with(change).filter_map(show), change.as_str()));
        }
        text.push_str(&listed(self.checks.iter().filter(|own| own.flaky).map(flaky), "flaky"));
        text.push_str(&listed(self.checks.iter().filter_map(renamed), "renamed"));
        let changed = self.checks.iter().filter(|own| own.case_changed());
        text.push_str(&listed(changed.map(|own| format!("case changed {}\n", own.key())), "case changed"));
        text.push_str(&self.inputs());
        text.push_str(&self.numbers());
        text
    }

    /// What the runs were made with, where it differs.
    fn inputs(&self) -> String {
        let mut text = String::new();
        if self.suite_changed() {
            let (before, after) = (&self.base.suite_digest, &self.new.suite_digest);
            text.push_str(&format!("suite changed: {} -> {}\n", line(before), line(after)));
        }
        if self.selection_changed() {
            let options = |selection: &[String]| match selection {
                [] => "no option".to_owned(),
                some => line(&some.join(" ")),
            };
            let (before, after) = (options(&self.base.selection), options(&self.new.selection));
            text.push_str(&format!("selected by other options: {before} -> {after}\n"));
        }
        for changed in self.environment.iter().take(MAX_SHOWN) {
            let value = |value: Option<&str>| value.map_or("not recorded".to_owned(), line);
            let (before, after) = (value(changed.before), value(changed.after));
            text.push_str(&format!("environment changed: {}: {before} -> {after}\n", line(changed.name)));
        }
        let more = self.environment.len().saturating_sub(MAX_SHOWN);
        if more > 0 {
            text.push_str(&format!("{more} more environment changes; --json shows all\n"));
        }
        if let Some((before, after)) = self.implementations {
            let (before, after) = (line(before), line(after));
            text.push_str(&format!("green phases compared by check: {before} -> {after}\n"));
        }
        if self.red_not_run > 0 {
            text.push_str(&format!(
                "not compared: {} red checks, because the newer run has no red phase\n",
                self.red_not_run
            ));
        }
        if self.not_selected > 0 {
            text.push_str(&format!(
                "not compared: {}, which the options of the newer run did not select\n",
                counted(self.not_selected, "check")
            ));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    fn numbers(&self) -> String {
        let numbers = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let rows: Vec<[String; 2]> =
            numbers.map(|(change, count)| [change.as_str().to_owned(), count.to_string()]).collect();
        let verdict = match self.counting() {
            0 => "no regression:".to_owned(),
            1 => "regression: 1 check counts against".to_owned(),
            count => format!("regression: {count} checks count against"),
        };
        let (base, new) = (line(&self.base.name), line(&self.new.name));
        format!("{}\n{verdict} {new} compared with {base}\n", columns(&rows, 1))
    }
}

/// At most [`MAX_SHOWN`] of these, the number of the others, and an empty line if there are any.
fn listed(shown: impl Iterator<Item = String>, what: &str) -> String {
    let mut shown = shown.fuse();
    let mut text: String = shown.by_ref().take(MAX_SHOWN).collect();
    let more = shown.count();
    if more > 0 {
        text.push_str(&format!("{more} more {what}; --json shows all\n"));
    }
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
    text
}

/// A check that counts against the new run.
fn in_full(own: &ComparedCheck<'_>, word: &str) -> String {
    let seen = own.sides.after().and_then(|after| after.seen.as_ref());
    let mut text = match seen {
        Some(seen) => failed_check(&seen.outcome, word, &seen.rerun).trim_end().to_owned() + "\n",
        None => format!("{word} {}\n", own.key()),
    };
    text.push_str(&format!("  result: {}\n", own.transition()));
    if let Sides::Both { before, after } = own.sides
        && own.change == Change::FailingForANewReason
    {
        let reasons = |reasons: &[&str]| line(&reasons.join("; "));
        let known: Vec<&str> = before.reasons.iter().map(String::as_str).collect();
        if !known.is_empty() {
            text.push_str(&format!("  reason before: {}\n", reasons(&known)));
            text.push_str(&format!("  new reason:    {}\n", reasons(&new_reasons(before, after))));
        }
    }
    if let Some(history) = own.history {
        let good = history.last_good.map_or("none".to_owned(), |stamp| stamp.to_string());
        let bad = history.first_bad;
        text.push_str(&format!("  last good report: {good}; first bad report: {bad}\n"));
    }
    text + "\n"
}

fn flaky(own: &ComparedCheck<'_>) -> String {
    format!("flaky {}: {}; different results on equal recorded inputs\n", own.key(), own.transition())
}

fn renamed(own: &ComparedCheck<'_>) -> Option<String> {
    Some(format!("renamed {} -> {}\n", line(own.renamed_from()?), own.key()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::compare::test_sides;

    #[test]
    fn what_counts_comes_first_with_what_failed_and_the_numbers_last() {
        let (base, new) = test_sides::hostile();
        let mut comparison = Comparison::of(&base, &new);
        comparison.add_history(|_| Some(test_sides::history()));
        insta::assert_snapshot!("text", comparison.to_text(|_, word| word.to_uppercase()));
    }

    #[test]
    fn hostile_text_stays_visible_and_on_its_line() {
        let (base, new) = test_sides::hostile();
        let text = Comparison::of(&base, &new).to_text(|_, word| word.to_owned());
        let hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(hidden), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("no regression: forged")), "{text}");
    }

    #[test]
    fn equal_runs_have_numbers_only() {
        let (base, _) = test_sides::hostile();
        let text = Comparison::of(&base, &base).to_text(|_, word| word.to_owned());
        assert!(text.starts_with("still failing"), "{text}");
        assert!(text.ends_with("\n\nno regression: base compared with base\n"), "{text}");
    }

    #[test]
    fn many_changed_inputs_are_counted() {
        let (base, new) = test_sides::many_inputs(MAX_SHOWN + 5);
        let text = Comparison::of(&base, &new).to_text(|_, word| word.to_owned());
        assert_eq!(text.matches("environment changed: ").count(), MAX_SHOWN);
        assert!(text.contains("\n5 more environment changes; --json shows all\n"), "{text}");
    }

    #[test]
    fn many_checks_of_one_kind_are_counted() {
        let (base, new) = test_sides::many(MAX_SHOWN + 5);
        let text = Comparison::of(&base, &new).to_text(|_, word| word.to_owned());
        assert_eq!(text.matches("  result: pass -> fail\n").count(), MAX_SHOWN);
        assert!(text.contains("\n5 more regressed; --json shows all\n"), "{text}");
    }
}
