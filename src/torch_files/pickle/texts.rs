//! The opcodes of text.

use super::{
    Node,
    input::{Result, unescape, unescape_bytes, unescape_surrogates},
    stack::Machine,
    surrogates,
};
use crate::torch_files::{FormatErrorKind as Kind, error::excerpt};

impl Machine<'_> {
    /// The text of BINUNICODE, SHORT_BINUNICODE and BINUNICODE8.
    pub(super) fn text(&mut self, opcode: u8) -> Result<Node> {
        let bytes = self.input.counted(opcode)?;
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Node::Text(text.to_owned()));
        }
        let read = self.surrogates(|| surrogates::code_points(bytes), bytes.len())?;
        read.ok_or(Kind::NotUtf8)
    }

    /// The text of Python 2 in BINSTRING and SHORT_BINSTRING.
    pub(super) fn old_text(&mut self, opcode: u8) -> Result<Node> {
        let bytes = self.input.counted(opcode)?;
        self.bytes_of_python_2(bytes)
    }

    /// Python 3 takes text of Python 2 for ASCII, and torch for UTF-8.
    fn bytes_of_python_2(&self, bytes: &[u8]) -> Result<Node> {
        let text = std::str::from_utf8(bytes).ok();
        if self.allow.persistent_ids {
            return Ok(Node::Text(text.ok_or(Kind::NotUtf8)?.to_owned()));
        }
        let what = "text of Python 2 that is not ASCII, which Python 3 reads with encoding='latin1' only; \
                    save the file again with Python 3";
        let text = text.filter(|text| text.is_ascii()).ok_or_else(|| Kind::Unsupported(what.to_owned()))?;
        Ok(Node::Text(text.to_owned()))
    }

    /// The text of Python 2 in STRING, as its repr.
    pub(super) fn quoted_text(&mut self) -> Result<Node> {
        let line = self.input.raw_line()?;
        let invalid = || Kind::BadArgument(excerpt(&String::from_utf8_lossy(line)));
        let quoted = [b"'", b"\""].iter().find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote));
        self.bytes_of_python_2(&quoted.and_then(unescape_bytes).ok_or_else(invalid)?)
    }

    /// The text of UNICODE: Python writes Latin-1 here, and escapes all other characters.
    pub(super) fn escaped_text(&mut self) -> Result<Node> {
        let line: String = self.input.raw_line()?.iter().map(|byte| char::from(*byte)).collect();
        if let Some(text) = unescape(&line) {
            return Ok(Node::Text(text));
        }
        let read = self.surrogates(|| unescape_surrogates(&line), line.len())?;
        read.ok_or_else(|| Kind::BadArgument(excerpt(&line)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::pickle::{Allow, read};

    #[test]
    fn text_of_python_2_is_utf_8_in_torch_files_alone() {
        for pickle in [&b"U\x02\xc3\xa9."[..], b"T\x02\0\0\0\xc3\xa9."] {
            for allow in [Allow::STATE_DICT, Allow::ANYTHING] {
                let graph = read(pickle, allow).unwrap();
                assert_eq!(*graph.node(graph.root()), Node::Text("\u{e9}".into()));
            }
            assert!(matches!(read(pickle, Allow::VALUES).unwrap_err().kind, Kind::Unsupported(_)));
        }
        assert_eq!(read(b"U\x01\xff.", Allow::STATE_DICT).unwrap_err().kind, Kind::NotUtf8);
    }

    #[test]
    fn quoted_text_is_the_repr_of_bytes() {
        for (line, text) in [
            (r"'a\x41\n\101\0'", "aA\nA\0"),
            (r#""\t\r\\\'\"\a""#, "\t\r\\'\"\u{7}"),
            (r"'\u0041\N{DASH}'", r"\u0041\N{DASH}"),
        ] {
            let graph = read(format!("S{line}\n.").as_bytes(), Allow::VALUES).unwrap();
            assert_eq!(*graph.node(graph.root()), Node::Text(text.into()), "{line}");
        }
        for line in ["'a", "a", r"'\x4'", r"'\xg0'", r"'\'"] {
            let error = read(format!("S{line}\n.").as_bytes(), Allow::VALUES).unwrap_err();
            assert!(matches!(error.kind, Kind::BadArgument(_)), "{line}: {error}");
        }
        for line in [r"'\xe9'", r"'\xc3\xa9'", "'\u{e9}'"] {
            let error = read(format!("S{line}\n.").as_bytes(), Allow::VALUES).unwrap_err();
            assert!(matches!(error.kind, Kind::Unsupported(_)), "{line}: {error}");
        }
    }
}
