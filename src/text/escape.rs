//! Escapes untrusted text for terminals, logs, Markdown and shells.

/// The longest value that is shown, in characters; the rest is counted and cut. `results.json` keeps all of it.
const MAX_VALUE_CHARS: usize = 2000;

/// A value on one line for a terminal or log. Characters that move the cursor, change the text direction or are
/// invisible are escaped: `\n`, `\u{1b}`.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_VALUE_CHARS));
    let mut characters = text.chars();
    for character in characters.by_ref().take(MAX_VALUE_CHARS) {
        match character {
            '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    match characters.count() {
        0 => shown,
        cut => format!("{shown}… ({cut} more characters)"),
    }
}

/// Source text for a terminal: escaped like [`line`], but line breaks and tabs stay and nothing is cut. Safe to apply
/// to the parts of a text separately.
pub(crate) fn source(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            // Part of a Windows line ending.
            '\r' => {}
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    shown
}

/// A value inside a line or table cell of Markdown, escaped so that it adds no emphasis, link, HTML or cell. Not for
/// the start of a line, where more characters have a meaning.
pub(crate) fn markdown(text: &str) -> String {
    let text = line(text);
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            // Markdown ignores an underscore inside a word, and names are full of them.
            '_' if before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric()) => {
                shown.push('_');
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' => shown.extend(['\\', character]),
            plain => shown.push(plain),
        }
        before = character;
    }
    shown
}

/// A value as a code span, or as escaped text if a code span cannot hold it.
pub(crate) fn markdown_code(text: &str) -> String {
    let shown = line(text);
    if shown.is_empty() || shown.contains(['`', '|']) { markdown(text) } else { format!("`{shown}`") }
}

/// One word of a POSIX shell command, always quoted.
pub(crate) fn shell_word(text: &str) -> String {
    format!("'{}'", line(text).replace('\'', r"'\''"))
}

/// One word of a POSIX shell command, quoted only if needed.
pub(crate) fn shell_argument(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { shell_word(word) }
}

/// Control characters, direction marks, zero-width characters, and what XML 1.0 cannot represent.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character) & 0xFFFF, 0xFFFE | 0xFFFF)
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain — text, Größe 🦀", "plain — text, Größe 🦀")]
    #[case("two\r\nlines\t.", r"two\r\nlines\t.")]
    #[case("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}")]
    #[case("c1 \u{9b}31m", r"c1 \u{9b}31m")]
    #[case("user\u{202e}txt.exe", r"user\u{202e}txt.exe")]
    #[case("\u{2066}a\u{2069}\u{200b}\u{feff}", r"\u{2066}a\u{2069}\u{200b}\u{feff}")]
    #[case("\u{ffff}\u{1fffe}\u{2028}", r"\u{ffff}\u{1fffe}\u{2028}")]
    #[case("tag \u{e0041}", r"tag \u{e0041}")]
    fn a_value_stays_one_visible_line(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(line(text), shown);
    }

    #[test]
    fn source_keeps_line_breaks_and_escapes_the_rest() {
        assert_eq!(
            source("a = \"\u{1b}[31m\"\r\n\tb\u{202e}\u{9b}"),
            "a = \"\\u{1b}[31m\"\n\tb\\u{202e}\\u{9b}"
        );
    }

    #[test]
    fn long_values_are_cut_and_counted() {
        let whole = "é".repeat(MAX_VALUE_CHARS);
        assert_eq!(line(&whole), whole);
        assert_eq!(line(&format!("{whole}abc")), format!("{whole}… (3 more characters)"));
    }

    #[rstest]
    #[case("load_torch_bundle _a_ __b__", r"load_torch_bundle \_a\_ \_\_b\_\_")]
    #[case("a | b", r"a \| b")]
    #[case("<img src=x> &amp;", r"&lt;img src=x&gt; &amp;amp;")]
    #[case("[text](to) `code` *x* ~~y~~ $z$ #1", r"\[text\](to) \`code\` \*x\* \~\~y\~\~ \$z\$ \#1")]
    #[case(r"a\|b", r"a\\\|b")]
    #[case("# h\n- x", r"\# h\\n- x")]
    fn markdown_is_escaped(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(markdown(text), shown);
    }

    #[rstest]
    #[case("a_b <c>", "`a_b <c>`")]
    #[case("a`b", r"a\`b")]
    #[case("a|b", r"a\|b")]
    #[case("a\nb", r"`a\nb`")]
    #[case("", "")]
    fn a_code_span_cannot_be_closed_early(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(markdown_code(text), shown);
    }

    #[test]
    fn a_shell_word_cannot_be_closed_early() {
        assert_eq!(shell_word("a/b[c d]"), "'a/b[c d]'");
        assert_eq!(shell_word("it's; rm\n"), r"'it'\''s; rm\n'");
    }
}
