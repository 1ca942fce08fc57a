//! Visits the elements of a state dict in one pass, without holding the file in memory.

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use super::{
    LEGACY_MAGIC, NetworkOutline, Outline,
    entries::{self, Entries},
};
use crate::torch_files::{
    Dtype, FormatError, FormatErrorKind as Kind,
    limits::MAX_DEFLATED_BYTES,
    zip::{
        Archive,
        single_pass::{Span, read_spans},
    },
};

type Result<T> = std::result::Result<T, FormatError>;

/// Receives the elements of a network's storages.
pub trait ElementVisitor {
    /// The outline of the elements that follow. A second call means that all elements so far must be discarded.
    ///
    /// # Errors
    /// Any error ends the reading.
    fn begin(&mut self, network: &NetworkOutline) -> Result<()>;

    /// Little-endian bytes of a storage, at `offset` bytes from its start. Each byte comes once and in order. No element
    /// is split, and storages that no tensor views are skipped.
    ///
    /// # Errors
    /// Any error ends the reading.
    fn piece(&mut self, storage: usize, offset: u64, bytes: &[u8]) -> Result<()>;

    /// The name of an entry that torch does not read. These calls follow after all elements.
    fn unread(&mut self, _entry: &str) {}
}

/// Reads a `model.pth` from front to back and passes on its elements. Returns its outline and the CRC-32 of all its
/// bytes. Memory does not grow with the elements.
///
/// # Errors
/// As [`Archive::new`] and [`pickle::read`](crate::torch_files::pickle::read); `unsupported` for the legacy format
/// and for deflated storages; `unsafe` for tensors with many more bytes than their storages and for a file that torch
/// would read differently; `malformed` for other objects than a state, for a tensor outside of its storage, and for
/// bytes that do not match their checksum.
pub fn scan(mut reader: impl Read + Seek, elements: &mut dyn ElementVisitor) -> Result<(Outline, u32)> {
    if is_legacy(&mut reader)? {
        return Err(Kind::LegacyTorch.into());
    }
    let mut archive = entries::open(reader)?;
    let outline = Outline::of(&mut archive)?;
    let Entries { unread, .. } = Entries::of(&archive)?;
    // The checksum of a deflated entry is that of its uncompressed bytes, and no storage is deflated.
    let deflated =
        |archive: &Archive<_>, name: &&str| archive.entry(name).is_some_and(|entry| entry.deflated);
    let names: Vec<String> =
        archive.names().filter(|name| deflated(&archive, name)).map(str::to_owned).collect();
    names.iter().try_for_each(|name| archive.stream(name, MAX_DEFLATED_BYTES, &mut |_| Ok(())))?;
    let spans = archive.spans()?;
    let mut reader = archive.into_inner();
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut show = ElementSink::of(&outline, elements)?;
    let crc32 = read_spans(reader, length, &spans, &mut |span, offset, piece| match spans.get(span) {
        Some(Span { name, .. }) => show.piece(name, offset, piece),
        None => Ok(()),
    })?;
    unread.iter().for_each(|name| elements.unread(name));
    Ok((outline, crc32))
}

/// Whether a file begins like every file from before PyTorch 1.6.
fn is_legacy(reader: &mut (impl Read + Seek)) -> Result<bool> {
    let mut start = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(2 + LEGACY_MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start.get(2..).is_some_and(|magic| magic == LEGACY_MAGIC))
}

/// Passes on the bytes of storages, as little-endian elements.
pub(super) struct ElementSink<'a> {
    elements: &'a mut dyn ElementVisitor,
    /// Index, element type and bytes of each storage by its entry.
    storages: HashMap<String, (usize, Dtype, u64)>,
    big_endian: bool,
}

impl<'a> ElementSink<'a> {
    pub(super) fn of(outline: &Outline, elements: &'a mut dyn ElementVisitor) -> Result<Self> {
        let Outline::Network(network) = outline else {
            return Ok(Self { elements, storages: HashMap::new(), big_endian: false });
        };
        elements.begin(network)?;
        let storages = network.storages.iter().enumerate();
        let storages =
            storages.map(|(index, storage)| (storage.entry.clone(), (index, storage.dtype, storage.bytes())));
        Ok(Self { elements, storages: storages.collect(), big_endian: network.big_endian })
    }

    /// The size of an entry in bytes, when it is a storage.
    pub(super) fn bytes(&self, entry: &str) -> Option<u64> {
        self.storages.get(entry).map(|(_, _, bytes)| *bytes)
    }

    /// Ends an entry: another entry with the same name is not a storage.
    pub(super) fn end(&mut self, entry: &str) {
        self.storages.remove(entry);
    }

    pub(super) fn piece(&mut self, entry: &str, offset: u64, piece: &mut [u8]) -> Result<()> {
        let Some((index, dtype, _)) = self.storages.get(entry).copied() else { return Ok(()) };
        if self.big_endian {
            let part = match dtype {
                Dtype::Complex64 | Dtype::Complex128 => dtype.size() / 2,
                Dtype::Float64
                | Dtype::Float32
                | Dtype::Float16
                | Dtype::Bfloat16
                | Dtype::Int64
                | Dtype::Int32
                | Dtype::Int16
                | Dtype::Int8
                | Dtype::Uint8
                | Dtype::Bool => dtype.size(),
            };
            piece.chunks_exact_mut(part).for_each(<[u8]>::reverse);
        }
        self.elements.piece(index, offset, piece)
    }
}
