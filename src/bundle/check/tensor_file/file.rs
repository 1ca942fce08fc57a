//! What is known of a file that is not a bundle.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use super::kind::{FileKind, is_unpacked_torch};
use crate::{
    bundle::{
        check::{Findings, TensorDetails},
        files::refusal_kind,
    },
    fs_util::regular,
    torch_files::{
        FormatError,
        torch::{AskedGlobal, Item, TorchFormat},
    },
    value::Map,
};

/// A file of tensors.
#[derive(Clone, Debug)]
pub struct TensorFile {
    /// The file that was read.
    pub file: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// As what it was read.
    pub kind: FileKind,
    /// What it is instead, in words, when its content is of another kind.
    pub instead: Option<&'static str>,
    /// The tensors by name. The names of a state dict are its keys, and those of other files of torch are places in
    /// Python's subscript notation: `['state_dict']['layer.weight']`.
    pub tensors: IndexMap<String, TensorDetails>,
    /// What a safetensors file has besides.
    pub metadata: BTreeMap<String, String>,
    /// What only a file of `torch.save` has.
    pub torch: Option<TorchFacts>,
    /// Whether all of its tensors were read.
    pub is_whole: bool,
    /// What is wrong or odd.
    pub findings: Findings,
}

/// What a file of `torch.save` has besides tensors.
#[derive(Clone, Debug)]
pub struct TorchFacts {
    /// The format of the file; `None` if it is not one of torch.
    pub format: Option<TorchFormat>,
    /// Whether `torch.load(weights_only=True)` takes it; `None` when that is not known, because this program refuses the file
    /// or what is in it before torch would.
    pub loads_weights_only: Option<bool>,
    /// The globals that it asks for, in the order of their first use.
    pub globals: Vec<AskedGlobal>,
    /// The dict that was saved in the place of a network.
    pub sentinel: Option<Map>,
    /// What modules saved in addition to tensors.
    pub extra: Map,
    /// The beginning of all objects of a file that is not a state dict.
    pub contents: Option<Item>,
}

impl TensorFile {
    /// Whether nothing is wrong with the file.
    pub fn conforms(&self) -> bool {
        self.findings.errors == 0
    }

    pub(super) fn new(path: &Path, kind: FileKind) -> Result<Self, FormatError> {
        // The content of a file that was unpacked is a directory.
        let metadata = if is_unpacked_torch(path) { path.metadata()? } else { regular(path)? };
        Ok(Self {
            file: path.to_owned(),
            bytes: metadata.len(),
            kind,
            instead: None,
            tensors: IndexMap::new(),
            metadata: BTreeMap::new(),
            torch: None,
            is_whole: true,
            findings: Findings::default(),
        })
    }
}

/// The error itself if the file could not be read at all; otherwise it is something to find.
pub(super) fn readable<T>(result: Result<T, FormatError>) -> Result<Result<T, FormatError>, FormatError> {
    match result {
        Err(error) if refusal_kind(&error.kind).is_about_access() => Err(error),
        other => Ok(other),
    }
}
