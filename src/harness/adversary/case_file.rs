//! The file of a request, as far as an adversary may touch it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::{
    fs_util::read_regular,
    harness::contract::{Operation, SessionContext},
    value::Map,
};

/// The largest file that an adversary remembers, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The file of a request. None if it has none, or one that may be outside of the session's directory.
pub(super) fn of_request(operation: &Operation, fields: &Map, context: &SessionContext) -> Option<PathBuf> {
    let path = (operation.file)(fields)?;
    let is_inside = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| context.path(&path))
}

/// The bytes of a file; None if there is no regular file.
pub(super) fn read(file: &Path) -> Option<Vec<u8>> {
    fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file)?;
    read_regular(file, MAX_BYTES).ok()
}

/// Writes these bytes, or removes the file.
pub(super) fn set(file: &Path, bytes: Option<&[u8]>) -> io::Result<()> {
    match bytes {
        Some(bytes) => fs::write(file, bytes),
        None => match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    }
}
