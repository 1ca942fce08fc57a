//! A whole archive in one pass from front to back, with both of its checksums verified.
//!
//! `model.pth` is an archive inside an archive, so two checksums cover its bytes: those of its own entries, and that of
//! the outer entry. The CRC-32 of a whole can be combined from those of its parts, so one pass verifies both.

use std::io::Read;

use crate::torch_files::{FormatError, FormatErrorKind as Kind, limits::BUFFER_BYTES};

/// The position of a stored entry's data in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The entry's name.
    pub(crate) name: String,
    /// Bytes from the start of the archive to the data.
    pub(crate) start: u64,
    /// Bytes of data.
    pub(crate) bytes: u64,
    /// The CRC-32 of the data, from the directory; `None` for an entry without a checksum.
    pub(crate) crc32: Option<u32>,
}

/// Receives a piece of the span with this index, and the piece's offset in the span; it may change the bytes.
pub(crate) type TakeSpan<'t> = dyn FnMut(usize, u64, &mut [u8]) -> Result<(), FormatError> + 't;

/// Receives a piece and its offset from the start of the pass; it may change the bytes.
type TakePiece<'t> = dyn FnMut(u64, &mut [u8]) -> Result<(), FormatError> + 't;

/// What a pass over an archive found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The CRC-32 of everything.
    pub(crate) crc32: u32,
    /// The names of the spans whose checksums do not match.
    pub(crate) changed: Vec<String>,
}

/// Reads `length` bytes, and passes those of each span to `take`. A span comes in pieces of [`BUFFER_BYTES`], except for the
/// last one. Spans must be in order and must not overlap.
///
/// # Errors
/// `malformed` when bytes are missing; the errors of `take`.
pub(crate) fn read_spans(
    mut reader: impl Read,
    length: u64,
    spans: &[Span],
    take: &mut TakeSpan<'_>,
) -> Result<Passed, FormatError> {
    let mut changed = Vec::new();
    let mut whole = crc32fast::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut at = 0;
    for (index, span) in spans.iter().enumerate() {
        let between = span.start.checked_sub(at).ok_or_else(|| Kind::Zip("entries overlap".to_owned()))?;
        whole.combine(&pass(&mut reader, between, &mut buffer, &mut |_, _| Ok(()))?);
        let checksum =
            pass(&mut reader, span.bytes, &mut buffer, &mut |offset, piece| take(index, offset, piece))?;
        if span.crc32.is_some_and(|crc32| checksum.clone().finalize() != crc32) {
            changed.push(span.name.clone());
        }
        whole.combine(&checksum);
        at = span.start.saturating_add(span.bytes);
    }
    let rest = length
        .checked_sub(at)
        .ok_or_else(|| Kind::Zip("an entry ends past the end of the archive".to_owned()))?;
    whole.combine(&pass(&mut reader, rest, &mut buffer, &mut |_, _| Ok(()))?);
    Ok(Passed { crc32: whole.finalize(), changed })
}

/// The checksum of the next `bytes` bytes. Each piece goes to `take` after it was hashed.
fn pass(
    reader: &mut impl Read,
    bytes: u64,
    buffer: &mut [u8],
    take: &mut TakePiece<'_>,
) -> Result<crc32fast::Hasher, FormatError> {
    let mut checksum = crc32fast::Hasher::new();
    let mut offset = 0;
    while offset < bytes {
        let wanted = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        reader.read_exact(piece).map_err(|error| Kind::Corrupt(error.to_string()))?;
        checksum.update(piece);
        take(offset, piece)?;
        offset += wanted as u64;
    }
    Ok(checksum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn span(start: u64, bytes: &[u8]) -> Span {
        let (bytes, crc32) = (bytes.len() as u64, Some(crc32fast::hash(bytes)));
        Span { name: "it".to_owned(), start, bytes, crc32 }
    }

    #[test]
    fn every_span_is_complete_and_the_checksum_covers_all_bytes() {
        let all: Vec<u8> = (0..3 * BUFFER_BYTES + 5).map(|n| (n % 251) as u8).collect();
        let cuts = [(3, 0), (3, 2 * BUFFER_BYTES + 1), (2 * BUFFER_BYTES + 100, 7)];
        let spans = cuts.map(|(start, bytes)| span(start as u64, &all[start..start + bytes]));
        let mut taken = vec![Vec::new(); spans.len()];
        let crc = read_spans(all.as_slice(), all.len() as u64, &spans, &mut |index, offset, piece| {
            assert_eq!(offset, taken[index].len() as u64);
            taken[index].extend_from_slice(piece);
            piece.fill(0);
            Ok(())
        });
        assert_eq!(crc.unwrap(), Passed { crc32: crc32fast::hash(&all), changed: Vec::new() });
        for ((start, bytes), taken) in cuts.iter().zip(taken) {
            assert!(taken == all[*start..start + bytes]);
        }
    }

    #[test]
    fn a_changed_byte_is_reported_for_its_span() {
        let spans = [span(0, b"abc"), span(4, b"def")];
        let read_spans = |bytes: &[u8]| read_spans(bytes, 8, &spans, &mut |_, _, _| Ok(()));
        assert_eq!(read_spans(b"abc.def.").unwrap().changed, [""; 0]);
        assert_eq!(read_spans(b"abc.deF.").unwrap().changed, ["it"]);
        assert_ne!(read_spans(b"abc.def.").unwrap().crc32, read_spans(b"abc,def.").unwrap().crc32);
        assert!(matches!(read_spans(b"abc.def").unwrap_err().kind, Kind::Corrupt(_)));
    }
}
