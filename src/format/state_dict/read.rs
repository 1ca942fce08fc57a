//! Reading a `model.pth`.

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
    sync::Arc,
};

use super::LEGACY_MAGIC;
use crate::{
    contract::{Dtype, ModelState, StateDict, Tensor},
    format::{
        Archive, FormatError, FormatErrorKind as Kind,
        error::within,
        limits::{
            MAX_COPY_RATIO, MAX_ENTRY_BYTES, MAX_ENTRY_NAME_BYTES, MAX_PICKLE_BYTES, MAX_RANK,
            MAX_TENSOR_NAME_BYTES, MAX_TENSORS, MAX_VIEW_RATIO, MIN_VIEW_BYTES,
        },
        pickle::{self, Allow, Global, Graph, Id, Node, subscript},
        view::View,
    },
};

type Result<T> = std::result::Result<T, FormatError>;

/// Reads what was saved: a dict of tensors, or a sentinel (BUN-10).
///
/// Any names, shapes and element types are taken. Tensors that share a storage come back each with its
/// own contiguous little-endian bytes; devices, `requires_grad` and `_metadata` are not part of a state.
///
/// # Errors
/// As [`Archive::new`] and [`pickle::read`]; `unsupported` for the legacy format and for deflated storages;
/// `unsafe` for tensors that come to far more bytes than their storages; `malformed` for
/// something that is not a state and for a tensor that does not fit its storage.
pub fn read(mut reader: impl Read + Seek) -> Result<ModelState> {
    if is_legacy(&mut reader)? {
        return Err(Kind::LegacyTorch.into());
    }
    let mut archive = Archive::new(reader)?;
    let prefix = prefix(&archive)?;
    let entry = format!("{prefix}/data.pkl");
    let bytes = archive.read(&entry, MAX_PICKLE_BYTES)?;
    let graph = pickle::read(&bytes, Allow::STATE_DICT).map_err(|error| error.in_entry(&entry))?;
    let big_endian = is_big_endian(&mut archive, &prefix)?;
    let storages = Storages { archive, prefix, big_endian, read: HashMap::new(), bytes: 0 };
    state(&graph, storages)
        .map_err(|error| if error.place.entry.is_none() { error.in_entry(&entry) } else { error })
}

fn is_legacy(reader: &mut (impl Read + Seek)) -> Result<bool> {
    let mut start = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(2 + LEGACY_MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start.get(2..).is_some_and(|magic| magic == LEGACY_MAGIC))
}

/// The one directory that everything is in: the file's stem, or `archive`.
fn prefix<R: Read + Seek>(archive: &Archive<R>) -> Result<String> {
    let mut prefixes = archive.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    match (prefixes.find(|prefix| !prefix.contains('/')), prefixes.find(|prefix| !prefix.contains('/'))) {
        (Some(prefix), None) => Ok(prefix.to_owned()),
        (Some(_), Some(other)) => Err(Kind::Zip(format!("{other}/data.pkl is a second state dict")).into()),
        (None, _) => Err(Kind::MissingEntry("archive/data.pkl".to_owned()).into()),
    }
}

/// Files from before PyTorch 1.14 do not say, and are little-endian.
fn is_big_endian<R: Read + Seek>(archive: &mut Archive<R>, prefix: &str) -> Result<bool> {
    let entry = format!("{prefix}/byteorder");
    if archive.entry(&entry).is_none() {
        return Ok(false);
    }
    match archive.read(&entry, 16)?.trim_ascii() {
        b"little" => Ok(false),
        b"big" => Ok(true),
        other => Err(Kind::Unsupported(format!("the byte order {:?}", String::from_utf8_lossy(other)))
            .in_entry(&entry)),
    }
}

fn state<R: Read + Seek>(graph: &Graph, mut storages: Storages<R>) -> Result<ModelState> {
    let Node::Dict(items) = graph.node(graph.root()) else {
        return Err(unexpected("a state dict", graph.node(graph.root())));
    };
    if items.iter().any(|(key, _)| graph.text(*key) == Some(ModelState::SENTINEL_KEY)) {
        return match graph.to_value(graph.root())? {
            crate::contract::Value::Map(map) => Ok(ModelState::Sentinel(map)),
            _ => Err(unexpected("a sentinel", graph.node(graph.root()))),
        };
    }
    within("tensors", items.len() as u64, MAX_TENSORS)?;
    let mut tensors = StateDict::new();
    let mut bytes = Bytes::default();
    for (key, value) in items {
        let name = graph.text(*key).ok_or_else(|| unexpected("a text key", graph.node(*key)))?;
        within("bytes of tensor name", name.len() as u64, MAX_TENSOR_NAME_BYTES)?;
        let tensor = tensor(graph, *value, &mut storages, &mut bytes);
        tensors.insert(name.to_owned(), tensor.map_err(|error| error.under(subscript(name)))?);
    }
    Ok(ModelState::Network(tensors))
}

/// What tensors come to, to bound how far they may exceed their storages.
#[derive(Default)]
struct Bytes {
    all: u64,
    copied: u64,
}

impl Bytes {
    /// Counts a tensor of so many bytes, before it is made.
    fn count(&mut self, tensor: u64, copied: bool, storages: u64) -> Result<()> {
        let allowed = |ratio| storages.saturating_mul(ratio).max(MIN_VIEW_BYTES);
        self.all = self.all.saturating_add(tensor);
        self.copied = self.copied.saturating_add(if copied { tensor } else { 0 });
        within("bytes of tensors", self.all, allowed(MAX_VIEW_RATIO))?;
        Ok(within("bytes of copied tensors", self.copied, allowed(MAX_COPY_RATIO))?)
    }
}

/// The tensor that an object is.
fn tensor<R: Read + Seek>(
    graph: &Graph,
    id: Id,
    storages: &mut Storages<R>,
    counted: &mut Bytes,
) -> Result<Tensor> {
    let node = graph.node(id);
    let arguments = match node {
        Node::Call { global: Global::RebuildTensor, arguments, .. } => arguments,
        // A parameter is its tensor, whether it requires a gradient, and hooks; never a parameter again.
        Node::Call { global: Global::RebuildParameter, arguments, .. } => match arguments.first() {
            Some(data) => match graph.node(*data) {
                Node::Call { global: Global::RebuildTensor, arguments, .. } => arguments,
                other => return Err(unexpected("a tensor", other)),
            },
            None => return Err(unexpected("a tensor", node)),
        },
        _ => return Err(unexpected("a tensor", node)),
    };
    let &[storage, offset, shape, strides, ..] = arguments.as_slice() else {
        return Err(unexpected("a tensor's storage, offset, shape and strides", node));
    };
    let Storage { dtype, elements, bytes } = storages.get(graph, storage)?;
    let view = View::new(size(graph, offset)?, sizes(graph, shape)?, sizes(graph, strides)?, elements)?;
    let (tensor_bytes, whole) =
        ((view.elements() as u64).saturating_mul(dtype.size() as u64), view.is_whole(elements));
    counted.count(tensor_bytes, !whole, storages.bytes)?;
    let shape = view.shape().to_vec();
    let tensor = if whole {
        Tensor::new(dtype, shape, bytes)
    } else {
        view.copy(&bytes, dtype.size()).and_then(|bytes| Tensor::new(dtype, shape, bytes))
    };
    tensor.ok_or_else(|| Kind::Storage("the tensor does not fit its storage".to_owned()).into())
}

/// The storages of one file, each read once.
struct Storages<R> {
    archive: Archive<R>,
    prefix: String,
    big_endian: bool,
    read: HashMap<String, Storage>,
    /// Bytes of all storages that were read.
    bytes: u64,
}

#[derive(Clone)]
struct Storage {
    dtype: Dtype,
    elements: usize,
    /// Little-endian.
    bytes: Arc<[u8]>,
}

impl<R: Read + Seek> Storages<R> {
    /// The storage that a persistent id names: `('storage', class, key, device, elements)`.
    fn get(&mut self, graph: &Graph, id: Id) -> Result<Storage> {
        let wrong = || unexpected("a storage", graph.node(id));
        let Node::Persistent(name) = graph.node(id) else { return Err(wrong()) };
        let &[tag, class, key, _device, elements] = graph.sequence(*name).ok_or_else(wrong)? else {
            return Err(wrong());
        };
        let Node::Global(Global::Storage(dtype)) = *graph.node(class) else { return Err(wrong()) };
        let key = graph.text(key).filter(|_| graph.text(tag) == Some("storage")).ok_or_else(wrong)?;
        within("bytes of storage key", key.len() as u64, MAX_ENTRY_NAME_BYTES)?;
        let elements = size(graph, elements)?;
        if let Some(storage) = self.read.get(key) {
            return if (storage.dtype, storage.elements) == (dtype, elements) {
                Ok(storage.clone())
            } else {
                Err(Kind::Storage(format!("storage {key:?} has two types or sizes")).into())
            };
        }
        let entry = format!("{}/data/{key}", self.prefix);
        if self.archive.entry(&entry).is_some_and(|entry| entry.deflated) {
            // torch only ever stores, and a deflated file inside a deflated entry expands a millionfold.
            return Err(Kind::Unsupported("a deflated storage".to_owned()).in_entry(&entry));
        }
        let mut bytes = self.archive.read(&entry, MAX_ENTRY_BYTES)?;
        if elements.checked_mul(dtype.size()) != Some(bytes.len()) {
            let what = format!("the storage has {} bytes, not {elements} elements of {dtype}", bytes.len());
            return Err(Kind::Storage(what).in_entry(&entry));
        }
        if self.big_endian {
            let part = match dtype {
                Dtype::Complex64 | Dtype::Complex128 => dtype.size() / 2,
                _ => dtype.size(),
            };
            bytes.chunks_exact_mut(part).for_each(<[u8]>::reverse);
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let storage = Storage { dtype, elements, bytes: bytes.into() };
        self.read.insert(key.to_owned(), storage.clone());
        Ok(storage)
    }
}

fn sizes(graph: &Graph, id: Id) -> Result<Vec<usize>> {
    let items = graph.sequence(id).ok_or_else(|| unexpected("a tuple of sizes", graph.node(id)))?;
    within("dimensions", items.len() as u64, MAX_RANK)?;
    items.iter().map(|item| size(graph, *item)).collect()
}

fn size(graph: &Graph, id: Id) -> Result<usize> {
    let size = match graph.node(id) {
        Node::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    };
    size.ok_or_else(|| unexpected("a size", graph.node(id)))
}

fn unexpected(expected: &'static str, node: &Node) -> FormatError {
    let found = match node {
        Node::Int(value) => value.to_string(),
        node => node.type_name().to_owned(),
    };
    Kind::Unexpected { expected, found }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::{
        contract::{Map, Value},
        format::{
            state_dict::write,
            writer::{ArchiveWriter, Placement},
        },
    };

    /// A file with this pickle and this one storage.
    fn file(pickle: &str, order: &[u8], storage: &[u8]) -> Cursor<Vec<u8>> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        archive.entry("m/data.pkl", pickle.as_bytes()).unwrap();
        archive.entry("m/byteorder", order).unwrap();
        archive.entry("m/data/0", storage).unwrap();
        archive.finish().unwrap()
    }

    /// The pickle of a tensor of int16 on a device, with this offset, shape and strides.
    fn tensor(elements: usize, offset: i64, shape: &str, strides: &str) -> String {
        let storage = format!("(Vstorage\nctorch\nShortStorage\nV0\nVcuda:0\nI{elements}\ntQ");
        format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI01\nNtR")
    }

    fn little(pickle: &str, storage: &[u8]) -> Result<ModelState> {
        read(file(pickle, b"little", storage))
    }

    fn network(state: ModelState) -> Vec<(String, Vec<usize>, Vec<u8>)> {
        let ModelState::Network(tensors) = state else { unreachable!() };
        let parts =
            |(name, tensor): (String, Tensor)| (name, tensor.shape().to_vec(), tensor.data().to_vec());
        tensors.into_iter().map(parts).collect()
    }

    #[test]
    fn every_element_type_comes_back_from_what_we_write() {
        let shape =
            |dtype: Dtype| Tensor::new(dtype, vec![3, 1], (0..3 * dtype.size() as u8).collect::<Vec<_>>());
        let tensors = Dtype::ALL.into_iter().rev().map(|dtype| (dtype.to_string(), shape(dtype).unwrap()));
        let state = ModelState::Network(tensors.collect());
        let mut file = Cursor::new(Vec::new());
        write(&state, &mut file).unwrap();
        let back = read(file).unwrap();
        assert_eq!(back, state);
        let (ModelState::Network(back), ModelState::Network(state)) = (back, state) else { unreachable!() };
        assert!(back.keys().eq(state.keys()), "the order is kept");
    }

    #[test]
    fn big_endian_storages_are_turned() {
        let pickle = format!("}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n"));
        let state = read(file(&pickle, b"big", &[0, 1, 2, 3])).unwrap();
        assert_eq!(network(state), [("a".into(), vec![2], vec![1, 0, 3, 2])]);
        assert!(matches!(read(file(&pickle, b"pdp", &[0; 4])).unwrap_err().kind, Kind::Unsupported(_)));
    }

    #[test]
    fn tensors_that_share_a_storage_come_back_each_with_its_own_bytes() {
        let (whole, columns) = (tensor(4, 0, "I2\nI2\n", "I2\nI1\n"), tensor(4, 0, "I2\nI2\n", "I1\nI2\n"));
        let parameter = format!("ctorch._utils\n_rebuild_parameter\n({}I01\nNtR", tensor(4, 3, "", ""));
        let pickle = format!("}}(Va\n{whole}Vb\n{columns}Vc\n{parameter}u.");
        let tensors = network(little(&pickle, &[0, 0, 1, 0, 2, 0, 3, 0]).unwrap());
        assert_eq!(tensors[0].2, [0, 0, 1, 0, 2, 0, 3, 0]);
        assert_eq!(tensors[1].2, [0, 0, 2, 0, 1, 0, 3, 0]);
        assert_eq!(tensors[2], ("c".into(), vec![], vec![3, 0]));
    }

    #[test]
    fn an_empty_ordered_dict_is_a_network_without_tensors_whatever_its_metadata() {
        assert_eq!(network(little("ccollections\nOrderedDict\n)R}V_metadata\nNsb.", &[]).unwrap()), []);
    }

    #[test]
    fn a_dict_with_the_mark_is_a_sentinel() {
        let map = Map::from_iter([("_sentinel".to_owned(), Value::Int(1))]);
        let state = ModelState::Sentinel(map);
        assert_eq!(little("}V_sentinel\nI1\ns.", &[]).unwrap(), state);
        let mut file = Cursor::new(Vec::new());
        write(&state, &mut file).unwrap();
        assert_eq!(read(file).unwrap(), state);
    }

    #[test]
    fn what_is_neither_is_refused_by_what_it_is() {
        for (pickle, message) in [
            ("].", "\"m/data.pkl\": expected a state dict, found list"),
            ("}Va\n}s.", "\"m/data.pkl\": ['a']: expected a tensor, found dict"),
            ("}I1\nNs.", "\"m/data.pkl\": expected a text key, found 1"),
        ] {
            assert_eq!(little(pickle, &[]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_tensor_outside_its_storage_is_refused_by_name() {
        let pickle = format!("}}Va\n{}s.", tensor(2, 1, "I2\n", "I1\n"));
        let error = little(&pickle, &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Storage(_)) && error.place.subscript.as_deref() == Some("['a']"));
        let pickle = format!("}}Va\n{}s.", tensor(2, -1, "I2\n", "I1\n"));
        assert!(matches!(
            little(&pickle, &[0; 4]).unwrap_err().kind,
            Kind::Unexpected { expected: "a size", .. }
        ));
    }

    #[test]
    fn a_storage_has_the_size_that_the_pickle_says() {
        let pickle = format!("}}Va\n{}s.", tensor(3, 0, "I2\n", "I1\n"));
        let error = little(&pickle, &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Storage(_)) && error.place.entry.as_deref() == Some("m/data/0"));
    }

    #[test]
    fn a_stride_of_zero_does_not_expand_without_bound() {
        let pickle = |rows: u32| format!("}}Va\n{}s.", tensor(2, 0, &format!("I{rows}\nI2\n"), "I0\nI1\n"));
        assert!(little(&pickle(1000), &[0; 4]).is_ok());
        let error = little(&pickle(1 << 30), &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Limit { what: "bytes of tensors", .. }));
    }

    #[test]
    fn copies_are_bounded_more_tightly_than_whole_views() {
        let mut bytes = Bytes::default();
        let storages = 20 << 20;
        assert!((0..64).all(|_| bytes.count(storages, false, storages).is_ok()));
        assert!(bytes.count(1, false, storages).is_err());
        let mut bytes = Bytes::default();
        assert!((0..2).all(|_| bytes.count(storages, true, storages).is_ok()));
        assert!(bytes.count(1, true, storages).is_err());
    }

    #[test]
    fn a_deflated_storage_is_unsupported() {
        let mut stored =
            Archive::new(file(&format!("}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n")), b"little", &[0; 4]))
                .unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["m/data.pkl", "m/byteorder", "m/data/0"] {
            let deflated = zip::write::SimpleFileOptions::default();
            zip.start_file(name, deflated.compression_method(zip::CompressionMethod::Deflated)).unwrap();
            zip.write_all(&stored.read(name, 1000).unwrap()).unwrap();
        }
        let error = read(zip.finish().unwrap()).unwrap_err();
        assert!(
            matches!(error.kind, Kind::Unsupported(_)) && error.place.entry.as_deref() == Some("m/data/0")
        );
    }

    #[test]
    fn the_legacy_format_is_unsupported() {
        let bytes = [b"\x80\x02", LEGACY_MAGIC, b"\x80\x02M\xe9\x03."].concat();
        assert_eq!(read(Cursor::new(bytes)).unwrap_err().kind, Kind::LegacyTorch);
    }

    #[test]
    fn a_file_without_or_with_two_pickles_is_refused() {
        let archive = |names: &[&str]| {
            let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
            names.iter().for_each(|name| archive.entry(name, b"}.").unwrap());
            read(archive.finish().unwrap()).map_err(|error| error.kind)
        };
        assert!(archive(&["any name/data.pkl"]).is_ok());
        assert!(matches!(archive(&["data.pkl", "a/b/data.pkl"]), Err(Kind::MissingEntry(_))));
        assert!(matches!(archive(&["a/data.pkl", "b/data.pkl"]), Err(Kind::Zip(_))));
    }
}
