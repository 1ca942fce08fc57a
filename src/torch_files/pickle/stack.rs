//! The state of the pickle machine: the stack with its marks, the memo, and the objects so far.

use std::collections::HashMap;

use indexmap::IndexSet;
use num_bigint::BigInt;

use super::{
    Allow, Global, Graph, Id, Node,
    convert::subscript,
    input::{Input, Result},
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::{MAX_PICKLE_NODES, MAX_SURROGATE_TEXT_BYTES},
};

/// The memory of a pickle program.
pub(super) struct Machine<'a> {
    pub(super) input: Input<'a>,
    pub(super) allow: Allow,
    pub(super) graph: Graph,
    pub(super) stack: Vec<Id>,
    /// The stack height at each open MARK.
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u64, Id>,
    /// The module and the name of every global so far, if any may occur.
    pub(super) named: IndexSet<(String, String)>,
    /// The protocol that PROTO announced, or 0.
    pub(super) protocol: u8,
    /// The offset of the end of the current frame.
    pub(super) frame_end: Option<u64>,
    /// Number of values pushed so far; bounds the memory of the stack, the graph and all its containers.
    pushes: u64,
    /// Bytes that calls of `_codecs.encode` and `bytearray` produced so far.
    pub(super) copied: u64,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8], allow: Allow) -> Self {
        Self {
            input: Input::new(bytes),
            allow,
            graph: Graph::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            named: IndexSet::new(),
            protocol: 0,
            frame_end: None,
            pushes: 0,
            copied: 0,
        }
    }

    pub(super) fn count(&mut self, pushes: usize) -> Result<()> {
        self.pushes = self.pushes.saturating_add(pushes as u64);
        within("objects in a pickle", self.pushes, MAX_PICKLE_NODES)
    }

    /// Leaves the frame if the last opcode was its end. Where an opcode goes on behind its frame, Python drops bytes.
    pub(super) fn leave_frame(&mut self) -> Result<()> {
        let at = self.input.offset();
        match self.frame_end {
            Some(end) if at > end => Err(unexpected("a frame of whole opcodes", "an opcode across its end")),
            Some(end) if at == end => {
                self.frame_end = None;
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn push(&mut self, id: Id) -> Result<()> {
        self.count(1)?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn add(&mut self, node: Node) -> Result<()> {
        let id = self.graph.add(node).ok_or_else(|| self.too_many())?;
        self.push(id)
    }

    pub(super) fn too_many(&self) -> Kind {
        Kind::Limit { what: "objects in a pickle", found: self.pushes, limit: MAX_PICKLE_NODES }
    }

    pub(super) fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.stack.get(floor..).unwrap_or_default();
        above.last().copied().ok_or(Kind::StackUnderflow)
    }

    pub(super) fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or(Kind::NoMark)?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn remember(&mut self, key: u64) -> Result<()> {
        let top = self.top()?;
        self.count(1)?;
        self.memo.insert(key, top);
        Ok(())
    }

    pub(super) fn recall(&mut self, key: u64) -> Result<()> {
        let id = *self.memo.get(&key).ok_or(Kind::UnknownMemo(key))?;
        self.push(id)
    }

    pub(super) fn extend(&mut self, items: &[Id]) -> Result<()> {
        let target = self.top()?;
        let Some(Node::List(list) | Node::Call { global: Global::Foreign(_), arguments: list, .. }) =
            self.graph.node_mut(target)
        else {
            return Err(self.wrong("a list", target));
        };
        list.extend(items);
        Ok(())
    }

    pub(super) fn add_items(&mut self, items: &[Id]) -> Result<()> {
        let target = self.top()?;
        let Some(Node::Set(set) | Node::Call { global: Global::Foreign(_), arguments: set, .. }) =
            self.graph.node_mut(target)
        else {
            return Err(self.wrong("a set", target));
        };
        set.extend(items);
        Ok(())
    }

    pub(super) fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<()> {
        let target = self.top()?;
        if let Some(Node::Dict(dict)) = self.graph.node_mut(target) {
            dict.extend(pairs);
        } else if let Some(Node::Call { global: Global::Foreign(_), arguments, .. }) =
            self.graph.node_mut(target)
        {
            arguments.extend(pairs.into_iter().flat_map(|(key, value)| [key, value]));
        } else {
            return Err(self.wrong("a dict", target));
        }
        Ok(())
    }

    /// The keys of the dicts that are being filled, in Python's subscript notation: where the next value belongs. A dict
    /// with one item inside of another one looks like a further key of that one; then the inner key is given alone.
    pub(super) fn subscript(&self) -> String {
        let is_dict = |id: &Id| matches!(self.graph.node(*id), Node::Dict(_));
        let starts = || std::iter::once(0).chain(self.marks.iter().copied());
        let ends = self.marks.iter().copied().chain([self.stack.len()]);
        let frames = starts().zip(ends).filter_map(|(from, to)| Some((from, to, self.stack.get(from..to)?)));
        let key = |(from, to, items): (usize, usize, &[Id])| {
            let below = from.checked_sub(1).and_then(|at| self.stack.get(at));
            // What is above the mark of a dict are keys and values in turn; what is not finished has a frame of its own.
            let is_open = to < self.stack.len();
            let at = if from > 0 && below.is_some_and(is_dict) {
                items.len().checked_sub(if items.len() % 2 == 1 { 1 } else { 2 })
            } else {
                let at = items.len().checked_sub(if is_open { 2 } else { 1 })?;
                Some(at)
                    .filter(|at| at.checked_sub(1).and_then(|before| items.get(before)).is_some_and(is_dict))
            };
            self.graph.text(*items.get(at?)?).map(subscript)
        };
        frames.filter_map(key).collect()
    }

    pub(super) fn named_global(&mut self) -> Result<Global> {
        let (module, name) = (excerpt(self.input.line()?), excerpt(self.input.line()?));
        self.global(module, name)
    }

    /// The global of these excerpts of its module and name; those of every known one are complete.
    pub(super) fn global(&mut self, module: String, name: String) -> Result<Global> {
        // The safe mode of torch replaces the names of Python 2 in every protocol.
        if module == "__builtin__" && self.protocol > 2 && !self.allow.persistent_ids {
            return Err(unexpected(
                "a module of Python 3",
                "__builtin__ of Python 2, which protocols before 3 replace",
            ));
        }
        let known = self.allow.global(&module, &name);
        if self.allow.foreign {
            let (index, _) = self.named.insert_full((module, name));
            return Ok(known.unwrap_or(Global::Foreign(index)));
        }
        known.ok_or_else(|| match self.allow.unsupported(&module, &name) {
            Some(what) => Kind::Unsupported(what.to_owned()),
            None => Kind::ForeignGlobal { module, name },
        })
    }

    /// The text with surrogates that `read` finds in so many bytes, if such text may occur. It takes more memory than other
    /// text.
    pub(super) fn surrogates(
        &self,
        read: impl FnOnce() -> Option<Vec<u32>>,
        bytes: usize,
    ) -> Result<Option<Node>> {
        if !self.allow.python_objects {
            return Ok(None);
        }
        within("bytes of text that is not UTF-8", bytes as u64, MAX_SURROGATE_TEXT_BYTES)?;
        Ok(read().map(Node::Surrogates))
    }

    /// Whether torch looks a storage up under this persistent id.
    pub(super) fn is_storage(&self, id: Id) -> bool {
        let Node::Tuple(items) = self.graph.node(id) else { return false };
        items.first().is_some_and(|tag| self.graph.ascii(*tag) == Some("storage"))
    }

    pub(super) fn wrong(&self, expected: &'static str, found: Id) -> Kind {
        unexpected(expected, self.graph.node(found).type_name())
    }
}

/// The object of an integer.
pub(super) fn integer(value: BigInt) -> Node {
    i64::try_from(&value).map_or_else(|_| Node::BigInt(value), Node::Int)
}

pub(super) fn unexpected(expected: &'static str, found: &str) -> Kind {
    Kind::Unexpected { expected, found: found.to_owned() }
}

pub(super) fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>> {
    let pair = |pair: &[Id]| match *pair {
        [key, value] => Ok((key, value)),
        _ => Err(unexpected("a value for each key", "a key without a value")),
    };
    items.chunks(2).map(pair).collect()
}
