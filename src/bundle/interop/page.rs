//! The matrix as Markdown, and the log of a cell.

use super::{Cell, Matrix};
use crate::text::{line, markdown as escaped};

/// The matrix, followed by every reading that is not correct.
pub fn markdown(matrix: &Matrix) -> String {
    let mut text = String::from("# Who reads whose bundles\n\nRows write, columns read.\n\n| |");
    for reader in &matrix.readers {
        text.push_str(&format!(" {} |", escaped(reader)));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(matrix.readers.len()));
    text.push('\n');
    for writer in &matrix.writers {
        text.push_str(&format!("| {} |", escaped(writer)));
        for reader in &matrix.readers {
            let result = matrix.cell(writer, reader).map(in_short).unwrap_or_default();
            text.push_str(&format!(" {result} |"));
        }
        text.push('\n');
    }
    text.push_str("\n## Every bundle\n\n| writer | reader | bundle | | |\n|---|---|---|---|---|\n");
    for cell in &matrix.cells {
        for reading in &cell.readings {
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                escaped(&cell.writer),
                escaped(&cell.reader),
                escaped(&reading.bundle),
                reading.verdict.word(),
                escaped(&reading.reason.to_string())
            ));
        }
    }
    text
}

/// The name of the log of the cell with this index: its row and column, because names of participants may be paths.
pub fn log_name(matrix: &Matrix, index: usize) -> String {
    let columns = matrix.readers.len().max(1);
    format!("cell_{}_{}.log", index / columns + 1, index % columns + 1)
}

/// The log of one cell, with one line for each bundle.
pub fn log(cell: &Cell) -> String {
    let mut text = format!("written by {}\nread by    {}\n\n", line(&cell.writer), line(&cell.reader));
    for reading in &cell.readings {
        let (bundle, reason) = (line(&reading.bundle), line(&reading.reason.to_string()));
        text.push_str(&format!("{bundle}: {}: {reason}\n", reading.verdict.word()));
    }
    text
}

/// The verdict, and the number of correct bundles.
pub(super) fn in_short(cell: &Cell) -> String {
    format!("{} ({} of {})", cell.verdict().word(), cell.same(), cell.readings.len())
}
