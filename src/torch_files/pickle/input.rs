//! The bytes of a pickle, and the encodings of opcode arguments.

use num_bigint::BigInt;

use crate::torch_files::{
    FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::MAX_INTEGER_BYTES,
};

use super::opcode::{BINBYTES8, BINUNICODE8, BYTEARRAY8, SHORT_BINBYTES, SHORT_BINSTRING, SHORT_BINUNICODE};

pub(super) type Result<T> = std::result::Result<T, Kind>;

/// The bytes of a pickle, and the position of the next one.
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

    /// A little-endian unsigned integer of at most 8 bytes.
    pub(super) fn length(&mut self, bytes: u64) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |all, byte| (all << 8) + u64::from(*byte)))
    }

    /// The bytes after their length prefix, whose width depends on the opcode.
    pub(super) fn counted(&mut self, opcode: u8) -> Result<&'a [u8]> {
        let width = match opcode {
            SHORT_BINBYTES | SHORT_BINUNICODE | SHORT_BINSTRING => 1,
            BINBYTES8 | BINUNICODE8 | BYTEARRAY8 => 8,
            _ => 4,
        };
        let length = self.length(width)?;
        self.take(length)
    }

    /// The text up to the next line feed, which is consumed.
    pub(super) fn line(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.raw_line()?).map_err(|_| Kind::NotUtf8)
    }

    /// The bytes up to the next line feed, as [`Input::line`] without decoding.
    pub(super) fn raw_line(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Kind::Truncated)?;
        let line = self.take(length as u64)?;
        self.at += 1;
        Ok(line)
    }
}

/// An integer in decimal digits. Behind a leading zero, the readers of Python find octal digits, decimal ones or an error.
pub(super) fn decimal(line: &str) -> Result<BigInt> {
    // A byte holds 2.41 digits. Too many digits are refused before the expensive conversion.
    within("digits of an integer", line.len() as u64, MAX_INTEGER_BYTES * 5 / 2)?;
    // The parser would accept underscores anywhere.
    let has_leading_zero = |digits: &&str| {
        let digits = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        digits.len() > 1 && digits.starts_with('0')
    };
    let digits = Some(line.trim()).filter(|digits| !digits.contains('_') && !has_leading_zero(digits));
    let value: Option<BigInt> = digits.and_then(|digits| digits.parse().ok());
    let value = value.ok_or_else(|| Kind::BadArgument(excerpt(line)))?;
    within("bytes of an integer", value.to_signed_bytes_le().len() as u64, MAX_INTEGER_BYTES)?;
    Ok(value)
}

/// A float as Python prints it. A value that overflows is refused, as Python does, instead of becoming infinite.
pub(super) fn float(line: &str) -> Result<f64> {
    let value = line
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite() || !line.contains(|c: char| c.is_ascii_digit()));
    value.ok_or_else(|| Kind::BadArgument(excerpt(line)))
}

/// A two's complement little-endian integer.
pub(super) fn long(bytes: &[u8]) -> Result<BigInt> {
    within("bytes of an integer", bytes.len() as u64, MAX_INTEGER_BYTES)?;
    Ok(BigInt::from_signed_bytes_le(bytes))
}

/// The bytes of Python's repr of a byte string between its quotation marks. Escapes that Python does not know stay as they
/// are.
pub(super) fn unescape_bytes(line: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let code = match rest.next()? {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            own @ (b'\\' | b'\'' | b'"') => own,
            b'x' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
                u8::try_from(digits[0]? << 4 | digits[1]?).ok()?
            }
            first @ b'0'..=b'7' => {
                let mut octal = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|digit| matches!(digit, b'0'..=b'7')) else { break };
                    octal = octal << 3 | u32::from(digit - b'0');
                }
                // Python keeps the low eight of nine bits.
                u8::try_from(octal & 0xff).ok()?
            }
            unknown => {
                bytes.push(b'\\');
                unknown
            }
        };
        bytes.push(code);
    }
    Some(bytes)
}

/// Text in which `\u` and `\U` stand for a code point, and any other backslash for itself.
pub(super) fn unescape(line: &str) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    for_each_escaped(line, |code| {
        text.push(char::from_u32(code)?);
        Some(())
    })?;
    Some(text)
}

/// The code points of such a text, in which an escape may stand for a surrogate.
pub(super) fn unescape_surrogates(line: &str) -> Option<Vec<u32>> {
    let mut text = Vec::new();
    for_each_escaped(line, |code| {
        text.push(Some(code).filter(|code| *code <= u32::from(char::MAX))?);
        Some(())
    })?;
    Some(text)
}

/// Calls `push` for each code point, until it fails.
fn for_each_escaped(line: &str, mut push: impl FnMut(u32) -> Option<()>) -> Option<()> {
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(c.into())?;
            continue;
        }
        let digits = match chars.next()? {
            'u' => 4,
            'U' => 8,
            other => {
                push(c.into())?;
                push(other.into())?;
                continue;
            }
        };
        let code: String = chars.by_ref().take(digits).collect();
        push(u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits)?)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::pickle::opcode::BINBYTES;

    #[test]
    fn integers_of_every_size_up_to_the_limit_are_read() {
        let cases: [(&[u8], &str); 8] = [
            (&[], "0"),
            (&[0xff], "-1"),
            (&[0xff, 0x00], "255"),
            (&[0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
            (&[0, 0, 0, 0, 0, 0, 0, 0x80, 0], "9223372036854775808"),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0xff], "-18446744073709551616"),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0], "18446744073709551616"),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "1"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(long(bytes).unwrap().to_string(), expected, "{bytes:?}");
            assert_eq!(decimal(expected), long(bytes));
        }
        let largest: BigInt = (BigInt::from(1) << 8191) - 1;
        let larger: BigInt = &largest + 1;
        for value in [largest, -&larger] {
            assert_eq!(long(&value.to_signed_bytes_le()).as_ref(), Ok(&value));
            assert_eq!(decimal(&value.to_string()).as_ref(), Ok(&value));
        }
        for refused in [long(&larger.to_signed_bytes_le()), decimal(&larger.to_string())] {
            assert!(matches!(refused, Err(Kind::Limit { what: "bytes of an integer", .. })));
        }
        assert!(matches!(decimal(&"9".repeat(2561)), Err(Kind::Limit { what: "digits of an integer", .. })));
        for text in ["0x", "1_0", "_1", "", "-"] {
            assert!(matches!(decimal(text), Err(Kind::BadArgument(_))), "{text}");
        }
    }

    #[test]
    fn a_float_is_infinite_only_when_it_is_written_as_inf() {
        for (text, value) in [("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("1e+16", 1e16)] {
            assert_eq!(float(text), Ok(value));
        }
        assert_eq!(float("-1.7976931348623157e+308"), Ok(f64::MIN));
        assert!(float("nan").is_ok_and(f64::is_nan));
        for text in ["1e309", "-1e309", "", "1,5", " 1.5", "1.5 ", "5.0\r", "1_0"] {
            assert!(matches!(float(text), Err(Kind::BadArgument(_))), "{text}");
        }
    }

    #[test]
    fn escapes_are_read_as_python_reads_them() {
        assert_eq!(unescape(r"\u005c").unwrap(), "\\");
        assert_eq!(unescape(r"\U0001f600").unwrap(), "\u{1f600}");
        assert_eq!(unescape(r"\n\x41\\u0041").unwrap(), r"\n\x41\\u0041");
        assert_eq!(unescape(r"\ud800"), None);
        assert_eq!(unescape(r"\u12"), None);
        assert_eq!(unescape("\\"), None);
    }

    #[test]
    fn an_escape_may_stand_for_a_surrogate() {
        assert_eq!(unescape_surrogates(r"a\udcff\U0001f600"), Some(vec![0x61, 0xdcff, 0x1f600]));
        assert_eq!(unescape_surrogates(r"\U00110000"), None);
        assert_eq!(unescape_surrogates(r"\ud8"), None);
    }

    #[test]
    fn the_width_of_a_length_prefix_depends_on_the_opcode() {
        for (opcode, bytes) in [
            (SHORT_BINSTRING, &b"\x02ab"[..]),
            (SHORT_BINUNICODE, b"\x02ab"),
            (SHORT_BINBYTES, b"\x02ab"),
            (BINBYTES, b"\x02\0\0\0ab"),
            (BINUNICODE8, b"\x02\0\0\0\0\0\0\0ab"),
            (BINBYTES8, b"\x02\0\0\0\0\0\0\0ab"),
        ] {
            let mut input = Input::new(bytes);
            assert_eq!(
                (input.counted(opcode), input.byte()),
                (Ok(&b"ab"[..]), Err(Kind::Truncated)),
                "{opcode:#x}"
            );
        }
        let long = [&[0x02, 0x01][..], &[7; 0x102]].concat();
        assert_eq!(Input::new(&long).length(2), Ok(0x102));
    }

    #[test]
    fn a_length_past_the_end_is_truncation_and_allocates_nothing() {
        let mut input = Input::new(&[0xff; 12]);
        assert_eq!(input.counted(BINBYTES8), Err(Kind::Truncated));
    }
}
