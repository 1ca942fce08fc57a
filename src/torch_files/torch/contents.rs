//! Everything that a file of `torch.save` holds, whatever the objects around its tensors are: a checkpoint with nested
//! dicts, the state of an optimizer, or a whole module, of which only names are known.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use indexmap::IndexSet;

use super::{
    description::{Described, ReferredStorages, StorageSize},
    fails::first_failure,
    outline::Outline,
    parser::Parser,
    source::{Source, TorchFormat},
    storage_class::quantized_element,
    unsafe_objects::UnsafeObjects,
};
use crate::{
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        error::{excerpt, within},
        limits::{
            MAX_OUTLINE_ITEMS, MAX_PICKLE_DEPTH, MAX_PICKLE_NODES, MAX_PROBLEMS, MAX_RANK,
            MAX_TENSOR_NAME_BYTES, MAX_TENSORS, MAX_VALUE_TEXT_BYTES,
        },
        pickle::{self, Class, Global, Graph, Id, Node, no_plain_values, safe_mode},
    },
    value::Value,
};

type Result<T> = std::result::Result<T, FormatError>;

/// The most items of a tuple that is shown as a key.
const MAX_KEY_ITEMS: usize = 8;

/// The function that makes a tensor without a storage, on the device `meta`.
const META: &str = "_rebuild_meta_tensor_no_storage";

/// One object of a file, as an outline shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A tensor, by its name among the tensors of the file.
    Tensor(String),
    /// A plain value: the beginning of its repr.
    Value(String),
    /// An object with others in it.
    Container {
        /// Its type: `dict`, or `argparse.Namespace`.
        kind: String,
        /// The number of objects in it.
        length: usize,
        /// The first of them, each with its key or index.
        items: Vec<(String, Item)>,
    },
    /// Something that torch loads and that has no plain values, such as a sparse tensor: what it is.
    Unsupported(String),
}

/// What the pickle of a file holds and asks for.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The module and the name of each global.
    pub(super) globals: IndexSet<(String, String)>,
    /// The first opcode that the safe mode of torch lacks.
    pub(super) beyond: Option<(u64, &'static str)>,
    /// What a file has that is neither a state dict nor a sentinel.
    pub(super) root: Option<Item>,
    /// What could not be read of it, with the place of each in Python's subscript notation.
    pub(super) problems: Vec<(String, FormatError)>,
    /// The objects that the safe mode of torch does not take.
    pub(super) unsafe_objects: UnsafeObjects,
    /// The bytes after the pickle.
    pub(super) trailing: u64,
    /// The entries of the storages that the pickle refers to.
    pub(super) referenced: ReferredStorages,
}

impl Contents {
    /// Reads the outline of a file, and keeps what else its pickle says.
    pub(super) fn read(&mut self, source: &Source<'_>) -> Result<Described> {
        let asked = pickle::survey(source.pickle);
        (self.globals, self.beyond) = (asked.globals, asked.beyond);
        let (graph, length) = asked.read?;
        if source.format == TorchFormat::Zip {
            self.trailing = source.pickle.len().saturating_sub(length) as u64;
        }
        source.refuse_untyped(&graph)?;
        for (key, size) in referenced(&graph, &self.globals) {
            // torch reads a storage where the pickle refers to it for the first time.
            self.referenced.entry((source.place)(key)).or_insert(size);
        }
        let storages = match source.format {
            TorchFormat::Zip => ReferredStorages::new(),
            TorchFormat::Legacy => self.referenced.clone(),
        };
        let failure = first_failure(&graph, &self.globals, source.format);
        self.problems.extend(failure.map(|kind| (String::new(), kind.into())));
        let parser = || Parser::new(&graph, source);
        if let Ok(outline) = parser().parse() {
            return Ok(Described { outline, length, storages });
        }
        let mut walk = Walk {
            graph: &graph,
            parser: parser(),
            globals: &self.globals,
            open: Vec::new(),
            problems: Vec::new(),
            unsafe_objects: UnsafeObjects::default(),
            objects: 0,
            kept: 0,
            text_bytes: 0,
        };
        let root = walk.item(graph.root(), &mut String::new())?;
        let problems = std::mem::take(&mut walk.problems);
        let unsafe_objects = std::mem::take(&mut walk.unsafe_objects);
        let network = walk.parser.into_network();
        network.bounded()?;
        (self.root, self.unsafe_objects) = (Some(root), unsafe_objects);
        self.problems.extend(problems);
        Ok(Described { outline: Outline::Network(network), length, storages })
    }
}

/// The keys of the storages that a pickle refers to, each as often as it does, with the size that it announces.
fn referenced<'g>(
    graph: &'g Graph,
    globals: &'g IndexSet<(String, String)>,
) -> impl Iterator<Item = (&'g str, Option<StorageSize>)> {
    let element = |class: Id| match *graph.node(class) {
        Node::Global(Global::Storage(dtype)) => Some(dtype.size() as u64),
        Node::Global(Global::UntypedStorage) => Some(1),
        Node::Global(Global::Foreign(index)) => {
            let (module, name) = globals.get_index(index)?;
            quantized_element(module, name)
        }
        _ => None,
    };
    graph.nodes().filter_map(move |node| {
        let Node::Persistent(id) = node else { return None };
        let &[_, class, key, _, elements, ..] = graph.sequence(*id)? else { return None };
        let key = graph.text(key)?;
        let Node::Int(elements) = graph.node(elements) else { return Some((key, None)) };
        let size = element(class).zip(u64::try_from(*elements).ok()).and_then(|(element, elements)| {
            Some(StorageSize { element, bytes: elements.checked_mul(element)? })
        });
        Some((key, size))
    })
}

/// Goes through all objects of a file, and collects the tensors.
struct Walk<'g> {
    graph: &'g Graph,
    parser: Parser<'g>,
    globals: &'g IndexSet<(String, String)>,
    /// The containers around the current object.
    open: Vec<Id>,
    problems: Vec<(String, FormatError)>,
    unsafe_objects: UnsafeObjects,
    /// Objects so far; one that is shared counts in every place.
    objects: u64,
    /// Objects of the outline so far.
    kept: usize,
    /// Bytes of keys and names so far.
    text_bytes: u64,
}

/// An object inside another one: its key or index for an outline, its subscript, and the object.
type Child<'g> = (Cow<'g, str>, String, Id);

impl<'g> Walk<'g> {
    fn item(&mut self, id: Id, path: &mut String) -> Result<Item> {
        self.objects += 1;
        within("objects in a file", self.objects, MAX_PICKLE_NODES)?;
        let graph = self.graph;
        match graph.node(id) {
            Node::List(items) => self.container("list", id, &indexed(items), path),
            Node::Tuple(items) => self.container("tuple", id, &indexed(items), path),
            Node::Set(items) => self.container("set", id, &indexed(items), path),
            Node::FrozenSet(items) => self.container("frozenset", id, &indexed(items), path),
            Node::Dict(pairs) => {
                let children = self.pairs(pairs)?;
                self.container("dict", id, &children, path)
            }
            Node::Call { global, arguments, state } => self.call(*global, arguments, *state, id, path),
            Node::Global(global) => {
                let is_outermost = self.note(*global, true, path)?;
                self.unsafe_objects.leave(is_outermost);
                Ok(self.global(*global))
            }
            Node::Persistent(_) => Ok(Item::Value("a storage".to_owned())),
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::ByteArray(_)
            | Node::Text(_)
            | Node::Surrogates(_) => Ok(Item::Value(self.shown(id))),
        }
    }

    /// A plain value for an outline, which has room for so many.
    fn shown(&self, id: Id) -> String {
        if self.is_full() {
            return String::new();
        }
        let node = self.graph.node(id);
        if let Node::Text(text) = node {
            Value::from(excerpt(text)).to_string()
        } else if let Node::Bytes(bytes) | Node::ByteArray(bytes) = node {
            format!("{} bytes", bytes.len())
        } else if let Node::Surrogates(_) = node {
            "text that is not UTF-8".to_owned()
        } else {
            let shown = self.graph.to_value(id).map(|value| excerpt(&value.to_string()));
            shown.unwrap_or_else(|error| error.to_string())
        }
    }

    fn is_full(&self) -> bool {
        self.kept >= MAX_OUTLINE_ITEMS
    }

    fn global(&self, global: Global) -> Item {
        match global {
            Global::TorchDtype(name) => Item::Value(format!("torch.{name}")),
            Global::Foreign(index) => Item::Value(self.name(index)),
            Global::OrderedDict
            | Global::Set
            | Global::FrozenSet
            | Global::ByteArray
            | Global::Bytes
            | Global::Encode
            | Global::RebuildTensor
            | Global::RebuildOldTensor
            | Global::RebuildTypedTensor
            | Global::Wrapper(_)
            | Global::RebuildFromType
            | Global::TensorType
            | Global::ParameterType
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Path(_)
            | Global::NumpyDtype
            | Global::NumpyScalar
            | Global::Dill(_)
            | Global::Class(_) => Item::Value("a class or function".to_owned()),
        }
    }

    /// The full name of a global.
    fn name(&self, index: usize) -> String {
        self.globals.get_index(index).map_or_else(String::new, |(module, name)| format!("{module}.{name}"))
    }

    fn call(
        &mut self,
        global: Global,
        arguments: &'g [Id],
        state: Option<Id>,
        id: Id,
        path: &mut String,
    ) -> Result<Item> {
        match global {
            Global::RebuildTensor | Global::RebuildOldTensor | Global::RebuildTypedTensor => {
                self.tensor(id, path)
            }
            Global::TensorType => self.without_place(id, arguments, state, path),
            Global::ParameterType if arguments.is_empty() => self.without_place(id, arguments, state, path),
            Global::Wrapper(_) | Global::RebuildFromType | Global::ParameterType => {
                // What is inside may be a tensor that is not dense, which is described by itself.
                match (self.parser.tensor(id), arguments) {
                    (Ok(tensor), _) => self.found(tensor, path),
                    (Err(FormatError { kind: Kind::Unexpected { .. }, .. }), &[inner, ..])
                        if global != Global::RebuildFromType
                            && matches!(self.graph.node(inner), Node::Call { .. }) =>
                    {
                        self.inside(id, |walk| walk.item(inner, path))?
                            .map_or_else(|| Ok(Item::Value("...".to_owned())), Ok)
                    }
                    (Err(FormatError { kind: Kind::Unexpected { .. }, .. }), _) => {
                        self.object("a tensor of another class".to_owned(), arguments, state, id, path)
                    }
                    (Err(error), _) => self.problem(error, path),
                }
            }
            Global::Foreign(index) => {
                let Some((module, name)) = self.globals.get_index(index) else {
                    return self.object(String::new(), arguments, state, id, path);
                };
                if !safe_mode::has_global(module, name) {
                    let is_outermost = self.note(global, false, path)?;
                    let object = self.object(format!("{module}.{name}"), arguments, state, id, path);
                    self.unsafe_objects.leave(is_outermost);
                    return object;
                }
                match (module.as_str(), name.as_str()) {
                    ("collections", "Counter") => {
                        return self.object(format!("{module}.{name}"), arguments, state, id, path);
                    }
                    // The layout of a sparse tensor.
                    ("torch.serialization", "_get_layout") => {
                        return Ok(Item::Value(
                            arguments.first().map_or_else(String::new, |id| self.shown(*id)),
                        ));
                    }
                    (_, _) => {}
                }
                let mut what = no_plain_values(module, name)
                    .map_or_else(|| format!("an object of {module}.{name}"), str::to_owned);
                if name == META {
                    what.extend(self.without_storage(arguments).map(|shape| format!(" of {shape}")));
                }
                // Its parts may be dense.
                self.object(String::new(), arguments, state, id, path)?;
                self.problem(Kind::Unsupported(what).into(), path)
            }
            Global::Class(Class::TorchSize) => {
                let sides = arguments.first().and_then(|sides| self.graph.sequence(*sides));
                let is_short = sides.is_some_and(|sides| sides.len() as u64 <= MAX_RANK);
                Ok(Item::Value(if is_short { self.shown(id) } else { "a torch.Size".to_owned() }))
            }
            Global::Class(
                Class::Complex | Class::Range | Class::Slice | Class::TorchDevice | Class::Enumeration(_),
            ) => Ok(Item::Value(self.shown(id))),
            Global::OrderedDict
            | Global::Set
            | Global::FrozenSet
            | Global::ByteArray
            | Global::Bytes
            | Global::Encode
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Path(_)
            | Global::NumpyDtype
            | Global::NumpyScalar
            | Global::Dill(_)
            | Global::TorchDtype(_) => self.object("an object".to_owned(), arguments, state, id, path),
        }
    }

    /// Notes a global that the safe mode does not take. True if no other such object is around it.
    fn note(&mut self, global: Global, is_reference: bool, path: &str) -> Result<bool> {
        let Global::Foreign(index) = global else { return Ok(false) };
        let is_safe = |(module, name): &(String, String)| safe_mode::has_global(module, name);
        if self.globals.get_index(index).is_none_or(is_safe) {
            return Ok(false);
        }
        self.count_text(path.len())?;
        Ok(self.unsafe_objects.enter(index, is_reference, path))
    }

    fn tensor(&mut self, id: Id, path: &str) -> Result<Item> {
        match self.parser.tensor(id) {
            Ok(tensor) => self.found(tensor, path),
            Err(error) => self.problem(error, path),
        }
    }

    /// A tensor that its class makes, which has a storage only if the state of the object says so.
    fn without_place(
        &mut self,
        id: Id,
        arguments: &'g [Id],
        state: Option<Id>,
        path: &mut String,
    ) -> Result<Item> {
        self.object(String::new(), arguments, state, id, path)?;
        self.problem(Kind::Unsupported("a tensor that its class makes".to_owned()).into(), path)
    }

    fn found(&mut self, tensor: super::TensorOutline, path: &str) -> Result<Item> {
        self.count_text(path.len())?;
        // Keys that are cut may be equal.
        let known = self.parser.tensors().len();
        let name = if self.parser.tensors().contains_key(path) {
            format!("{path} #{known}")
        } else if path.is_empty() {
            "(the file)".to_owned()
        } else {
            path.to_owned()
        };
        within("tensors", known as u64 + 1, MAX_TENSORS)?;
        self.parser.add(name.clone(), tensor);
        Ok(Item::Tensor(name))
    }

    fn problem(&mut self, error: FormatError, path: &str) -> Result<Item> {
        self.count_text(path.len())?;
        let shown = if let Kind::Unsupported(what) = &error.kind {
            Item::Unsupported(what.clone())
        } else {
            Item::Unsupported(error.kind.to_string())
        };
        within("objects that cannot be read", self.problems.len() as u64 + 1, MAX_PROBLEMS)?;
        self.problems.push((path.to_owned(), error));
        Ok(shown)
    }

    /// An object of which only the name and what it is made of are known.
    fn object(
        &mut self,
        name: String,
        arguments: &'g [Id],
        state: Option<Id>,
        id: Id,
        path: &mut String,
    ) -> Result<Item> {
        let mut children: Vec<Child<'g>> = arguments
            .iter()
            .enumerate()
            .map(|(index, argument)| {
                let label = format!("({index})");
                (label.clone().into(), label, *argument)
            })
            .collect();
        match state.map(|state| (state, self.graph.node(state))) {
            Some((_, Node::Dict(pairs))) => children.extend(self.pairs(pairs)?),
            Some((state, _)) => children.push(("state".into(), ".state".to_owned(), state)),
            None => {}
        }
        self.container(&name, id, &children, path)
    }

    fn container(&mut self, kind: &str, id: Id, children: &[Child<'g>], path: &mut String) -> Result<Item> {
        let mut items = Vec::new();
        let walked = self.inside(id, |walk| {
            for (label, subscript, child) in children {
                let (length, is_kept) = (path.len(), !walk.is_full());
                walk.kept += usize::from(is_kept);
                path.push_str(subscript);
                let item = walk.item(*child, path);
                path.truncate(length);
                let item = item?;
                if is_kept {
                    items.push((excerpt(label), item));
                }
            }
            Ok(())
        })?;
        Ok(match walked {
            Some(()) => Item::Container { kind: kind.to_owned(), length: children.len(), items },
            None => Item::Value("...".to_owned()),
        })
    }

    /// What `walk` returns inside a container; `None` if the container contains itself.
    fn inside<T>(&mut self, id: Id, walk: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.open.contains(&id) {
            return Ok(None);
        }
        self.open.push(id);
        within("levels of containers", self.open.len() as u64, MAX_PICKLE_DEPTH)?;
        let walked = walk(self);
        self.open.pop();
        walked.map(Some)
    }

    /// The items of a dict: of equal keys, texts or numbers, the first key with the last value.
    fn pairs(&mut self, pairs: &'g [(Id, Id)]) -> Result<Vec<Child<'g>>> {
        let graph = self.graph;
        let key = |(index, (key, _)): (usize, &(Id, Id))| Some((Key::of(graph.node(*key))?, index));
        let last: HashMap<Key<'_>, usize> = pairs.iter().enumerate().filter_map(key).collect();
        let mut children = Vec::with_capacity(pairs.len());
        let mut seen = HashSet::new();
        for (index, (key, value)) in pairs.iter().enumerate() {
            let same = Key::of(graph.node(*key));
            let last = same.as_ref().and_then(|key| last.get(key)).and_then(|last| pairs.get(*last));
            let value = last.map_or(value, |(_, value)| value);
            if same.is_some_and(|key| !seen.insert(key)) {
                continue;
            }
            let (label, subscript): (Cow<'g, str>, String) = match graph.node(*key) {
                Node::Text(text) => {
                    let is_short = text.len() as u64 <= MAX_TENSOR_NAME_BYTES;
                    let text: Cow<'g, str> = if is_short { text.into() } else { excerpt(text).into() };
                    let subscript = pickle::subscript_of(&text);
                    (text, subscript)
                }
                Node::None | Node::Bool(_) | Node::Int(_) | Node::Float(_) => {
                    let key = graph.to_value(*key)?.to_string();
                    let subscript = format!("[{key}]");
                    (key.into(), subscript)
                }
                Node::Tuple(items) => {
                    let key = self.tuple_key(items).unwrap_or_else(|| format!("<tuple {index}>"));
                    let subscript = format!("[{key}]");
                    (key.into(), subscript)
                }
                Node::BigInt(_)
                | Node::Bytes(_)
                | Node::ByteArray(_)
                | Node::Surrogates(_)
                | Node::List(_)
                | Node::Set(_)
                | Node::FrozenSet(_)
                | Node::Dict(_)
                | Node::Global(_)
                | Node::Call { .. }
                | Node::Persistent(_) => {
                    let key = format!("{} {index}", graph.node(*key).type_name());
                    let subscript = format!("[<{key}>]");
                    (key.into(), subscript)
                }
            };
            self.count_text(subscript.len())?;
            children.push((label, subscript, *value));
        }
        Ok(children)
    }

    /// A tuple of a few plain values as Python prints it, with long texts cut; `None` for any other one.
    fn tuple_key(&self, items: &[Id]) -> Option<String> {
        if items.len() > MAX_KEY_ITEMS {
            return None;
        }
        let shown = |item: &Id| {
            let node = self.graph.node(*item);
            if let Node::Text(text) = node {
                Some(Value::from(excerpt(text)).to_string())
            } else if matches!(node, Node::None | Node::Bool(_) | Node::Int(_) | Node::Float(_)) {
                self.graph.to_value(*item).ok().map(|value| value.to_string())
            } else {
                None
            }
        };
        let shown = items.iter().map(shown).collect::<Option<Vec<_>>>()?.join(", ");
        let comma = if items.len() == 1 { "," } else { "" };
        Some(format!("({shown}{comma})"))
    }

    /// The element type and the shape of a tensor without a storage: `float32 [2, 3]`.
    fn without_storage(&self, arguments: &[Id]) -> Option<String> {
        let &[dtype, shape, ..] = arguments else { return None };
        let Node::Global(Global::TorchDtype(dtype)) = *self.graph.node(dtype) else { return None };
        let sides = self.graph.sequence(shape).filter(|sides| sides.len() as u64 <= MAX_RANK)?;
        let side = |side: &Id| if let Node::Int(side) = *self.graph.node(*side) { Some(side) } else { None };
        let shape = sides.iter().map(side).collect::<Option<Vec<i64>>>()?;
        Some(format!("{dtype} {shape:?}"))
    }

    fn count_text(&mut self, bytes: usize) -> Result<()> {
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
        Ok(within("bytes of keys", self.text_bytes, MAX_VALUE_TEXT_BYTES)?)
    }
}

/// A key of a dict, as far as Python compares it with others.
#[derive(PartialEq, Eq, Hash)]
enum Key<'t> {
    Text(&'t str),
    Number(i64),
}

impl<'t> Key<'t> {
    fn of(node: &'t Node) -> Option<Self> {
        match node {
            Node::Text(text) => Some(Self::Text(text)),
            Node::Bool(value) => Some(Self::Number((*value).into())),
            Node::Int(value) => Some(Self::Number(*value)),
            // 2.0 is the key 2; of larger ones the number is not exact.
            Node::Float(value) if value.fract() == 0.0 && value.abs() < f64::from(u32::MAX) => {
                Some(Self::Number(*value as i64))
            }
            Node::None
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::ByteArray(_)
            | Node::Surrogates(_)
            | Node::List(_)
            | Node::Tuple(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Dict(_)
            | Node::Global(_)
            | Node::Call { .. }
            | Node::Persistent(_) => None,
        }
    }
}

/// The items of a list with their indices.
fn indexed<'g>(items: &[Id]) -> Vec<Child<'g>> {
    let item = |(index, id): (usize, &Id)| (index.to_string().into(), format!("[{index}]"), *id);
    items.iter().enumerate().map(item).collect()
}
