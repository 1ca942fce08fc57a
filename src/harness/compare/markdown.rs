//! A comparison as a comment on a pull request.

use super::{Change, ComparedCheck, Comparison, Seen};
use crate::{
    harness::report::ending,
    text::{markdown, markdown_code, truncated},
};

/// The longest comment, in bytes. GitHub rejects comments of more than 65,536 characters.
const MAX_COMMENT_BYTES: usize = 60_000;

/// Number of checks in the table.
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
        text.push_str(&self.table());
        text.push_str(&self.inputs_folded());
        self.failures_folded(&mut text);
        text
    }

    fn table(&self) -> String {
        let notable =
            || self.checks.iter().filter(|own| own.is_notable() && own.change != Change::StillFailing);
        let mut text = String::new();
        for own in notable().take(MAX_ROWS) {
            if text.is_empty() {
                text.push_str("\n| | Check | Implementation | Result | |\n|---|---|---|---|---|\n");
            }
            let key = own.key();
            let word = own.change.as_str();
            let word = if own.change.counts() { format!("**{word}**") } else { word.to_owned() };
            text.push_str(&format!(
                "| {word} | {} | {} ({}) | {} | {} |\n",
                markdown_code(&cut(&key.check)),
                markdown(&cut(&key.implementation)),
                key.phase.as_str(),
                own.transition().replace("->", "→"),
                remarks(own),
            ));
        }
        match notable().count().checked_sub(MAX_ROWS) {
            Some(more @ 1..) => text + &format!("\n{more} more checks are not shown.\n"),
            Some(0) | None => text,
        }
    }

    fn inputs_folded(&self) -> String {
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
        for changed in self.environment.iter().take(MAX_ROWS) {
            let value = |value: Option<&str>| value.map(code).unwrap_or_default();
            rows.push((markdown(&cut(changed.name)), value(changed.before), value(changed.after)));
        }
        if rows.is_empty() {
            return String::new();
        }
        let rows: String = rows
            .into_iter()
            .map(|(name, before, after)| format!("| {name} | {before} | {after} |\n"))
            .collect();
        let head = "| | Before | Now |\n|---|---|---|\n";
        format!(
            "\n<details><summary>What the runs were made with differs</summary>\n\n{head}{rows}\n</details>\n"
        )
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
        for (index, failure) in failures.into_iter().enumerate() {
            if text.len() + failure.len() > MAX_COMMENT_BYTES {
                text.push_str(&format!("{} more failures are in the report.\n\n", all - index));
                break;
            }
            text.push_str(&failure);
        }
        text.push_str("</details>\n");
    }
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
    text.extend(ending(&seen.outcome).map(|ending| format!("  - {}\n", markdown(&cut(&ending)))));
    for (_, failed) in seen.outcome.failed().take(MAX_EXPECTATIONS) {
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
}
