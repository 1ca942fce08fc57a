//! The adapter protocol: JSON-RPC 2.0, one message per line, with the contract's own method names.
//!
//! `conformance/adapters/PROTOCOL.md` describes it for authors of adapters. The messages of operations are the request
//! and response types of the contract.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read as _},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::harness::contract::{Native, Notices, RefusalKind};

/// The version that both sides must speak. It increases with every change that an adapter could notice.
pub const PROTOCOL: u32 = 1;

/// The longest message in bytes, without the line break. A model with 100,000 tensors fits.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// A question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) jsonrpc: Version,
    pub(super) id: u64,
    pub(super) method: String,
    #[serde(default = "no_params")]
    pub(super) params: Box<RawValue>,
}

/// A result or an error for the request with this id.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) jsonrpc: Version,
    /// None if the request could not be parsed.
    pub(super) id: Option<u64>,
    /// Present on success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Box<RawValue>>,
    /// Present on failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Error>,
}

/// Why a request failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Error {
    /// -32000 for a refusal of the contract, -32001 for a mistake of the adapter, else a code of JSON-RPC.
    pub(super) code: i64,
    /// A message for people.
    pub(super) message: String,
    /// The kind and exception of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Box<ErrorData>>,
}

/// The details of a refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ErrorData {
    /// The kind of refusal.
    pub(super) kind: RefusalKind,
    /// The exception, if there was one.
    #[serde(flatten)]
    pub(super) native: Option<Native>,
    /// Warnings and events before the refusal.
    #[serde(flatten)]
    pub(super) notices: Notices,
}

impl Error {
    /// Refused by the contract.
    pub(super) const REFUSED: i64 = -32000;
    /// A mistake of the adapter, which says nothing about the implementation.
    pub(super) const MISTAKE: i64 = -32001;
    /// Invalid JSON.
    pub(super) const PARSE: i64 = -32700;
    /// Valid JSON, but not a request.
    pub(super) const REQUEST: i64 = -32600;
    /// Unknown method.
    pub(super) const METHOD: i64 = -32601;
    /// Invalid params.
    pub(super) const PARAMS: i64 = -32602;
    /// Unexpected failure.
    pub(super) const INTERNAL: i64 = -32603;

    /// An error without details.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// The string "2.0".
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Version {
    #[serde(rename = "2.0")]
    Two,
}

fn no_params() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// The params of `initialize`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Initialize {
    /// The version that the harness speaks.
    pub(super) protocol: u32,
    /// The program that sends the request.
    pub(super) client: Client,
}

/// The program that sends the request.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) version: String,
}

/// The adapter and what it supports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Initialized {
    /// The version that the adapter speaks.
    pub protocol: u32,
    /// The implementation's name.
    pub name: String,
    /// Its version: a release or a revision.
    pub version: String,
    /// The backend that it saves as, such as `pytorch`.
    pub backend: String,
    /// The supported operations. Any other operation must fail as an unknown method.
    pub operations: Vec<String>,
    /// Other capabilities, such as `fixture_networks`.
    #[serde(default)]
    pub supports: Vec<String>,
    /// The era of the contract that it follows; absent for the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<String>,
    /// The versions of what its results depend on, by name, such as `torch`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What the adapter does for a caller of the implementation, one short sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The params of `reset`: restore the state of a new process in this directory.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Reset {
    /// The absolute path that relative paths are resolved against from now on.
    pub(super) directory: String,
}

/// An empty result.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Nothing {}

/// Reads one line into the buffer, without its line break; false at the end of the stream.
///
/// # Errors
/// `InvalidData` for a line that is too long or not UTF-8, and for a stream that ends within a line.
pub(super) fn read_line(stream: &mut impl BufRead, line: &mut String) -> io::Result<bool> {
    line.clear();
    let limit = u64::try_from(MAX_LINE_BYTES + 1).unwrap_or(u64::MAX);
    let mut bytes = std::mem::take(line).into_bytes();
    if stream.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(false);
    }
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    if bytes.pop() != Some(b'\n') {
        return Err(invalid(if bytes.len() >= MAX_LINE_BYTES {
            format!("a line of more than {MAX_LINE_BYTES} bytes")
        } else {
            "the stream ends within a line".to_owned()
        }));
    }
    *line = String::from_utf8(bytes).map_err(|_| invalid("a line that is not UTF-8".to_owned()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::io::Cursor;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::two_lines("a\nb\n", &["a", "b"], None)]
    #[case::no_end("a\nb", &["a"], Some("within a line"))]
    #[case::nothing("", &[], None)]
    #[case::empty_line("\n", &[""], None)]
    fn lines_are_read_whole(#[case] text: &str, #[case] lines: &[&str], #[case] error: Option<&str>) {
        let (mut stream, mut line, mut read) = (Cursor::new(text), String::new(), Vec::new());
        let ended = loop {
            match read_line(&mut stream, &mut line) {
                Ok(true) => read.push(line.clone()),
                ended => break ended,
            }
        };
        assert_eq!(read, lines);
        match (ended, error) {
            (Ok(false), None) => {}
            (Err(found), Some(error)) => assert!(found.to_string().contains(error), "{found}"),
            (ended, error) => panic!("{ended:?} instead of {error:?}"),
        }
    }

    #[rstest]
    #[case::long(vec![b'x'; MAX_LINE_BYTES + 1], "more than")]
    #[case::no_text(vec![0xff, b'\n'], "UTF-8")]
    fn invalid_lines_are_rejected(#[case] bytes: Vec<u8>, #[case] error: &str) {
        let found = read_line(&mut Cursor::new(bytes), &mut String::new()).unwrap_err();
        assert!(found.to_string().contains(error), "{found}");
    }
}
