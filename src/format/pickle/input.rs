//! The bytes of a pickle, and the forms in which arguments stand in them.

use crate::format::{FormatErrorKind as Kind, error::excerpt};

use super::opcode::{BINBYTES8, BINUNICODE8, SHORT_BINBYTES, SHORT_BINSTRING, SHORT_BINUNICODE};

pub(super) type Result<T> = std::result::Result<T, Kind>;

/// The bytes of a pickle, and how far they are read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// How many bytes are left.
    pub(super) fn rest(&self) -> u64 {
        self.bytes.len().saturating_sub(self.at) as u64
    }

    pub(super) fn peek(&self, length: u64) -> Result<&'a [u8]> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        end.and_then(|end| self.bytes.get(self.at..end)).ok_or(Kind::Truncated)
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let taken = self.peek(length)?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N as u64)?.try_into().map_err(|_| Kind::Truncated)
    }

    /// An unsigned little-endian number of so many bytes, at most 8.
    pub(super) fn length(&mut self, bytes: u64) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |all, byte| (all << 8) | u64::from(*byte)))
    }

    /// The bytes after their own count, which is as wide as the opcode says.
    pub(super) fn counted(&mut self, opcode: u8) -> Result<&'a [u8]> {
        let width = match opcode {
            SHORT_BINBYTES | SHORT_BINUNICODE | SHORT_BINSTRING => 1,
            BINBYTES8 | BINUNICODE8 => 8,
            _ => 4,
        };
        let length = self.length(width)?;
        self.take(length)
    }

    /// The text up to the next line feed, which is consumed.
    pub(super) fn line(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.raw_line()?).map_err(|_| Kind::NotUtf8)
    }

    /// As [`Input::line`], in whatever encoding.
    pub(super) fn raw_line(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Kind::Truncated)?;
        let line = self.take(length as u64)?;
        self.at += 1;
        Ok(line)
    }
}

pub(super) fn decimal(line: &str) -> Result<i64> {
    line.trim().parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => Kind::IntTooLarge,
        _ => Kind::BadArgument(excerpt(line)),
    })
}

/// A two's complement little-endian integer of any length, when 64 bits carry it.
pub(super) fn long(bytes: &[u8]) -> Result<i64> {
    let fill = if bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
    let mut value = [fill; 8];
    for (index, byte) in bytes.iter().enumerate() {
        match value.get_mut(index) {
            Some(place) => *place = *byte,
            None if *byte == fill => {}
            None => return Err(Kind::IntTooLarge),
        }
    }
    let value = i64::from_le_bytes(value);
    // Longer than 8 bytes, the eighth must agree with the sign that the rest repeats.
    if (value < 0) == (fill == 0xff) { Ok(value) } else { Err(Kind::IntTooLarge) }
}

/// Text with Python's backslash escapes, as far as protocol 0 writes them; in raw text those with a code only.
pub(super) fn unescape(line: &str, raw: bool) -> Option<String> {
    let mut chars = line.chars();
    let mut text = String::with_capacity(line.len());
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let digits = match chars.next()? {
            'u' => 4,
            'U' => 8,
            _ if raw => return None,
            'x' => 2,
            c => {
                text.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '\'' | '"' => c,
                    _ => return None,
                });
                continue;
            }
        };
        let code: String = chars.by_ref().take(digits).collect();
        let code = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits)?;
        text.push(char::from_u32(code)?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_long_is_an_integer_of_64_bits_or_refused() {
        let cases: [(&[u8], Option<i64>); 9] = [
            (&[], Some(0)),
            (&[0xff], Some(-1)),
            (&[0xff, 0x00], Some(255)),
            (&[0, 0, 0, 0, 0, 0, 0, 0x80], Some(i64::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Some(i64::MAX)),
            (&[0, 0, 0, 0, 0, 0, 0, 0x80, 0], None),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0xff], None),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0], None),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], Some(1)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(long(bytes), expected.ok_or(Kind::IntTooLarge), "{bytes:?}");
        }
        assert_eq!(decimal("9223372036854775808"), Err(Kind::IntTooLarge));
    }

    #[test]
    fn escapes_are_those_of_python() {
        assert_eq!(unescape(r"a\n\x41\u00e9", false).unwrap(), "a\nA\u{e9}");
        assert_eq!(unescape(r"\u005c", true).unwrap(), "\\");
        assert_eq!(unescape(r"\n", true), None);
        assert_eq!(unescape(r"\ud800", true), None);
        assert_eq!(unescape(r"\u12", true), None);
    }

    #[test]
    fn a_length_past_the_end_is_truncation_and_reserves_nothing() {
        let mut input = Input::new(&[0xff; 12]);
        assert_eq!(input.counted(BINBYTES8), Err(Kind::Truncated));
    }
}
