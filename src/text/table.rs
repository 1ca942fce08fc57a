//! Rows of text in aligned columns.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_widest_cell_and_numbers_align_right() {
        let rows = [["é", "a", "10"], ["name", "", "9"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows, 2), "é     a  10\nname      9\n");
        assert_eq!(columns(&rows, 3), "é     a  10\nname     9\n");
        assert_eq!(columns::<[String; 1]>(&[], 0), "");
    }
}
