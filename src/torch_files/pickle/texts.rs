//! The opcodes of text.

use super::{
    Node,
    input::{Result, unescape, unescape_surrogates},
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

    /// The text of Python 2 in BINSTRING and SHORT_BINSTRING, which Python 3 takes for ASCII and torch for UTF-8.
    pub(super) fn old_text(&mut self, opcode: u8) -> Result<Node> {
        let text = std::str::from_utf8(self.input.counted(opcode)?).ok();
        let text = text.filter(|text| self.allow.persistent_ids || text.is_ascii());
        Ok(Node::Text(text.ok_or(Kind::NotUtf8)?.to_owned()))
    }

    /// The text in quotation marks of STRING.
    pub(super) fn quoted_text(&mut self) -> Result<Node> {
        let line = self.input.line()?;
        let quoted = ['\'', '"'].iter().find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote));
        let text = quoted.filter(|text| text.is_ascii()).and_then(|text| unescape(text, false));
        Ok(Node::Text(text.ok_or_else(|| Kind::BadArgument(excerpt(line)))?))
    }

    /// The text of UNICODE: Python writes Latin-1 here, and escapes all other characters.
    pub(super) fn escaped_text(&mut self) -> Result<Node> {
        let line: String = self.input.raw_line()?.iter().map(|byte| char::from(*byte)).collect();
        if let Some(text) = unescape(&line, true) {
            return Ok(Node::Text(text));
        }
        let read = self.surrogates(|| unescape_surrogates(&line, true), line.len())?;
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
            assert_eq!(read(pickle, Allow::VALUES).unwrap_err().kind, Kind::NotUtf8);
        }
        assert_eq!(read(b"U\x01\xff.", Allow::STATE_DICT).unwrap_err().kind, Kind::NotUtf8);
    }
}
