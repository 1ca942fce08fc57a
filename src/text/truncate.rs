//! Truncation of long texts.

use std::fmt::{self, Write as _};

/// At most `chars` characters; a longer text ends with an ellipsis.
pub(crate) fn truncated(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// The first `chars` characters of what a value prints. The rest is not printed, however long it would be.
pub(crate) fn first_chars(value: &impl fmt::Display, chars: usize) -> String {
    struct Room {
        text: String,
        left: usize,
    }
    impl fmt::Write for Room {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            for character in part.chars() {
                self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
                self.text.push(character);
            }
            Ok(())
        }
    }
    let mut room = Room { text: String::new(), left: chars };
    // An error only says that there is no more room.
    _ = write!(room, "{value}");
    room.text
}

/// The first `bytes` bytes of a longer text, marked as cut. Never splits a character.
pub(crate) fn beginning(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push_str(" [cut]");
    }
    text
}

/// The last `bytes` bytes of a longer text, marked as cut. Never splits a character.
pub(crate) fn ending(text: String, bytes: usize) -> String {
    match text.len().checked_sub(bytes) {
        Some(more @ 1..) => {
            format!("[cut] {}", text.get(text.ceil_char_boundary(more)..).unwrap_or_default())
        }
        Some(0) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", 0, "")]
    #[case("äbc", 3, "äbc")]
    #[case("äbcd", 3, "äb…")]
    #[case("ab", 1, "…")]
    fn truncated_text_is_not_longer_than_asked(
        #[case] text: &str,
        #[case] chars: usize,
        #[case] shown: &str,
    ) {
        assert_eq!(truncated(text, chars), shown);
    }

    #[test]
    fn no_more_of_a_value_is_printed_than_is_shown() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("é.")?;
                }
            }
        }
        assert_eq!(first_chars(&Endless, 3), "é.é");
        assert_eq!(first_chars(&"ab", 3), "ab");
    }

    #[rstest]
    #[case("", "", "")]
    #[case("abcd", "abcd", "abcd")]
    #[case("abcde", "abcd [cut]", "[cut] bcde")]
    #[case("aéééb", "aé [cut]", "[cut] éb")]
    fn a_text_is_cut_between_characters(#[case] text: &str, #[case] first: &str, #[case] last: &str) {
        assert_eq!(beginning(text.to_owned(), 4), first);
        assert_eq!(ending(text.to_owned(), 4), last);
    }
}
