//! Visits the elements of a state dict in one pass, without holding the file in memory.

use std::{
    collections::HashSet,
    io::{Read, Seek, SeekFrom},
};

use super::{
    description::{ReadOutline, state_dict},
    elements::{ElementSink, ElementVisitor},
    entries::{self, Entries},
    legacy,
    outline::Outline,
};
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind, OtherFormat,
    limits::MAX_DEFLATED_BYTES,
    other_format::TELLING_BYTES,
    zip::{
        Archive,
        single_pass::{Passed, Span, read_spans},
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
        let legacy::Scanned { outline, crc32, .. } = legacy::scan(reader, elements, &mut state_dict)?;
        return Ok((outline, crc32));
    }
    let scanned = scan_archive(entries::open(reader)?, elements, &mut state_dict)?;
    let Scanned { outline, crc32, unread, changed, .. } = scanned;
    if let Some(entry) = changed.first() {
        return Err(Kind::Corrupt("invalid checksum".to_owned()).in_entry(entry));
    }
    unread.iter().for_each(|name| elements.unread(name));
    Ok((outline, crc32))
}

/// What was read of an archive besides the elements.
pub(super) struct Scanned {
    pub(super) outline: Outline,
    /// The CRC-32 of the whole file.
    pub(super) crc32: u32,
    /// The entries that torch does not read.
    pub(super) unread: Vec<String>,
    /// Those of them that begin a pickle.
    pub(super) pickles: HashSet<String>,
    /// The entries that are storages by their names, each with its bytes.
    pub(super) storages: Vec<(String, u64)>,
    /// Those of them that are deflated.
    pub(super) deflated: Vec<String>,
    /// The entries whose checksums do not match.
    pub(super) changed: Vec<String>,
}

/// Reads an archive that `torch.save` wrote, and its outline with `read`.
pub(super) fn scan_archive<R: Read + Seek>(
    mut archive: Archive<R>,
    elements: &mut dyn ElementVisitor,
    read: &mut ReadOutline<'_>,
) -> Result<Scanned> {
    let outline = Outline::of(&mut archive, read)?;
    let Entries { unread, storages, .. } = Entries::of(&mut archive)?;
    let pickles = unread.iter().filter(|name| begins_a_pickle(&mut archive, name)).cloned().collect();
    let mut show = ElementSink::of(&outline, elements)?;
    // The checksum of a deflated entry is that of its uncompressed bytes.
    let is_deflated =
        |archive: &Archive<_>, name: &&str| archive.entry(name).is_some_and(|entry| entry.deflated);
    let names: Vec<String> =
        archive.names().filter(|name| is_deflated(&archive, name)).map(str::to_owned).collect();
    let is_storage = |name: &&String| show.bytes(name).is_some();
    let deflated: Vec<String> = names.iter().filter(is_storage).cloned().collect();
    let mut changed = Vec::new();
    for name in &names {
        let mut elements = Whole { name, offset: 0, begun: Vec::new() };
        let mut checksum = crc32fast::Hasher::new();
        archive.stream(name, MAX_DEFLATED_BYTES, &mut |piece| {
            checksum.update(piece);
            elements.take(piece, &mut show)
        })?;
        show.end(name);
        if archive.entry(name).is_some_and(|entry| entry.crc32 != checksum.finalize()) {
            changed.push(name.clone());
        }
    }
    let sized = |name: String| (archive.entry(&name).map_or(0, |entry| entry.bytes), name);
    let storages = storages.into_iter().map(sized).map(|(bytes, name)| (name, bytes)).collect();
    let spans = archive.spans()?;
    let mut reader = archive.into_inner();
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let Passed { crc32, changed: changed_spans } =
        read_spans(reader, length, &spans, &mut |span, offset, piece| match spans.get(span) {
            Some(Span { name, .. }) => show.piece(name, offset, piece),
            None => Ok(()),
        })?;
    changed.extend(changed_spans);
    Ok(Scanned { outline, crc32, unread, pickles, storages, changed, deflated })
}

/// Whether an entry begins like a pickle, or is named like one.
fn begins_a_pickle<R: Read + Seek>(archive: &mut Archive<R>, name: &str) -> bool {
    let mut first = Vec::new();
    let read =
        archive.reader(name).map(|entry| entry.take(TELLING_BYTES as u64).read_to_end(&mut first).is_ok());
    read.is_ok_and(|read| read) && OtherFormat::of(&first) == Some(OtherFormat::Pickle)
        || PICKLES.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}

/// The ends of the names of pickles, of which the oldest protocols begin like anything.
const PICKLES: [&str; 4] = [".pkl", ".pickle", ".p", ".dill"];

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
