//! What a pickle describes: objects that point to one another by number.

use num_bigint::BigInt;

use super::Global;

/// One object of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

/// One object, as far as a restricted pickle can describe one.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int` in 64 bits.
    Int(i64),
    /// `int` beyond 64 bits.
    BigInt(BigInt),
    /// `float`.
    Float(f64),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `str`.
    Text(String),
    /// `list`.
    List(Vec<Id>),
    /// `tuple`.
    Tuple(Vec<Id>),
    /// `set` or `frozenset`, in the order of the pickle.
    Set(Vec<Id>),
    /// `dict` or `OrderedDict`: keys and values in the order they were set; of equal keys the last counts.
    Dict(Vec<(Id, Id)>),
    /// An allowed global itself.
    Global(Global),
    /// What calling an allowed global with these arguments would make.
    Call {
        /// What is called.
        global: Global,
        /// Its arguments.
        arguments: Vec<Id>,
        /// What BUILD gave the result.
        state: Option<Id>,
    },
    /// The object that this persistent id names.
    Persistent(Id),
}

impl Node {
    /// The Python name of the object's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Bytes(_) => "bytes",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Dict(_) => "dict",
            Self::Global(_) => "global",
            Self::Persistent(_) => "persistent object",
            Self::Call { global, .. } => match global {
                Global::RebuildTensor => "tensor",
                Global::RebuildParameter => "parameter",
                Global::NumpyScalar => "NumPy scalar",
                Global::NumpyDtype => "NumPy dtype",
                Global::Path(_) => "path",
                Global::OrderedDict | Global::Set | Global::Bytes | Global::Encode | Global::Storage(_) => {
                    "object"
                }
            },
        }
    }
}

/// All objects of one pickle. Objects that the pickle shares are one object here too.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    root: Id,
}

impl Graph {
    /// The object that the pickle is of.
    pub fn root(&self) -> Id {
        self.root
    }

    /// An object. Ids are made by the graph they belong to, so that there always is one.
    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&Node::None)
    }

    /// The text of a `str`.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a `list` or `tuple`.
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// A graph without objects, to add to. Its root is the first object that is added.
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), root: Id(0) }
    }

    /// Adds an object, or `None` when its number would not fit.
    pub(super) fn add(&mut self, node: Node) -> Option<Id> {
        let id = Id(u32::try_from(self.nodes.len()).ok()?);
        self.nodes.push(node);
        Some(id)
    }

    /// An object, to change.
    pub(super) fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.get_mut(id.0 as usize)
    }

    /// Says which object the pickle is of.
    pub(super) fn set_root(&mut self, root: Id) {
        self.root = root;
    }
}
