//! Visits the elements of a state dict in one pass, without holding the file in memory.

use std::io::{Read, Seek, SeekFrom};

use super::{
    elements::{ElementSink, ElementVisitor},
    entries::{self, Entries},
    legacy,
    outline::Outline,
};
use crate::torch_files::{
    FormatError,
    limits::MAX_DEFLATED_BYTES,
    zip::{
        Archive,
        single_pass::{Span, read_spans},
    },
};

type Result<T> = std::result::Result<T, FormatError>;

/// Reads a `model.pth` from front to back and passes on its elements. Returns its outline and the CRC-32 of all its
/// bytes. Memory does not grow with the elements.
///
/// # Errors
/// As [`Archive::new`] and [`pickle::read`](crate::torch_files::pickle::read); `unsafe` for tensors with many more bytes
/// than their storages and for a file that torch would read differently; `malformed` for other objects than a state, for a tensor outside of its storage, and for
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
