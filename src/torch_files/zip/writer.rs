//! Reproducible zip archives: the same entries give the same bytes (BUN-015).

use std::io::{self, Cursor, Read, Seek, Write};

use zip::{CompressionMethod, DateTime, System, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{Archive, until_failure::UntilFailure};
use crate::torch_files::{FormatError, FormatErrorKind as Kind};

/// Entries from this size on need 64-bit sizes, which the writer must know in advance.
const LARGE_FILE_BYTES: u64 = 0xffff_ffff;

/// The alignment of torch's entries in bytes, and the id of the extra field that pads them.
const TORCH_ALIGNMENT: (u16, u16) = (64, 0x4246);

/// The placement of the data of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// One entry directly after the other.
    Packed,
    /// At multiples of 64 bytes, so torch can map the data into memory.
    Aligned,
}

/// Writes an archive of regular files, stored unless said otherwise, with unix mode 0644 (BUN-002) and a fixed modification time.
pub(crate) struct ArchiveWriter<W: Write + Seek> {
    zip: ZipWriter<UntilFailure<W>>,
    options: SimpleFileOptions,
}

impl<W: Write + Seek> ArchiveWriter<W> {
    pub(crate) fn new(writer: W, placement: Placement) -> Self {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(0o644);
        let (alignment, tag) = TORCH_ALIGNMENT;
        let options = match placement {
            Placement::Packed => options,
            Placement::Aligned => options.with_alignment_and_header_id(alignment, tag),
        };
        Self { zip: ZipWriter::new(UntilFailure::new(writer)), options }
    }

    /// Deflates the entries that follow.
    pub(crate) fn deflated(self) -> Self {
        Self { options: self.options.compression_method(CompressionMethod::Deflated), ..self }
    }

    /// Appends an entry.
    pub(crate) fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<(), Kind> {
        let options = self.options.large_file(bytes.len() as u64 >= LARGE_FILE_BYTES);
        self.zip.start_file(name, options).map_err(failed)?;
        Ok(self.zip.write_all(bytes)?)
    }

    /// Writes the central directory and returns the underlying writer.
    pub(crate) fn finish(self) -> Result<W, Kind> {
        let written = self.zip.finish().map_err(failed)?;
        written.into_inner().ok_or_else(|| Kind::from(io::Error::other("an earlier write has failed")))
    }
}

/// Rewrites an archive: every entry is replaced by what `change` returns for it, and removed for `None`. The order
/// stays the same. Entries are read one at a time, each of at most `limit` bytes.
///
/// # Errors
/// When an entry cannot be read; the errors of `change`.
pub fn rewrite_archive<R: Read + Seek>(
    archive: &mut Archive<R>,
    limit: u64,
    mut change: impl FnMut(&str, Vec<u8>) -> Result<Option<Vec<u8>>, FormatError>,
) -> Result<Vec<u8>, FormatError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
    for name in names {
        let bytes = archive.read(&name, limit)?;
        if let Some(bytes) = change(&name, bytes)? {
            writer.entry(&name, &bytes).map_err(FormatError::from)?;
        }
    }
    Ok(writer.finish().map_err(FormatError::from)?.into_inner())
}

fn failed(error: ZipError) -> Kind {
    io::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_rewritten_archive_keeps_the_order_of_its_changed_entries() {
        let mut writer = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        for (name, bytes) in [("b", b"one"), ("gone", b"two"), ("a", b"six")] {
            writer.entry(name, bytes).unwrap();
        }
        let mut archive = Archive::new(writer.finish().unwrap()).unwrap();
        let changed = rewrite_archive(&mut archive, 3, |name, bytes| {
            Ok((name != "gone").then(|| if name == "a" { b"seven".to_vec() } else { bytes }))
        });
        let mut changed = Archive::new(Cursor::new(changed.unwrap())).unwrap();
        assert!(changed.names().eq(["b", "a"]));
        assert_eq!(
            ["b", "a"].map(|name| changed.read(name, 5).unwrap()),
            [b"one".to_vec(), b"seven".to_vec()]
        );
    }

    #[test]
    fn rewriting_fails_beyond_the_limit_and_when_the_change_fails() {
        let mut writer = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        writer.entry("a", b"six").unwrap();
        let mut archive = Archive::new(writer.finish().unwrap()).unwrap();
        let limit = rewrite_archive(&mut archive, 2, |_, bytes| Ok(Some(bytes))).unwrap_err();
        assert!(matches!(limit.kind, Kind::Limit { found: 3, .. }));
        let refused = rewrite_archive(&mut archive, 3, |_, _| Err(Kind::Encrypted.into())).unwrap_err();
        assert_eq!(refused.kind, Kind::Encrypted);
    }
}
