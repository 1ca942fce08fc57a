//! The pickle stack machine, restricted to data.

use indexmap::IndexSet;

use super::{
    Allow, Global, Graph, Node,
    calls::NewTakes,
    input::{Result, decimal, float, long},
    opcode as op, safe_mode,
    stack::{Machine, integer, pairs, unexpected},
};
use crate::torch_files::pickle::opcode::*;
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::MAX_PICKLE_BYTES,
};

/// What a pickle leaves on the stack.
pub(crate) const ONE_OBJECT: &str = "one object at the end";

/// Reads bytes that are exactly one pickle.
///
/// # Errors
/// Errors name the opcode and its byte offset: `unsafe` for a global that is not allowed and for counts above the
/// limits, `unsupported` for opcodes that no bundle needs, else `malformed`.
pub fn read(bytes: &[u8], allow: Allow) -> std::result::Result<Graph, FormatError> {
    within("bytes of pickle", bytes.len() as u64, MAX_PICKLE_BYTES)?;
    let (graph, length) = read_first(bytes, allow)?;
    trailing(bytes, length).map(|()| graph)
}

/// Refuses bytes after a pickle of this length.
pub(crate) fn trailing(bytes: &[u8], length: usize) -> std::result::Result<(), FormatError> {
    match bytes.len().saturating_sub(length) {
        0 => Ok(()),
        rest => Err(FormatError::from(Kind::TrailingBytes(rest as u64))
            .at(length.saturating_sub(1) as u64, Some("STOP"))),
    }
}

/// Reads the pickle that these bytes begin with, and returns its length in bytes.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_first(bytes: &[u8], allow: Allow) -> std::result::Result<(Graph, usize), FormatError> {
    let mut machine = Machine::new(bytes, allow);
    let length = run(&mut machine)?;
    Ok((machine.graph, length))
}

/// What a pickle asks for, whether or not it can be read to its end.
pub(crate) struct Survey {
    /// The module and the name of each global, in the order of their first use.
    pub(crate) globals: IndexSet<(String, String)>,
    /// The offset and the name of the first opcode that the safe mode of torch lacks.
    pub(crate) beyond: Option<(u64, &'static str)>,
    /// The objects, and the length of the pickle in bytes.
    pub(crate) read: std::result::Result<(Graph, usize), FormatError>,
}

/// Reads the pickle that these bytes begin with, whatever globals it names.
pub(crate) fn survey(bytes: &[u8]) -> Survey {
    let mut machine = Machine::new(bytes, Allow::ANYTHING);
    let read = run(&mut machine);
    let Machine { graph, named: globals, .. } = machine;
    Survey { globals, beyond: graph.beyond(), read: read.map(|length| (graph, length)) }
}

/// Runs the machine up to STOP, and returns the length of the pickle in bytes.
fn run(machine: &mut Machine<'_>) -> std::result::Result<usize, FormatError> {
    loop {
        let offset = machine.input.offset();
        let opcode = machine.input.byte().map_err(|kind| FormatError::from(kind).at(offset, None))?;
        let name = op::name(opcode);
        if machine.graph.beyond.is_none() && !safe_mode::has_opcode(opcode) {
            machine.graph.beyond = name.map(|name| (offset, name));
        }
        match machine.step(opcode).and_then(|is_last| machine.leave_frame().map(|()| is_last)) {
            Ok(false) => {}
            Ok(true) => return Ok(usize::try_from(machine.input.offset()).unwrap_or(usize::MAX)),
            Err(kind @ (Kind::ForeignGlobal { .. } | Kind::Unsupported(_))) => {
                return Err(FormatError::from(kind).at(offset, name).under(machine.subscript()));
            }
            Err(kind) => return Err(FormatError::from(kind).at(offset, name)),
        }
    }
}

impl Machine<'_> {
    /// Runs one opcode; true after STOP.
    fn step(&mut self, opcode: u8) -> Result<bool> {
        match opcode {
            PROTO => match self.input.byte()? {
                version @ 0..=5 => self.protocol = version,
                version => return Err(Kind::UnsupportedProtocol(version)),
            },
            // A frame says what to read at once; all the bytes are in memory already.
            FRAME => {
                let length = self.input.length(8)?;
                self.input.peek(length)?;
                if self.frame_end.is_some() {
                    return Err(unexpected("the end of the frame", "another frame"));
                }
                self.frame_end = Some(self.input.offset() + length);
            }
            STOP => {
                let root = self.pop()?;
                if !self.stack.is_empty() || !self.marks.is_empty() {
                    return Err(unexpected(ONE_OBJECT, "several objects"));
                }
                self.graph.set_root(root);
                return Ok(true);
            }

            NONE => self.add(Node::None)?,
            NEWTRUE => self.add(Node::Bool(true))?,
            NEWFALSE => self.add(Node::Bool(false))?,
            INT => {
                let line = self.input.line()?;
                let node = match line {
                    "00" => Node::Bool(false),
                    "01" => Node::Bool(true),
                    // Of two characters, 0 and 1 are a bool for some readers of Python.
                    "-0" | "+0" | "+1" | " 0" | " 1" | "0 " | "1 " => {
                        return Err(Kind::BadArgument(excerpt(line)));
                    }
                    line => integer(decimal(line)?),
                };
                self.add(node)?;
            }
            LONG => {
                let line = self.input.line()?;
                let node = integer(decimal(line.strip_suffix('L').unwrap_or(line))?);
                self.add(node)?;
            }
            BININT => {
                let value = i32::from_le_bytes(self.input.array()?);
                self.add(Node::Int(value.into()))?;
            }
            BININT1 => {
                let value = self.input.byte()?;
                self.add(Node::Int(value.into()))?;
            }
            BININT2 => {
                let value = u16::from_le_bytes(self.input.array()?);
                self.add(Node::Int(value.into()))?;
            }
            LONG1 | LONG4 => {
                let length = self.input.length(if opcode == LONG1 { 1 } else { 4 })?;
                let node = integer(long(self.input.take(length)?)?);
                self.add(node)?;
            }
            FLOAT => {
                let value = float(self.input.line()?)?;
                self.add(Node::Float(value))?;
            }
            BINFLOAT => {
                let value = f64::from_be_bytes(self.input.array()?);
                self.add(Node::Float(value))?;
            }

            SHORT_BINBYTES | BINBYTES | BINBYTES8 => {
                let bytes = self.input.counted(opcode)?.to_vec();
                self.add(Node::Bytes(bytes))?;
            }
            BYTEARRAY8 if self.allow.python_objects => {
                let bytes = self.input.counted(opcode)?.to_vec();
                self.add(Node::ByteArray(bytes))?;
            }
            SHORT_BINUNICODE | BINUNICODE | BINUNICODE8 => {
                let text = self.text(opcode)?;
                self.add(text)?;
            }
            SHORT_BINSTRING | BINSTRING => {
                let text = self.old_text(opcode)?;
                self.add(text)?;
            }
            STRING => {
                let text = self.quoted_text()?;
                self.add(text)?;
            }
            UNICODE => {
                let text = self.escaped_text()?;
                self.add(text)?;
            }

            EMPTY_LIST => self.add(Node::List(Vec::new()))?,
            EMPTY_TUPLE => self.add(Node::Tuple(Vec::new()))?,
            EMPTY_SET => self.add(Node::Set(Vec::new()))?,
            EMPTY_DICT => self.add(Node::Dict(Vec::new()))?,
            LIST => {
                let items = self.pop_to_mark()?;
                self.add(Node::List(items))?;
            }
            TUPLE => {
                let items = self.pop_to_mark()?;
                self.add(Node::Tuple(items))?;
            }
            FROZENSET => {
                let items = self.pop_to_mark()?;
                self.add(Node::FrozenSet(items))?;
            }
            DICT => {
                let pairs = pairs(&self.pop_to_mark()?)?;
                self.add(Node::Dict(pairs))?;
            }
            TUPLE1 | TUPLE2 | TUPLE3 => {
                let mut items = (TUPLE1..=opcode).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
                items.reverse();
                self.add(Node::Tuple(items))?;
            }
            APPEND => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            APPENDS => {
                let items = self.pop_to_mark()?;
                self.extend(&items)?;
            }
            ADDITEMS => {
                let items = self.pop_to_mark()?;
                self.add_items(&items)?;
            }
            SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![(key, value)])?;
            }
            SETITEMS => {
                let pairs = pairs(&self.pop_to_mark()?)?;
                self.set_items(pairs)?;
            }

            MARK => {
                self.count(1)?;
                self.marks.push(self.stack.len());
            }
            POP if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            POP => {
                self.pop()?;
            }
            POP_MARK => {
                self.pop_to_mark()?;
            }
            DUP => {
                let top = self.top()?;
                self.push(top)?;
            }
            PUT => {
                let key = self.input.line()?;
                let key = key.parse().map_err(|_| Kind::BadArgument(excerpt(key)))?;
                self.remember(key)?;
            }
            BINPUT | LONG_BINPUT => {
                let key = self.input.length(if opcode == BINPUT { 1 } else { 4 })?;
                self.remember(key)?;
            }
            MEMOIZE => self.remember(self.memo.len() as u64)?,
            GET => {
                let key = self.input.line()?;
                let key = key.parse().map_err(|_| Kind::BadArgument(excerpt(key)))?;
                self.recall(key)?;
            }
            BINGET | LONG_BINGET => {
                let key = self.input.length(if opcode == BINGET { 1 } else { 4 })?;
                self.recall(key)?;
            }

            GLOBAL => {
                let global = self.named_global()?;
                self.add(Node::Global(global))?;
            }
            STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| {
                    self.graph.text(id).map(excerpt).ok_or_else(|| self.wrong("the name of a global", id))
                };
                let (module, name) = (text(module)?, text(name)?);
                let global = self.global(module, name)?;
                self.add(Node::Global(global))?;
            }
            REDUCE | NEWOBJ => {
                let (given, callee) = (self.pop()?, self.pop()?);
                // Many calls may share one tuple of arguments, so its copies count like pushes.
                let mut arguments = self.arguments(given)?;
                self.count(arguments.len())?;
                if opcode == NEWOBJ && !arguments.is_empty() {
                    match self.new_takes(callee) {
                        NewTakes::AsACall => {}
                        NewTakes::Nothing => arguments.clear(),
                        NewTakes::Unknown => return Err(self.wrong("no arguments", given)),
                    }
                }
                self.call(callee, arguments)?;
            }
            NEWOBJ_EX if self.allow.foreign => {
                let (by_name, given, callee) = (self.pop()?, self.pop()?, self.pop()?);
                let arguments = self.graph.sequence(given).ok_or_else(|| self.wrong("arguments", given))?;
                let arguments = [arguments, &[by_name]].concat();
                self.count(arguments.len())?;
                self.call(callee, arguments)?;
            }
            OBJ => {
                let mut arguments = self.pop_to_mark()?;
                if arguments.is_empty() {
                    return Err(Kind::StackUnderflow);
                }
                let callee = arguments.remove(0);
                self.call(callee, arguments)?;
            }
            INST => {
                let global = self.named_global()?;
                let arguments = self.pop_to_mark()?;
                self.call_global(global, arguments)?;
            }
            BUILD => {
                let given = self.pop()?;
                let object = self.top()?;
                let (is_ordered, is_foreign) = (self.graph.is_ordered(object), self.allow.foreign);
                let is_false = self.graph.node(given).is_false();
                match self.graph.node_mut(object) {
                    // Attributes of an ordered dict: `_metadata`, which no tensor depends on (BUN-010).
                    Some(Node::Dict(_)) if is_ordered => self.update_attributes(given)?,
                    Some(Node::Call { global: Global::NumpyDtype | Global::Foreign(_), state, .. }) => {
                        *state = Some(given);
                    }
                    // What torch makes of the state depends on the object.
                    Some(Node::Call { state, .. }) if is_foreign && state.is_none() => *state = Some(given),
                    Some(Node::Persistent(_)) if is_foreign => {
                        return Err(Kind::Unsupported("a storage with attributes".to_owned()));
                    }
                    // Nothing is done with a state that is false.
                    Some(Node::Set(_) | Node::ByteArray(_)) if is_foreign && is_false => {}
                    _ => return Err(self.wrong("an object with a state", object)),
                }
            }
            BINPERSID if self.allow.persistent_ids => {
                let id = self.pop()?;
                if !self.is_storage(id) {
                    return Err(self.wrong("a tuple that begins with 'storage'", id));
                }
                self.add(Node::Persistent(id))?;
            }

            PERSID if self.allow.persistent_ids => {
                let what = "a storage in pickle protocol 0, which torch.load does not read; \
                            save the file again without pickle_protocol";
                return Err(Kind::Unsupported(what.to_owned()));
            }
            PERSID | BINPERSID | EXT1 | EXT2 | EXT4 | NEWOBJ_EX | BYTEARRAY8 | NEXT_BUFFER
            | READONLY_BUFFER => {
                return Err(Kind::UnsupportedOpcode);
            }
            _ => return Err(Kind::UnknownOpcode(opcode)),
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::limits::MAX_PICKLE_NODES;

    fn refused(bytes: &[u8]) -> (u64, Option<&'static str>, Kind) {
        let error = read(bytes, Allow::STATE_DICT).unwrap_err();
        (error.place.offset.unwrap(), error.place.opcode, error.kind)
    }

    fn root(bytes: &[u8]) -> Node {
        let graph = read(bytes, Allow::STATE_DICT).unwrap();
        graph.node(graph.root()).clone()
    }

    fn foreign(module: &str, name: &str) -> Kind {
        Kind::ForeignGlobal { module: module.into(), name: name.into() }
    }

    #[test]
    fn a_foreign_global_is_refused_with_the_keys_that_lead_to_it() {
        let subscript = |bytes: &[u8]| read(bytes, Allow::VALUES).unwrap_err().place.subscript;
        // {'a': 1, 'extra': os.system
        assert_eq!(
            subscript(b"}(\x8c\x01aK\x01\x8c\x05extra\x8c\x02os\x8c\x06system\x93u.").as_deref(),
            Some("['extra']")
        );
        // {'extra': {'a': 1, 'b': os.system
        assert_eq!(
            subscript(b"}(\x8c\x05extra}(\x8c\x01aK\x01\x8c\x01bcos\nsystem\nuu.").as_deref(),
            Some("['extra']['b']")
        );
        // {'extra': {'b': os.system, where 'b' could also be the second key of the outer dict.
        assert_eq!(subscript(b"}(\x8c\x05extra}\x8c\x01bcos\nsystem\nsu.").as_deref(), Some("['b']"));
        // {'extra': os.system as the only item
        assert_eq!(subscript(b"}\x8c\x05extracos\nsystem\ns.").as_deref(), Some("['extra']"));
        // {'extra': [1, (os.system
        assert_eq!(subscript(b"}(\x8c\x05extra](K\x01(cos\nsystem\nteu.").as_deref(), Some("['extra']"));
        assert_eq!(subscript(b"cos\nsystem\n."), None);
    }

    #[test]
    fn a_foreign_global_is_refused_by_name_and_offset() {
        let os = foreign("os", "system");
        assert_eq!(refused(b"\x80\x02cos\nsystem\n(S'id'\ntR."), (2, Some("GLOBAL"), os.clone()));
        assert_eq!(refused(b"\x8c\x02os\x8c\x06system\x93."), (12, Some("STACK_GLOBAL"), os.clone()));
        assert_eq!(refused(b"(S'id'\nios\nsystem\n."), (7, Some("INST"), os));
    }

    #[test]
    fn only_globals_can_be_called() {
        for bytes in [&b"])R."[..], b"(]No."] {
            assert!(matches!(refused(bytes).2, Kind::Unexpected { expected: "a global to call", .. }));
        }
    }

    #[test]
    fn a_pickle_that_ends_early_is_refused_at_every_byte() {
        let whole = b"\x80\x02}(X\x01\x00\x00\x00aG\x3f\xf0\x00\x00\x00\x00\x00\x00u.";
        assert!(read(whole, Allow::VALUES).is_ok());
        for length in 0..whole.len() {
            assert_eq!(refused(&whole[..length]).2, Kind::Truncated, "{length} bytes");
        }
    }

    #[test]
    fn a_length_past_the_end_is_truncation() {
        assert_eq!(
            refused(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff."),
            (0, Some("BINBYTES8"), Kind::Truncated)
        );
        assert_eq!(refused(b"\x95\xff\0\0\0\0\0\0\0N."), (0, Some("FRAME"), Kind::Truncated));
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        assert_eq!(refused(b"N.N."), (1, Some("STOP"), Kind::TrailingBytes(2)));
    }

    #[test]
    fn an_opcode_cannot_pop_below_its_mark() {
        assert!(read(b"N(00N.", Allow::VALUES).is_ok());
        assert_eq!(refused(b"N(\x85."), (2, Some("TUPLE1"), Kind::StackUnderflow));
        assert_eq!(refused(b"Nt."), (1, Some("TUPLE"), Kind::NoMark));
        assert_eq!(refused(b"."), (0, Some("STOP"), Kind::StackUnderflow));
    }

    #[test]
    fn a_pickle_must_end_with_one_object_and_no_mark() {
        for bytes in [&b"NN."[..], b"N(N.", b"(N."] {
            assert!(matches!(refused(bytes).2, Kind::Unexpected { expected: "one object at the end", .. }));
        }
    }

    #[test]
    fn unknown_opcodes_and_unsupported_opcodes_are_different_errors() {
        assert_eq!(refused(b"N\xff."), (1, None, Kind::UnknownOpcode(0xff)));
        assert_eq!(refused(b"\x82\x01."), (0, Some("EXT1"), Kind::UnsupportedOpcode));
        assert_eq!(refused(b"\x80\x06."), (0, Some("PROTO"), Kind::UnsupportedProtocol(6)));
        let persistent = read(b"NQ.", Allow::VALUES).unwrap_err();
        assert_eq!((persistent.place.opcode, persistent.kind), (Some("BINPERSID"), Kind::UnsupportedOpcode));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert_eq!(refused(b"\x8c\x01\xff."), (0, Some("SHORT_BINUNICODE"), Kind::NotUtf8));
        assert_eq!(refused(b"U\x01\xff."), (0, Some("SHORT_BINSTRING"), Kind::NotUtf8));
    }

    #[test]
    fn an_unknown_memo_key_is_refused() {
        assert_eq!(refused(b"h\x07."), (0, Some("BINGET"), Kind::UnknownMemo(7)));
    }

    #[test]
    fn protocol_0_is_read() {
        let text = Node::Text("\u{e9}\u{4e2d}".into());
        for (bytes, node) in [
            (&b"I01\n."[..], Node::Bool(true)),
            (b"I-5\n.", Node::Int(-5)),
            (b"L7L\n.", Node::Int(7)),
            (b"F1.5\n.", Node::Float(1.5)),
            (b"Finf\n.", Node::Float(f64::INFINITY)),
            (b"S'a\\n'\n.", Node::Text("a\n".into())),
            (b"V\xe9\\u4e2d\np0\n0g0\n.", text),
            (b"U\x02ab.", Node::Text("ab".into())),
            (b"I5\n(I6\nI7\n1.", Node::Int(5)),
        ] {
            assert_eq!(root(bytes), node, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn all_objects_since_the_mark_become_one_container() {
        let length = |opcode: u8| match root(&[b"(KaKb", &[opcode][..], b"."].concat()) {
            Node::List(items) | Node::Tuple(items) | Node::FrozenSet(items) => items.len(),
            Node::Dict(pairs) => 2 * pairs.len(),
            other => unreachable!("{other:?}"),
        };
        assert_eq!([LIST, TUPLE, FROZENSET, DICT].map(length), [2; 4]);
    }

    #[test]
    fn a_frame_ends_behind_an_opcode() {
        // Python loses bytes of an opcode that goes on behind its frame: as many as its buffer happens to hold.
        let framed = |length: u8, rest: &[u8]| [b"\x95", &[length, 0, 0, 0, 0, 0, 0, 0][..], rest].concat();
        for (length, is_read) in [(0, true), (1, false), (2, false), (3, true), (4, true)] {
            let found = read(&framed(length, b"M\x01\x02."), Allow::VALUES).map(drop);
            assert_eq!(found.is_ok(), is_read, "{length}: {found:?}");
        }
        let twice = |length| framed(length, &framed(1, b"N."));
        assert!(read(&twice(0), Allow::VALUES).is_ok());
        let nested = refused(&twice(10)).2;
        assert!(matches!(nested, Kind::Unexpected { expected: "the end of the frame", .. }), "{nested}");
    }

    #[test]
    fn every_push_is_counted() {
        let mut bytes = b"N".to_vec();
        bytes.resize(usize::try_from(MAX_PICKLE_NODES).unwrap() + 2, b'2');
        assert!(matches!(refused(&bytes).2, Kind::Limit { what: "objects in a pickle", .. }));
    }

    #[test]
    fn an_ordered_dict_accepts_a_state_and_a_dict_does_not() {
        assert!(read(b"ccollections\nOrderedDict\n)R}b.", Allow::VALUES).is_ok());
        assert!(matches!(refused(b"}}b.").2, Kind::Unexpected { expected: "an object with a state", .. }));
    }

    #[test]
    fn the_calls_of_older_protocols_for_bytes_and_sets_are_read() {
        let encode = |text: &str, codec: &str| format!("c_codecs\nencode\n(V{text}\nV{codec}\ntR.");
        assert_eq!(root(encode("a\\u00ff", "latin1").as_bytes()), Node::Bytes(vec![b'a', 0xff]));
        assert_eq!(root(b"c__builtin__\nbytes\n)R."), Node::Bytes(vec![]));
        assert_eq!(root(b"cbuiltins\nset\n)\x81."), Node::Set(vec![]));
        assert!(matches!(root(b"c__builtin__\nset\n((lNatR."), Node::Set(items) if items.len() == 1));
        assert!(matches!(refused(encode("\\u0100", "latin1").as_bytes()).2, Kind::BadArgument(_)));
        for bytes in [
            &b"c__builtin__\nbytes\n(I9\ntR."[..],
            b"c__builtin__\nset\n(I9\ntR.",
            b"c__builtin__\nset\n((ltR0c__builtin__\nset\n(]]tR.",
            b"cbuiltins\nset\n(]t\x81.",
        ] {
            let kind = refused(bytes).2;
            assert!(matches!(kind, Kind::Unexpected { .. }), "{kind}");
        }
    }

    #[test]
    fn names_of_python_2_are_those_of_protocols_before_3() {
        for protocol in 0..=5 {
            let pickle = [&[0x80, protocol][..], b"c__builtin__\nset\n)R."].concat();
            assert_eq!(read(&pickle, Allow::VALUES).is_ok(), protocol < 3, "{protocol}");
            assert!(read(&pickle, Allow::ANYTHING).is_ok(), "{protocol}");
        }
    }

    #[test]
    fn a_number_that_readers_differ_in_is_refused() {
        assert_eq!([root(b"I10\n."), root(b"I-1\n."), root(b"L0L\n.")], [10, -1, 0].map(Node::Int));
        for number in ["I010", "I-010", "I001", "I0x7", "I-0", "I+1", "I 1", "L010L", "L00L", "I1_0"] {
            let kind = refused(format!("{number}\n.").as_bytes()).2;
            assert!(matches!(kind, Kind::BadArgument(_)), "{number}: {kind}");
        }
    }

    #[test]
    fn an_ordered_dict_also_accepts_a_list_of_pairs() {
        let node = root(b"ccollections\nOrderedDict\n](K\x01K\x02\x86e\x85R.");
        assert!(matches!(node, Node::Dict(pairs) if pairs.len() == 1));
    }
}
