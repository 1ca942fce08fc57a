//! What a file is, so that it is checked against the right rules.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::archive_kind::OtherArchive;
use crate::{
    bundle::nouns::{ARCHIVE_NAME, JSON_MANIFEST_ENTRY, MANIFEST_ENTRY},
    fs_util::regular,
    torch_files::{OtherFormat, npz, other_format::TELLING_BYTES, torch, zip::Archive},
};

/// What `check` and `inspect` read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A bundle, or anything that is none of the others.
    Bundle,
    /// A file of `torch.save`.
    Torch,
    /// An archive of NumPy arrays.
    Npz,
    /// One array of NumPy.
    Npy,
    /// Tensors of safetensors.
    Safetensors,
    /// A pickle that no file of `torch.save` is around.
    Pickle,
}

/// What the names of files end with that loaders of models take, and what such a file is when its content does not tell.
const NAMES: [(&str, FileKind); 15] = [
    (".pt", FileKind::Torch),
    (".pth", FileKind::Torch),
    (".ckpt", FileKind::Torch),
    (".bin", FileKind::Torch),
    (".pth.tar", FileKind::Torch),
    (".pt2", FileKind::Torch),
    (".ptl", FileKind::Torch),
    (".pkl", FileKind::Pickle),
    (".pickle", FileKind::Pickle),
    (".dill", FileKind::Pickle),
    (".joblib", FileKind::Pickle),
    (".npz", FileKind::Npz),
    (".npy", FileKind::Npy),
    (".safetensors", FileKind::Safetensors),
    (".h5.zip", FileKind::Bundle),
];

/// The end of the name of an archive, whatever is in it.
const ARCHIVE: &str = ".zip";

/// What an archive begins with, and an empty one.
const ARCHIVE_SIGNATURES: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

impl FileKind {
    /// The kind as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Torch => "torch",
            Self::Npz => "npz",
            Self::Npy => "npy",
            Self::Pickle => "pickle",
            Self::Safetensors => "safetensors",
        }
    }

    /// Whether all of a file are tensors and what is around them, so that two of them can be compared.
    pub fn is_of_tensors(self) -> bool {
        match self {
            Self::Torch | Self::Npz | Self::Npy | Self::Safetensors => true,
            Self::Bundle | Self::Pickle => false,
        }
    }

    /// What a file is by its content, and by its name where the content does not tell. A file with the name of a bundle
    /// is given as one, whatever it is.
    pub fn of(path: &Path) -> Self {
        if is_unpacked_torch(path) {
            return Self::Torch;
        }
        match Self::by_name(path) {
            Some(Self::Bundle) => Self::Bundle,
            by_name @ (Some(Self::Torch | Self::Npz | Self::Npy | Self::Safetensors | Self::Pickle)
            | None) => Self::by_content(path).or(by_name).unwrap_or(Self::Bundle),
        }
    }

    /// Whether a file that was found in a directory is one that a loader of models could take: by its name, as an archive,
    /// or as one of these kinds.
    pub fn is_loadable(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let begins_as_one =
            |first: Vec<u8>| ARCHIVE_SIGNATURES.iter().any(|signature| first.starts_with(signature));
        name.ends_with(ARCHIVE)
            || Self::by_name(path).is_some()
            || first_bytes(path).is_some_and(begins_as_one)
            || Self::by_content(path).is_some()
    }

    /// What a file is by its content; `None` if it is none of these.
    pub fn by_content(path: &Path) -> Option<Self> {
        let first = first_bytes(path)?;
        let format = OtherFormat::of(&first);
        if format == Some(OtherFormat::Safetensors) {
            return Some(Self::Safetensors);
        }
        if torch::is_legacy(&mut std::io::Cursor::new(first)).unwrap_or(false) {
            return Some(Self::Torch);
        }
        let Ok(archive) = Archive::open(path) else {
            let kinds = [(OtherFormat::Pickle, Self::Pickle), (OtherFormat::Npy, Self::Npy)];
            return kinds.into_iter().find(|(own, _)| format == Some(*own)).map(|(_, kind)| kind);
        };
        let has = |inner: &dyn Fn(&str) -> bool| archive.names().any(inner);
        if has(&|name| [MANIFEST_ENTRY, JSON_MANIFEST_ENTRY].contains(&name)) {
            return Some(Self::Bundle);
        }
        if has(&|name| name.split_once('/').is_some_and(|(_, inner)| inner == "data.pkl")) {
            return Some(Self::Torch);
        }
        if OtherArchive::is_exported(archive.names()) {
            return Some(Self::Torch);
        }
        npz::is_npz(archive.names()).then_some(Self::Npz)
    }

    /// What the name of a file says that it is.
    pub fn by_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        NAMES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, kind)| *kind)
    }
}

/// The entries that every file of `torch.save` has.
const TORCH_ENTRIES: [&str; 2] = ["data.pkl", "version"];

/// Whether a path is a directory with the content of a file of `torch.save`.
pub(crate) fn is_unpacked_torch(path: &Path) -> bool {
    TORCH_ENTRIES.iter().all(|entry| path.join(entry).is_file())
}

/// The bytes that tell what a file is; `None` if it is not a regular file, or cannot be read.
pub(super) fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    regular(path).ok()?;
    let mut first = Vec::new();
    File::open(path).and_then(|file| file.take(TELLING_BYTES as u64).read_to_end(&mut first)).ok()?;
    Some(first)
}

/// What is next to a file that is missing or not a bundle, if it is the bundle that was meant: `wts.h5` is saved as
/// `wts.h5.zip`.
pub(crate) fn bundle_next_to(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = ARCHIVE_NAME.strip_suffix(".zip")?;
    let beside = path.with_file_name(format!("{name}.zip"));
    (name.ends_with(stem) || name.ends_with(".h5")).then_some(beside).filter(|beside| beside.is_file())
}
