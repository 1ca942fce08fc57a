//! Any file of `torch.save`: what it holds, and whether the safe mode of torch takes it.

use std::{
    collections::HashMap,
    io::{Read, Seek},
};

use super::{
    contents::{Contents, Item},
    description::{ReferredStorages, StorageSize},
    elements::ElementVisitor,
    entries, legacy,
    outline::Outline,
    scan::{Scanned, scan_archive},
    source::TorchFormat,
    unsafe_objects::UnsafeObject,
};
use crate::torch_files::{FormatError, FormatErrorKind as Kind, error::excerpt, pickle::safe_mode};

/// A global that a file asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedGlobal {
    /// The module, as the pickle names it.
    pub module: String,
    /// The name inside the module.
    pub name: String,
    /// Whether the safe mode of torch takes it.
    pub is_safe: bool,
}

impl From<(String, String)> for AskedGlobal {
    /// Of a module and a name.
    fn from((module, name): (String, String)) -> Self {
        let is_safe = safe_mode::has_global(&module, &name);
        // As Python 3 names it.
        let (module, name) = match (module.as_str(), name.as_str()) {
            ("__builtin__", "xrange") => ("builtins".to_owned(), "range".to_owned()),
            ("__builtin__", _) => ("builtins".to_owned(), name),
            (_, _) => (module, name),
        };
        Self { module, name, is_safe }
    }
}

/// A file of `torch.save`.
#[derive(Clone, Debug)]
pub struct TorchFile {
    /// Its format.
    pub format: TorchFormat,
    /// The globals that it asks for, in the order of their first use; those that are known when it cannot be read.
    pub globals: Vec<AskedGlobal>,
    /// Offset and name of the first opcode that the safe mode of torch lacks.
    pub beyond: Option<(u64, &'static str)>,
    /// Its tensors, and what else it holds. The names of a state dict are its keys, and those of other files are places in
    /// Python's subscript notation: `['state_dict']['layer.weight']`.
    pub content: Result<(Outline, TorchContent), FormatError>,
}

/// What a file of `torch.save` holds besides tensors.
#[derive(Clone, Debug)]
pub struct TorchContent {
    /// All objects of a file that is neither a state dict nor a sentinel.
    pub root: Option<Item>,
    /// What could not be read of it, each with its place.
    pub problems: Vec<(String, FormatError)>,
    /// The objects that the safe mode of torch does not take, each with the index of its global.
    pub unsafe_objects: Vec<(usize, UnsafeObject)>,
    /// Bytes after the pickle, which torch does not read.
    pub trailing: u64,
    /// The entries that torch does not read, each with whether it is a pickle.
    pub unread: Vec<(String, bool)>,
    /// The storages that the pickle does not refer to.
    pub unreferenced: Vec<String>,
    /// The storages of tensors that are deflated, which only a packer does after torch wrote them.
    pub deflated: Vec<String>,
    /// The entries whose checksums do not match, which torch reads as they are.
    pub changed: Vec<String>,
    /// The entries with one checksum in the directory and another one at the entry, neither of which torch looks at.
    pub two_checksums: Vec<String>,
}

/// What is found in the entries of an archive: as in [`TorchContent`], with all storages.
#[derive(Default)]
struct Found {
    unread: Vec<(String, bool)>,
    storages: Vec<(String, u64)>,
    deflated: Vec<String>,
    changed: Vec<String>,
    two_checksums: Vec<String>,
}

/// The first storage that torch fails to read, if any. It reads each that the pickle refers to, also for no tensor.
fn unfit_storages(
    storages: &[(String, u64)],
    referenced: &ReferredStorages,
) -> Option<(String, FormatError)> {
    let sizes: HashMap<&str, u64> = storages.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let unfit =
        |(name, announced): (&String, &Option<StorageSize>)| match (sizes.get(name.as_str()), announced) {
            (None, _) => Some((name.clone(), Kind::MissingEntry(excerpt(name)))),
            (Some(found), Some(StorageSize { bytes: announced, .. })) if found != announced => {
                let what =
                    format!("expected {announced} bytes in the storage {:?}, found {found}", excerpt(name));
                Some((name.clone(), Kind::Storage(what)))
            }
            (Some(_), _) => None,
        };
    // The names are in no order.
    let first = referenced.iter().filter_map(unfit).min_by(|(left, _), (right, _)| left.cmp(right));
    first.map(|(_, kind)| (String::new(), kind.into()))
}

/// Reads a file of `torch.save` from front to back and passes on the elements of its tensors. Nothing in it is executed,
/// whatever it asks for.
pub fn scan_file(mut reader: impl Read + Seek, elements: &mut dyn ElementVisitor) -> TorchFile {
    let (mut contents, mut around) = (Contents::default(), None);
    let is_legacy = legacy::is_legacy(&mut reader);
    let format = if is_legacy == Ok(true) { TorchFormat::Legacy } else { TorchFormat::Zip };
    let scanned = is_legacy.and_then(|_| match format {
        TorchFormat::Legacy => {
            let scanned = legacy::scan(reader, elements, &mut |source| contents.read(source))?;
            around = scanned.beyond;
            Ok((scanned.outline, Found::default()))
        }
        TorchFormat::Zip => {
            let archive = entries::open_unchecked(reader)?;
            let two_checksums = archive.two_checksums().to_vec();
            let scanned = scan_archive(archive, elements, &mut |source| contents.read(source))?;
            let Scanned { outline, unread, pickles, storages, deflated, mut changed, .. } = scanned;
            // One of two checksums cannot match.
            changed.retain(|name| !two_checksums.contains(name));
            let unread = unread.into_iter().map(|name| (pickles.contains(&name), name));
            let unread = unread.map(|(is_pickle, name)| (name, is_pickle)).collect();
            Ok((outline, Found { unread, storages, deflated, changed, two_checksums }))
        }
    });
    let Contents { globals, beyond, root, mut problems, unsafe_objects, trailing, referenced } = contents;
    let unsafe_objects = unsafe_objects.into_found();
    let content = scanned.map(|(outline, found)| {
        let Found { unread, storages, deflated, changed, two_checksums } = found;
        if format == TorchFormat::Zip {
            problems.extend(unfit_storages(&storages, &referenced));
        }
        let storages = storages.into_iter().map(|(name, _)| name);
        let unreferenced = storages.filter(|name| !referenced.contains_key(name)).collect();
        (
            outline,
            TorchContent {
                root,
                problems,
                unsafe_objects,
                trailing,
                unread,
                unreferenced,
                deflated,
                changed,
                two_checksums,
            },
        )
    });
    let globals = globals.into_iter().map(AskedGlobal::from).collect();
    TorchFile { format, globals, beyond: beyond.or(around), content }
}
