//! Python's `repr` of texts, bytes and numbers, character for character.

use std::fmt::Write as _;

/// Appends the repr of a text of these code points, which may be surrogates without a partner.
///
/// Which characters Python prints as they are depends on its version of Unicode: a character that was assigned later than
/// that is escaped there, and printed here.
pub(crate) fn push_text(out: &mut String, code_points: impl Iterator<Item = u32> + Clone) {
    let has = |quote: char| code_points.clone().any(|code| code == u32::from(quote));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    out.push(quote);
    for code in code_points {
        match char::from_u32(code) {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) if c == quote || c == '\\' => out.extend(['\\', c]),
            Some(c) if is_printable(c) => out.push(c),
            Some(_) | None => push_escape(out, code),
        }
    }
    out.push(quote);
}

/// Appends the repr of bytes.
pub(crate) fn push_bytes(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes);
    push_quoted(out, bytes, quote, quote);
}

/// Appends the repr of a byte array. Unlike that of bytes, it escapes apostrophes also between quotation marks.
pub(crate) fn push_byte_array(out: &mut String, bytes: &[u8]) {
    out.push_str("bytearray(");
    push_quoted(out, bytes, quote_for(bytes), '\'');
    out.push(')');
}

fn quote_for(bytes: &[u8]) -> char {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' }
}

fn push_quoted(out: &mut String, bytes: &[u8], quote: char, escaped: char) {
    out.extend(['b', quote]);
    for byte in bytes {
        match char::from(*byte) {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == escaped || c == '\\' => out.extend(['\\', c]),
            c @ ' '..='~' => out.push(c),
            _ => push_escape(out, (*byte).into()),
        }
    }
    out.push(quote);
}

/// The repr of a float: the fewest digits that give it back.
pub(crate) fn float(value: f64) -> String {
    let digits = number(value);
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole { digits + ".0" } else { digits }
}

/// The repr of a complex number. Its parts are printed without `.0`, and a real part of plus zero is left out.
pub(crate) fn complex(real: f64, imaginary: f64) -> String {
    let (first, second) = (number(real), number(imaginary));
    if real == 0.0 && real.is_sign_positive() {
        return format!("{second}j");
    }
    let sign = if second.starts_with('-') { "" } else { "+" };
    format!("({first}{sign}{second}j)")
}

/// A float as Python prints it, without `.0`.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    // Rust chooses the same digits, and an exponent from the same sizes on: below 1e-4 and from 1e16.
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text.strip_suffix(".0").unwrap_or(&text).to_owned(),
    }
}

/// As Python's `str.isprintable`: Rust escapes the same categories of characters. Behind another character it adds no
/// escapes of its own for combining marks.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let mut bytes = [b'a', 0, 0, 0, 0];
    let (_, rest) = bytes.split_at_mut(1);
    let length = 1 + c.encode_utf8(rest).len();
    let text = bytes.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

fn push_escape(out: &mut String, code: u32) {
    // Writing to a text never fails.
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text.chars().map(u32::from));
        out
    }

    fn bytes(bytes: &[u8]) -> String {
        let mut out = String::new();
        push_bytes(&mut out, bytes);
        out
    }

    #[rstest]
    #[case("", "''")]
    #[case("it's", r#""it's""#)]
    #[case(r#"'""#, r#"'\'"'"#)]
    #[case("\"", r#"'"'"#)]
    #[case("\\\n\r\t\0\x1b\x7f", r"'\\\n\r\t\x00\x1b\x7f'")]
    #[case("größe 漢字🙂", "'größe 漢字🙂'")]
    #[case("\u{301}e\u{301}", "'\u{301}e\u{301}'")]
    #[case("\u{a0}\u{ad}\u{200d}\u{3000}", r"'\xa0\xad\u200d\u3000'")]
    #[case("\u{e000}\u{10ffff}", r"'\ue000\U0010ffff'")]
    fn a_text_is_quoted_and_escaped(#[case] from: &str, #[case] repr: &str) {
        assert_eq!(text(from), repr);
    }

    #[test]
    fn a_lone_surrogate_is_escaped() {
        let mut out = String::new();
        push_text(&mut out, [0x61, 0xdcff, 0xd800].into_iter());
        assert_eq!(out, r"'a\udcff\ud800'");
    }

    #[test]
    fn bytes_are_quoted_and_escaped() {
        assert_eq!(bytes(b"a'\x00\n\xff"), r#"b"a'\x00\n\xff""#);
        assert_eq!(bytes(b"'\"\\"), r#"b'\'"\\'"#);
        assert_eq!(bytes(b""), "b''");
        let array = |bytes: &[u8]| {
            let mut out = String::new();
            push_byte_array(&mut out, bytes);
            out
        };
        assert_eq!(array(b"a'"), r#"bytearray(b"a\'")"#);
        assert_eq!(array(b"'\""), r#"bytearray(b'\'"')"#);
        assert_eq!(array(b"\""), r#"bytearray(b'"')"#);
    }

    #[rstest]
    #[case(0.0, "0.0")]
    #[case(-0.0, "-0.0")]
    #[case(1.0, "1.0")]
    #[case(0.1, "0.1")]
    #[case(1e15, "1000000000000000.0")]
    #[case(1e16, "1e+16")]
    #[case(-1.5e300, "-1.5e+300")]
    #[case(1e-4, "0.0001")]
    #[case(1.25e-5, "1.25e-05")]
    #[case(5e-324, "5e-324")]
    #[case(f64::NAN, "nan")]
    #[case(f64::NEG_INFINITY, "-inf")]
    fn a_float_has_the_digits_of_python(#[case] value: f64, #[case] repr: &str) {
        assert_eq!(float(value), repr);
    }

    #[rstest]
    #[case(1.0, 2.0, "(1+2j)")]
    #[case(0.0, 1.0, "1j")]
    #[case(0.0, -0.0, "-0j")]
    #[case(-0.0, 1.0, "(-0+1j)")]
    #[case(-0.0, -0.0, "(-0-0j)")]
    #[case(1e16, 1e-5, "(1e+16+1e-05j)")]
    #[case(0.5, -1.5e300, "(0.5-1.5e+300j)")]
    #[case(f64::NAN, f64::NEG_INFINITY, "(nan-infj)")]
    #[case(f64::INFINITY, f64::NAN, "(inf+nanj)")]
    #[case(0.0, f64::NAN, "nanj")]
    fn a_complex_number_has_the_signs_of_python(
        #[case] real: f64,
        #[case] imaginary: f64,
        #[case] repr: &str,
    ) {
        assert_eq!(complex(real, imaginary), repr);
    }
}
