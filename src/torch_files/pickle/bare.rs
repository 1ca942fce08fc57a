//! Pickles that no other format is around: whether bytes begin one, and what it asks for. Nothing in them is executed.

use std::collections::HashSet;

use super::{Global, Node, opcode, survey};
use crate::torch_files::{FormatError, FormatErrorKind as Kind};

/// The latest protocol of a pickle.
const LATEST: u8 = 5;

/// The bytes after which a pickle without a signature is one although the known bytes end inside it.
const CERTAIN_BYTES: u64 = 64;

/// Whether these bytes, the first of a file, begin a pickle. Protocols 0 and 1 have no signature and look like text: such
/// bytes are a pickle if they are a whole one, name a global, or hold many opcodes.
pub(crate) fn begins_a_pickle(first: &[u8]) -> bool {
    if let [opcode::PROTO, version, ..] = first {
        return *version <= LATEST;
    }
    let asked = survey(first);
    let is_long = |error: FormatError| {
        error.kind == Kind::Truncated && error.place.offset.is_some_and(|offset| offset >= CERTAIN_BYTES)
    };
    asked.globals.iter().any(|(module, name)| is_dotted_name(module) && is_dotted_name(name))
        || asked.read.map_or_else(is_long, |_| true)
}

/// Whether a text is an identifier, or several with dots between them.
fn is_dotted_name(text: &str) -> bool {
    let is_identifier = |part: &str| {
        !part.starts_with(|first: char| first.is_ascii_digit())
            && !part.is_empty()
            && part.chars().all(|one| one.is_alphanumeric() || one == '_')
    };
    text.split('.').all(is_identifier)
}

/// What a pickle asks for.
#[derive(Debug)]
pub(crate) struct BarePickle {
    /// The module and the name of each global, in the order of their first use.
    pub(crate) globals: Vec<(String, String)>,
    /// The indexes of the globals that it calls, as far as it can be read.
    pub(crate) called: HashSet<usize>,
    /// Why it cannot be read to its end.
    pub(crate) error: Option<FormatError>,
}

/// Reads the pickle that these bytes begin with.
pub(crate) fn read_bare(bytes: &[u8]) -> BarePickle {
    let asked = survey(bytes);
    let globals = asked.globals.into_iter().collect();
    match asked.read {
        Ok((graph, _)) => {
            let called = graph.nodes().filter_map(|node| {
                let Node::Call { global: Global::Foreign(index), .. } = node else { return None };
                Some(*index)
            });
            BarePickle { globals, called: called.collect(), error: None }
        }
        Err(error) => BarePickle { globals, called: HashSet::new(), error: Some(error) },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::protocol_0(b"cposix\nsystem\n(S'id'\ntR.", true)]
    #[case::protocol_0_cut(b"cposix\nsystem\n(S'i", true)]
    #[case::inst(b"(S'id'\nios\nsystem\n.", true)]
    #[case::values(b"(dp0\nVa\np1\nI1\ns.", true)]
    #[case::numbers(&[b"(lp0\n".as_slice(), &b"I1\na".repeat(120)].concat(), true)]
    #[case::protocol_1(b"}q\0U\x01aK\x01s.", true)]
    #[case::protocol_2(b"\x80\x02N.", true)]
    #[case::protocol_5(b"\x80\x05", true)]
    #[case::protocol_6(b"\x80\x06N.", false)]
    #[case::sentence(b"cannot open the file\nsee the log\n", false)]
    #[case::capital(b"Not found\n", false)]
    #[case::version(b"Version 1.0 of this program\nUse it.\n", false)]
    #[case::xml(b"XML is expected here", false)]
    #[case::nothing(b"", false)]
    fn a_pickle_is_recognized_in_every_protocol(#[case] first: &[u8], #[case] expected: bool) {
        assert_eq!(begins_a_pickle(first), expected);
    }

    #[test]
    fn what_is_called_is_not_what_is_only_named() {
        let BarePickle { globals, called, error } = read_bare(b"cos\nsystem\n(S'id'\ntR0cos\npopen\n.");
        assert_eq!(globals, ["system", "popen"].map(|name| ("os".to_owned(), name.to_owned())));
        assert_eq!((called, error), (HashSet::from([0]), None));
        let cut = read_bare(b"cos\nsystem\n(S'id");
        assert!(cut.globals.len() == 1 && cut.error.is_some());
    }
}
