//! Reads a `model.pth` from a stream that cannot seek: from a deflated entry.
//!
//! The directory of an archive is at its end, behind the elements. So the local headers are trusted provisionally:
//! everything except the elements is buffered, and at the end of the stream the buffered part is read like any archive.
//! The result counts only when both agree.

use std::io::{BufRead, BufReader, Read};

use super::{
    description::{MAX_ORDER_BYTES, state_dict, turn},
    elements::{ElementSink, ElementVisitor},
    entries::Entries,
    outline::Outline,
};
use crate::torch_files::{
    FormatError,
    limits::{BUFFER_BYTES, MAX_DIRECTORY_BYTES, MAX_STREAMED_PICKLE_BYTES},
    zip::{
        Archive,
        records::{FOLLOWS, number},
        single_pass::Span,
        sparse_reader::SparseReader,
    },
};

/// Bytes of a local header after its signature, without name and extra field.
const HEADER_BYTES: usize = 26;

/// Bytes of a data descriptor, the record that may follow the data of an entry: signature, CRC-32 and two sizes.
const DESCRIPTOR_BYTES: usize = 16;

/// The largest number of buffered bytes: everything except elements.
const MAX_KEPT_BYTES: u64 = MAX_STREAMED_PICKLE_BYTES + 2 * MAX_DIRECTORY_BYTES;

/// Passes on the elements of a stream that is a whole `model.pth` of `length` bytes, and returns its outline. `None`
/// when the file cannot be read this way; then all elements so far must be discarded. Memory does not grow with the
/// elements.
///
/// # Errors
/// The errors of `elements`.
pub(crate) fn scan_stream(
    reader: impl Read,
    length: u64,
    elements: &mut dyn ElementVisitor,
) -> Result<Option<Outline>, FormatError> {
    let mut pass = Pass {
        reader: BufReader::with_capacity(BUFFER_BYTES, reader),
        kept: SparseReader::default(),
        spans: Vec::new(),
        pickle: None,
        order: None,
        outline: None,
        refused: None,
    };
    let ended = pass.run(length, elements);
    if let Some(refusal) = pass.refused {
        return Err(refusal);
    }
    let (Some(()), Some(shown)) = (ended, pass.outline) else { return Ok(None) };
    if pass.kept.length() != length {
        return Ok(None);
    }
    let agreed = || {
        let mut archive = Archive::new(pass.kept).ok()?;
        let outline = Outline::of(&mut archive, &mut state_dict).ok()?;
        let Entries { unread, .. } = Entries::of(&mut archive).ok()?;
        (outline == shown && archive.spans().ok()? == pass.spans).then_some((outline, unread))
    };
    let Some((outline, unread)) = agreed() else { return Ok(None) };
    unread.iter().for_each(|name| elements.unread(name));
    Ok(Some(outline))
}

/// The stream so far. Every step returns `None` when the stream cannot be read this way.
struct Pass<R> {
    reader: BufReader<R>,
    /// Everything except elements.
    kept: SparseReader,
    /// Every entry so far.
    spans: Vec<Span>,
    /// The directory inside the archive, and the pickle that describes the tensors.
    pickle: Option<(String, Vec<u8>)>,
    order: Option<Vec<u8>>,
    outline: Option<Outline>,
    refused: Option<FormatError>,
}

impl<R: Read> Pass<R> {
    fn run(&mut self, length: u64, elements: &mut dyn ElementVisitor) -> Option<()> {
        // Everything before the first storage is small; from there on each storage is passed on.
        let first = loop {
            match self.header()? {
                None => break None,
                Some(header) if header.is_data() => break Some(header),
                Some(header) => self.small(header)?,
            }
        };
        let outline = self.parse()?;
        // Storages larger than the rest of the stream are refused before the first one.
        if let Outline::Network(network) = &outline {
            let bytes =
                network.storages.iter().fold(0, |all: u64, storage| all.saturating_add(storage.bytes));
            (bytes <= length).then_some(())?;
        }
        let mut show = match ElementSink::of(&outline, elements) {
            Ok(show) => show,
            Err(refusal) => return self.refuse(refusal),
        };
        let mut next = first;
        while let Some(header) = next {
            match show.bytes(&header.name) {
                Some(bytes) => self.storage(header, bytes, &mut show)?,
                None => self.small(header)?,
            }
            next = self.header()?;
        }
        self.outline = Some(outline);
        Some(())
    }

    /// The header of the next entry; an inner `None` when the directory begins, which is buffered to its end.
    #[allow(
        clippy::option_option,
        reason = "the outer one says whether the stream can be read, the inner one whether an entry follows"
    )]
    fn header(&mut self) -> Option<Option<Header>> {
        match self.keep(4)?.as_slice() {
            b"PK\x03\x04" => {}
            b"PK\x01\x02" => loop {
                let here = self.reader.fill_buf().ok()?.len();
                if here == 0 {
                    return Some(None);
                }
                self.keep(here)?;
            },
            _ => return None,
        }
        let header = self.keep(HEADER_BYTES)?;
        let [flags, method, bytes, name, extra] =
            [(2, 2), (4, 2), (18, 4), (22, 2), (24, 2)].map(|(at, width)| number(&header, at, width));
        let name = String::from_utf8(self.keep(usize::try_from(name).ok()?)?).ok()?;
        self.keep(usize::try_from(extra).ok()?)?;
        let bytes = (flags & FOLLOWS == 0).then_some(bytes);
        (method == 0).then_some(Some(Header { name, bytes }))
    }

    /// An entry that is not a storage, which is buffered whole.
    fn small(&mut self, header: Header) -> Option<()> {
        let start = self.kept.length();
        let data = match header.bytes {
            Some(bytes) => self.keep(usize::try_from(bytes).ok()?)?,
            None => self.up_to_descriptor()?,
        };
        self.spans.push(Span {
            name: header.name.clone(),
            start,
            bytes: data.len() as u64,
            crc32: Some(crc32fast::hash(&data)),
        });
        match header.name.rsplit_once('/') {
            Some((prefix, "data.pkl")) if !prefix.contains('/') => {
                self.pickle.is_none().then(|| self.pickle = Some((prefix.to_owned(), data)))
            }
            Some((prefix, "byteorder")) if !prefix.contains('/') => {
                (data.len() as u64 <= MAX_ORDER_BYTES).then(|| self.order = Some(data))
            }
            _ => Some(()),
        }
    }

    /// The bytes before the data descriptor with their checksum and length; the descriptor is buffered as well.
    fn up_to_descriptor(&mut self) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        // The hash of the data up to `hashed`, so that a false descriptor does not cost hashing all of it again.
        let (mut checksum, mut hashed) = (crc32fast::Hasher::new(), 0);
        loop {
            let room = self.room(data.len())?;
            let read = self.reader.by_ref().take(room).read_until(0x08, &mut data).ok()?;
            // At the end of the stream a read returns nothing, and retrying would loop forever.
            (read > 0).then_some(())?;
            if !data.ends_with(b"PK\x07\x08") {
                continue;
            }
            let before = data.len() - 4;
            self.reader.by_ref().take(DESCRIPTOR_BYTES as u64 - 4).read_to_end(&mut data).ok()?;
            let record = data.get(before..)?;
            if number(record, 8, 4) != before as u64 {
                continue;
            }
            checksum.update(data.get(hashed..before)?);
            hashed = before;
            if number(record, 4, 4) == u64::from(checksum.clone().finalize()) {
                self.kept.keep(&data);
                data.truncate(before);
                return Some(data);
            }
        }
    }

    fn parse(&mut self) -> Option<Outline> {
        let (prefix, pickle) = self.pickle.as_ref()?;
        let _turn = turn(pickle.len() as u64);
        Outline::parse(pickle, prefix, self.order.as_deref(), &mut state_dict).ok()
    }

    /// An entry of `bytes` bytes of elements, which are passed on and not buffered.
    fn storage(&mut self, header: Header, bytes: u64, show: &mut ElementSink<'_>) -> Option<()> {
        if header.bytes.is_some_and(|announced| announced != bytes) {
            return None;
        }
        let (start, mut offset) = (self.kept.length(), 0);
        let mut checksum = crc32fast::Hasher::new();
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(BUFFER_BYTES)];
        while offset < bytes {
            let wanted = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..wanted)?;
            self.reader.read_exact(piece).ok()?;
            checksum.update(piece);
            self.kept.pass(piece);
            if let Err(refusal) = show.piece(&header.name, offset, piece) {
                return self.refuse(refusal);
            }
            offset += wanted as u64;
        }
        if header.bytes.is_none() {
            self.keep(DESCRIPTOR_BYTES)?;
        }
        show.end(&header.name);
        self.spans.push(Span { name: header.name, start, bytes, crc32: Some(checksum.finalize()) });
        Some(())
    }

    fn refuse(&mut self, refusal: FormatError) -> Option<()> {
        self.refused = Some(refusal);
        None
    }

    /// The number of bytes that may still be buffered when this many more are.
    fn room(&self, bytes: usize) -> Option<u64> {
        MAX_KEPT_BYTES.checked_sub(self.kept.kept())?.checked_sub(bytes as u64)
    }

    /// Reads and buffers the next bytes.
    fn keep(&mut self, bytes: usize) -> Option<Vec<u8>> {
        self.room(bytes)?;
        let mut read = Vec::new();
        self.reader.by_ref().take(bytes as u64).read_to_end(&mut read).ok()?;
        self.kept.keep(&read);
        (read.len() == bytes).then_some(read)
    }
}

/// A local header: what precedes the data of an entry.
struct Header {
    name: String,
    /// The size of the data in bytes, when the header has it.
    bytes: Option<u64>,
}

impl Header {
    /// Whether the name is that of a storage: `<prefix>/data/<key>`.
    fn is_data(&self) -> bool {
        self.name.split('/').nth(1) == Some("data")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        io::{Cursor, Write as _},
        path::{Path, PathBuf},
    };

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        Dtype, FormatErrorKind as Kind, ModelState, StateDict, Tensor,
        torch::{NetworkOutline, Storages, read, write},
        zip::writer::{ArchiveWriter, Placement},
    };

    /// The `model.pth` of a fixture that PyTorch wrote.
    fn of_pytorch(bundle: &str) -> Vec<u8> {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(bundle);
        let mut archive = Archive::open(&folder.join("wts.h5.zip")).unwrap();
        archive.read("autoencoder/model.pth", 1 << 30).unwrap()
    }

    /// A `model.pth` of three tensors, one of which has `large` bytes.
    fn of_ours(large: usize) -> Vec<u8> {
        let tensor = |bytes: usize| Tensor::new(Dtype::Uint8, vec![bytes], vec![7; bytes]).unwrap();
        let tensors = [("a", 0), ("b", large), ("c", 5)];
        let tensors = tensors.map(|(name, bytes)| (name.to_owned(), tensor(bytes)));
        let mut file = Cursor::new(Vec::new());
        write(&ModelState::Network(StateDict::from_iter(tensors)), &mut file).unwrap();
        file.into_inner()
    }

    /// An archive of these entries.
    fn file_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        entries.iter().for_each(|(name, bytes)| archive.entry(name, bytes).unwrap());
        archive.finish().unwrap().into_inner()
    }

    fn of_another_byte_order() -> Vec<u8> {
        let storage = "(Vstorage\nctorch\nShortStorage\nV0\nVcpu\nI2\ntQ";
        let pickle = format!("}}Va\nctorch._utils\n_rebuild_tensor_v2\n({storage}I0\n(I2\nt(I1\ntI00\nNtRs.");
        let big = ("m/byteorder", &b"big"[..]);
        file_of(&[("m/data.pkl", pickle.as_bytes()), big, ("m/data/0", &[0, 1, 2, 3]), ("m/version", b"3")])
    }

    fn streamed(bytes: &[u8]) -> Option<ModelState> {
        let mut storages = Storages::default();
        let outline = scan_stream(bytes, bytes.len() as u64, &mut storages).unwrap();
        outline.map(|outline| storages.state(outline).unwrap())
    }

    #[rstest]
    #[case::pytorch(of_pytorch("gs1"))]
    #[case::all_types(of_pytorch("dtypes"))]
    #[case::sentinel(of_pytorch("sentinel"))]
    #[case::ours(of_ours(3 * BUFFER_BYTES + 1))]
    #[case::big_endian(of_another_byte_order())]
    fn a_stream_gives_the_same_result_as_a_file(#[case] file: Vec<u8>) {
        assert!(streamed(&file) == Some(read(Cursor::new(&file)).unwrap()));
    }

    #[test]
    fn a_stream_counts_only_when_headers_and_directory_agree() {
        let file = of_ours(BUFFER_BYTES + 1);
        for (at, byte) in file.iter().enumerate() {
            // Elements are compared by checksum; all other bytes are few enough to change each of them.
            let is_element =
                file.get(at.saturating_sub(8)..at + 8).is_some_and(|around| around.iter().all(|b| b == byte));
            if is_element {
                continue;
            }
            let mut changed = file.clone();
            changed[at] ^= 1;
            let (stream, whole) = (streamed(&changed), read(Cursor::new(&changed)).ok());
            assert!(stream.is_none() || stream == whole, "byte {at}");
        }
        let element = file.iter().rposition(|byte| *byte == 7).unwrap();
        let mut changed = file.clone();
        changed[element] ^= 1;
        assert_eq!(streamed(&changed), None);
    }

    #[test]
    fn a_stream_cut_at_any_byte_does_not_count() {
        // PyTorch writes sizes after the data, so the end of an entry must be searched for.
        let file = of_pytorch("sentinel");
        for length in 0..file.len() {
            assert_eq!(streamed(&file[..length]), None, "{length}");
        }
    }

    /// Accepts so many pieces and refuses the next one; with 0 a network is refused at once.
    struct Refusing(usize);

    impl ElementVisitor for Refusing {
        fn begin(&mut self, _: &NetworkOutline) -> Result<(), FormatError> {
            self.piece(0, 0, &[])
        }

        fn piece(&mut self, _: usize, _: u64, _: &[u8]) -> Result<(), FormatError> {
            self.0 = self.0.checked_sub(1).ok_or(Kind::Unsupported("an element".to_owned()))?;
            Ok(())
        }
    }

    #[rstest]
    #[case::before_the_first_piece(0, true)]
    #[case::at_the_first_piece(1, true)]
    #[case::at_the_last_piece(3, true)]
    #[case::never(4, false)]
    fn an_error_of_the_visitor_is_returned(#[case] pieces: usize, #[case] refused: bool) {
        let file = of_ours(BUFFER_BYTES + 1);
        let outline = scan_stream(file.as_slice(), file.len() as u64, &mut Refusing(pieces));
        assert_eq!(outline.is_err_and(|error| matches!(error.kind, Kind::Unsupported(_))), refused);
    }

    #[test]
    fn a_pickle_in_a_deeper_directory_is_ignored() {
        let inner = [("m/a/data.pkl", &b"."[..]), ("m/a/byteorder", b"middle")];
        let file = file_of(&[&[("m/data.pkl", &b"}."[..]), ("m/version", b"3")], &inner[..]].concat());
        assert_eq!(streamed(&file), Some(ModelState::Network(StateDict::new())));
    }

    #[test]
    fn an_entry_without_an_end_is_not_buffered_without_bound() {
        // The header of an entry whose size follows its data.
        let mut header = b"PK\x03\x04\x14\0\x08\0".to_vec();
        header.resize(4 + HEADER_BYTES, 0);
        header[26] = 3;
        let endless = std::io::repeat(b'x').take(1 << 30);
        let mut stream = header.chain(&b"m/x"[..]).chain(endless);
        assert!(scan_stream(&mut stream, 1 << 30, &mut Storages::default()).unwrap().is_none());
        let read = (1 << 30) - stream.get_ref().1.limit();
        assert!((MAX_KEPT_BYTES..MAX_KEPT_BYTES + (1 << 20)).contains(&read), "{read}");
    }

    #[test]
    fn a_duplicate_storage_in_the_stream_is_passed_on_once() {
        /// Fails the test when elements come a second time.
        struct Once(u64);
        impl ElementVisitor for Once {
            fn begin(&mut self, _: &NetworkOutline) -> Result<(), FormatError> {
                Ok(())
            }
            fn piece(&mut self, _: usize, offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
                assert_eq!(std::mem::replace(&mut self.0, offset + bytes.len() as u64), offset);
                Ok(())
            }
        }
        let tensor = Tensor::new(Dtype::Uint8, vec![4], b"here".to_vec()).unwrap();
        let mut file = Cursor::new(Vec::new());
        write(&ModelState::Network(StateDict::from_iter([("a".to_owned(), tensor)])), &mut file).unwrap();
        let file = file.into_inner();
        // The entry with its header, up to the next header.
        let header = |name: &[u8]| file.windows(name.len()).position(|at| at == name).unwrap() - 30;
        let (storage, next) = (header(b"archive/data/0"), header(b"archive/version"));
        let twice = [&file[..next], &file[storage..]].concat();
        assert!(scan_stream(twice.as_slice(), twice.len() as u64, &mut Once(0)).unwrap().is_none());
    }

    #[test]
    fn many_false_ends_of_an_entry_take_linear_time() {
        // Records that announce the number of bytes before them, as the real one does.
        let mut decoys = Vec::new();
        while decoys.len() < 1 << 20 {
            let before = decoys.len() as u32;
            decoys.extend([&b"PK\x07\x08...."[..], &before.to_le_bytes(), &before.to_le_bytes()].concat());
        }
        let mut zip = zip::ZipWriter::new_stream(Vec::new());
        let stored = zip::write::SimpleFileOptions::default();
        let stored = stored.compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in [("m/decoys", decoys.as_slice()), ("m/data.pkl", b"}."), ("m/version", b"3")] {
            zip.start_file(name, stored).unwrap();
            zip.write_all(bytes).unwrap();
        }
        let file = zip.finish().unwrap().into_inner();
        assert_eq!(streamed(&file), Some(ModelState::Network(StateDict::new())));
    }

    #[test]
    fn a_stream_of_another_length_than_announced_does_not_count() {
        let file = of_ours(BUFFER_BYTES + 1);
        assert!(
            scan_stream(file.as_slice(), file.len() as u64 + 1, &mut Storages::default()).unwrap().is_none()
        );
        for length in [0, 3, 30, 100, file.len() - 1] {
            assert_eq!(streamed(&file[..length]), None, "{length}");
        }
    }
}
