//! Archives that no library writes: duplicate names, names that escape, and entries that are links.
//!
//! Only what such archives need: stored entries of less than 4 GiB, without extra fields.

use std::io::{Read, Seek};

use crate::torch_files::{FormatError, limits::MAX_ENTRY_BYTES, zip::Archive};

/// The unix modes of a regular file and of a symbolic link.
pub(super) const FILE: u32 = 0o100_644;
pub(super) const LINK: u32 = 0o120_777;

/// "Version made by": unix, so that the upper half of the external attributes is a unix mode; version 2.0.
const MADE_BY: u16 = 3 << 8 | 20;
const NEEDED: u16 = 20;

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;

/// 1980-01-01, the first day that zip knows.
const DATE: u16 = 1 << 5 | 1;

/// One stored entry.
#[derive(Clone, Debug)]
pub(super) struct RawEntry {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
    /// The checksum in both headers, if it is not that of the bytes.
    pub(super) wrong_crc32: Option<u32>,
}

impl RawEntry {
    pub(super) fn file(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes, mode: FILE, wrong_crc32: None }
    }
}

/// All entries of an archive, in order.
pub(super) fn entries_of(archive: &mut Archive<impl Read + Seek>) -> Result<Vec<RawEntry>, FormatError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let read = |name: String| Ok(RawEntry::file(&name, archive.read(&name, MAX_ENTRY_BYTES)?));
    names.into_iter().map(read).collect()
}

/// The archive of these entries, whatever they are. `None` when it would need 64-bit sizes.
pub(super) fn written(entries: &[RawEntry]) -> Option<Vec<u8>> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let start = u32::try_from(file.len()).ok()?.to_le_bytes();
        let name = entry.name.as_bytes();
        let described = described(entry)?;
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(&described);
        file.extend_from_slice(name);
        file.extend_from_slice(&entry.bytes);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&MADE_BY.to_le_bytes());
        directory.extend_from_slice(&described);
        // Comment, disk and internal attributes.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&start);
        directory.extend_from_slice(name);
    }
    let start = u32::try_from(file.len()).ok()?.to_le_bytes();
    let (length, count) = (u32::try_from(directory.len()).ok()?, u16::try_from(entries.len()).ok()?);
    let count = count.to_le_bytes();
    file.append(&mut directory);
    file.extend_from_slice(b"PK\x05\x06");
    // Disks.
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&count);
    file.extend_from_slice(&count);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&start);
    // Comment.
    file.extend_from_slice(&[0; 2]);
    Some(file)
}

/// What both headers say of an entry, from the needed version to the length of the extra field.
fn described(entry: &RawEntry) -> Option<Vec<u8>> {
    let size = u32::try_from(entry.bytes.len()).ok()?.to_le_bytes();
    let name = u16::try_from(entry.name.len()).ok()?.to_le_bytes();
    let crc32 = entry.wrong_crc32.unwrap_or_else(|| crc32fast::hash(&entry.bytes));
    let mut header = Vec::new();
    // Method 0 (stored) and time 0 stand between flags and date.
    for half in [NEEDED, FLAGS, 0, 0, DATE] {
        header.extend_from_slice(&half.to_le_bytes());
    }
    header.extend_from_slice(&crc32.to_le_bytes());
    header.extend_from_slice(&size);
    header.extend_from_slice(&size);
    header.extend_from_slice(&name);
    header.extend_from_slice(&[0; 2]);
    Some(header)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;
    use crate::torch_files::FormatErrorKind as Kind;

    fn refused(entries: &[RawEntry]) -> Kind {
        Archive::new(Cursor::new(written(entries).unwrap())).unwrap_err().kind
    }

    #[test]
    fn plain_entries_are_read_back_in_order() {
        let entries = [("b", &b"one"[..]), ("a/ü", b""), ("c", b"three")];
        let entries = entries.map(|(name, bytes)| RawEntry::file(name, bytes.to_vec()));
        let mut archive = Archive::new(Cursor::new(written(&entries).unwrap())).unwrap();
        let read = entries_of(&mut archive).unwrap();
        let pairs = |entries: &[RawEntry]| {
            entries.iter().map(|entry| (entry.name.clone(), entry.bytes.clone())).collect::<Vec<_>>()
        };
        assert_eq!(pairs(&read), pairs(&entries));
    }

    #[test]
    fn an_archive_has_one_defect_and_no_other() {
        let one = || RawEntry::file("one", b"1".to_vec());
        assert_eq!(refused(&[one(), one()]), Kind::DuplicateEntry);
        assert_eq!(refused(&[RawEntry { mode: LINK, ..one() }]), Kind::NotAFile(LINK));
        assert_eq!(
            refused(&[RawEntry::file("../one", Vec::new())]),
            Kind::UnsafeName("leaves its directory")
        );
    }
}
