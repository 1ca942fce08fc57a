//! One entry of an archive: what the directory records of it, and which records are refused.

use std::io::{Read, Seek};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::central_directory::Listed;
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    error::within,
    limits::{MAX_DEFLATED_BYTES, MAX_ENTRY_BYTES, MAX_EXPANSION_RATIO},
};

/// The directory's record of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) index: usize,
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Compressed bytes; equal to [`Entry::bytes`] for a stored entry.
    pub compressed_bytes: u64,
    /// Whether the entry is deflated.
    pub deflated: bool,
    /// CRC-32 of the uncompressed bytes.
    pub crc32: u32,
}

/// The bits of a unix mode that hold the file type, and the type of a regular file.
const TYPE_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// The current directory, with which some writers begin every name.
pub(super) const DOT: &str = "./";

/// Why a name with `//` or `/./` is refused.
pub(super) const EMPTY_COMPONENT: &str = "contains an empty component or a dot in the place of one";

/// The entry at this index of the directory; only its name for a plain directory.
pub(super) fn checked_entry<R>(
    zip: &ZipArchive<R>,
    index: usize,
    listed: &Listed,
) -> Result<(String, Option<Entry>), FormatError>
where
    R: Read + Seek,
{
    let data = zip.by_index_data(index).map_err(broken)?;
    let name = data.name().map_err(broken)?.into_owned();
    // `tar -a` of Windows and macOS and other writers name entries like this, and readers that extract do not see it.
    let name = name.strip_prefix(DOT).map_or(name.clone(), str::to_owned);
    let found = (data.header_start(), data.size(), data.compressed_size());
    if found != (listed.start, listed.bytes, listed.compressed_bytes) {
        return Err(Kind::Zip("ambiguous sizes or offset".to_owned()).in_entry(&name));
    }
    let check = || {
        let (bytes, compressed_bytes) = (data.size(), data.compressed_size());
        // The name of the directory itself is empty without its dot.
        let is_directory = name.is_empty() || name.ends_with('/');
        if let Some(reason) =
            unsafe_name(name.strip_suffix('/').unwrap_or(&name)).filter(|_| !name.is_empty())
        {
            return Err(Kind::UnsafeName(reason));
        }
        // Some writers set permissions only, so a missing file type is accepted and a wrong one is not.
        let mode = data.unix_mode().unwrap_or(0);
        if !is_directory && ![0, REGULAR].contains(&(mode & TYPE_MASK)) || data.is_symlink() {
            return Err(Kind::NotAFile(mode));
        }
        if data.encrypted() {
            return Err(Kind::Encrypted);
        }
        if listed.is_directory && !is_directory {
            return Err(Kind::Corrupt("marked as a directory, of which torch reads no bytes".to_owned()));
        }
        if is_directory {
            return if bytes == 0 {
                Ok(None)
            } else {
                Err(Kind::Corrupt("a directory with content".to_owned()))
            };
        }
        let deflated = match data.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            #[allow(deprecated, reason = "the crate has no other name for a method that it does not support")]
            CompressionMethod::Unsupported(number) => {
                return Err(Kind::Compression(method(number)));
            }
            other => return Err(Kind::Compression(other.to_string())),
        };
        if !deflated && bytes != compressed_bytes {
            return Err(Kind::Corrupt("a stored entry with two different sizes".to_owned()));
        }
        within("bytes in the entry", bytes, MAX_ENTRY_BYTES)?;
        if deflated {
            let possible = compressed_bytes.saturating_mul(MAX_EXPANSION_RATIO);
            within("bytes of a deflated entry", bytes, possible.min(MAX_DEFLATED_BYTES))?;
        }
        Ok(Some(Entry { index, bytes, compressed_bytes, deflated, crc32: data.crc32() }))
    };
    let entry = check().map_err(|kind| kind.in_entry(&name))?;
    Ok((name, entry))
}

/// Why a name is not a relative path of plain components, or `None` when it is.
fn unsafe_name(name: &str) -> Option<&'static str> {
    if name.starts_with('/') {
        return Some("absolute path");
    }
    if name.contains('\\') {
        return Some("contains a backslash");
    }
    if name.contains(char::is_control) {
        return Some("contains a control character");
    }
    if name.chars().nth(1) == Some(':') {
        return Some("starts with a drive letter");
    }
    if name.split('/').any(|part| part == "..") {
        return Some("leaves its directory");
    }
    if name.split('/').any(|part| part.is_empty() || part == ".") {
        return Some(EMPTY_COMPONENT);
    }
    None
}

pub(super) fn broken(error: ZipError) -> Kind {
    match error {
        ZipError::Io(error) => error.into(),
        error => Kind::Zip(error.to_string()),
    }
}

/// A compression method by its number in the specification of zip, with its name as far as it is in use.
fn method(number: u16) -> String {
    let name = match number {
        9 => " (Deflate64)",
        12 => " (bzip2)",
        14 => " (LZMA)",
        93 => " (Zstandard)",
        95 => " (xz)",
        98 => " (PPMd)",
        99 => " (AES encryption)",
        _ => "",
    };
    format!("method {number}{name}")
}
