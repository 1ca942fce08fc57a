//! The central directory of a zip archive, read strictly and before the `zip` crate allocates for it.
//!
//! The crate keeps one entry for each name and searches for a directory in more than one place. Here the directory must
//! be where every reader finds it: at the end of the file, directly before its end record. So what was checked is what
//! is read.

use std::io::{Read, Seek, SeekFrom};

use super::{
    not_whole::{bytes_before, cut_short, displaced, without_end},
    records::{
        DIRECTORY_HEADER, END_64_BYTES, END_BYTES, LOCAL_HEADER, LOCATOR_BYTES, broken, number, read_at,
    },
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    error::within,
    limits::{MAX_DIRECTORY_BYTES, MAX_ENTRIES},
    other_format::OtherFormat,
};

/// Bytes that are searched for converted line ends: 1 MiB; and the fewest line feeds that tell.
const MAX_CONVERTED_BYTES: u64 = 1 << 20;
const MIN_LINE_FEEDS: usize = 8;

/// Bytes of the longest comment.
const COMMENT_BYTES: u64 = 0xffff;
/// Bytes of the pieces in which torch searches for the end record.
const SEARCH_BYTES: u64 = 4096;
/// Bytes of an entry's header in the directory, without its name, extra field and comment.
const HEADER_BYTES: usize = 46;
/// The newest version of the zip specification that Python's zipfile reads, 6.3.
const NEWEST_VERSION: u64 = 63;
/// The flag of an entry whose name is UTF-8, and those of data that are a patch or encrypted in other ways than usual.
const UTF_8: u64 = 0x800;
const PATCHED: u64 = 0x20;
const STRONGLY_ENCRYPTED: u64 = 0x40;
const MASKED: u64 = 0x2000;
/// The attribute of MS-DOS that a directory has.
const DIRECTORY: u64 = 0x10;
/// The ids of extra fields: of sizes that do not fit into four bytes, and of a name in UTF-8.
const SIZES: u64 = 1;
const UNICODE_NAME: u64 = 0x7075;
/// The value of a 32-bit size or offset that is stored in the extra field instead.
const FULL: u64 = 0xffff_ffff;

/// The position of the directory, and the entries that it lists.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Bytes from the start of the file to the directory.
    pub(crate) start: u64,
    /// The entries in directory order, duplicates included.
    pub(crate) entries: Vec<Listed>,
}

/// The directory's record of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The undecoded name.
    pub(crate) name: Vec<u8>,
    /// The offset of its local header, in bytes from the start of the file.
    pub(crate) start: u64,
    /// Uncompressed bytes.
    pub(crate) bytes: u64,
    /// Compressed bytes.
    pub(crate) compressed_bytes: u64,
    /// CRC-32 of the uncompressed bytes.
    pub(crate) crc32: u64,
    /// Whether its attributes say that it is a directory, whatever its name says.
    pub(crate) is_directory: bool,
}

/// Reads the directory of an archive that fills the whole reader.
pub(crate) fn read(reader: &mut (impl Read + Seek)) -> Result<Directory, Kind> {
    match read_unconverted(reader) {
        Err(Kind::Zip(_) | Kind::UnlistedBytes { .. } | Kind::BytesBefore { .. })
            if has_converted_lines(reader)? =>
        {
            Err(Kind::NotAnArchive(OtherFormat::ConvertedLines))
        }
        read => read,
    }
}

fn read_unconverted(reader: &mut (impl Read + Seek)) -> Result<Directory, Kind> {
    let (start, bytes, entries) = locate(reader)?;
    within("archive entries", entries, MAX_ENTRIES)?;
    within("bytes of central directory", bytes, MAX_DIRECTORY_BYTES)?;
    let directory = read_at(reader, start, bytes)?;
    let mut rest = directory.as_slice();
    let mut listed = Vec::new();
    for _ in 0..entries {
        let (header, after) =
            rest.split_at_checked(HEADER_BYTES).ok_or_else(|| broken("truncated directory entry"))?;
        if !header.starts_with(DIRECTORY_HEADER) {
            return Err(broken("the central directory lists fewer entries than its end record announces"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| number(header, at, 2) as usize);
        let (name, after) = after.split_at_checked(name).ok_or_else(|| broken("truncated entry name"))?;
        let (extra, after) = after.split_at_checked(extra).ok_or_else(|| broken("truncated extra field"))?;
        readable(header, name)?;
        let [bytes, compressed_bytes, start] = sizes(header, name, extra)?;
        let (name, crc32) = (name.to_owned(), number(header, 16, 4));
        let is_directory = number(header, 38, 4) & DIRECTORY != 0;
        listed.push(Listed { name, start, bytes, compressed_bytes, crc32, is_directory });
        rest = after.get(comment..).ok_or_else(|| broken("truncated directory entry"))?;
    }
    if rest.is_empty() {
        Ok(Directory { start, entries: listed })
    } else {
        Err(broken("the central directory is longer than its entries"))
    }
}

/// Refuses an entry because of which Python's zipfile or torch do not read the archive at all.
fn readable(header: &[u8], name: &[u8]) -> Result<(), Kind> {
    let [version, flags, disk] = [(6, 1), (8, 2), (34, 2)].map(|(at, bytes)| number(header, at, bytes));
    if disk != 0 {
        return Err(several_volumes());
    }
    if version > NEWEST_VERSION {
        let (major, minor) = (version / 10, version % 10);
        return Err(Kind::Unsupported(format!("an entry of version {major}.{minor} of the zip format")));
    }
    if flags & (PATCHED | STRONGLY_ENCRYPTED | MASKED) != 0 {
        return Err(Kind::Encrypted);
    }
    if flags & UTF_8 != 0 && std::str::from_utf8(name).is_err() {
        return Err(broken("the name of an entry is marked as UTF-8 and is not"));
    }
    Ok(())
}

/// Uncompressed bytes, compressed bytes and header offset of an entry. Values that do not fit into four bytes are in
/// the extra field with id 1, in this order. Other fields must be whole, and a second name must be the same.
fn sizes(header: &[u8], name: &[u8], mut extra: &[u8]) -> Result<[u64; 3], Kind> {
    let mut sizes = [24, 20, 42].map(|at| number(header, at, 4));
    let mut is_read = false;
    while let Some((field, rest)) = extra.split_at_checked(4) {
        let (id, length) = (number(field, 0, 2), number(field, 2, 2) as usize);
        let (field, rest) = rest.split_at_checked(length).ok_or_else(|| broken("truncated extra field"))?;
        if id == SIZES && !is_read {
            let full = sizes.iter_mut().filter(|size| **size == FULL);
            for (size, bytes) in full.zip(field.chunks_exact(8)) {
                *size = number(bytes, 0, 8);
            }
            is_read = true;
        }
        // A version and a checksum precede the name. Some readers take it for the name, and others do not.
        if id == UNICODE_NAME && field.get(5..) != Some(name) {
            return Err(broken("an entry has two names"));
        }
        extra = rest;
    }
    Ok(sizes)
}

/// Whether a file that begins as an archive has a carriage return before every line feed. Bytes of an archive are like
/// that by chance once in 256 times for each line feed.
fn has_converted_lines(reader: &mut (impl Read + Seek)) -> Result<bool, Kind> {
    let mut first = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(MAX_CONVERTED_BYTES).read_to_end(&mut first)?;
    if !first.starts_with(LOCAL_HEADER) {
        return Ok(false);
    }
    let feeds = first.iter().filter(|byte| **byte == b'\n').count();
    Ok(feeds >= MIN_LINE_FEEDS && first.windows(2).filter(|two| *two == b"\r\n").count() == feeds)
}

/// Whether a file has the signature of an end record where readers look for one, whatever is around it.
pub(crate) fn may_have_end(reader: &mut (impl Read + Seek)) -> Result<bool, Kind> {
    let length = reader.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(END_BYTES as u64 + COMMENT_BYTES + SEARCH_BYTES);
    let tail = read_at(reader, start, length - start)?;
    let records = tail.windows(END_BYTES);
    Ok(records.into_iter().any(|record| record.starts_with(b"PK\x05\x06")))
}

/// The offset of the directory, its length in bytes, and its number of entries.
fn locate(reader: &mut (impl Read + Seek)) -> Result<(u64, u64, u64), Kind> {
    let length = reader.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(END_BYTES as u64 + COMMENT_BYTES);
    let tail = read_at(reader, tail_start, length - tail_start)?;
    let Some(last) = tail.len().checked_sub(END_BYTES) else {
        return Err(match OtherFormat::of(&tail) {
            Some(format) => Kind::NotAnArchive(format),
            None if tail.starts_with(LOCAL_HEADER) => cut_short(reader, length)?,
            None => broken("the file is too short"),
        });
    };
    let ends_here = |at: &usize| {
        let record = tail.get(*at..).unwrap_or_default();
        record.starts_with(b"PK\x05\x06") && number(record, 20, 2) as usize == record.len() - END_BYTES
    };
    let Some(at) = (0..=last).rev().find(ends_here) else {
        return Err(without_end(reader, &tail)?);
    };
    let record = tail.get(at..).unwrap_or_default();
    // Readers that search for the last signature, as Python and torch do, would use whatever follows this one.
    if record.get(1..).unwrap_or_default().windows(4).any(|four| four == b"PK\x05\x06") {
        return Err(Kind::SecondEnd);
    }
    let mut end = tail_start + at as u64;
    let mut fields =
        [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4)].map(|(at, bytes)| number(record, at, bytes));
    if let Some((end_64, fields_64)) = locate_64(reader, end)? {
        // A field that does not fit into its few bytes is all ones; every other field must have the same value in both
        // records, because readers disagree about which record they use.
        let full = [0xffff, 0xffff, 0xffff, 0xffff, 0xffff_ffff, 0xffff_ffff];
        let agree = |((field, full), field_64)| field == full || field == field_64;
        if !fields.iter().zip(&full).zip(&fields_64).all(agree) {
            return Err(broken("the two end records disagree"));
        }
        (end, fields) = (end_64, fields_64);
    }
    let [disk, directory_disk, entries_here, entries, bytes, start] = fields;
    if disk != 0 || directory_disk != 0 || entries_here != entries {
        return Err(several_volumes());
    }
    if start.checked_add(bytes) != Some(end) {
        return Err(displaced(reader, start, bytes, end)?);
    }
    Ok((start, bytes, entries))
}

/// The offset and the fields of the 64-bit end record directly before the end record, if any. torch writes one even
/// where it is not needed.
fn locate_64(reader: &mut (impl Read + Seek), end: u64) -> Result<Option<(u64, [u64; 6])>, Kind> {
    let Some(locator_at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = read_at(reader, locator_at, LOCATOR_BYTES)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let [disk, start, disks] = [(4, 4), (8, 8), (16, 4)].map(|(at, bytes)| number(&locator, at, bytes));
    if disk != 0 || disks != 1 {
        return Err(several_volumes());
    }
    let misplaced = || broken("expected the 64-bit end record directly before its locator");
    let record_at = locator_at.checked_sub(END_64_BYTES).ok_or_else(misplaced)?;
    let record = read_at(reader, record_at, END_64_BYTES)?;
    // The length counts what follows it.
    if !record.starts_with(b"PK\x06\x06") || number(&record, 4, 8) != END_64_BYTES - 12 {
        return Err(misplaced());
    }
    let fields @ [.., bytes, directory] =
        [(16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8)].map(|(at, bytes)| number(&record, at, bytes));
    if start != record_at {
        return Err(bytes_before(reader, directory, bytes, record_at)?.unwrap_or_else(misplaced));
    }
    Ok(Some((start, fields)))
}

fn several_volumes() -> Kind {
    broken("multi-volume archives are not supported")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;
    use crate::torch_files::zip::writer::{ArchiveWriter, Placement};

    fn zip(names: &[&str]) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        names.iter().for_each(|name| archive.entry(name, b"x").unwrap());
        archive.finish().unwrap().into_inner()
    }

    fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
        let directory = read(&mut Cursor::new(bytes)).unwrap();
        directory.entries.into_iter().map(|entry| entry.name).collect()
    }

    fn refused(bytes: &[u8]) -> String {
        read(&mut Cursor::new(bytes)).unwrap_err().to_string()
    }

    /// The archive with one field of its end record changed.
    fn ended(mut bytes: Vec<u8>, at: usize, field: &[u8]) -> Vec<u8> {
        let start = bytes.len() - END_BYTES + at;
        bytes[start..start + field.len()].copy_from_slice(field);
        bytes
    }

    #[test]
    fn names_come_in_order() {
        assert_eq!(names(&zip(&["b", "a"])), [b"b", b"a"]);
        assert!(names(&zip(&[])).is_empty());
    }

    #[test]
    fn bytes_before_or_behind_an_archive_are_refused() {
        assert!(refused(b"").contains("found an empty file"));
        assert!(refused(b"PK").contains("too short"));
        assert!(refused(b"PK\x03\x04").contains("after 4 bytes it ends without the end record"));
        assert!(refused(b"Not Found\n").contains("found text"));
        assert!(refused(&[&b"\x1f\x8b\x08"[..], &[0; 100]].concat()).contains("compressed with gzip"));
        assert!(refused(&[1; 100]).contains("missing end record"));
        assert!(
            refused(&[zip(&["a"]), vec![0; 512]].concat()).contains("512 unlisted bytes behind the archive")
        );
        let mut with_64 = zip(&["a"]);
        let end = with_64.len() - END_BYTES;
        with_64.splice(end..end, vec![0; 76]);
        assert!(refused(&[with_64, vec![0; 512]].concat()).contains("512 unlisted bytes behind the archive"));
        let whole = zip(&["a"]);
        for length in 0..whole.len() {
            assert!(read(&mut Cursor::new(&whole[..length])).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn an_entry_count_above_the_limit_is_refused_before_entries_are_read() {
        // More than 16 bits hold are counted in the 64-bit end record, which precedes the other one and its locator.
        let mut end = zip(&["a"]);
        let record = end.split_off(end.len() - END_BYTES);
        let (start, bytes) = (number(&record, 16, 4), number(&record, 12, 4));
        let end_64 = end.len() as u64;
        let count: u64 = 1 << 40;
        let fields = [count, count, bytes, start];
        end.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[0; 12]].concat());
        fields.iter().for_each(|field| end.extend(field.to_le_bytes()));
        end.extend([&b"PK\x06\x07\0\0\0\0"[..], &end_64.to_le_bytes(), &[1, 0, 0, 0]].concat());
        let many = ended([end, record].concat(), 8, &[0xff; 4]);
        assert!(refused(&many).contains("1099511627776 archive entries"), "{}", refused(&many));
    }

    #[test]
    fn an_entry_count_that_does_not_match_the_directory_is_refused() {
        assert!(refused(&ended(zip(&["a", "b"]), 8, &[1, 0, 1, 0])).contains("longer than its entries"));
        assert!(refused(&ended(zip(&["a", "b"]), 8, &[3, 0, 3, 0])).contains("truncated"));
    }

    #[test]
    fn a_volume_of_a_multi_volume_archive_is_refused() {
        for (at, field) in [(4, [1, 0]), (6, [1, 0]), (8, [1, 0]), (10, [1, 0])] {
            assert!(refused(&ended(zip(&["a", "b"]), at, &field)).contains("multi-volume"), "{at}");
        }
    }

    #[test]
    fn extra_fields_and_comments_are_skipped() {
        let plain = zip(&["a", "b"]);
        let mut changed = plain.clone();
        let start = plain.len() - END_BYTES - 2 * (HEADER_BYTES + 1);
        // Three bytes of extra field and two of comment for the first entry.
        changed.splice(start + HEADER_BYTES + 1..start + HEADER_BYTES + 1, *b"extra");
        changed[start + 30..start + 34].copy_from_slice(&[3, 0, 2, 0]);
        let bytes = (2 * (HEADER_BYTES + 1) + 5) as u32;
        let changed = ended(changed, 12, &bytes.to_le_bytes());
        assert_eq!(names(&changed), [b"a", b"b"]);
    }

    #[test]
    fn a_comment_is_accepted_unless_it_contains_an_end_record() {
        let with = |comment: &[u8]| {
            let archive = ended(zip(&["a"]), 20, &(comment.len() as u16).to_le_bytes());
            read(&mut Cursor::new([&archive, comment].concat())).map(|directory| directory.entries.len())
        };
        assert_eq!(with(b"written on a Monday"), Ok(1));
        assert_eq!(with(b"PK\x05\x06 and no more"), Err(Kind::SecondEnd));
        // The length of this comment is the first half of a signature.
        let mut long = vec![b' '; 0x4b50];
        assert_eq!(with(&long), Ok(1));
        long[..2].copy_from_slice(b"\x05\x06");
        assert_eq!(with(&long), Err(Kind::SecondEnd));
    }

    #[test]
    fn what_other_readers_do_not_read_is_refused() {
        let patched = |fields: &[(usize, u8)]| {
            let mut bytes = zip(&["a"]);
            let header = bytes.len() - END_BYTES - HEADER_BYTES - 1;
            fields.iter().for_each(|(at, value)| bytes[header + at] = *value);
            read(&mut Cursor::new(bytes)).map(drop).map_err(|kind| kind.to_string())
        };
        let says = |found: Result<(), String>, says: &str| assert!(found.unwrap_err().contains(says));
        says(patched(&[(34, 1)]), "multi-volume archives");
        says(patched(&[(6, 64)]), "version 6.4 of the zip format");
        assert_eq!(patched(&[(6, 63)]), Ok(()));
        for (at, flag) in [(8, 0x20), (8, 0x40), (9, 0x20)] {
            says(patched(&[(at, flag)]), "encrypted");
        }
        // The name of one byte is behind the header.
        says(patched(&[(9, 8), (46, 0xff)]), "marked as UTF-8");
    }

    #[test]
    fn sizes_that_do_not_fit_are_in_the_extra_field() {
        let mut header = [0; HEADER_BYTES];
        header[20..24].copy_from_slice(&[0xff; 4]);
        header[24..28].copy_from_slice(&[9, 0, 0, 0]);
        header[42..46].copy_from_slice(&[0xff; 4]);
        let other = b"\x55\x54\x01\0?";
        let long = [&b"\x01\0\x10\0"[..], &(1u64 << 33).to_le_bytes(), &(1u64 << 34).to_le_bytes()].concat();
        assert_eq!(sizes(&header, b"a", &[other, &long[..]].concat()), Ok([9, 1 << 33, 1 << 34]));
        assert_eq!(sizes(&header, b"a", other), Ok([9, FULL, FULL]));
        assert!(sizes(&header, b"a", &long[..10]).is_err());
        // Fields are read although nothing needs them.
        assert!(sizes(&[0; HEADER_BYTES], b"a", &long[..10]).is_err());
        let named = |name: &[u8]| [b"up\x06\0\x01????", name].concat();
        assert!(sizes(&header, b"a", &named(b"a")).is_ok());
        assert_eq!(sizes(&header, b"a", &named(b"b")), Err(broken("an entry has two names")));
    }

    #[test]
    fn a_64_bit_end_record_is_read_and_must_agree() {
        let plain = zip(&["a"]);
        let (body, end) = plain.split_at(plain.len() - END_BYTES);
        let mut record = [&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat();
        for (at, bytes) in [(8, 2), (10, 2), (12, 4), (16, 4)] {
            record.extend(number(end, at, bytes).to_le_bytes());
        }
        let locator =
            [&b"PK\x06\x07\0\0\0\0"[..], &(body.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
        let whole = [body, &record, &locator, end].concat();
        assert_eq!(names(&whole), [b"a"]);
        let patched = |from_end: usize, value: u8| {
            let mut bytes = whole.clone();
            let at = bytes.len() - END_BYTES - from_end;
            bytes[at] = value;
            refused(&bytes)
        };
        // The number of the locator's volume, how many there are, and the length of the record.
        assert!(patched(16, 1).contains("multi-volume") && patched(4, 0).contains("multi-volume"));
        assert!(patched(20 + 52, 43).contains("expected the 64-bit end record"));
        let full = ended(whole.clone(), 8, &[0xff; 12]);
        assert_eq!(names(&full), [b"a"]);
        assert!(refused(&ended(whole, 8, &[2, 0, 2, 0])).contains("disagree"));
    }
}
