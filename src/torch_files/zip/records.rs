//! The records of a zip archive: their signatures and lengths, and how their bytes and numbers are read.

use std::io::{Read, Seek, SeekFrom};

use crate::torch_files::FormatErrorKind as Kind;

/// What the header of an entry begins with, and so almost every archive.
pub(super) const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
/// What the header of an entry in the directory begins with.
pub(super) const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";
/// Bytes of the record at the end of every archive, without its comment.
pub(super) const END_BYTES: usize = 22;
/// Bytes of the record that points to the 64-bit end record.
pub(super) const LOCATOR_BYTES: u64 = 20;
/// Bytes of the 64-bit end record.
pub(super) const END_64_BYTES: u64 = 56;
/// The flag of a local header whose checksum and sizes follow the data.
pub(crate) const FOLLOWS: u64 = 8;

/// Reads `bytes` bytes at an offset. Callers have checked that the number is small.
pub(crate) fn read_at(reader: &mut (impl Read + Seek), start: u64, bytes: u64) -> Result<Vec<u8>, Kind> {
    reader.seek(SeekFrom::Start(start))?;
    let mut read = Vec::new();
    reader.take(bytes).read_to_end(&mut read)?;
    if read.len() as u64 == bytes { Ok(read) } else { Err(broken("the file is too short")) }
}

/// A little-endian unsigned integer.
pub(crate) fn number(record: &[u8], at: usize, bytes: usize) -> u64 {
    let bytes = record.get(at..at + bytes).unwrap_or_default();
    bytes.iter().rev().fold(0, |all, byte| (all << 8) + u64::from(*byte))
}

/// An archive that breaks the rules of the format.
pub(super) fn broken(what: &str) -> Kind {
    Kind::Zip(what.to_owned())
}
