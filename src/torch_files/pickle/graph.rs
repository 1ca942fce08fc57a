//! The objects of a pickle, which refer to one another by number.

use std::collections::HashSet;

use num_bigint::BigInt;

use super::{Class, Global};

/// The number of an object in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl Id {
    /// The place of the object among [`Graph::nodes`].
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One object that a restricted pickle can describe.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int` that fits into 64 bits.
    Int(i64),
    /// `int` beyond 64 bits.
    BigInt(BigInt),
    /// `float`.
    Float(f64),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `str`.
    Text(String),
    /// `str` with surrogates that have no partner, by its code points.
    Surrogates(Vec<u32>),
    /// `list`.
    List(Vec<Id>),
    /// `tuple`.
    Tuple(Vec<Id>),
    /// `set`, in pickle order.
    Set(Vec<Id>),
    /// `frozenset`, in pickle order.
    FrozenSet(Vec<Id>),
    /// `dict` or `OrderedDict`: keys and values in pickle order. The last of equal keys counts.
    Dict(Vec<(Id, Id)>),
    /// An allowed global by itself.
    Global(Global),
    /// The result of a call of an allowed global, which is recorded and never made.
    Call {
        /// The called global.
        global: Global,
        /// Its arguments.
        arguments: Vec<Id>,
        /// The argument of BUILD, if any.
        state: Option<Id>,
    },
    /// The object that a persistent id refers to.
    Persistent(Id),
}

impl Node {
    /// Whether the object is a container, a text or bytes without anything in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) | Self::ByteArray(bytes) => bytes.is_empty(),
            Self::Text(text) => text.is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                items.is_empty()
            }
            Self::Dict(pairs) => pairs.is_empty(),
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::BigInt(_)
            | Self::Float(_)
            | Self::Surrogates(_)
            | Self::Global(_)
            | Self::Call { .. }
            | Self::Persistent(_) => false,
        }
    }

    /// Whether Python takes the object for false.
    pub(crate) fn is_false(&self) -> bool {
        match self {
            Self::None => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Bytes(_)
            | Self::ByteArray(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Tuple(_)
            | Self::Set(_)
            | Self::FrozenSet(_)
            | Self::Dict(_)
            | Self::BigInt(_)
            | Self::Surrogates(_)
            | Self::Global(_)
            | Self::Call { .. }
            | Self::Persistent(_) => self.is_empty(),
        }
    }

    /// The Python name of the object's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::Text(_) | Self::Surrogates(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Global(Global::TorchDtype(_)) => "torch.dtype",
            Self::Global(_) => "global",
            Self::Persistent(_) => "persistent object",
            Self::Call { global, .. } => match global {
                Global::RebuildTensor
                | Global::RebuildOldTensor
                | Global::RebuildTypedTensor
                | Global::RebuildFromType
                | Global::Wrapper(_) => "tensor",
                Global::NumpyScalar => "NumPy scalar",
                Global::NumpyDtype => "NumPy dtype",
                Global::Path(_) => "path",
                Global::Class(class) => match class {
                    Class::Complex => "complex",
                    Class::Range => "range",
                    Class::Slice => "slice",
                    Class::TorchSize => "torch.Size",
                    Class::TorchDevice => "torch.device",
                    Class::Enumeration(enumeration) => enumeration.name,
                },
                Global::OrderedDict
                | Global::Set
                | Global::FrozenSet
                | Global::Bytes
                | Global::ByteArray
                | Global::Encode
                | Global::TensorType
                | Global::ParameterType
                | Global::Storage(_)
                | Global::UntypedStorage
                | Global::Dill(_)
                | Global::TorchDtype(_)
                | Global::Foreign(_) => "object",
            },
        }
    }
}

/// All objects of one pickle. An object that the pickle shares appears once.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    root: Id,
    /// The dicts that are ordered dicts.
    ordered: HashSet<Id>,
    /// The offset and the name of the first opcode that the safe mode of torch lacks.
    pub(super) beyond: Option<(u64, &'static str)>,
}

impl Graph {
    /// The offset and the name of the first opcode that the safe mode of torch lacks.
    pub(crate) fn beyond(&self) -> Option<(u64, &'static str)> {
        self.beyond
    }

    /// The object that the pickle describes.
    pub fn root(&self) -> Id {
        self.root
    }

    /// An object. Ids come from the graph that they belong to, so the object always exists.
    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id.index()).unwrap_or(&Node::None)
    }

    /// The text of a `str`.
    pub fn text(&self, id: Id) -> Option<&str> {
        let Node::Text(text) = self.node(id) else { return None };
        Some(text)
    }

    /// The text of a `str`, or of `bytes` that are ASCII, as torch takes it where it names things itself.
    pub(crate) fn ascii(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Bytes(bytes) if bytes.is_ascii() => std::str::from_utf8(bytes).ok(),
            _ => self.text(id),
        }
    }

    /// All objects, in the order in which the pickle makes them.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The items of a `list` or `tuple`.
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        let (Node::List(items) | Node::Tuple(items)) = self.node(id) else { return None };
        Some(items)
    }

    /// Whether a dict is an `OrderedDict`.
    pub(super) fn is_ordered(&self, id: Id) -> bool {
        self.ordered.contains(&id)
    }

    /// Marks a dict as an `OrderedDict`.
    pub(super) fn set_ordered(&mut self, id: Id) {
        self.ordered.insert(id);
    }

    /// A graph without objects. The first object that is added becomes the root.
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), root: Id(0), ordered: HashSet::new(), beyond: None }
    }

    /// Adds an object; `None` when its number would not fit.
    pub(super) fn add(&mut self, node: Node) -> Option<Id> {
        let id = Id(u32::try_from(self.nodes.len()).ok()?);
        self.nodes.push(node);
        Some(id)
    }

    /// Mutable access to an object.
    pub(super) fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.get_mut(id.index())
    }

    /// Sets the object that the pickle describes.
    pub(super) fn set_root(&mut self, root: Id) {
        self.root = root;
    }
}
