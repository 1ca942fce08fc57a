//! The edits of whole entries, and of the file as such.

use std::{io::Cursor, path::Path};

use super::{
    bundle_edit::{Compression, Content, Cut},
    edit_result::{cannot_edit, edited, publish},
    raw_archive::{LINK, RawEntry, entries_of, written},
};
use crate::{
    fs_util::read_regular,
    harness::contract::Refusal,
    torch_files::{
        limits::MAX_ENTRY_BYTES,
        pickle::{Protocol, write_value},
        zip::{
            Archive,
            writer::{ArchiveWriter, Placement},
        },
    },
    value::Map,
};

/// The longest file that is edited: 1 GiB.
const MAX_EDITED_BYTES: u64 = 1 << 30;

pub(super) fn remove(path: &Path, entry: &str) -> Result<Map, Refusal> {
    edit(path, entry, |entries, at| {
        entries.remove(at);
        Ok(())
    })
}

pub(super) fn replace(path: &Path, entry: &str, with: &Content) -> Result<Map, Refusal> {
    edit(path, entry, |entries, at| {
        let bytes = bytes_of(with, entries)?;
        if let Some(entry) = entries.get_mut(at) {
            entry.bytes = bytes;
        }
        Ok(())
    })
}

pub(super) fn add(path: &Path, entry: &str, with: &Content) -> Result<Map, Refusal> {
    let mut entries = entries_of(&mut Archive::open(path)?)?;
    let bytes = bytes_of(with, &entries)?;
    match entries.iter_mut().find(|known| known.name == entry) {
        Some(known) => known.bytes = bytes,
        None => entries.push(RawEntry::file(entry, bytes)),
    }
    write(path, &entries)?;
    Ok(edited("entry", entry))
}

pub(super) fn repeat(path: &Path, entry: &str, with: &Content) -> Result<Map, Refusal> {
    edit(path, entry, |entries, _| {
        let bytes = bytes_of(with, entries)?;
        entries.push(RawEntry::file(entry, bytes));
        Ok(())
    })
}

pub(super) fn link(path: &Path, entry: &str, to: &str) -> Result<Map, Refusal> {
    edit(path, entry, |entries, at| {
        if let Some(entry) = entries.get_mut(at) {
            entry.bytes = to.into();
            entry.mode = LINK;
        }
        Ok(())
    })
}

pub(super) fn rename(path: &Path, entry: &str, to: &str) -> Result<Map, Refusal> {
    edit(path, entry, |entries, at| {
        if let Some(entry) = entries.get_mut(at) {
            to.clone_into(&mut entry.name);
        }
        Ok(())
    })
}

pub(super) fn reverse(path: &Path) -> Result<Map, Refusal> {
    let mut entries = entries_of(&mut Archive::open(path)?)?;
    entries.reverse();
    write(path, &entries)?;
    Ok(Map::new())
}

pub(super) fn recompress(path: &Path, method: Compression) -> Result<Map, Refusal> {
    let entries = entries_of(&mut Archive::open(path)?)?;
    publish(path, &recompressed(&entries, method)?)?;
    Ok(Map::new())
}

pub(super) fn flip_byte(path: &Path, entry: &str) -> Result<Map, Refusal> {
    let (start, length) = Archive::open(path)?.place(entry)?;
    let mut bytes = read(path)?;
    let middle = usize::try_from(start + length / 2).ok().filter(|_| length > 0);
    let byte = middle.and_then(|middle| bytes.get_mut(middle));
    let byte = byte.ok_or_else(|| cannot_edit(format!("the entry {entry} is empty")))?;
    *byte = !*byte;
    publish(path, &bytes)?;
    Ok(edited("entry", entry))
}

/// Replaces the first occurrence of a text in each of these entries, without a new checksum.
pub(super) fn change_text(
    path: &Path,
    (text, to): (&str, &str),
    is_changed: fn(&str) -> bool,
) -> Result<Map, Refusal> {
    let length = text.len();
    if length == 0 || length != to.len() {
        return Err(cannot_edit(format!("expected two texts of the same length, found {text:?} and {to:?}")));
    }
    let mut entries = entries_of(&mut Archive::open(path)?)?;
    for entry in entries.iter_mut().filter(|entry| is_changed(&entry.name)) {
        entry.wrong_crc32 = Some(crc32fast::hash(&entry.bytes));
        let found = entry.bytes.windows(length).position(|bytes| bytes == text.as_bytes());
        let place = found.and_then(|start| entry.bytes.get_mut(start..start + length));
        let place = place.ok_or_else(|| cannot_edit(format!("{} does not contain {text:?}", entry.name)))?;
        place.copy_from_slice(to.as_bytes());
    }
    write(path, &entries)?;
    Ok(Map::new())
}

pub(super) fn truncate(path: &Path, cut: Cut) -> Result<Map, Refusal> {
    let mut bytes = read(path)?;
    let length = bytes.len() as u64;
    let left = match cut {
        Cut::Bytes(bytes) => length.saturating_sub(bytes),
        Cut::To(bytes) => length.min(bytes),
        Cut::Percent(percent) => length.saturating_mul(percent.min(100)) / 100,
    };
    bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    publish(path, &bytes)?;
    Ok(Map::new())
}

/// The whole file, which an implementation can have made a pipe or endless.
fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    read_regular(path, MAX_EDITED_BYTES).map_err(|error| cannot_edit(error.to_string()))
}

/// The archive of these entries, each stored or deflated.
fn recompressed(entries: &[RawEntry], method: Compression) -> Result<Vec<u8>, Refusal> {
    let writer = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
    let mut writer = match method {
        Compression::Stored => writer,
        Compression::Deflated => writer.deflated(),
    };
    let fail = |error| Refusal::from(crate::torch_files::FormatError::from(error));
    for entry in entries {
        writer.entry(&entry.name, &entry.bytes).map_err(fail)?;
    }
    Ok(writer.finish().map_err(fail)?.into_inner())
}

/// Edits the list of entries. `change` gets the index of the named one.
fn edit(
    path: &Path,
    entry: &str,
    change: impl FnOnce(&mut Vec<RawEntry>, usize) -> Result<(), Refusal>,
) -> Result<Map, Refusal> {
    let mut entries = entries_of(&mut Archive::open(path)?)?;
    let at = entries.iter().position(|own| own.name == entry);
    change(&mut entries, at.ok_or_else(|| cannot_edit(format!("the archive lacks the entry {entry}")))?)?;
    write(path, &entries)?;
    Ok(edited("entry", entry))
}

fn write(path: &Path, entries: &[RawEntry]) -> Result<(), Refusal> {
    let bytes =
        written(entries).ok_or_else(|| cannot_edit(format!("larger than {MAX_ENTRY_BYTES} bytes")))?;
    publish(path, &bytes)
}

fn bytes_of(content: &Content, entries: &[RawEntry]) -> Result<Vec<u8>, Refusal> {
    match content {
        Content::Text(text) => Ok(text.clone().into_bytes()),
        Content::Hex(bytes) => Ok(bytes.clone()),
        Content::Pickle(value) => Ok(write_value(value, Protocol::Four)?),
        Content::Entry(name) => {
            let found = entries.iter().find(|entry| entry.name == *name);
            let entry = found.ok_or_else(|| cannot_edit(format!("the archive lacks the entry {name}")))?;
            Ok(entry.bytes.clone())
        }
    }
}
