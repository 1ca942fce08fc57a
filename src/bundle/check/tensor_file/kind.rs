//! What a file is, so that it is checked against the right rules.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    bundle::nouns::{ARCHIVE_NAME, JSON_MANIFEST_ENTRY, MANIFEST_ENTRY},
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
    /// Tensors of safetensors.
    Safetensors,
}

/// What the names of files end with that are damaged beyond recognition.
const NAMES: [(&str, FileKind); 7] = [
    (".pt", FileKind::Torch),
    (".pth", FileKind::Torch),
    (".ckpt", FileKind::Torch),
    (".pth.tar", FileKind::Torch),
    (".npz", FileKind::Npz),
    (".safetensors", FileKind::Safetensors),
    (".h5.zip", FileKind::Bundle),
];

impl FileKind {
    /// The kind as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Torch => "torch",
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
        }
    }

    /// What a file is by its content, and by its name where the content does not tell. A file with the name of a bundle
    /// is given as one, whatever it is.
    pub fn of(path: &Path) -> Self {
        match Self::by_name(path) {
            Some(Self::Bundle) => Self::Bundle,
            by_name @ (Some(Self::Torch | Self::Npz | Self::Safetensors) | None) => {
                Self::by_content(path).or(by_name).unwrap_or(Self::Bundle)
            }
        }
    }

    /// What a file is by its content; `None` if it is none of these.
    pub fn by_content(path: &Path) -> Option<Self> {
        // A pipe is never opened: that blocks until a writer appears.
        if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        let mut first = Vec::new();
        File::open(path).and_then(|file| file.take(TELLING_BYTES as u64).read_to_end(&mut first)).ok()?;
        if OtherFormat::of(&first) == Some(OtherFormat::Safetensors) {
            return Some(Self::Safetensors);
        }
        if torch::is_legacy(&mut std::io::Cursor::new(first)).unwrap_or(false) {
            return Some(Self::Torch);
        }
        let archive = Archive::open(path).ok()?;
        let has = |inner: &dyn Fn(&str) -> bool| archive.names().any(inner);
        if has(&|name| [MANIFEST_ENTRY, JSON_MANIFEST_ENTRY].contains(&name)) {
            return Some(Self::Bundle);
        }
        if has(&|name| name.split_once('/').is_some_and(|(_, inner)| inner == "data.pkl")) {
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

/// What is next to a file that is missing or not a bundle, if it is the bundle that was meant: `wts.h5` is saved as
/// `wts.h5.zip`.
pub(crate) fn bundle_next_to(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = ARCHIVE_NAME.strip_suffix(".zip")?;
    let beside = path.with_file_name(format!("{name}.zip"));
    (name.ends_with(stem) || name.ends_with(".h5")).then_some(beside).filter(|beside| beside.is_file())
}
