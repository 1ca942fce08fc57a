//! The matrix as one page for a browser, without any request.

use serde::Serialize;

use super::{Cell, Difference, Matrix, Reason, Verdict, cell::Reading, page::log_name};
use crate::{
    harness::report::html::{HtmlError, page},
    text::truncated,
};

/// The template. The layout and the escaping are those of the pages of reports.
const TEMPLATES: [(&str, &str); 1] = [("matrix.html", include_str!("matrix.html"))];

/// The longest value that is shown, in characters; the log has all of it.
const MAX_VALUE_CHARS: usize = 8000;

/// The variables of the page.
#[derive(Debug, Serialize)]
struct MatrixView<'a> {
    sentence: String,
    state: &'static str,
    readers: &'a [String],
    rows: Vec<RowView<'a>>,
}

#[derive(Debug, Serialize)]
struct RowView<'a> {
    writer: &'a str,
    cells: Vec<CellView<'a>>,
}

#[derive(Debug, Serialize)]
struct CellView<'a> {
    writer: &'a str,
    reader: &'a str,
    state: &'static str,
    verdict: &'static str,
    same: usize,
    log: String,
    readings: Vec<ReadingView<'a>>,
}

#[derive(Debug, Serialize)]
struct ReadingView<'a> {
    bundle: &'a str,
    state: &'static str,
    verdict: &'static str,
    /// The text of the reason, or the difference.
    text: Option<String>,
    difference: Option<DifferenceView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    with: String,
    expected: String,
    actual: String,
}

/// The matrix as a self-contained page: the outcome, the table, and what was seen in each cell.
///
/// # Errors
/// When the template is wrong.
pub fn html(matrix: &Matrix) -> Result<String, HtmlError> {
    let (state, sentence) = outcome(matrix);
    let mut cells =
        matrix.cells.iter().enumerate().map(|(index, cell)| CellView::of(cell, log_name(matrix, index)));
    let rows = matrix
        .writers
        .iter()
        .map(|writer| RowView { writer, cells: cells.by_ref().take(matrix.readers.len()).collect() });
    page(&TEMPLATES, &MatrixView { sentence, state, readers: &matrix.readers, rows: rows.collect() })
}

fn outcome(matrix: &Matrix) -> (&'static str, String) {
    let verdicts: Vec<Verdict> =
        matrix.cells.iter().flat_map(|cell| &cell.readings).map(|reading| reading.verdict).collect();
    let count = |is: fn(Verdict) -> bool| verdicts.iter().filter(|verdict| is(**verdict)).count();
    let (all, bad) = (verdicts.len(), count(Verdict::is_bad));
    let (same, skipped) = (count(|own| own == Verdict::Same), count(|own| own == Verdict::Skipped));
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    match (bad, same) {
        (0, 0) => ("skipped", "Nothing was compared: no reader could read a bundle.".to_owned()),
        (0, _) => {
            ("good", format!("Interoperable: {same} of {all} readings match what was written{skipped}."))
        }
        (_, _) => ("bad", format!("Not interoperable: {bad} of {all} readings failed{skipped}.")),
    }
}

impl<'a> CellView<'a> {
    fn of(cell: &'a Cell, log: String) -> Self {
        Self {
            writer: &cell.writer,
            reader: &cell.reader,
            state: state(cell.verdict()),
            verdict: cell.verdict().word(),
            same: cell.same(),
            log,
            readings: cell.readings.iter().map(ReadingView::of).collect(),
        }
    }
}

impl<'a> ReadingView<'a> {
    fn of(reading: &'a Reading) -> Self {
        let cut = |text: &str| truncated(text, MAX_VALUE_CHARS);
        let (text, difference) = match &reading.reason {
            Reason::Text(text) => (Some(cut(text)), None),
            Reason::Difference(Difference { with, expected, actual }) => {
                let view = DifferenceView { with: cut(with), expected: cut(expected), actual: cut(actual) };
                (None, Some(view))
            }
        };
        let (state, verdict) = (state(reading.verdict), reading.verdict.word());
        Self { bundle: &reading.bundle, state, verdict, text, difference }
    }
}

/// The class of a verdict in the style of the pages.
fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "good",
        Verdict::Skipped => "skipped",
        Verdict::Refused | Verdict::NoResponse | Verdict::NotWritten | Verdict::Differs => "bad",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Two writers, one reader, and one bundle each: the second writer's differs.
    fn matrix(hostile: &str) -> Matrix {
        let named = |name: &str| format!("{name}{hostile}");
        let difference =
            Difference { with: named("its sidecar"), expected: named("N = 64"), actual: named("N = 128") };
        let cell = |writer: &str, verdict, reason| Cell {
            writer: named(writer),
            reader: named("reference"),
            readings: vec![Reading { bundle: named("original"), verdict, reason }],
        };
        Matrix {
            writers: vec![named("reference"), named("other")],
            readers: vec![named("reference")],
            cells: vec![
                cell("reference", Verdict::Same, Reason::Text(named("60 tensors"))),
                cell("other", Verdict::Differs, Reason::Difference(difference)),
            ],
        }
    }

    #[test]
    fn a_page_links_each_cell_to_what_differed() {
        let html = html(&matrix("")).unwrap();
        for text in [
            "<h1 id=\"sentence\" class=\"sentence bad\">Not interoperable: 1 of 2 readings failed.</h1>",
            "<th scope=\"col\">reference</th>",
            "<th scope=\"row\">other</th>",
            "<td><a href=\"#cell-2-1\"><span class=\"badge bad\">differs</span> 0 of 1</a></td>",
            "<details class=\"failure\" id=\"cell-2-1\">",
            "Different from its sidecar",
            "<dt>expected</dt><dd>N = 64</dd><dt>actual</dt><dd>N = 128</dd>",
            "<a href=\"cell_2_1.log\">cell_2_1.log</a>",
        ] {
            assert!(html.contains(text), "{text} is not in\n{html}");
        }
        assert_eq!((html.matches("href=\"#cell-").count(), html.matches("id=\"cell-").count()), (2, 2));
    }

    #[test]
    fn hostile_text_is_inert() {
        let html =
            html(&matrix("\"'><img src=x onerror=alert(1)></script><script>{{ 7 * 7 }}\u{1b}\u{202e}"))
                .unwrap();
        assert!(!html.contains("<img") && !html.contains(['\u{1b}', '\u{202e}']), "{html}");
        assert_eq!(html.matches("<script").count(), 1);
        // Seven texts, each in at least one place.
        for text in ["reference", "other", "original", "60 tensors", "its sidecar", "N = 64", "N = 128"] {
            let shown = format!("{text}&quot;&#x27;&gt;&lt;img src=x onerror=alert(1)&gt;");
            assert!(html.contains(&shown), "{shown} is not in\n{html}");
        }
    }

    #[test]
    fn the_sentence_counts_failed_and_skipped_readings() {
        let sentence = |verdicts: [Verdict; 2]| {
            let mut matrix = matrix("");
            for (cell, verdict) in matrix.cells.iter_mut().zip(verdicts) {
                cell.readings.iter_mut().for_each(|reading| reading.verdict = verdict);
            }
            let (state, sentence) = outcome(&matrix);
            assert_eq!(state == "good", matrix.holds(), "{sentence}");
            sentence
        };
        use Verdict::{NoResponse, Same, Skipped};
        assert_eq!(sentence([Same, Same]), "Interoperable: 2 of 2 readings match what was written.");
        assert_eq!(
            sentence([Same, Skipped]),
            "Interoperable: 1 of 2 readings match what was written, 1 skipped."
        );
        assert_eq!(sentence([NoResponse, Skipped]), "Not interoperable: 1 of 2 readings failed, 1 skipped.");
        assert_eq!(sentence([Skipped, Skipped]), "Nothing was compared: no reader could read a bundle.");
    }

    #[test]
    fn a_long_value_is_cut() {
        let mut matrix = matrix("");
        matrix.cells[1].readings[0].reason = Reason::Text("a".repeat(100 * MAX_VALUE_CHARS));
        let short = html(&self::matrix("")).unwrap().len();
        assert!(html(&matrix).unwrap().len() < short + 2 * MAX_VALUE_CHARS, "the value is not cut");
    }
}
