//! JSON text, as Python's `json.loads` reads it.
//!
//! Beyond the standard, `NaN`, `Infinity` and `-Infinity` are numbers, a float that is too large is infinite, and
//! integers have any size. Stricter than Python: an object with a duplicate key is refused, and so is text that is not
//! UTF-8 without a byte order mark, and everything beyond the limits.

use indexmap::map::Entry;
use num_bigint::BigInt;

use crate::{
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        error::{excerpt, within},
        limits::{MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_JSON_DIGITS, MAX_JSON_NODES},
    },
    value::{Map, Value},
};

type Result<T> = std::result::Result<T, FormatError>;

/// Reads one JSON value that fills the whole text.
///
/// # Errors
/// `malformed` for text that is not JSON, with the offset of the error in bytes, and for a duplicate key; `unsafe` for
/// text beyond the limits.
pub(crate) fn read(bytes: &[u8]) -> Result<Value> {
    within("bytes in the JSON text", bytes.len() as u64, MAX_JSON_BYTES)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| FormatError::from(Kind::NotUtf8).at(error.valid_up_to() as u64, None))?;
    let mut parser = Parser { rest: text, length: text.len(), nodes: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(value) } else { Err(parser.expected("the end of the text")) }
}

struct Parser<'t> {
    /// The text that was not read yet.
    rest: &'t str,
    /// Bytes of the whole text.
    length: usize,
    nodes: u64,
}

impl Parser<'_> {
    fn value(&mut self, depth: u64) -> Result<Value> {
        self.nodes += 1;
        within("values in the JSON text", self.nodes, MAX_JSON_NODES)?;
        within("levels of nesting in the JSON text", depth, MAX_JSON_DEPTH)?;
        self.skip_space();
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.rest.bytes().next() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, depth: u64) -> Result<Value> {
        let mut map = Map::new();
        self.take("{");
        self.skip_space();
        if self.take("}") {
            return Ok(Value::Map(map));
        }
        loop {
            self.skip_space();
            let start = self.offset();
            let key = self.text()?;
            self.skip_space();
            if !self.take(":") {
                return Err(self.expected("':'"));
            }
            let value = self.value(depth + 1)?;
            match map.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    return Err(FormatError::from(Kind::DuplicateKey(excerpt(entry.key()))).at(start, None));
                }
            }
            self.skip_space();
            if self.take("}") {
                return Ok(Value::Map(map));
            }
            if !self.take(",") {
                return Err(self.expected("',' or '}'"));
            }
        }
    }

    fn list(&mut self, depth: u64) -> Result<Value> {
        let mut items = Vec::new();
        self.take("[");
        self.skip_space();
        if self.take("]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Value::List(items));
            }
            if !self.take(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    fn number(&mut self) -> Result<Value> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (text, start) = (self.rest, self.offset());
        let sign = usize::from(text.starts_with('-'));
        let whole = match text.get(sign..) {
            // A number has no leading zeros.
            Some(rest) if rest.starts_with('0') => 1,
            rest => digits(rest.unwrap_or_default()),
        };
        if whole == 0 {
            return Err(self.expected("a digit"));
        }
        let mut end = sign + whole;
        let fraction = text.get(end..).and_then(|rest| rest.strip_prefix('.')).map_or(0, digits);
        if fraction > 0 {
            end += 1 + fraction;
        }
        let exponent = text.get(end..).and_then(|rest| rest.strip_prefix(['e', 'E'])).map_or(0, |rest| {
            let sign = usize::from(rest.starts_with(['+', '-']));
            match rest.get(sign..).map_or(0, digits) {
                0 => 0,
                digits => 1 + sign + digits,
            }
        });
        end += exponent;
        let (number, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        let invalid = || FormatError::from(Kind::Json("a number")).at(start, None);
        if fraction > 0 || exponent > 0 {
            return number.parse().map(Value::Float).map_err(|_| invalid());
        }
        within("digits in an integer", whole as u64, MAX_JSON_DIGITS)?;
        number.parse::<BigInt>().map(Value::integer).map_err(|_| invalid())
    }

    fn text(&mut self) -> Result<String> {
        if !self.take("\"") {
            return Err(self.expected("a text in double quotes"));
        }
        let mut text = String::new();
        loop {
            let plain = self.rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(self.rest.len());
            let (before, rest) = self.rest.split_at_checked(plain).unwrap_or((self.rest, ""));
            text.push_str(before);
            self.rest = rest;
            if self.take("\"") {
                return Ok(text);
            }
            if !self.take("\\") {
                return Err(self.expected("'\"'; control characters are escaped"));
            }
            text.push(self.escaped()?);
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Result<char> {
        let plain = [('"', '"'), ('\\', '\\'), ('/', '/')];
        let control = [('b', '\u{8}'), ('f', '\u{c}'), ('n', '\n'), ('r', '\r'), ('t', '\t')];
        let known = |letter: char| plain.into_iter().chain(control).find(|(from, _)| *from == letter);
        let mut characters = self.rest.chars();
        match characters.next() {
            Some('u') => {
                self.take("u");
                self.unicode()
            }
            Some(letter) => match known(letter) {
                Some((_, character)) => {
                    self.rest = characters.as_str();
                    Ok(character)
                }
                None => Err(self.expected("an escape sequence")),
            },
            None => Err(self.expected("an escape sequence")),
        }
    }

    /// The character of `\uXXXX`, or of two of them that are a surrogate pair. A surrogate alone is not a character.
    fn unicode(&mut self) -> Result<char> {
        let start = self.offset();
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff if self.take("\\u") => match self.hex()? {
                low @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00),
                _ => first,
            },
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| FormatError::from(Kind::NotUtf8).at(start, None))
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.map(|digits| u32::from_str_radix(digits, 16)) {
            Some(Ok(code)) => {
                self.rest = self.rest.get(4..).unwrap_or_default();
                Ok(code)
            }
            Some(Err(_)) | None => Err(self.expected("four hexadecimal digits")),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Reads this text if it follows.
    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    fn offset(&self) -> u64 {
        (self.length - self.rest.len()) as u64
    }

    fn expected(&self, what: &'static str) -> FormatError {
        FormatError::from(Kind::Json(what)).at(self.offset(), None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn printed(text: &str) -> String {
        match read(text.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// What `repr(json.loads(text))` prints.
    #[rstest]
    #[case("null", "None")]
    #[case(" [ true , false ]\r\n\t", "[True, False]")]
    #[case(r#"{"a": {}, "b": []}"#, "{'a': {}, 'b': []}")]
    #[case("[0, -0, 12, -7]", "[0, 0, 12, -7]")]
    #[case("[0.5, -0.0, 1e3, 1E-2, 2.5e+1]", "[0.5, -0.0, 1000.0, 0.01, 25.0]")]
    #[case("18446744073709551616", "18446744073709551616")]
    #[case("[NaN, Infinity, -Infinity]", "[NaN, inf, -inf]")]
    #[case("1e999", "inf")]
    #[case(r#""\u00e4\ud83d\ude00\n\/\\""#, r"'ä😀\n/\\'")]
    #[case(r#""\"""#, r#"'\"'"#)]
    fn a_value_is_what_python_reads(#[case] text: &str, #[case] expected: &str) {
        let expected = expected.replace("NaN", &Value::Float(f64::NAN).to_string());
        let expected = expected.replace("inf", &Value::Float(f64::INFINITY).to_string());
        assert_eq!(printed(text), expected);
    }

    #[rstest]
    #[case::empty("", "at byte 0: invalid JSON: expected a value")]
    #[case::trailing("1 2", "at byte 2: invalid JSON: expected the end of the text")]
    #[case::leading_zero("01", "at byte 1: invalid JSON: expected the end of the text")]
    #[case::sign_only("-", "at byte 0: invalid JSON: expected a digit")]
    #[case::no_fraction("1.", "at byte 1: invalid JSON: expected the end of the text")]
    #[case::no_exponent("1e+", "at byte 1: invalid JSON: expected the end of the text")]
    #[case::trailing_comma("[1,]", "at byte 3: invalid JSON: expected a value")]
    #[case::trailing_comma_of_an_object(
        r#"{"a":1,}"#,
        "at byte 7: invalid JSON: expected a text in double quotes"
    )]
    #[case::key_without_quotes("{a:1}", "at byte 1: invalid JSON: expected a text in double quotes")]
    #[case::no_colon(r#"{"a" 1}"#, "at byte 5: invalid JSON: expected ':'")]
    #[case::no_end(r#"{"a":1"#, "at byte 6: invalid JSON: expected ',' or '}'")]
    #[case::open_list("[1", "at byte 2: invalid JSON: expected ',' or ']'")]
    #[case::open_text("\"a", "at byte 2: invalid JSON: expected '\"'; control characters are escaped")]
    #[case::control_character(
        "\"\u{1}\"",
        "at byte 1: invalid JSON: expected '\"'; control characters are escaped"
    )]
    #[case::unknown_escape(r#""\x""#, "at byte 2: invalid JSON: expected an escape sequence")]
    #[case::short_code(r#""\u12"#, "at byte 3: invalid JSON: expected four hexadecimal digits")]
    #[case::signed_code(r#""\u+123""#, "at byte 3: invalid JSON: expected four hexadecimal digits")]
    #[case::surrogate(r#""\ud800""#, "at byte 3: invalid UTF-8 in a text")]
    #[case::two_high_surrogates(r#""\ud800\ud800""#, "at byte 3: invalid UTF-8 in a text")]
    #[case::byte_order_mark("\u{feff}1", "at byte 0: invalid JSON: expected a value")]
    #[case::duplicate_key(r#"{"a":1,"b":{"c":1, "c":1}}"#, "at byte 19: duplicate key \"c\"")]
    fn invalid_text_is_refused_at_its_byte(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(printed(text), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// An independent reader agrees, except for the numbers that only Python knows and for duplicate keys.
        #[test]
        fn any_text_is_what_another_reader_of_json_finds(
            text in r#"([\[\]{},:"\\u0-9eE+. -]|"[ab]":|null|true|[0-9]\.[0-9]|\\u00e[0-9]|\\ud83d\\ude00){0,20}"#,
        ) {
            let theirs = serde_json::from_str::<Value>(&text);
            match (read(text.as_bytes()), theirs) {
                (Ok(own), Ok(theirs)) => prop_assert_eq!(own, theirs),
                (Ok(own), Err(_)) => prop_assert!(own.to_string().contains("inf"), "{} is not JSON", text),
                (Err(error), Ok(_)) => prop_assert!(matches!(error.kind, Kind::DuplicateKey(_)), "{text}: {error}"),
                (Err(_), Err(_)) => {}
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        let error = read(b"\"\xff\"").unwrap_err();
        assert_eq!((error.kind, error.place.offset), (Kind::NotUtf8, Some(1)));
    }

    #[rstest]
    #[case::levels(|size| "[".repeat(size) + &"]".repeat(size), MAX_JSON_DEPTH + 1)]
    #[case::values(|size| format!("[{}]", vec!["1"; size - 1].join(",")), MAX_JSON_NODES)]
    #[case::digits(|size| "9".repeat(size), MAX_JSON_DIGITS)]
    #[case::bytes(|size| " ".repeat(size - 1) + "1", MAX_JSON_BYTES)]
    fn the_limit_is_read_and_one_more_is_refused(#[case] text: fn(usize) -> String, #[case] limit: u64) {
        let limit = usize::try_from(limit).unwrap();
        read(text(limit).as_bytes()).unwrap();
        let error = read(text(limit + 1).as_bytes()).unwrap_err();
        assert!(matches!(error.kind, Kind::Limit { .. }), "{error}");
    }
}
