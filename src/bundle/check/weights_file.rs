//! A file of `torch.save` by itself, described for a person.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{ProgressFn, description::StateDetails};
use crate::{
    bundle::nouns::{JSON_MANIFEST_ENTRY, MANIFEST_ENTRY},
    torch_files::{
        FormatError, torch,
        zip::{Archive, FileReader},
    },
};

/// A file of `torch.save` that is no part of a bundle.
#[derive(Clone, Debug)]
pub struct WeightsFile {
    /// The file that was read.
    pub file: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// The tensors, or the sentinel that was saved in their place.
    pub state: StateDetails,
}

/// Whether this is a file of `torch.save` and no bundle: an archive with `data.pkl` in its one directory, or a file of the
/// format before PyTorch 1.6.
pub fn is_weights_file(path: &Path) -> bool {
    // A pipe is never opened: that blocks until a writer appears.
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    if File::open(path).is_ok_and(|file| torch::is_legacy(&mut &file).unwrap_or(false)) {
        return true;
    }
    let Ok(archive) = Archive::open(path) else { return false };
    let is_manifest = |name: &str| [MANIFEST_ENTRY, JSON_MANIFEST_ENTRY].contains(&name);
    let is_pickle = |name: &str| name.split_once('/').is_some_and(|(_, inner)| inner == "data.pkl");
    archive.names().any(is_pickle) && !archive.names().any(is_manifest)
}

/// Reads and describes a file of `torch.save`. Nothing in it is executed.
///
/// # Errors
/// As [`scan`](crate::torch_files::torch::scan()), with the file.
pub fn describe_weights(path: &Path, watch: ProgressFn<'_>) -> Result<WeightsFile, FormatError> {
    let read = || {
        let reader = FileReader::new(File::open(path)?)?;
        let bytes = path.metadata()?.len();
        let scan = |elements: &mut dyn torch::ElementVisitor| Ok(torch::scan(reader, elements)?.0);
        Ok(WeightsFile { file: path.to_owned(), bytes, state: StateDetails::of(scan, watch)? })
    };
    read().map_err(|error: FormatError| error.in_file(path))
}
