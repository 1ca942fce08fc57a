//! What `prove --observations` found, as a page of Markdown.

use super::{KindCount, Observations, UnnoticedFault};
use crate::text::{markdown as escaped, markdown_code as code};

/// The result as Markdown: problems first, then what was not noticed, and the counts.
pub fn observations_markdown(found: &Observations) -> String {
    let Observations { faults, noticed, noticed_by_a_crash, never_acted, runs, .. } = found;
    let unnoticed = found.unnoticed.len();
    let mut page = format!(
        "# Observations\n\n- {faults} mechanical faults in everything that the reference shows\n- {noticed} noticed by \
         an expectation, {noticed_by_a_crash} by a crash only, {unnoticed} not noticed\n- {never_acted} more made no \
         difference in any check\n- {runs} runs\n"
    );
    page.push_str("\n## Problems\n\n");
    if found.problems.is_empty() {
        page.push_str("None: everything that is not noticed is listed with a reason.\n");
    }
    page.extend(found.problems.iter().map(|problem| format!("- {}\n", escaped(&problem.to_string()))));
    page.push_str("\n## Not noticed\n\n| Fault | Checks that reach it | Reason |\n|---|---|---|\n");
    page.extend(found.unnoticed.iter().map(|UnnoticedFault { fault, checks, reason }| {
        format!("| {} | {checks} | {} |\n", code(fault), escaped(reason.as_deref().unwrap_or("")))
    }));
    page.push_str("\n## Counts\n\n| Operation | Kind | Faults | Not noticed |\n|---|---|---|---|\n");
    page.extend(found.kinds.iter().map(|KindCount { operation, kind, faults, unnoticed }| {
        format!("| {} | {kind} | {faults} | {unnoticed} |\n", code(operation))
    }));
    page
}
