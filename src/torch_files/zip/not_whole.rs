//! Why a file is not one archive from the first byte to the last: it was cut short, is of another format, or has other bytes
//! before the archive or behind it.

use std::io::{Read, Seek, SeekFrom};

use super::records::{
    DIRECTORY_HEADER, END_64_BYTES, END_BYTES, LOCAL_HEADER, LOCATOR_BYTES, broken, number, read_at,
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    limits::BUFFER_BYTES,
    other_format::{OtherFormat, TELLING_BYTES},
};

/// Zeros at the end of a file that are not there by chance, and the most that are counted, in bytes.
const MIN_ZERO_BYTES: u64 = 512;
const MAX_ZERO_BYTES: u64 = 64 << 20;

/// Why a file with these last bytes does not end with an end record.
pub(super) fn without_end(reader: &mut (impl Read + Seek), tail: &[u8]) -> Result<Kind, Kind> {
    let length = reader.seek(SeekFrom::End(0))?;
    let first = read_at(reader, 0, length.min(TELLING_BYTES as u64))?;
    if let Some(format) = OtherFormat::of(&first) {
        return Ok(Kind::NotAnArchive(format));
    }
    let bytes_behind = |at: usize| {
        let record = tail.get(at..).filter(|record| record.starts_with(b"PK\x05\x06"))?;
        // Of this archive, and not of one that is stored inside and whose own end was cut off with the rest.
        let ends_at = length - tail.len() as u64 + at as u64;
        // torch writes a 64-bit end record and its locator in between.
        let behind_directory = ends_at.checked_sub(number(record, 12, 4) + number(record, 16, 4))?;
        if ![0, END_64_BYTES + LOCATOR_BYTES].contains(&behind_directory) {
            return None;
        }
        record.len().checked_sub(END_BYTES)?.checked_sub(number(record, 20, 2) as usize)
    };
    Ok(match (0..tail.len()).rev().find_map(bytes_behind) {
        Some(bytes) => Kind::UnlistedBytes { bytes: bytes as u64, place: "behind the archive".to_owned() },
        None if first.starts_with(LOCAL_HEADER) => cut_short(reader, length)?,
        None => broken("missing end record of the central directory"),
    })
}

/// What is said of an archive whose directory of `bytes` bytes should begin at `start` and does not end at `end`, where its
/// end record is.
pub(super) fn displaced(
    reader: &mut (impl Read + Seek),
    start: u64,
    bytes: u64,
    end: u64,
) -> Result<Kind, Kind> {
    let misplaced = || broken("expected the central directory directly before its end record");
    Ok(bytes_before(reader, start, bytes, end)?.unwrap_or_else(misplaced))
}

/// The bytes before the archive, if all of it is so many bytes further behind than its offsets say.
pub(super) fn bytes_before(
    reader: &mut (impl Read + Seek),
    start: u64,
    bytes: u64,
    end: u64,
) -> Result<Option<Kind>, Kind> {
    let before = start.checked_add(bytes).and_then(|expected| end.checked_sub(expected));
    let Some(before) = before.filter(|before| *before > 0) else { return Ok(None) };
    let is_moved = begins(reader, before, LOCAL_HEADER)? && begins(reader, before + start, DIRECTORY_HEADER)?;
    if !is_moved {
        return Ok(None);
    }
    Ok(Some(Kind::BytesBefore { bytes: before, are_an_archive: begins(reader, 0, LOCAL_HEADER)? }))
}

/// Whether a record begins at a place before the end record.
fn begins(reader: &mut (impl Read + Seek), at: u64, with: &[u8]) -> Result<bool, Kind> {
    Ok(read_at(reader, at, with.len() as u64)? == with)
}

/// What is said of a file of so many bytes that begins as an archive and does not end as one.
pub(super) fn cut_short(reader: &mut (impl Read + Seek), bytes: u64) -> Result<Kind, Kind> {
    let zeros = match zeros_at_end(reader, bytes)? {
        0..MIN_ZERO_BYTES => String::new(),
        zeros if zeros < MAX_ZERO_BYTES => format!(", and its last {zeros} bytes are zeros"),
        zeros => format!(", and its last {zeros} bytes and more are zeros"),
    };
    Ok(broken(&format!(
        "the file begins as one, and after {bytes} bytes it ends without the end record of a central directory: \
         it was cut short{zeros}"
    )))
}

/// The number of zeros that a file ends with, as far as [`MAX_ZERO_BYTES`]: what a download leaves that reserved the
/// space of the whole file and stopped.
fn zeros_at_end(reader: &mut (impl Read + Seek), length: u64) -> Result<u64, Kind> {
    let mut zeros = 0;
    while zeros < length.min(MAX_ZERO_BYTES) {
        let start = (length - zeros).saturating_sub(BUFFER_BYTES as u64);
        let piece = read_at(reader, start, length - zeros - start)?;
        let own = piece.iter().rev().take_while(|byte| **byte == 0).count();
        zeros += own as u64;
        if own < piece.len() {
            break;
        }
    }
    Ok(zeros)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use rstest::rstest;

    use super::*;
    use crate::torch_files::zip::{
        central_directory::read,
        writer::{ArchiveWriter, Placement},
    };

    fn zip(placement: Placement) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), placement);
        archive.entry("a", b"x").unwrap();
        archive.finish().unwrap().into_inner()
    }

    #[rstest]
    #[case::text(
        b"HTTP/1.1 200 OK\r\n\r\n",
        "19 bytes precede the archive, and its offsets do not count them"
    )]
    #[case::one_byte(b"\0", "1 byte precedes the archive")]
    #[case::marker(b"PK\x07\x08", "4 bytes precede the archive")]
    fn bytes_before_an_archive_are_counted(#[case] before: &[u8], #[case] says: &str) {
        let read = read(&mut Cursor::new([before, &zip(Placement::Packed)].concat()));
        let found = read.unwrap_err();
        assert!(found.to_string().starts_with(says), "{found}");
    }

    #[rstest]
    fn two_archives_are_named(
        #[values(Placement::Packed, Placement::Aligned)] first: Placement,
        #[values(Placement::Packed, Placement::Aligned)] second: Placement,
    ) {
        let (first, second) = (zip(first), zip(second));
        let found = read(&mut Cursor::new([&first[..], &second].concat())).unwrap_err();
        assert_eq!(found, Kind::BytesBefore { bytes: first.len() as u64, are_an_archive: true });
        let says = format!("two archives, one behind the other; the second begins at byte {}", first.len());
        assert_eq!(found.to_string(), says);
    }

    /// What moved is only some of the archive.
    #[test]
    fn a_directory_that_moved_alone_is_not_an_archive_behind_other_bytes() {
        let mut bytes = zip(Placement::Packed);
        let directory = number(&bytes[bytes.len() - END_BYTES..], 16, 4) as usize;
        bytes.insert(directory, 0);
        let found = read(&mut Cursor::new(bytes)).unwrap_err();
        assert_eq!(found, broken("expected the central directory directly before its end record"));
    }
}
