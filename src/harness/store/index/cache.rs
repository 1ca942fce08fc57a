//! The file of an index. It is untrusted: what is not consistent is built again.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::tables::Tables;
use crate::{
    fs_util,
    harness::{record::FORMAT, store::sums::read_bounded},
};

/// The name of the file, next to the reports.
pub(in crate::harness::store) const INDEX: &str = ".index.json";

/// The version of the file. It increases with every change of its structure, and of how results are named.
const INDEX_VERSION: u32 = 1;

/// The longest file: 64 MiB. A longer one is neither read nor written, so that memory stays bounded.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache<T> {
    version: u32,
    format: u32,
    program: String,
    tables: T,
}

/// The cached index; None if there is none that this program can use.
pub(super) fn read(reports: &Path) -> Option<Tables> {
    let bytes = read_bounded(&reports.join(INDEX), MAX_INDEX_BYTES).ok()?;
    let cache: Cache<Tables> = serde_json::from_slice(&bytes).ok()?;
    let current = (cache.version, cache.format, cache.program.as_str())
        == (INDEX_VERSION, FORMAT, env!("CARGO_PKG_VERSION"));
    Some(cache.tables).filter(|tables| current && tables.is_consistent())
}

/// Replaces the file as a whole.
pub(super) fn write(reports: &Path, tables: &Tables) -> io::Result<()> {
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let cache = Cache { version: INDEX_VERSION, format: FORMAT, program, tables };
    let path = reports.join(INDEX);
    let temporary = fs_util::sibling(&path)?;
    let mut out = BufWriter::new(Limited { file: temporary.as_file(), left: MAX_INDEX_BYTES });
    serde_json::to_writer(&mut out, &cache)?;
    out.flush()?;
    drop(out);
    temporary.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// A file that takes a limited number of bytes.
struct Limited<'f> {
    file: &'f File,
    left: u64,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
