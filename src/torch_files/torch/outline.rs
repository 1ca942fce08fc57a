//! The description of a state dict in `data.pkl`: its tensors, and the location of their elements.

use std::io::{Read, Seek};

use indexmap::IndexMap;

use super::entries::{self, Entries};
use super::view::View;
use crate::{
    torch_files::{
        Dtype, FormatError, FormatErrorKind as Kind, ModelState,
        error::{excerpt, within},
        limits::{
            MAX_COPY_RATIO, MAX_ENTRY_NAME_BYTES, MAX_PICKLE_BYTES, MAX_RANK, MAX_TENSOR_NAME_BYTES,
            MAX_TENSORS, MAX_VIEW_RATIO, MIN_VIEW_BYTES,
        },
        pickle::{self, Allow, Global, Graph, Id, Node, subscript},
        zip::Archive,
    },
    value::{Map, Value},
};

type Result<T> = std::result::Result<T, FormatError>;

/// The content of a `model.pth` without the elements of its tensors (BUN-010).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A network: its tensors, and the storages that they view.
    Network(NetworkOutline),
    /// The complete sentinel dictionary.
    Sentinel(Map),
}

/// The tensors of a network and their storages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkOutline {
    /// The tensors by name, in registration order.
    pub tensors: IndexMap<String, TensorOutline>,
    /// The storages, in the order in which tensors first refer to them.
    pub storages: Vec<StorageOutline>,
    /// Whether the elements are stored with the most significant byte first.
    pub(super) big_endian: bool,
}

/// One tensor: a view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorOutline {
    /// The element type, which is also that of the storage.
    pub dtype: Dtype,
    /// The index of the storage in [`NetworkOutline::storages`].
    pub storage: usize,
    pub(crate) view: View,
}

/// One storage: consecutive elements in one entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOutline {
    /// The entry with the bytes.
    pub entry: String,
    /// The element type.
    pub dtype: Dtype,
    /// The number of elements.
    pub elements: usize,
}

impl TensorOutline {
    /// The length of each dimension, in elements.
    pub fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.view.elements()
    }

    /// Bytes of all elements, without gaps.
    pub fn bytes(&self) -> u64 {
        (self.view.elements() as u64).saturating_mul(self.dtype.size() as u64)
    }
}

impl StorageOutline {
    /// Bytes of the storage. That this number does not overflow was checked.
    pub fn bytes(&self) -> u64 {
        (self.elements as u64).saturating_mul(self.dtype.size() as u64)
    }
}

impl Outline {
    /// Reads the outline of an archive, and compares it with the entries.
    pub(super) fn of<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Self> {
        let Entries { prefix, .. } = Entries::of(archive)?;
        let entry = format!("{prefix}/data.pkl");
        let bytes = archive.read(&entry, MAX_PICKLE_BYTES)?;
        let order = format!("{prefix}/byteorder");
        let order = match archive.entry(&order) {
            None => None,
            Some(_) => Some(archive.read(&order, MAX_ORDER_BYTES)?),
        };
        let outline = Self::parse(&bytes, &prefix, order.as_deref())?;
        if let Self::Network(network) = &outline {
            network.storages.iter().try_for_each(|storage| fits(storage, archive))?;
        }
        Ok(outline)
    }

    /// Parses the outline from the bytes of `data.pkl` and of `byteorder`. Files of older PyTorch releases have no
    /// `byteorder` and are little-endian.
    pub(super) fn parse(pickle: &[u8], prefix: &str, order: Option<&[u8]>) -> Result<Self> {
        let entry = format!("{prefix}/data.pkl");
        let big_endian = match order.map(<[u8]>::trim_ascii) {
            None | Some(b"little") => false,
            Some(b"big") => true,
            Some(other) => {
                let what = format!("the byte order {:?}", String::from_utf8_lossy(other));
                return Err(Kind::Unsupported(what).in_entry(&format!("{prefix}/byteorder")));
            }
        };
        let graph = pickle::read(pickle, Allow::STATE_DICT).map_err(|error| error.in_entry(&entry))?;
        Parser {
            graph: &graph,
            prefix,
            network: NetworkOutline { big_endian, ..Default::default() },
            keys: IndexMap::new(),
        }
        .parse()
        .map_err(|error| error.in_entry(&entry))
    }
}

/// The content of a file of `torch.save` without tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorchValue {
    /// The value.
    pub value: Value,
    /// The entries that torch does not read.
    pub unread: Vec<String>,
}

/// Reads a file of `torch.save` that holds no tensors.
///
/// # Errors
/// As [`Archive::new`] and [`pickle::read`]; `malformed` for types without a value; `unsafe` when torch would read the
/// file differently.
pub fn read_value(reader: impl Read + Seek) -> Result<TorchValue> {
    let mut archive = entries::open(reader)?;
    let Entries { prefix, unread } = Entries::of(&archive)?;
    let entry = format!("{prefix}/data.pkl");
    let bytes = archive.read(&entry, MAX_PICKLE_BYTES)?;
    let value = pickle::read(&bytes, Allow::VALUES).and_then(|graph| graph.to_value(graph.root()));
    let value = value.map_err(|error| error.in_entry(&entry))?;
    Ok(TorchValue { value, unread })
}

/// Bytes of the entry `byteorder`.
pub(super) const MAX_ORDER_BYTES: u64 = 16;

/// Checks that the entry of a storage exists and has the size that the pickle announces.
fn fits<R: Read + Seek>(storage: &StorageOutline, archive: &Archive<R>) -> Result<()> {
    let entry = archive.entry(&storage.entry).ok_or_else(|| Kind::MissingEntry(excerpt(&storage.entry)))?;
    if entry.deflated {
        // torch never deflates entries, and a deflated file inside a deflated entry expands a millionfold.
        return Err(Kind::Unsupported("a deflated storage".to_owned()).in_entry(&storage.entry));
    }
    if entry.bytes == storage.bytes() {
        return Ok(());
    }
    let StorageOutline { dtype, elements, .. } = storage;
    let what = format!("expected {elements} elements of {dtype}, found {} bytes", entry.bytes);
    Err(Kind::Storage(what).in_entry(&storage.entry))
}

struct Parser<'g> {
    graph: &'g Graph,
    prefix: &'g str,
    network: NetworkOutline,
    /// The index of each storage by its key.
    keys: IndexMap<String, usize>,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Outline> {
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
        for (key, value) in items {
            let name = self.graph.text(*key).ok_or_else(|| self.unexpected("a text key", *key))?;
            within("bytes of tensor name", name.len() as u64, MAX_TENSOR_NAME_BYTES)?;
            let tensor = self.tensor(*value).map_err(|error| error.under(subscript(name)))?;
            self.network.tensors.insert(name.to_owned(), tensor);
        }
        self.network.bounded()?;
        Ok(Outline::Network(self.network))
    }

    /// The tensor of an object.
    fn tensor(&mut self, id: Id) -> Result<TensorOutline> {
        let arguments = match self.graph.node(id) {
            Node::Call { global: Global::RebuildTensor, arguments, .. } => arguments,
            // A parameter holds its tensor, `requires_grad` and hooks. It cannot hold another parameter.
            Node::Call { global: Global::RebuildParameter, arguments, .. } => {
                let data = arguments.first().ok_or_else(|| self.unexpected("a tensor", id))?;
                match self.graph.node(*data) {
                    Node::Call { global: Global::RebuildTensor, arguments, .. } => arguments,
                    _ => return Err(self.unexpected("a tensor", *data)),
                }
            }
            _ => return Err(self.unexpected("a tensor", id)),
        };
        let &[storage, offset, shape, strides, ref rest @ ..] = arguments.as_slice() else {
            return Err(self.unexpected("a tensor's storage, offset, shape and strides", id));
        };
        if let Some(&metadata) = rest.get(2) {
            self.plain_bits(metadata)?;
        }
        let storage = self.storage(storage)?;
        let StorageOutline { dtype, elements, .. } =
            *self.network.storages.get(storage).ok_or_else(|| self.unexpected("a storage", id))?;
        let view = View::new(self.size(offset)?, self.sizes(shape)?, self.sizes(strides)?, elements)?;
        Ok(TensorOutline { dtype, storage, view })
    }

    /// Refuses a lazy view: a tensor that is conjugated or negated when it is read, unlike the elements on disk.
    fn plain_bits(&self, metadata: Id) -> Result<()> {
        let Node::Dict(items) = self.graph.node(metadata) else { return Ok(()) };
        for (key, value) in items {
            if let (Some(bit @ ("conj" | "neg")), Node::Bool(true)) =
                (self.graph.text(*key), self.graph.node(*value))
            {
                return Err(Kind::Unsupported(format!("a tensor that is a lazy view ({bit})")).into());
            }
        }
        Ok(())
    }

    /// The index of the storage with the persistent id `('storage', class, key, device, elements)`.
    fn storage(&mut self, id: Id) -> Result<usize> {
        let wrong = || self.unexpected("a storage", id);
        let Node::Persistent(name) = self.graph.node(id) else { return Err(wrong()) };
        let &[tag, class, key, _device, elements] = self.graph.sequence(*name).ok_or_else(wrong)? else {
            return Err(wrong());
        };
        let Node::Global(Global::Storage(dtype)) = *self.graph.node(class) else { return Err(wrong()) };
        let key =
            self.graph.text(key).filter(|_| self.graph.text(tag) == Some("storage")).ok_or_else(wrong)?;
        within("bytes of storage key", key.len() as u64, MAX_ENTRY_NAME_BYTES)?;
        let elements = self.size(elements)?;
        if elements.checked_mul(dtype.size()).is_none() {
            return Err(Kind::Storage(format!(
                "the size of {elements} elements of {dtype} in bytes overflows"
            ))
            .into());
        }
        let known = self.network.storages.len();
        let index = *self.keys.entry(key.to_owned()).or_insert(known);
        match self.network.storages.get(index) {
            None => {
                let entry = format!("{}/data/{key}", self.prefix);
                self.network.storages.push(StorageOutline { entry, dtype, elements });
            }
            Some(known) if (known.dtype, known.elements) == (dtype, elements) => {}
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

impl NetworkOutline {
    /// Refuses tensors with many more bytes than the storages that they view, before any tensor is allocated.
    fn bounded(&self) -> Result<()> {
        let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.fold(0, u64::saturating_add);
        let storages = sum(&mut self.storages.iter().map(StorageOutline::bytes));
        let allowed = |ratio| storages.saturating_mul(ratio).max(MIN_VIEW_BYTES);
        let copied = |tensor: &&TensorOutline| !self.is_whole(tensor);
        let all = sum(&mut self.tensors.values().map(TensorOutline::bytes));
        within("bytes of tensors", all, allowed(MAX_VIEW_RATIO))?;
        let copies = sum(&mut self.tensors.values().filter(copied).map(TensorOutline::bytes));
        Ok(within("bytes of copied tensors", copies, allowed(MAX_COPY_RATIO))?)
    }

    /// Whether a tensor covers its whole storage in storage order.
    pub(crate) fn is_whole(&self, tensor: &TensorOutline) -> bool {
        self.storages.get(tensor.storage).is_some_and(|storage| tensor.view.is_whole(storage.elements))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_tensor_counts_its_view_and_a_storage_counts_all_its_elements() {
        let view = View::new(1, vec![3, 2], vec![2, 1], 100).unwrap();
        let tensor = TensorOutline { dtype: Dtype::Int16, storage: 0, view };
        assert_eq!((tensor.elements(), tensor.bytes()), (6, 12));
        let storage = StorageOutline { entry: String::new(), dtype: Dtype::Int16, elements: 100 };
        assert_eq!(storage.bytes(), 200);
    }

    #[test]
    fn copies_are_bounded_more_tightly_than_whole_views() {
        let network = |whole: usize, copies: usize| {
            let elements = 20 << 20;
            let view = |offset| View::new(offset, vec![elements - offset], vec![1], elements).unwrap();
            let tensor = |n: usize, offset| {
                (n.to_string(), TensorOutline { dtype: Dtype::Uint8, storage: 0, view: view(offset) })
            };
            let storage = StorageOutline { entry: String::new(), dtype: Dtype::Uint8, elements };
            NetworkOutline {
                tensors: (0..whole + copies).map(|n| tensor(n, usize::from(n < copies))).collect(),
                storages: vec![storage],
                big_endian: false,
            }
            .bounded()
        };
        assert!(network(64, 0).is_ok() && network(0, 2).is_ok());
        assert!(matches!(network(65, 0).unwrap_err().kind, Kind::Limit { what: "bytes of tensors", .. }));
        assert!(matches!(
            network(0, 3).unwrap_err().kind,
            Kind::Limit { what: "bytes of copied tensors", .. }
        ));
    }
}
