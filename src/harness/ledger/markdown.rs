//! Renders the ledger as Markdown.

use crate::text::{markdown, markdown_code};

use super::{Ledger, LedgerRow, RowAttempt, render::remarks};

/// The header of the table of rows.
pub(super) const HEADER: [&str; 4] = ["ID", "Task", "State", "How and why"];

/// The comment that says of which plan the following table is.
pub(super) fn marker(plan: &str) -> String {
    format!("<!-- bundleproof ledger of {plan} -->")
}

impl Ledger<'_> {
    /// The ledger as Markdown: a table of the rows with their evidence, then all attempts.
    pub fn to_markdown(&self) -> String {
        let mut page = format!("# {}: {}\n\n", markdown(self.plan), markdown(self.title));
        page += "`[ ]` open, `[P]` failed as expected, `[x]` failed as expected, then passed, ";
        page += "`[!]` regressed.\n\n";
        page += &format!("{}\n\n", marker(self.plan));
        page += &format!("| {} |\n|---|---|---|---|\n", HEADER.join(" | "));
        for row in &self.rows {
            page += &format!("| {} |\n", cells(row).join(" | "));
        }
        page += "\n## Attempts History\n";
        for row in self.rows.iter().filter(|row| !row.attempts.is_empty()) {
            page += &format!("\n### {}: {}\n\n", markdown(row.id), markdown(row.task));
            page += &format!("Red on {}, green on {}.\n\n", markdown_code(row.red), markdown_code(row.green));
            row.attempts.iter().for_each(|attempt| page += &attempt_of_row(attempt));
        }
        let others = self.other_implementations();
        if !others.is_empty() {
            page += "\n## Other implementations\n\n";
        }
        others.iter().for_each(|other| page += &format!("- {}\n", markdown(other)));
        let ends = self.ends();
        if !ends.is_empty() {
            page += "\n## Warnings\n\n";
        }
        ends.iter().for_each(|end| page += &format!("- {}\n", markdown(end)));
        page
    }

    /// The numbered attempts as Markdown.
    pub fn attempts_to_markdown(&self) -> String {
        let mut page = format!("# Attempts at {}: {}\n\n", markdown(self.plan), markdown(self.title));
        for attempt in &self.attempts {
            // Nothing in the head needs an escape: the brackets are not a link without an address.
            let (head, title) = (attempt.head(), attempt.title());
            let rest = title.strip_prefix(&head).unwrap_or(&title);
            page += &format!("- {head}{}\n", markdown(rest));
            attempt.details().iter().for_each(|detail| page += &format!("  - {}\n", markdown(detail)));
        }
        if self.attempts.is_empty() {
            page += "No attempts yet.\n";
        }
        page
    }
}

/// The cells of a row: id, task, state, and the evidence with what else there is to say.
pub(super) fn cells(row: &LedgerRow<'_>) -> [String; 4] {
    let last = row.attempts.len().saturating_sub(1);
    let shown = row.attempts.iter().enumerate().filter(|(index, attempt)| attempt.decides || *index == last);
    let shown = shown.map(|(_, attempt)| {
        let number = attempt.number.map(|number| format!("#{number} ")).unwrap_or_default();
        let files: Vec<String> = attempt.files.iter().map(|file| markdown_code(file)).collect();
        let files = if files.is_empty() { String::new() } else { format!(" ({})", files.join(", ")) };
        format!("{}{files}", markdown(&format!("{number}{attempt}")))
    });
    let errors = row.attempts.last().into_iter().flat_map(|attempt| &attempt.errors);
    let errors = errors.map(|error| markdown(&format!("error: {error}")));
    let remarks = remarks(row).into_iter().filter(|(name, _)| *name != "states:");
    let remarks = remarks.map(|(name, value)| markdown(&format!("{name} {value}")));
    let how: Vec<String> = shown.chain(errors).chain(remarks).collect();
    [markdown(row.id), markdown(row.task), format!("`{}`", row.state), how.join("<br>")]
}

fn attempt_of_row(attempt: &RowAttempt) -> String {
    let RowAttempt { number, stamp, phase, result, files, errors, .. } = attempt;
    let files: Vec<String> = files.iter().map(|file| format!(", {}", markdown_code(file))).collect();
    let title = number.map_or("Report without the plan".to_owned(), |number| format!("Attempt #{number}"));
    let (phase, result) = (phase.as_str(), markdown(result));
    let errors = errors.iter().map(|error| format!("  - {}\n", markdown(error)));
    format!("- [{stamp}] {title} - {phase} {result}{}\n{}", files.concat(), errors.collect::<String>())
}
