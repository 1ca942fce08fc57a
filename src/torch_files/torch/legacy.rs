//! The format of `torch.save` before PyTorch 1.6, which it still writes on request: not an archive, but five pickles one
//! after another, followed by the storages.
//!
//! The pickles are a magic number, the version of the format, the sizes of C's types, the state dict, and the list of the
//! keys of the storages. Then each storage follows in the order of that list: the number of its elements, and the elements.

use std::io::{Read, Seek, SeekFrom};

use super::{
    description::{Described, ReadOutline, ReferredStorages, StorageSize, turn},
    elements::{ElementSink, ElementVisitor},
    outline::Outline,
    source::{Source, TorchFormat},
};
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    error::excerpt,
    limits::{BUFFER_BYTES, MAX_PICKLE_BYTES},
    pickle::{Allow, Graph, Id, Node, Survey, read_first, safe_mode, survey},
};

type Result<T> = std::result::Result<T, FormatError>;

/// The number that every such file begins with, and the most bytes of its pickle in any protocol.
const MAGIC: u128 = 0x1950_a86a_20f9_469c_fc6c;
const MAX_MAGIC_BYTES: u64 = 64;

/// Bytes of the number of elements before those of a storage.
const COUNT_BYTES: u64 = 8;

/// The version of the format.
const VERSION: i64 = 1001;

/// Bytes that are read first; the pickles of most files are shorter.
const FIRST_BYTES: u64 = 1 << 20;

/// Whether a file begins like every file of this format.
pub(crate) fn is_legacy(reader: &mut (impl Read + Seek)) -> Result<bool> {
    let mut start = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(MAX_MAGIC_BYTES).read_to_end(&mut start)?;
    let Ok((graph, _)) = read_first(&start, Allow::VALUES) else { return Ok(false) };
    Ok(*graph.node(graph.root()) == Node::BigInt(MAGIC.into()))
}

/// Reads such a file from front to back, as [`scan`](super::scan()) does.
///
/// # Errors
/// As [`scan`](super::scan()).
pub(super) fn scan(
    mut reader: impl Read + Seek,
    elements: &mut dyn ElementVisitor,
    read: &mut ReadOutline<'_>,
) -> Result<Scanned> {
    let Head { outline, keys, length, storages: mut others, beyond } = head(&mut reader, read)?;
    let mut sink = ElementSink::of(&outline, elements)?;
    if let Some(key) = keys.iter().find(|key| sink.bytes(key).is_none() && others.get(*key) == Some(&None)) {
        let what = format!("storage {:?}, whose elements have another type", excerpt(key));
        return Err(Kind::Unsupported(what).into());
    }
    let bytes = |key| sink.bytes(key).or_else(|| others.get(key).copied().flatten().map(|size| size.bytes));
    let storages = keys.iter().map(|key| bytes(key).unwrap_or_default().saturating_add(COUNT_BYTES));
    let needed = storages.fold(length, u64::saturating_add);
    let here = reader.seek(SeekFrom::End(0))?;
    if let Some(missing) = needed.checked_sub(here).filter(|missing| *missing > 0) {
        return Err(Kind::Corrupt(format!("the file was cut short: {missing} bytes are missing")).into());
    }
    reader.seek(SeekFrom::Start(0))?;
    let mut rest = Rest { reader, checksum: crc32fast::Hasher::new(), buffer: vec![0; BUFFER_BYTES] };
    rest.pass(length, &mut |_, _| Ok(()))?;
    for key in &keys {
        let seen = sink.bytes(key).map(|bytes| StorageSize { element: sink.size(key) as u64, bytes });
        let other = others.remove(key).flatten();
        let StorageSize { element: size, bytes } = seen.or(other).ok_or_else(|| {
            Kind::Storage(format!("storage {:?} belongs to no tensor or is listed twice", excerpt(key)))
        })?;
        let announced = rest.number()?;
        if announced.checked_mul(size) != Some(bytes) {
            let expected = bytes / size;
            let what =
                format!("expected {expected} elements in storage {:?}, found {announced}", excerpt(key));
            return Err(Kind::Storage(what).into());
        }
        rest.pass(bytes, &mut |offset, piece| sink.piece(key, offset, piece))?;
        sink.end(key);
    }
    if let Some(missing) = sink.remaining().or_else(|| others.keys().min().map(String::as_str)) {
        return Err(Kind::Storage(format!("storage {:?} is not in the file", excerpt(missing))).into());
    }
    match here.saturating_sub(needed) {
        0 => Ok(Scanned { outline, crc32: rest.checksum.finalize(), beyond }),
        bytes => Err(Kind::UnlistedBytes { bytes, place: "behind the last storage".to_owned() }.into()),
    }
}

/// What was read of such a file besides the elements.
pub(super) struct Scanned {
    pub(super) outline: Outline,
    /// The CRC-32 of the whole file.
    pub(super) crc32: u32,
    /// Offset and name of the first opcode that the safe mode of torch lacks, in the pickles around the state dict: torch
    /// reads all of them in the same way.
    pub(super) beyond: Option<(u64, &'static str)>,
}

/// What precedes the storages.
struct Head {
    outline: Outline,
    /// The keys of the storages, in the order of their elements.
    keys: Vec<String>,
    /// Bytes of the pickles.
    length: u64,
    /// The storages that the outline may leave out.
    storages: ReferredStorages,
    /// The first opcode around the state dict that the safe mode of torch lacks.
    beyond: Option<(u64, &'static str)>,
}

/// Reads the pickles. More and more of the file is read until they are whole.
fn head(reader: &mut (impl Read + Seek), read: &mut ReadOutline<'_>) -> Result<Head> {
    let mut bytes = Vec::new();
    let mut wanted = FIRST_BYTES;
    let mut waited = None;
    reader.seek(SeekFrom::Start(0))?;
    loop {
        reader.by_ref().take(wanted - bytes.len() as u64).read_to_end(&mut bytes)?;
        match parse(&bytes, read) {
            Err(error)
                if error.kind == Kind::Truncated
                    && bytes.len() as u64 == wanted
                    && wanted < MAX_PICKLE_BYTES =>
            {
                waited = waited.or_else(|| turn(wanted));
                wanted = wanted.saturating_mul(4).min(MAX_PICKLE_BYTES);
            }
            parsed => return parsed,
        }
    }
}

fn parse(bytes: &[u8], read: &mut ReadOutline<'_>) -> Result<Head> {
    let (mut at, mut beyond) = (0, None);
    let mut next = |at: &mut usize| {
        let start = *at as u64;
        let rest = bytes.get(*at..).unwrap_or_default();
        let read = read_first(rest, Allow::VALUES).map_err(harmless);
        let (graph, length) = read.map_err(|error| error.after(start))?;
        let Survey { globals, beyond: own, .. } = survey(rest.get(..length).unwrap_or_default());
        // Plain values are made with more globals than the safe mode takes.
        if let Some((module, name)) = globals.into_iter().find(|(of, name)| !safe_mode::has_global(of, name))
        {
            return Err(FormatError::from(Kind::ForeignGlobal { module, name }).at(start, None));
        }
        beyond = beyond.or(own.map(|(offset, name)| (start + offset, name)));
        *at += length;
        Ok::<Graph, FormatError>(graph)
    };
    next(&mut at)?;
    let version = next(&mut at)?;
    if *version.node(version.root()) != Node::Int(VERSION) {
        return Err(Kind::Unsupported("another version of the format before PyTorch 1.6".to_owned()).into());
    }
    let system = next(&mut at)?;
    if !is_little_endian(&system) {
        return Err(Kind::Unsupported("a big-endian file of the format before PyTorch 1.6".to_owned()).into());
    }
    let pickle = bytes.get(at..).unwrap_or_default();
    let source = Source { pickle, format: TorchFormat::Legacy, place: &str::to_owned, big_endian: false };
    let described = read(&source).map_err(|error| error.after(at as u64))?;
    let Described { outline, length, storages } = described;
    at += length;
    let list = next(&mut at)?;
    let listed = list.sequence(list.root()).ok_or_else(|| keys_expected(&list, list.root()))?;
    let key = |id: &Id| list.text(*id).map(str::to_owned).ok_or_else(|| keys_expected(&list, *id));
    let keys = listed.iter().map(key).collect::<Result<_>>()?;
    Ok(Head { outline, keys, length: at as u64, storages, beyond })
}

/// A global that the safe mode takes is data, although torch writes none around a state dict.
fn harmless(error: FormatError) -> FormatError {
    match error.kind {
        Kind::ForeignGlobal { module, name } if safe_mode::has_global(&module, &name) => {
            let what = format!("{module}.{name} in the pickles around the state dict");
            FormatError { kind: Kind::Unsupported(what), ..error }
        }
        kind => FormatError { kind, ..error },
    }
}

fn is_little_endian(system: &Graph) -> bool {
    let Node::Dict(items) = system.node(system.root()) else { return false };
    let of_order = |(key, _): &&(Id, Id)| system.text(*key) == Some("little_endian");
    items.iter().find(of_order).is_some_and(|(_, value)| *system.node(*value) == Node::Bool(true))
}

fn keys_expected(list: &Graph, id: Id) -> FormatError {
    let found = list.node(id).type_name().to_owned();
    Kind::Unexpected { expected: "a list of the keys of storages", found }.into()
}

/// What is still to be read, with the checksum of what was read.
struct Rest<R> {
    reader: R,
    checksum: crc32fast::Hasher,
    buffer: Vec<u8>,
}

impl<R: Read> Rest<R> {
    /// Passes on the next bytes in pieces; each but the last has the length of the buffer.
    fn pass(&mut self, bytes: u64, take: &mut dyn FnMut(u64, &mut [u8]) -> Result<()>) -> Result<()> {
        let mut offset = 0;
        while offset < bytes {
            let wanted = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(self.buffer.len());
            let piece = self.buffer.get_mut(..wanted).unwrap_or_default();
            self.reader.read_exact(piece).map_err(|error| Kind::Corrupt(error.to_string()))?;
            self.checksum.update(piece);
            take(offset, piece)?;
            offset += wanted as u64;
        }
        Ok(())
    }

    /// The next eight bytes as a number.
    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        self.pass(COUNT_BYTES, &mut |_, bytes| {
            number = bytes.iter().rev().fold(0, |all: u64, byte| all << 8 | u64::from(*byte));
            Ok(())
        })?;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;
    use crate::torch_files::{
        Dtype, ModelState,
        torch::{Storages, description::state_dict, read, scan_file},
    };

    /// The magic number in protocol 2.
    const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

    const SYSTEM: &str = "}Vlittle_endian\nI01\ns.";

    fn tensor(class: &str, key: &str, elements: usize, shape: &str, strides: &str) -> String {
        let storage = format!("(Vstorage\nctorch\n{class}\nV{key}\nVcpu\nI{elements}\nNtQ");
        format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I0\n({shape}t({strides}tI00\nNtR")
    }

    /// A file with these pickles and storages, each with the number of its elements.
    fn file(system: &str, state: &str, keys: &str, storages: &[(u64, &[u8])]) -> Vec<u8> {
        let mut bytes = [MAGIC, b"\x80\x02M\xe9\x03."].concat();
        [system, state, keys].iter().for_each(|pickle| bytes.extend(pickle.as_bytes()));
        for (elements, data) in storages {
            bytes.extend(elements.to_le_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    fn state() -> String {
        let (a, b) = (tensor("ShortStorage", "7", 2, "I2\n", "I1\n"), tensor("ByteStorage", "9", 1, "", ""));
        format!("}}(Va\n{a}Vb\n{b}u.")
    }

    fn refused(bytes: Vec<u8>) -> Kind {
        read(Cursor::new(bytes)).unwrap_err().kind
    }

    #[test]
    fn storages_follow_in_the_order_of_the_list() {
        let bytes = file(SYSTEM, &state(), "(V9\nV7\nl.", &[(1, &[5]), (2, &[1, 0, 2, 0])]);
        let ModelState::Network(tensors) = read(Cursor::new(bytes.clone())).unwrap() else { unreachable!() };
        assert_eq!((tensors["a"].dtype(), tensors["a"].data()), (Dtype::Int16, &[1, 0, 2, 0][..]));
        assert_eq!((tensors["b"].shape(), tensors["b"].data()), (&[][..], &[5][..]));
        let scanned = scan(Cursor::new(&bytes), &mut Storages::default(), &mut state_dict).unwrap();
        assert_eq!(scanned.crc32, crc32fast::hash(&bytes));
        assert!(matches!(refused(bytes[..bytes.len() - 1].to_vec()), Kind::Corrupt(_)));
        let behind = Kind::UnlistedBytes { bytes: 1, place: "behind the last storage".to_owned() };
        assert_eq!(refused([bytes, vec![0]].concat()), behind);
    }

    #[test]
    fn a_storage_that_no_tensor_views_is_passed_over() {
        let storage = |class: &str| format!("(Vstorage\nctorch\n{class}\nV8\nVcpu\nI3\nNtQ");
        let tensor = tensor("ByteStorage", "9", 1, "", "");
        for (class, bytes) in [("ShortStorage", 6), ("QInt32Storage", 12)] {
            let state = format!("}}(Vw\n{tensor}Vs\n{}u.", storage(class));
            let with = |elements, bytes| {
                file(SYSTEM, &state, "(V8\nV9\nl.", &[(elements, &vec![2; bytes][..]), (1, &[5])])
            };
            let scanned = scan_file(Cursor::new(with(3, bytes)), &mut Storages::default());
            let (outline, content) = scanned.content.unwrap();
            let Outline::Network(network) = outline else { unreachable!() };
            assert_eq!((network.tensors.len(), content.problems), (1, vec![]), "{class}");
            let refused =
                scan_file(Cursor::new(with(2, bytes)), &mut Storages::default()).content.unwrap_err();
            assert!(matches!(refused.kind, Kind::Storage(_)), "{class}: {refused}");
        }
        // Of another class the bytes are not known.
        let state = format!("}}(Vw\n{tensor}Vs\n{}u.", storage("OtherStorage"));
        let bytes = file(SYSTEM, &state, "(V8\nV9\nl.", &[(3, &[2; 6]), (1, &[5])]);
        let refused = scan_file(Cursor::new(bytes), &mut Storages::default()).content.unwrap_err();
        assert!(matches!(refused.kind, Kind::Unsupported(_)), "{refused}");
    }

    #[test]
    fn every_storage_is_there_once_and_has_its_size() {
        for (keys, storages) in [
            ("(V9\nl.", &[(1, &[5][..])][..]),
            ("(V9\nV9\nl.", &[(1, &[5]), (1, &[5])]),
            ("(V9\nV8\nl.", &[(1, &[5]), (1, &[5])]),
            ("(V9\nV7\nl.", &[(1, &[5]), (1, &[1, 0])]),
            ("(V9\nV7\nl.", &[(1, &[5]), (u64::MAX, &[1, 0])]),
        ] {
            let kind = refused(file(SYSTEM, &state(), keys, storages));
            assert!(matches!(kind, Kind::Storage(_) | Kind::Corrupt(_)), "{keys}: {kind}");
        }
        assert!(matches!(refused(file(SYSTEM, &state(), "I1\n.", &[])), Kind::Unexpected { .. }));
    }

    #[test]
    fn the_magic_number_may_be_in_any_protocol() {
        for first in [
            &b"\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."[..],
            b"L119547037146038801333356L\n.",
        ] {
            let bytes = file(SYSTEM, &state(), "(V9\nV7\nl.", &[(1, &[5]), (2, &[1, 0, 2, 0])]);
            assert!(read(Cursor::new([first, &bytes[MAGIC.len()..]].concat())).is_ok());
        }
        assert!(!is_legacy(&mut Cursor::new(b"L119547037146038801333357L\n.")).unwrap());
    }

    #[test]
    fn other_versions_byte_orders_and_views_are_unsupported() {
        let storages: &[(u64, &[u8])] = &[(1, &[5]), (2, &[1, 0, 2, 0])];
        let other = file(SYSTEM, &state(), "(V9\nV7\nl.", storages);
        let at = MAGIC.len() + 3;
        let mut version = other.clone();
        version[at] ^= 1;
        assert!(matches!(refused(version), Kind::Unsupported(_)));
        let big = "}Vlittle_endian\nI00\ns.";
        assert!(matches!(refused(file(big, &state(), "(V9\nV7\nl.", storages)), Kind::Unsupported(_)));
        let view = state().replace("NtQ", "(V1\nI0\nI1\ntQ").replace("(V1\nI0\nI1\ntQ", "(V1\nI0\nI1\nttQ");
        assert!(matches!(refused(file(SYSTEM, &view, "(V9\nV7\nl.", storages)), Kind::Unsupported(_)));
    }

    #[test]
    fn an_opcode_of_another_pickle_that_the_safe_mode_lacks_is_found() {
        let beyond = |keys: &str| {
            let bytes = file(SYSTEM, "}.", keys, &[]);
            let ignored = &mut Storages::default();
            scan(Cursor::new(&bytes), ignored, &mut state_dict).unwrap().beyond.map(|(_, name)| name)
        };
        // Texts of protocol 0 are written here, which torch does not read either.
        assert_eq!(beyond("]."), Some("UNICODE"));
        let bytes = [MAGIC, b"\x80\x02M\xe9\x03.}X\x0d\0\0\0little_endian\x88s.}.", b"(l."].concat();
        let ignored = &mut Storages::default();
        let scanned = scan(Cursor::new(&bytes), ignored, &mut state_dict).unwrap();
        assert_eq!(scanned.beyond, Some((bytes.len() as u64 - 2, "LIST")));
    }

    #[test]
    fn a_global_of_the_safe_mode_around_the_state_dict_is_not_called_unsafe() {
        let system = |global: &str| {
            let system = SYSTEM.replace("s.", &format!("sVx\nc{global}\ns."));
            refused(file(&system, "}.", "].", &[]))
        };
        let safe = system("torch._utils\n_rebuild_device_tensor_from_numpy");
        assert!(matches!(safe, Kind::Unsupported(_)), "{safe}");
        for other in ["os\nsystem", "builtins\nfrozenset"] {
            assert!(matches!(system(other), Kind::ForeignGlobal { .. }), "{other}");
        }
    }

    #[test]
    fn long_pickles_are_read_and_errors_have_their_offset_in_the_file() {
        let name = "n".repeat(4000);
        let items: String =
            (0..600).map(|n| format!("V{name}{n}\n{}", tensor("ByteStorage", "9", 1, "", ""))).collect();
        let long = file(SYSTEM, &format!("}}({items}u."), "(V9\nl.", &[(1, &[5])]);
        assert!(long.len() as u64 > FIRST_BYTES);
        let ModelState::Network(tensors) = read(Cursor::new(long)).unwrap() else { unreachable!() };
        assert_eq!(tensors.len(), 600);
        let foreign = file(SYSTEM, "cos\nsystem\n.", "(l.", &[]);
        let offset = foreign.len() - "cos\nsystem\n.(l.".len();
        let error = read(Cursor::new(foreign)).unwrap_err();
        assert_eq!(error.place.offset, Some(offset as u64));
    }
}
