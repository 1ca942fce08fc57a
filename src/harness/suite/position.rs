//! Lines and columns of byte offsets in a text.

/// Line and column, both from 1, of a byte offset.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

/// Where the lines of a text begin, for many offsets in it.
pub struct LineStarts(Vec<usize>);

impl LineStarts {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(newline, _)| newline + 1).collect())
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let text = "a\nüb\nc";
        assert_eq!([0, 4, 99].map(|at| position(text, at)), [(1, 1), (2, 2), (3, 2)]);
        let lines = LineStarts::of(text);
        for at in 0..=text.len() + 1 {
            if text.is_char_boundary(at) {
                assert_eq!(lines.line(at), position(text, at).0, "at {at}");
            }
        }
    }
}
