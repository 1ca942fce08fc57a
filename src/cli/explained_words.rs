//! What the pages of `docs/` define in a table: the rules of `check`, and the words for results.

/// A page with a table of words, the first cells of its header, and what its words are.
struct Table {
    page: &'static str,
    header: &'static str,
    kind: &'static str,
}

/// Their rows are `` | `word`, `word` | what it means | ``.
const TABLES: [Table; 2] = [
    Table {
        page: include_str!("../../docs/files.md"),
        header: "| rule | what was found |",
        kind: "a rule of check",
    },
    Table { page: include_str!("../../docs/audit.md"), header: "| word | what it means |", kind: "a result" },
];

/// A word that a page defines.
pub(super) struct Defined {
    pub(super) word: &'static str,
    /// What it is: a rule or a result.
    pub(super) kind: &'static str,
    pub(super) meaning: &'static str,
}

/// All words that the pages define.
pub(super) fn defined() -> Vec<Defined> {
    TABLES.iter().flat_map(of_table).collect()
}

fn of_table(table: &Table) -> Vec<Defined> {
    let rows = table.page.lines().skip_while(|line| *line != table.header).skip(2);
    let rows = rows.map_while(|row| row.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let words = |(words, meaning): (&'static str, &'static str)| {
        // Between the quotes are the words.
        words.split('`').skip(1).step_by(2).map(move |word| Defined { word, kind: table.kind, meaning })
    };
    rows.flat_map(words).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::runner::{RedResult, Verdict};

    #[test]
    fn every_rule_and_every_result_is_defined_once() {
        let all = defined();
        let mut words: Vec<&str> = all.iter().map(|own| own.word).collect();
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count, "{words:?}");
        assert!(all.iter().all(|own| !own.meaning.contains('|')));
        let green = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Unsupported,
            Verdict::Timeout,
            Verdict::Crash,
            Verdict::ProtocolError,
            Verdict::HarnessError,
            Verdict::NotRun,
        ];
        let red = [
            RedResult::Proven,
            RedResult::WrongReason,
            RedResult::WrongExpectation,
            RedResult::WrongStep,
            RedResult::SetUpError,
            RedResult::MaskedFailure,
            RedResult::ZeroExpectations,
            RedResult::UnexpectedPass,
            RedResult::WrongException,
            RedResult::Xfail,
            RedResult::Xpass,
            RedResult::Skipped,
            RedResult::Error,
            RedResult::Flaky,
        ];
        let results = green.iter().map(|own| own.as_str()).chain(red.iter().map(|own| own.as_str()));
        let others =
            ["red", "green", "known failure", "state leak", "unproven", "not-a-bundle", "deflated-storage"];
        for word in results.chain(others) {
            assert!(words.binary_search(&word).is_ok(), "{word} is not defined in a table");
        }
    }
}
