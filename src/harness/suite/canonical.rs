//! The text of a tree that does not depend on how it is spelled: what digests of cases cover.

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{SuiteError, document::Document};
use crate::value::Value;

/// Keys of a case that say what it is about, and nothing that is performed.
const ABOUT_A_CASE: &[&str] = &["title", "requires"];

/// The key of the expectations of a step, and the keys of an expectation of which the same holds.
const EXPECT: &str = "expect";
const ABOUT_AN_EXPECTATION: &[&str] = &["because", "about"];

/// The part of a case that its digest covers: without title, requirements and reasons, as [`Value`] prints it, with sorted
/// keys.
///
/// # Errors
/// For a number that is not one of 64 bits.
pub(super) fn text_of_case(document: &Document, case: &DeTable<'_>) -> Result<String, SuiteError> {
    let mut text = String::new();
    write_table(document, &mut text, case, ABOUT_A_CASE, &[])?;
    Ok(text)
}

/// The text of a value, reasons of expectations left out.
///
/// # Errors
/// As [`text_of_case`].
pub(super) fn text_of(document: &Document, value: &Spanned<DeValue<'_>>) -> Result<String, SuiteError> {
    let mut text = String::new();
    write_value(document, &mut text, value, &[], &[])?;
    Ok(text)
}

/// Writes a table without some keys, and the tables in it without others.
fn write_table(
    document: &Document,
    text: &mut String,
    table: &DeTable<'_>,
    without: &[&str],
    inner_without: &[&str],
) -> Result<(), SuiteError> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect();
    entries.retain(|(key, _)| !without.contains(key));
    entries.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        write_text(text, key);
        text.push_str(": ");
        let inner = if key == EXPECT { ABOUT_AN_EXPECTATION } else { &[] };
        write_value(document, text, value, inner_without, inner)?;
    }
    text.push('}');
    Ok(())
}

fn write_value(
    document: &Document,
    text: &mut String,
    value: &Spanned<DeValue<'_>>,
    without: &[&str],
    inner_without: &[&str],
) -> Result<(), SuiteError> {
    match value.get_ref() {
        DeValue::Table(table) => write_table(document, text, table, without, inner_without)?,
        DeValue::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write_value(document, text, item, &[], &[])?;
            }
            text.push(']');
        }
        DeValue::String(word) => write_text(text, word),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            let plain = |value| Value::deserialize(ValueDeserializer::from(value));
            text.push_str(&document.typed_with(value.clone(), plain)?.to_string());
        }
    }
    Ok(())
}

/// Writes a text as [`Value`] prints it. Most have nothing to escape, which is found out faster than escaping is.
fn write_text(text: &mut String, word: &str) {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'"' | b'\\');
    text.push('\'');
    if word.as_bytes().iter().all(plain) {
        text.push_str(word);
    } else {
        text.extend(word.escape_debug());
    }
    text.push('\'');
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(case: &str) -> Result<String, SuiteError> {
        let document = Document { file: "case.toml".to_owned(), text: case.into() };
        text_of_case(&document, document.parse()?.get_ref())
    }

    const CASE: &str = "
        title = 'a'
        requires = ['A-1']
        [[steps]]
        do = { save = { name = 'x', title = 'of a request', number = 0x10, ratio = 1e3, on = true } }
        expect.is_saved = { that = 'y', equals = [1, 2.5, { because = 'an item' }], because = 'why', about = ['A-1'] }
        expect.because = { that = 'z', because = 'why' }
        [[red]]
        on = 'stub'
        fails = 'is_saved'
    ";

    #[test]
    fn it_is_what_is_performed_and_held_with_sorted_keys() {
        let expected = "{'red': [{'fails': 'is_saved', 'on': 'stub'}], 'steps': [{'do': {'save': {'name': 'x', \
                        'number': 16, 'on': True, 'ratio': 1000.0, 'title': 'of a request'}}, 'expect': {'because': \
                        {'that': 'z'}, 'is_saved': {'equals': [1, 2.5, {'because': 'an item'}], 'that': 'y'}}}]}";
        assert_eq!(text(CASE).expect("a text"), expected);
    }

    #[test]
    fn a_number_that_is_too_large_is_an_error_with_its_place() {
        let error = text("a = 1\nb = 9223372036854775808").expect_err("no text");
        assert_eq!(error.span, 10..29);
    }

    proptest! {
        #[test]
        fn texts_are_escaped_as_values_print_them(word in r#"[ -~]*['"\\\n\u{301}\u{e9}a]*"#) {
            let mut text = String::new();
            write_text(&mut text, &word);
            prop_assert_eq!(text, Value::Text(word).to_string());
        }
    }
}
