//! Compares a copy of a ledger, which a team keeps in a document of its own, with the ledger of the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::text::{line, truncated};

use super::{
    Ledger,
    markdown::{HEADER, cells, marker},
};

/// The longest document with a copy of a ledger that is read: 16 MiB.
pub const MAX_LEDGER_BYTES: u64 = 16 * 1024 * 1024;

/// The longest cell that a mismatch shows, in characters.
const SHOWN_CHARS: usize = 300;

/// A difference of a copy from the ledger of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The line of the copy, from 1; None if the copy lacks the row.
    pub line: Option<usize>,
    /// What differs.
    pub what: String,
}

/// For example: line 12: D4.B1: state is `[x]`, expected `[P]`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.iter().try_for_each(|number| write!(f, "line {number}: "))?;
        f.write_str(&self.what)
    }
}

impl Ledger<'_> {
    /// Compares the tables of this plan in a document with the rows of the store.
    ///
    /// A table is of this plan if the comment that [`Ledger::to_markdown`] writes says so, or if no such comment is before
    /// it. Text around the tables, and spaces around their cells, are not compared. A table in a comment or a code block
    /// must be right too, and does not stand for one that is shown.
    ///
    /// # Errors
    /// All differences, in the order of the document, then the missing rows.
    pub fn verify(&self, document: &str) -> Result<(), Vec<Mismatch>> {
        let rows = rows_of(self.plan, document);
        let Some(rows) = rows else {
            let what = format!("no table with the columns {} of {}", HEADER.join(", "), self.plan);
            return Err(vec![Mismatch { line: None, what }]);
        };
        let expected: BTreeMap<String, [String; 4]> =
            self.rows.iter().map(cells).map(|cells| (cells[0].clone(), cells)).collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut wrong = Vec::new();
        for Row { number, cells: found, is_shown } in rows {
            let id = found.first().cloned().unwrap_or_default();
            let mut add = |what: String| wrong.push(Mismatch { line: Some(number), what });
            match (expected.get(&id), seen.get(&id)) {
                // A row that is not shown must be right and does not stand for one that is: what Markdown hides is
                // judged roughly here.
                (Some(own), _) if !is_shown => differences(own, &found).into_iter().for_each(add),
                (Some(_), Some(first)) => add(format!("{}: duplicate row: also on line {first}", line(&id))),
                (None, _) => add(format!("{}: unexpected row: not in the plan", line(&id))),
                (Some(own), None) => {
                    seen.insert(id, number);
                    differences(own, &found).into_iter().for_each(add);
                }
            }
        }
        wrong.extend(self.edited_attempts(document));
        let missing = self.rows.iter().map(cells).filter(|cells| !seen.contains_key(&cells[0]));
        wrong.extend(missing.map(|cells| Mismatch {
            line: None,
            what: format!("{}: missing row, expected state {}", cells[0], cells[2]),
        }));
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl Ledger<'_> {
    /// The lines of the history that name a report of this ledger and say something else of it than the reports do.
    fn edited_attempts(&self, document: &str) -> Vec<Mismatch> {
        let rendered = [self.to_markdown(), self.attempts_to_markdown()];
        let known: BTreeSet<&str> = rendered.iter().flat_map(|page| page.lines()).map(str::trim).collect();
        let attempts = || known.iter().filter_map(|text| stamp_of_attempt(text));
        let stamps: BTreeSet<&str> = attempts().collect();
        let is_edited = |text: &str| {
            stamp_of_attempt(text).is_some_and(|stamp| stamps.contains(stamp)) && !known.contains(text)
        };
        let lines = document.lines().map(str::trim).enumerate().filter(|(_, text)| is_edited(text));
        lines
            .map(|(index, text)| Mismatch {
                line: Some(index + 1),
                what: format!("the reports do not say: {}", truncated(&line(text), SHOWN_CHARS)),
            })
            .collect()
    }
}

/// The stamp of a line of the history: `- [2025-10-17T112849Z] Attempt #55 - red proven: 1/1`.
fn stamp_of_attempt(text: &str) -> Option<&str> {
    let (stamp, rest) = text.strip_prefix("- [")?.split_once(']')?;
    rest.trim_start().starts_with("Attempt #").then_some(stamp)
}

fn differences(expected: &[String; 4], found: &[String]) -> Vec<String> {
    let id = &expected[0];
    if found.len() != expected.len() {
        return vec![format!("{id}: expected {} cells, found {}", expected.len(), found.len())];
    }
    let names = ["id", "task", "state", "evidence"];
    let pairs = names.iter().zip(expected).zip(found);
    let wrong = pairs.filter(|((_, expected), found)| expected != found);
    wrong
        .map(|((name, expected), found)| {
            let [found, expected] = [found, expected].map(|text| truncated(&line(text), SHOWN_CHARS));
            format!("{id}: {name} is {found}, expected {expected}")
        })
        .collect()
}

/// A row of a table.
struct Row {
    /// The number of its line.
    number: usize,
    cells: Vec<String>,
    /// Whether Markdown shows it: it is neither in a comment nor in a code block.
    is_shown: bool,
}

/// The rows of all tables of a plan; None without a table that is shown.
fn rows_of(plan: &str, document: &str) -> Option<Vec<Row>> {
    let (own, any) = (marker(plan), marker(""));
    let any = any.trim_end_matches(" -->").trim_end();
    let mut rows = Vec::new();
    let mut is_any_shown = false;
    // Whether the tables after the last comment are of this plan.
    let mut is_own = true;
    // The lines of the current table so far; None outside of one.
    let mut table: Option<usize> = None;
    let mut hidden = Hidden::default();
    for (index, text) in document.lines().enumerate() {
        let text = text.trim();
        if text.starts_with(any) {
            is_own = text == own;
        }
        let is_shown = !hidden.is_hidden(text);
        match (table, cells_of(text)) {
            (_, None) => table = None,
            (None, Some(cells)) if is_header(&cells) && is_own => {
                table = Some(1);
                is_any_shown |= is_shown;
            }
            (None, Some(_)) => {}
            // The line below the header.
            (Some(1), Some(_)) => table = Some(2),
            (Some(lines), Some(cells)) => {
                table = Some(lines + 1);
                rows.push(Row { number: index + 1, cells, is_shown });
            }
        }
    }
    is_any_shown.then_some(rows)
}

fn is_header(cells: &[String]) -> bool {
    cells.len() == HEADER.len()
        && cells.iter().zip(HEADER).all(|(cell, name)| cell.eq_ignore_ascii_case(name))
}

/// Whether the current line is in a comment of several lines or in a code block, which Markdown does not show as a table.
#[derive(Default)]
struct Hidden {
    in_comment: bool,
    in_code: bool,
}

impl Hidden {
    fn is_hidden(&mut self, text: &str) -> bool {
        let was_hidden = self.in_comment || self.in_code;
        if !self.in_comment && (text.starts_with("```") || text.starts_with("~~~")) {
            self.in_code = !self.in_code;
            return true;
        }
        if !self.in_code {
            let opened = text.rfind("<!--");
            let closed = text.rfind("-->");
            self.in_comment = match (opened, closed) {
                (Some(opened), Some(closed)) => opened > closed,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => self.in_comment,
            };
        }
        was_hidden
    }
}

/// The cells of a table row, with or without a bar at its ends; None if the line is not one.
fn cells_of(text: &str) -> Option<Vec<String>> {
    if !text.contains('|') {
        return None;
    }
    let inner = text.strip_prefix('|').unwrap_or(text);
    let mut cells = vec![String::new()];
    let mut is_escaped = false;
    for c in inner.chars() {
        if c == '|' && !is_escaped {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(c);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    // What follows the last bar is empty, unless the row does not end with one.
    if cells.last().is_some_and(|last| last.trim().is_empty()) {
        cells.pop();
    }
    Some(cells.into_iter().map(|cell| cell.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::{store::Store, suite::Plan, test_helpers};

    fn plan() -> Plan {
        test_helpers::plan()
    }

    fn said(document: impl Fn(String) -> String) -> Vec<String> {
        let (plan, store) = (plan(), Store::default());
        let ledger = Ledger::compute(&plan, &store);
        let found = ledger.verify(&document(ledger.to_markdown()));
        found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_copy_matches_wherever_it_is_kept() {
        assert_eq!(said(|copy| copy), Vec::<String>::new());
        let kept = |copy: String| {
            let table = copy.replace("| D4", "|  D4").replace('\n', "\r\n");
            format!("# Our plan\n\n| a | b |\n|---|---|\n| c | d |\n\n{table}\n\n- notes\n")
        };
        assert_eq!(said(kept), Vec::<String>::new());
    }

    #[rstest]
    #[case::ticked("`[ ]`", "`[x]`", "D4.B1: state is `[x]`, expected `[ ]`")]
    #[case::task("Make persistence right", "Make it right", "D4.B1: task is Make it right, expected Make")]
    #[case::evidence(
        "next: wire persistence",
        "#9 red proven: 9/9",
        "D4.B1: evidence is #9 red proven: 9/9, exp"
    )]
    #[case::id("| D4.B1 |", "| D4.B9 |", "D4.B9: unexpected row: not in the plan")]
    fn an_edited_cell_is_named_with_its_line(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
        let found = said(|copy| {
            assert!(copy.contains(from), "{copy}");
            copy.replacen(from, to, if from == "`[ ]`" { 2 } else { 1 })
        });
        assert!(found[0].starts_with(&format!("line 9: {says}")), "{found:?}");
    }

    #[rstest]
    #[case::in_a_comment("<!--\n", "-->\n")]
    #[case::in_a_code_block("```\n", "```\n")]
    fn a_hidden_copy_does_not_stand_for_an_edited_one(#[case] before: &str, #[case] after: &str) {
        let found = said(|copy| {
            let ticked = copy
                .replace("`[ ]`", "`[x]`")
                .replace("| ID | Task | State | How and why |", "ID | task | State | How and Why");
            format!("{ticked}\n{before}{copy}{after}")
        });
        assert!(found.iter().any(|found| found.contains("state is `[x]`, expected `[ ]`")), "{found:?}");
    }

    #[rstest]
    #[case::fences_of_two_kinds("```\n~~~\n", "```\n")]
    #[case::an_indented_fence("", "    ```\n")]
    fn an_edited_copy_is_named_wherever_it_is(#[case] before: &str, #[case] between: &str) {
        let found = said(|copy| format!("{before}{copy}{between}{}", copy.replace("`[ ]`", "`[x]`")));
        assert!(found.iter().any(|found| found.contains("state is `[x]`, expected `[ ]`")), "{found:?}");
    }

    #[test]
    fn a_right_copy_in_a_code_block_is_no_mismatch() {
        assert_eq!(said(|copy| format!("{copy}\n```\n{copy}```\n")), Vec::<String>::new());
        let found = said(|copy| format!("```\n{copy}```\n"));
        assert!(found.len() == 1 && found[0].starts_with("no table with the columns"), "{found:?}");
    }

    #[test]
    fn extra_missing_and_repeated_rows_are_named() {
        let line_of = |copy: &str, id: &str| {
            copy.lines().find(|line| line.starts_with(&format!("| {id} "))).unwrap().to_owned()
        };
        let found = said(|copy| copy.replace(&format!("{}\n", line_of(&copy, "D4.B2")), ""));
        assert_eq!(found, ["D4.B2: missing row, expected state `[ ]`"]);
        let found = said(|copy| {
            let first = line_of(&copy, "D4.B1");
            copy.replace(&first, &format!("{first}\n{first}"))
        });
        assert_eq!(found, ["line 10: D4.B1: duplicate row: also on line 9"]);
    }

    #[test]
    fn a_second_table_is_compared_too_and_that_of_another_plan_is_not() {
        let forged = "\n| ID | Task | State | How and why |\n|---|---|---|---|\n| D4.B1 | x | `[x]` | x |\n";
        let found = said(|copy| format!("{copy}{forged}"));
        assert!(found[0].contains("D4.B1: duplicate row"), "{found:?}");
        let of_another = |copy| format!("{copy}\n{}\n{forged}", marker("other"));
        assert_eq!(said(of_another), Vec::<String>::new());
    }

    #[test]
    fn a_document_without_the_table_does_not_match() {
        let found = said(|_| "# Nothing\n".to_owned());
        assert_eq!(found, ["no table with the columns ID, Task, State, How and why of phase_d4"]);
    }

    #[test]
    fn bars_in_cells_are_escaped() {
        assert_eq!(cells_of(r"| a \| b | c\\| d |").unwrap(), [r"a \| b", r"c\\", "d"]);
        assert_eq!(cells_of("text"), None);
    }
}
