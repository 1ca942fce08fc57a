//! A comparison as a comment on a pull request.

use super::{Change, ComparedCheck, Comparison, Seen};
use crate::{
    harness::report::{ending, shown_step::ShownStep},
    text::{counted, markdown, markdown_code, truncated},
};

/// The longest comment, in bytes, apart from headings and the numbers of what is left out. GitHub rejects comments of more
/// than 65,536 characters.
const MAX_COMMENT_BYTES: usize = 60_000;

/// Number of rows in the table of checks, and of changed parts of the environment.
const MAX_ROWS: usize = 50;

/// Number of failed expectations that are shown of one check.
const MAX_EXPECTATIONS: usize = 5;

/// The longest id, value or command, in characters.
const MAX_VALUE_CHARS: usize = 300;

impl Comparison<'_> {
    /// A title, a table of what changed, and the details folded. Never longer than a comment may be.
    pub fn to_markdown(&self) -> String {
        let title = match self.counting() {
            0 => "No regression".to_owned(),
            1 => "Regression: 1 check".to_owned(),
            count => format!("Regression: {count} checks"),
        };
        let (base, new) = (markdown_code(&cut(&self.base.name)), markdown_code(&cut(&self.new.name)));
        let mut text = format!("### {title}\n\n{new} compared with {base}\n");
        let numbers = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let numbers: Vec<String> =
            numbers.map(|(change, count)| format!("{count} {}", change.as_str())).collect();
        text.push_str(&format!("\n{}\n", numbers.join(" · ")));
        self.table(&mut text);
        self.inputs_folded(&mut text);
        self.failures_folded(&mut text);
        text
    }

    /// The checks that changed, as many as fit.
    fn table(&self, text: &mut String) {
        let notable =
            || self.checks.iter().filter(|own| own.is_notable() && own.change != Change::StillFailing);
        let all = notable().count();
        if all == 0 {
            return;
        }
        text.push_str("\n| | Check | Implementation | Result | |\n|---|---|---|---|---|\n");
        let rows = notable().take(MAX_ROWS).map(|own| {
            let key = own.key();
            let word = own.change.as_str();
            let word = if own.change.counts() { format!("**{word}**") } else { word.to_owned() };
            format!(
                "| {word} | {} | {} ({}) | {} | {} |\n",
                markdown_code(&cut(&key.check)),
                markdown(&cut(&key.implementation)),
                key.phase.as_str(),
                own.transition().replace("->", "→"),
                remarks(own),
            )
        });
        let more = all - push_fitting(text, rows);
        if more > 0 {
            text.push_str(&format!("\n{more} more checks are not shown.\n"));
        }
    }

    /// The inputs that differ, as many as fit.
    fn inputs_folded(&self, text: &mut String) {
        let mut rows: Vec<(String, String, String)> = Vec::new();
        let code = |value: &str| if value.is_empty() { String::new() } else { markdown_code(&cut(value)) };
        if self.suite_changed() {
            rows.push(("suite".into(), code(&self.base.suite_digest), code(&self.new.suite_digest)));
        }
        if self.selection_changed() {
            let options = |selection: &[String]| code(&selection.join(" "));
            rows.push(("selection".into(), options(&self.base.selection), options(&self.new.selection)));
        }
        if let Some((before, after)) = self.implementations {
            rows.push(("implementation".into(), code(before), code(after)));
        }
        if self.red_not_run > 0 {
            rows.push(("red phase".into(), format!("{} checks", self.red_not_run), "not run".into()));
        }
        if self.not_selected > 0 {
            rows.push(("other checks".into(), counted(self.not_selected, "check"), "not selected".into()));
        }
        for changed in self.environment.iter().take(MAX_ROWS) {
            let value = |value: Option<&str>| value.map(code).unwrap_or_default();
            rows.push((markdown(&cut(changed.name)), value(changed.before), value(changed.after)));
        }
        if rows.is_empty() {
            return;
        }
        let all = rows.len() + self.environment.len().saturating_sub(MAX_ROWS);
        text.push_str("\n<details><summary>Inputs that differ between the runs</summary>\n\n");
        text.push_str("| | Before | Now |\n|---|---|---|\n");
        let rows = rows.into_iter();
        let rows = rows.map(|(name, before, after)| format!("| {name} | {before} | {after} |\n"));
        let more = all - push_fitting(text, rows);
        if more > 0 {
            text.push_str(&format!("\n{more} more inputs are not shown.\n"));
        }
        text.push_str("\n</details>\n");
    }

    /// The failures, as many as fit.
    fn failures_folded(&self, text: &mut String) {
        let is_shown = |own: &&ComparedCheck<'_>| own.change.counts() || own.change == Change::NewAndFailing;
        let seen = |own: &ComparedCheck<'_>| own.sides.after()?.seen.clone();
        let failures: Vec<String> =
            self.checks.iter().filter(is_shown).filter_map(|own| Some(failure(own, &seen(own)?))).collect();
        if failures.is_empty() {
            return;
        }
        text.push_str("\n<details><summary>Failures, with expected and actual</summary>\n\n");
        let all = failures.len();
        let more = all - push_fitting(text, failures.into_iter());
        if more > 0 {
            text.push_str(&format!("{more} more failures are in the report.\n\n"));
        }
        text.push_str("</details>\n");
    }
}

/// Appends parts until one does not fit into a comment. Returns how many it has appended.
fn push_fitting(text: &mut String, parts: impl Iterator<Item = String>) -> usize {
    let mut count = 0;
    for part in parts {
        if text.len() + part.len() > MAX_COMMENT_BYTES {
            break;
        }
        text.push_str(&part);
        count += 1;
    }
    count
}

/// What else a reader needs to know of a check.
fn remarks(own: &ComparedCheck<'_>) -> String {
    let mut remarks = Vec::new();
    remarks.extend(own.flaky.then(|| "flaky: different results on equal recorded inputs".to_owned()));
    remarks.extend(own.renamed_from().map(|old| format!("was {}", markdown_code(&cut(old)))));
    remarks.extend(own.case_changed().then(|| "the case changed".to_owned()));
    if let Some(history) = own.history {
        remarks.extend(history.last_good.map(|stamp| format!("last good {stamp}")));
        remarks.push(format!("first bad {}", history.first_bad));
    }
    remarks.join("; ")
}

fn failure(own: &ComparedCheck<'_>, seen: &Seen) -> String {
    let mut text = format!("- {}\n", markdown_code(&cut(&own.key().check)));
    let steps = ShownStep::all(&seen.outcome);
    text.extend(ending(&seen.outcome).map(|ending| format!("  - {}\n", markdown(&cut(&ending)))));
    for shown in &steps {
        text.extend(shown.refused.iter().map(|refused| format!("  - {}\n", markdown(&cut(refused)))));
    }
    for failed in steps.iter().flat_map(|shown| &shown.failed).take(MAX_EXPECTATIONS) {
        let Some(failure) = &failed.failure else { continue };
        let place = format!("{}:{}", seen.outcome.file, failed.line);
        text.push_str(&format!(
            "  - {} ({})\n",
            markdown(&cut(&failed.because)),
            markdown_code(&cut(&place))
        ));
        text.push_str(&format!("    - expected: {}\n", markdown_code(&cut(&failure.expected))));
        text.push_str(&format!("    - actual: {}\n", markdown_code(&cut(&failure.actual))));
    }
    text + &format!("  - rerun: {}\n\n", markdown_code(&cut(&seen.rerun)))
}

fn cut(text: &str) -> String {
    truncated(text, MAX_VALUE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::compare::test_sides;

    #[test]
    fn a_comment_has_a_table_and_folded_details() {
        let (base, new) = test_sides::hostile();
        let mut comparison = Comparison::of(&base, &new);
        comparison.add_history(|_| Some(test_sides::history()));
        insta::assert_snapshot!("markdown", comparison.to_markdown());
    }

    #[test]
    fn hostile_text_adds_no_cell_and_no_html() {
        let (base, new) = test_sides::hostile();
        let text = Comparison::of(&base, &new).to_markdown();
        assert!(!text.contains("<img"), "{text}");
        let rows = text.lines().filter(|line| line.starts_with("| **") || line.starts_with("| new and"));
        for row in rows {
            assert_eq!(row.replace(r"\|", "").matches('|').count(), 6, "{row}");
        }
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }

    #[test]
    fn a_comment_is_never_longer_than_it_may_be() {
        let (base, new) = test_sides::many(2_000);
        let text = Comparison::of(&base, &new).to_markdown();
        assert!(text.len() < 65_536, "{} bytes", text.len());
        assert!(text.contains("\n1950 more checks are not shown.\n"), "{text}");
        assert!(text.contains(" more failures are in the report.\n\n</details>\n"), "{text}");
    }

    #[test]
    fn long_and_escaped_ids_and_inputs_do_not_make_a_comment_longer_than_it_may_be() {
        let long = |part: &str, number: usize| format!("{part}/{number}{}", "\u{202e}<|`".repeat(100));
        let (mut base, mut new) = test_sides::many(80);
        for side in [&mut base, &mut new] {
            for (number, own) in side.checks.iter_mut().enumerate() {
                own.key.check = long("a", 1000 + number);
                own.key.implementation = long("i", 0);
            }
        }
        new.environment.extend((0..80).map(|number| (long("variables", number), long("v", number))));
        let text = Comparison::of(&base, &new).to_markdown();
        assert!(text.len() < 65_536, "{} bytes", text.len());
        let rows = text.lines().filter(|line| line.starts_with("| **regressed** |")).count();
        assert!((1..50).contains(&rows), "{rows} rows");
        assert!(text.contains(&format!("\n{} more checks are not shown.\n", 80 - rows)), "{text}");
        assert!(text.contains(" more inputs are not shown.\n\n</details>\n"), "{text}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }

    #[test]
    fn inputs_that_are_left_out_are_counted() {
        let (base, new) = test_sides::many_inputs(MAX_ROWS + 3);
        let text = Comparison::of(&base, &new).to_markdown();
        assert_eq!(text.matches("| variables/V").count(), MAX_ROWS);
        assert!(text.contains("\n3 more inputs are not shown.\n\n</details>\n"), "{text}");
    }
}
