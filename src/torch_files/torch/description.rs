//! The description of a state dict in `data.pkl`, read and compared with the entries of the file.

use std::{
    collections::HashMap,
    io::{Read, Seek},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    entries::{self, Entries},
    fails::first_failure,
    outline::{NetworkOutline, Outline, StorageOutline},
    parser::Parser,
    source::{Globals, Source, TorchFormat},
};
use crate::{
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        error::{excerpt, within},
        limits::{LARGE_PICKLE_BYTES, MAX_DEFLATED_BYTES, MAX_PICKLE_BYTES},
        pickle::{self, Allow, Converted},
        zip::Archive,
    },
    value::Value,
};

type Result<T> = std::result::Result<T, FormatError>;

/// Waits until no other large pickle is read, if a pickle of so many bytes is one.
pub(super) fn turn(bytes: u64) -> Option<MutexGuard<'static, ()>> {
    static LARGE: Mutex<()> = Mutex::new(());
    (bytes > LARGE_PICKLE_BYTES).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Reads the outline of a source.
pub(super) type ReadOutline<'r> = dyn FnMut(&Source<'_>) -> Result<Described> + 'r;

/// What is read of a source.
pub(super) struct Described {
    pub(super) outline: Outline,
    /// Bytes of its pickle.
    pub(super) length: usize,
    /// The storages that it refers to by their keys, if those that no tensor views may be in the file.
    pub(super) storages: ReferredStorages,
}

/// The sizes of storages by their names, as far as they are known.
pub(super) type ReferredStorages = HashMap<String, Option<StorageSize>>;

/// The size of a storage that a pickle announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageSize {
    /// Bytes of one element.
    pub(super) element: u64,
    /// Bytes of all elements.
    pub(super) bytes: u64,
}

/// Reads a state dict or a sentinel.
pub(super) fn state_dict(source: &Source<'_>) -> Result<Described> {
    let (graph, length) = pickle::read_first(source.pickle, Allow::STATE_DICT)?;
    if source.format == TorchFormat::Zip {
        pickle::trailing(source.pickle, length)?;
    }
    source.refuse_untyped(&graph)?;
    let outline = Parser::new(&graph, source).parse()?;
    // What is around the tensors, such as the metadata of modules, is made as well.
    if let Some(failure) = first_failure(&graph, &Globals::new(), source.format) {
        return Err(failure.into());
    }
    Ok(Described { outline, length, storages: ReferredStorages::new() })
}

impl Outline {
    /// Reads the outline of an archive, and compares it with the entries.
    pub(super) fn of<R: Read + Seek>(archive: &mut Archive<R>, read: &mut ReadOutline<'_>) -> Result<Self> {
        let Entries { prefix, .. } = Entries::of(archive)?;
        let entry = format!("{prefix}/data.pkl");
        let turn = turn(archive.entry(&entry).map_or(0, |entry| entry.bytes));
        let bytes = archive.read(&entry, MAX_PICKLE_BYTES)?;
        let order = format!("{prefix}/byteorder");
        let order = match archive.entry(&order) {
            None => None,
            Some(_) => Some(archive.read(&order, MAX_ORDER_BYTES)?),
        };
        let outline = Self::parse(&bytes, &prefix, order.as_deref(), read)?;
        drop((bytes, turn));
        if let Self::Network(network) = &outline {
            network.storages.iter().try_for_each(|storage| fits(storage, archive))?;
            deflated_within(network, archive, MAX_DEFLATED_BYTES)?;
        }
        Ok(outline)
    }

    /// Parses the outline from the bytes of `data.pkl` and of `byteorder`. Files of older PyTorch releases have no
    /// `byteorder` and are little-endian.
    pub(super) fn parse(
        pickle: &[u8],
        prefix: &str,
        order: Option<&[u8]>,
        read: &mut ReadOutline<'_>,
    ) -> Result<Self> {
        let entry = format!("{prefix}/data.pkl");
        let big_endian = match order {
            None | Some(b"little") => false,
            Some(b"big") => true,
            Some(other) => {
                let what = format!("the byte order {:?}", String::from_utf8_lossy(other));
                return Err(Kind::Unsupported(what).in_entry(&format!("{prefix}/byteorder")));
            }
        };
        let place = |key: &str| format!("{prefix}/data/{key}");
        let outline = read(&Source { pickle, format: TorchFormat::Zip, place: &place, big_endian });
        outline.map(|Described { outline, .. }| outline).map_err(|error| error.in_entry(&entry))
    }
}

/// The content of a file of `torch.save` without tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorchValue {
    /// The value.
    pub value: Value,
    /// When it is a dict: its values in which an object was converted to a plain one.
    pub converted: Vec<Converted>,
    /// The entries that torch does not read.
    pub unread: Vec<String>,
}

/// Reads a file of `torch.save` that holds no tensors.
///
/// # Errors
/// As [`Archive::new`] and [`pickle::read`]; `malformed` for types without a value; `unsafe` when torch would read the
/// file differently.
pub fn read_value(reader: impl Read + Seek) -> Result<TorchValue> {
    let mut archive = entries::open(reader)?;
    let Entries { prefix, unread, .. } = Entries::of(&mut archive)?;
    let entry = format!("{prefix}/data.pkl");
    let bytes = archive.read(&entry, MAX_PICKLE_BYTES)?;
    let read = pickle::read(&bytes, Allow::VALUES)
        .and_then(|graph| Ok((graph.to_value(graph.root())?, graph.converted())));
    let (value, converted) = read.map_err(|error| error.in_entry(&entry))?;
    Ok(TorchValue { value, converted, unread })
}

/// Bytes of the entry `byteorder`.
pub(super) const MAX_ORDER_BYTES: u64 = 16;

/// Checks that all deflated storages together are not larger than one deflated entry may be. torch never deflates entries,
/// but `zip -r` does; and a deflated file inside a deflated entry expands a millionfold.
fn deflated_within<R: Read + Seek>(network: &NetworkOutline, archive: &Archive<R>, limit: u64) -> Result<()> {
    let entries = network.storages.iter().filter_map(|storage| archive.entry(&storage.entry));
    let deflated = entries.filter(|entry| entry.deflated).map(|entry| entry.bytes);
    Ok(within("bytes of deflated storages", deflated.fold(0, u64::saturating_add), limit)?)
}

/// Checks that the entry of a storage exists and has the size that the pickle announces.
fn fits<R: Read + Seek>(storage: &StorageOutline, archive: &Archive<R>) -> Result<()> {
    let entry = archive.entry(&storage.entry).ok_or_else(|| Kind::MissingEntry(excerpt(&storage.entry)))?;
    if entry.bytes == storage.bytes {
        return Ok(());
    }
    let (dtype, elements) = (storage.dtype, storage.elements());
    let what = format!("expected {elements} elements of {dtype}, found {} bytes", entry.bytes);
    Err(Kind::Storage(what).in_entry(&storage.entry))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Cursor, Write as _};

    use zip::{CompressionMethod, write::SimpleFileOptions};

    use super::*;
    use crate::torch_files::Dtype;

    #[test]
    fn deflated_storages_are_bounded_together() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, method) in [
            ("a", CompressionMethod::Deflated),
            ("b", CompressionMethod::Deflated),
            ("c", CompressionMethod::Stored),
        ] {
            zip.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(&[0; 100]).unwrap();
        }
        let archive = Archive::new(zip.finish().unwrap()).unwrap();
        let storage = |name: &str| StorageOutline { entry: name.to_owned(), dtype: Dtype::Uint8, bytes: 100 };
        let network =
            NetworkOutline { storages: ["a", "b", "c"].map(storage).to_vec(), ..Default::default() };
        assert!(deflated_within(&network, &archive, 200).is_ok());
        let kind = deflated_within(&network, &archive, 199).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "bytes of deflated storages", found: 200, limit: 199 }));
    }
}
