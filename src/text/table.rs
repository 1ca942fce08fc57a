//! Rows of text in aligned columns.

use super::wrapped;

/// Pads each column to its widest cell, with two spaces between columns. Columns from index `numbers` on are
/// right-aligned. Trailing spaces are removed.
pub(crate) fn columns<R: AsRef<[String]>>(rows: &[R], numbers: usize) -> String {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.as_ref().iter().zip(&widths).enumerate();
        let padded =
            cells.map(
                |(column, (cell, width))| {
                    if column < numbers { format!("{cell:width$}") } else { format!("{cell:>width$}") }
                },
            );
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Rows in columns, or, where the terminal is too narrow for them, each as a line with its name and one or more for each
/// other column.
pub(crate) fn fitting(rows: &[[String; 3]], width: Option<usize>) -> String {
    let table = columns(rows, 3);
    let fits = |width| table.lines().all(|line| line.chars().count() <= width);
    if width.is_none_or(fits) {
        return table;
    }
    let stacked = rows.iter().map(|[name, second, third]| format!("{name}\n  {second}\n  {third}\n"));
    wrapped(&stacked.collect::<String>(), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_columns_where_these_fit() {
        let rows =
            [["a/b", "A-1", "Save and load"], ["a/long", "A-2", "é"]].map(|row| row.map(str::to_owned));
        let table = "a/b     A-1  Save and load\na/long  A-2  é\n";
        assert_eq!(fitting(&rows, None), table);
        assert_eq!(fitting(&rows, Some(26)), table);
        assert_eq!(fitting(&rows, Some(25)), "a/b\n  A-1\n  Save and load\na/long\n  A-2\n  é\n");
    }

    #[test]
    fn columns_fit_their_widest_cell_and_numbers_align_right() {
        let rows = [["é", "a", "10"], ["name", "", "9"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows, 2), "é     a  10\nname      9\n");
        assert_eq!(columns(&rows, 3), "é     a  10\nname     9\n");
        assert_eq!(columns::<[String; 1]>(&[], 0), "");
    }
}
