//! What every edit of a bundle ends with: the changed file and what was changed, or the refusal to change it.

use std::{fs, fs::File, io::Write as _, path::Path};

use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

/// Replaces the archive by these bytes. It becomes a new file, since the old one may have a second name.
pub(super) fn publish(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let written = fs::remove_file(path).and_then(|()| File::create_new(path)?.write_all(bytes));
    written.map_err(|error| cannot_edit(error.to_string()))
}

pub(super) fn edited(key: &str, value: &str) -> Map {
    Map::from_iter([(key.to_owned(), Value::from(value))])
}

/// The refusal when the implementation did not write what the edit changes.
pub(super) fn cannot_edit(what: String) -> Refusal {
    Refusal::new(RefusalKind::NotFound, format!("cannot edit the bundle: {what}"))
}
