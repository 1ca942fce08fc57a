//! Lines that fit the terminal.

/// The narrowest width that lines are wrapped to: below it, a word a line would be harder to read than cut lines.
const MIN_WIDTH: usize = 20;

/// Breaks lines at spaces so that they fit this width, if there is one. What continues a line is indented by two more than the
/// line. A word that is longer than a line, such as a path, stays whole, so that it can be copied.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    text.split_inclusive('\n').map(|line| wrapped_line(line, width.max(MIN_WIDTH))).collect()
}

fn wrapped_line(line: &str, width: usize) -> String {
    if shown_chars(line.trim_end()) <= width {
        return line.to_owned();
    }
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let indent = text.len() - text.trim_start_matches(' ').len();
    let more = " ".repeat((indent + 2).min(width / 2));
    let mut wrapped = " ".repeat(indent);
    let (mut column, mut is_first) = (indent, true);
    for word in text.split(' ').skip(indent) {
        let chars = shown_chars(word);
        if is_first {
            column += chars;
        } else if column + 1 + chars > width {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped = wrapped + "\n" + &more;
            column = more.len() + chars;
        } else {
            wrapped.push(' ');
            column += 1 + chars;
        }
        wrapped.push_str(word);
        is_first = false;
    }
    wrapped + end
}

/// The characters of a text that a terminal shows: all but the sequences that color it.
fn shown_chars(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().map_or(0, |part| part.chars().count());
    let colored = |part: &str| part.split_once('m').map_or(0, |(_, rest)| rest.chars().count());
    plain + parts.map(colored).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_terminal(
        "  a line of more than twenty characters\n",
        None,
        "  a line of more than twenty characters\n"
    )]
    #[case::it_fits("a line of 20 letters\n\nb", Some(20), "a line of 20 letters\n\nb")]
    #[case::it_does_not(
        "  a line of more than twenty characters\n",
        Some(20),
        "  a line of more\n    than twenty\n    characters\n"
    )]
    #[case::no_room("aa bb", Some(1), "aa bb")]
    #[case::a_path(
        "see /a/path/that/is/longer/than/that ok",
        Some(20),
        "see\n  /a/path/that/is/longer/than/that\n  ok"
    )]
    #[case::columns("a   b and something more", Some(20), "a   b and something\n  more")]
    #[case::colors_have_no_width(
        "\u{1b}[1m\u{1b}[31ma line of 20\u{1b}[0m letters",
        Some(20),
        "\u{1b}[1m\u{1b}[31ma line of 20\u{1b}[0m letters"
    )]
    #[case::letters("ä ö ü ä ö ü ä ö ü ä ö", Some(20), "ä ö ü ä ö ü ä ö ü ä\n  ö")]
    fn lines_are_broken_at_spaces(#[case] text: &str, #[case] width: Option<usize>, #[case] expected: &str) {
        assert_eq!(wrapped(text, width), expected);
    }
}
