//! The tensors and storages that the pickle of a state dict describes.

use indexmap::IndexMap;

use super::{
    lazy::Lazy,
    outline::{NetworkOutline, Outline, StorageOutline, TensorOutline},
    view::View,
};
use crate::{
    torch_files::{
        Dtype, FormatError, FormatErrorKind as Kind, ModelState,
        error::{excerpt, within},
        limits::{MAX_ENTRY_NAME_BYTES, MAX_RANK, MAX_TENSOR_NAME_BYTES, MAX_TENSORS},
        pickle::{Global, Graph, Id, Node, subscript},
    },
    value::Value,
};

type Result<T> = std::result::Result<T, FormatError>;

/// The name, or its last part, of what a module saves in addition to tensors.
const EXTRA_STATE: &str = "_extra_state";

/// The most objects around a tensor: a parameter with attributes on a device is three.
const MAX_WRAPPERS: usize = 4;

/// Reads an outline from a pickle.
pub(super) struct Parser<'g> {
    graph: &'g Graph,
    /// The entry of the storage with this key.
    place: &'g dyn Fn(&str) -> String,
    network: NetworkOutline,
    /// The index of each storage by its key.
    keys: IndexMap<String, usize>,
}

impl<'g> Parser<'g> {
    pub(super) fn new(graph: &'g Graph, place: &'g dyn Fn(&str) -> String, big_endian: bool) -> Self {
        let network = NetworkOutline { big_endian, ..Default::default() };
        Self { graph, place, network, keys: IndexMap::new() }
    }

    pub(super) fn parse(mut self) -> Result<Outline> {
        let root = self.graph.root();
        let Node::Dict(items) = self.graph.node(root) else {
            return Err(self.unexpected("a state dict", root));
        };
        if items.iter().any(|(key, _)| self.graph.text(*key) == Some(ModelState::SENTINEL_KEY)) {
            return match self.graph.to_value(root)? {
                Value::Map(map) => Ok(Outline::Sentinel(map)),
                _ => Err(self.unexpected("a sentinel", root)),
            };
        }
        within("tensors", items.len() as u64, MAX_TENSORS)?;
        let mut extra = Vec::new();
        for (key, value) in items {
            let name = self.graph.text(*key).ok_or_else(|| self.unexpected("a text key", *key))?;
            within("bytes of tensor name", name.len() as u64, MAX_TENSOR_NAME_BYTES)?;
            if is_extra_state(name) && !self.is_tensor(*value) {
                extra.push((*key, *value));
                continue;
            }
            let tensor = self.tensor(*value).map_err(|error| error.under(subscript(name)))?;
            self.network.tensors.insert(name.to_owned(), tensor);
        }
        self.network.extra = self.graph.to_map(&extra)?;
        self.network.bounded()?;
        Ok(Outline::Network(self.network))
    }

    fn is_tensor(&self, id: Id) -> bool {
        matches!(self.graph.node(id), Node::Call { .. })
    }

    /// The tensor of an object.
    fn tensor(&mut self, id: Id) -> Result<TensorOutline> {
        let graph = self.graph;
        let (mut at, mut called) = (id, graph.node(id));
        let mut from_type;
        for _ in 0..MAX_WRAPPERS {
            let Node::Call { global, arguments, .. } = called else { break };
            match (global, arguments.as_slice()) {
                (Global::RebuildTensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                    return self.dense(storage, None, [offset, shape, strides], rest.get(2).copied());
                }
                (
                    Global::RebuildTypedTensor,
                    &[storage, offset, shape, strides, gradient, _, dtype, ref rest @ ..],
                ) => {
                    if *graph.node(gradient) != Node::Bool(false) {
                        let what =
                            "a tensor in an untyped storage that requires a gradient: torch.load fails on it";
                        return Err(Kind::Unsupported(what.to_owned()).into());
                    }
                    let named = |name: &str| Dtype::ALL.into_iter().find(|dtype| dtype.name() == name);
                    let Node::Global(Global::TorchDtype(name)) = *graph.node(dtype) else {
                        return Err(self.unexpected("an element type", dtype));
                    };
                    let unsupported = || Kind::Unsupported(format!("a tensor of {name}"));
                    let dtype = named(name).ok_or_else(unsupported)?;
                    let place = [offset, shape, strides];
                    return self.dense(storage, Some(dtype), place, rest.first().copied());
                }
                (Global::Wrapper, &[tensor, ..]) => (at, called) = (tensor, graph.node(tensor)),
                (Global::RebuildFromType, &[function, class, given, ..]) => {
                    let Node::Global(Global::TensorType) = graph.node(class) else {
                        return Err(self.unexpected("torch.Tensor or a parameter", class));
                    };
                    let (Node::Global(global), Some(given)) = (graph.node(function), graph.sequence(given))
                    else {
                        return Err(self.unexpected("a function that rebuilds a tensor", function));
                    };
                    from_type = Node::Call { global: *global, arguments: given.to_vec(), state: None };
                    (at, called) = (function, &from_type);
                }
                _ => return Err(self.unexpected("a tensor's storage, offset, shape and strides", at)),
            }
        }
        Err(self.unexpected("a tensor", at))
    }

    /// A tensor with these offset, shape and strides in a storage. `dtype` is that of a tensor in an untyped storage.
    fn dense(
        &mut self,
        storage: Id,
        dtype: Option<Dtype>,
        [offset, shape, strides]: [Id; 3],
        metadata: Option<Id>,
    ) -> Result<TensorOutline> {
        let index = self.storage(storage, dtype)?;
        let Some(StorageOutline { dtype, .. }) = self.network.storages.get(index) else {
            return Err(self.unexpected("a storage", storage));
        };
        let dtype = *dtype;
        let elements = self.network.storages.get(index).map_or(0, StorageOutline::elements);
        let lazy = metadata.map_or(Lazy::default(), |metadata| self.lazy(metadata));
        if lazy != Lazy::default() && !lazy.is_possible(dtype) {
            return Err(Kind::Unsupported(format!("a lazily conjugated or negated tensor of {dtype}")).into());
        }
        let view = View::new(self.size(offset)?, self.sizes(shape)?, self.sizes(strides)?, elements)?;
        Ok(TensorOutline { dtype, storage: index, lazy, view })
    }

    /// What the metadata of a tensor say about its values.
    fn lazy(&self, metadata: Id) -> Lazy {
        let mut lazy = Lazy::default();
        let Node::Dict(items) = self.graph.node(metadata) else { return lazy };
        for (key, value) in items {
            let is_set = matches!(self.graph.node(*value), Node::Bool(true));
            match self.graph.text(*key) {
                Some("conj") => lazy.conjugated = is_set,
                Some("neg") => lazy.negated = is_set,
                Some(_) | None => {}
            }
        }
        lazy
    }

    /// The index of the storage with the persistent id `('storage', class, key, device, elements)`, in the format before
    /// PyTorch 1.6 with a view of the storage as a sixth item. An untyped storage has bytes in place of elements.
    fn storage(&mut self, id: Id, untyped: Option<Dtype>) -> Result<usize> {
        let wrong = || self.unexpected("a storage", id);
        let Node::Persistent(name) = self.graph.node(id) else { return Err(wrong()) };
        let &[tag, class, key, _device, elements, ref view @ ..] =
            self.graph.sequence(*name).ok_or_else(wrong)?
        else {
            return Err(wrong());
        };
        if view.len() > 1 || view.iter().any(|view| *self.graph.node(*view) != Node::None) {
            return Err(Kind::Unsupported("a storage that is a view of another one".to_owned()).into());
        }
        let (dtype, size) = match (self.graph.node(class), untyped) {
            (Node::Global(Global::Storage(dtype)), None) => (*dtype, dtype.size()),
            (Node::Global(Global::Storage(dtype)), Some(own)) if *dtype == own => (own, own.size()),
            (Node::Global(Global::UntypedStorage), Some(own)) => (own, 1),
            _ => return Err(wrong()),
        };
        let key =
            self.graph.text(key).filter(|_| self.graph.text(tag) == Some("storage")).ok_or_else(wrong)?;
        within("bytes of storage key", key.len() as u64, MAX_ENTRY_NAME_BYTES)?;
        let elements = self.size(elements)?;
        let Some(bytes) = elements.checked_mul(size) else {
            let what = format!("the size of {elements} elements of {dtype} in bytes overflows");
            return Err(Kind::Storage(what).into());
        };
        if self.network.big_endian && size == 1 && dtype.part() > 1 {
            return Err(Kind::Unsupported("an untyped storage of a big-endian file".to_owned()).into());
        }
        let bytes = bytes as u64;
        let known = self.network.storages.len();
        let index = *self.keys.entry(key.to_owned()).or_insert(known);
        match self.network.storages.get(index) {
            None => self.network.storages.push(StorageOutline { entry: (self.place)(key), dtype, bytes }),
            Some(known) if (known.dtype, known.bytes) == (dtype, bytes) => {}
            Some(_) => {
                let what = format!("storage {:?} is used with two types or sizes", excerpt(key));
                return Err(Kind::Storage(what).into());
            }
        }
        Ok(index)
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>> {
        let items = self.graph.sequence(id).ok_or_else(|| self.unexpected("a tuple of sizes", id))?;
        within("dimensions", items.len() as u64, MAX_RANK)?;
        items.iter().map(|item| self.size(*item)).collect()
    }

    fn size(&self, id: Id) -> Result<usize> {
        let size = match self.graph.node(id) {
            Node::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        };
        size.ok_or_else(|| self.unexpected("a size", id))
    }

    fn unexpected(&self, expected: &'static str, id: Id) -> FormatError {
        let found = match self.graph.node(id) {
            Node::Int(value) => value.to_string(),
            node => node.type_name().to_owned(),
        };
        Kind::Unexpected { expected, found }.into()
    }
}

/// Whether a module saves under this name what it has in addition to tensors.
fn is_extra_state(name: &str) -> bool {
    name.strip_suffix(EXTRA_STATE).is_some_and(|module| module.is_empty() || module.ends_with('.'))
}
