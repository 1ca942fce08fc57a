//! What was read from short files, by their bytes.
//!
//! A run meets the same file in many steps of many checks. What a reader finds depends on the bytes alone, so it is kept
//! for the next file with the same bytes.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::torch_files::{FormatError, zip::FileReader};

/// Bytes of the longest file whose contents are kept: 256 KiB.
const MAX_KNOWN_FILE_BYTES: usize = 256 << 10;

/// Bytes of all files whose contents are kept, together: 8 MiB. What was read from a file may be larger than the file.
const MAX_KNOWN_BYTES: usize = 8 << 20;

/// What one kind of reader found in files, by the CRC-32 of their bytes.
pub(crate) struct KnownFiles<T>(Mutex<Known<T>>);

struct Known<T> {
    found: BTreeMap<u32, Found<T>>,
    /// Bytes of all these files.
    bytes: usize,
}

struct Found<T> {
    /// The file: a checksum alone would take one file for another. Comparing bytes costs a tenth of digesting them.
    file: Arc<[u8]>,
    what: Arc<T>,
}

impl<T> KnownFiles<T> {
    /// No file yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Known { found: BTreeMap::new(), bytes: 0 }))
    }

    /// What `read` finds in the file, or found in one with the same bytes.
    ///
    /// The bytes are read once: those that were compared are those that `read` gets. Errors are not kept, because they
    /// name the file.
    ///
    /// # Errors
    /// As [`FileReader::open`], and those of `read`.
    pub(crate) fn read(
        &self,
        path: &Path,
        read: impl FnOnce(FileReader) -> Result<T, FormatError>,
    ) -> Result<Arc<T>, FormatError> {
        let reader = FileReader::open(path)?;
        let Some(bytes) = reader.in_memory().filter(|bytes| bytes.len() <= MAX_KNOWN_FILE_BYTES) else {
            return read(reader).map(Arc::new);
        };
        let checksum = crc32fast::hash(bytes);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.found.get(&checksum).filter(|found| *found.file == *bytes) {
            return Ok(Arc::clone(&found.what));
        }
        drop(known);
        let file: Arc<[u8]> = Arc::from(bytes);
        let length = file.len();
        let what = Arc::new(read(reader)?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.bytes + length > MAX_KNOWN_BYTES {
            *known = Known { found: BTreeMap::new(), bytes: 0 };
        }
        let replaced = known.found.insert(checksum, Found { file, what: Arc::clone(&what) });
        known.bytes = known.bytes + length - replaced.map_or(0, |replaced| replaced.file.len());
        Ok(what)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{cell::Cell, io::Read as _};

    use super::*;

    #[test]
    fn a_file_is_read_once_for_the_same_bytes_and_again_for_others() {
        let place = tempfile::tempdir().unwrap();
        let (known, times) = (KnownFiles::new(), Cell::new(0));
        let found = |name: &str, bytes: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            known
                .read(&path, |mut reader| {
                    times.set(times.get() + 1);
                    let mut text = String::new();
                    reader.read_to_string(&mut text).unwrap();
                    Ok(text)
                })
                .unwrap()
        };
        assert_eq!((found("a", "1").as_str(), times.get()), ("1", 1));
        assert_eq!((found("b", "1").as_str(), times.get()), ("1", 1));
        assert_eq!((found("a", "2").as_str(), times.get()), ("2", 2));
    }

    #[test]
    fn a_file_with_the_checksum_of_another_is_read() {
        let place = tempfile::tempdir().unwrap();
        let known = KnownFiles::new();
        let found = |bytes: &[u8]| {
            let path = place.path().join("a");
            std::fs::write(&path, bytes).unwrap();
            *known.read(&path, |reader| Ok(reader.in_memory().map(|bytes| bytes[0]))).unwrap()
        };
        let [one, other] = [b"plumless", b"buckeroo"];
        assert_eq!(crc32fast::hash(one), crc32fast::hash(other));
        assert_eq!([one, other, one].map(|bytes| found(bytes)), [Some(b'p'), Some(b'b'), Some(b'p')]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let known = KnownFiles::new();
        let kept = |length: usize, first: u8| {
            let mut bytes = vec![0; length];
            bytes[0] = first;
            std::fs::write(&path, bytes).unwrap();
            known.read(&path, |_| Ok(())).unwrap();
            let kept = known.0.lock().unwrap();
            (kept.found.len(), kept.bytes)
        };
        assert_eq!(kept(MAX_KNOWN_FILE_BYTES + 1, 0), (0, 0));
        let all = MAX_KNOWN_BYTES / MAX_KNOWN_FILE_BYTES;
        for file in 1..=all {
            assert_eq!(kept(MAX_KNOWN_FILE_BYTES, u8::try_from(file).unwrap()).0, file);
        }
        assert_eq!(kept(MAX_KNOWN_FILE_BYTES, 0), (1, MAX_KNOWN_FILE_BYTES));
    }
}
