//! Untrusted zip archives, opened with every check that needs no decompression.

use std::{
    io::{Read, Seek},
    path::Path,
};

use indexmap::IndexMap;
use zip::{
    ZipArchive, ZipReadOptions,
    read::{ArchiveOffset, Config},
};

use super::{
    as_listed::AsListed,
    central_directory::{self, Listed},
    coverage::{self, Covered, OtherChecksum},
    entry::{DOT, EMPTY_COMPONENT, Entry, broken, checked_entry},
    file_reader::FileReader,
    single_pass::Span,
};
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::{BUFFER_BYTES, MAX_ENTRY_NAME_BYTES, MAX_TOTAL_BYTES},
};

/// An archive whose entries are all stored or deflated regular files with unique plain names (BUN-002, LOD-014).
#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<R>,
    entries: IndexMap<String, Entry>,
    /// The names of entries without content that end with a slash.
    directories: Vec<String>,
    /// The entries of which the directory has another checksum than the header or the record at the entry.
    two_checksums: Vec<String>,
    /// The bytes before the first entry.
    before: Vec<u8>,
    /// Whether names begin with `./`, which is not part of the names here.
    is_dotted: bool,
    /// Whether all names are UTF-8.
    is_utf8: bool,
    /// Whether a CRC-32 of 0 means that the entry has no checksum.
    zero_is_none: bool,
    /// Whether checksums are left to the caller.
    is_unchecked: bool,
}

impl Archive<FileReader> {
    /// Opens a file on disk.
    ///
    /// # Errors
    /// `not_found` with the path when the file does not exist (LOD-002), else as [`Archive::new`].
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        FileReader::open(path).and_then(Self::new).map_err(|error| error.in_file(path))
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads and checks the central directory. Plain directory entries are skipped.
    ///
    /// # Errors
    /// `malformed` when the directory is broken or disagrees with the local headers, when entries overlap, or when bytes
    /// belong to no entry; `unsafe` for names that are not relative paths of plain components, for duplicate entries and
    /// special files, and for counts above the limits; `unsupported` for encryption and for compression other than
    /// deflate.
    pub fn new(reader: R) -> Result<Self, FormatError> {
        let archive = Self::with_any_checksums(reader)?;
        match archive.two_checksums.first() {
            Some(name) => Err(two_checksums().in_entry(name)),
            None => Ok(archive),
        }
    }

    /// As [`Archive::new`], also when an entry has another checksum than the directory has of it: torch looks at neither.
    ///
    /// # Errors
    /// As [`Archive::new`].
    pub(crate) fn with_any_checksums(mut reader: R) -> Result<Self, FormatError> {
        let directory = central_directory::read(&mut reader)?;
        for Listed { name, .. } in &directory.entries {
            within("bytes of entry name", name.len() as u64, MAX_ENTRY_NAME_BYTES)?;
        }
        // Overlapping and unlisted entries leave gaps as well; the checks below report them more precisely.
        let covered = coverage::verify(&mut reader, &directory);
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        // The library would only say of the first such entry that something differs.
        let alike = match &covered {
            Ok(Covered { other_checksums, .. }) if !other_checksums.is_empty() => {
                let alike = AsListed::new(&mut reader, other_checksums);
                Some(ZipArchive::with_config(config, alike).map_err(broken)?.validate_header_consistency())
            }
            Ok(_) | Err(_) => None,
        };
        let mut zip = ZipArchive::with_config(config, reader).map_err(broken)?;
        let mut seen = std::collections::HashSet::new();
        if let Some(Listed { name, .. }) = directory.entries.iter().find(|entry| !seen.insert(&entry.name)) {
            return Err(Kind::DuplicateEntry.in_entry(&String::from_utf8_lossy(name)));
        }
        if zip.central_directory_start() != directory.start || zip.len() != directory.entries.len() {
            return Err(Kind::Zip("more than one central directory".to_owned()).into());
        }
        alike.unwrap_or_else(|| zip.validate_header_consistency()).map_err(broken)?;
        let Covered { before, other_checksums } = covered?;
        let mut entries = IndexMap::new();
        let mut directories = Vec::new();
        let mut total = 0u64;
        for (index, listed) in directory.entries.iter().enumerate() {
            let (name, entry) = checked_entry(&zip, index, listed)?;
            let Some(entry) = entry else {
                directories.push(name);
                continue;
            };
            total = total.saturating_add(entry.bytes);
            within("bytes in all entries", total, MAX_TOTAL_BYTES)?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(Kind::DuplicateEntry.in_entry(&name));
            }
        }
        let mut names = directory.entries.iter().map(|entry| entry.name.as_slice());
        let is_dotted = names.clone().any(|name| name.starts_with(DOT.as_bytes()));
        let is_utf8 = names.all(|name| std::str::from_utf8(name).is_ok());
        let name = |other: OtherChecksum| String::from_utf8_lossy(&other.name).into_owned();
        Ok(Self {
            zip,
            entries,
            directories,
            two_checksums: other_checksums.into_iter().map(name).collect(),
            before,
            is_dotted,
            is_utf8,
            zero_is_none: false,
            is_unchecked: false,
        })
    }

    /// The same archive, if its readers may look entries up by name and by the first bytes of the file.
    ///
    /// # Errors
    /// For bytes before the first entry, and names that begin with `./`.
    pub(crate) fn looked_up_by_name(self) -> Result<Self, FormatError> {
        if !self.before.is_empty() {
            return Err(self.bytes_before());
        }
        if self.is_dotted { Err(Kind::UnsafeName(EMPTY_COMPONENT).into()) } else { Ok(self) }
    }

    /// The same archive, if torch can read its names: it decodes all of them as UTF-8, whatever their flags say.
    ///
    /// # Errors
    /// For a name in another encoding.
    pub(crate) fn named_in_utf8(self) -> Result<Self, FormatError> {
        if self.is_utf8 { Ok(self) } else { Err(Kind::UnsafeName("not UTF-8").into()) }
    }

    /// The bytes before the first entry. They hold no part of another archive.
    pub(crate) fn before(&self) -> &[u8] {
        &self.before
    }

    /// The refusal of the bytes before the first entry.
    pub(crate) fn bytes_before(&self) -> FormatError {
        let place = match self.entries.first() {
            Some((name, _)) => format!("before the first entry {:?}", excerpt(name)),
            None => "before the central directory".to_owned(),
        };
        Kind::UnlistedBytes { bytes: self.before.len() as u64, place }.into()
    }

    /// The same archive, in which a stored entry with a CRC-32 of 0 has no checksum. torch writes such files when it is
    /// asked to, and never verifies a checksum.
    pub(crate) fn with_optional_checksums(self) -> Self {
        Self { zero_is_none: true, ..self }
    }

    /// The same archive, of which the content of an entry is read although its checksum is wrong, as torch does. The
    /// caller compares the checksums of what it [streams](Self::stream) and of the [spans](Self::spans).
    pub(crate) fn with_unchecked_entries(self) -> Self {
        Self { is_unchecked: true, ..self }
    }

    fn is_checked(&self, entry: &Entry) -> bool {
        !self.is_unchecked && (entry.deflated || !self.zero_is_none || entry.crc32 != 0)
    }

    /// The names of the entries, in directory order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names of the plain directory entries, each with a trailing slash.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &str> {
        self.directories.iter().map(String::as_str)
    }

    /// The entries of which the directory has another checksum than the header or the record at the entry.
    pub(crate) fn two_checksums(&self) -> &[String] {
        &self.two_checksums
    }

    /// The directory's record of an entry.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    /// Reads all bytes of an entry and verifies its CRC-32.
    ///
    /// # Errors
    /// `malformed` when the entry is missing or its bytes do not match its header; `unsafe` when it announces more than
    /// `limit` bytes. Memory follows the bytes that were decompressed, never the announced size.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, FormatError> {
        let known = self.entry(name).map_or(0, |entry| entry.bytes.min(entry.compressed_bytes).min(limit));
        let mut bytes = Vec::new();
        // The compressed bytes are known to be in the file, so a stored entry can be allocated at once.
        bytes
            .try_reserve_exact(usize::try_from(known).unwrap_or(usize::MAX))
            .map_err(|error| Kind::Corrupt(error.to_string()).in_entry(name))?;
        self.stream(name, limit, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Reads the bytes of an entry piece by piece and verifies its CRC-32 after the last one.
    ///
    /// # Errors
    /// As [`Archive::read`], and the errors of `take`.
    pub fn stream(
        &mut self,
        name: &str,
        limit: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let entry = self.entry(name).ok_or_else(|| Kind::MissingEntry(excerpt(name)))?;
        self.stream_entry(entry, limit, take).map_err(|error| error.in_entry(name))
    }

    /// The bytes of an entry as a stream. The CRC-32 is verified at its end; the number of bytes is not.
    ///
    /// # Errors
    /// `malformed` when the entry is missing.
    pub(crate) fn reader(&mut self, name: &str) -> Result<impl Read, FormatError> {
        let entry = self.entry(name).ok_or_else(|| Kind::MissingEntry(excerpt(name)))?;
        self.zip.by_index(entry.index).map_err(|error| broken(error).in_entry(name))
    }

    /// A seekable stored entry. Its checksum is not verified: a caller that reads all of it can do that.
    ///
    /// # Errors
    /// `malformed` when the entry is missing or deflated.
    pub fn section(&mut self, name: &str) -> Result<impl Read + Seek, FormatError> {
        let entry = self.entry(name).ok_or_else(|| Kind::MissingEntry(excerpt(name)))?;
        self.zip.by_index_seek(entry.index).map_err(|error| broken(error).in_entry(name))
    }

    /// The offset and the length of an entry's bytes as they are in the file.
    ///
    /// # Errors
    /// `malformed` when the entry is missing.
    pub(crate) fn place(&mut self, name: &str) -> Result<(u64, u64), FormatError> {
        let entry = self.entry(name).ok_or_else(|| Kind::MissingEntry(excerpt(name)))?;
        let file = self.zip.by_index_raw(entry.index).map_err(|error| broken(error).in_entry(name))?;
        let start = file.data_start().ok_or_else(|| Kind::Zip("an entry has no data offset".to_owned()))?;
        Ok((start, entry.compressed_bytes))
    }

    /// The spans of the stored entries, in file order.
    pub(crate) fn spans(&mut self) -> Result<Vec<Span>, FormatError> {
        let mut spans = Vec::with_capacity(self.entries.len());
        for (name, entry) in self.entries.iter().filter(|(_, entry)| !entry.deflated) {
            let file = self.zip.by_index_raw(entry.index).map_err(|error| broken(error).in_entry(name))?;
            let start =
                file.data_start().ok_or_else(|| Kind::Zip("an entry has no data offset".to_owned()))?;
            let crc32 = Some(entry.crc32).filter(|crc32| !self.zero_is_none || *crc32 != 0);
            spans.push(Span { name: name.clone(), start, bytes: entry.bytes, crc32 });
        }
        spans.sort_by_key(|span| (span.start, span.bytes));
        Ok(spans)
    }

    /// The underlying reader.
    pub(crate) fn into_inner(self) -> R {
        self.zip.into_inner()
    }

    fn stream_entry(
        &mut self,
        entry: Entry,
        limit: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        within("bytes in the entry", entry.bytes, limit)?;
        let options = ZipReadOptions::new().ignore_crc32(!self.is_checked(&entry));
        let reader = self.zip.by_index_with_options(entry.index, options).map_err(broken)?;
        // Reading one byte more than announced detects a wrong size, and reaches the end, where the CRC is verified.
        let mut reader = reader.take(entry.bytes.saturating_add(1));
        let mut buffer =
            vec![0; usize::try_from(entry.bytes.saturating_add(1)).unwrap_or(usize::MAX).min(BUFFER_BYTES)];
        let mut bytes = 0u64;
        loop {
            let read = reader.read(&mut buffer);
            match read.map_err(|error| Kind::Corrupt(error.to_string().to_lowercase()))? {
                0 => break,
                read => {
                    bytes += read as u64;
                    take(buffer.get(..read).unwrap_or_default())?;
                }
            }
        }
        if bytes == entry.bytes {
            Ok(())
        } else {
            Err(Kind::Corrupt(format!("expected {} bytes, as its header announces", entry.bytes)).into())
        }
    }
}

/// What is wrong with an entry of which the directory has another checksum.
fn two_checksums() -> Kind {
    Kind::Corrupt("invalid checksum: the directory has another one than the entry itself".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Cursor, Write};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn zip(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn stored(names: &[&str]) -> Vec<u8> {
        zip(CompressionMethod::Stored, &names.iter().map(|name| (*name, &b"content"[..])).collect::<Vec<_>>())
    }

    fn renamed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from.as_bytes()) {
                bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        bytes
    }

    /// Overwrites bytes of the only entry, at these offsets of its local header and of its directory header.
    fn patched(mut bytes: Vec<u8>, local: usize, central: usize, change: &[u8]) -> Vec<u8> {
        let start = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap() + central;
        bytes[local..local + change.len()].copy_from_slice(change);
        bytes[start..start + change.len()].copy_from_slice(change);
        bytes
    }

    fn open(bytes: Vec<u8>) -> Result<Archive<Cursor<Vec<u8>>>, FormatError> {
        Archive::new(Cursor::new(bytes))
    }

    fn refused(bytes: Vec<u8>) -> Kind {
        open(bytes).unwrap_err().kind
    }

    #[test]
    fn stored_and_deflated_entries_are_read_whole_and_in_order() {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let mut archive = open(zip(method, &[("b/x", b"1"), ("a", &[7; 3000])])).unwrap();
            assert_eq!(archive.names().collect::<Vec<_>>(), ["b/x", "a"]);
            assert_eq!(archive.read("a", 3000).unwrap(), [7; 3000]);
            assert!(matches!(archive.read("a", 2999).unwrap_err().kind, Kind::Limit { found: 3000, .. }));
            assert_eq!(archive.read("c", 1).unwrap_err().kind, Kind::MissingEntry("c".into()));
        }
    }

    #[test]
    fn a_name_that_is_not_a_plain_relative_path_is_unsafe() {
        for (name, reason) in [
            ("../ab", "leaves its directory"),
            ("a/../", "leaves its directory"),
            ("/abcd", "absolute path"),
            ("C:abc", "starts with a drive letter"),
            ("ab\\cd", "contains a backslash"),
            ("a//bc", "contains an empty component or a dot in the place of one"),
            ("a/./b", "contains an empty component or a dot in the place of one"),
            ("ab\0cd", "contains a control character"),
            ("ab\ncd", "contains a control character"),
        ] {
            let bytes = renamed(stored(&["x/yyz"]), "x/yyz", name);
            assert_eq!(refused(bytes), Kind::UnsafeName(reason), "{name:?}");
        }
    }

    #[test]
    fn a_duplicate_entry_is_refused() {
        let error = open(renamed(stored(&["one", "two"]), "two", "one")).unwrap_err();
        assert_eq!((error.place.entry.as_deref(), error.kind), (Some("one"), Kind::DuplicateEntry));
    }

    #[test]
    fn directories_are_skipped_and_links_are_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_directory("d", SimpleFileOptions::default()).unwrap();
        assert_eq!(open(zip.finish().unwrap().into_inner()).unwrap().names().count(), 0);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("l", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        assert!(matches!(refused(zip.finish().unwrap().into_inner()), Kind::NotAFile(_)));
    }

    #[test]
    fn a_special_file_is_refused_by_its_mode_also_under_the_name_of_a_directory() {
        for (name, mode) in [("ab", 0o010_644_u32), ("ab", 0o060_644), ("a/", 0o120_777)] {
            let mut bytes = renamed(zip(CompressionMethod::Stored, &[("ab", b"")]), "ab", name);
            let start = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
            bytes[start + 38..start + 42].copy_from_slice(&(mode << 16).to_le_bytes());
            assert_eq!(refused(bytes), Kind::NotAFile(mode), "{name}");
        }
    }

    #[test]
    fn encryption_and_other_compression_are_unsupported() {
        assert_eq!(refused(patched(stored(&["a"]), 6, 8, &[1, 0])), Kind::Encrypted);
        assert!(
            matches!(refused(patched(stored(&["a"]), 8, 10, &[12, 0])), Kind::Compression(method) if method == "method 12 (bzip2)")
        );
    }

    #[test]
    fn a_changed_byte_fails_the_checksum() {
        let mut archive = open(renamed(stored(&["a"]), "content", "Content")).unwrap();
        assert!(matches!(archive.read("a", 7).unwrap_err().kind, Kind::Corrupt(_)));
    }

    #[test]
    fn a_wrong_size_is_refused() {
        let deflated = || zip(CompressionMethod::Deflated, &[("a", &[7; 3000])]);
        for announced in [2999u32, 3001] {
            let mut archive = open(patched(deflated(), 22, 24, &announced.to_le_bytes())).unwrap();
            assert!(matches!(archive.read("a", 4000).unwrap_err().kind, Kind::Corrupt(_)), "{announced}");
        }
        let huge = patched(deflated(), 22, 24, &0x7fff_ffffu32.to_le_bytes());
        assert!(matches!(refused(huge), Kind::Limit { what: "bytes of a deflated entry", .. }));
        assert!(matches!(refused(patched(stored(&["a"]), 22, 24, &[9])), Kind::Corrupt(_)));
    }

    #[test]
    fn headers_that_disagree_are_refused() {
        let mut bytes = stored(&["one"]);
        bytes[30..33].copy_from_slice(b"two");
        assert!(matches!(refused(bytes), Kind::Zip(_)));
    }

    #[test]
    fn entries_that_overlap_are_refused() {
        let mut bytes = stored(&["one", "two"]);
        let second = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        bytes[second + 42..second + 46].copy_from_slice(&[0; 4]);
        assert!(matches!(refused(bytes), Kind::Zip(_)));
    }

    #[test]
    fn a_long_name_is_refused() {
        let name = "x".repeat(usize::try_from(MAX_ENTRY_NAME_BYTES).unwrap() + 1);
        assert!(matches!(refused(stored(&[&name])), Kind::Limit { what: "bytes of entry name", .. }));
    }

    #[test]
    fn a_directory_is_not_opened_as_a_file() {
        let error = Archive::open(&std::env::temp_dir()).unwrap_err();
        assert!(error.to_string().ends_with("expected a regular file, found a directory or special file"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Archive::open(Path::new("no/such.zip")).unwrap_err();
        assert!(matches!(error.kind, Kind::Io { kind: std::io::ErrorKind::NotFound, .. }), "{error:?}");
        assert!(error.to_string().starts_with("no/such.zip: "));
    }
}
