//! Visits the elements of a state dict in one pass, without holding the file in memory.

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use super::{
    NetworkOutline, Outline,
    entries::{self, Entries},
    legacy,
};
use crate::torch_files::{
    Dtype, FormatError,
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
/// As [`Archive::new`] and [`pickle::read`](crate::torch_files::pickle::read); `unsafe` for tensors with many more bytes than their storages and for a file that torch
/// would read differently; `malformed` for other objects than a state, for a tensor outside of its storage, and for
/// bytes that do not match their checksum.
pub fn scan(mut reader: impl Read + Seek, elements: &mut dyn ElementVisitor) -> Result<(Outline, u32)> {
    if legacy::is_legacy(&mut reader)? {
        return legacy::scan(reader, elements);
    }
    let mut archive = entries::open(reader)?;
    let outline = Outline::of(&mut archive)?;
    let Entries { unread, .. } = Entries::of(&mut archive)?;
    let mut show = ElementSink::of(&outline, elements)?;
    // The checksum of a deflated entry is that of its uncompressed bytes.
    let deflated =
        |archive: &Archive<_>, name: &&str| archive.entry(name).is_some_and(|entry| entry.deflated);
    let names: Vec<String> =
        archive.names().filter(|name| deflated(&archive, name)).map(str::to_owned).collect();
    for name in &names {
        let mut elements = Whole { name, offset: 0, begun: Vec::new() };
        archive.stream(name, MAX_DEFLATED_BYTES, &mut |piece| elements.take(piece, &mut show))?;
        show.end(name);
    }
    let spans = archive.spans()?;
    let mut reader = archive.into_inner();
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let crc32 = read_spans(reader, length, &spans, &mut |span, offset, piece| match spans.get(span) {
        Some(Span { name, .. }) => show.piece(name, offset, piece),
        None => Ok(()),
    })?;
    unread.iter().for_each(|name| elements.unread(name));
    Ok((outline, crc32))
}

/// The bytes of a storage that come in pieces of any length, passed on in pieces of whole elements.
struct Whole<'n> {
    name: &'n str,
    offset: u64,
    /// The bytes of an element that the last piece began.
    begun: Vec<u8>,
}

impl Whole<'_> {
    fn take(&mut self, piece: &[u8], show: &mut ElementSink<'_>) -> Result<()> {
        let size = show.size(self.name);
        self.begun.extend_from_slice(piece);
        let whole = self.begun.len() - self.begun.len() % size;
        let rest = self.begun.split_off(whole);
        show.piece(self.name, self.offset, &mut self.begun)?;
        self.offset += whole as u64;
        self.begun = rest;
        Ok(())
    }
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
            storages.map(|(index, storage)| (storage.entry.clone(), (index, storage.dtype, storage.bytes)));
        Ok(Self { elements, storages: storages.collect(), big_endian: network.big_endian })
    }

    /// The size of an entry in bytes, when it is a storage.
    pub(super) fn bytes(&self, entry: &str) -> Option<u64> {
        self.storages.get(entry).map(|(_, _, bytes)| *bytes)
    }

    /// Bytes of one element of an entry; 1 when it is not a storage.
    pub(super) fn size(&self, entry: &str) -> usize {
        self.storages.get(entry).map_or(1, |(_, dtype, _)| dtype.size())
    }

    /// A storage that was not ended.
    pub(super) fn remaining(&self) -> Option<&str> {
        self.storages.keys().min().map(String::as_str)
    }

    /// Ends an entry: another entry with the same name is not a storage.
    pub(super) fn end(&mut self, entry: &str) {
        self.storages.remove(entry);
    }

    pub(super) fn piece(&mut self, entry: &str, offset: u64, piece: &mut [u8]) -> Result<()> {
        let Some((index, dtype, _)) = self.storages.get(entry).copied() else { return Ok(()) };
        if self.big_endian {
            piece.chunks_exact_mut(dtype.part()).for_each(<[u8]>::reverse);
        }
        self.elements.piece(index, offset, piece)
    }
}
