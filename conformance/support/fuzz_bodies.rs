//! What must hold of any bytes: one body for each fuzz target. The fuzzer runs them, and `corpus.rs` does on
//! every file that fuzzing left behind, so that what was fuzzed is what is tested.

#![allow(clippy::expect_used, clippy::panic, reason = "a body stops where something does not hold")]

use std::{
    collections::HashSet,
    io::{Cursor, Read, Seek},
    sync::LazyLock,
};

use bundleproof::{
    bundle::{
        files::{BundleReader, write_bundle},
        nouns::{Bundle, BundledModel, MANIFEST_ENTRY, Params, SCALING_ENTRY, VERSION, model_entry},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{
        Dtype, FormatError, FormatErrorKind, ModelState, StateDict, Tensor, limits,
        pickle::{self, Allow, Protocol, write_value},
        torch::{self, ElementVisitor, NetworkOutline, Outline},
        zip::Archive,
    },
    value::{Map, Value},
};

use super::fuzz_zip::{Entry, zip};

/// Bytes of the longest message of a refusal: no input may fill a terminal or a log.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// The largest value and state that are written and read back: far above what an input of a few KiB says
/// without repeating itself, and below what only makes fuzzing slow. The writers have no limits of their own,
/// so that something larger may come back as a refusal.
const WRITTEN_OBJECTS: u64 = 50_000;
const WRITTEN_BYTES: u64 = 1 << 20;
const WRITTEN_TENSORS: usize = 4000;

/// Bytes of the largest entry of an archive that is read.
const READ_BYTES: u64 = 4 << 20;

/// A pickle is read, or refused at a place inside it; a value that comes out of it comes back when it is
/// written.
pub(crate) fn pickle(bytes: &[u8]) {
    let value = |allow| {
        let graph = pickle::read(bytes, allow)
            .inspect_err(|refusal| is_refused_inside(refusal, bytes.len() as u64))
            .ok()?;
        graph.to_value(graph.root()).inspect_err(is_refused).ok()
    };
    // One at a time, so that only small values are ever in memory twice.
    let first = value(Allow::VALUES);
    let first = match first {
        Some(first) if !is_small_size(size_of_value(&first)) => return,
        first => first,
    };
    let other = value(Allow::STATE_DICT);
    if let (Some(first), Some(other)) = (&first, &other) {
        assert_eq!(first, other, "a value depends on what else is allowed");
    }
    if let Some(value) = first.or(other) {
        value_comes_back(&value);
    }
}

/// A `model.pth` is read whole, shown piece by piece, and read out of a bundle, there stored and deflated: all
/// of these agree. What is read comes back when it is written.
///
/// The first byte says whether the rest is the file ([`RAW`]), the pickle of a good one ([`torch_file`]) or changes
/// to a good one ([`patched`]).
pub(crate) fn state_dict(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    let file = match how {
        &RAW => rest.to_vec(),
        how if how & RAW == 0 => torch_file(*how, rest),
        how => patched(&torch_file(*how, TENSOR), rest),
    };

    let state = torch::read(Cursor::new(&file)).inspect_err(is_refused);
    let mut shown = Shown::default();
    let scanned = torch::scan(Cursor::new(&file), &mut shown);
    match (&state, &scanned) {
        (Ok(state), Ok((outline, crc32))) => {
            assert_eq!(*crc32, crc32fast::hash(&file), "the checksum is that of all bytes");
            shown.is_all_of(outline);
            is_outlined(state, outline, file.len() as u64);
        }
        (Err(read), Err(scanned)) => assert_eq!(read, scanned),
        (read, scanned) => panic!("read: {:?}, scanned: {:?}", read.as_ref().err(), scanned.as_ref().err()),
    }

    for deflated in [false, true] {
        let bundle = zip(&[Entry { name: &model_entry("m"), bytes: &file, deflated }], false, false);
        let mut bundle = BundleReader::new(Cursor::new(bundle)).expect("the outer archive is good");
        let inside = |error: &FormatError| error.clone().in_entry(&model_entry("m"));
        let own = bundle.state("m").inspect_err(is_refused);
        assert!(own == state.as_ref().cloned().map_err(inside), "deflated: {deflated}, {own:?}");
        let mut own = Shown::default();
        let outline = bundle.scan("m", &mut own);
        assert!(
            outline == scanned.as_ref().map(|(outline, _)| outline.clone()).map_err(inside),
            "deflated: {deflated}, {outline:?}"
        );
        // What was shown before something turned out to be no network does not count.
        if matches!(outline, Ok(Outline::Network(_))) {
            assert!(own == shown, "deflated: {deflated}, other elements");
        }
    }

    if let Ok(state) = &state
        && is_small(state)
    {
        let back = torch::read(written(state)).expect("what was written can be read");
        assert_eq!(&back, state);
        if let (ModelState::Network(back), ModelState::Network(state)) = (&back, state) {
            assert!(back.keys().eq(state.keys()), "the tensors come back in another order");
        }
    }
}

/// An archive that is accepted has plain relative names, each once, and entries that are what they announce.
/// The bundle that it may be is read part by part as it is whole, and comes back when it is written.
///
/// The first byte says which of the good archives the rest is a list of changes to ([`patched`]), which pickle of
/// a good bundle it is ([`bundle_around`]), or that it is the archive itself.
pub(crate) fn archive(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    let how = usize::from(*how);
    let file = match (BASES.get(how), PICKLES.get(how.wrapping_sub(BASES.len()))) {
        (Some(base), _) => patched(base, rest),
        (_, Some(entry)) => bundle_around(entry, rest),
        (None, None) => rest.to_vec(),
    };
    let mut archive = match Archive::new(Cursor::new(&file)) {
        Ok(archive) => archive,
        Err(refusal) => return is_refused(&refusal),
    };
    names_are_plain(archive.names());
    entries_are_as_announced(&mut archive);

    let mut reader = BundleReader::new(Cursor::new(&file)).expect("the archive was accepted before");
    let _ = reader.scaling_metadata().inspect_err(is_refused);
    if let Ok(manifest) = reader.json_manifest().inspect_err(is_refused) {
        for name in &manifest.common.models {
            let _ = reader.json_params(name).inspect_err(is_refused);
        }
    }
    let Ok(manifest) = reader.manifest().inspect_err(is_refused) else { return };
    let mut models = Vec::new();
    let mut first_refusal = None;
    for name in &manifest.models {
        let state = reader.state(name).inspect_err(is_refused);
        let params = reader.params(name).inspect_err(is_refused);
        match (state, params) {
            (Ok(state), Ok(params)) => models.push((name.clone(), BundledModel { state, params })),
            (Err(refusal), _) | (Ok(_), Err(refusal)) => first_refusal = first_refusal.or(Some(refusal)),
        }
    }
    let parts = match first_refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Bundle {
            version: manifest.version,
            backend: manifest.backend,
            models: models.into_iter().collect(),
        }),
    };
    assert_eq!(reader.read(), parts, "the whole is its parts");
    if let Ok(bundle) = parts {
        bundle_comes_back(&bundle);
    }
}

/// A refusal says something, no more than can be read, and never that the machine failed: all bytes were there.
fn is_refused(refusal: &FormatError) {
    let message = refusal.to_string();
    assert!(!refusal.kind.to_string().trim().is_empty(), "{refusal:?} says nothing");
    assert!(
        message.len() <= MAX_MESSAGE_BYTES,
        "the message has {} bytes: {}",
        message.len(),
        message.chars().take(400).collect::<String>()
    );
    let of_the_machine = [RefusalKind::NotFound, RefusalKind::NotImplemented, RefusalKind::Internal];
    assert!(
        !of_the_machine.contains(&Refusal::from(refusal.clone()).kind),
        "{refusal:?} is about the machine"
    );
}

/// The refusal of a pickle names an opcode of it, or its end.
fn is_refused_inside(refusal: &FormatError, length: u64) {
    is_refused(refusal);
    match (refusal.place.offset, &refusal.kind) {
        (Some(offset), FormatErrorKind::Truncated) => assert!(offset <= length, "{refusal:?}"),
        (Some(offset), _) => assert!(offset < length, "{refusal:?}"),
        (None, _) => panic!("{refusal:?} has no place"),
    }
}

/// How many objects a value has and how many bytes they have that are no objects. A value has no more of
/// either than the limits say.
fn size_of_value(value: &Value) -> (u64, u64) {
    let sum = |sizes: &mut dyn Iterator<Item = (u64, u64)>| {
        sizes.fold((1, 0), |all, size| (all.0 + size.0, all.1 + size.1))
    };
    match value {
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => (1, 0),
        Value::BigInt(value) => (1, value.bits().div_ceil(8)),
        Value::Bytes(bytes) => (1, bytes.len() as u64),
        Value::Text(text) | Value::Path(text) => (1, text.len() as u64),
        // What is printed for it has a limit of its own.
        Value::Python(repr) => {
            let bytes = repr.len() as u64;
            assert!(bytes <= limits::MAX_PRINTED_BYTES, "an object of {bytes} bytes");
            (1, 0)
        }
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            sum(&mut items.iter().map(size_of_value))
        }
        Value::Map(map) => size_of_map(map),
    }
}

fn size_of_map(map: &Map) -> (u64, u64) {
    map.iter().fold((1, 0), |all, (key, value)| {
        let (objects, bytes) = size_of_value(value);
        (all.0 + objects, all.1 + key.len() as u64 + bytes)
    })
}

fn is_small_size((objects, bytes): (u64, u64)) -> bool {
    assert!(objects <= limits::MAX_VALUE_NODES, "a value of {objects} objects");
    assert!(bytes <= limits::MAX_VALUE_TEXT_BYTES, "a value of {bytes} bytes");
    objects <= WRITTEN_OBJECTS && bytes <= WRITTEN_BYTES
}

/// Whether a state is written and read back: it is neither large nor with objects that are not written.
fn is_small(state: &ModelState) -> bool {
    match state {
        ModelState::Sentinel(map) => is_small_size(size_of_map(map)) && !map.values().any(has_object),
        ModelState::Network(tensors) => {
            tensors.len() <= WRITTEN_TENSORS && bytes_of(tensors) <= WRITTEN_BYTES
        }
    }
}

fn bytes_of(tensors: &StateDict) -> u64 {
    tensors.values().map(|tensor| tensor.data().len() as u64).sum()
}

fn value_comes_back(value: &Value) {
    if !is_small_size(size_of_value(value)) {
        return;
    }
    if has_object(value) {
        assert!(write_value(value, Protocol::Four).is_err(), "{value} was written");
        return;
    }
    for protocol in [Protocol::Two, Protocol::Four] {
        let pickle = write_value(value, protocol).expect("a plain value");
        // PyTorch loads no paths with weights only.
        let state_dict = (!has_path(value)).then_some(Allow::STATE_DICT);
        for allow in [Allow::VALUES].into_iter().chain(state_dict) {
            let graph = pickle::read(&pickle, allow).expect("what was written can be read");
            let back = graph.to_value(graph.root()).expect("what was written has a value");
            assert_eq!(&back, value, "{protocol:?}");
        }
    }
}

fn has_path(value: &Value) -> bool {
    has(value, &|value| matches!(value, Value::Path(_)))
}

/// Whether there is an object that only its repr describes, which is not written.
fn has_object(value: &Value) -> bool {
    has(value, &|value| matches!(value, Value::Python(_)))
}

fn has(value: &Value, wanted: &impl Fn(&Value) -> bool) -> bool {
    let inside = match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            items.iter().any(|item| has(item, wanted))
        }
        Value::Map(map) => map.values().any(|value| has(value, wanted)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Python(_) => false,
    };
    inside || wanted(value)
}

fn written(state: &ModelState) -> Cursor<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    torch::write(state, &mut file).expect("memory can be written to");
    file
}

fn bundle_comes_back(bundle: &Bundle) {
    if !bundle.models.values().all(|model| {
        let params = &model.params.0;
        is_small(&model.state) && is_small_size(size_of_map(params)) && !params.values().any(has_object)
    }) {
        return;
    }
    let mut file = Cursor::new(Vec::new());
    write_bundle(bundle, &mut file).expect("what was read can be written");
    let back = BundleReader::new(file).and_then(|mut reader| reader.read());
    assert_eq!(back.as_ref(), Ok(bundle));
}

/// What was shown of a file's storages.
#[derive(Debug, Default, PartialEq)]
struct Shown(Vec<(Dtype, Vec<u8>)>);

impl ElementVisitor for Shown {
    fn begin(&mut self, network: &NetworkOutline) -> Result<(), FormatError> {
        self.0 = network.storages.iter().map(|storage| (storage.dtype, Vec::new())).collect();
        Ok(())
    }

    fn piece(&mut self, storage: usize, offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
        let (dtype, so_far) = self.0.get_mut(storage).expect("a storage that was announced");
        assert_eq!(offset, so_far.len() as u64, "each byte is shown once and in order");
        assert_eq!(bytes.len() % dtype.size(), 0, "no element is cut");
        so_far.extend_from_slice(bytes);
        Ok(())
    }
}

impl Shown {
    fn is_all_of(&self, outline: &Outline) {
        match outline {
            Outline::Sentinel(_) => assert!(self.0.is_empty(), "a sentinel has no elements"),
            Outline::Network(network) => {
                let announced = network.storages.iter().map(|storage| (storage.dtype, storage.bytes));
                let shown = self.0.iter().map(|(dtype, bytes)| (*dtype, bytes.len() as u64));
                assert!(shown.eq(announced), "every storage is shown whole");
            }
        }
    }
}

/// A state is what its outline says, and no larger than a file of so many bytes may make it.
fn is_outlined(state: &ModelState, outline: &Outline, file: u64) {
    match (state, outline) {
        (ModelState::Sentinel(state), Outline::Sentinel(outline)) => assert_eq!(state, outline),
        (ModelState::Network(tensors), Outline::Network(network)) => {
            assert!(tensors.keys().eq(network.tensors.keys()), "other tensors, or in another order");
            for (tensor, outline) in tensors.values().zip(network.tensors.values()) {
                let is = (tensor.dtype(), tensor.shape(), tensor.data().len() as u64);
                assert_eq!(is, (outline.dtype, outline.shape(), outline.bytes()));
            }
            let storages: u64 = network.storages.iter().map(|storage| storage.bytes).sum();
            assert!(storages <= file, "{storages} bytes of storages in a file of {file}");
            let bound = file.saturating_mul(limits::MAX_VIEW_RATIO).max(limits::MIN_VIEW_BYTES);
            assert!(bytes_of(tensors) <= bound, "{} bytes out of {file}", bytes_of(tensors));
        }
        (state, outline) => panic!("{state:?} is not {outline:?}"),
    }
}

/// Names that cannot lead out of a directory, on any system, each once.
fn names_are_plain<'n>(names: impl Iterator<Item = &'n str>) {
    let mut seen = HashSet::new();
    for name in names {
        assert!(seen.insert(name), "{name:?} is there twice");
        assert!(name.len() as u64 <= 3 * limits::MAX_ENTRY_NAME_BYTES, "a name of {} bytes", name.len());
        assert!(!name.contains(['\\', '\0', '\n']), "{name:?}");
        assert_ne!(name.as_bytes().get(1), Some(&b':'), "{name:?} has a drive");
        assert!(name.split('/').all(|part| !["", ".", ".."].contains(&part)), "{name:?} is not plain");
    }
    assert!(seen.len() as u64 <= limits::MAX_ENTRIES);
}

/// Every entry has the bytes and the checksum that the directory has, or is refused.
fn entries_are_as_announced<R: Read + Seek>(archive: &mut Archive<R>) {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    for name in &names {
        let entry = archive.entry(name).expect("an entry that is listed");
        let (mut bytes, mut checksum) = (0, crc32fast::Hasher::new());
        let streamed = archive.stream(name, READ_BYTES, &mut |piece| {
            bytes += piece.len() as u64;
            checksum.update(piece);
            Ok(())
        });
        assert!(bytes <= READ_BYTES.min(entry.bytes + 1), "{bytes} bytes of {entry:?} were handed out");
        match &streamed {
            Ok(()) => assert_eq!((bytes, checksum.finalize()), (entry.bytes, entry.crc32), "{name:?}"),
            Err(refusal) => is_refused(refusal),
        }
        let read = archive.read(name, READ_BYTES).map(|bytes| bytes.len() as u64);
        assert_eq!(read, streamed.map(|()| bytes), "{name:?}");
    }
}

/// Bits of the first byte of an input of [`state_dict()`].
const RAW: u8 = 1;
const DESCRIPTORS: u8 = 2;
const LITTLE: u8 = 4;
const BIG: u8 = 8;
const PICKLE_LAST: u8 = 16;
const PICKLE_DEFLATED: u8 = 32;
const WITHOUT_VERSION: u8 = 64;
const END_64: u8 = 128;

/// Bytes of the storages that [`torch_file`] adds, by their keys.
const STORAGES: [(&str, usize); 8] = [
    ("archive/data/0", 0),
    ("archive/data/1", 1),
    ("archive/data/2", 2),
    ("archive/data/3", 4),
    ("archive/data/4", 8),
    ("archive/data/5", 16),
    ("archive/data/6", 48),
    ("archive/data/7", 400),
];

/// A well-formed archive around a `data.pkl`: checksums and offsets are hard to guess, and would hide what is
/// behind them.
fn torch_file(how: u8, pickle: &[u8]) -> Vec<u8> {
    let has = |bit: u8| how & bit != 0;
    let stored = |name, bytes| Entry { name, bytes, deflated: false };
    let elements: Vec<u8> = (0..=u8::MAX).cycle().take(400).collect();
    let mut entries: Vec<Entry<'_>> = STORAGES
        .iter()
        .map(|(name, bytes)| stored(*name, elements.get(..*bytes).unwrap_or_default()))
        .collect();
    if has(LITTLE) {
        entries.insert(0, stored("archive/byteorder", b"little"));
    }
    let data = Entry { name: "archive/data.pkl", bytes: pickle, deflated: has(PICKLE_DEFLATED) };
    entries.insert(if has(PICKLE_LAST) { entries.len() } else { 0 }, data);
    if has(BIG) && !has(LITTLE) {
        entries.push(stored("archive/byteorder", b"big"));
    }
    if !has(WITHOUT_VERSION) {
        entries.push(stored("archive/version", b"3\n"));
    }
    zip(&entries, has(DESCRIPTORS), has(END_64))
}

/// A pickle of one tensor in a storage of [`torch_file`].
const TENSOR: &[u8] =
    b"}Va\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nShortStorage\nV4\nVcpu\nI4\ntQ\
    I0\n(I4\nt(I1\ntI00\nNtRs.";

/// The entries of a good bundle, with one that only some writers add.
static PARTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let tensor = |dtype: Dtype, shape: &[usize], bytes: usize| {
        Tensor::new(dtype, shape.to_vec(), vec![0x3f; bytes]).expect("as many bytes as the shape has")
    };
    let network = [("w", tensor(Dtype::Float32, &[2, 2], 16)), ("b", tensor(Dtype::Int64, &[], 8))];
    let network = ModelState::Network(network.map(|(name, tensor)| (name.to_owned(), tensor)).into());
    let sentinel = Map::from_iter([(ModelState::SENTINEL_KEY.to_owned(), Value::from("s"))]);
    let params = Params::from_iter([
        ("N".to_owned(), Value::Int(64)),
        ("offset".to_owned(), Value::Tuple(vec![Value::Float(0.5), Value::None])),
    ]);
    let model = |state| BundledModel { state, params: params.clone() };
    let models = [("m", model(network)), ("s", model(ModelState::Sentinel(sentinel)))];
    let bundle = Bundle {
        version: VERSION.to_owned(),
        backend: None,
        models: models.map(|(name, model)| (name.to_owned(), model)).into(),
    };
    let mut file = Cursor::new(Vec::new());
    write_bundle(&bundle, &mut file).expect("memory can be written to");
    let mut archive = Archive::new(file).expect("what was written is an archive");
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let read = |name: String| {
        let bytes = archive.read(&name, READ_BYTES).expect("what was written can be read");
        (name, bytes)
    };
    let mut parts: Vec<(String, Vec<u8>)> = names.into_iter().map(read).collect();
    parts.push((SCALING_ENTRY.to_owned(), torch_file(DESCRIPTORS, b"}.")));
    parts
});

fn bundle_of<'p>(
    parts: impl Iterator<Item = (&'p str, &'p [u8])>,
    deflated: bool,
    as_torch: bool,
) -> Vec<u8> {
    let entries: Vec<Entry<'_>> = parts.map(|(name, bytes)| Entry { name, bytes, deflated }).collect();
    zip(&entries, as_torch, as_torch)
}

/// Good archives, for [`patched`]: one stored, one deflated, and one as PyTorch writes its own files.
static BASES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    [(false, false), (true, false), (false, true)].map(|(deflated, as_torch)| {
        let parts = PARTS.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        bundle_of(parts, deflated, as_torch)
    })
});

/// The entries that [`bundle_around`] is for.
const PICKLES: [&str; 3] = [MANIFEST_ENTRY, "m/params.dill", SCALING_ENTRY];

/// A good bundle but for one of its pickles.
fn bundle_around(entry: &str, pickle: &[u8]) -> Vec<u8> {
    let scaling = if entry == SCALING_ENTRY { torch_file(0, pickle) } else { Vec::new() };
    let own = if entry == SCALING_ENTRY { scaling.as_slice() } else { pickle };
    let part = |(name, bytes): &'static (String, Vec<u8>)| {
        (name.as_str(), if name == entry { own } else { bytes.as_slice() })
    };
    bundle_of(PARTS.iter().map(part), false, false)
}

/// The archive with some of its bytes replaced: three bytes of the input are a place and a byte for it.
fn patched(base: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut file = base.to_vec();
    for change in changes.chunks_exact(3) {
        if let &[low, high, byte] = change {
            let place = usize::from(u16::from_le_bytes([low, high])) % file.len();
            file[place] = byte;
        }
    }
    file
}

/// The archives that the bodies make are read whole when nothing in them was changed.
#[allow(dead_code, reason = "only the tests need it, and the fuzz targets have this file too")]
pub(crate) fn good_archives_are_read() {
    for base in BASES.iter() {
        let mut reader = BundleReader::new(Cursor::new(base)).expect("a good archive");
        assert_eq!(reader.read().expect("a good bundle").models.len(), 2);
        let names: Vec<String> = reader.archive().names().map(str::to_owned).collect();
        assert_eq!(names.first().map(String::as_str), Some(MANIFEST_ENTRY));
        assert!(PICKLES.iter().all(|pickle| names.iter().any(|name| name == pickle)));
    }
    for entry in PICKLES {
        let mut reader = BundleReader::new(Cursor::new(bundle_around(entry, b"cos\nsystem\n.")));
        let reader = reader.as_mut().expect("a good archive");
        let refused =
            [reader.manifest().is_err(), reader.params("m").is_err(), reader.scaling_metadata().is_err()];
        assert_eq!(refused, PICKLES.map(|pickle| pickle == entry));
    }
    for how in (0..=u8::MAX).filter(|how| how & RAW == 0) {
        let state = torch::read(Cursor::new(torch_file(how, TENSOR)));
        if how & WITHOUT_VERSION != 0 {
            assert!(state.is_err(), "{how:#b}");
            continue;
        }
        let state = state.expect("a good file");
        assert!(matches!(state, ModelState::Network(tensors) if tensors.len() == 1), "{how:#b}");
    }
}
