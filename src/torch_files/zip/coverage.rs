//! Checks that every byte of an archive belongs to an entry or to a record.
//!
//! A file can be valid in two formats at once: `torch.load` decides by the bytes before the first entry, and another
//! archive may hide between entries. Only offsets are compared here; the data of entries is not read.

use std::io::{Read, Seek};

use super::{
    central_directory::{Directory, Listed},
    records::{FOLLOWS, number, read_at},
};
use crate::torch_files::{FormatErrorKind as Kind, error::excerpt, limits::MAX_BYTES_BEFORE};

/// Bytes of the header before the data of an entry, without name and extra field.
const HEADER_BYTES: u64 = 30;

/// Bytes of the longest data descriptor, the record that may follow the data of an entry.
const MAX_DESCRIPTOR_BYTES: u64 = 24;

/// Bytes of a CRC-32, and of the header of an entry before it.
pub(super) const CHECKSUM_BYTES: usize = 4;
const BEFORE_CHECKSUM: u64 = 14;

/// What was seen around the data of entries.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// The bytes before the first entry.
    pub(super) before: Vec<u8>,
    /// The entries of which the directory has another checksum than the header or the record at the entry.
    pub(super) other_checksums: Vec<OtherChecksum>,
}

/// A checksum at an entry that is not the one in the directory.
#[derive(Debug)]
pub(super) struct OtherChecksum {
    /// The name of the entry.
    pub(super) name: Vec<u8>,
    /// Bytes from the start of the file to the checksum.
    pub(super) at: u64,
    /// The checksum in the directory.
    pub(super) listed: [u8; CHECKSUM_BYTES],
}

/// Checks that each entry begins where the one before it ends.
pub(super) fn verify(reader: &mut (impl Read + Seek), directory: &Directory) -> Result<Covered, Kind> {
    let mut entries: Vec<&Listed> = directory.entries.iter().collect();
    entries.sort_by_key(|entry| entry.start);
    let before = before(reader, entries.first().copied(), directory.start)?;
    let (mut end, mut last, mut other_checksums) = (before.len() as u64, None, Vec::new());
    let mut differs = |entry: Option<&Listed>, at: u64, checksum: u64| {
        let other = entry.filter(|entry| entry.crc32 != checksum);
        other_checksums.extend(other.map(|entry| {
            let [a, b, c, d, ..] = entry.crc32.to_le_bytes();
            OtherChecksum { name: entry.name.clone(), at, listed: [a, b, c, d] }
        }));
    };
    for entry in entries {
        let gap = gap(end, entry.start, last, Some(entry))?;
        let read = read_at(reader, end, gap + HEADER_BYTES)?;
        let (between, header) = read.split_at_checked(gap as usize).unwrap_or_default();
        if let Some((offset, checksum)) = covered(between, last, Some(entry))? {
            differs(last, end + offset, checksum);
        }
        if !header.starts_with(b"PK\x03\x04") {
            return Err(Kind::Zip(format!("missing local header at byte {}", entry.start)));
        }
        let checksum = number(header, BEFORE_CHECKSUM as usize, CHECKSUM_BYTES);
        // Where it follows the data, the header has none, or the same one in the files of some writers.
        if number(header, 6, 2) & FOLLOWS == 0 || checksum != 0 {
            differs(Some(entry), entry.start.saturating_add(BEFORE_CHECKSUM), checksum);
        }
        let data = HEADER_BYTES + number(header, 26, 2) + number(header, 28, 2);
        let entry_end = entry.start.checked_add(data).and_then(|at| at.checked_add(entry.compressed_bytes));
        end = entry_end.ok_or_else(|| Kind::Zip("an entry ends past the end of the archive".to_owned()))?;
        last = Some(entry);
    }
    let gap = gap(end, directory.start, last, None)?;
    if let Some((offset, checksum)) = covered(&read_at(reader, end, gap)?, last, None)? {
        differs(last, end + offset, checksum);
    }
    Ok(Covered { before, other_checksums })
}

/// The bytes before the first entry, unless a reader that begins there could find another archive in them.
fn before(reader: &mut (impl Read + Seek), first: Option<&Listed>, directory: u64) -> Result<Vec<u8>, Kind> {
    let start = first.map_or(directory, |entry| entry.start);
    let refused = || unlisted(start, None, first);
    if start > MAX_BYTES_BEFORE || start > 0 && first.is_none() {
        return Err(refused());
    }
    let before = read_at(reader, 0, start)?;
    let signatures = [*b"PK\x01\x02", *b"PK\x03\x04", *b"PK\x05\x06", *b"PK\x06\x06"];
    if before.array_windows().any(|four: &[u8; 4]| signatures.contains(four)) {
        Err(refused())
    } else {
        Ok(before)
    }
}

/// The bytes between the end of an entry and the next part; at most so many may be a data descriptor.
fn gap(end: u64, next: u64, last: Option<&Listed>, following: Option<&Listed>) -> Result<u64, Kind> {
    let gap = next.checked_sub(end).ok_or_else(|| Kind::Zip("entries overlap".to_owned()))?;
    if gap > MAX_DESCRIPTOR_BYTES { Err(unlisted(gap, last, following)) } else { Ok(gap) }
}

/// Refuses bytes between two entries, except a data descriptor: the checksum and the sizes of the first entry, written
/// by a writer that learned them only afterwards. Sizes have 4 or 8 bytes, after an optional signature. Returns the offset
/// of that checksum and the checksum.
fn covered(
    between: &[u8],
    last: Option<&Listed>,
    following: Option<&Listed>,
) -> Result<Option<(u64, u64)>, Kind> {
    let checksum = |entry: &Listed| {
        let has_signature = between.len().is_multiple_of(8);
        let record = if has_signature { between.strip_prefix(b"PK\x07\x08")? } else { between };
        let width = record.len().saturating_sub(4) / 2;
        let is_descriptor = [12, 20].contains(&record.len())
            && number(record, 4, width) == entry.compressed_bytes
            && number(record, 4 + width, width) == entry.bytes
            // Without the signature, the checksum is what tells a record.
            && (has_signature || number(record, 0, 4) == entry.crc32);
        is_descriptor.then(|| ((between.len() - record.len()) as u64, number(record, 0, 4)))
    };
    let found = last.and_then(checksum);
    if between.is_empty() || found.is_some() {
        return Ok(found);
    }
    Err(unlisted(between.len() as u64, last, following))
}

pub(super) fn unlisted(bytes: u64, last: Option<&Listed>, following: Option<&Listed>) -> Kind {
    let name = |entry: &Listed| format!("{:?}", excerpt(&String::from_utf8_lossy(&entry.name)));
    let place = match (last.map(name), following.map(name)) {
        (None, Some(first)) => format!("before the first entry {first}"),
        (None, None) => "before the central directory".to_owned(),
        (Some(last), Some(next)) => format!("between the entries {last} and {next}"),
        (Some(last), None) => format!("between the last entry {last} and the central directory"),
    };
    Kind::UnlistedBytes { bytes, place }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]

    use std::io::{Cursor, Write as _};

    use rstest::rstest;
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::torch_files::zip::{
        Archive, central_directory,
        writer::{ArchiveWriter, Placement},
    };

    fn verified(bytes: &[u8]) -> Result<Vec<u8>, Kind> {
        let mut reader = Cursor::new(bytes);
        let directory = central_directory::read(&mut reader).unwrap();
        verify(&mut reader, &directory).map(|covered| covered.before)
    }

    fn written(placement: Placement) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), placement);
        ["a", "b"].iter().for_each(|name| archive.entry(name, &[7; 100]).unwrap());
        archive.finish().unwrap().into_inner()
    }

    fn streamed(large: bool) -> Vec<u8> {
        let mut zip = ZipWriter::new_stream(Vec::new());
        for (name, method) in [("a", CompressionMethod::Stored), ("b", CompressionMethod::Deflated)] {
            let options = SimpleFileOptions::default().compression_method(method).large_file(large);
            zip.start_file(name, options).unwrap();
            zip.write_all(&[7; 100]).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// Inserts bytes at an offset and moves all offsets behind it.
    fn with(mut archive: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
        let end = archive.len() - 22;
        let start = number(&archive, end + 16, 4) as usize;
        let mut offsets = vec![end + 16];
        let mut header = start;
        while header < end {
            offsets.push(header + 42);
            header += 46
                + [28, 30, 32]
                    .map(|field| number(&archive, header + field, 2) as usize)
                    .iter()
                    .sum::<usize>();
        }
        for offset in offsets {
            let old = number(&archive, offset, 4) as usize;
            let moved = if old >= at { old + bytes.len() } else { old };
            archive[offset..offset + 4].copy_from_slice(&(moved as u32).to_le_bytes());
        }
        archive.splice(at..at, bytes.iter().copied());
        archive
    }

    #[rstest]
    #[case::packed(written(Placement::Packed))]
    #[case::aligned(written(Placement::Aligned))]
    #[case::streamed(streamed(false))]
    #[case::streamed_large(streamed(true))]
    fn a_written_archive_is_covered_and_an_inserted_byte_is_not(#[case] archive: Vec<u8>) {
        assert_eq!(verified(&archive), Ok(vec![]));
        let end = archive.len() - 22;
        let directory = number(&archive, end + 16, 4) as usize;
        let second =
            number(&archive, directory + 47 + 42 + number(&archive, directory + 30, 2) as usize, 4) as usize;
        for (at, place) in [
            (second, "between the entries \"a\" and \"b\""),
            (directory, "between the last entry \"b\" and the central directory"),
        ] {
            for count in [1, 12, 16, 24, 1000] {
                let refused = verified(&with(archive.clone(), at, &vec![b'x'; count]));
                let Err(Kind::UnlistedBytes { bytes, place: found }) = refused else { panic!("{refused:?}") };
                assert!(bytes >= count as u64 && found == place, "{count} {place}: {bytes} {found}");
            }
        }
    }

    #[test]
    fn a_checksum_before_data_that_it_follows_is_compared_unless_it_is_zero() {
        let mut archive = streamed(false);
        archive[14..18].copy_from_slice(&[1, 2, 3, 4]);
        let mut reader = Cursor::new(&archive);
        let directory = central_directory::read(&mut reader).unwrap();
        let found = verify(&mut reader, &directory).unwrap().other_checksums;
        let places: Vec<(u64, &[u8])> = found.iter().map(|other| (other.at, &other.name[..])).collect();
        assert_eq!(places, [(14, &b"a"[..])]);
        let mut opened = Archive::with_any_checksums(Cursor::new(&archive)).unwrap();
        assert_eq!(opened.two_checksums(), ["a"]);
        assert_eq!(opened.read("a", 100).unwrap(), [7; 100]);
        assert!(matches!(Archive::new(Cursor::new(&archive)).unwrap_err().kind, Kind::Corrupt(_)));
    }

    #[test]
    fn bytes_before_the_first_entry_are_returned_unless_they_hold_a_part_of_an_archive() {
        let before = |bytes: &[u8]| verified(&with(written(Placement::Packed), 0, bytes));
        assert_eq!(before(b"#!/bin/sh\n").unwrap(), b"#!/bin/sh\n");
        assert!(before(&vec![0; 64 << 10]).is_ok());
        let place = "before the first entry \"a\"".to_owned();
        let refused = Err(Kind::UnlistedBytes { bytes: (64 << 10) + 1, place });
        assert_eq!(before(&vec![0; (64 << 10) + 1]), refused);
        for signature in [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"] {
            for bytes in [&signature[..], &[&b"x"[..], signature, b"x"].concat()] {
                assert!(matches!(before(bytes), Err(Kind::UnlistedBytes { .. })), "{bytes:?}");
            }
        }
    }

    #[rstest]
    #[case::short(b"".as_slice(), 4, true)]
    #[case::signed(b"PK\x07\x08".as_slice(), 4, true)]
    #[case::long(b"".as_slice(), 8, true)]
    #[case::long_and_signed(b"PK\x07\x08".as_slice(), 8, true)]
    #[case::of_another_signature(b"PK\x07\x09".as_slice(), 4, false)]
    fn a_data_descriptor_must_match_the_directory(
        #[case] signature: &[u8],
        #[case] width: usize,
        #[case] is_record: bool,
    ) {
        let entry = Listed {
            name: b"a".to_vec(),
            start: 0,
            bytes: 300,
            compressed_bytes: 200,
            crc32: 0x1234_5678,
            is_directory: false,
        };
        let mut record = [signature, &0x1234_5678u32.to_le_bytes()].concat();
        for size in [200u64, 300] {
            record.extend(&size.to_le_bytes()[..width]);
        }
        assert_eq!(covered(&record, Some(&entry), None).is_ok(), is_record);
        assert!(covered(&[&record[..], b"x"].concat(), Some(&entry), None).is_err());
        assert!(covered(&record, None, Some(&entry)).is_err());
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 1;
            // Another checksum of the right sizes is still a record, which is not that of the directory.
            let same = covered(&changed, Some(&entry), None)
                .is_ok_and(|found| found.is_some_and(|(_, checksum)| checksum == entry.crc32));
            assert!(!same || !is_record, "byte {at}");
        }
    }

    #[test]
    fn an_empty_archive_has_no_bytes_before_its_directory() {
        let empty =
            ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed).finish().unwrap().into_inner();
        assert_eq!(verified(&empty), Ok(vec![]));
        let place = "before the central directory".to_owned();
        assert_eq!(verified(&with(empty, 0, b"x")), Err(Kind::UnlistedBytes { bytes: 1, place }));
    }
}
